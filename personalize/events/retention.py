"""How long events are kept: old ones of the named kinds leave the log, a little at a time.

Rule 1  The log is walked in short slices with a rest after each, so that a write never waits long behind it.
Rule 2  Only kinds that the config names go. An event's age is that of its own time, not of its arrival.
Rule 3  What a fold learned from an event stays with the fold until its next start; a profile read anew knows what is
        left in the log.
Several workers may do this at once: what one removed, the others do not find.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Final, cast

from ..errors import StoreError
from ..protocols import Observer, Store, TrimmingStore

_SLICE: Final = 2_000  # seqs in one transaction
_REST: Final = 0.05  # seconds between two slices
_EVERY: Final = 6 * 3600.0  # seconds between two walks
_FIRST: Final = (60.0, 600.0)  # seconds before the first, drawn for each worker so that they come apart


class Retention:
    """`keep` is event name -> seconds, and may be set anew at any time."""

    def __init__(self, store: Store, observer: Observer, keep: Mapping[str, float], *, rest: float = _REST) -> None:
        self.keep = keep
        self._store = store
        self._observer = observer
        self._rest = rest

    async def follow(self) -> None:
        """Walk the log again and again, until cancelled. A store that fails is told, and asked again next time."""
        await asyncio.sleep(random.uniform(*_FIRST))
        while True:
            try:
                await self.sweep(time.time())
            except StoreError as error:
                self._observer.failed("retention", error)
            await asyncio.sleep(_EVERY)

    async def sweep(self, now: float) -> int:
        """One walk; returns how many events went. Raises StoreError."""
        before = {name: now - seconds for name, seconds in self.keep.items()}
        if not before:
            return 0
        if not hasattr(self._store, "trim"):
            raise StoreError("this store can't remove single events, so retention has no effect")
        store = cast(TrimmingStore, self._store)
        removed, after, last = 0, 0, await self._store.last()
        # The next event's own seq, since gaps may be wide.
        while after < last and (following := await self._store.read(after, 1)):
            after = following[0].seq - 1 + _SLICE
            removed += await store.trim(following[0].seq - 1, after, before)
            await asyncio.sleep(self._rest)
        self._observer.count("events.expired", removed)
        return removed
