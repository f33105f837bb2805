"""Broken configs: each slip is told once, in plain words, at its place."""

import textwrap
from pathlib import Path

import pytest

from personalize import ConfigError, load_config

# Each block of the file: `ID LINE:COLUMN message (hint)`, then a config with that one problem.
BLOCKS = (Path(__file__).parent / "broken.txt").read_text("utf-8").split("#### ")[1:]
BROKEN = [tuple(block.split("\n", 1)) for block in BLOCKS]
FOREIGN = ("pydantic", "Input should", "valid dictionary", "Traceback", "validation error", "<class", "Extra inputs")

EXPERIENCE = """
version: 1
timezone: Europe/Berlin
slots:
  hero:
    match: {path: "/"}
    template: t.html
    experiences:
      - id: a
        show: page
        schedule: {from: "FROM"}
"""


@pytest.fixture
def problems_of(tmp_path):
    """Tells the problems of a config text, each as in broken.txt."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.html").write_text("<p>{{ headline }}</p>")
    (tmp_path / "templates" / "open.html").write_text("<p>\n{% if x %}\n")
    file = tmp_path / "personalize.yaml"

    def found(text):
        file.write_text(textwrap.dedent(text).lstrip("\n") if text.startswith("\n ") else text, "utf-8")
        with pytest.raises(ConfigError) as caught:
            load_config(file)
        said = []
        for p in caught.value.problems:
            assert p.mark.file == str(file)
            hint = f" ({p.hint})" if p.hint else ""
            said.append(f"{p.code} {p.mark.line}:{p.mark.column} {p.message}{hint}".replace(str(tmp_path), "DIR"))
        return said

    return found


@pytest.mark.parametrize(("says", "text"), BROKEN, ids=[says[:60] for says, _ in BROKEN])
def test_one_slip_is_one_problem(says, text, problems_of):
    """One slip gives exactly one problem, with its id, its place, its sentence and what was meant; no message speaks
    of the tools behind it."""
    assert problems_of(text) == [says]
    assert not [word for word in FOREIGN if word in says]


def test_all_problems_at_once(problems_of):
    """Slips of every kind in one file are all told, sorted by place, and none hides another."""
    found = problems_of("""
        version: 1
        timezone: Mars/Olympus
        site: {budget: soon, bugdet: 1s}
        slots:
          hero:
            mach: {path: "/"}
            default: {source: cms}
            experiences:
              - id: a
                when: nobody
                show: pge
              - when: [everyone, {visit: 1}]
                show: {template: none.html}
          hero:
            match: {path: "/"}
        """)
    assert [said.split(" ")[:2] for said in found] == [
        ["PZ311", "2:11"], ["PZ203", "3:16"], ["PZ201", "3:22"], ["PZ201", "6:5"], ["PZ304", "7:23"],
        ["PZ301", "10:15"], ["PZ208", "11:15"], ["PZ202", "12:9"], ["PZ303", "12:27"], ["PZ308", "13:26"],
        ["PZ107", "14:3"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "says"),
    [
        ("2026-03-29 02:30", "there is no such time on that day: the clocks go forward over it"),
        ("2026-02-30", "there is no such time"),
        ("2026-01-01 24:00", "there is no such time"),
        ("0000-01-01", "there is no such time"),
        ("2026-03-29T01:59", None),
        ("2026-10-25 02:30", None),
    ],
)
def test_moments(moment, says, problems_of, tmp_path):
    """A moment that does not exist is refused, also one that clocks skip; one that comes twice is taken."""
    text = EXPERIENCE.replace("FROM", moment)
    if says is None:
        (tmp_path / "personalize.yaml").write_text(text)
        assert load_config(tmp_path / "personalize.yaml").slots["hero"].experiences[0].schedule.from_ == moment
    else:
        assert problems_of(text) == [f'PZ312 11:26 "{moment}": {says}']


@pytest.mark.parametrize("size", [0, 256 * 1024, 256 * 1024 + 1])
def test_template_sizes(size, problems_of, tmp_path):
    """An empty template is a template; one over 256 KB is refused."""
    (tmp_path / "templates" / "t.html").write_text("x" * size)
    text = EXPERIENCE.replace("FROM", "2026-01-01")
    (tmp_path / "personalize.yaml").write_text(text)
    if size <= 256 * 1024:
        assert load_config(tmp_path / "personalize.yaml").slots["hero"].template == "t.html"
    else:
        assert problems_of(text) == ['PZ309 7:15 the template "t.html" is larger than 256 KB']


@pytest.mark.parametrize("word", ['include "PART"', "include 'PART'", '- extends "PART"', 'from "PART" import x'])
def test_templates_that_a_template_asks_for(word, problems_of, tmp_path):
    """A template that is included, extended or imported by name must be there and parse; each is told once."""
    text = EXPERIENCE.replace("FROM", "2026-01-01")
    top = tmp_path / "templates" / "t.html"
    top.write_text("{%" + word.replace("PART", "gone.html") + "%}{# {% include 'x.html' %} #}")
    message = 'there is no template "gone.html", which "t.html" asks for, in DIR/templates (did you mean "open.html"?)'
    assert problems_of(text) == [f"PZ308 7:15 {message}"]
    top.write_text("{%" + word.replace("PART", "open.html") + "%}")
    assert [said[:55] for said in problems_of(text)] == ['PZ309 7:15 the template "open.html" cannot be parsed: u']


def test_templates_asked_for_by_a_value_or_with_leave_to_be_missing(tmp_path, problems_of):
    """Only names that stand in a template are judged, and a circle of templates is no endless check."""
    (tmp_path / "templates" / "t.html").write_text(
        "{% include which %}{% include 'gone.html' ignore missing %}{% raw %}{% include 'x' %}{% endraw %}"
        "{% if deep %}{% include 't.html' %}{% endif %}"
    )
    (tmp_path / "personalize.yaml").write_text(EXPERIENCE.replace("FROM", "2026-01-01"))
    assert load_config(tmp_path / "personalize.yaml").slots["hero"].template == "t.html"
