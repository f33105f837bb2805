"""Quantities as editors write them: "50ms", "7d", "12.5%", "64MB"."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SIZES = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]B)", re.IGNORECASE)
_LONGEST = 36_525 * 86_400.0
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def duration(value: object) -> float:
    """Seconds from "50ms", "90s", "10m", "12h", "7d" or "2w"; a plain number is seconds."""
    seconds = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (m := _DURATION.fullmatch(value.strip())):
        seconds = float(m[1]) * _UNITS[m[2]]
    if not 0 <= seconds < math.inf:
        raise ValueError('a duration such as "50ms", "90s", "10m", "12h" or "7d" is needed here')
    if seconds > _LONGEST:
        raise ValueError("a duration of more than 100 years is not meant")
    return seconds


def written(seconds: float) -> str:
    """The shortest way to write a duration: "50ms", "90s", "10m", "7d"."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    for unit in ("d", "h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:g}{unit}"
    return f"{seconds:g}s"


def share(value: object) -> float:
    """A share of one from "100%", "12.5%" or a number between 0 and 1."""
    if isinstance(value, str) and (m := _PERCENT.fullmatch(value)):
        number = float(m[1]) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError('a share such as "50%" or 0.5 is needed here')
    return number


def size(value: object) -> int:
    """Bytes from "500KB", "64MB" or "2GB" (powers of 1024); a plain number is bytes."""
    count = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        count = float(value)
    elif isinstance(value, str) and (m := _SIZE.fullmatch(value.strip())):
        count = float(m[1]) * _SIZES[m[2].upper()]
    if not 0 <= count < math.inf:
        raise ValueError('a size such as "500KB", "64MB" or "2GB" is needed here')
    return int(count)


def written_size(count: int) -> str:
    """The shortest way to write a size: "64MB"."""
    for unit in ("GB", "MB", "KB"):
        if count and count % _SIZES[unit] == 0:
            return f"{count // _SIZES[unit]}{unit}"
    return str(count)


# The schemas are what an editor's YAML plugin checks.
_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*$"},
        {"type": "number", "minimum": 0},
    ]
}
_SHARE_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^0*(100(\.0+)?|\d{1,2}(\.\d+)?)%$"},
        {"type": "number", "minimum": 0, "maximum": 1},
    ]
}

_SIZE_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[KkMmGg][Bb]\s*$"},
        {"type": "number", "minimum": 0},
    ]
}

Duration = Annotated[float, BeforeValidator(duration), WithJsonSchema(_DURATION_SCHEMA)]
Share = Annotated[float, BeforeValidator(share), WithJsonSchema(_SHARE_SCHEMA)]
Size = Annotated[int, BeforeValidator(size), WithJsonSchema(_SIZE_SCHEMA)]
