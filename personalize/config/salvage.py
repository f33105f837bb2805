"""What is right in a config that cannot serve: enough to read its log by.

Rule 1  Whatever is wrong is taken out, and then whatever is wrong without it, until the rest is a config.
Rule 2  What is taken out of an experience is the one key, where the log does not need it (`when`, `show`, a schedule),
        and of a variant what it shows. Any other slip in an experiment or holdout takes the whole experience out, for
        half of its variants would be counted as all of them.
Rule 3  Where a slip hides where the log is, nothing is made of it: no other log is taken for that one.
Rule 4  Text that is no YAML is read without the slot (or other inner key) in which the slip lies, else without the
        outer key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any, Final, NamedTuple

from ..errors import ConfigError
from ..model import Problem
from .loader import built, read
from .models import Config
from .tree import Path, Tree, spelled
from .yaml12 import parse

_ROUNDS: Final = 12  # each takes out at least one thing; a file with more to it is mended first
_COUNTED: Final = ("id", "experiment", "holdout", "status")  # of an experience: what reports go by
_OF_VARIANT: Final = ("id", "weight", "range")  # the same of one of its variants
_BEGINS: Final = re.compile(r"( *)[^\s#-]")


class Salvaged(NamedTuple):
    """The config that is left, everything that is wrong with the file, and in words what was taken out of it."""

    config: Config
    problems: tuple[Problem, ...]
    without: tuple[str, ...]


def salvage(file: File) -> Salvaged:
    """What is left of a config file without what is wrong with it. Raises ConfigError, with every problem, where too
    little is left: the file cannot be read, holds nothing, or it is not certain where its log is."""
    base = file.absolute().parent
    tree, without = _read_as_yaml(file)
    problems: tuple[Problem, ...] = ()
    if without:
        problems, tree.problems = tuple(tree.problems), []
    for _ in range(_ROUNDS):
        try:
            return Salvaged(built(tree, base, products=False), problems, tuple(without))
        except ConfigError as error:
            problems = problems or error.problems
        if not isinstance(tree.data, dict) or ("store",) in tree.wrong:
            break
        wrong = {_nearest(tree, path) for path in tree.wrong}
        if () in wrong:
            break
        deepest_first = sorted(wrong, key=lambda path: [(isinstance(part, str), part) for part in path], reverse=True)
        taken = {_take_out(tree, path) for path in deepest_first}
        without += sorted(taken.difference(without, {""}))
        tree = Tree(tree.file, tree.data)
    raise ConfigError(problems)


def _nearest(tree: Tree, path: Path) -> Path:
    """What has to go for what is wrong at a path: that, or the nearest that holds it. Empty where nothing is left."""
    if _content(path):
        return path
    if path[2:3] == ("experiences",) and path[4:5] and path[4] in _COUNTED:
        return path[:4]
    while path and not _has(tree.get(path[:-1]), path[-1]):
        path = path[:-1]
    return path


def _content(path: Path) -> bool:
    """Is this what a variant shows, and not how often or to whom?"""
    return path[4:6] == ("experiment", "variants") and bool(path[7:8]) and path[7] not in _OF_VARIANT


def _take_out(tree: Tree, path: Path) -> str:
    """Take out what is at a path. How that is called; empty for what no report lacks."""
    if _content(path):
        variant = tree.get(path[:7])
        for key in set(variant).difference(_OF_VARIANT):
            del variant[key]
        variant["show"] = "page"
        return ""
    parent, last = tree.get(path[:-1]), path[-1]
    gone = parent[last]
    del parent[last]
    match path:
        case ("slots", slot, "experiences", _):
            return f"{slot}/{gone['id']}" if isinstance(gone, dict) and "id" in gone else spelled(path)
        case ("slots", slot, *_) if len(path) < 4:
            return f"slot {slot}"
        case ("goals", name, *_):
            return f"goal {name}"
        case ("slots" | "goals" | "holdout" as name, *_):
            return name if len(path) < 4 else ""
    return ""


def _has(held: Any, key: str | int) -> bool:
    return key in held if isinstance(held, dict) else isinstance(held, list) and key in range(len(held))


# --- text that is no YAML --------------------------------------------------------------------------------


def _read_as_yaml(file: File) -> tuple[Tree, list[str]]:
    """The file's tree, and what was left out to get one. The tree keeps the problem that was in the way."""
    data = read(file)
    tree = parse(data, str(file))
    if tree.data is not None or not tree.problems or not tree.lines:
        return tree, []
    first = tree.problems[0]
    for begin, end in _regions(tree.lines, first.mark.line):
        name = tree.lines[begin].strip().partition(":")[0]
        lines = [*tree.lines[:begin], *[""] * (end - begin), *tree.lines[end:]]
        less = parse("\n".join(lines).encode("utf-8", "replace"), str(file))
        if isinstance(less.data, dict) and less.data and name != "store":
            less.problems = tree.problems
            return less, [f"lines {begin + 1} to {end} ({name})"]
    return tree, []


def _regions(lines: list[str], near: int) -> Iterator[tuple[int, int]]:
    """Inner keys, then outer ones, from line to line (from 0, the end apart): those at or before the slip first, since
    a bracket that is never closed is noticed far below."""
    outline = [(number, len(found[1])) for number, line in enumerate(lines) if (found := _BEGINS.match(line))]
    inner = min((indent for _, indent in outline if indent), default=0)
    for level in dict.fromkeys((inner, 0)):
        starts = [number for number, indent in outline if indent == level]
        for start in sorted(starts, key=lambda number: (number >= near, abs(number - near))):
            yield start, next((n for n, indent in outline if n > start and indent <= level), len(lines))
