"""The log in this process's memory: for tests, previews, and sites that must not write to disk."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice

from ..errors import StoreError
from ..model import ERASED, Event
from ..protocols import Line
from .rows import Row, event_of, event_of_line, row_of


class MemoryStore:
    """Keeps the newest `limit` events and forgets the rest, since memory is all it has. Otherwise the same
    as every store: ids are stored once, order is the order of appending, and what is read are copies."""

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._closed = False
        self._rows: deque[Row | None] = deque()  # None where one was removed
        self._last = 0  # the newest row's seq; the oldest row's is _last - len(_rows) + 1
        self._ids: set[str] = set()
        self._of_visitor: dict[str, deque[int]] = {}
        self._kept: dict[str, tuple[int, dict[str, bytes]]] = {}

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
        return [event_of_line(line) for line in await self.lines(after, limit)]

    async def lines(self, after: int = 0, limit: int = 1000) -> list[Line]:
        self._check()
        first = self._last - len(self._rows) + 1
        # By index, since a deque finds its ends at once: a tail asks for the last few again and again.
        kept = (
            (seq, *row)
            for seq in range(max(after + 1, first), self._last + 1)
            if (row := self._rows[seq - first]) is not None
        )
        return list(islice(kept, limit))

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        self._check()
        first = self._last - len(self._rows) + 1
        theirs = (seq for seq in self._of_visitor.get(visitor, ()) if seq > after)
        kept = (event_of(seq, row) for seq in theirs if (row := self._rows[seq - first]) is not None)
        return list(islice(kept, limit))

    async def last(self) -> int:
        self._check()
        return self._last

    async def forget(self, visitor: str, after: int = 0, upto: int | None = None) -> int:
        theirs = await self.of_visitor(visitor, after)
        return self._remove([e for e in theirs if e.name != ERASED and (upto is None or e.seq <= upto)])

    async def trim(self, after: int, upto: int, before: Mapping[str, float]) -> int:
        events = await self.read(after, upto - after)
        return self._remove([e for e in events if e.seq <= upto and e.time < before.get(e.name, -math.inf)])

    async def kept(self, group: str, keys: Sequence[str] | None = None) -> tuple[int, dict[str, bytes]]:
        self._check()
        stands, values = self._kept.get(group, (0, {}))
        return stands, dict(values) if keys is None else {key: values[key] for key in keys if key in values}

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        """Of the values of a group, too, the newest `limit` are kept."""
        self._check()
        stands, kept = self._kept.get(group, (0, {}))
        if stands != before:
            return False
        if alone:
            kept = {}
        for key, value in values.items():
            kept.pop(key, None)
            if value is not None:
                kept[key] = value
        for key in list(islice(kept, max(0, len(kept) - self._limit))):
            del kept[key]
        self._kept[group] = (upto, kept)
        return True

    async def close(self) -> None:
        """What was stored stays until the object goes, as a file would."""
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise StoreError("the log is closed")

    def _remove(self, events: Sequence[Event]) -> int:
        first = self._last - len(self._rows) + 1
        for event in events:
            self._rows[event.seq - first] = None
            self._let_go(event.id, event.visitor, event.seq)
        return len(events)

    def _forget_oldest(self) -> None:
        seq = self._last - len(self._rows) + 1
        row = self._rows.popleft()
        if row is not None:
            self._let_go(row[0], row[3], seq)

    def _let_go(self, id_: str, visitor: str, seq: int) -> None:
        self._ids.discard(id_)
        theirs = self._of_visitor[visitor]
        theirs.remove(seq)
        if not theirs:
            del self._of_visitor[visitor]
