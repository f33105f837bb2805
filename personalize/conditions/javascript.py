"""How JavaScript reads and compares values, as far as GrowthBook's conditions lean on it (ECMA-262, chapter 7)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

LISTS = (list, tuple, frozenset, set)

# Python reads "nan", "inf", "1_000" and other scripts' digits as numbers, JavaScript does not.
_NO_NUMBER = re.compile(r"[nNiI_]|[^\x00-\x7f]").search


def text(value: Any) -> str:
    """`value + ""`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, LISTS):
        return ",".join("" if v is None else text(v) for v in value)
    return "[object Object]" if isinstance(value, Mapping) else str(value)


def number(value: Any) -> float:
    """`value * 1`; NaN where there is no number in it."""
    if isinstance(value, int | float):  # true is 1
        return value
    if value is None:
        return 0
    digits = text(value).strip()
    if not digits:
        return 0
    if digits in ("Infinity", "+Infinity", "-Infinity"):
        return math.inf if digits[0] != "-" else -math.inf
    if _NO_NUMBER(digits):
        return math.nan
    try:
        return int(digits, 0) if digits[:2].lower() in ("0x", "0o", "0b") else float(digits)
    except ValueError:
        return math.nan


def truthy(value: Any) -> bool:
    """`!!value`: unlike Python's, an empty list or object is true."""
    return bool(value) and value == value if isinstance(value, str | int | float) else value is not None


def _primitive(value: Any) -> Any:
    """Lists and objects are compared as the texts that they are written as."""
    return text(value) if isinstance(value, (*LISTS, Mapping)) else value


def less(a: Any, b: Any) -> bool:
    """`a < b`: as texts if both are, else as numbers."""
    a, b = _primitive(a), _primitive(b)
    if isinstance(a, str) and isinstance(b, str):
        return (
            a < b
            if a.isascii() or b.isascii()
            else a.encode("utf-16-be", "surrogatepass") < b.encode("utf-16-be", "surrogatepass")
        )
    return number(a) < number(b)


def at_most(a: Any, b: Any) -> bool:
    """`a <= b`; not the same as "not b < a", because of NaN."""
    a, b = _primitive(a), _primitive(b)
    if isinstance(a, str) and isinstance(b, str):
        return not less(b, a)
    return number(a) <= number(b)


def same(a: Any, b: Any) -> bool:
    """`a === b` for plain values; a list or object equals nothing, as two of them are never the same one."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, str):
        return isinstance(b, str) and a == b
    if a is None or b is None:
        return a is b
    return isinstance(a, int | float) and isinstance(b, int | float) and a == b


def same_deeply(a: Any, b: Any) -> bool:
    """Equal as JSON: lists in order, objects in any order, true is not 1."""
    if isinstance(a, LISTS):
        return isinstance(b, LISTS) and len(a) == len(b) and all(map(same_deeply, a, b))
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same_deeply(v, b[k]) for k, v in a.items())
    return same(a, b)


def kind(value: Any) -> str:
    """What GrowthBook's `$type` says."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, LISTS) else "object" if isinstance(value, Mapping) else "unknown"


def shown(value: Any) -> str:
    """A value for an operator's eyes: short, and with control characters escaped."""
    if isinstance(value, frozenset | set):
        value = sorted(value, key=str)
    written = json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= 80 else written[:77] + "..."
