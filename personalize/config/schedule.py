"""The times of a schedule: "2026-12-01 09:00" or a date, in one zone, and hours such as "08:00-22:00"."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2}))?")
_HOURS = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)")


def parse_moment(text: str, zone: ZoneInfo) -> float:
    """Unix seconds of a local time; a date alone is its first minute. Of a time that comes twice (clocks go back)
    the first is taken. Raises ValueError with an editor's sentence, also for a time that a change of clocks skips."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise ValueError('a time is written as "2026-12-01 09:00", or as a date')
    year, month, day, hour, minute = (int(part or 0) for part in found.groups())
    try:
        local = datetime(year, month, day, hour, minute, tzinfo=zone)
        seconds = local.timestamp()
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None
    shown = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    if found[4] and shown.replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError("there is no such time on that day: the clocks go forward over it")
    return seconds


def shown_moment(text: str, zone: ZoneInfo) -> tuple[str, str]:
    """A schedule's time for people, "2026-12-31 23:59" in the zone, and for programs, with its offset (ISO 8601)."""
    local = datetime.fromtimestamp(parse_moment(text, zone), zone)
    return local.strftime("%Y-%m-%d %H:%M"), local.isoformat()


def parse_hours(text: str) -> tuple[int, int]:
    """Minutes of the day, (from, until), `until` exclusive and at most 24:00; past midnight where it is the smaller.
    Raises ValueError with an editor's sentence."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError('hours are written as "08:00-22:00"')
    h1, m1, h2, m2 = (int(part) for part in found.groups())
    first, last = h1 * 60 + m1, h2 * 60 + m2
    if h1 > 23 or m1 > 59 or m2 > 59 or last > 24 * 60:
        raise ValueError("there is no such time of day")
    if first == last:
        raise ValueError("these hours begin and end at the same time: leave them out for the whole day")
    return first, last
