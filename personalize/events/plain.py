"""Is an event the same after it went through the log? Then it can be folded without being read back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ..model import Event, Shown

_DEPTH: Final = 20
_SMALL: Final = 1 << 63
_LEAVES: Final = frozenset({str, bool, type(None)})


def is_plain(event: Event) -> bool:
    """True if a store gives back an equal event: its texts are UTF-8, its properties what JSON can say. A law of the
    stores' tests; False is always safe and costs one read."""
    return event.plain or (
        event.id.isascii()
        and event.name.isascii()
        and event.visitor.isascii()
        and event.time.__class__ is float
        and math.isfinite(event.time)
        and event.properties.__class__ is dict
        and _are_plain(event.properties)
    )


def _are_plain(properties: Mapping[str, Any]) -> bool:
    for key, value in properties.items():
        kind: type = value.__class__
        if kind is not Shown and (key.__class__ is not str or (kind not in _LEAVES and not _is_plain(value, _DEPTH))):
            return False
    return True


def _is_plain(value: Any, depth: int) -> bool:
    kind: type = value.__class__
    if kind in _LEAVES:
        return True
    if kind is int:
        return bool(-_SMALL < value < _SMALL)
    if kind is float:
        return math.isfinite(value)
    if depth == 0:
        return False
    if kind is list:
        return all(_is_plain(inner, depth - 1) for inner in value)
    if kind is dict:
        return all(key.__class__ is str and _is_plain(inner, depth - 1) for key, inner in value.items())
    return False
