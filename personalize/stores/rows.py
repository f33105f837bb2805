"""An event as plain columns, and back. Every store keeps the same columns, so every store gives back the same event."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from ..model import Event, Shown
from ..protocols import Line

Row = tuple[str, str, float, str, str]  # id, name, time, visitor, properties as JSON

_DEPTH: Final = 20
_BITS: Final = 14_000  # Python refuses to write integers above 4,300 digits


# Most of a log: a page with what was shown on it. The list is one of few, and is JSON on its own.
_PAGE: Final = re.compile(r'\{"path":"([^"\\\x00-\x1f]*)","shown":(\[.{0,4000}\])\}')


def _one_encoder() -> Callable[[Any], str]:
    """JSONEncoder.encode, which for every value makes its machine anew: for an event that costs as much as the writing.
    What holds itself ends in a RecursionError."""
    encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    write = make(None, encoder.default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
    return lambda value: "".join(write(value, 0))


_encode: Final = _one_encoder()


def row_of(event: Event) -> Row:
    """The columns of an event. Total: whatever JSON cannot say becomes text or null, so that one strange
    event never takes the rest of its batch with it."""
    return text_of(event.id), text_of(event.name), _finite(event.time), text_of(event.visitor), _json(event.properties)


def event_of(seq: int, row: Row) -> Event:
    """The event that `row_of` made these columns from, with its place in the log."""
    id_, name, time, visitor, properties = row
    return Event(id_, name, time, visitor, _properties(properties), seq)


def event_of_line(line: Line) -> Event:
    """The same of a line as Store.lines gives it."""
    seq, id_, name, time, visitor, properties = line
    return Event(id_, name, time, visitor, _properties(properties), seq)


def _properties(text: str) -> dict[str, Any]:
    """A row that somebody edited by hand must not stop every reader of the log: its text is kept as evidence."""
    try:
        if (page := _PAGE.fullmatch(text)) is not None and (shown := _shown(page[2])) is not None:
            return {"path": page[1], "shown": shown}
        properties = json.loads(text)
    except ValueError:
        properties = None
    return properties if isinstance(properties, dict) else {"unreadable": text}


@lru_cache(maxsize=256)
def _shown(text: str) -> Shown | None:
    """A list of exposures as many pages have it: read once for all of them."""
    try:
        exposures = json.loads(text)
    except ValueError:
        return None
    return Shown(exposures) if all(type(exposure) is dict for exposure in exposures) else None


def _json(properties: Mapping[str, Any]) -> str:
    try:
        shown = properties.get("shown")
        if shown.__class__ is Shown and len(properties) == 2 and "path" in properties:
            if shown.text is None:
                shown.text = _encode(shown)
            return f'{{"path":{_encode(properties["path"])},"shown":{shown.text}}}'
        # The plain way first: nearly every event takes it, and it runs in C.
        return _encode(properties)
    except (TypeError, ValueError, RecursionError):
        return _encode(_plain(properties, _DEPTH))


def _plain(value: Any, depth: int) -> Any:
    """`value` with only what JSON has; deeper than `depth` is cut to null."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < _BITS else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth == 0:
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth - 1) for inner in value]
    return str(value)


def text_of(value: str) -> str:
    """UTF-8 has no lone surrogates; they become question marks (JSON can escape them, columns cannot)."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def _finite(time: float) -> float:
    return float(time) if math.isfinite(time) else 0.0
