"""Facts in, plan with reasons out: one route's slots, decided in microseconds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..conditions import Behaviour, SegmentRules
from ..model import Choice, Plan, Profile, Step, Visitor
from .answers import Answers
from .compiler import SlotCompiler
from .experiments import hash_unit
from .inputs import key_maker
from .memo import Memo
from .slot import CompiledSlot

if TYPE_CHECKING:
    from ..config.models import Config

_PLANS = 2_048  # remembered plans of one route
_VISITORS = 8_192  # remembered assignments of one route

Assignment = tuple[bool, tuple[int, ...]]  # held out; variant in each experiment, -1 where not in it


@dataclass(frozen=True, slots=True)
class Case:
    """One visitor asking for one page at one moment. `facts` are nested by first word and hold what the decider
    `reads`, with the visitor's memberships under "segments"; `now` is in Unix seconds."""

    facts: Mapping[str, Any]
    visitor: Visitor
    profile: Profile | None
    now: float


class Decider:
    """Decides the slots of one route.

    The plan depends on the facts in `reads`, on consent, on the profile's exposures, events and views where caps,
    cool-downs, delays and expiries ask for them, on the id where there is an experiment or a holdout, and on the time
    where there is a schedule; on nothing else. Plans are remembered by exactly that.
    """

    def __init__(self, config: Config, slots: Sequence[str]) -> None:
        """`config` is a checked one; ValueError or ConditionError is raised where it is not."""
        self._segments = SegmentRules(config.segments)
        compiler = SlotCompiler(config, self._segments)
        self.slots: tuple[CompiledSlot, ...] = tuple(compiler.slot(name) for name in slots)
        rules = [experience.rule for slot in self.slots for _, _, experience in slot.live]
        named = frozenset[str]().union(*(rule.segments for rule in rules))
        self.segments: frozenset[str] = frozenset(self._segments.order(sorted(named)))
        self.reads: frozenset[str] = frozenset[str]().union(
            *(rule.reads for rule in rules), self._segments.reads(self.segments)
        )
        self.behaviours: Mapping[str, Behaviour] = {
            **self._segments.behaviours(self.segments),
            **{key: behaviour for rule in rules for key, behaviour in rule.behaviours.items()},
        }
        tested = [experience.rule for slot in self.slots for _, test, experience in slot.live if test is not None]
        self._key = key_maker(
            (path for rule in tested for path in rule.paths),
            frozenset[str]().union(*(rule.segments for rule in tested)),
        )
        self._purposes = frozenset(slot.purpose for slot in self.slots)
        self._answers = Answers(compiler.schedules, compiler.of_profile, compiler.always, compiler.aged)
        self._splits = tuple(compiler.splits)
        self.holdout = config.holdout
        self._plans: Memo[Hashable, Plan] = Memo(_PLANS)
        self._assignments: Memo[str, Assignment] = Memo(_VISITORS)

    def decide(self, case: Case, trace: list[Step] | None = None) -> Plan:
        """The plan for one case. `trace` gets one step per slot with every gate asked and what it saw, also of the
        experiences below the one that won; the plan is the same with and without it."""
        visitor = case.visitor
        # A bot gets what a newcomer without cookies gets.
        id, profile = (None, None) if visitor.bot else (visitor.id, case.profile)
        answers = self._answers.bits(case.facts, profile, case.now)
        assignment = self._assignment(id)
        granted = visitor.consent.granted & self._purposes
        if trace is not None:
            from .tracing import trace_slot  # only those who ask why need it

            plan = self._plan(case.facts, answers, assignment, granted, visitor.bot)
            for slot, choice in zip(self.slots, plan.choices, strict=True):
                trace.append(trace_slot(slot, choice, case, self._segments, self.holdout))
            return plan
        key = (self._key(case.facts), answers, assignment, granted, visitor.bot)
        plan_or_none = self._plans.get(key)
        if plan_or_none is not None:
            return plan_or_none
        return self._plans.keep(key, self._plan(case.facts, answers, assignment, granted, visitor.bot))

    def _plan(
        self, facts: Mapping[str, Any], answers: int, assignment: Assignment, granted: frozenset[str], bot: bool
    ) -> Plan:
        held, arms = assignment
        choices: list[Choice] = []
        for slot in self.slots:
            if slot.purpose == "none" or slot.purpose in granted:
                choices.append(slot.choose(facts, ~answers, arms, held, bot))
            else:
                choices.append(slot.refused)
        return Plan(tuple(choices))

    def _assignment(self, id: str | None) -> Assignment:
        """Whether a visitor is held out, and the variant in each experiment. Nobody without an id is in either."""
        if id is None or (not self._splits and self.holdout is None):
            return _NOWHERE
        known = self._assignments.get(id)
        if known is not None:
            return known
        held = self.holdout is not None and is_held_out(self.holdout.salt, self.holdout.percent, id)
        return self._assignments.keep(id, (held, tuple([split.assign(id) for split in self._splits])))


_NOWHERE: Assignment = (False, ())


def is_held_out(salt: str, percent: float, id: str) -> bool:
    """Whether a visitor is among the held-out `percent`; raising it adds visitors and moves none."""
    unit = hash_unit(salt, id)
    return unit is not None and unit * 100 < percent
