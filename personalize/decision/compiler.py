"""Slots as configured -> compiled slots, and the questions whose answers they need for each visitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..conditions import Rule, SegmentRules, compile_rule
from ..config.mixes import combinations, fitting, name_of
from ..config.models import PAGE, Content
from ..model import Choice
from .bandits import Bandit
from .chances import Holdout
from .experiments import Split
from .gates import CapGate, CoolDownGate, Gate, ScheduleGate, SignalGate
from .mixes import Mix
from .schedule import compile_schedule
from .signals import signal_of
from .slot import CompiledExperience, CompiledSlot
from .splits import compile_split, experiments_by_key

if TYPE_CHECKING:
    from ..config.models import Config, Experience, Slot

class SlotCompiler:
    """Compiles the slots of one route, and gathers what has to be asked before choosing: each question has a bit."""

    def __init__(self, config: Config, segments: SegmentRules, slots: Sequence[str]) -> None:
        self._config = config
        self._segments = segments
        self._experiments = experiments_by_key(config)
        self._bits = 0
        self.schedules: list[tuple[int, Gate]] = []  # answers depend on the time alone
        self.of_profile: list[tuple[int, Gate]] = []
        self.always = 0  # bits of the gates that are open for everybody
        self.aged: dict[str, tuple[int, Callable[[Mapping[str, Any]], bool]]] = {}  # what is asked of ages, in words
        self.splits: list[Split | Mix | Bandit] = []
        self.site_cap, self.room = self._site_cap(slots)

    def _site_cap(self, slots: Sequence[str]) -> tuple[CapGate | None, tuple[int, ...]]:
        """The gate of the whole site's cap, and the bits that say how much it leaves to one page: for one experience
        more, for two, and so on, up to as many as the page has slots."""
        cap = self._config.site.cap
        if cap is None:
            return None, ()
        besides = tuple(f"{name}/" for name, slot in self._config.slots.items() if slot.consent == "none")
        counted = sum(self._config.slots[name].consent != "none" for name in slots)
        gates = [CapGate("", cap.max - n, cap.within, besides) for n in range(min(counted, cap.max))]
        return CapGate("", cap.max, cap.within, besides), tuple(self._bit(self.of_profile, gate) for gate in gates)

    def slot(self, name: str) -> CompiledSlot:
        slot = self._config.slots[name]
        content, fallback = _filled(slot.default, slot), _filled(slot.fallback, slot)
        shared: list[Gate] = [CapGate(f"{name}/", slot.cap.max, slot.cap.within)] if slot.cap is not None else []
        shared_bits = self._ask(shared, slot)
        if self.site_cap is not None and slot.consent != "none":
            shared.append(self.site_cap)
            shared_bits |= self.room[0]
        experiences = tuple(
            self._experience(name, index, experience, shared, shared_bits)
            for index, experience in enumerate(slot.experiences)
        )
        return CompiledSlot(
            name=name,
            purpose=slot.consent,
            experiences=experiences,
            live=tuple(e for e in experiences if e.status == "live"),
            default=Choice(name, content, fallback),
            refused=Choice(name, content, fallback, reason="consent"),
            to_bot=Choice(name, content, fallback, reason="bot"),
            held=Choice(name, PAGE, fallback, held=True, reason="holdout"),
        )

    def _experience(
        self, name: str, index: int, experience: Experience, shared: Sequence[Gate], shared_bits: int
    ) -> CompiledExperience:
        slot = self._config.slots[name]
        live = experience.status == "live"
        rule = compile_rule(experience.when, self._config.segments)
        gates = self._gates(name, experience, rule)
        test = experience.experiment
        split = compile_split(self._config, test, self._experiments) if test is not None else None
        holdout = _holdout(name, experience)
        for said, asked in rule.ages.items() if live else ():
            if said not in self.aged:
                self.aged[said] = self._next_bit(), asked
        return CompiledExperience(
            id=experience.id,
            status=experience.status,
            mark=self._config.mark("slots", name, "experiences", index),
            rule=rule,
            gates=(*gates, *shared),
            split=split,
            choices=_choices(name, slot, experience, held=False),
            held=_choices(name, slot, experience, held=True),
            needs=self._ask(gates, slot) | shared_bits if live else 0,
            split_at=self._place(split) if live and split is not None else None,
            holdout=holdout,
            drawn=split is not None or holdout is not None,
            seeds=(*(split.seeds if split is not None else ()), *(holdout[1:] if holdout is not None else ())),
            certain=split is None or split.certain,
            group=_group(slot, experience),
        )

    def _gates(self, name: str, experience: Experience, rule: Rule) -> list[Gate]:
        gates: list[Gate] = []
        if experience.schedule is not None:
            gates.append(ScheduleGate(compile_schedule(experience.schedule, self._config.timezone)))
        if experience.cool_down is not None:
            gates.append(CoolDownGate(experience.cool_down.after, experience.cool_down.for_))
        if experience.delay is not None or experience.expire is not None:
            keys, segments = self._segments.signals(rule)
            known = {**rule.behaviours, **self._segments.behaviours(rule.segments)}
            signals = tuple((key, signal_of(known[key], self._config.products)) for key in keys)
            gates.append(SignalGate(signals, segments, experience.delay, experience.expire))
        if experience.cap is not None:
            gates.append(CapGate(f"{name}/{experience.id}", experience.cap.max, experience.cap.within))
        return gates

    def _ask(self, gates: Sequence[Gate], slot: Slot) -> int:
        """Bits for the gates' answers."""
        bits = 0
        for gate in gates:
            if isinstance(gate, ScheduleGate):
                bits |= self._bit(self.schedules, gate)
                continue
            if slot.consent != "none":
                bits |= self._bit(self.of_profile, gate)
                continue
            # A slot that needs no consent looks at nobody's profile, so the answer is known now.
            bit = self._bit([], gate)
            self.always |= bit if gate.open({}, None, 0.0) else 0
            bits |= bit
        return bits

    def _bit(self, asked: list[tuple[int, Gate]], question: Gate) -> int:
        bit = self._next_bit()
        asked.append((bit, question))
        return bit

    def _next_bit(self) -> int:
        self._bits += 1
        return 1 << (self._bits - 1)

    def _place(self, split: Split | Mix | Bandit) -> int:
        self.splits.append(split)
        return len(self.splits) - 1


def _holdout(slot: str, experience: Experience) -> Holdout | None:
    """Percent and salt. Without a salt each experience draws anew: else all would hold out the same visitors."""
    if (holdout := experience.holdout) is None:
        return None
    return holdout.percent, holdout.salt if holdout.salt is not None else f"holdout of {slot}/{experience.id}"


def _group(slot: Slot, experience: Experience) -> str | None:
    """A slot that needs no consent must not tell by what it leaves out what a personal one shows, nor the other way."""
    if experience.exclusive_group is None:
        return None
    return f"{experience.exclusive_group}{' (without consent)' if slot.consent == 'none' else ''}"


def _choices(name: str, slot: Slot, experience: Experience, *, held: bool) -> tuple[Choice, ...]:
    test = experience.experiment
    shown = list(_shown(experience))
    if test is not None and test.force is not None:
        forced = name_of(fitting(test.levels, test.force)[0]) if test.parts else test.force
        shown = [each for each in shown if each[0] == forced] * len(shown)
    return tuple(
        Choice(
            slot=name,
            content=PAGE if held else _filled(content, slot),
            fallback=_filled(slot.fallback, slot),
            experience=experience.id,
            variant=variant,
            # What was forced was not drawn: it says nothing about the variants, and is not kept for later.
            experiment=test.key if test is not None and test.force is None else None,
            held=held,
            why=experience.why,
            exclude=tuple(experience.exclude),
            reason="holdout" if held else "experience",
            levels=levels,
        )
        for variant, content, levels in shown
    )


def _shown(experience: Experience) -> Iterator[tuple[str | None, Content, Mapping[str, str]]]:
    """Each variant or combination of parts, what it shows, and the parts' levels; one without an experiment."""
    test = experience.experiment
    if test is None:
        yield None, experience.show or PAGE, {}
    elif not test.parts:
        for variant in test.variants:
            yield variant.id, variant.content, {}
    else:
        around = experience.show or Content(kind="template")
        texts = {(part, level.id): level.part for part, levels in test.parts.items() for level in levels}
        for levels in combinations(test.levels):
            drawn = {part: texts[part, id] for part, id in levels}
            yield name_of(levels), around.model_copy(update={"parts": {**around.parts, **drawn}}), dict(levels)


def _filled(content: Content, slot: Slot) -> Content:
    """Parts that name no template of their own go into the slot's."""
    if content.kind == "template" and content.template is None:
        return content.model_copy(update={"template": slot.template})
    return content
