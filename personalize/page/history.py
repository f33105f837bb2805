"""What a page opened so far, remembered as bytes and worked out only when a rule asks for it.

Most pages never ask: the content of their slots is well-formed. So what was read is kept (the very chunks, not copies)
up to a limit, and read again with a whole tree if the end of a slot depends on what is open around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .tree import Tree

HISTORY_LIMIT = 4 << 20  # bytes kept; a slot that stands farther in is taken to stand straight in the body


class Reader(Protocol):
    """Reads a page with a whole tree."""

    tree: Tree | None

    def feed(self, chunk: bytes, last: bool) -> None:
        """Read on, in whole tokens."""


class History:
    """The pieces of a page since all that was open was known last."""

    def __init__(self, reader: Callable[[], Reader]) -> None:
        self._new_reader = reader
        self._reader: Reader | None = None
        self._past: list[tuple[bytes, int, int]] = []
        self._size = 0
        self._mark = 0
        self._marked_size = 0

    def note(self, buf: bytes, start: int, end: int) -> None:
        """The page goes on with buf[start:end], read in whole tokens."""
        if start < end:
            self._size += end - start
            if self._size <= HISTORY_LIMIT:
                self._past.append((buf, start, end))
            else:
                self._past = []

    def mark(self) -> None:
        """What was noted so far is what a tree that begins now may ask for."""
        self._mark, self._marked_size = len(self._past), self._size

    def forget(self) -> None:
        """Nobody will ask any more."""
        self._past.clear()

    def tree(self) -> Tree:
        """All that was open at the mark."""
        if self._marked_size > HISTORY_LIMIT:
            self._reader = None
        reader = self._reader = self._reader or self._new_reader()
        if self._marked_size <= HISTORY_LIMIT:
            for buf, start, end in self._past[: self._mark]:
                reader.feed(buf[start:end], False)
        assert reader.tree is not None
        return reader.tree

    def begin_again(self, tree: Tree) -> None:
        """This tree holds all that is open now."""
        self._reader = self._reader or self._new_reader()
        self._reader.tree = tree
        self._past = []
        self._size = 0
