"""The values a route's rules read, as one hashable key: two requests with equal keys get equal plans."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from ..conditions import look_up

_PLAIN = frozenset((str, int, float, bool, type(None)))


def key_maker(paths: Iterable[tuple[str, ...]], segments: frozenset[str]) -> Callable[[Mapping[str, Any]], Hashable]:
    """A function that picks the values under `paths` out of facts; of the visitor's segments only `segments` count. The
    key tells apart what a rule can tell apart (true and 1 are equal to Python, not to a rule)."""
    wanted = sorted(set(paths) - {("segments",)})
    tops = tuple(path[0] for path in wanted if len(path) == 1)
    pairs = tuple(path for path in wanted if len(path) == 2)
    deep = tuple(path for path in wanted if len(path) > 2)

    def values_of(facts: Mapping[str, Any]) -> Hashable:
        get = facts.get
        values = [get(name) for name in tops]
        for outer, inner in pairs:
            found = get(outer)
            values.append(found.get(inner) if found.__class__ is dict else look_up(found, (inner,)))
        if deep:
            values += [look_up(facts, path) for path in deep]
        types = tuple(map(type, values))
        return (types, *(values if _PLAIN.issuperset(types) else map(_frozen, values)))

    def members(facts: Mapping[str, Any]) -> Hashable:
        held = facts.get("segments") or ()
        return segments & held if held.__class__ is frozenset else segments.intersection(held)

    if not segments:
        return values_of if wanted else lambda facts: None
    return (lambda facts: (members(facts), values_of(facts))) if wanted else members


def _frozen(value: Any) -> Hashable:
    """A hashable stand-in that is equal only for values no rule can tell apart."""
    if isinstance(value, list | tuple):
        return (list, *map(_frozen, value))
    if isinstance(value, set | frozenset):
        return (set, frozenset(map(_frozen, value)))
    if isinstance(value, Mapping):
        return (dict, frozenset((key, _frozen(inner)) for key, inner in value.items()))
    return (value.__class__, value if value.__class__ in _PLAIN else str(value))
