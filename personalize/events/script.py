"""What browsers load: our own script. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SCRIPT_HEADERS: Final = (
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"cache-control", b"public, max-age=300"),
    (b"x-content-type-options", b"nosniff"),
)


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
