"""PostHog's capture API: one of its events -> a Message. Pure.

The format is what PostHog's own server clients send to /batch/ (https://posthog.com/docs/api/capture) and, where their
`capture_mode` is "v1", to /i/v1/analytics/events; in browsers to /e/, as text, as a form, or compressed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from ..errors import CollectError
from ..model import OWN_ID
from .bodies import GZIP, inflated
from .segment import Message, Refusal, path_of
from .tidy import tidy_id, tidy_text

# PostHog's events about persons and groups, and what they are in Segment's words.
_KINDS: Final[Mapping[str, str]] = {
    "$identify": "identify", "$set": "identify", "$set_once": "identify", "$create_alias": "alias",
    "$groupidentify": "group", "$pageview": "page", "$screen": "screen",
}  # fmt: skip
_BOOKKEEPING: Final = frozenset({"token", "distinct_id"})  # and all that begins with "$"


def unwrapped(body: bytes) -> bytes:
    """A batch as it was meant: undone are a form, and what base64 or compression is in it, and a list alone is a
    batch. Raises CollectError."""
    if body.startswith(b"data="):
        try:
            body = parse_qs(body, strict_parsing=True, max_num_fields=20)[b"data"][0].strip()
        except ValueError:
            raise CollectError(400, "bad_json", "the form can't be read") from None
        if not body.startswith((b"{", b"[")):
            try:
                body = base64.b64decode(body.replace(b" ", b"+"), validate=True)
            except binascii.Error:
                raise CollectError(400, "bad_encoding", "the data is neither JSON nor base64") from None
    if body.startswith(GZIP):
        body = inflated(body, b"gzip")
    return b'{"batch":%b}' % body if body.lstrip().startswith(b"[") else body


def read_capture(raw: Any, skew: float | None, now: float) -> Message | Refusal:
    """An event in PostHog's format. Its own bookkeeping ("$lib", "$initial_referrer", ...) is left out."""
    if not isinstance(raw, dict):
        return Refusal.BROKEN
    told, properties = raw.get("event"), raw.get("properties")
    name = tidy_text(told).strip() if isinstance(told, str) else "$set" if "$set" in raw else ""
    properties = properties if isinstance(properties, dict) else {}
    kind = _KINDS.get(name, "track")
    traits = _mapping(raw, properties, "$group_set") if kind == "group" else _said(raw, properties)
    user, anonymous = _who(raw, properties, kind)
    other_id = ""
    if kind == "alias":
        # Which of the two is the older one, clients do not agree on; a browser's own is no user's.
        user, other_id = tidy_id(properties.get("alias")), tidy_id(properties.get("distinct_id"))
        if OWN_ID.fullmatch(user):
            user, other_id = other_id, user
    elif kind == "group":
        other_id = tidy_id(properties.get("$group_key"))
    page = {"url": properties.get("$current_url"), "path": properties.get("$pathname")}
    time, ago = raw.get("timestamp"), raw.get("offset")
    if time is None and isinstance(ago, int | float) and not isinstance(ago, bool):
        time, skew = now - ago / 1000 if abs(ago) < 1e15 else None, 0.0  # milliseconds, by the sender's clock alone
    return Message(
        kind=kind,
        name=name if kind == "track" else _text(properties.get("$screen_name")),
        properties=page if kind == "page" else _kept(properties),
        user_id=user,
        anonymous_id=anonymous,
        id=tidy_id(raw.get("uuid")) or tidy_id(properties.get("$insert_id")),
        time=time,
        skew=skew,
        traits=traits,
        other_id=other_id,
        path=path_of(page),
        says=kind not in ("identify", "alias", "group") and bool(traits),
    )


def _who(raw: Mapping[str, Any], properties: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """The user's id and the browser's. One `distinct_id` is either; what a visitor's cookie holds is found among the
    anonymous ones. Clients in browsers tell their own beside it."""
    person = tidy_id(raw.get("distinct_id", properties.get("distinct_id", raw.get("$distinct_id"))))
    device = tidy_id(properties.get("$device_id", raw.get("$device_id")))
    if kind == "identify" and (before := tidy_id(properties.get("$anon_distinct_id"))):
        return person, before  # who signs in, and what the browser was called before
    # What is told of a group is told under an id that stands for the group, or that was made up for it.
    group = kind == "group" and (person.startswith("$") or properties.get("$process_person_profile") is False)
    if group or person == device or properties.get("$is_identified") is False:
        return "", person
    return person, device if kind == "alias" else device or person


def _said(raw: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """What an event of any kind says of its person."""
    gone = properties.get("$unset", raw.get("$unset"))
    unset = {name: None for name in gone if isinstance(name, str)} if isinstance(gone, list) else {}
    return _kept({**_mapping(raw, properties, "$set_once"), **_mapping(raw, properties, "$set"), **unset})


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if not key.startswith("$") and key not in _BOOKKEEPING}


def _mapping(raw: Mapping[str, Any], properties: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Older clients put these beside the properties, newer ones into them, and some into both."""
    one, other = raw.get(key), properties.get(key)
    return {**(one if isinstance(one, dict) else {}), **(other if isinstance(other, dict) else {})}


def _text(value: object) -> str:
    return tidy_text(value) if isinstance(value, str) else ""
