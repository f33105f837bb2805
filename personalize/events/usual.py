"""The usual message of a site's server, read in one go: a track by a user id, and nothing to be careful of. Pure.

A law, which tests hold: what this makes of a message is what `segment` makes of it, or nothing. It only costs half.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from ..config.event_names import canonical_name
from ..model import Event
from .clocks import event_time, is_unsure
from .names import AMOUNTS, MEANT, NEVER_TOLD, TRUSTED_ONLY, UNVERIFIED
from .segment import OLDEST, RESERVED, UNSURE, VIA, Caller, name_of
from .tidy import LONGEST_ID, is_tidy

_CARE: Final = frozenset({*MEANT, *RESERVED})  # properties that do not stay as they come
_OUTSIDE: Final = frozenset({"anonymousId", "sentAt", "originalTimestamp"})
_IN_CONTEXT: Final = frozenset({"page", "consent", "consentManagement"})
_NAMES: Final = frozenset({*NEVER_TOLD, *TRUSTED_ONLY, "Page Viewed"})  # whose events are more than their properties


def usual_event(raw: dict[str, Any], skew: float | None, caller: Caller) -> Event | None:
    """The log's event for a message in Segment's format from a caller with a write key; None where it is not usual."""
    get = raw.get
    user, told, id_, properties, context = (
        get("userId"), get("event"), get("messageId"), get("properties"), get("context"),
    )  # fmt: skip
    if get("type") != "track" or not caller.trusted or not _OUTSIDE.isdisjoint(raw):
        return None
    if not (user.__class__ is id_.__class__ is told.__class__ is str and properties.__class__ is dict):
        return None
    if context is not None and (context.__class__ is not dict or not _IN_CONTEXT.isdisjoint(context)):
        return None
    name = _usual_name(told) if len(told) <= LONGEST_ID else ""
    if not (name and len(user) <= LONGEST_ID and len(id_) <= LONGEST_ID and user.isprintable() and id_.isprintable()):
        return None
    user, id_ = user.strip(), id_.strip()
    if not (user and id_ and _CARE.isdisjoint(properties) and is_tidy(properties)):
        return None
    for key in AMOUNTS:
        if key in properties and properties[key].__class__ is str:
            return None
    time = event_time(get("timestamp"), skew, caller.now, OLDEST[True])
    kept = {**properties, VIA: caller.via}
    if is_unsure(time, skew, caller.now):
        kept[UNSURE] = True
    return Event(f"w:{id_}", name, time, f"u:{user}", kept, plain=True)


@lru_cache(maxsize=4096)
def _usual_name(told: str) -> str:
    """The log's name for an event; "" where there is more to it."""
    name = canonical_name(name_of(told))
    return "" if name in _NAMES or name.startswith(("Order ", UNVERIFIED)) else name
