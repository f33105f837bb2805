"""Bytes that might belong to a marker: the cheap search before the careful reading. Nothing is proven here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .rules import PageRules

NEVER = 1 << 62
_BEFORE = frozenset(b"\"'=: \t\n\f\r")
_AFTER = frozenset(b"\"'>- \t\n\f\r")
# References that may stand for a needle's characters; those with a name stand for rules.NAMED.
_SPELLED = re.compile(rb"&(?:#|lowbar;|UnderBar;|fjlig;)")
_AMPERSAND = ord("&")
_PATIENCE = 100  # signs looked at one by one
_REACH = 1024  # bytes of a value before its first reference
_IN_VALUE = re.compile(rb"=[^<>=]*+")


class Candidates:
    """Where in a buffer the names and values of slots that are still looked for stand."""

    def __init__(self, rules: PageRules | None) -> None:
        self._rules = rules
        self._buf = b""
        self._needles: set[bytes] = set()
        self._found: dict[bytes, int] = {}  # where each needle comes next
        self._goal = -1

    def aim(self, slots: set[str]) -> None:
        """Look for the markers of these slots only."""
        rules = self._rules
        if rules is None:
            return
        needles: set[bytes] = set()
        for slot in slots:
            needles |= rules.needles[slot]
        self._needles = needles
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
        best, found = NEVER, self._found
        for needle in self._needles:
            at = found.get(needle, -1)
            if at < pos:
                at = found[needle] = self._find(needle, pos, len(self._buf))
            if at < best:
                best = at
        if self._needles:
            at = found.get(b"", -1)
            if at < pos:  # none before `best` is as good to know as where the next one stands
                at = found[b""] = min(self._spelled(pos, min(best, len(self._buf))), best)
            if at < best:
                best = at
        self._goal = best
        return best

    def between(self, start: int, stop: int) -> bool:
        """Whether a candidate stands between two places."""
        found = self._found
        if not self._needles:
            return False
        for needle in self._needles:
            at = found.get(needle, -1)
            if at < start:
                at = self._find(needle, start, stop)
            if at < stop:
                return True
        return self._spelled(start, stop) < stop

    def _find(self, needle: bytes, pos: int, stop: int) -> int:
        buf = self._buf
        at = buf.find(needle, pos, stop)
        while at >= 0:
            end = at + len(needle)
            if (at == 0 or buf[at - 1] in _BEFORE) and (end == len(buf) or buf[end] in _AFTER):
                return at
            at = buf.find(needle, at + 1, stop)
        return NEVER

    def _spelled(self, pos: int, stop: int) -> int:
        """A value may be spelled with character references: the next one that stands where a value could."""
        buf = self._buf
        for at in self._references(pos, stop):
            equals = buf.rfind(b"=", max(pos, at - _REACH), at)
            if equals >= pos and _IN_VALUE.fullmatch(buf, equals, at):
                return at
        return NEVER

    def _references(self, pos: int, stop: int) -> Iterator[int]:
        if self._rules is not None and not self._rules.named:  # a numeric one has a sign that few pages hold often
            buf = self._buf
            for _ in range(_PATIENCE):
                at = buf.find(b"#", pos + 1, stop)
                if at < 0:
                    return
                if buf[at - 1] == _AMPERSAND:
                    yield at - 1
                pos = at
        for found in _SPELLED.finditer(self._buf, pos, stop):
            yield found.start()
