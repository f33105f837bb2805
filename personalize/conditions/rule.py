"""A compiled rule, and the parts it is put together from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model import Step
from .behaviours import Behaviour
from .code import Code, Test, all_of, any_of, none_of

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition in our language, compiled.

    `test` says whether facts meet it, and `code` is the same as an expression. It depends on nothing but `paths`, the
    keys that lead to each value it reads (a behaviour's path is its key alone), and the answers to `ages`: what it asks
    of the facts that change with every second, each in words. `reads` are the first words of all: what the engine has
    to work out. `signals` are the behaviours, and `signal_segments` the segments, that stand under no "not": what made
    the visitor meant.
    """

    code: Code
    test: Callable[[Facts], bool]
    reads: frozenset[str]
    segments: frozenset[str]
    behaviours: Mapping[str, Behaviour]
    paths: tuple[tuple[str, ...], ...]
    ages: Mapping[str, Test]
    signals: tuple[str, ...]
    signal_segments: tuple[str, ...]
    steps: Callable[[Facts], Step]

    def explain(self, facts: Facts) -> Step:
        """Every part with whether it held and the values it saw; also the parts that no longer mattered."""
        return self.steps(facts)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a rule: its test and its explanation."""

    code: Code
    explain: Callable[[Facts], Step]


def leaf(what: str, code: Code, saw: Callable[[Facts], str]) -> Part:
    """A part without parts: what it asks in words, and what it saw."""
    test = when_asked(code)
    return Part(code, lambda facts: Step(what, test(facts), saw(facts)))


def every(parts: Sequence[Part]) -> Part:
    """All parts hold."""
    return parts[0] if len(parts) == 1 else _joined("all of", all_of([p.code for p in parts]), parts)


def some(parts: Sequence[Part]) -> Part:
    """One part holds."""
    return parts[0] if len(parts) == 1 else _joined("any of", any_of([p.code for p in parts]), parts)


def none(parts: Sequence[Part]) -> Part:
    """No part holds."""
    return _joined("none of" if len(parts) > 1 else "not", none_of(any_of([p.code for p in parts])), parts)


def _joined(what: str, code: Code, parts: Sequence[Part]) -> Part:
    test = when_asked(code)

    def explain(facts: Facts) -> Step:
        inner = tuple(part.explain(facts) for part in parts)
        return Step(what, test(facts), f"{sum(step.held for step in inner)} of {len(inner)} held", inner)

    return Part(code, explain)


def when_asked(code: Code) -> Test:
    """The code's function, made when first called: most are only ever part of a larger one, and alone where somebody
    asks why."""
    made: list[Test] = []

    def test(facts: Facts) -> bool:
        if not made:
            made.append(code.function())
        return made[0](facts)

    return test
