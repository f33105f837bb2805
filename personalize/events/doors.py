"""The collector's addresses, and what a request's head says of who sends it. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..model import Request


@dataclass(frozen=True, slots=True)
class Door:
    """One address that takes events. `kind` is the message's type where the address tells it; "batch" cuts."""

    browser: bool = False
    batch: bool = False
    kind: str | None = None
    posthog: str = ""  # "", "v0" or "v1": PostHog's protocol


def _doors() -> dict[str, Door]:
    doors = {"/v1/batch": Door(batch=True), "/v1/import": Door(batch=True), "/v1/b": Door(browser=True, batch=True)}
    for kind in ("track", "identify", "page", "screen", "group", "alias"):
        doors[f"/v1/{kind}"] = Door(kind=kind)
        doors[f"/v1/{kind[0]}"] = Door(browser=True, kind=kind)
    doors["/beacon/v1/batch"] = doors["/v1/b"]  # RudderStack's, when a page is left
    doors |= {f"{path}/": door for path, door in doors.items()}
    captures = ("/batch", "/capture", "/e", "/i/v0/e", "/engage")
    doors |= dict.fromkeys([*captures, *(f"{path}/" for path in captures)], Door(batch=True, posthog="v0"))
    doors["/i/v1/analytics/events"] = Door(batch=True, posthog="v1")
    return doors


DOORS: Final = _doors()


def key_of(request: Request) -> str | None:
    """The write key in the Authorization header (Basic's user name, or a Bearer's token); None where there is none."""
    scheme, _, told = request.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return told.strip().decode("latin-1")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(told.strip(), validate=True).partition(b":")[0].decode("utf-8", "replace")
    except binascii.Error:
        return ""


def key_in(envelope: Mapping[str, Any]) -> str:
    return str(envelope.get("api_key", envelope.get("writeKey", envelope.get("token", ""))))


def is_browser(request: Request) -> bool:
    """Whether a page sent it: no program of a site's own server sets these headers."""
    return b"origin" in request.headers or b"sec-fetch-site" in request.headers


_ORIGIN: Final = re.compile(rb"https?://([^/]+)", re.IGNORECASE)


def is_same_origin(request: Request) -> bool:
    """Whether a page of this very site sent the request, as far as a browser tells. What is no browser may say what it
    likes here, and is believed nothing (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/)."""
    site = request.headers.get(b"sec-fetch-site")
    if site is not None:
        return site in (b"same-origin", b"none")
    origin = request.headers.get(b"origin")
    if origin is None:
        return True
    found = _ORIGIN.fullmatch(origin)
    return found is not None and found[1].lower() == request.headers.get(b"host", b"").lower()
