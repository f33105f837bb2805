"""The gates' answers for one visitor at one moment, as bits: what has to be known before a plan can be chosen.

Asking two hundred gates one by one would cost more than the rest of a decision, so they are asked together: schedules
once a second, caps by what the visitor was shown (little) instead of by what could be shown (much).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..model import Profile
from .gates import CapGate, CoolDownGate, Gate, count_after

Facts = Mapping[str, Any]


class Answers:
    """The bits of all gates of a route. `schedules` depend on the time alone, `of_profile` on the profile; `always` are
    open for everybody; `aged` is what rules ask of the facts that change with every second: a plan remembered by those
    facts themselves would never fit again."""

    def __init__(
        self,
        schedules: Sequence[tuple[int, Gate]],
        of_profile: Sequence[tuple[int, Gate]],
        always: int,
        aged: Sequence[tuple[int, Callable[[Facts], bool]]],
    ) -> None:
        self._schedules = tuple(schedules)
        self._aged = tuple(aged)
        self._always = always
        self._blank = always  # the bits open for a visitor without a profile
        self._manners = always  # the bits open for one who was shown nothing and did nothing
        self._caps: dict[str, list[tuple[int, CapGate]]] = {}
        self._wide_caps: dict[tuple[str, float], list[tuple[int, CapGate]]] = {}  # widest first
        self._cool_downs: dict[str, list[tuple[int, float]]] = {}
        self._others: list[tuple[int, Gate]] = []
        for bit, gate in of_profile:
            if gate.open({}, None, 0.0):
                self._blank |= bit
            if isinstance(gate, CapGate):
                self._manners |= bit
                if not gate.prefix or gate.prefix.endswith("/"):
                    self._wide_caps.setdefault((gate.prefix, gate.seconds), []).append((bit, gate))
                else:
                    self._caps.setdefault(gate.prefix, []).append((bit, gate))
            elif isinstance(gate, CoolDownGate):
                self._manners |= bit
                self._cool_downs.setdefault(gate.event, []).append((bit, gate.seconds))
            else:
                self._others.append((bit, gate))
        self._second = float("nan")
        self._open_now = 0

    def bits(self, facts: Facts, profile: Profile | None, now: float) -> int:
        """One bit for each gate that is open, and for each question about ages that holds."""
        if profile is None:
            answers = self._blank
        else:
            answers = self._manners
            if profile.exposures and (self._caps or self._wide_caps):
                answers &= ~self._used_up(profile, now)
            for event, gates in self._cool_downs.items():
                if (last := profile.happened.get(event)) is not None:
                    for bit, seconds in gates:
                        if now - last < seconds:
                            answers &= ~bit
            for bit, gate in self._others:
                if gate.open(facts, profile, now):
                    answers |= bit
        if self._schedules:
            if self._second != now // 1:  # schedules change at whole seconds only
                self._open_now = sum(bit for bit, gate in self._schedules if gate.open(facts, None, now))
                self._second = now // 1
            answers |= self._open_now
        for bit, test in self._aged:
            if test(facts):
                answers |= bit
        return answers

    def _used_up(self, profile: Profile, now: float) -> int:
        """The bits of the caps that are reached."""
        closed = 0
        for key, times in profile.exposures.items():
            for bit, gate in self._caps.get(key, ()):
                if count_after(times, now - gate.seconds) >= gate.most:
                    closed |= bit
        for (widest, gate), *narrower in self._wide_caps.values():
            if not gate.open({}, profile, now):
                closed |= widest + sum(bit for bit, _ in narrower)
            elif narrower:
                shown = gate.shown(profile, now)
                closed |= sum(bit for bit, each in narrower if shown >= each.most)
        return closed
