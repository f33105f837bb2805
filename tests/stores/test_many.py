"""Many rows in one SQLite statement, and checkpoints that no commit waits for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from personalize.model import Event
from personalize.stores import SqliteStore
from personalize.stores.many import MOST, in_parts


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute("CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT, c REAL)")
        yield made


@pytest.mark.parametrize("limit", [32_766, 999])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 100, MOST - 1, MOST, MOST + 1, 3 * MOST + 5])
def test_rows_arrive_as_they_were_given(db: sqlite3.Connection, count: int, limit: int) -> None:
    """All of them, in their order, and nothing of what fills a statement up; also with an old SQLite's limit."""
    db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, limit)
    rows = [(f"b\0{n}", n / 3) for n in range(count)]
    for values, told in in_parts(db, rows):
        db.execute(f"INSERT INTO t (b, c) SELECT * FROM ({values}) WHERE column1 IS NOT NULL", told)
    assert db.execute("SELECT b, c FROM t ORDER BY a").fetchall() == rows
    assert db.execute("SELECT coalesce(max(a), 0) FROM t").fetchone() == (count,)


def events(first: int, count: int) -> list[Event]:
    return [Event(f"e{n}", "Page Viewed", float(n), f"v{n}", {"pad": "x" * 200}) for n in range(first, first + count)]


@pytest.mark.parametrize("known", [False, True])
async def test_a_batch_is_one_statement(known: bool, tmp_path: Path) -> None:
    """However many rows it has, the interpreter's lock is waited for once: a batch is a transaction of one statement,
    or, where an id is known already, of a second one."""
    store = SqliteStore(tmp_path / "log.db")
    await store.open()
    await store.append(events(0, 1))
    seen: list[str] = []
    await store._writer.run(lambda db: db.set_trace_callback(seen.append))
    first = 0 if known else 1
    new, last = await store.append(events(first, 500))
    assert (new, last) == (500 - known, 500 - known + 1)
    told = [line for line in seen if not line.startswith("--")]
    assert [line.split(" ", 2)[0] for line in told] == ["INSERT"] * (2 if known else 1)
    await store.close()


async def test_what_is_written_leaves_the_wal_by_itself(tmp_path: Path) -> None:
    """The file takes over what was appended while the log stays open, though no commit copies it."""
    path = tmp_path / "log.db"
    store = SqliteStore(path)
    await store.open()
    before = path.stat().st_size
    async with asyncio.timeout(30):
        first = 0
        while path.stat().st_size <= before:
            await store.append(events(first, 500))
            first += 500
    assert first < 16_384  # long before a commit would have had to do it
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*), max(seq) FROM events").fetchone() == (first, first)
