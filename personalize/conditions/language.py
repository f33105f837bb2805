"""The rules an editor writes, compiled to tests.

    everyone                                  always
    returning-mobile                          a segment, by name
    {visits: {gte: 2}, country: [TR, DE]}     facts; all keys must hold, a list means "one of"
    {all: [...], any: [...], not: [...]}      all hold, one holds, none holds
    {viewed: {path: /pricing, within: 7d}}    behaviours
    [..., ...]                                all hold

Values are compared as GrowthBook compares them (see growthbook); the operators have plain words, `gte` for `$gte`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType

from ..errors import ConditionError
from . import javascript as js
from .behaviours import Behaviour, compile_behaviour
from .code import at_path, code
from .facts import BEHAVIOURS, FACTS, find_fact, suggestion
from .questions import fact_part
from .rule import Part, Rule, every, leaf, none, some, when_asked

At = tuple[str | int, ...]
MAX_DEPTH = 20

EVERYONE = leaf("everyone", code("True"), lambda facts: "")
_JOINERS = {"all": "all", "any": "any", "not": "not", "$and": "all", "$or": "any", "$nor": "not", "$not": "not"}


def compile_rule(raw: object, segments: Collection[str] = ()) -> Rule:
    """The rule for what an editor wrote; `segments` are the names that may be used. Raises ConditionError for the
    first slip, which carries the others."""
    reading = _Reading(segments)
    part = reading.rule(raw, (), True)
    if reading.errors:
        first, *others = reading.errors
        raise ConditionError(first.path, first.message, first.hint, others)
    paths = dict.fromkeys(reading.paths)
    ages = {said: part.code.function() for said, (_, part) in reading.ages.items()}
    return Rule(
        code=part.code,
        test=when_asked(part.code),
        reads=frozenset(path[0] for path in (*paths, *(path for path, _ in reading.ages.values()))),
        segments=frozenset(reading.used),
        behaviours=MappingProxyType(reading.behaviours),
        paths=tuple(paths),
        ages=MappingProxyType(ages),
        signals=tuple(dict.fromkeys(reading.signals)),
        signal_segments=tuple(dict.fromkeys(reading.signal_segments)),
        steps=part.explain,
    )


class _Reading:
    """One pass over one condition: what it reads, and everything wrong with it. Not frozen: it is filled on the way."""

    def __init__(self, segments: Collection[str]) -> None:
        self.known = segments
        self.errors: list[ConditionError] = []
        self.used: list[str] = []
        self.paths: list[tuple[str, ...]] = []
        self.ages: dict[str, tuple[tuple[str, ...], Part]] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.signals: list[str] = []
        self.signal_segments: list[str] = []

    def wrong(self, at: At, message: str, hint: str = "") -> Part:
        self.errors.append(ConditionError(at, message, hint))
        return EVERYONE

    def rule(self, raw: object, at: At, positive: bool) -> Part:
        if len(at) > 2 * MAX_DEPTH:
            return self.wrong(at, f"conditions may be nested {MAX_DEPTH} deep")
        if isinstance(raw, str):
            return EVERYONE if raw == "everyone" else self.segment(raw, at, positive)
        if isinstance(raw, list | tuple):
            return every(self.parts(raw, at, positive) or [EVERYONE])
        if not isinstance(raw, Mapping):
            return self.wrong(at, f"a condition is a segment's name, a mapping or a list, not {js.shown(raw)}")
        if not raw:
            return self.wrong(at, "this condition is empty", 'write "everyone" to mean everyone')
        return every([self.entry(str(key), value, (*at, key), positive) for key, value in raw.items()])

    def parts(self, raw: object, at: At, positive: bool) -> list[Part]:
        if not isinstance(raw, list | tuple):
            return [self.rule(raw, at, positive)]
        if not raw:
            self.wrong(at, "this list is empty", 'write "everyone" to mean everyone')
        return [self.rule(item, (*at, i), positive) for i, item in enumerate(raw)]

    def entry(self, key: str, value: object, at: At, positive: bool) -> Part:
        if (joiner := _JOINERS.get(key)) is not None:
            parts = self.parts(value, at, positive and joiner != "not") or [EVERYONE]
            # {not: {all: [...]}} turns one condition round; {not: [a, b]} is none of several.
            return every(parts) if joiner == "all" else some(parts) if joiner == "any" else none(parts)
        if key in BEHAVIOURS:
            return self.behaviour(key, value, at, positive)
        found = find_fact(key)
        if found is None:
            return self.unknown(key, at)
        fact, path = found
        if fact.type != "duration":
            self.paths.append(path)
        if fact.name == "segments":
            turned = isinstance(value, Mapping) and not {"nin", "not"}.isdisjoint(value)
            for name in _names_in(value):
                self.segment(name, at, positive and not turned)
        try:
            part = fact_part(key, fact, path, value)
            if fact.type == "duration":
                self.ages[f"{key} {json.dumps(value, default=str)}"] = path, part
            return part
        except ConditionError as error:
            for slip in (error, *error.others):
                self.wrong((*at, *slip.path), slip.message, slip.hint)
            return EVERYONE

    def segment(self, name: str, at: At, positive: bool) -> Part:
        if name not in self.known:
            hint = suggestion(name, self.known)
            if not hint and (name in BEHAVIOURS or find_fact(name)):
                hint = f'"{name}" is a fact; write it as a mapping, such as {_example(name)}'
            return self.wrong(at, f'there is no segment "{name}"', hint)
        self.used.append(name)
        self.paths.append(("segments",))
        if positive:
            self.signal_segments.append(name)
        test = at_path(("segments",), code("({name} in ((@) or ()))", name=name))
        return leaf(
            f"segment {name}", test, lambda facts: "in it" if name in facts.get("segments", ()) else "not in it"
        )

    def behaviour(self, kind: str, raw: object, at: At, positive: bool) -> Part:
        try:
            behaviour = compile_behaviour(kind, raw, at)
        except ConditionError as error:
            self.errors.extend((error, *error.others))
            return EVERYONE
        key = behaviour.key
        self.behaviours[key] = behaviour
        self.paths.append((key,))
        if positive:
            self.signals.append(key)
        test = at_path((key,), code("(True if (@) else False)"))
        return leaf(key, test, lambda facts: "yes" if facts.get(key) else "no" if key in facts else "not known")

    def unknown(self, key: str, at: At) -> Part:
        if key in self.known:
            return self.wrong(
                at, f'"{key}" is a segment, not a fact', "write the segment's name alone, without a value"
            )
        hint = suggestion(key, (*FACTS, *BEHAVIOURS, "all", "any", "not"))
        if not hint and (below := [name for name in FACTS if name.startswith(f"{key}.")]):
            hint = f"ask for one of {', '.join(below)}"
        return self.wrong(at, f'there is no fact "{key}"', hint)


def _names_in(value: object) -> list[str]:
    """Every text in an operand: {any: [a, b]} -> [a, b]."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [name for operand in value.values() for name in _names_in(operand)]
    return [name for item in value for name in _names_in(item)] if isinstance(value, list | tuple) else []


def _example(name: str) -> str:
    if name in BEHAVIOURS:
        return BEHAVIOURS[name].partition(": ")[2].rstrip(".")
    found = find_fact(name)
    return found[0].example if found else ""
