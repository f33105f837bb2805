"""Conditions in `when` and in segments: compiled once to find every slip, and followed to find circles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..conditions import ConditionError, compile_rule
from .problems import did_you_mean
from .tree import MAX_DEPTH, Path, Tree


def check_rules(tree: Tree) -> None:
    segments = tree.get(("segments",))
    names = list(segments) if isinstance(segments, Mapping) else []
    uses: dict[str, list[str]] = {}
    for path, segment in tree.each("segments", "*"):
        if isinstance(segment, Mapping):
            uses[str(path[-1])] = sorted(_segment(tree, path, segment, names))
    _circles(tree, uses)
    for path, when in tree.each("slots", "*", "experiences", "*", "when"):
        _compile(tree, path, when, names)


def _segment(tree: Tree, path: Path, segment: Mapping[str, Any], names: list[str]) -> frozenset[str]:
    """Report the segment's slips; returns the segments it is made of."""
    condition = {key: segment[key] for key in ("all", "any", "not") if isinstance(segment.get(key), list)}
    if not condition:
        if not any(key in segment for key in ("all", "any", "not", "members")):
            tree.report("PZ303", (*path, "all"), "this segment has no condition", "give it all, any or not", at="key")
        return frozenset()
    return _compile(tree, path, condition, names)


def _compile(tree: Tree, path: Path, raw: Any, names: list[str]) -> frozenset[str]:
    if not isinstance(raw, str | list | Mapping):
        return frozenset()
    try:
        return compile_rule(raw, names).segments
    except ConditionError as error:
        for slip in (error, *error.others):
            code = "PZ301" if slip.message.startswith("there is no segment") else "PZ303"
            hint = slip.hint or (did_you_mean("", names, "there are") if code == "PZ301" else "")
            where = (*path, *slip.path)
            at_key = isinstance(where[-1], str) and code == "PZ303" and len(slip.path) > 0
            tree.report(code, where, slip.message, hint, at="key" if at_key else "value")
    return frozenset()


def _circles(tree: Tree, uses: Mapping[str, list[str]]) -> None:
    """Report each circle once, at the segment of it that is written first, and towers that nobody could follow."""
    heights: dict[str, int | None] = {}  # how many segments stand on each other; None where that was told already

    def follow(name: str, way: tuple[str, ...]) -> int | None:
        if name in way:
            circle = way[way.index(name) :]
            first = min(circle, key=lambda n: (tree.place(("segments", n)).line, n))
            at = circle.index(first)
            shown = " → ".join((*circle[at:], *circle[:at], first))
            hint = "one of them must not ask for the next"
            tree.report("PZ302", ("segments", first), f"segments in a circle: {shown}", hint, at="key")
            return None
        if name not in heights:
            below: list[int | None] = [MAX_DEPTH]  # of a way so long that Python's stack might not bear more
            if len(way) < MAX_DEPTH:
                below = [0, *(follow(inner, (*way, name)) for inner in uses.get(name, []))]
            known = [height for height in below if height is not None]
            heights[name] = 1 + max(known) if len(known) == len(below) else None
            if (heights[name] or 0) > MAX_DEPTH:
                message = f"segments stand more than {MAX_DEPTH} deep on each other"
                tree.report("PZ109", ("segments", name), message, at="key")
                heights[name] = None
        return heights[name]

    for name in uses:
        follow(name, ())
