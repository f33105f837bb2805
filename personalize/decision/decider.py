"""Facts in, plan with reasons out: one route's slots, decided in microseconds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from ..conditions import Behaviour, SegmentRules
from ..model import Choice, Draw, Plan, Profile, Step
from .answers import Answers
from .bandits import Bandit, last_draw
from .case import Case
from .chances import Chance, Holdout
from .compiler import SlotCompiler
from .experiments import is_held_out, kept_by
from .finding import compile_finder
from .gates import ScheduleGate
from .inputs import key_maker
from .memo import Memo
from .slot import CompiledExperience, CompiledSlot

if TYPE_CHECKING:
    from ..config.models import Config

_PLANS = 2_048  # remembered plans of one route, and as many outlines
_VISITORS = 2_048  # visitors of one route whose chances are remembered
_OUTLINES = 8  # of which a visitor's plans are remembered
_Candidates = tuple[Sequence[CompiledExperience] | None, ...]  # of each slot, None where its consent is missing


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What facts, gates and consent make of a page: all but chance. `fixed` has the choices that are settled for
    whoever is held out of nothing, and the defaults of the slots that are `open`; these come with their candidates."""

    fixed: tuple[Choice, ...]
    open: tuple[tuple[int, CompiledSlot, Sequence[CompiledExperience]], ...]
    slots: _Candidates
    seeds: tuple[str, ...]  # of the hashes that a newcomer will need
    bot: bool
    contested: bool  # two slots may want to show one of the same exclusive group
    room: int | None  # how many experiences the site's cap leaves to this page, None where that is enough for all slots
    settled: dict[bool, Plan] = field(default_factory=dict)  # where nothing is open: by whether a visitor is held out


class Decider:
    """Decides the slots of one route.

    The plan depends on the facts in `reads`, on consent, on the profile's exposures, events and views where caps,
    cool-downs, delays and expiries ask for them, on the id and the profile's assignments where there is an experiment
    or a holdout (its draws, the time and the allocations where that is a bandit), and on the time where there is a
    schedule; on nothing else. Plans are remembered by exactly that, in two steps: an outline by all but chance, which
    many visitors share, and what chance makes of it for one of them.
    """

    def __init__(self, config: Config, slots: Sequence[str]) -> None:
        """`config` is a checked one; ValueError or ConditionError is raised where it is not."""
        self._segments = SegmentRules(config.segments)
        compiler = SlotCompiler(config, self._segments, slots)
        self.slots: tuple[CompiledSlot, ...] = tuple(compiler.slot(name) for name in slots)
        rules = [experience.rule for slot in self.slots for experience in slot.live]
        self._splits = tuple(compiler.splits)
        self._grouped = any(experience.group is not None for slot in self.slots for experience in slot.live)
        self._room = compiler.room if compiler.site_cap is not None else None
        self._bandits = tuple((n, split) for n, split in enumerate(self._splits) if isinstance(split, Bandit))
        named = frozenset[str]().union(*(rule.segments for rule in rules), *(b.contexts for _, b in self._bandits))
        self.segments: frozenset[str] = frozenset(self._segments.order(sorted(named)))
        self.reads: frozenset[str] = frozenset[str]().union(
            *(rule.reads for rule in rules), self._segments.reads(self.segments)
        )
        if any(bandit.contexts for _, bandit in self._bandits):
            self.reads |= {"segments"}
        self.behaviours: Mapping[str, Behaviour] = {
            **self._segments.behaviours(self.segments),
            **{key: behaviour for rule in rules for key, behaviour in rule.behaviours.items()},
        }
        self._key = key_maker(
            (path for rule in rules for path in rule.paths), frozenset[str]().union(*(rule.segments for rule in rules))
        )
        self._find = compile_finder(self.slots)
        self._purposes = frozenset(slot.purpose for slot in self.slots)
        self._answers = Answers(
            compiler.schedules, compiler.of_profile, compiler.always, tuple(compiler.aged.values())
        )
        self._schedules = tuple(gate for _, gate in compiler.schedules if isinstance(gate, ScheduleGate))
        self._kept = frozenset[str]().union(*(split.keys for split in self._splits))
        self.holdout = config.holdout
        self._held_out: Holdout | None = None
        if self.holdout is not None:
            self._held_out = self.holdout.percent, self.holdout.salt
        self._outlines: Memo[Hashable, Outline] = Memo(_PLANS)
        self._made: Memo[Hashable, Outline] = Memo(_PLANS)  # by what they consist of
        self._chances: Memo[Hashable, Chance] = Memo(_VISITORS)
        self._plans: Memo[tuple[int, ...], Plan] = Memo(_PLANS)

    def decide(self, case: Case, trace: list[Step] | None = None) -> Plan:
        """The plan for one case. `trace` gets one step per slot with every gate asked and what it saw, also of the
        experiences below the one that won; the plan is the same with and without it."""
        visitor = case.visitor
        # A bot gets what a newcomer without cookies gets.
        id, profile = (None, None) if visitor.bot else (visitor.id, case.profile)
        answers = self._answers.bits(case.facts, profile, case.now)
        granted = visitor.consent.granted & self._purposes
        key = (self._key(case.facts), answers, granted, visitor.bot)
        outline = self._outlines.get(key)
        if outline is None:
            outline = self._outlines.keep(key, self._outline(case.facts, answers, granted, visitor.bot))
        draws = _NO_DRAWS
        if outline.open or self._bandits:
            chance = self._chance(id, profile)
            if self._bandits and id is not None:
                draws = self._draw(case, id, profile, chance)
            plan = chance.plans.get(outline)
            if plan is None:
                if len(chance.plans) >= _OUTLINES:
                    chance.plans.clear()
                plan = chance.plans[outline] = self._plan(outline, chance)
            if draws:
                plan = Plan(plan.choices, draws)
        else:
            plan = self._settled(outline, id)
        if trace is not None:
            from .tracing import trace_slot  # only those who ask why need it

            taken: dict[str, str] = {}
            for slot, choice in zip(self.slots, plan.choices, strict=True):
                trace.append(trace_slot(slot, choice, case, draws, self._segments, self.holdout, taken))
                taken |= slot.takes(choice)
        return plan

    def holds_for(self, now: float) -> float:
        """For how many seconds no schedule of this route opens or closes."""
        return min((gate.holds_for(now) for gate in self._schedules), default=inf)

    def forget(self) -> None:
        """Remember nothing of what was decided so far: for benchmarks, and for laws that compare."""
        self._outlines.clear()
        self._made.clear()
        self._chances.clear()
        self._plans.clear()

    def _outline(self, facts: Mapping[str, Any], answers: int, granted: frozenset[str], bot: bool) -> Outline:
        """Outlines that leave the same to chance are one object, so that a visitor's plan holds from page to page."""
        candidates = self._find(facts, ~answers, granted)
        room = self._left(answers)
        # The slots keep every experience there is, so no id is given twice.
        key = (tuple([None if found is None else tuple(map(id, found)) for found in candidates]), room, bot)
        return self._made.get(key) or self._made.keep(key, self._make_outline(candidates, room, bot))

    def _make_outline(self, candidates: _Candidates, room: int | None, bot: bool) -> Outline:
        fixed: list[Choice] = []
        open_: list[tuple[int, CompiledSlot, Sequence[CompiledExperience]]] = []
        seeds = [] if self._held_out is None else [self._held_out[1]]
        groups: list[str] = []
        for place, (slot, found) in enumerate(zip(self.slots, candidates, strict=True)):
            if found is None:
                fixed.append(slot.refused)
                continue
            if self._grouped:
                groups += {experience.group for experience in found if experience.group is not None}
            drawn = False
            for experience in found if slot.purpose != "none" else ():
                if experience.drawn:
                    drawn = True
                    seeds += experience.seeds
                if experience.certain and experience.group is None:
                    break
            if drawn:
                fixed.append(slot.default)
                open_.append((place, slot, found))
            else:
                fixed.append(slot.choose(found, _UNDRAWN, bot))
        contested = len(groups) > len(set(groups))
        once = tuple(dict.fromkeys(seeds))
        return Outline(tuple(fixed), tuple(open_), candidates, once, bot, contested, room)

    def _settled(self, outline: Outline, id: str | None) -> Plan:
        """The plan where nothing but the holdout of everything tells visitors apart."""
        held = id is not None and self._held_out is not None and is_held_out(self._held_out[1], self._held_out[0], id)
        plan = outline.settled.get(held)
        if plan is None:
            plan = outline.settled[held] = self._plan(outline, Chance(id, (), self._splits, self._held_out))
        return plan

    def _left(self, answers: int) -> int | None:
        if self._room is None:
            return None
        left = sum(1 for bit in self._room if answers & bit)
        return left if left < sum(slot.purpose != "none" for slot in self.slots) else None

    def _plan(self, outline: Outline, chance: Chance) -> Plan:
        """What chance makes of an outline. Plans of the same choices are one object, whoever they were made for."""
        chance.foresee(outline.seeds)
        if chance.held or outline.room is not None or outline.contested:
            choices = self._one_after_the_other(outline, chance)
        else:
            choices = list(outline.fixed)
            for place, slot, found in outline.open:
                choices[place] = slot.choose(found, chance, outline.bot)
        chance.settle()
        key = tuple(map(id, choices))  # the slots keep every choice there is, so no id is given twice
        return self._plans.get(key) or self._plans.keep(key, Plan(tuple(choices)))

    def _one_after_the_other(self, outline: Outline, chance: Chance) -> list[Choice]:
        """Slots come in the config's order: the first ones get what the site's cap still leaves, and take the exclusive
        groups. Whoever is held out of something counts as if it were shown."""
        choices: list[Choice] = []
        left = len(self.slots) if outline.room is None else outline.room
        taken: dict[str, str] = {}
        for slot, found in zip(self.slots, outline.slots, strict=True):
            counts = slot.purpose != "none"
            offered = found if left or not counts else ()
            if offered and taken:
                offered = [experience for experience in offered if experience.group not in taken]
            choice = slot.refused if offered is None else slot.choose(offered, chance, outline.bot)
            choices.append(choice)
            left -= counts and choice.experience is not None
            taken |= slot.takes(choice)
        return choices

    def _chance(self, id: str | None, profile: Profile | None) -> Chance:
        """The visitor's chances, remembered by the id and by what was assigned before. Of that only this route's
        experiments count, and all of them stand in the key."""
        kept = kept_by(id, profile, self._kept) if self._splits else ()
        key = (id, *[frozenset(seen.items()) for seen in kept]) if kept else id
        known = self._chances.get(key)
        if known is not None:
            return known
        return self._chances.keep(key, Chance(id, kept, self._splits, self._held_out))

    def _draw(self, case: Case, id: str, profile: Profile | None, chance: Chance) -> Mapping[str, Draw]:
        """What the bandits draw for the visitor now, by experiment; the arms are put into `chance`."""
        last = profile.draws if profile is not None else {}
        members = case.facts.get("segments") or ()
        draws: dict[str, Draw] = {}
        arms: dict[int, int] = {}
        for place, bandit in self._bandits:
            key = bandit.key
            takes_part = chance.takes_part(place)
            before = last_draw(id, last, key, case.now) if last else None
            draw = bandit.draw(id, takes_part, before, members, case.now, case.allocations.get(key))
            arms[place] = -1 if draw is None else bandit.names.index(draw.variant)
            if draw is not None:
                draws[key] = draw
        chance.let(arms)
        return draws


_NO_DRAWS: Mapping[str, Draw] = {}
_UNDRAWN = Chance(None, (), ())
