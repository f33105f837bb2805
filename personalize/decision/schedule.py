"""When an experience is open: from, until, days and hours, in the config's timezone.

Times are wall-clock times. Where a clock change makes one happen twice, the first is meant; one that is skipped is read
with the offset before the change (PEP 495, fold 0). Hours compare with the clock on the wall, so "02:00-03:00" is open
for no time or two hours on the nights of a change. Hours may run past midnight ("22:00-02:00"): the part after
midnight belongs to the day on which they began, so with days [fri] that window ends on Saturday at two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from ..config.models import Schedule

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?")
_HOURS = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)")
_DAY = 24 * 60  # minutes


@dataclass(frozen=True, slots=True)
class OpenTimes:
    """A compiled schedule. `starts` and `ends` are Unix seconds; `opens` and `closes` minutes of the day."""

    zone: ZoneInfo
    starts: float | None
    ends: float | None
    days: frozenset[int]  # 0 is Monday
    opens: int
    closes: int
    sentence: str

    def open_at(self, now: float) -> bool:
        """Whether it is open at a moment (Unix seconds). The answer only changes at whole seconds."""
        if (self.starts is not None and now < self.starts) or (self.ends is not None and now >= self.ends):
            return False
        if len(self.days) == 7 and self.opens == 0 and self.closes == _DAY:
            return True
        local = datetime.fromtimestamp(now, self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.opens < self.closes:
            return self.opens <= minute < self.closes and day in self.days
        # Past midnight: either this day's window has begun, or the day before's has not ended.
        return (minute >= self.opens and day in self.days) or (minute < self.closes and (day - 1) % 7 in self.days)

    def holds_for(self, now: float) -> float:
        """For how many seconds the answer of `open_at` is sure to stay. (Before a clock change it may say less.)"""
        changes = [moment - now for moment in (self.starts, self.ends) if moment is not None and moment > now]
        if len(self.days) < 7 or self.opens != 0 or self.closes != _DAY:
            local = datetime.fromtimestamp(now, self.zone)
            second = local.hour * 3600 + local.minute * 60 + local.second + now % 1
            changes += [(minute * 60 - second) % 86_400 or 86_400.0 for minute in (self.opens, self.closes, 0)]
            then = datetime.fromtimestamp(now + min(changes), self.zone)
            if then.utcoffset() != local.utcoffset():  # clocks change at quarters of an hour
                changes.append(900 - now % 900)
        return min(changes, default=inf)

    def clock(self, now: float) -> str:
        """The moment as the schedule sees it: "Tue 2026-12-01 09:00 Europe/Istanbul"."""
        return f"{datetime.fromtimestamp(now, self.zone):%a %Y-%m-%d %H:%M} {self.zone.key}"


def compile_schedule(schedule: Schedule, timezone: str) -> OpenTimes:
    """The schedule in a timezone (an IANA name). Raises ValueError with a sentence for a time, hours or a
    timezone that is none, and for a schedule that never opens."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, OSError, ValueError):
        raise ValueError(f'there is no timezone "{timezone}"; names are such as Europe/Istanbul') from None
    starts = _moment(schedule.from_, zone)
    ends = _moment(schedule.until, zone)
    if starts is not None and ends is not None and starts >= ends:
        raise ValueError("this never opens: until is not after from")
    opens, closes = _hours(schedule.hours)
    days = frozenset(map(_DAYS.index, schedule.days)) or frozenset(range(7))
    return OpenTimes(zone, starts, ends, days, opens, closes, _sentence(schedule, timezone))


def _moment(text: str | None, zone: ZoneInfo) -> float | None:
    if text is None:
        return None
    if (found := _MOMENT.fullmatch(text.strip())) is None:
        raise ValueError(f'a time is written as "2026-12-01 09:00" or "2026-12-01", not "{text}"')
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}").replace(tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f'there is no such time: "{text}"') from None


def _hours(text: str | None) -> tuple[int, int]:
    if text is None:
        return 0, _DAY
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'hours are written as "08:00-22:00", not "{text}"')
    opens, closes = (_minute(int(found[i]), int(found[i + 1]), text) for i in (1, 3))
    if opens == closes:
        raise ValueError(f'"{text}" is no time at all; leave hours out to mean the whole day')
    return opens % _DAY, closes


def _minute(hour: int, minute: int, text: str) -> int:
    if minute > 59 or hour * 60 + minute > _DAY:
        raise ValueError(f'there is no such time: "{text}"')
    return hour * 60 + minute


def _sentence(schedule: Schedule, timezone: str) -> str:
    parts: Sequence[str] = [
        f"from {schedule.from_}" if schedule.from_ is not None else "",
        f"until {schedule.until}" if schedule.until is not None else "",
        f"on {', '.join(schedule.days)}" if schedule.days else "",
        f"at {schedule.hours}" if schedule.hours is not None else "",
    ]
    return f"open {' '.join(filter(None, parts)) or 'always'} ({timezone})"
