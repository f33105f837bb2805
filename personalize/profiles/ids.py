"""Ids of people as the log writes them, and what an event tells of them. Pure.

A browser's own ("3f0c..."), the site's users ("u:42"), other clients' anonymous ids ("a:..."), and external ones with
their kind ("loyalty:123", "email:<sha256>", "device:..."). An event tells more than its own in `$ids`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from ..model import ERASED, OWN_ID, Event

SIGNED_OUT: Final = "Signed Out"
UNLINKED: Final = "Identity Unlinked"
MERGED: Final = "Identity Merged"
OF_THE_PAST: Final = "erasure"  # the `$via` of a tombstone of what was done before a sign-out
CUT: Final = "\0"  # in no id: between an id and the number of the part of its timeline
_TELLING: Final = frozenset({ERASED, SIGNED_OUT, UNLINKED, "User Identified"})  # without `$ids`, too
LONGEST: Final = 400  # characters of an id that can be somebody else's too; a told one is cut to half of it
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,29}")


def mentioned(event: Event) -> tuple[str, ...]:
    """The ids whose persons this event may join or part, its own first; none for most events."""
    name = event.name
    if name not in _TELLING and ("$via" not in event.properties or "$ids" not in event.properties):
        return ()  # most events: they tell of no other id
    if len(event.visitor) > LONGEST or CUT in event.visitor:
        return ()
    if name == ERASED or (name == SIGNED_OUT and not event.visitor.startswith("u:")):
        return (event.visitor,)
    if not is_trusted(event):
        return ()
    if name == UNLINKED:
        return (id_text(event.properties.get("id")),)
    told = told_ids(event)
    return (event.visitor, *told) if told else ()


def may_mention(name: str, properties: str) -> bool:
    """The same of a line whose properties are still JSON, as the log writes it: never False where `mentioned` has any.
    Traits may tell of an e-mail address, the others in _TELLING need no `$ids`."""
    return name in _TELLING or '"$ids"' in properties


def parts(event: Event) -> bool:
    """Does an event that mentions ids part them, and not join them?"""
    return event.name in (ERASED, UNLINKED) or (event.name == SIGNED_OUT and not event.visitor.startswith("u:"))


def is_of_the_past(tombstone: Event) -> bool:
    """Is this "Visitor Erased" of a part of the timeline that had ended already?"""
    return tombstone.properties.get("$via") == OF_THE_PAST


def is_device(id_: str) -> bool:
    """Is it of a browser or a device, at which several people may sit one after the other?"""
    return id_.startswith(("a:", "device:")) or OWN_ID.fullmatch(id_) is not None


def is_trusted(event: Event) -> bool:
    """Did a server, an import or an operator tell it, and no browser?"""
    return event.properties.get("$via") not in (None, "browser")


def is_unsure(event: Event) -> bool:
    """Was it perhaps told by a clock that is slow? The collector says so."""
    return event.properties.get("$unsure") is True


def told_ids(event: Event) -> list[str]:
    """The other ids of the same person that an event tells, each with its kind."""
    told = event.properties.get("$ids")
    ids: list[str] = []
    for kind, value in told.items() if isinstance(told, Mapping) else ():
        text = id_text(value)
        if not text or not isinstance(kind, str):
            continue
        if kind == "user_id":
            ids.append(f"u:{text}")
        elif kind in ("anonymous_id", "previous_id"):
            ids.append(text if OWN_ID.fullmatch(text) else f"a:{text}")
        elif _KIND.fullmatch(kind) and kind not in ("u", "a"):
            ids.append(external_id(kind, text))
    traits = event.properties.get("traits") if event.name == "User Identified" else None
    email = id_text(traits.get("email")) if isinstance(traits, Mapping) else ""
    if "@" in email:
        ids.append(external_id("email", email))
    # The user first: what else is told belongs to whoever signed in.
    return [id_ for id_ in sorted(dict.fromkeys(ids), key=lambda i: not i.startswith("u:")) if id_ != event.visitor]


def external_id(kind: str, value: str) -> str:
    """An id of another system as the log keeps it. Of an e-mail address only the SHA-256 of its lower-case text, as
    mailing and advertising systems exchange it."""
    if kind == "email" and "@" in value:
        value = hashlib.sha256(value.strip().lower().encode("utf-8", "replace")).hexdigest()
    return f"{kind}:{value}"


def id_text(value: Any) -> str:
    """A told id as text that every store can keep, at most 200 characters; "" for what is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return ""
    return value.replace(CUT, "").strip()[: LONGEST // 2].encode("utf-8", "replace").decode()
