"""The log in this process's memory: for tests, previews, and sites that must not write to disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..errors import StoreError
from ..model import Event
from .rows import Row, event_of, row_of


class MemoryStore:
    """Keeps the newest `limit` events and forgets the rest, since memory is all it has. Otherwise the same
    as every store: ids are stored once, order is the order of appending, and what is read are copies."""

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._closed = False
        self._rows: deque[Row] = deque()
        self._last = 0  # the newest row's seq; the oldest row's is _last - len(_rows) + 1
        self._ids: set[str] = set()
        self._of_visitor: dict[str, deque[int]] = {}

    async def open(self) -> None:
        self._closed = False

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        self._check()
        new = 0
        for row in map(row_of, events):
            if row[0] in self._ids:
                continue
            new += 1
            self._last += 1
            self._rows.append(row)
            self._ids.add(row[0])
            self._of_visitor.setdefault(row[3], deque()).append(self._last)
            if len(self._rows) > self._limit:
                self._forget_oldest()
        return new, self._last

    async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
        self._check()
        first = self._last - len(self._rows) + 1
        start = max(after + 1, first)
        # By index, since a deque finds its ends at once: a tail asks for the last few again and again.
        return [event_of(seq, self._rows[seq - first]) for seq in range(start, min(start + limit, self._last + 1))]

    async def of_visitor(self, visitor: str) -> list[Event]:
        self._check()
        first = self._last - len(self._rows) + 1
        return [event_of(seq, self._rows[seq - first]) for seq in self._of_visitor.get(visitor, ())]

    async def last(self) -> int:
        self._check()
        return self._last

    async def close(self) -> None:
        """What was stored stays until the object goes, as a file would."""
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise StoreError("the log is closed")

    def _forget_oldest(self) -> None:
        id_, _, _, visitor, _ = self._rows.popleft()
        self._ids.discard(id_)
        theirs = self._of_visitor[visitor]
        theirs.popleft()
        if not theirs:
            del self._of_visitor[visitor]
