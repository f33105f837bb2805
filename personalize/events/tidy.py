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
_LONGEST_ID: Final = 128
_LARGEST: Final = 2**63
_FIT: Final = frozenset({bool, type(None)})
# Lone surrogates are no text in UTF-8, and PostgreSQL has no NUL.
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")


def tidy(value: Any, depth: int = _DEPTH) -> Any:
    """A copy of a JSON value that any store gives back unchanged: what is too deep, too many or not finite is cut
    to null or left out, so that the rest of the event counts."""
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
        items = value.items() if len(value) <= _MOST_KEYS else list(value.items())[:_MOST_KEYS]
        depth -= 1
        # Texts in ASCII are most of all there is, and then numbers: no call for them halves what an event costs here.
        return {
            key if len(key) <= _LONGEST_KEY and key.isascii() and "\0" not in key else tidy_text(key)[:_LONGEST_KEY]: (
                inner
                if (inner.isascii() and "\0" not in inner if (of := inner.__class__) is str else of in _FIT)
                or (of is float and -math.inf < inner < math.inf)
                else tidy(inner, depth)
            )
            for key, inner in items
        }
    if kind is list:
        return [tidy(inner, depth - 1) for inner in value[:_MOST_ELEMENTS]]
    return None


def tidy_text(text: str) -> str:
    """The text without NUL and lone surrogates, which become U+FFFD."""
    return text if text.isascii() and "\0" not in text else _NO_TEXT.sub("�", text)


def tidy_id(value: object) -> str:
    """An id of a person, a message or an order as text: "" where it is none. A long one is told by its hash."""
    if value is None:
        return ""
    if isinstance(value, str):
        if len(value) <= _LONGEST_ID and value.isascii() and "\0" not in value:
            return value.strip()
        text = tidy_text(value.strip())
        if len(text) <= _LONGEST_ID:
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
