"""Conditions that can never hold: what is asked of one fact contradicts itself.

Rule 1  Only what must hold together is compared: lists, mappings, `all`, and the segments in them, but for remembered
        ones, whose condition may have held at another time. Each branch of `any` is looked at by itself; `not` is left
        alone.
Rule 2  Only contradictions that no value of any type could get around are told: the site may know more of a fact than
        this language does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..conditions import find_fact
from ..quantities import duration
from .models import Config, Segment
from .problems import spoken
from .tree import Path

_ALL, _ANY = ("all", "$and"), ("any", "$or")
_BOUNDS = {"gt": (0, True), "gte": (0, False), "lt": (1, True), "lte": (1, False)}  # which end, and whether it is out
_WORDS = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}

Ask = tuple[Path, str, Any]  # where, which fact, what is asked of it


def contradictions(config: Config, raw: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """For each contradiction the place of the later one of the two, and what is wrong."""
    yield from _within(config, raw, path, ())


def _within(config: Config, raw: Any, path: Path, above: tuple[Ask, ...]) -> Iterator[tuple[Path, str]]:
    """`above` is what must hold besides, and is free of contradictions."""
    asked: dict[str, _Values] = {}
    for _, name, value in above:
        asked.setdefault(name, _Values(name)).narrowed(value)
    whole, branches = [*above], []
    for place, name, value in _together(config, raw, path, ()):
        if name in _ANY:
            branches.append((place, value))
            continue
        values = asked.setdefault(name, _Values(name))
        if wrong := values.narrowed(value):
            yield place, wrong
            return
        whole.append((place, name, value))
    for place, value in branches:
        for i, branch in enumerate(value if isinstance(value, list | tuple) else ()):
            yield from _within(config, branch, (*place, i), tuple(whole))


def _together(config: Config, raw: Any, path: Path, segments: tuple[str, ...]) -> Iterator[Ask]:
    """What must hold at once; `any` comes as it is, under its own name. `segments` is the way that led here."""
    if isinstance(raw, str):
        segment = config.segments.get(raw)
        if segment is not None and segment.remember_for is None and raw not in segments:
            for _, name, value in _together(config, _condition(segment), path, (*segments, raw)):
                if name not in _ANY:
                    yield path, name, value
    elif isinstance(raw, list | tuple):
        for i, part in enumerate(raw):
            yield from _together(config, part, (*path, i), segments)
    elif isinstance(raw, Mapping):
        for key, value in raw.items():
            where = (*path, key)
            if key in _ALL:
                yield from _together(config, value, where, segments)
            elif key in _ANY or find_fact(key) is not None:
                yield where, key, value


def _condition(segment: Segment) -> Any:
    return [segment.all or []]


class _Values:
    """What one fact may still be, as question after question narrows it."""

    def __init__(self, name: str) -> None:
        found = find_fact(name)
        self.name = name
        self.kind = found[0].type if found is not None else "any"
        self.left: list[Any] | None = None  # the only values there may be; None: not said
        self.out: list[Any] = []
        self.ends: list[tuple[Any, bool, str] | None] = [None, None]

    def narrowed(self, raw: Any) -> str:
        """Take one question more; what is wrong with all of them together, "" where nothing is."""
        asked = raw if isinstance(raw, Mapping) else {"in": raw} if isinstance(raw, list | tuple) else {"eq": raw}
        if self.kind in ("list", "names"):
            return ""
        for written, value in asked.items():
            op = str(written).removeprefix("$")
            if op in _BOUNDS and (plain := self._plain(value)) is not None:
                if wrong := self._bound(op, plain, value):
                    return wrong
            elif op == "eq" and value is not None:
                if wrong := self._only([value], exact=True):
                    return wrong
            elif op == "in" and isinstance(value, list | tuple):
                if wrong := self._only(list(value), exact=False):
                    return wrong
            elif op in ("ne", "nin"):
                self.out += value if isinstance(value, list | tuple) else [value]
        return self._nothing_left()

    def _bound(self, op: str, plain: Any, value: Any) -> str:
        end, strict = _BOUNDS[op]
        said = f"{_WORDS[op]} {value}"
        known = self.ends[end]
        tighter = known is None or (plain > known[0] if end == 0 else plain < known[0])
        if tighter or (known is not None and plain == known[0] and strict):
            self.ends[end] = (plain, strict, said)
        low, high = self.ends
        if low is None or high is None or type(low[0]) is not type(high[0]):
            return ""
        if low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1])):
            return f"{self.name} cannot be {low[2]} and {high[2]}"
        return ""

    def _only(self, values: list[Any], *, exact: bool) -> str:
        """`exact` where the fact itself must be the value: a list of the site's own may have several of several."""
        if self.left is None:
            self.left = values
            self.exact = exact
            return ""
        if self.kind == "any" and not (exact or self.exact):
            return ""
        left = [value for value in self.left if any(_same(value, other) for other in values)]
        if not left:
            return f"{self.name} cannot be {_listed(self.left)} and {_listed(values)}"
        self.left, self.exact = left, self.exact or exact
        return ""

    exact = False

    def _nothing_left(self) -> str:
        if self.left is None or (self.kind == "any" and not self.exact):
            return ""
        if all(any(_same(value, gone) for gone in self.out) for value in self.left):
            return f"{self.name} cannot be {_listed(self.left)} and none of these"
        for end, known in enumerate(self.ends):
            plain = [self._plain(value) for value in self.left]
            if known is None or any(type(value) is not type(known[0]) for value in plain):
                continue
            if all((v < known[0] if end == 0 else v > known[0]) or (v == known[0] and known[1]) for v in plain):
                return f"{self.name} cannot be {_listed(self.left)} and {known[2]}"
        return ""

    def _plain(self, value: Any) -> Any:
        """A value as it is ordered: numbers and ages as numbers, dates as they are; None for what has no order here."""
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return float(value)
        if self.kind == "duration" and isinstance(value, str):
            return float(duration(value))
        return value if self.kind == "date" and isinstance(value, str) else None


def _same(one: Any, other: Any) -> bool:
    """Whether two literals ask for the same value. Case is passed over, and 2026 is "2026": to be on the safe side."""
    return one == other or str(one).casefold() == str(other).casefold()


def _listed(values: list[Any]) -> str:
    return " or ".join(spoken(value).removeprefix("the number ") for value in values[:4])
