"""Problems for people, for programs, and for a pull request."""

from __future__ import annotations

import json
import linecache
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..model import Problem

if TYPE_CHECKING:
    from rich.console import Console

    from .models import Config

_WIDEST = 100  # columns of a source line; a longer one is cut around its caret
_COLOURS = {"error": "bold red", "warning": "bold yellow"}


def render(
    problems: Sequence[Problem], style: str, file: Path, config: Config | None, to: TextIO | None = None
) -> None:
    """Print problems as "text", "json" or "github" `to` the standard output, unless another is named. `config` is what
    was loaded, if it was."""
    to = to or sys.stdout
    if style == "json":
        to.write(as_json(problems) + "\n")
    elif style == "github":
        to.write("".join(f"{line}\n" for line in as_github(problems)))
    else:
        from rich.console import Console

        console = Console(file=to, highlight=False, soft_wrap=True)
        render_text(problems, console)
        console.print(summary(problems, file, config))


def render_text(problems: Sequence[Problem], console: Console | None = None) -> None:
    """Print each problem with its source line and a caret, in colours when the output is a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False, soft_wrap=True)
    for problem in problems:
        line = Text(f"{problem.mark}: ", style="bold")
        line.append(f"{problem.severity} {problem.code}", style=_COLOURS[problem.severity])
        line.append(f": {problem.message}", style="")
        if problem.hint:
            line.append(f" ({problem.hint})", style="cyan")
        console.print(line)
        source_line = problem.source_line or _line(problem)
        if source_line.strip() and problem.mark.line:
            shown, caret = pointed(source_line, problem.mark.column)
            number = f"{problem.mark.line:>5}"
            console.print(Text.assemble((f"{number} | ", "dim"), shown))
            console.print(Text.assemble((f"{' ' * len(number)} | ", "dim"), (caret, _COLOURS[problem.severity])))


def _line(problem: Problem) -> str:
    """The source line of a problem that was found after loading; empty where there is none."""
    line = linecache.getline(problem.mark.file, problem.mark.line).rstrip("\r\n")
    return "".join(c if c.isprintable() else " " for c in line)


def pointed(line: str, column: int) -> tuple[str, str]:
    """The source line, cut where it is long, and the line below it with a caret under the column (from 1)."""
    from rich.cells import cell_len

    at = column - 1
    start = 0
    if cell_len(line) > _WIDEST and at > _WIDEST - 20:
        start = at - _WIDEST // 2
    shown = ("…" if start else "") + line[start : start + _WIDEST]
    if start + _WIDEST < len(line):
        shown += "…"
    before = ("…" if start else "") + line[start:at]
    return shown, " " * cell_len(before) + "^"


def summary(problems: Sequence[Problem], file: Path, config: Config | None) -> str:
    """One closing line: how many problems, or what the config holds."""
    errors = sum(p.severity == "error" for p in problems)
    warnings = len(problems) - errors
    counts = [_count(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
    if config is None or errors:
        return f"{file}: {', '.join(counts) or 'not loaded'}"
    experiences = sum(len(slot.experiences) for slot in config.slots.values())
    held = ", ".join(
        (_count(len(config.slots), "slot"), _count(experiences, "experience"), _count(len(config.segments), "segment"))
    )
    return f"{file}: good to serve: {held}" + (f"; {', '.join(counts)}" if counts else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def as_json(problems: Sequence[Problem]) -> str:
    """A JSON list of {file, line, column, code, severity, message, hint, source_line}."""
    found = [
        {
            "file": p.mark.file, "line": p.mark.line, "column": p.mark.column, "code": p.code, "severity": p.severity,
            "message": p.message, "hint": p.hint, "source_line": p.source_line or _line(p),
        }
        for p in problems
    ]  # fmt: skip
    return json.dumps(found, ensure_ascii=False, indent=2)


def as_github(problems: Sequence[Problem]) -> list[str]:
    """Workflow commands that GitHub shows as annotations beside the lines of a pull request."""
    lines = []
    for p in problems:
        place = f"file={_property(p.mark.file)}"
        if p.mark.line:
            place += f",line={p.mark.line},col={p.mark.column}"
        text = f"{p.message} ({p.hint})" if p.hint else p.message
        lines.append(f"::{p.severity} {place},title={p.code}::{_data(text)}")
    return lines


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
