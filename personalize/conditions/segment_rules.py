"""The rules of named segments, and what they need of each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..model import Step
from .behaviours import Behaviour
from .code import Test
from .language import compile_rule
from .rule import Facts, Rule

if TYPE_CHECKING:
    from ..config.models import Segment


class SegmentRules:
    """Segments by name, each compiled when first asked for. Raises ConditionError then; a checked config has no such
    segment and none that leads back to itself."""

    def __init__(self, segments: Mapping[str, Segment]) -> None:
        self._segments = segments
        self._rules: dict[str, Rule] = {}
        self._tests: dict[str, Test] = {}

    def rule(self, name: str) -> Rule:
        """The segment's own condition. Raises KeyError for a name that is none."""
        if (rule := self._rules.get(name)) is None:
            rule = self._rules[name] = compile_rule(self._segments[name].condition, self._segments)
        return rule

    def test(self, name: str) -> Test:
        """Its condition as a function of facts. Raises KeyError for a name that is none."""
        if (test := self._tests.get(name)) is None:
            test = self._tests[name] = self.rule(name).code.function()
        return test

    def order(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names and everything they are made of, each after what it is made of."""
        ordered: dict[str, None] = {}

        def add(name: str, above: tuple[str, ...]) -> None:
            if name in ordered or name in above:
                return
            for inner in sorted(self.rule(name).segments):
                add(inner, (*above, name))
            ordered[name] = None

        for name in names:
            add(name, ())
        return tuple(ordered)

    def reads(self, names: Iterable[str]) -> frozenset[str]:
        """Facts and behaviours that the names read, also through other segments; without "segments" itself."""
        return frozenset().union(*(self.rule(n).reads for n in self.order(names))) - {"segments"}

    def behaviours(self, names: Iterable[str]) -> Mapping[str, Behaviour]:
        """Every behaviour that the names read, also through other segments, by key."""
        return {key: b for name in self.order(names) for key, b in self.rule(name).behaviours.items()}

    def signals(self, rule: Rule) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The behaviours, and the segments, that stand under no "not" in a rule or in the segments it is made of."""
        behaviours, segments, waiting = dict.fromkeys(rule.signals), dict[str, None](), list(rule.signal_segments)
        while waiting:
            name = waiting.pop()
            if name not in segments:
                segments[name] = None
                behaviours.update(dict.fromkeys(self.rule(name).signals))
                waiting.extend(self.rule(name).signal_segments)
        return tuple(behaviours), tuple(segments)

    def explain(self, name: str, facts: Facts) -> Step:
        """Why the visitor is in the segment or not: its condition, and each segment it is made of. Membership is
        taken from facts["segments"] where that is given."""
        own = self.explained(self.rule(name), facts)
        held = name in facts["segments"] if "segments" in facts else own.held
        saw = "not in it" if not held else "in it" if own.held else "in it, remembered or given"
        return Step(f"segment {name}", held, saw, (own,))

    def explained(self, rule: Rule, facts: Facts) -> Step:
        """The rule's explanation, in which each segment has its own inside it."""
        names = {f"segment {name}": name for name in rule.segments}

        def opened(step: Step) -> Step:
            if step.inner:
                return replace(step, inner=tuple(map(opened, step.inner)))
            return self.explain(names[step.what], facts) if step.what in names else step

        return opened(rule.explain(facts))
