"""What the folds of a process know, kept in the store: as one thing for the log, and looked after in the background."""

from __future__ import annotations

import asyncio
from typing import Final

from ..errors import StoreError
from ..events import Snapshots
from ..profiles import People
from ..profiles.people import Persons
from ..protocols import Observer

_LOOK: Final = 1.0  # seconds between two looks at what is due
_AT_CLOSE: Final = 1_000  # events that a start may as well read again


class Keeping:
    """Fits events.log.Keeper: the links between ids, and snapshots of all else that was learned."""

    def __init__(self, people: Persons, snapshots: Snapshots, observer: Observer) -> None:
        self._people = people if isinstance(people, People) else None
        self._snapshots = snapshots
        self._observer = observer
        self._failing = False

    async def restore(self) -> int:
        """Up to which seq all of them know the log."""
        known = await self._snapshots.restore()
        return min(known, await self._people.restore()) if self._people is not None else 0

    async def settle(self) -> None:
        if self._people is not None:
            await self._people.settle_if_many()

    async def save(self) -> None:
        if self._people is not None:
            await self._people.stand_on(_AT_CLOSE)
        await self._snapshots.save_if_due(closing=True)

    async def known(self) -> int | None:
        """Up to which seq all that was learned is in the store; None where nothing is kept there. Raises StoreError."""
        learned = await self._snapshots.stands()
        if self._people is None or learned is None:
            return None
        return min(learned, await self._people.restore())

    async def follow(self, started: asyncio.Task[None]) -> None:
        """Look every second at what is due, until cancelled; and as soon as the start has read the log, so that it is
        kept however short this life is. What fails is told once, and tried again."""
        await asyncio.wait((started,), timeout=_LOOK)
        while True:
            try:
                if self._people is not None:
                    await self._people.stand_on()
                await self._snapshots.save_if_due()
            except Exception as error:  # also a bug must not end this: what waits to be kept would only grow
                if not self._failing:
                    self._observer.changed("snapshot", "failing", str(error))
                if not isinstance(error, StoreError):
                    self._observer.failed("snapshot", error)
                self._failing = True
            else:
                if self._failing:
                    self._observer.changed("snapshot", "ok")
                self._failing = False
            await asyncio.sleep(_LOOK)
