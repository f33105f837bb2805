"""A process that is alone with its hot state shares nothing; one that is not shares everything."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import sys
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from personalize.stores.company import Company
from personalize.stores.hot import Guarded
from personalize.stores.hot_sqlite import SqliteHotState

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells open file descriptions apart")


def guarded(base: Path) -> Guarded:
    """With a company that is settled when asked for the second time."""
    shared = SqliteHotState(base / "hot.db")
    return Guarded(shared, patience=10.0, company=Company(base / "hot.db.workers", settled=0.0))


def shared(base: Path) -> int:
    """How many rows were written for others."""
    if not (base / "hot.db").exists():
        return 0
    with closing(sqlite3.connect(base / "hot.db")) as db:
        count: int = db.execute("SELECT count(*) FROM shown").fetchone()[0]
        return count


async def test_who_is_alone_writes_for_nobody(tmp_path: Path) -> None:
    """Alone, what was shown is recalled from memory, and no file is written."""
    only = guarded(tmp_path)
    await only.recall("")
    await only.remember("ann", ["hero/offer"], 1.0)
    assert await only.recall("ann") == {"hero/offer": [1.0]}
    assert shared(tmp_path) == 0
    await only.close()


async def test_from_the_second_on_all_is_shared(tmp_path: Path) -> None:
    """As soon as there are two, each sees what the other showed; when one goes, the other is alone again."""
    one, other = guarded(tmp_path), guarded(tmp_path)
    await one.recall("")
    await other.recall("")
    await one.remember("ann", ["hero/offer"], 1.0)
    await other.remember("ann", ["hero/offer"], 2.0)
    assert await one.recall("ann") == await other.recall("ann") == {"hero/offer": [1.0, 2.0]}
    await other.close()
    await one.remember("bo", ["hero/offer"], 3.0)
    assert shared(tmp_path) == 2
    await one.close()


def at_work(path: Path, told: Connection) -> None:
    """Another process, which is there until it is told to go."""
    company = Company(path, settled=0.0)
    company.is_alone()
    told.send(company.is_alone())
    told.recv()


@pytest.mark.parametrize("kind", ["spawn", "fork"])
async def test_another_process_is_company_until_it_dies(tmp_path: Path, kind: str) -> None:
    """A worker sees one that was started or forked beside it, and that it is gone, however it went."""
    path = tmp_path / "hot.db.workers"
    mine = Company(path, settled=0.0)
    assert not mine.is_alone()
    assert mine.is_alone()
    context = multiprocessing.get_context(kind)
    here, there = context.Pipe()
    worker = context.Process(target=at_work, args=(path, there))
    worker.start()
    try:
        assert await asyncio.to_thread(here.recv) is False
        assert not mine.is_alone()
    finally:
        worker.kill()
        await asyncio.to_thread(worker.join)
    assert mine.is_alone()
    mine.leave()


async def test_nobody_is_alone_at_once(tmp_path: Path) -> None:
    """What a process that just went was the last to show stands in the file for a while, and is read from there."""
    company = Company(tmp_path / "hot.db.workers")
    assert not company.is_alone() and not company.is_alone()
    company.leave()


async def test_where_no_lock_can_be_had_all_is_shared(tmp_path: Path) -> None:
    """A place that can't be written to leaves nobody alone."""
    (tmp_path / "hot.db.workers").mkdir()
    company = Company(tmp_path / "hot.db.workers", settled=0.0)
    assert not company.is_alone() and not company.is_alone()
