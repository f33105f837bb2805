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
from .bodies import inflated
from .segment import OWN_ID, Message, Refusal, path_of
from .tidy import tidy_id, tidy_text

_GZIP: Final = b"\x1f\x8b"
# PostHog's events about persons and groups, and what they are in Segment's words.
_KINDS: Final[Mapping[str, str]] = {
    "$identify": "identify", "$set": "identify", "$create_alias": "alias", "$groupidentify": "group",
    "$pageview": "page", "$screen": "screen",
}  # fmt: skip


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
    if body.startswith(_GZIP):
        body = inflated(body, b"gzip")
    return b'{"batch":%b}' % body if body.lstrip().startswith(b"[") else body


def read_capture(raw: Any, skew: float) -> Message | Refusal:
    """An event in PostHog's format. Its own bookkeeping ("$lib", "$geoip_disable", ...) is left out."""
    if not isinstance(raw, dict):
        return Refusal.BROKEN
    told, properties = raw.get("event"), raw.get("properties")
    name = tidy_text(told).strip() if isinstance(told, str) else "$set" if "$set" in raw else ""
    properties = properties if isinstance(properties, dict) else {}
    kind = _KINDS.get(name, "track")
    traits: Any = None
    alias = other_id = ""
    if kind == "identify":
        traits = {**_mapping(raw, properties, "$set_once"), **_mapping(raw, properties, "$set")}
    elif kind == "alias":
        # Which of the two is the older one, clients do not agree on; a browser's own is no user's.
        alias, other_id = tidy_id(properties.get("alias")), tidy_id(properties.get("distinct_id"))
        if OWN_ID.fullmatch(alias):
            alias, other_id = other_id, alias
    elif kind == "group":
        traits, other_id = _mapping(raw, properties, "$group_set"), tidy_id(properties.get("$group_key"))
    # Who signs in: the id that the browser had before is told beside the new one.
    before = tidy_id(properties.get("$anon_distinct_id")) if name == "$identify" else ""
    page = {"url": properties.get("$current_url"), "path": properties.get("$pathname")}
    person = tidy_id(raw.get("distinct_id", properties.get("distinct_id", raw.get("$distinct_id"))))
    kept = {key: value for key, value in properties.items() if not key.startswith("$") and key != "token"}
    return Message(
        kind=kind,
        name=name if kind == "track" else _text(properties.get("$screen_name")),
        properties=page if kind == "page" else kept,
        # Its distinct id is either; what a visitor's cookie holds is found among the anonymous ones.
        user_id=alias if kind == "alias" else person,
        anonymous_id="" if kind == "alias" else before or person,
        id=tidy_id(raw.get("uuid")),
        time=raw.get("timestamp"),
        skew=skew,
        traits=traits,
        other_id=other_id,
        path=path_of(page),
    )


def _mapping(raw: Mapping[str, Any], properties: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Older clients put these beside the properties, newer ones into them."""
    found = properties.get(key, raw.get(key))
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return tidy_text(value) if isinstance(value, str) else ""
