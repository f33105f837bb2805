"""The reference pages say what the code does."""

import re
from pathlib import Path

import pytest

from personalize import ConfigError, load_config
from personalize.config.problems import CODES
from personalize.config.reference import configuration_page

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "problems.md"
SECTIONS = {
    found[1]: (found[2], found[3])
    for found in re.finditer(r"^### (PZ\d+): (.+)\n((?:(?!^##).*\n)*)", PAGE.read_text("utf-8"), re.MULTILINE)
}
EXAMPLES = {
    code: found[1]
    for code, (_, text) in SECTIONS.items()
    if (found := re.search(r"```yaml\n(.*?)```", text, re.DOTALL))
}
BY_THE_ENGINE = {"PZ319", "PZ320"}


def test_every_id_has_its_section():
    """The page's ids and their titles are the code's, in its order, and each says how to mend it."""
    assert {code: title for code, (title, _) in SECTIONS.items()} == CODES
    assert list(SECTIONS) == list(CODES)
    assert all("**Mend:** " in text for _, text in SECTIONS.values())


def test_no_other_ids_are_used():
    """Every id that any part of the package uses is in the table, and every id in the table is used."""
    table = ROOT / "personalize" / "config" / "problems.py"
    files = [f for f in (ROOT / "personalize").rglob("*.py") if f != table]
    used = {code for file in files for code in re.findall(r'"(PZ\d+)"', file.read_text("utf-8"))}
    assert used == set(CODES)


@pytest.mark.parametrize("code", sorted(EXAMPLES.keys() - BY_THE_ENGINE))
def test_examples_have_the_problem(code, tmp_path):
    """Each example of the page has the problem it stands for, and no other kind of error."""
    example = EXAMPLES[code]
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.html").write_text("<p>{{ count }}</p>")
    file = tmp_path / "personalize.yaml"
    if "version" not in example and code not in ("PZ102", "PZ110"):
        example = f"version: 1\n{example}"
    file.write_text(example, "utf-8")
    try:
        found = load_config(file).warnings
    except ConfigError as error:
        found = error.problems
    assert {p.code for p in found if p.severity == "error"} <= {code}
    assert code in {p.code for p in found}


def test_the_reference_of_keys_is_up_to_date():
    """docs/reference/configuration.md is what `python -m personalize.config.reference` prints."""
    assert (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8") == configuration_page()
