"""How long events are kept: old ones of the named kinds leave the log, a little at a time.

Rule 1  The log is walked in short slices with a rest after each, so that a write never waits long behind it.
Rule 2  Only kinds that the config names go. An event's age is that of its own time, not of its arrival.
Rule 3  Only lines go of which all that they taught is kept beside the log (recommendations, links), so that a start
        knows no less than a process that lived on. Profiles are what the log still says: that lines left is itself a
        line, and every worker reads anew what it has in memory.
Rule 4  One worker walks at a time: who begins says so in the store, and the others leave it for six hours.
Rule 5  A line stays for a day after it came, however old it was then: until then its id is not taken again.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

from ..errors import StoreError
from ..model import EXPIRED, OPERATOR, Event
from ..protocols import KeepingStore, Observer, Store, TrimmingStore

GROUP: Final = "retention"  # stands at the Unix second until which the last walk counts
_MARKS: Final = "marks"  # what the log's last seq was at walks of late: [[Unix seconds, seq], ...]
_STAYS: Final = 86_400.0  # seconds of Rule 5
_SLICE: Final = 2_000  # seqs in one transaction
_REST: Final = 0.05  # seconds between two slices
_EVERY: Final = 6 * 3600.0  # seconds between two walks
_LOOK: Final = (1800.0, 3600.0)  # seconds between two looks whether one is due, drawn each time
_FIRST: Final = (60.0, 600.0)  # seconds before the first look


async def _everything() -> None:
    return None


class Retention:
    """`keep` is event name -> seconds, and may be set anew at any time. `known` tells up to which seq all that events
    taught is kept (None: nothing has to be, since it is told by no log)."""

    def __init__(
        self,
        store: Store,
        observer: Observer,
        keep: Mapping[str, float],
        *,
        known: Callable[[], Awaitable[int | None]] = _everything,
        rest: float = _REST,
    ) -> None:
        self.keep = keep
        self._store = store
        self._observer = observer
        self._known = known
        self._rest = rest

    async def follow(self) -> None:
        """Walk the log again and again, until cancelled. A store that fails is told, and asked again next time."""
        await asyncio.sleep(random.uniform(*_FIRST))
        while True:
            try:
                if self.keep and (upto := await self.may_walk(time.time())) is not None:
                    await self.sweep(time.time(), upto)
            except StoreError as error:
                self._observer.failed("retention", error)
            await asyncio.sleep(random.uniform(*_LOOK))

    async def may_walk(self, now: float) -> int | None:
        """Rules 4 and 5: up to which seq this worker may remove lines now; None where it is not its turn. Raises
        StoreError."""
        last = await self._store.last()
        if not hasattr(self._store, "keep"):
            return last
        store = cast(KeepingStore, self._store)
        until, kept = await store.kept(GROUP, (_MARKS,))
        if until > now:
            return None
        marks: list[list[float]] = [*json.loads(kept.get(_MARKS, b"[]")), [now, last]]
        old = [mark for mark in marks if mark[0] <= now - _STAYS][-1:]
        marks = old + [mark for mark in marks if now - _STAYS < mark[0] <= now]
        done = await store.keep(GROUP, until, int(now + _EVERY), {_MARKS: json.dumps(marks).encode()})
        return (int(old[0][1]) if old else 0) if done else None

    async def sweep(self, now: float, upto: int) -> int:
        """One walk up to a seq; returns how many events went. Raises StoreError."""
        before = {name: now - seconds for name, seconds in self.keep.items()}
        if not before:
            return 0
        if not hasattr(self._store, "trim"):
            raise StoreError("this store can't remove single events, so retention has no effect")
        store = cast(TrimmingStore, self._store)
        removed, after, last = 0, 0, upto
        if (known := await self._known()) is not None:  # Rule 3
            last = min(last, known)
        try:
            # The next event's own seq, since gaps may be wide.
            while after < last and (following := await self._store.read(after, 1)):
                first = following[0].seq - 1
                after = min(first + _SLICE, last)
                removed += await store.trim(first, after, before)
                await asyncio.sleep(self._rest)
        finally:
            if removed:
                self._observer.count("events.expired", removed)
                told = {"removed": removed, "before": before}
                await self._store.append([Event(uuid.uuid4().hex, EXPIRED, now, OPERATOR, told)])
        return removed
