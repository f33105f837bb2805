"""Which experience a page showed in each slot, as a header that only this site can read. Pure.

A browser's click has to be counted for the experience on its own page, also where other tabs show others by now. The
page's bytes are the app's, so the page tells it beside them, in Server-Timing (https://www.w3.org/TR/server-timing/),
which scripts read of each answer apart. A slot's mark is a keyed digest of its name and the experience's id: the ids,
which may say what a visitor is taken for, are told to nobody; the same experience has the same mark for everybody, so
a copy that a cache keeps says what that copy shows; and a mark by itself proves nothing of who was shown it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

from ..model import Choice

METRIC: Final = "pz"
_LENGTH: Final = 6  # characters: 36 bits tell a slot's experiences apart
_MOST: Final = 4_096  # characters that are read of what a browser tells
_KEPT: Final = 10_000


class Marks:
    """Marks made with the first key; those of all keys are understood."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(key.encode() for key in keys)
        self._made: dict[tuple[str, str | None], str] = {}

    def header(self, choices: Iterable[Choice]) -> tuple[bytes, bytes]:
        """The header of a page that shows this."""
        told = ".".join([self._mark((choice.slot, choice.experience)) for choice in choices])
        return b"server-timing", f'{METRIC};desc="{told}."'.encode("ascii")

    def find(self, told: str, slot: str, experiences: Iterable[str]) -> tuple[str | None] | None:
        """What was shown last of these experiences, by the marks that a browser `told`, the newest last: the one, or
        (None,) for the slot's default; None where no mark is of this slot."""
        known = {_digest(key, slot, name): name for key in self._keys for name in (None, *experiences)}
        return next(((known[mark],) for mark in reversed(told[-_MOST:].split(".")) if mark in known), None)

    def _mark(self, shown: tuple[str, str | None]) -> str:
        made = self._made.get(shown)
        if made is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            made = self._made[shown] = _digest(self._keys[0], *shown)
        return made


def _digest(key: bytes, slot: str, experience: str | None) -> str:
    text = slot if experience is None else f"{slot}/{experience}"
    digest = hmac.new(key, b"shown:" + text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest)[:_LENGTH].decode("ascii")
