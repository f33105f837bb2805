"""What folds have learned, kept in the store, so that a start reads the end of the log alone.

Rule 1  A snapshot is the state after all events up to one seq, written in one transaction with that seq. So a crash
        leaves the old one or the new one, and the log goes on from where it stands.
Rule 2  While it is made, events wait aside and are folded right after. It is made in slices, so that pages go on.
Rule 3  One of another form (a fold that learns otherwise now) is not read: the folds begin with the log's first event.
Rule 4  Of many workers one writes: who finds that the store's is as new as their own leaves it.
Rule 5  After somebody was erased the next one is written at once, since the last one may still name them.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Final, cast

from ..model import ERASED, Event
from ..protocols import KeepingStore, Observer, SavedFold, Store
from .giving import Takers

GROUP: Final = "folds"
BEHIND: Final = 20_000  # events after which a new one is due: well under a second of replay
_AGE: Final = 600.0  # seconds after which one is due if anything came
_AT_CLOSE: Final = 1_000  # events that are not worth one when the process ends
_SHARE: Final = 50  # times as long as the last one took is the least time to the next: 2 % of it
_SHARE_ERASED: Final = 5  # the same after an erasure
_SLICE: Final = 200  # events that waited, folded before other tasks get their turn
_HEAD: Final = "head"


class Snapshots:
    """Some folds that share one snapshot. For the log it is one fold; `seq` is the last event that they know."""

    def __init__(self, store: Store | None, folds: Mapping[str, SavedFold], observer: Observer) -> None:
        """Without a store, or with one that can't keep values, nothing is written and every start reads the log."""
        self.seq = 0
        self._store = cast(KeepingStore, store) if hasattr(store, "keep") else None
        self._log = store
        self._folds = folds
        self._takers = Takers(folds.items(), observer)
        self._observer = observer
        self._forms = {name: fold.form for name, fold in folds.items()}
        self._aside: list[Event] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # where one is being made
        self._stands = 0  # where the store's is, as far as is known
        self._erased = 0  # the seq of the last erasure
        self._behind = int(BEHIND * random.uniform(1.0, 1.5))  # workers come apart, and mostly the first one writes
        self._wrote = time.monotonic()  # or somebody else did
        self._took = 0.0  # seconds

    def apply(self, event: Event) -> None:
        """Take one stored event."""
        if event.seq <= self.seq:
            return
        if self._aside is not None and self._loop is not None and self._loop.is_closed():
            self._give_up()  # it was cut off with its event loop
        if self._aside is not None:
            self._aside.append(event)
        else:
            self._fold(event)

    def _fold(self, event: Event) -> None:
        self.seq = event.seq
        if event.name == ERASED:
            self._erased = event.seq
        self._takers.give(event)

    # --- reading one ------------------------------------------------------------------------------------

    async def restore(self) -> int:
        """Take over the store's snapshot, if there is one that can be read. Returns `seq`: 0 where the log has to be
        read from its beginning. Raises StoreError."""
        if self._store is None:
            return self.seq
        stands, kept = await self._store.kept(GROUP)
        if not stands or stands <= self.seq:
            return self.seq
        why = await self._load(stands, kept)
        if why:
            self._observer.changed("snapshot", "unread", f"{why}; the log is read from its beginning")
        else:
            self.seq = self._stands = stands
        return self.seq

    async def _load(self, stands: int, kept: Mapping[str, bytes]) -> str:
        """Why it could not be read, or an empty text."""
        if self._log is not None and stands > await self._log.last():
            return "it knows more than the log"
        try:
            head = json.loads(kept[_HEAD])
            if head["forms"] != self._forms:
                return "another version of this software wrote it"
            pieces = {name: [kept[f"{name}/{n}"] for n in range(head["pieces"][name])] for name in self._folds}
            for name, fold in self._folds.items():
                await self._load_fold(fold, pieces[name])
        except (AttributeError, LookupError, TypeError, ValueError, zlib.error) as error:
            for fold in self._folds.values():
                await self._load_fold(fold, [])
            return f"it is damaged ({error!r})"
        return ""

    async def _load_fold(self, fold: SavedFold, pieces: Sequence[bytes]) -> None:
        for _ in fold.load(json.loads(zlib.decompress(piece)) for piece in pieces):
            await asyncio.sleep(0)

    async def stands(self) -> int | None:
        """The seq of the store's snapshot, 0 for none; None where none is ever written. Raises StoreError."""
        if self._store is None:
            return None
        self._stands, _ = await self._store.kept(GROUP, ())
        return self._stands

    # --- writing one ------------------------------------------------------------------------------------

    async def save_if_due(self, *, closing: bool = False) -> bool:
        """Write one if enough has come since the last; with `closing`, if it saves the next start anything. Raises
        StoreError."""
        if self._store is None or not self._is_due(closing):
            return False
        self._stands, _ = await self._store.kept(GROUP, ())
        if not self._is_due(closing):  # Rule 4
            self._wrote = time.monotonic()
            return False
        return await self.save()

    def _is_due(self, closing: bool) -> bool:
        behind, since = self.seq - self._stands, time.monotonic() - self._wrote
        if behind <= 0:
            return False
        if closing:
            return behind >= _AT_CLOSE or self._erased > self._stands
        if self._erased > self._stands:  # Rule 5
            return since >= _SHARE_ERASED * self._took
        return since >= _SHARE * self._took and (behind >= self._behind or since >= _AGE)

    async def save(self, *, again: bool = False) -> bool:
        """Write one now; `again`: also in place of one that stands as far. False where one is being made already, or
        somebody wrote a newer one. Raises StoreError."""
        if self._store is None or self._aside is not None:
            return False
        began = time.monotonic()
        self._aside, self._loop = [], asyncio.get_running_loop()
        try:
            seq, values = self.seq, await self._written()
            await self._catch_up()
        finally:
            self._give_up()  # nothing is left to do, unless this was cut off
        self._took = time.monotonic() - began
        self._stands, _ = await self._store.kept(GROUP, ())
        while self._stands < seq + again:
            if await self._store.keep(GROUP, self._stands, seq, values, alone=True):
                self._stands, self._wrote = seq, time.monotonic()
                return True
            self._stands, _ = await self._store.kept(GROUP, ())
        return False

    async def _written(self) -> dict[str, bytes]:
        values: dict[str, bytes] = {}
        counts: dict[str, int] = {}
        for name, fold in self._folds.items():
            number = 0
            for piece in fold.save():
                text = json.dumps(piece, separators=(",", ":")).encode()
                values[f"{name}/{number}"] = await asyncio.to_thread(zlib.compress, text, 1)
                number += 1
            counts[name] = number
        values[_HEAD] = json.dumps({"forms": self._forms, "pieces": counts}).encode()
        return values

    def _give_up(self) -> None:
        aside, self._aside = self._aside or (), None
        for event in aside:
            self._fold(event)

    async def _catch_up(self) -> None:
        """What came meanwhile is folded, and goes on coming aside until nothing is left."""
        while aside := self._aside:
            self._aside = []
            for begin in range(0, len(aside), _SLICE):
                for event in aside[begin : begin + _SLICE]:
                    self._fold(event)
                await asyncio.sleep(0)
        self._aside = None
