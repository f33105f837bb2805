"""What can close an experience besides its condition: schedule, cool-down, delay, expire, caps.

Each gate says whether it is open, from the facts, the profile (None: nothing is known) and the time, and can explain
itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..conditions import shown_age, shown_duration
from ..model import Profile, Step
from .schedule import OpenTimes
from .signals import Signal

Facts = Mapping[str, Any]


class Gate(Protocol):
    def open(self, facts: Facts, profile: Profile | None, now: float) -> bool:
        """Whether the experience may be shown, as far as this gate is concerned."""

    def explain(self, facts: Facts, profile: Profile | None, now: float) -> Step:
        """The same, with the values it saw."""


@dataclass(frozen=True, slots=True)
class ScheduleGate:
    times: OpenTimes

    def holds_for(self, now: float) -> float:
        """For how many seconds the answer stays."""
        return self.times.holds_for(now)

    def open(self, facts: Facts, profile: Profile | None, now: float) -> bool:
        return self.times.open_at(now)

    def explain(self, facts: Facts, profile: Profile | None, now: float) -> Step:
        return Step(f"schedule: {self.times.sentence}", self.times.open_at(now), self.times.clock(now))


@dataclass(frozen=True, slots=True)
class CoolDownGate:
    """Closed for `seconds` after an event."""

    event: str
    seconds: float

    def open(self, facts: Facts, profile: Profile | None, now: float) -> bool:
        if profile is None:
            return True
        last = profile.happened.get(self.event)
        return last is None or now - last >= self.seconds

    def explain(self, facts: Facts, profile: Profile | None, now: float) -> Step:
        last = profile.happened.get(self.event) if profile is not None else None
        saw = "never happened" if last is None else f"happened {_ago(now - last)}"
        what = f"cool_down: {shown_duration(self.seconds)} after {self.event}"
        return Step(what, self.open(facts, profile, now), saw)


@dataclass(frozen=True, slots=True)
class SignalGate:
    """Open once the signal is `delay` old, until it is `expire` old. `signals` are the behaviours that may be it, by
    key; `segments` the remembered segments that stand in where none of those tells. See signals."""

    signals: tuple[tuple[str, Signal], ...]
    segments: tuple[str, ...]
    delay: float | None
    expire: float | None

    def age(self, facts: Facts, profile: Profile | None, now: float) -> float | None:
        if profile is None:
            return None
        youngest: float | None = None
        for key, last in self.signals:
            if facts.get(key) and (time := last(profile)) is not None and (youngest is None or time > youngest):
                youngest = time
        if youngest is None:
            members = facts.get("segments", ())
            times = [profile.remembered[n] for n in self.segments if n in members and n in profile.remembered]
            youngest = max(times, default=None)
        return None if youngest is None else now - youngest

    def open(self, facts: Facts, profile: Profile | None, now: float) -> bool:
        age = self.age(facts, profile, now)
        if age is None:
            return False
        return (self.delay is None or age >= self.delay) and (self.expire is None or age < self.expire)

    def explain(self, facts: Facts, profile: Profile | None, now: float) -> Step:
        age = self.age(facts, profile, now)
        limits = (
            f"delay: at least {shown_duration(self.delay)} old" if self.delay is not None else "",
            f"expire: less than {shown_duration(self.expire)} old" if self.expire is not None else "",
        )
        saw = "no behaviour in the condition happened" if age is None else f"the signal came {_ago(age)}"
        return Step(", ".join(filter(None, limits)), self.open(facts, profile, now), saw)


@dataclass(frozen=True, slots=True)
class CapGate:
    """Open while fewer than `most` exposures lie within the last `seconds`. `prefix` is "slot/experience", or "slot/"
    for all experiences of a slot, those that left the config included, or "" for the whole site but the slots in
    `besides`, each as "slot/". It counts what the profile lists, so the profile
    has to list at least `most` times of each experience."""

    prefix: str
    most: int
    seconds: float
    besides: tuple[str, ...] = ()

    def shown(self, profile: Profile | None, now: float) -> int:
        if profile is None or not profile.exposures:
            return 0
        since = now - self.seconds
        if self.prefix and not self.prefix.endswith("/"):
            return count_after(profile.exposures.get(self.prefix, ()), since)
        shown = 0
        for key, times in profile.exposures.items():
            if key.startswith(self.prefix) and not key.startswith(self.besides):
                shown += count_after(times, since)
        return shown

    def open(self, facts: Facts, profile: Profile | None, now: float) -> bool:
        return self.shown(profile, now) < self.most

    def explain(self, facts: Facts, profile: Profile | None, now: float) -> Step:
        whose = "site's cap" if not self.prefix else "slot's cap" if self.prefix.endswith("/") else "cap"
        shown = self.shown(profile, now)
        what = f"{whose}: at most {self.most} within {shown_duration(self.seconds)}"
        return Step(what, shown < self.most, f"shown {shown} times")


def count_after(times: Sequence[float], since: float) -> int:
    """How many times lie after `since`; `times` are sorted, newest last."""
    return len(times) - bisect_right(times, since)


def _ago(seconds: float) -> str:
    return f"{shown_age(seconds)} ago"
