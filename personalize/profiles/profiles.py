"""The profiles of this process: the most recently seen visitors in memory, each kept up to date by the log's tail.

How a load and the tail meet without folding an event twice or missing one:
Rule 1  From the moment a load begins, the tail's events for that visitor are put aside.
Rule 2  What the load reads is folded first, then what was put aside, then the profile is shown.
Rule 3  A profile's `version` is the seq of its last event; an event that is not newer is already in it.
The log gives seq in the order of commits, so nothing older than what the load read can still come.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from ..model import Catalogue, Event, Profile
from ..protocols import Store
from .fold import apply_event

_SLICE: Final = 500  # events folded before other tasks get their turn: one or two milliseconds


class Profiles:
    """A fold over the log that keeps at most `limit` visitors. Used on one event loop at a time."""

    def __init__(self, store: Store, products: Catalogue, *, limit: int = 50_000) -> None:
        self._store = store
        self._products = products
        self._limit = limit
        self._kept: OrderedDict[str, Profile] = OrderedDict()
        self._loading: dict[str, asyncio.Task[Profile]] = {}
        self._aside: dict[str, list[Event]] = {}

    def get(self, visitor: str) -> Profile | None:
        """The profile if it is in memory; None says only that it is not loaded."""
        profile = self._kept.get(visitor)
        if profile is not None:
            self._kept.move_to_end(visitor)
        return profile

    async def load(self, visitor: str) -> Profile:
        """The profile, read from the store if need be; empty for a visitor without events. Callers who ask at the
        same time share one read, and a caller who walks away does not end it. Raises StoreError."""
        profile = self.get(visitor)
        if profile is not None:
            return profile
        loop = asyncio.get_running_loop()
        task = self._loading.get(visitor)
        if task is None or task.get_loop() is not loop:
            self._aside[visitor] = []
            task = self._loading[visitor] = loop.create_task(self._load(visitor), name="personalize profile")
            task.add_done_callback(_hear)
        return await asyncio.shield(task)

    def begin(self, visitor: str) -> Profile:
        """An empty profile for a visitor whose id was made just now: nothing is read, for there is nothing yet."""
        profile = self._kept.setdefault(visitor, Profile(visitor))
        self._trim()
        return profile

    def apply(self, event: Event) -> None:
        """Take one stored event. Visitors who are not in memory are left to their next load."""
        aside = self._aside.get(event.visitor)
        if aside is not None:
            aside.append(event)
        elif (profile := self._kept.get(event.visitor)) is not None and event.seq > profile.version:
            apply_event(profile, event, self._products)

    async def _load(self, visitor: str) -> Profile:
        aside = self._aside[visitor]
        try:
            profile = Profile(visitor)
            events = await self._store.of_visitor(visitor)
            for begin in range(0, len(events), _SLICE):
                for event in events[begin : begin + _SLICE]:
                    apply_event(profile, event, self._products)
                await asyncio.sleep(0)
            for event in aside:
                if event.seq > profile.version:
                    apply_event(profile, event, self._products)
            self._kept[visitor] = profile
            self._trim()
            return profile
        finally:
            # Only this load's own entries: a newer loop's load of the same visitor may have taken their place.
            if self._aside.get(visitor) is aside:
                del self._aside[visitor], self._loading[visitor]

    def _trim(self) -> None:
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)


def _hear(task: asyncio.Task[Profile]) -> None:
    """Callers may all have walked away; then nobody else takes the error, and asyncio would complain."""
    if not task.cancelled():
        task.exception()
