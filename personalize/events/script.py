"""What browsers load: our own script, and the settings that Segment's analytics.js asks for. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..model import Request

SCRIPT_HEADERS: Final = (
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"cache-control", b"public, max-age=300"),
    (b"x-content-type-options", b"nosniff"),
)
_SETTINGS: Final = re.compile(r"/v1/projects/([^/]{1,200})/settings")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Script:
    """/p.js, with the config's slots in it, ready to send."""

    body: bytes
    etag: bytes


def make_script(selectors: Mapping[str, str]) -> Script:
    """`selectors` are those of the slots that a page's own attributes do not mark. They become public with it."""
    source = (Path(__file__).parent / "p.js").read_bytes()
    # In a script file of its own "</script>" needs no care.
    body = source.replace(b"{/*slots*/}", json.dumps(dict(selectors), separators=(",", ":")).encode())
    return Script(body, b'"%s"' % hashlib.sha256(body).hexdigest()[:16].encode())


def matches(told: bytes, etag: bytes) -> bool:
    """If-None-Match (RFC 9110, 13.1.2): weak comparison, any of a list."""
    return told.strip() == b"*" or etag in (one.strip().removeprefix(b"W/") for one in told.split(b","))


def settings(path: str, request: Request, prefix: str) -> dict[str, Any] | None:
    """What analytics.js needs to send its events here: `AnalyticsBrowser.load({writeKey: "any name", cdnURL: "..."})`
    with the address of this site's prefix. None for another path, or a request without a usable Host.

    The scheme is that of the page, for the one seen here may be a proxy's.
    """
    found = _SETTINGS.fullmatch(path)
    if found is None or not _HOST.fullmatch(request.host):
        return None
    referer = request.headers.get(b"referer", b"")
    secure = request.scheme == "https" or referer.startswith(b"https:")
    destination = {
        "apiKey": found[1],
        "apiHost": f"{request.host}{prefix}/v1",
        "protocol": "https" if secure else "http",
        "type": "browser",
        "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
    }
    return {
        "integrations": {"Segment.io": destination},
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "metrics": {"sampleRate": 0},
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
    }
