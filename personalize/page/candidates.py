"""Bytes that might belong to a marker: the cheap search before the careful reading. Nothing is proven here."""

from __future__ import annotations

import re

from .rules import PageRules

NEVER = 1 << 62
_BEFORE = frozenset(b"\"'=: \t\n\f\r")
_AFTER = frozenset(b"\"'>- \t\n\f\r")
_SPELLED = re.compile(rb"&(?:#|lowbar;|UnderBar;|fjlig;)")  # references that may stand for a needle's characters
_REACH = 1024  # bytes of a value before its first reference
_IN_VALUE = re.compile(rb"=[^<>=]*+")


class Candidates:
    """Where in a buffer the names and values of slots that are still looked for stand."""

    def __init__(self, rules: PageRules | None) -> None:
        self._rules = rules
        self._buf = b""
        self._needles: tuple[bytes, ...] = ()
        self._found: dict[bytes, int] = {}  # where each needle comes next
        self._goal = -1

    def aim(self, slots: set[str]) -> None:
        """Look for the markers of these slots only."""
        rules = self._rules
        if rules is None:
            return
        wanted = [name for name, slot in rules.comments.items() if slot in slots]
        wanted += [quick.needle for quick, slot in rules.quick or () if slot in slots]
        self._needles = tuple(dict.fromkeys(wanted))
        self._goal = -1

    def look_in(self, buf: bytes) -> None:
        """Look in another buffer."""
        self._buf = buf
        self._found.clear()
        self._goal = -1

    def next(self, pos: int) -> int:
        """Index of the next candidate from `pos` on; NEVER if there is none."""
        if self._goal >= pos:
            return self._goal
        best = self._spelled(pos) if self._needles else NEVER
        for needle in self._needles:
            at = self._found.get(needle, -1)
            if at < pos:
                at = self._found[needle] = self._find(needle, pos)
            if at < best:
                best = at
        self._goal = best
        return best

    def _find(self, needle: bytes, pos: int) -> int:
        buf = self._buf
        at = buf.find(needle, pos)
        while at >= 0:
            end = at + len(needle)
            if (at == 0 or buf[at - 1] in _BEFORE) and (end == len(buf) or buf[end] in _AFTER):
                return at
            at = buf.find(needle, at + 1)
        return NEVER

    def _spelled(self, pos: int) -> int:
        """A value may be spelled with character references: the next one that stands where a value could."""
        at = self._found.get(b"", -1)
        if at < pos:
            at = NEVER
            for found in _SPELLED.finditer(self._buf, pos):
                equals = self._buf.rfind(b"=", max(pos, found.start() - _REACH), found.start())
                if equals >= pos and _IN_VALUE.fullmatch(self._buf, equals, found.start()):
                    at = found.start()
                    break
            self._found[b""] = at
        return at
