"""When an event happened, by a clock that may be wrong. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

_EARLIEST: Final = 946_684_800.0  # 2000-01-01: an earlier time is a clock that was never set
_NUMBER: Final = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?")
_LONGEST: Final = 60  # characters of a date
_SLOWEST: Final = 86_400.0
_RIGHT: Final = 5.0  # seconds that a right clock and a slow network may be off


def parse_time(value: Any) -> float | None:
    """Unix seconds from text (ISO 8601, or a date of e-mail and HTTP; UTC where no zone is told) or from a number, also
    as text, of seconds, milliseconds, microseconds or nanoseconds; None for anything else."""
    if isinstance(value, str):
        if value[4:5] != "-" and _NUMBER.fullmatch(value):
            return parse_time(float(value))
        try:
            told = datetime.fromisoformat(value)
        except ValueError:
            return _written_otherwise(value.strip()) if len(value) <= _LONGEST else None
        return _seconds(told)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except OverflowError:
            return None
        for _ in range(3):
            if seconds > 1e11 and math.isfinite(seconds):
                seconds /= 1000
        return seconds
    return None


def _written_otherwise(text: str) -> float | None:
    """As Ruby and databases write it ("2026-11-28 10:00:00 UTC"), in small letters, and as e-mail and HTTP do."""
    plain = text.upper().removesuffix(" UTC").removesuffix(" GMT")
    for read, written in ((datetime.fromisoformat, plain), (parsedate_to_datetime, text)):
        try:
            return _seconds(read(written))
        except (ValueError, OverflowError):
            continue
    return None


def _seconds(told: datetime) -> float | None:
    try:
        return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def skew_of(sent_at: Any, now: float) -> float | None:
    """How many seconds the sender's clock is behind ours, from when it says it sent this; 0.0 for a right one, and None
    where it does not say.

    Segment's correction (https://segment.com/docs/connections/spec/common/#timestamps): an event's time is the time
    of receipt minus what lay between the event and the sending by the sender's own clock.
    """
    sent = parse_time(sent_at)
    if sent is None or not math.isfinite(sent):
        return None
    return 0.0 if abs(now - sent) <= _RIGHT else now - sent


def is_unsure(time: float, skew: float | None, now: float) -> bool:
    """Is a time that the sender told perhaps the present one, by a clock that is slow? So where it does not say when it
    sent this. What is older than a day is history: no clock is that slow, also one that is in another time zone."""
    return skew is None and _RIGHT < now - time <= _SLOWEST


def event_time(told: Any, skew: float | None, now: float, oldest: float) -> float:
    """The event's time: what was told, corrected; `now` where that is missing, in the future, before 2000 or more than
    `oldest` seconds ago, since then the clock is not to be believed."""
    time = parse_time(told)
    if time is None or not math.isfinite(time):
        return now
    time += skew or 0.0
    return time if max(_EARLIEST, now - oldest) <= time <= now else now
