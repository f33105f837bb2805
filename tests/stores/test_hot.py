"""Hot state: what visitors were just shown, known to every worker at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from personalize.errors import StoreError
from personalize.observe import LogObserver
from personalize.protocols import HotState
from personalize.stores import MemoryHotState, open_hot_state
from personalize.stores.company import Company
from personalize.stores.hot import Guarded
from personalize.stores.hot_postgres import PostgresHotState
from personalize.stores.hot_sqlite import SqliteHotState
from personalize.stores.redis import RedisHotState
from personalize.testing import HOT_STATE_LAWS

Law = Callable[[HotState, HotState], Awaitable[None]]


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    found: str = request.getfixturevalue(kind) if kind in ("postgres", "redis") else kind
    return found


def opened(url: str, base: Path) -> HotState:
    """Without the guard, which gives up after 50 ms: a busy machine must not fail a law."""
    if url == "memory":
        return MemoryHotState()
    if url.startswith("postgresql:"):
        return PostgresHotState(url, patience=10.0)
    return SqliteHotState(base / "hot.db") if url == "sqlite" else RedisHotState(url, patience=10.0)


@pytest.mark.parametrize("law", HOT_STATE_LAWS, ids=lambda law: law.__name__)
async def test_a_hot_state_keeps_the_law(law: Law, url: str, tmp_path: Path) -> None:
    """Every hot state does what personalize.testing asks of hot states."""
    one = opened(url, tmp_path)
    other = one if url == "memory" else opened(url, tmp_path)
    await law(one, other)
    await one.close()
    await other.close()


class Late(MemoryHotState):
    """Planted bug: what is remembered is recalled only after the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[str, Sequence[str], float]] = []

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        for item in self._waiting:
            await super().remember(*item)
        self._waiting = [(visitor, keys, time)]


class Rounded(MemoryHotState):
    """Planted bug: times lose their last digits, so that the log's and this one's are two showings."""

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        return {key: [round(time, 3) for time in times] for key, times in (await super().recall(visitor)).items()}


@pytest.mark.parametrize("broken", [Late, Rounded])
async def test_the_laws_catch_a_broken_hot_state(broken: type[MemoryHotState]) -> None:
    """A hot state with a planted bug breaks at least one law."""
    caught = []
    for law in HOT_STATE_LAWS:
        state = broken()
        try:
            await law(state, state)
        except (AssertionError, KeyError):
            caught.append(law.__name__)
    assert caught


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "postgresql://", "redis://"])
def test_what_names_no_hot_state_is_refused(url: str, tmp_path: Path) -> None:
    """The message says what could be written instead."""
    with pytest.raises(ValueError, match="use memory, sqlite"):
        open_hot_state(url, tmp_path)


class OneWay(MemoryHotState):
    """A server that answers and takes nothing, as a replica does."""

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        raise StoreError("read only")


async def test_what_takes_nothing_is_said_once() -> None:
    """While reading works and writing does not, that is said once and not with every page; each failure is counted."""
    said, counted = [], []

    class Heard:
        def count(self, name: str, n: int = 1) -> None:
            counted.append(name)

        def changed(self, part: str, state: str, detail: str = "") -> None:
            said.append((part, state, detail))

        def failed(self, where: str, error: BaseException) -> None:
            raise AssertionError(where) from error

    state = Guarded(OneWay(), Heard())
    for n in range(5):
        await state.recall("ann")
        await state.remember("ann", ["hero/a"], 1.0 + n)
    assert said == [("hot state, writing", "failing", "read only")] and counted == ["hot.failed"] * 5


async def test_who_is_alone_misses_nothing_that_fails(tmp_path: Path) -> None:
    """Once nobody is left to share with, what failed is needed by nobody: it is said to be well, and is not tried."""
    observer = LogObserver()
    state = Guarded(OneWay(), observer, company=Company(tmp_path / "hot.db.workers", settled=0.0))
    await state.remember("ann", ["hero/a"], 1.0)  # nobody is alone at once
    assert observer.states["hot state, writing"] == "failing read only"
    await state.remember("ann", ["hero/a"], 2.0)
    assert observer.states["hot state, writing"].strip() == "ok" and observer.counters["hot.failed"] == 1
    await state.close()


async def test_a_damaged_file_is_begun_again(tmp_path: Path) -> None:
    """A hot state's file holds nothing that the log does not; a broken one is thrown away."""
    (tmp_path / "hot.db").write_bytes(b"no database" * 1000)
    state = open_hot_state("sqlite:///hot.db", tmp_path)
    await state.remember("ann", ["hero/a"], 5.0)
    assert await state.recall("ann") == {"hero/a": [5.0]}
    await state.close()


async def test_workers_that_open_a_new_file_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """While somebody reads a file whose journal is no WAL yet, SQLite refuses to make it one and does not wait; the
    worker does."""
    with closing(sqlite3.connect(tmp_path / "hot.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE shown (visitor TEXT NOT NULL, time REAL NOT NULL, key TEXT NOT NULL)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM shown").fetchall()
        with closing(sqlite3.connect(tmp_path / "hot.db")) as db, pytest.raises(sqlite3.Error, match="locked"):
            db.execute("PRAGMA journal_mode=WAL")
        state = SqliteHotState(tmp_path / "hot.db", busy=20.0)
        remembered = asyncio.ensure_future(state.remember("ann", ["hero/a"], 5.0))
        await asyncio.sleep(0.1)
        assert not remembered.done()
        other.execute("COMMIT")
        await remembered
    assert await state.recall("ann") == {"hero/a": [5.0]}
    await state.close()


async def test_what_is_read_does_not_wait_for_a_lock(tmp_path: Path) -> None:
    """While another program holds the file's write lock, what was remembered is recalled; writes fail, and after three
    in a row nothing waits for one any more."""
    state = SqliteHotState(tmp_path / "hot.db", busy=0.05)
    await state.remember("ann", ["hero/a"], 5.0)
    with closing(sqlite3.connect(tmp_path / "hot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await state.recall("ann") == {"hero/a": [5.0]}
        for _ in range(3):
            with pytest.raises(StoreError, match="database is locked"):
                await state.remember("ann", ["hero/a"], 6.0)
        with pytest.raises(StoreError, match="left alone"):
            await state.remember("ann", ["hero/a"], 6.0)
        other.execute("ROLLBACK")
    async with asyncio.timeout(20):
        while True:
            try:
                await state.remember("ann", ["hero/a"], 7.0)
                break
            except StoreError:
                await asyncio.sleep(0.05)
    assert await state.recall("ann") == {"hero/a": [5.0, 7.0]}
    await state.close()


async def test_memory_is_bounded_and_those_shown_something_last_are_kept() -> None:
    """However many visitors come, what is remembered of them takes the same room."""
    state = MemoryHotState(room=20_000)
    for n in range(2_000):
        await state.remember(f"v{n}", ["hero/a", "side/b"], 1.0 * n)
    known = [n for n in range(2_000) if await state.recall(f"v{n}")]
    assert 20 < len(known) < 200 and known == [*range(known[0], 2_000)]
