"""Winners that nobody has to agree to: `approval: none` in an experiment's `promote`.

Rule 1  The log is read beside the requests, in short slices with a rest after each; the figures are worked out in a
        thread.
Rule 2  One worker looks at a time: who begins says so in the store, and the others leave it for an hour.
Rule 3  The line's id is made of the experiment's key: so the log holds one, whoever is first, and what a person took
        back is not promoted again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, cast

from ..config.models import Config
from ..decision.splits import experiments_by_key
from ..errors import StoreError
from ..model import OPERATOR, PROMOTED, Event
from ..protocols import KeepingStore, Observer, Store
from .promotions import Promotions
from .results import verdicts

GROUP: Final = "promotions"  # stands at the Unix second until which the last look counts
_EVERY: Final = 3600.0  # seconds between two looks of all workers
_LOOK: Final = (300.0, 600.0)  # seconds between two looks whether one is due, drawn each time
_SLICE: Final = 500  # events read and folded before other tasks get their turn
_REST: Final = 0.01  # seconds between two slices


class Promoter:
    """Promotes what is ready by itself, as the `promotions` of a config's experiments ask for."""

    def __init__(self, store: Store, observer: Observer, promotions: Promotions) -> None:
        self._store = store
        self._observer = observer
        self._promotions = promotions
        self._config: Config | None = None

    def follow(self, config: Config) -> None:
        """Take over a config's experiments."""
        self._config = config

    async def act(self, record: Callable[[Event], None]) -> None:
        """Look again and again, until cancelled. A store that fails is told, and asked again next time."""
        while True:
            await asyncio.sleep(random.uniform(*_LOOK))
            try:
                await self.look(record)
            except StoreError as error:
                self._observer.failed("promotions", error)

    async def look(self, record: Callable[[Event], None]) -> None:
        """Promote what is ready, where it is this worker's turn. Raises StoreError."""
        config = self._config
        due = self._due(config) if config is not None else []
        if config is None or not due or not await self._may_look(time.time()):
            return
        for verdict in await verdicts(self._store, config, {}, dict.fromkeys(due), _SLICE, _REST):
            if verdict.ready and verdict.experiment in self._due(config):
                why = "; ".join(criterion.said for criterion in verdict.criteria)
                said = {"target": verdict.experiment, "variant": verdict.variant, "by": "results", "why": why}
                record(Event(f"promoted:{verdict.experiment}", PROMOTED, time.time(), OPERATOR, said))

    def _due(self, config: Config) -> list[str]:
        """The keys of experiments that may be promoted without a person, and were not yet."""
        return [
            key
            for key, test in experiments_by_key(config).items()
            if test.promote is not None and test.promote.approval == "none"
            and test.allocate == "weights" and test.goal is not None and test.force is None
            and key not in self._promotions.held and key not in self._promotions.ended
        ]  # fmt: skip

    async def _may_look(self, now: float) -> bool:
        """Rule 2."""
        if not hasattr(self._store, "keep"):
            return True
        store = cast(KeepingStore, self._store)
        until, _ = await store.kept(GROUP, ())
        return until <= now and await store.keep(GROUP, until, int(now + _EVERY), {})
