"""The docs say what the code does: made pages are current, links lead somewhere, examples load."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from personalize import load_config

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_the_made_pages_are_what_the_code_makes_now() -> None:
    """Facts, commands and keys in the reference are those of the code; `python docs/make_reference.py` mends it.

    In a process of its own, since some frameworks' tests change how click writes its help.
    """
    command = [sys.executable, str(ROOT / "docs" / "make_reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that is there."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def whole_configs() -> list[tuple[str, str]]:
    found = []
    for page in (p for p in PAGES if p.name != "problems.md"):  # its examples are meant to be wrong
        blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)
        found += [(f"{page.stem}-{n}", block) for n, block in enumerate(blocks) if "\nversion: 1" in f"\n{block}"]
    return found


@pytest.mark.parametrize(("name", "text"), whole_configs(), ids=lambda v: v[:24])
def test_a_whole_config_in_the_docs_serves(name: str, text: str, tmp_path: Path) -> None:
    """What a reader copies into a file loads without an error."""
    (tmp_path / "personalize.yaml").write_text(text)
    load_config(tmp_path / "personalize.yaml")
