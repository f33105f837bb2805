"""Facts in, plan with reasons out: one route's slots, decided in microseconds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..conditions import Behaviour, SegmentRules
from ..model import Allocation, Choice, Draw, Plan, Profile, Step, Visitor
from .answers import Answers
from .bandits import Bandit
from .compiler import SlotCompiler
from .experiments import is_held_out
from .inputs import key_maker
from .memo import Memo
from .slot import CompiledSlot

if TYPE_CHECKING:
    from ..config.models import Config

_PLANS = 2_048  # remembered plans of one route
_VISITORS = 8_192  # remembered assignments of one route

# Held out of everything; the bits of the experiences held out of; the variant in each experiment, -1 where not in it.
Assignment = tuple[bool, int, tuple[int, ...]]


@dataclass(slots=True)
class Case:
    """One visitor asking for one page at one moment; never written to. `facts` are nested by first word and hold what
    the decider `reads`, with the visitor's memberships under "segments"; `now` is in Unix seconds; `allocations` are
    how bandits share out their visitors now, by their experiments' keys."""

    facts: Mapping[str, Any]
    visitor: Visitor
    profile: Profile | None
    now: float
    allocations: Mapping[str, Allocation] = field(default_factory=dict)


class Decider:
    """Decides the slots of one route.

    The plan depends on the facts in `reads`, on consent, on the profile's exposures, events and views where caps,
    cool-downs, delays and expiries ask for them, on the id and the profile's assignments where there is an experiment
    or a holdout (its draws, the time and the allocations where that is a bandit), and on the time where there is a
    schedule; on nothing else. Plans are remembered by exactly that.
    """

    def __init__(self, config: Config, slots: Sequence[str]) -> None:
        """`config` is a checked one; ValueError or ConditionError is raised where it is not."""
        self._segments = SegmentRules(config.segments)
        compiler = SlotCompiler(config, self._segments)
        self.slots: tuple[CompiledSlot, ...] = tuple(compiler.slot(name) for name in slots)
        rules = [experience.rule for slot in self.slots for _, _, experience in slot.live]
        self._splits = tuple(compiler.splits)
        self._bandits = tuple((n, split) for n, split in enumerate(self._splits) if isinstance(split, Bandit))
        named = frozenset[str]().union(*(rule.segments for rule in rules), *(b.contexts for _, b in self._bandits))
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
        self._kept = frozenset[str]().union(*(split.keys for split in self._splits))
        self._held_apart = tuple(compiler.holdouts)
        self.holdout = config.holdout
        self._plans: Memo[Hashable, Plan] = Memo(_PLANS)
        self._assignments: Memo[Hashable, Assignment] = Memo(_VISITORS)

    def decide(self, case: Case, trace: list[Step] | None = None) -> Plan:
        """The plan for one case. `trace` gets one step per slot with every gate asked and what it saw, also of the
        experiences below the one that won; the plan is the same with and without it."""
        visitor = case.visitor
        # A bot gets what a newcomer without cookies gets.
        id, profile = (None, None) if visitor.bot else (visitor.id, case.profile)
        answers = self._answers.bits(case.facts, profile, case.now)
        assignment = self._assignment(id, profile)
        draws: dict[str, Draw] = {}
        if self._bandits and id is not None:
            assignment = self._draw(case, id, profile, assignment, draws)
        granted = visitor.consent.granted & self._purposes
        if trace is not None:
            from .tracing import trace_slot  # only those who ask why need it

            plan = self._plan(case.facts, answers, assignment, granted, visitor.bot)
            plan = Plan(plan.choices, draws)
            for slot, choice in zip(self.slots, plan.choices, strict=True):
                trace.append(trace_slot(slot, choice, case, draws, self._segments, self.holdout))
            return plan
        key = (self._key(case.facts), answers, assignment, granted, visitor.bot)
        plan = self._plans.get(key) or self._plans.keep(
            key, self._plan(case.facts, answers, assignment, granted, visitor.bot)
        )
        return Plan(plan.choices, draws) if draws else plan

    def _plan(
        self, facts: Mapping[str, Any], answers: int, assignment: Assignment, granted: frozenset[str], bot: bool
    ) -> Plan:
        held, apart, arms = assignment
        choices: list[Choice] = []
        for slot in self.slots:
            if slot.purpose == "none" or slot.purpose in granted:
                choices.append(slot.choose(facts, ~answers, arms, held, apart, bot))
            else:
                choices.append(slot.refused)
        return Plan(tuple(choices))

    def _assignment(self, id: str | None, profile: Profile | None) -> Assignment:
        """What the visitor is held out of, and the variant in each experiment. Nobody without an id is in any."""
        if id is None or not (self._splits or self._held_apart or self.holdout is not None):
            return _NOWHERE
        kept = profile.assignments if profile is not None else {}
        # Of what was assigned before only this route's experiments count, and all of them stand in the key.
        key = (id, frozenset([item for item in kept.items() if item[0] in self._kept])) if kept else id
        known = self._assignments.get(key)
        if known is not None:
            return known
        held = self.holdout is not None and is_held_out(self.holdout.salt, self.holdout.percent, id)
        apart = sum(bit for bit, percent, salt in self._held_apart if is_held_out(salt, percent, id))
        arms = tuple([split.assign(id, kept) for split in self._splits])
        return self._assignments.keep(key, (held, apart, arms))

    def _draw(
        self, case: Case, id: str, profile: Profile | None, assignment: Assignment, draws: dict[str, Draw]
    ) -> Assignment:
        """The assignment with the bandits' arms in it; what was drawn is put into `draws`."""
        held, apart, arms = assignment
        drawn = list(arms)
        last = profile.draws if profile is not None else {}
        members = case.facts.get("segments") or ()
        for place, bandit in self._bandits:
            key = bandit.key
            draw = bandit.draw(id, arms[place] >= 0, last.get(key), members, case.now, case.allocations.get(key))
            drawn[place] = -1 if draw is None else bandit.names.index(draw.variant)
            if draw is not None:
                draws[key] = draw
        return held, apart, tuple(drawn)


_NOWHERE: Assignment = (False, 0, ())
