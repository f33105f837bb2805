"""What a client sent, made fit for the log: bounded, finite, and text that every database takes. Pure."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any, Final

_DEPTH: Final = 10
_MOST_KEYS: Final = 300
_MOST_ELEMENTS: Final = 300
_LONGEST_KEY: Final = 200
LONGEST_ID: Final = 128
_LARGEST: Final = 2**63
_FIT: Final = frozenset({bool, type(None)})
# Lone surrogates are no text in UTF-8, and PostgreSQL has no NUL.
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")


def tidy(value: Any, depth: int = _DEPTH) -> Any:
    """A JSON value as any store gives it back unchanged: what is too deep, too many or not finite is cut to null or
    left out, so that the rest of the event counts. A mapping is a copy; what it holds may not be."""
    kind = value.__class__
    if kind is str:
        return tidy_text(value)
    if kind in _FIT:
        return value
    if kind is int:
        return value if -_LARGEST < value < _LARGEST else _as_float(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if depth == 0:
        return None
    if kind is dict:
        if is_tidy(value, depth):
            copied: dict[str, Any] = value.copy()
            return copied
        items = value.items() if len(value) <= _MOST_KEYS else list(value.items())[:_MOST_KEYS]
        return {tidy_text(key)[:_LONGEST_KEY]: tidy(inner, depth - 1) for key, inner in items}
    if kind is list:
        return [tidy(inner, depth - 1) for inner in value[:_MOST_ELEMENTS]]
    return None


def is_tidy(value: dict[str, Any], depth: int = _DEPTH) -> bool:
    """Whether a mapping holds nothing that `tidy` would change. For most that is so, and told without a call for each
    of its texts and numbers; what can be printed holds neither NUL nor a surrogate."""
    if len(value) > _MOST_KEYS:
        return False
    for key, inner in value.items():
        if len(key) > _LONGEST_KEY or not key.isprintable():
            return False
        kind = inner.__class__
        if kind is str:
            if not inner.isprintable():
                return False
        elif kind is float:
            if not -math.inf < inner < math.inf:
                return False
        elif kind is int:
            if not -_LARGEST < inner < _LARGEST:
                return False
        elif kind not in _FIT and not (kind is dict and depth > 1 and is_tidy(inner, depth - 1)):
            return False
    return True


def tidy_text(text: str) -> str:
    """The text without NUL and lone surrogates, which become U+FFFD."""
    return text if text.isascii() and "\0" not in text else _NO_TEXT.sub("�", text)


def tidy_id(value: object) -> str:
    """An id of a person, a message or an order as text: "" where it is none. A long one is told by its hash."""
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) <= LONGEST_ID and value.isprintable():
            return value.strip()
        text = tidy_text(value.strip())
        if len(text) <= LONGEST_ID:
            return text
        return hashlib.sha256(text.encode()).hexdigest()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # JavaScript knows only one kind of number
    return ""


def _as_float(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None
