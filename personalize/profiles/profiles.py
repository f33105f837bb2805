"""The profiles of this process: the most recently seen visitors in memory, each kept up to date by the log's tail.

A profile is a person's: the events of every id that `identity` knows to be the same one, in the log's order.

How a load and the tail meet without folding an event twice or missing one:
Rule 1  From the moment a load begins, the tail's events for that person are put aside.
Rule 2  What the load reads is folded first, then what was put aside, then the profile is shown.
Rule 3  A profile's `version` is the seq of its last event; an event that is not newer is already in it.
Rule 4  A person of several ids is read up to one seq that was the log's last when the load began, so that no id's
        events are ahead of another's; whoever is joined or parted during a load is loaded again.
The log gives seq in the order of commits, so nothing older than what the load read can still come.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from ..model import Catalogue, Event, Profile
from ..protocols import Store
from .fold import apply_event
from .identity import Identity

_SLICE: Final = 500  # events folded before other tasks get their turn: one or two milliseconds


class Profiles:
    """A fold over the log that keeps at most `limit` persons. Used on one event loop at a time."""

    def __init__(self, store: Store, products: Catalogue, *, limit: int = 50_000) -> None:
        self.identity = Identity()
        self._store = store
        self._products = products
        self._limit = limit
        self._kept: OrderedDict[str, Profile] = OrderedDict()
        self._loading: dict[str, asyncio.Task[Profile | None]] = {}
        self._aside: dict[str, list[Event]] = {}

    def get(self, visitor: str) -> Profile | None:
        """The profile if it is in memory; None says only that it is not loaded."""
        person = self.identity.person(visitor)
        profile = self._kept.get(person)
        if profile is not None:
            self._kept.move_to_end(person)
        return profile

    async def load(self, visitor: str) -> Profile:
        """The profile, read from the store if need be; empty for a visitor without events. Callers who ask at the
        same time share one read, and a caller who walks away does not end it. Raises StoreError."""
        profile = self.get(visitor)
        if profile is not None:
            return profile
        loop = asyncio.get_running_loop()
        person = self.identity.person(visitor)
        task = self._loading.get(person)
        if task is None or task.get_loop() is not loop:
            aside = self._aside[person] = []
            task = self._loading[person] = loop.create_task(self._load(person, aside), name="personalize profile")
            task.add_done_callback(_hear)
        profile = await asyncio.shield(task)
        return profile if profile is not None else await self.load(visitor)

    def begin(self, visitor: str) -> Profile:
        """An empty profile for a visitor whose id was made just now: nothing is read, for there is nothing yet."""
        profile = self._kept.setdefault(visitor, Profile(visitor))
        self._trim()
        return profile

    def apply(self, event: Event) -> None:
        """Take one stored event. Visitors who are not in memory are left to their next load."""
        for person in self.identity.apply(event):
            self._kept.pop(person, None)
            self._aside.pop(person, None)
            self._loading.pop(person, None)
        person = self.identity.person(event.visitor)
        aside = self._aside.get(person)
        if aside is not None:
            aside.append(event)
        elif (profile := self._kept.get(person)) is not None and event.seq > profile.version:
            apply_event(profile, event, self._products)

    async def events(self, visitor: str) -> list[Event]:
        """Every stored event of the visitor's person, in the log's order. Raises StoreError."""
        return await self._read(self.identity.person(visitor))

    async def _read(self, person: str) -> list[Event]:
        members = self.identity.members(person)
        upto = await self._store.last() if len(members) > 1 else float("inf")  # Rule 4
        events = [
            event
            for member in members
            for event in await self._store.of_visitor(member.id)
            if member.after < event.seq <= min(member.upto, upto)
        ]
        if len(members) > 1:
            events.sort(key=lambda event: event.seq)
        return events

    async def _load(self, person: str, aside: list[Event]) -> Profile | None:
        """None where the person was joined or parted meanwhile: what was read is no longer all, or only, theirs."""
        try:
            profile = Profile(person)
            events = await self._read(person)
            for begin in range(0, len(events), _SLICE):
                for event in events[begin : begin + _SLICE]:
                    apply_event(profile, event, self._products)
                await asyncio.sleep(0)
            for event in aside:
                if event.seq > profile.version:
                    apply_event(profile, event, self._products)
            if self._aside.get(person) is not aside:
                return None
            self._kept[person] = profile
            self._trim()
            return profile
        finally:
            # Only this load's own entries: a newer load of the same person may have taken their place.
            if self._aside.get(person) is aside:
                del self._aside[person], self._loading[person]

    def _trim(self) -> None:
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)


def _hear(task: asyncio.Task[Profile | None]) -> None:
    """Callers may all have walked away; then nobody else takes the error, and asyncio would complain."""
    if not task.cancelled():
        task.exception()
