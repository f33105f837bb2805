"""The event log: its queue, its writing, and the tail that feeds the folds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from personalize.events import EventLog
from personalize.model import Event
from personalize.protocols import Store
from personalize.stores import MemoryStore, SqliteStore


class Heard:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.said: list[tuple[str, str]] = []
        self.errors: list[tuple[str, str]] = []

    def count(self, name: str, n: int = 1) -> None:
        self.counts[name] += n

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.said.append((part, state))

    def failed(self, where: str, error: BaseException) -> None:
        self.errors.append((where, repr(error)))


class Kept:
    """A fold that keeps everything it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.came = asyncio.Event()

    def apply(self, event: Event) -> None:
        self.events.append(event)
        self.came.set()

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.events) < count:
                self.came.clear()
                await self.came.wait()


def event(n: int, **properties: Any) -> Event:
    return Event(f"e{n}", "Page Viewed", 1_700_000_000.0 + n, f"v{n % 3}", properties)


@asynccontextmanager
async def running(store: Store, *folds: Any, heard: Heard | None = None, **options: Any) -> AsyncIterator[EventLog]:
    log = EventLog(store, heard or Heard(), folds=folds, **options)
    await log.start()
    try:
        yield log
    finally:
        await log.close()


@contextmanager
def sqlite3_locked(path: Path) -> Iterator[Callable[[], object]]:
    """A log whose write lock another program holds, until it is given back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")
        yield lambda: other.execute("ROLLBACK")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "log.db", busy=0.05)


async def test_what_is_recorded_reaches_every_fold_by_itself(store: Store) -> None:
    """Nobody has to flush: recorded events are stored and then given to each fold, in order and once."""
    one, two = Kept(), Kept()
    async with running(store, one, two) as log:
        for n in range(50):
            log.record(event(n))
        assert one.events == []  # never straight from `record`
        await one.until(50)
        log.record(event(50))
        await two.until(51)
    assert one.ids == two.ids == [f"e{n}" for n in range(51)]
    assert [e.seq for e in one.events] == sorted({e.seq for e in one.events})


async def test_flush_waits_for_store_and_folds(store: Store) -> None:
    """After `flush`, everything recorded before is in the log and in the folds."""
    kept, heard = Kept(), Heard()
    async with running(store, kept, heard=heard) as log:
        for n in range(3500):
            log.record(event(n))
        await log.flush()
        assert kept.ids == [f"e{n}" for n in range(3500)]
        assert (log.waiting, log.seq) == (0, kept.events[-1].seq)
        assert await store.last() == log.seq
    assert heard.counts == {"events.stored": 3500}
    assert heard.said == [] and heard.errors == []


async def test_a_clean_stop_loses_nothing(store: Store) -> None:
    """Events recorded right before `close` are in the log when it is opened again, and a new fold gets them all."""
    async with running(store) as log:
        for n in range(2500):
            log.record(event(n))
    kept = Kept()
    async with running(store, kept):
        assert kept.ids == [f"e{n}" for n in range(2500)]


async def test_an_id_reaches_the_folds_once(store: Store) -> None:
    """An event that is recorded again, at once or later, is stored once and folded once."""
    kept, heard = Kept(), Heard()
    async with running(store, kept, heard=heard) as log:
        for n in (1, 2, 1, 3):
            log.record(event(n))
        await log.flush()
        log.record(event(2))
        log.record(event(4))
        await log.flush()
    assert kept.ids == ["e1", "e2", "e3", "e4"]
    assert heard.counts["events.stored"] == 4


async def test_a_full_queue_drops_and_says_so_once(store: Store) -> None:
    """Beyond the capacity events are counted as dropped, said once; when there is room again, that is said too."""
    kept, heard = Kept(), Heard()
    async with running(store, kept, heard=heard, capacity=100) as log:
        for n in range(150):
            log.record(event(n))
        assert log.waiting == 100
        await log.flush()
        for n in range(200, 210):
            log.record(event(n))
        await log.flush()
    assert kept.ids == [f"e{n}" for n in (*range(100), *range(200, 210))]
    assert heard.counts == {"events.dropped": 50, "events.stored": 110}
    assert heard.said == [("event queue", "dropping"), ("event queue", "ok")]


async def test_of_many_at_once_as_many_are_taken_as_fit(store: Store) -> None:
    """A batch larger than what is left of the queue loses its end, counted; one that comes after `close`, all of it."""
    kept, heard = Kept(), Heard()
    async with running(store, kept, heard=heard, capacity=10) as log:
        log.record(event(0))
        log.record_all([event(n) for n in range(1, 15)])
        assert log.waiting == 10 and heard.counts["events.dropped"] == 5
        await log.flush()
        log.record_all([])
        assert log.waiting == 0
    log.record_all([event(20), event(21)])
    assert kept.ids == [f"e{n}" for n in range(10)]
    assert heard.counts == {"events.stored": 10, "events.dropped": 7}


async def test_after_close_events_are_counted_as_dropped(store: Store) -> None:
    """`record` after `close` neither raises nor pretends; closing twice is fine."""
    heard = Heard()
    async with running(store, heard=heard) as log:
        pass
    await log.close()
    log.record(event(1))
    assert heard.counts == {"events.dropped": 1}


async def test_a_log_that_was_never_started_still_writes(store: Store) -> None:
    """`flush` and `close` open the store themselves."""
    log = EventLog(store, Heard())
    log.record(event(1))
    await log.flush()
    log.record(event(2))
    await log.close()
    await store.open()
    assert [e.id for e in await store.read()] == ["e1", "e2"]
    await store.close()


async def test_one_folds_bug_is_its_own(store: Store) -> None:
    """A fold that raises is told to the Observer for each event; the other folds and later events go on."""

    class Broken:
        def apply(self, event: Event) -> None:
            raise ZeroDivisionError(event.id)

    kept, heard = Kept(), Heard()
    async with running(store, Broken(), kept, heard=heard) as log:
        log.record(event(1))
        log.record(event(2))
        await log.flush()
    assert kept.ids == ["e1", "e2"]
    assert heard.errors == [("fold Broken", "ZeroDivisionError('e1')"), ("fold Broken", "ZeroDivisionError('e2')")]


async def test_a_locked_database_holds_up_nobody(tmp_path: Path) -> None:
    """While another program holds the write lock, `record` takes events, folds and reads go on, nothing is lost, and
    the trouble is said once and taken back once."""
    path = tmp_path / "log.db"
    store, kept, heard = SqliteStore(path, busy=0.02), Kept(), Heard()
    async with running(store, kept, heard=heard) as log:
        log.record(event(0))
        await log.flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for n in range(1, 1000):
                log.record(event(n))
            async with asyncio.timeout(20):
                while not heard.said:
                    await asyncio.sleep(0.01)
            assert [e.id for e in await store.read()] == ["e0"]
            assert heard.said == [("store", "failing")]
            other.execute("ROLLBACK")
        await log.flush()
    assert kept.ids == [f"e{n}" for n in range(1000)]
    assert heard.said == [("store", "failing"), ("store", "ok")]
    assert heard.counts == {"events.stored": 1000}


async def test_a_store_that_stays_away_is_given_up_and_counted(tmp_path: Path) -> None:
    """After `patience`, what the store refused is dropped and counted; what comes when it is back is stored."""
    path = tmp_path / "log.db"
    store, kept, heard = SqliteStore(path, busy=0.01), Kept(), Heard()
    async with running(store, kept, heard=heard, patience=0.1) as log:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for n in range(1500):
                log.record(event(n))
            await log.flush()
            other.execute("ROLLBACK")
        assert heard.counts == {"events.dropped": 1500}
        log.record(event(2000))
        await log.flush()
    assert kept.ids == ["e2000"]
    assert heard.said == [("store", "failing"), ("event queue", "dropping"), ("store", "ok"), ("event queue", "ok")]


async def test_closing_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A store that is locked while the site stops is tried for some seconds; then the rest is counted as dropped."""
    path = tmp_path / "log.db"
    heard = Heard()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        async with asyncio.timeout(30), running(SqliteStore(path, busy=0.01), heard=heard) as log:
            other.execute("BEGIN IMMEDIATE")
            log.record(event(1))
    assert heard.counts == {"events.dropped": 1}


async def test_a_site_starts_without_its_store(tmp_path: Path) -> None:
    """Where the log's folder cannot be made, `start` returns, events wait, and they are stored once it can."""
    (tmp_path / "data").write_text("in the way")
    kept, heard = Kept(), Heard()
    async with running(SqliteStore(tmp_path / "data" / "log.db"), kept, heard=heard) as log:
        log.record(event(1))
        assert ("store, reading", "failing") in heard.said
        (tmp_path / "data").unlink()
        await kept.until(1)
    assert kept.ids == ["e1"]
    assert heard.counts == {"events.stored": 1}
    assert ("store, reading", "ok") in heard.said


async def test_start_twice(store: Store) -> None:
    """A second `start` does nothing; in particular nothing is folded twice."""
    kept = Kept()
    async with running(store, kept) as log:
        await log.start()
        log.record(event(1))
        await log.flush()
        await log.start()
        await log.flush()
    assert kept.ids == ["e1"]


def test_another_event_loop_goes_on_where_the_first_stopped(store: Store) -> None:
    """Test clients run each request on a loop of its own: after `start` on the new one, the log works as before."""
    kept, heard = Kept(), Heard()
    log = EventLog(store, heard, folds=[kept])

    async def request(n: int) -> None:
        await log.start()
        log.record(event(n))
        await log.flush()

    for n in range(3):
        asyncio.run(request(n))
    asyncio.run(log.close())
    assert kept.ids == ["e0", "e1", "e2"]
    assert heard.errors == [] and heard.counts == {"events.stored": 3}


async def test_who_waits_is_written_at_once(store: Store) -> None:
    """Events gather between two writes, but not while somebody waits for theirs; all who wait meanwhile are told."""
    async with running(store, interval=3600.0) as log:
        log.record(event(0))
        assert await log.written()
        for n in range(1, 1300):
            log.record(event(n))
        async with asyncio.timeout(20):
            assert await asyncio.gather(*(log.written() for _ in range(10))) == [True] * 10
        assert (log.waiting, len(await store.read(0, 2000))) == (0, 1300)


async def test_who_walks_away_ends_nothing_that_others_wait_for(store: Store) -> None:
    """A cancelled caller's events are written all the same, and the others hear of theirs."""
    async with running(store) as log:
        log.record(event(1))
        gone = asyncio.ensure_future(log.written())
        await asyncio.sleep(0)
        log.record(event(2))
        stays = asyncio.ensure_future(log.written())
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays
        assert [e.id for e in await store.read()] == ["e1", "e2"]


@pytest.mark.parametrize("closing", [False, True])
async def test_what_was_given_up_is_not_said_to_be_written(closing: bool, tmp_path: Path) -> None:
    """Who waits for events that a locked store never took is told so, also by a log that is being closed."""
    path = tmp_path / "log.db"
    with sqlite3_locked(path) as unlock:
        async with running(SqliteStore(path, busy=0.01), patience=3600.0 if closing else 0.05) as log:
            log.record(event(1))
            waiting = asyncio.ensure_future(log.written())
            await asyncio.sleep(0)
            if closing:
                await log.close()
            assert not await waiting
        unlock()


def test_another_loop_does_not_wait_for_an_earlier_one(store: Store) -> None:
    """Whoever waited on a loop that is gone is forgotten; the events are written on the next one."""
    log = EventLog(store, Heard())

    async def leave() -> None:
        await log.start()
        log.record(event(1))
        waiting = asyncio.ensure_future(log.written())
        await asyncio.sleep(0)
        waiting.cancel()

    async def come() -> None:
        await log.start()
        log.record(event(2))
        assert await log.written()
        await log.close()

    asyncio.run(leave())
    asyncio.run(come())
