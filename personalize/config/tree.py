"""A config as plain values, with the place of every key and value, and the problems found in it so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from ..model import Mark, Problem
from .problems import CODES, spoken

Path = tuple[str | int, ...]

MAX_DEPTH = 20
MAX_NUMBER = 2**63
MOST_PROBLEMS = 100
_TYPES = (str, int, float, type(None))


def spelled(path: Path) -> str:
    """A path in words: slots.hero.experiences[0].when."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


class Enough(Exception):
    """So many problems were found that looking for more helps nobody."""


@dataclass(slots=True)
class Tree:
    """`keys` and `values` say where each path's key (or list item) and value begin; `lines` is the source text.
    A dict has no places: then every mark's line is 0 and messages begin with the path."""

    file: str
    data: Any = None
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _covered: set[Path] = field(default_factory=set)
    _shown: dict[int, str] = field(default_factory=dict)

    def report(
        self, code: str, path: Path, message: str, hint: str = "", *, at: Literal["key", "value"] = "value"
    ) -> None:
        """Add an error at a path; the nearest known parent's place is taken for a path that was not written.
        A path that has an error already, or lies inside one, is left alone: one slip, one complaint. Raises Enough
        with the hundredth: nobody reads on, and a file made to have ten thousand must not take minutes."""
        if any(path[:end] in self._covered for end in range(len(path) + 1)):
            return
        self._covered.add(path)
        self.problems.append(self.problem(code, path, message, hint, at=at))
        if len(self.problems) >= MOST_PROBLEMS:
            raise Enough

    def cover(self, path: Path) -> None:
        """Leave a path alone: what is wrong with it was said already."""
        self._covered.add(path)

    @property
    def wrong(self) -> Collection[Path]:
        """The paths that an error was reported at, or that one stands for."""
        return self._covered

    def problem(
        self,
        code: str,
        path: Path,
        message: str,
        hint: str = "",
        *,
        at: Literal["key", "value"] = "key",
        severity: Literal["error", "warning"] = "error",
    ) -> Problem:
        """A problem with its place and source line, not yet reported."""
        mark = self.place(path, at)
        if not mark.line:
            while path and self.data is not None and path[-1] not in _keys(self.get(path[:-1])):
                path = path[:-1]  # what was not written is told at its parent
            message = f"{spelled(path)}: {message}" if path else message
        return self.problem_at(code, mark, message, hint, severity)

    def problem_at(
        self, code: str, mark: Mark, message: str, hint: str = "", severity: Literal["error", "warning"] = "error"
    ) -> Problem:
        assert code in CODES, code
        return Problem(mark, code, message, severity, hint, self._shown_line(mark.line))

    def _shown_line(self, number: int) -> str:
        """A source line as it may be printed: one character for one, so that columns stay right, and none that
        controls a terminal."""
        if not 0 < number <= len(self.lines):
            return ""
        if number not in self._shown:
            line = self.lines[number - 1].replace("\t", " ")
            self._shown[number] = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
        return self._shown[number]

    def place(self, path: Path, at: Literal["key", "value"] = "key") -> Mark:
        """Where a path was written, or its nearest known parent's key."""
        if at == "value" and path in self.values:
            return self.values[path]
        for end in range(len(path), -1, -1):
            if (found := self.keys.get(path[:end])) is not None:
                return found
        return Mark(self.file, 1 if self.lines else 0, 1 if self.lines else 0)

    def get(self, path: Path) -> Any:
        """The value at a path, None where there is none."""
        value = self.data
        for part in path:
            if isinstance(part, str) and isinstance(value, Mapping):
                value = value.get(part)
            elif isinstance(part, int) and isinstance(value, list) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def each(self, *pattern: str) -> Iterator[tuple[Path, Any]]:
        """Every (path, value) that fits a pattern of keys, where "*" stands for any key or list item."""
        found: list[tuple[Path, Any]] = [((), self.data)]
        for part in pattern:
            found = [inner for path, value in found for inner in _children(path, value, part)]
        yield from found


def _children(path: Path, value: Any, part: str) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        if part == "*":
            yield from (((*path, k), v) for k, v in value.items())
        elif part in value:
            yield (*path, part), value[part]
    elif isinstance(value, list) and part == "*":
        yield from (((*path, i), v) for i, v in enumerate(value))


def _keys(value: Any) -> Collection[str | int]:
    return range(len(value)) if isinstance(value, list) else value if isinstance(value, Mapping) else ()


def from_mapping(source: Mapping[Any, Any]) -> Tree:
    """A tree of a dict that a program made: copied, so that later changes to the dict do not reach it."""
    tree = Tree("<dict>")
    with suppress(Enough):
        tree.data = _plain(source, (), tree.report)
    return tree


def _named(value: Any) -> str:
    return "nan" if isinstance(value, float) else type(value).__name__


def _plain(value: Any, path: Path, report: Callable[[str, Path, str], None]) -> Any:
    if len(path) > MAX_DEPTH:
        report("PZ109", path[:MAX_DEPTH], f"nested more than {MAX_DEPTH} deep")
        return None
    if isinstance(value, Mapping):
        plain: dict[str, Any] = {}
        for key, inner in value.items():
            if isinstance(key, str):
                plain[key] = _plain(inner, (*path, key), report)
            else:
                report("PZ110", (*path, str(key)), f"a key must be text, not {spoken(key)}")
        return plain
    if isinstance(value, list | tuple):
        return [_plain(inner, (*path, i), report) for i, inner in enumerate(value)]
    if isinstance(value, int | float) and abs(value) >= MAX_NUMBER:
        report("PZ112", path, "a number this large is not meant")
        return None
    if not isinstance(value, _TYPES) or value != value:
        report("PZ110", path, f"a text, number, list or mapping is needed here, not {_named(value)}")
        return None
    return value
