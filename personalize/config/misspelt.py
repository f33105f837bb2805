"""Events' names that nothing is ever called: nearly a known name, or one that the log writes otherwise."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..model import CONFIG_LIVE, DEMOTED, ERASED, EXPIRED, PAUSED, PROMOTED, RESUMED, Problem
from .event_names import CANONICAL, canonical_name
from .problems import quoted
from .tree import Path, Tree

_OURS = (
    "Experience Viewed", "Segment Entered", "User Identified", "Group Joined", "Identity Aliased",
    ERASED, EXPIRED, PAUSED, RESUMED, PROMOTED, DEMOTED, CONFIG_LIVE,
)  # fmt: skip
_NEAR = 0.85  # of difflib's ratio: one or two letters


def lint_events(tree: Tree) -> Iterator[Problem]:
    """A warning for each name that is an alias, or nearly a known one. The site may have events of its own, so a name
    that is like no other is left alone; one that it reads off its own traffic is known."""
    places = list(_places(tree))
    counted = Counter(name for _, name in places)
    signals = {name for path, name in places if path[:2] == ("site", "signals")}
    for path, name in places:
        canonical = canonical_name(name)
        of_signal = path[:2] == ("site", "signals")
        if name in (*CANONICAL, *_OURS) or (name in signals and not of_signal):
            continue
        if canonical != name:
            message = f"no event is ever called {quoted(name)}: the log calls it {quoted(canonical)}"
            if of_signal:
                message = f"{quoted(name)} is an event of its own here: others of that name become {quoted(canonical)}"
            yield tree.problem("PZ409", path, message, f"write {canonical}", at="value", severity="warning")
            continue
        oftener = [other for other, times in counted.items() if times > counted[name]]
        near = difflib.get_close_matches(name, [*CANONICAL, *_OURS, *signals, *oftener], n=2, cutoff=_NEAR)
        if meant := next((other for other in near if other != name), None):
            message = f"the event {quoted(name)} is nearly {quoted(meant)}"
            hint = f"did you mean {quoted(meant)}? If it is an event of your own, this is right"
            yield tree.problem("PZ409", path, message, hint, at="value", severity="warning")


def _places(tree: Tree) -> Iterator[tuple[Path, str]]:
    """Every event that a config names, with its place."""
    for way in (
        ("goals", "*", "event"),
        ("site", "signals", "*", "event"),
        ("slots", "*", "experiences", "*", "cool_down", "after"),
    ):
        for path, name in tree.each(*way):
            if isinstance(name, str):
                yield path, name
    retention = tree.get(("retention",))
    for name in retention if isinstance(retention, Mapping) else ():
        yield ("retention", name), str(name)
    for path, condition in (*tree.each("segments", "*"), *tree.each("slots", "*", "experiences", "*", "when")):
        yield from _asked(path, condition)


def _asked(path: Path, raw: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(raw, list):
        for i, part in enumerate(raw):
            yield from _asked((*path, i), part)
    for key, value in raw.items() if isinstance(raw, Mapping) else ():
        where = (*path, key)
        if key == "happened" and isinstance(value, Mapping) and isinstance(value.get("event"), str):
            yield (*where, "event"), value["event"]
        elif isinstance(value, list | Mapping):
            yield from _asked(where, value)
