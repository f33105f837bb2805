"""When a row happened, as tables and exports write it -> Unix seconds. Pure."""

from __future__ import annotations

import math
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

Order = Literal["", "day-first", "month-first"]

_ZONE: Final = re.compile(r"\s*(?:UTC|GMT|Z)\Z", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})"
    r"(?:,?[ T]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?(?:\s*(?P<zone>[+-]\d\d:?\d\d|UTC|GMT|Z))?)?"
)
_LONGEST: Final = 60  # characters of a date
_EARLIEST: Final = 315_532_800.0  # 1980-01-01
_DAY: Final = 86_400.0


def read_time(value: Any, zone: str, now: float, order: Order = "") -> float | str:
    """Unix seconds, or why it is none. A time without a zone is one of `zone`. `order` says what "5/6/2026" means;
    without it only dates that can be read in one way are."""
    text = str(value).strip()
    try:
        time = float(text)
        time = time / 1000 if time > 1e11 else time
    except ValueError:
        try:
            at = _read(text, order) if len(text) <= _LONGEST else None
            if isinstance(at, str):
                return at
            time = (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).timestamp() if at else math.nan
        except (ValueError, OverflowError):
            time = math.nan
        if math.isnan(time):
            return f'"{text[:40]}" is no time; write 2026-11-30 18:05 or Unix seconds'
    if not math.isfinite(time) or not _EARLIEST <= time <= now + _DAY:
        return f'"{text[:40]}" is before 1980 or in the future'
    return time


def _read(text: str, order: Order) -> datetime | str:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(_ZONE.sub("+00:00", text))
    except ValueError:
        if found := _DATE.fullmatch(text):
            return _numbered(found, order)
        return parsedate_to_datetime(text)  # of e-mail and HTTP: "Sat, 28 Nov 2026 10:00:00 +0300"


def _numbered(found: re.Match[str], order: Order) -> datetime | str:
    """Year first; or as `order` says, also where that makes no date: a file that must be read otherwise in some rows
    is read wrongly in others; without it, day first where points stand between, or whichever can be read so."""
    a, b, c = (int(found[name]) for name in "abc")
    if len(found["a"]) == 4:
        year, month, day = a, b, c
    else:
        if order:
            day, month = (a, b) if order == "day-first" else (b, a)
            if month > 12 >= day:
                return f'"{found[0]}" is not {order}, as --dates says'
        elif found["sep"] == "-" and len(found["a"]) == len(found["c"]) == 2 and b <= 12 and 1 <= c <= 31:
            return f'"{found[0]}" may begin with its year; write that with four digits, or say --dates day-first'
        elif found["sep"] == "." or a > 12 or a == b:
            day, month = a, b
        elif b > 12:
            month, day = a, b
        else:
            return f'"{found[0]}" can be read in two ways; say --dates day-first or --dates month-first'
        year = c + 2000 if len(found["c"]) == 2 else c
    hour = int(found["hour"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    at = datetime(year, month, day, hour, int(found["minute"] or 0), int(found["second"] or 0))
    if zone := found["zone"]:
        return datetime.fromisoformat(at.isoformat() + ("+00:00" if zone[0] not in "+-" else zone))
    return at
