"""The end of a page that nobody reads: what its versions have in common, so that only the rest is compressed anew.

Where a page fits a template, what comes after its last slot is free. It may be most of the page, and hold tokens and
times of its own. Which of its bytes are the same again is only a matter of speed here, never of what leaves: a tail is
always laid out whole, whatever was learned.
"""

from __future__ import annotations

import re
from typing import Final

from .fragments import Fragment, fragment
from .templates import equal

_ANCHOR: Final = 32  # bytes by which the end of a difference is told
_WIDEST: Final = 512  # bytes of a difference; only the last of a tail may be longer
_MOST: Final = 32  # constants of a tail
_REST: Final = 1024  # bytes beside the constants up to which a tail counts as known
_TOKEN = re.compile(rb"[\w.:+/=%-]*")
_TOKEN_END = re.compile(rb"[\w.:+/=%-]*\Z")
_LONGEST_TOKEN: Final = 64

Step = tuple[Fragment | None, bytes | memoryview | None]
"""What is the same each time, or else the bytes themselves."""


class Tail:
    """What is known of the tails of one template. `cost` is in bytes of memory."""

    __slots__ = ("_constants", "_last", "_misses", "cost")

    def __init__(self) -> None:
        self._constants: list[tuple[bytes, Fragment]] = []
        self._last = b""
        self._misses = 0
        self.cost = 0

    def lay(self, page: bytes, at: int) -> list[Step]:
        """The bytes of `page` from `at` on, in steps."""
        steps, loose = self._fit(page, at)
        if steps and loose <= _REST:
            return steps
        self._misses += 1
        tail = page[at:]
        # What varies without a pattern is looked into ever more rarely.
        if self._misses > 1 and self._misses & (self._misses - 1) == 0:
            self._constants = [(text, fragment(text)) for text in common(self._last, tail)]
            steps, _ = self._fit(page, at)
        self._last = tail
        self.cost = len(tail) + sum(len(text) + known.cost for text, known in self._constants)
        return steps or [(None, tail)]

    def _fit(self, page: bytes, at: int) -> tuple[list[Step], int]:
        """The steps, none where the tail is another, and how many bytes of them are loose."""
        constants = self._constants
        if not constants or not page.startswith(constants[0][0], at):
            return [], 0
        steps: list[Step] = [(constants[0][1], None)]
        at += len(constants[0][0])
        loose = 0
        for text, known in constants[1:-1]:
            found = page.find(text[:_ANCHOR], at, at + _WIDEST + _ANCHOR)
            if found < 0 or not page.startswith(text, found):
                return [], 0
            steps += ((None, page[at:found]), (known, None))
            loose += found - at
            at = found + len(text)
        text, known = constants[-1]
        end = len(page) - len(text)
        if end < at or not page.endswith(text):
            return [], 0
        steps += ((None, page[at:end]), (known, None))
        return steps, loose + end - at


def common(old: bytes, new: bytes) -> list[bytes]:
    """What two versions have in common: at least two pieces of the new one, the first at its start and the last at its
    end, either of which may be empty. Where they differ is widened to whole tokens: a time's next second differs in
    one digit only, its next hour in more."""
    found: list[bytes] = []
    i = j = 0
    while len(found) < _MOST - 2:
        begin, same = j, equal(old, i, new, j)
        i, j = i + same, j + same
        if i == len(old) and j == len(new):
            return [*found, new[begin:j], b""]
        back = _TOKEN_END.search(new, max(begin, j - _LONGEST_TOKEN), j)
        text = new[begin : back.start() if back is not None else j]
        if text or not found:
            found.append(text)
        next_ = _resync(old, i, new, j)
        if next_ is None:
            break
        i, j = next_
    rest = min(len(old) - i, len(new) - j)
    same = equal(old[i:][::-1], 0, new[j:][::-1], 0) if rest else 0
    return [*found, new[len(new) - same :]] if same else [*found, b""]


def _resync(old: bytes, i: int, new: bytes, j: int) -> tuple[int, int] | None:
    """Where the versions are alike again, after the token that differs."""
    for skipped in range(i, min(i + _WIDEST, len(old) - _ANCHOR)):
        found = new.find(old[skipped : skipped + _ANCHOR], j, j + _WIDEST + _ANCHOR)
        if found >= 0:
            token = _TOKEN.match(new, found, found + _ANCHOR)
            size = len(token[0]) if token is not None else 0
            return skipped + size, found + size
    return None
