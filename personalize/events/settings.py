"""What clients in browsers ask for when they start, before they send anything. They are told where to send, and that
nothing else is to be loaded. Pure.

analytics.js is told this site's prefix as its `cdnURL`, RudderStack's client as its data plane and its `configUrl`,
PostHog's as its `api_host`. The key is any name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..model import Request

# Of surveys nothing is said: told that there are none, the client loads its script for them.
_EVENTS_ONLY: Final[Mapping[str, Any]] = {
    "supportedCompression": ["gzip", "gzip-js"],
    "hasFeatureFlags": False,
    "autocapture_opt_out": True,
    "captureDeadClicks": False,
    "capturePerformance": False,
    "autocaptureExceptions": False,
    "heatmaps": False,
    "sessionRecording": False,
    "siteApps": [],
    "defaultIdentifiedOnly": True,
    "isAuthenticated": False,
    "toolbarParams": {},
}
_SCRIPT: Final = re.compile(r"/array/([^/]{1,200})/config\.js")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def settings(path: str, request: Request, prefix: str) -> dict[str, Any] | None:
    """The answer to a client that starts; None for another path, or a request without a usable Host."""
    if not _HOST.fullmatch(request.host):
        return None
    for pattern, (methods, answer) in _ASKED.items():
        if (found := pattern.fullmatch(path)) and request.method in methods:
            return answer(found, request, prefix)
    return None


def settings_script(path: str) -> bytes | None:
    """What PostHog's client asks for as a script, before it asks for the same as JSON; None for another path."""
    found = _SCRIPT.fullmatch(path)
    if found is None:
        return None
    told = json.dumps({found[1]: {"config": _EVENTS_ONLY, "siteApps": []}}, separators=(",", ":"))
    return f"window._POSTHOG_REMOTE_CONFIG=Object.assign(window._POSTHOG_REMOTE_CONFIG||{{}},{told})".encode()


def _of_segment(found: re.Match[str], request: Request, prefix: str) -> dict[str, Any]:
    """The scheme is that of the page, for the one seen here may be a proxy's."""
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


def _of_rudderstack(found: re.Match[str], request: Request, prefix: str) -> dict[str, Any]:
    """Neither errors nor figures of the client are collected, and no destination's script is loaded."""
    off = {"enabled": False}
    source = {
        "id": "personalize",
        "name": "personalize",
        "writeKey": "",
        "enabled": True,
        "workspaceId": "personalize",
        "config": {"statsCollection": {"errors": off, "metrics": off}},
        "destinations": [],
        "dataplanes": {},
    }
    return {"source": source, "updatedAt": "2026-01-01T00:00:00.000Z"}


def _of_posthog(found: re.Match[str], request: Request, prefix: str) -> dict[str, Any]:
    """Events only: no recording, no surveys, no record of every click."""
    return {**_EVENTS_ONLY}


def _flags(found: re.Match[str], request: Request, prefix: str) -> dict[str, Any]:
    """PostHog's flags are none; those of `personalize` are asked for elsewhere."""
    none = {"flags": {}, "featureFlags": {}, "featureFlagPayloads": {}, "errorsWhileComputingFlags": False}
    return {**_EVENTS_ONLY, **none}


_Answer = Callable[[re.Match[str], Request, str], dict[str, Any]]
_READ: Final = frozenset({"GET", "HEAD"})
_ASKED: Final[Mapping[re.Pattern[str], tuple[frozenset[str], _Answer]]] = {
    re.compile(r"/v1/projects/([^/]{1,200})/settings"): (_READ, _of_segment),
    re.compile(r"/sourceConfig/?"): (_READ, _of_rudderstack),
    re.compile(r"/array/[^/]{1,200}/config"): (_READ, _of_posthog),
    re.compile(r"/(?:flags|decide)/?"): (_READ | {"POST"}, _flags),
}
