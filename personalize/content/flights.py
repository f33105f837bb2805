"""One source with all that stands around it: cache, single-flight, bulkhead, breaker, deadline.

A fetch runs in a task of its own and is never cancelled: in httpcore 1.0 a cancelled request on a contended pool loses
its place for good (encode/httpcore issue 1093). Who waits for a flight waits for its outcome and may walk away; what
arrives late still fills the cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import TypeVar

from ..breaker import Breaker
from ..config.models import SourceConfig
from ..errors import BadFragment, ContentError, SourceTimeout, SourceUnavailable
from ..model import Ask, Fragment
from ..protocols import Observer, Source
from .cache import Bounded, Cache, Entry, weigh
from .sanitize import sanitize

A = TypeVar("A")
B = TypeVar("B")
Outcome = Fragment | ContentError
Waiter = Callable[[Outcome], None]
LARGEST = 256 * 1024  # characters of one fragment's HTML
_AT_ONCE = 16 * 1024  # characters of HTML that are sanitized on the event loop (well under a millisecond)
_GRACE = 0.25  # seconds after its deadline when a fetch that keeps no deadline itself is given up on
_QUIET = 60.0  # seconds between two reports of one kind of mistake
_PAUSE = 1.0  # seconds in which a key that got a bad answer is not asked for again


class _Flight:
    """One fetch of one key under way, and who waits for it."""

    __slots__ = ("loop", "task", "timer", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiters: list[Waiter] = []
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Flights:
    """The way to one source. `look` never blocks; `fly` tells each waiter exactly once, on the event loop."""

    def __init__(
        self,
        name: str,
        source: Source,
        config: SourceConfig,
        cache: Cache,
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self.source = source
        self.config = config
        self._cache = cache
        self._observer = observer
        self._clock = clock
        self._breaker = Breaker(config.breaker.failures, config.breaker.open_for)
        self._by_key: dict[Hashable, _Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # strong references: the loop holds weak ones
        self._resting: Bounded[tuple[float, ContentError]] = Bounded(512 * 1024)  # keys that got a bad answer
        self._mistakes: dict[type[Exception], float] = {}  # when each kind was last told of
        self._closed = False

    def at_hand(self, ask: Ask) -> tuple[Hashable, Fragment | None]:
        """The key of what is asked for, and what the source has ready for it. Raises ContentError, and nothing else."""
        return self._asked(self._key_and_ready, ask)

    def key(self, ask: Ask) -> Hashable:
        """The key alone. Raises ContentError, and nothing else."""
        return self._asked(self._key, ask)

    def _key(self, ask: Ask) -> Hashable:
        key = self.source.key(ask)
        hash(key)  # a key that cannot be one is a mistake told here
        return key

    def _key_and_ready(self, ask: Ask) -> tuple[Hashable, Fragment | None]:
        key = self.source.key(ask)
        hash(key)
        return key, self.source.ready(key)

    def _asked(self, question: Callable[[A], B], about: A) -> B:
        try:
            return question(about)
        except ContentError:
            raise
        except Exception as error:  # a plugin's own mistake: the slot falls back, the operator hears
            raise self._mistaken(error) from error

    def adopt(self, older: Flights) -> None:
        """Take over what `older` has cached, and what it knows of the source's health."""
        self._cache.take(older._cache, self.name)
        self._breaker = older._breaker

    def look(self, key: Hashable) -> Entry | None:
        """What the cache holds for this key, however old."""
        return self._cache.get(self.name, key)

    def fly(self, key: Hashable, waiter: Waiter | None) -> None:
        """Fetch `key`, or join the fetch under way; `waiter` is called with what came of it, at once if it is refused
        (breaker open, no room in the bulkhead, the key just got a bad answer)."""
        loop = asyncio.get_running_loop()
        flight = self._by_key.get(key)
        if flight is not None and flight.loop is loop:
            if waiter is not None:
                flight.waiters.append(waiter)
            return
        if (refusal := self._refusal(key)) is not None:
            if waiter is not None:
                waiter(refusal)
            return
        flight = _Flight(loop)
        if waiter is not None:
            flight.waiters.append(waiter)
        self._by_key[key] = flight
        flight.timer = loop.call_later(self.config.deadline + _GRACE, self._overdue, key, flight)
        flight.task = loop.create_task(self._fetch(key, flight), name=f"personalize source {self.name}")
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._tasks.discard)
        self._observer.count("content.fetches")

    def _mistaken(self, error: Exception) -> SourceUnavailable:
        """Tell the operator of an exception that the source did not mean, each kind once a minute."""
        now = self._clock()
        self._observer.count("content.mistakes")
        if now - self._mistakes.get(type(error), float("-inf")) >= _QUIET:
            self._mistakes[type(error)] = now
            self._observer.failed(f"source {self.name}", error)
        return SourceUnavailable(f"source {self.name} raised {type(error).__name__}: {error}")

    async def close(self) -> None:
        """Let what is under way end, at most one second; then give back what the source holds."""
        self._closed = True
        loop = asyncio.get_running_loop()
        mine = {t for t in self._tasks if t.get_loop() is loop}
        if mine:
            _, left = await asyncio.wait(mine, timeout=min(1.0, self.config.deadline))
            for task in left:  # the pool goes with them, so its places may be lost
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=1.0)
        await self.source.close()

    def _refusal(self, key: Hashable) -> ContentError | None:
        now = self._clock()
        if self._closed:
            return SourceUnavailable(f"source {self.name} is closed")
        if (resting := self._resting.get(key)) is not None:
            if now < resting[0]:
                return resting[1]
            self._resting.drop(key)
        if len(self._tasks) >= self.config.concurrency:
            self._observer.count("content.busy")
            return SourceUnavailable(f"source {self.name} has {self.config.concurrency} fetches under way")
        if not self._breaker.allows(now):
            self._observer.count("content.refused")
            return SourceUnavailable(f"source {self.name} is not asked: it failed too often, or asked for a pause")
        return None

    async def _fetch(self, key: Hashable, flight: _Flight) -> None:
        outcome: Outcome
        try:
            outcome = await self.admit(await self.source.fetch(key))
        except ContentError as error:
            outcome = error
        except Exception as error:  # a plugin's own mistake: the slot falls back, the operator hears
            outcome = self._mistaken(error)
        except asyncio.CancelledError:
            self._land(key, flight, SourceUnavailable(f"source {self.name} was closed"))
            raise
        now = self._clock()
        if isinstance(outcome, Fragment):
            self._cache.put(
                self.name,
                key,
                outcome,
                now,
                fresh=self.config.fresh,
                revalidate=self.config.stale_while_revalidate,
                if_error=self.config.stale_if_error,
            )
        self._land(key, flight, outcome)

    async def admit(self, fragment: Fragment) -> Fragment:
        """The fragment as it may go into a page; raises BadFragment. Long HTML is sanitized off the loop."""
        if fragment.html is not None and self.config.trust == "sanitize" and _AT_ONCE < len(fragment.html) <= LARGEST:
            html = await asyncio.to_thread(self._sanitized, fragment.html)
            return Fragment(html, fragment.values)
        return self.admit_now(fragment)

    def admit_now(self, fragment: Fragment) -> Fragment:
        """The same on the spot, for fragments that a source has ready."""
        if fragment.html is None:
            return fragment
        if len(fragment.html) > LARGEST:
            raise BadFragment(f"source {self.name} gave more than {LARGEST // 1024} KB of HTML")
        if self.config.trust == "trusted":
            return fragment
        return Fragment(self._sanitized(fragment.html), fragment.values)

    def _sanitized(self, html: str) -> str:
        try:
            return sanitize(html)
        except BadFragment as error:
            raise BadFragment(f"source {self.name} gave {error}") from error

    def _overdue(self, key: Hashable, flight: _Flight) -> None:
        """A source that keeps no deadline: its waiters are told, its task goes on and keeps its place in the
        bulkhead."""
        self._land(key, flight, SourceTimeout(f"source {self.name} gave nothing in {self.config.deadline:g} s"))

    def _land(self, key: Hashable, flight: _Flight, outcome: Outcome) -> None:
        if self._by_key.get(key) is not flight:
            return  # it was overdue and landed then
        del self._by_key[key]
        if flight.timer is not None:
            flight.timer.cancel()
        self._judge(key, outcome)
        for waiter in flight.waiters:
            waiter(outcome)

    def _judge(self, key: Hashable, outcome: Outcome) -> None:
        """Tell the breaker, the counters and, when the breaker changes, the operator."""
        now = self._clock()
        if isinstance(outcome, Fragment):
            changed = self._breaker.succeeded(now)
        else:
            self._observer.count("content.failures")
            sick = getattr(outcome, "sick", True)
            if isinstance(outcome, BadFragment) or not sick:
                self._resting.put(key, (now + _PAUSE, outcome), weigh(key))
            if sick:
                changed = self._breaker.failed(now, getattr(outcome, "retry_after", 0.0))
            else:
                changed = self._breaker.succeeded(now)
        if changed == "open":
            self._observer.changed(f"source {self.name}", "open", str(outcome))
        elif changed == "closed":
            self._observer.changed(f"source {self.name}", "closed", "answers again")
