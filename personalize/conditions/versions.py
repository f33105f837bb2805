"""Version numbers compared as text, the way GrowthBook pads them (its sdk-js `paddedVersionString`)."""

from __future__ import annotations

import re
from functools import lru_cache

from . import javascript as js

_DROPPED = re.compile(r"^v|\+.*$")  # a leading v, and build metadata
_PARTS = re.compile(r"[-.]")


@lru_cache(maxsize=1024)
def _padded(text: str) -> str:
    parts = _PARTS.split(_DROPPED.sub("", text))
    if len(parts) == 3:
        parts.append("~")  # so that 1.0.0 sorts after 1.0.0-rc: "~" is the last of the printable letters
    return "-".join(part.rjust(5) if part.isascii() and part.isdigit() else part for part in parts)


def padded(version: object) -> str:
    """A text that sorts where the version does; what is no version counts as "0"."""
    if isinstance(version, int | float) and not isinstance(version, bool):
        version = js.text(version)
    return _padded(version[:200] if isinstance(version, str) and version else "0")
