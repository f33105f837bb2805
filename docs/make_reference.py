"""Writes the reference pages that are made from the code: `python docs/make_reference.py`.

With --check it only compares them, and exits with 1 where one is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from personalize.cli import main
from personalize.conditions import BEHAVIOURS, FACTS
from personalize.config.reference import configuration_page

HERE = Path(__file__).parent / "reference"


def facts_page() -> str:
    """Every fact a condition can ask about."""
    lines = [
        "# Facts",
        "",
        "What a condition can ask about. This page is made from the code. How to combine them:"
        " [write conditions](../how-to/write-conditions.md).",
        "",
        "| fact | type | | example |",
        "|--|--|--|--|",
    ]
    for fact in FACTS.values():
        about = fact.about + (f" One of {', '.join(fact.choices)}." if fact.choices else "")
        lines.append(f"| `{fact.name}` | {fact.type} | {about} | `{fact.example}` |")
    lines += ["", "## Questions about the past", ""]
    lines += [f"- `{name}`: {about}" for name, about in BEHAVIOURS.items()]
    return "\n".join(lines) + "\n"


def command_page() -> str:
    """The help of each command, as it is printed."""
    lines = ["# Command line", "", "Made from the code: what `--help` prints.", ""]
    top = click.Context(main, info_name="personalize", max_content_width=100, terminal_width=100)
    lines += ["```text", main.get_help(top), "```", ""]
    for name, command in main.commands.items():
        inner = click.Context(command, info_name=name, parent=top, max_content_width=100, terminal_width=100)
        lines += [f"## {name}", "", "```text", command.get_help(inner), "```", ""]
    return "\n".join(lines)


PAGES = {"facts.md": facts_page, "command-line.md": command_page, "configuration.md": configuration_page}


if __name__ == "__main__":
    made = {HERE / page: make() for page, make in PAGES.items()}
    if "--check" in sys.argv:
        stale = [page.name for page, text in made.items() if page.read_text() != text]
        sys.exit(f"not what the code makes now: {', '.join(stale)}" if stale else 0)
    for page, text in made.items():
        page.write_text(text)
