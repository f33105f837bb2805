"""Version numbers compared as text, the way GrowthBook pads them (its sdk-js `paddedVersionString`)."""

from __future__ import annotations

import re

from . import javascript as js

_DROPPED = re.compile(r"^v|\+.*$")  # a leading v, and build metadata
_PARTS = re.compile(r"[-.]")


_LONGEST, _MOST = 200, 1024


class Padded(dict[str, str]):
    """Texts as versions, remembered as long as there are few of them; look one up to make it."""

    def __missing__(self, text: str) -> str:
        parts = _PARTS.split(_DROPPED.sub("", text[:_LONGEST] or "0"))
        if len(parts) == 3:
            parts.append("~")  # so that 1.0.0 sorts after 1.0.0-rc: "~" is the last of the printable letters
        made = "-".join(part.rjust(5) if part.isascii() and part.isdigit() else part for part in parts)
        if len(text) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[text] = made
        return made


PADDED = Padded()


def padded(version: object) -> str:
    """A text that sorts where the version does; what is no version counts as "0"."""
    if isinstance(version, int | float) and not isinstance(version, bool):
        version = js.text(version)
    return PADDED[version if isinstance(version, str) else "0"]
