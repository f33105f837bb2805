"""The event log at work: a queue in front of the store, and a tail that feeds the folds.

Rule 1  `record` never waits. What does not fit into the queue is counted as dropped, and said once.
Rule 2  Folds get events from the tail only: stored, in the log's order, each once. So every worker folds the same
        log, whoever wrote it, and a rebuild from the log comes to the same state.
Rule 3  What was accepted is written, or counted as dropped: a failing store is tried again for `patience` seconds.
Rule 4  No StoreError, and nothing that a fold raises, leaves this file: the Observer hears of it, once per change of
        state, and pages are served on.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, Protocol

from ..errors import StoreError
from ..model import Event
from ..protocols import Fold, Observer, Store
from .giving import Takers
from .ours import Ours

_BATCH: Final = 500  # events in one transaction
_SLICE: Final = 200  # events folded before other tasks get their turn: about a millisecond
_POLL: Final = 0.25  # seconds between looks for what other workers wrote
_FIRST_PAUSE: Final = 0.05  # seconds before the second try; doubled up to _LONGEST_PAUSE
_LONGEST_PAUSE: Final = 2.0
_LAST_PATIENCE: Final = 3.0  # seconds that closing waits for a store that fails


class Keeper(Protocol):
    """Keeps what folds know over a start. All methods may raise StoreError."""

    async def restore(self) -> int:
        """Called once, before the first fold: up to which seq do the folds know the log already?"""

    async def settle(self) -> None:
        """Called between slices of a log that is read: finish what they left to do, if it is much."""

    async def save(self) -> None:
        """Called when all is folded, before the store is closed."""


class EventLog:
    """All methods are called on one event loop. `interval` (seconds) is the least time between two writes, in which
    events gather, unless somebody waits until they are `written`; `capacity` how many may wait, `patience` for how many
    seconds a failing store is tried again before what it refused is dropped. `keeper` keeps what the folds know over a
    start."""

    def __init__(
        self,
        store: Store,
        observer: Observer,
        *,
        folds: Sequence[Fold] = (),
        interval: float = 0.05,
        capacity: int = 20_000,
        patience: float = 30.0,
        keeper: Keeper | None = None,
    ) -> None:
        self._store = store
        self._observer = observer
        self._takers = Takers(((type(fold).__name__, fold) for fold in folds), observer)
        self._interval = interval
        self._capacity = capacity
        self._patience = patience
        self._keeper = keeper
        self._restored = keeper is None
        self._queue: deque[Event] = deque()
        self._handled = 0  # how many events left the queue
        self._seq = 0
        self._ours = Ours(capacity)
        self._look = False  # something was stored that has to be read back
        self._open = False
        self._closed = False
        self._close_by = 0.0
        self._wrote = -interval
        self._troubles: set[str] = set()  # parts of which a bad state was said
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bind()

    @property
    def seq(self) -> int:
        """The last event that the folds know."""
        return self._seq

    @property
    def waiting(self) -> int:
        """How many events are recorded and not yet written."""
        return len(self._queue)

    # --- for the request path --------------------------------------------------------------------------

    def record(self, event: Event) -> None:
        """Rule 1. Under a microsecond; the event is stored within `interval`, and in the folds right after that."""
        if len(self._queue) >= self._capacity or self._closed:
            self._drop(1, self._why_full())
        else:
            self._queue.append(event)
            self._recorded.set()

    def record_all(self, events: Sequence[Event]) -> None:
        """The same for some."""
        room = 0 if self._closed else max(0, self._capacity - len(self._queue))
        self._queue.extend(events[:room])
        if room:
            self._recorded.set()
        if len(events) > room:
            self._drop(len(events) - room, self._why_full())

    def _why_full(self) -> str:
        return "the log is closed" if self._closed else f"{len(self._queue)} events wait to be written"

    # --- its life --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the store, and neither read nor write yet. Raises StoreError."""
        self._again()
        await self._ready()

    async def start(self) -> None:
        """Open the store, replay the log into the folds, and begin to write and to follow it. Never raises: a store
        that cannot be opened is said and tried again in the background, while recorded events wait.

        Calling it again does nothing; on another event loop (test clients make one per request) it goes on there,
        and after `close` it begins again, from the last event that the folds know.
        """
        loop = self._again()
        if self._tasks:
            return
        self._tasks.append(loop.create_task(self._forever(self._next_write), name="personalize log, writing"))
        await self._follow()
        self._tasks.append(loop.create_task(self._forever(self._next_follow), name="personalize log, following"))

    async def flush(self) -> None:
        """Returns when everything recorded so far is in the log and in the folds, or was given up."""
        self._here()
        await self._write()
        await self._follow()

    async def written(self) -> bool:
        """Returns when everything recorded so far is committed, or was given up: is all of it in the log? The folds may
        hear of it later. Nothing is waited for but a write that is under way, and who comes meanwhile shares the next
        one, so that many small batches cost one commit. A caller who walks away ends nothing that others wait for."""
        loop = self._here()
        if not self._queue:
            return True
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters.append((self._handled + len(self._queue), waiter))
        if self._tasks:
            self._hurried.set()
        else:
            await self._write()
            await self._follow(look=False)
        return await waiter

    async def close(self) -> None:
        """Write what was accepted, stop, and close the store. A store that fails is given a few seconds more; what
        it then refuses is dropped and counted. A second call does nothing."""
        if self._closed:
            return
        self._here()
        self._closed = True
        self._close_by = time.monotonic() + _LAST_PATIENCE
        for event in (self._stopping, self._recorded, self._hurried, self._committed):
            event.set()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._write()
        async with self._folding:
            await self._fold_ours()
            await self._at_the_end()

    async def _at_the_end(self) -> None:
        try:
            if self._keeper is not None:
                async with asyncio.timeout(_LAST_PATIENCE):
                    await self._keeper.save()
        except (StoreError, TimeoutError) as error:  # the next start reads more of the log
            self._observer.failed("snapshot", error)
        try:
            await self._store.close()
        except StoreError as error:
            self._observer.failed("store.close", error)

    def _here(self) -> asyncio.AbstractEventLoop:
        """The running loop. Tasks and locks that belong to an earlier one are replaced; the queue stays."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._bind()
        return loop

    def _again(self) -> asyncio.AbstractEventLoop:
        """The running loop; after `close`, all begins anew."""
        loop = self._here()
        if self._closed:
            self._closed = self._open = False
            self._bind()
        return loop

    def _bind(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        # Up to which event each waits, by `_handled`.
        self._waiters: deque[tuple[int, asyncio.Future[bool]]] = deque()
        self._recorded = asyncio.Event()
        self._hurried = asyncio.Event()
        if self._queue:
            self._recorded.set()
        self._committed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._opening = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._folding = asyncio.Lock()

    async def _ready(self) -> None:
        async with self._opening:
            if not self._open:
                await self._store.open()
                self._open = True

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while not self._stopping.is_set():
            try:
                await step()
            except Exception as error:  # a store's own bug must not end the writing or following of all that comes
                self._observer.failed("event log", error)

    # --- writing ---------------------------------------------------------------------------------------

    async def _next_write(self) -> None:
        await self._recorded.wait()
        # What comes after a quiet time is written at once, so that a visitor's next page knows of it.
        pause = self._wrote + self._interval - time.monotonic()
        if pause > 0 and not self._hurried.is_set():
            await _until(self._hurried, pause)
        self._recorded.clear()
        self._hurried.clear()
        self._wrote = time.monotonic()
        await self._write()

    async def _write(self) -> None:
        """Rule 3. Events stay in the queue until they are stored, so that `capacity` bounds all that wait. What is
        recorded meanwhile waits for the next write: else a busy site would never come to the end of this one."""
        async with self._writing:
            left = len(self._queue)
            while left:
                batch = list(islice(self._queue, min(left, _BATCH)))
                left -= len(batch)
                stored = await self._append(batch)
                for _ in batch:
                    self._queue.popleft()
                self._handled += len(batch)
                self._tell(stored is not None)
                if stored is not None:
                    self._look |= not self._ours.put(batch, *stored)
                    self._committed.set()
                    if len(self._queue) <= self._capacity // 2:
                        self._well("event queue")
                else:
                    self._drop(len(batch), "the store did not take them")

    async def _append(self, batch: list[Event]) -> tuple[int, int] | None:
        """How many were new and the last one's seq, or None where the store did not take them."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        while not self._closed or time.monotonic() < self._close_by:
            try:
                await self._ready()
                new, last = await self._store.append(batch)
            except StoreError as error:
                self._trouble("store", "failing", str(error))
            else:
                self._well("store")
                self._observer.count("events.stored", new)
                return new, last
            if time.monotonic() - began > self._patience:
                return None
            await _until(self._stopping, pause) if not self._closed else await asyncio.sleep(_FIRST_PAUSE)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return None

    def _tell(self, stored: bool) -> None:
        """Those who wait, as far as it has come to them; where events were given up, all of them."""
        while self._waiters and (not stored or self._waiters[0][0] <= self._handled):
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(stored)

    def _drop(self, n: int, why: str) -> None:
        self._observer.count("events.dropped", n)
        self._trouble("event queue", "dropping", why)

    # --- following -------------------------------------------------------------------------------------

    async def _next_follow(self) -> None:
        await _until(self._committed, _POLL)
        look, self._look = self._look or not self._committed.is_set(), False
        self._committed.clear()
        await self._follow(look)

    async def _follow(self, look: bool = True) -> None:
        """Rule 2: give the folds whatever the log has beyond the last event they know. Without `look` what others wrote
        is read only as far as it comes before what this process stored, which is not read back."""
        async with self._folding:
            try:
                await self._ready()
                if not self._restored and self._keeper is not None:
                    self._seq = max(self._seq, await self._keeper.restore())
                    self._restored = True
                while not self._stopping.is_set():
                    await self._fold_ours()
                    missing, waiting = self._ours.missing(self._seq), len(self._ours)
                    if not (look or missing):
                        break
                    events = await self._store.read(self._seq, min(missing or _SLICE, _SLICE))
                    self._fold(events)
                    if not events:
                        self._ours.drop(waiting)  # what it had left the log meanwhile
                        break
                    await asyncio.sleep(0)
                    if self._keeper is not None:
                        await self._keeper.settle()
            except StoreError as error:
                self._trouble("store, reading", "failing", str(error))
            else:
                self._well("store, reading")

    async def _fold_ours(self) -> None:
        while events := self._ours.after(self._seq, _SLICE):
            self._fold(events)
            await asyncio.sleep(0)

    def _fold(self, events: Sequence[Event]) -> None:
        give = self._takers.give
        for event in events:
            give(event)
            self._seq = event.seq

    # --- what is said ----------------------------------------------------------------------------------

    def _trouble(self, part: str, state: str, why: str) -> None:
        if part not in self._troubles:
            self._troubles.add(part)
            self._observer.changed(part, state, why)

    def _well(self, part: str) -> None:
        if part in self._troubles:
            self._troubles.discard(part)
            self._observer.changed(part, "ok")


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long. (Not by `wait_for`, which before Python 3.12 may swallow a cancellation.)"""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
