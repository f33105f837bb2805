"""Bandits at work: their fold, and the shares that decisions go by, worked out beside the requests.

Rule 1  What is known is a fold over the log, and the shares are a function of what was known when a batch began: so
        every worker comes to the same ones, and a rebuild too.
Rule 2  Shares are worked out in the background, in a thread; a request only looks them up. Until there are some every
        arm has the same share.
Rule 3  A bandit whose settings changed is learned anew from the log, beside the tail; meanwhile its old shares hold as
        long as they fit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from ..bandits import Bandits, BanditSpec, Ledger, allocation
from ..model import Allocation, Event
from ..profiles import Returns
from ..profiles.ids import SIGNED_OUT, UNLINKED, told_ids
from ..protocols import Observer, Store
from .ending import end

_LOOK: Final = 0.25  # seconds between two looks for a new batch
_SLICE: Final = 500  # events read and folded before other tasks get their turn


class Learning:
    """`allocations` are the shares by experiment; the mapping is replaced, never changed."""

    def __init__(self, store: Store, observer: Observer) -> None:
        self.allocations: Mapping[str, Allocation] = {}
        self.bandits = Bandits(links_of)
        self._store = store
        self._observer = observer
        self._wanted: Mapping[str, BanditSpec] = {}
        self._made_from: dict[str, tuple[BanditSpec, int]] = {}  # each of the allocations
        self._task: asyncio.Task[None] | None = None

    def follow(self, specs: Mapping[str, BanditSpec]) -> None:
        """These are the bandits from now on. Those that stay as they were keep what they know."""
        self._wanted = specs
        if not self.bandits.seq:  # nothing was folded yet, so there is nothing to catch up with
            self._take({key: Ledger(spec, Returns()) for key, spec in specs.items()})

    def start(self) -> None:
        """Work out shares in the background, on the running loop."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.get_loop() is not loop or self._task.done():
            self._task = loop.create_task(self._run(), name="personalize bandits")

    async def close(self) -> None:
        task, self._task = self._task, None
        await end(task)

    async def refresh(self) -> None:
        """Bring everything up to what the log's tail has brought so far. Raises StoreError."""
        ledgers = self.bandits.ledgers
        if {key: ledger.spec for key, ledger in ledgers.items()} != self._wanted:
            await self._catch_up(dict(self._wanted))
        for key, ledger in list(self.bandits.ledgers.items()):
            made_from = (ledger.spec, ledger.batch)
            if ledger.batch and self._made_from.get(key) != made_from:
                # What is believed is replaced with each batch and never changed, so a thread may read it.
                told = await asyncio.to_thread(allocation, ledger.spec, ledger.believed, ledger.batch)
                if self.bandits.ledgers.get(key) is ledger and self._is_newer(key, made_from):
                    self.allocations = {**self.allocations, key: told}
                    self._made_from[key] = made_from

    async def _run(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception as error:  # whatever went wrong, the last shares hold, and it is tried again
                self._observer.failed("bandits", error)
            await asyncio.sleep(_LOOK)

    async def _catch_up(self, wanted: dict[str, BanditSpec]) -> None:
        """Rule 3. The tail goes on meanwhile: the new ledgers are taken over once they know just as much as it."""
        new = {key: Ledger(spec, Returns()) for key, spec in wanted.items() if not self._knows(spec)}
        late = Bandits(links_of)
        late.take(new)
        while new and late.seq < self.bandits.seq:
            events = await self._store.read(late.seq, _SLICE)
            upto = self.bandits.seq
            for event in events:
                if event.seq <= upto:
                    late.apply(event)
            if not events or events[-1].seq >= upto:
                break
            await asyncio.sleep(0)
        if wanted == self._wanted:
            self._take({key: new.get(key) or self.bandits.ledgers[key] for key in wanted})

    def _knows(self, spec: BanditSpec) -> bool:
        ledger = self.bandits.ledgers.get(spec.key)
        return ledger is not None and ledger.spec == spec

    def _is_newer(self, key: str, made_from: tuple[BanditSpec, int]) -> bool:
        """Two may work at once; who is late must not bring back an older batch."""
        spec, batch = self._made_from.get(key, (None, 0))
        return spec != made_from[0] or batch < made_from[1]

    def _take(self, ledgers: Mapping[str, Ledger]) -> None:
        self.bandits.take(ledgers)
        self.allocations = {key: told for key, told in self.allocations.items() if key in ledgers}
        self._made_from = {key: of for key, of in self._made_from.items() if key in ledgers}


class Replayed(Mapping[str, Allocation]):
    """The shares of bandits that are fed a log event by event, worked out when somebody asks: for those who decide
    again what was decided then."""

    def __init__(self, specs: Mapping[str, BanditSpec]) -> None:
        self.specs = specs
        self._bandits = Bandits(links_of)
        self._bandits.take({key: Ledger(spec, Returns()) for key, spec in specs.items()})
        self._known: dict[str, Allocation] = {}

    def apply(self, event: Event) -> None:
        """Take one event of the log, after whatever it tells of was decided."""
        self._bandits.apply(event)

    def may_heed(self, name: str, properties: str) -> bool:
        """Whether such a line could teach anything; its properties are still JSON, as the log writes it."""
        return self._bandits.may_heed(name, properties)

    def __getitem__(self, key: str) -> Allocation:
        ledger = self._bandits.ledgers[key]
        known = self._known.get(key)
        if known is None or known.batch != ledger.batch:
            known = self._known[key] = allocation(ledger.spec, ledger.believed, ledger.batch)
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._bandits.ledgers)

    def __len__(self) -> int:
        return len(self._bandits.ledgers)


def links_of(event: Event) -> tuple[tuple[str, ...], str]:
    """The ids that an event says are one person's, and the id that it takes out of its person, by the rules of
    profiles.identity: what a browser says of itself links nothing."""
    if event.name == SIGNED_OUT:
        return (), event.visitor
    if event.properties.get("$via") in (None, "browser"):
        return (), ""
    if event.name == UNLINKED:
        return (), str(event.properties.get("id") or "")
    told = told_ids(event)
    return (event.visitor, *told) if told else (), ""
