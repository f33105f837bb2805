"""A page's bytes with its slots filled, chunk by chunk. Sans-IO; one Splicer per response."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Final

from .rules import PageRules
from .scanner import Scanner, Span
from .shapes import Shapes


class WaitType(Enum):
    """The type of WAIT."""

    WAIT = "wait"


WAIT: Final = WaitType.WAIT
"""What `fill` returns for a slot whose content is not known yet."""


class Splicer:
    """Cuts a page at its slots and joins it again.

    `fill(slot)` is asked once per slot, in document order, when everything before the slot may leave: bytes replace the
    slot's inner HTML, None keeps the page's own, WAIT stops the page there until `feed` is called again. Fills are
    never scanned. A slot inside a slot that was replaced is gone and is not asked for.
    """

    def __init__(
        self,
        rules: PageRules,
        fill: Callable[[str], bytes | None | WaitType],
        *,
        shapes: Shapes | None = None,
        route: Hashable = None,
    ) -> None:
        self.waiting: str | None = None
        self.found: list[str] = []
        self._rules = rules
        self._fill = fill
        self._scanner = Scanner(rules)
        self._pieces: deque[bytes] = deque()
        self._head = 0  # bytes of the first piece that have left
        self._out = 0  # bytes of the page that have left or were dropped
        self._next = 0  # the next span to come
        self._inside: Span | None = None  # the span being replaced

    @property
    def gave_up(self) -> str | None:
        """Why the rest of the page passes untouched, if it does."""
        return self._scanner.gave_up

    def feed(self, chunk: bytes, more: bool) -> list[bytes]:
        """Take the next bytes of the page; gives what may leave now, in order. `more` is False with the last ones.

        While `waiting` names a slot, call again with b"" once its fill is known; chunks fed meanwhile are queued.
        """
        if chunk:
            self._pieces.append(chunk)
        self._scanner.feed(chunk, not more)
        return self._advance()

    def _advance(self) -> list[bytes]:
        out: list[bytes] = []
        scanner = self._scanner
        spans, safe = scanner.spans, scanner.safe
        self.waiting = None
        while True:
            inside = self._inside
            if inside is not None:
                if inside.end < 0:
                    self._move(safe, None)
                    return out
                self._move(inside.end, None)
                while self._next < len(spans) and self._within(spans[self._next], inside):
                    self._next += 1
                self._inside = None
            if self._next == len(spans):
                self._move(safe, out)
                return out
            span = spans[self._next]
            if span.dead:
                self._next += 1
                continue
            self._move(span.start, out)
            if span.pending:
                return out
            fill = self._fill(span.slot)
            if isinstance(fill, WaitType):
                self.waiting = span.slot
                return out
            self.found.append(span.slot)
            self._next += 1
            if fill is not None:
                if fill:
                    out.append(fill)
                self._inside = span

    @staticmethod
    def _within(span: Span, outer: Span) -> bool:
        return span.start < outer.end or span.start == outer.start

    def _move(self, upto: int, out: list[bytes] | None) -> None:
        """Let the page's bytes up to an offset leave into `out`, or drop them."""
        pieces = self._pieces
        while self._out < upto and pieces:
            piece, head = pieces[0], self._head
            take = min(len(piece) - head, upto - self._out)
            if head + take == len(piece):
                pieces.popleft()
                self._head = 0
                if out is not None:
                    out.append(piece[head:] if head else piece)
            else:
                self._head = head + take
                if out is not None and take:
                    out.append(piece[head : self._head])
            self._out += take
