"""The command line as an editor uses it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from personalize import PersonalizeMiddleware
from personalize.cli import main
from personalize.testing import Answer, call

CONFIG = """\
version: 1
timezone: Europe/Istanbul
segments:
  campaign: {all: [{utm.campaign: winter}]}
  back: {all: [{visits: {gte: 2}}]}
slots:
  hero:
    match: {path: "/shop/{product}"}
    experiences:
      - id: winter
        when: {all: [campaign, back]}
        schedule: {from: "2026-12-01 09:00", until: "2026-12-31 23:59"}
        show: {html: "<b>Winter</b>"}
        why: You followed our winter campaign.
      - id: split
        experiment:
          key: hero-1
          variants: [{id: a, html: A}, {id: b, html: B}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "personalize.yaml").write_text(CONFIG)
    return tmp_path / "personalize.yaml"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_check_passes_a_good_file(file: Path) -> None:
    """Exit status 0, and one line that says what is in it."""
    assert run("check", str(file)) == (0, f"{file}: good to serve: 1 slot, 2 experiences, 2 segments\n")


def test_check_refuses_a_bad_file_with_every_place(file: Path) -> None:
    """Exit status 1; for people with the line and a caret, for programs as JSON, for a pull request as annotations."""
    file.write_text(CONFIG.replace("[campaign, back]", "[campain, back]").replace("id: split", "idd: split"))
    code, text = run("check", str(file))
    assert code == 1 and f"{file}:11:22: error" in text and 'did you mean "campaign"' in text and "^" in text
    code, text = run("check", str(file), "--format", "json")
    assert code == 1 and [p["line"] for p in json.loads(text)] == [11, 15]
    code, text = run("check", str(file), "--format", "github")
    assert code == 1 and text.startswith(f"::error file={file},line=11,col=22,title=PZ301::")


def test_check_tells_what_only_the_floors_know(file: Path) -> None:
    """A selector that can't be matched while a page streams is found before any page is served."""
    file.write_text(CONFIG.replace('path: "/shop/{product}"', 'path: "/", element: "p:has(b)"'))
    code, text = run("check", str(file))
    assert code == 1 and "PZ319" in text and ":8:" in text


def test_a_bad_selector_is_told_beside_everything_else(file: Path) -> None:
    """What only the page floor knows comes in the same list, under its own text."""
    broken = CONFIG.replace('path: "/shop/{product}"', 'path: "/", element: "p:has(b)"')
    file.write_text(broken.replace("[campaign", "[campain"))
    code, text = run("check", str(file), "--format", "json")
    assert code == 1 and [(p["code"], p["line"]) for p in json.loads(text)] == [("PZ319", 8), ("PZ301", 11)]


@pytest.mark.parametrize("use", ["os:system", "json:dumps", "nowhere:Thing", "os:nothing"])
def test_a_plugin_that_does_not_fit_is_a_problem_with_a_place(file: Path, use: str) -> None:
    """Whatever an import string names, an editor gets a line of the file and never a traceback."""
    file.write_text(CONFIG + f'sources:\n  own: {{use: "{use}"}}\n')
    code, text = run("check", str(file))
    assert code == 1 and "PZ320" in text and ":20:" in text and "Traceback" not in text


def test_strict_counts_warnings(file: Path) -> None:
    """In a pipeline a warning may be an error."""
    file.write_text(CONFIG + "goals:\n  unused: {event: Order Completed}\n")
    assert run("check", str(file))[0] == 0
    assert run("check", str(file), "--strict")[0] == 1


def test_schema_is_json(file: Path) -> None:
    """The schema loads as JSON and knows the language's top keys."""
    code, text = run("schema")
    assert code == 0 and {"version", "slots", "segments", "sources"} <= json.loads(text)["properties"].keys()


def test_explain_tells_why_this_and_why_not_the_others(file: Path) -> None:
    """Every slot with the winner, its line, and each gate that failed with what it saw."""
    code, text = run("explain", str(file), "/shop/soap?utm_campaign=winter", "--cookie", "consent=granted")
    assert code == 0
    assert "split" in text and "personalize.yaml:15" in text
    assert "winter" in text and "visits" in text and "✗" in text


def test_explain_as_a_segment_at_a_moment(file: Path) -> None:
    """--as and --at show what will be, to whom; the visitor's sentence is told."""
    asked = ("explain", str(file), "/shop/soap", "--as", "campaign", "--as", "back", "--at")
    code, text = run(*asked, "2026-12-24 18:00")
    assert code == 0 and "hero: winter" in text and "You followed our winter campaign." in text
    code, text = run(*asked, "2027-01-02 18:00")
    assert code == 0 and "hero: split" in text
    code, text = run(*asked, "soon")
    assert code == 2 and "is no time" in text


def test_explain_sends_headers_and_refuses_strange_words(file: Path) -> None:
    """A header reaches the decision; what is no header, and a segment that is none, are said."""
    code, text = run("explain", str(file), "/shop/a", "--cookie", "consent=granted", "--header", "Sec-GPC: 1", "--json")
    assert code == 0 and json.loads(text)["slots"][0]["reason"] == "consent"
    assert run("explain", str(file), "/", "--header", "nothing")[0] == 2
    code, text = run("explain", str(file), "/", "--as", "campain")
    assert code == 2 and "campaign" in text


def test_explain_says_when_no_slot_is_there(file: Path) -> None:
    """A path without slots is no error: the page passes untouched."""
    code, text = run("explain", str(file), "/about")
    assert code == 0 and "no slot is on this path" in text


def test_report_counts_what_was_shown(file: Path) -> None:
    """Exposures and visitors per slot, experience and variant, from the log on disk."""

    async def visit() -> None:
        app = PersonalizeMiddleware(Answer(b"<p data-slot=hero>x</p>"), file)
        for _ in range(5):
            await call(app, "/shop/soap", cookies={"consent": "granted"}, scheme="https")
        await app.close()

    asyncio.run(visit())
    code, text = run("report", str(file), "--json")
    rows = json.loads(text)["shown"]
    assert code == 0 and sum(row["exposures"] for row in rows) == 5
    assert {(row["slot"], row["experience"]) for row in rows} == {("hero", "split")}
    code, text = run("report", str(file))
    assert code == 0 and "hero" in text and "exposures" in text


def test_help_reads_well() -> None:
    """The first thing one sees names what one does first."""
    command = [sys.executable, "-m", "personalize", "--help"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "personalize check" in out and "explain" in out and "report" in out


def test_explain_prints_brackets_as_they_are(file: Path) -> None:
    """What editors write, and what stands in an address, is text and never the terminal's markup."""
    file.write_text(CONFIG.replace("why: You followed our winter campaign.", 'why: "[These] are in [/sale]."'))
    code, text = run("explain", str(file), "/shop/[red]?utm_campaign=winter", "--as", "campaign", "--as", "back",
                     "--at", "2026-12-05 12:00")  # fmt: skip
    assert code == 0 and "/shop/[red]" in text and "“[These] are in [/sale].”" in text


def test_explain_refuses_a_cookie_without_a_value(file: Path) -> None:
    """A cookie that would be read by nobody is a slip, and said so."""
    code, text = run("explain", str(file), "/shop/kettle", "--cookie", "consent")
    assert code == 2 and "NAME=VALUE" in text


def test_a_report_in_a_pipe_keeps_whole_names(file: Path) -> None:
    """Names that begin alike can be told apart and searched for."""
    names = ("a-rather-long-name-of-an-experience-for-winter", "a-rather-long-name-of-an-experience-for-wind")
    both = "".join(f'      - {{id: {n}, when: {{path: "/shop/{n[-4:]}"}}, show: {{html: x}}}}\n' for n in names)
    file.write_text(CONFIG.replace("      - id: winter\n", f"{both}      - id: winter\n"))

    async def visit() -> None:
        app = PersonalizeMiddleware(Answer(b"<p data-slot=hero>x</p>"), file)
        for name in names:
            await call(app, f"/shop/{name[-4:]}", cookies={"consent": "granted"}, scheme="https")
        await app.close()

    asyncio.run(visit())
    command = [sys.executable, "-m", "personalize", "report", str(file)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(name in out for name in names)
