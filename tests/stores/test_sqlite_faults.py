"""What may happen to a SQLite file, and what must not follow from it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from personalize.errors import StoreError
from personalize.model import Event
from personalize.stores import SqliteStore

WRITER = """
import asyncio, sys, time
from pathlib import Path
from personalize.model import Event
from personalize.stores import SqliteStore

async def main(path, run, order):
    store = SqliteStore(Path(path))
    await store.open()
    for batch in range(100_000):
        events = [Event(f"{run}-{batch}-{n}", "X", 1.0, f"v{n}", {"pad": "x" * 200}) for n in range(5)]
        if order == "said before committed":
            print(batch, flush=True)
            time.sleep(0.5)
        await store.append(events)
        if order == "committed, then said":
            print(batch, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Heard:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []

    def count(self, name: str, n: int = 1) -> None:
        raise AssertionError(name)

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.said.append((part, state, detail))

    def failed(self, where: str, error: BaseException) -> None:
        raise AssertionError(where) from error


def events(start: int, stop: int, **properties: Any) -> list[Event]:
    return [Event(f"e{n}", "X", 1.0, "ann", properties) for n in range(start, stop)]


async def ids(store: SqliteStore) -> list[str]:
    return [e.id for e in await store.read(0, 1_000_000)]


def moved_aside(path: Path) -> list[Path]:
    return [p for p in path.parent.glob(f"{path.name}.damaged-*") if not p.name.endswith(("-wal", "-shm"))]


def remove(path: Path) -> None:
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()


def spoil(path: Path) -> None:
    """Overwrite all but the first and the last page of a file with noise."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 2 * 4096))


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)


def run_at_once(code: str, path: Path, times: int) -> list[int]:
    workers = [subprocess.Popen([sys.executable, "-c", code, str(path), f"w{n}"]) for n in range(times)]
    return [worker.wait() for worker in workers]


def acknowledged_and_lost(path: Path, run: str, acknowledgements: int, order: str) -> list[str]:
    """Start a writer, kill -9 it after so many acknowledgements, and return acknowledged ids the file lacks."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), run, order], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(acknowledgements)]
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.readlines()
    writer.wait()
    batches = [int(line) for line in said if line.endswith("\n")]
    assert len(batches) >= acknowledgements
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = {row[0] for row in db.execute("SELECT id FROM events")}
    return [id_ for b in batches for n in range(5) if (id_ := f"{run}-{b}-{n}") not in stored]


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Of twenty writers killed one after the other, all that was acknowledged is in the file, and the file is whole."""
    for run in range(20):
        assert acknowledged_and_lost(tmp_path / "log.db", f"run{run}", 1 + run * 7 % 40, "committed, then said") == []


def test_the_kill_9_test_can_fail(tmp_path: Path) -> None:
    """Planted bug: a writer that acknowledges before it commits is caught losing events."""
    asyncio.run(_make(tmp_path / "log.db"))
    assert acknowledged_and_lost(tmp_path / "log.db", "run", 1, "said before committed") != []


async def _make(path: Path, *batches: list[Event]) -> None:
    store = SqliteStore(path)
    await store.open()
    for batch in batches:
        await store.append(batch)
    await store.close()


async def test_a_garbage_file_is_moved_aside(tmp_path: Path) -> None:
    """A file that is no database is kept under another name and said; a new log begins in its place."""
    path = tmp_path / "log.db"
    path.write_bytes(b"this is not a database, " * 400)
    heard = Heard()
    store = SqliteStore(path, heard)
    await store.open()
    assert (await store.append(events(0, 3)))[0] == 3
    assert await ids(store) == ["e0", "e1", "e2"]
    await store.close()
    (aside,) = moved_aside(path)
    assert aside.read_bytes() == b"this is not a database, " * 400
    assert [(part, state) for part, state, _ in heard.said] == [("store", "damaged")]
    assert aside.name in heard.said[0][2]


async def test_damage_found_later_is_moved_aside(tmp_path: Path) -> None:
    """Damage in the middle of the file is found by the call that meets it: the file is moved aside and said, and the
    log goes on; its new seqs lie beyond all old ones, so that nobody who followed the old log misses an event."""
    path = tmp_path / "log.db"
    await _make(path, events(0, 2000, pad="x" * 100))
    spoil(path)
    heard = Heard()
    store = SqliteStore(path, heard)
    await store.open()
    assert await ids(store) == []
    assert (await store.append(events(5000, 5003)))[0] == 3
    assert await ids(store) == ["e5000", "e5001", "e5002"]
    assert (await store.read())[0].seq > 2000
    assert [(part, state) for part, state, _ in heard.said] == [("store", "damaged")]
    await store.close()


async def test_every_worker_follows_a_replaced_file(tmp_path: Path) -> None:
    """When one worker moves a damaged file aside, another that still has it open writes to the new one, and only one
    file was moved."""
    path = tmp_path / "log.db"
    one, two = SqliteStore(path, Heard()), SqliteStore(path, Heard())
    await one.open()
    await two.open()
    await two.append(events(0, 900, pad="x" * 250))  # so few that no checkpoint of its own is under way below
    await two.read()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(path)
    assert await ids(one) == []
    await one.append(events(3000, 3001))
    await two.append(events(4000, 4001))
    assert await ids(one) == await ids(two) == ["e3000", "e4000"]
    assert len(moved_aside(path)) == 1
    await one.close()
    await two.close()


async def test_a_removed_file_is_begun_again(tmp_path: Path) -> None:
    """A log that somebody deleted under a running worker is made anew; seqs go on beyond the old ones."""
    path = tmp_path / "log.db"
    store = SqliteStore(path)
    await store.open()
    await store.append(events(0, 10))
    remove(path)
    assert (await store.append(events(20, 22)))[0] == 2
    found = await store.read()
    assert [e.id for e in found] == ["e20", "e21"] and found[0].seq > 10
    await store.close()


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A database that holds something else is refused, not changed and not moved."""
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE auth_user (id INTEGER)")
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="another program"):
        await store.open()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("auth_user",)]


async def test_a_newer_log_is_left_alone(tmp_path: Path) -> None:
    """A file of a later version is refused with a message, not moved aside."""
    path = tmp_path / "log.db"
    await _make(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="newer version"):
        await SqliteStore(path).open()
    assert moved_aside(path) == []


async def test_a_locked_database(tmp_path: Path) -> None:
    """While another process holds the write lock, a write raises StoreError and a read goes on; then both work."""
    path = tmp_path / "log.db"
    store = SqliteStore(path, busy=0.05)
    await store.open()
    await store.append(events(0, 1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            await store.append(events(1, 2))
        assert await ids(store) == ["e0"]
        other.execute("ROLLBACK")
    assert (await store.append(events(1, 2)))[0] == 1
    await store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 300 KB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    """What does not fit on a full disk is a StoreError, the batch as a whole; with room again, it is stored."""
    store = SqliteStore(small_disk / "log.db", Heard())
    await store.open()
    stored = 0
    with pytest.raises(StoreError):
        for n in range(1000):
            await store.append(events(n * 10, n * 10 + 10, pad="x" * 500))
            stored += 10
    assert 0 < stored < 10_000
    assert len(await ids(store)) == stored
    make_room(small_disk)
    assert (await store.append(events(stored, stored + 10)))[0] == 10
    assert len(await ids(store)) == stored + 10
    await store.close()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where the log cannot be, `open` raises StoreError and nothing else."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError):
        await SqliteStore(tmp_path / "file" / "log.db").open()


def test_a_fork_gets_its_own_connection(tmp_path: Path) -> None:
    """A store that was opened before a fork writes from parent and child; neither disturbs the other."""
    store = SqliteStore(tmp_path / "log.db")
    with asyncio.Runner() as runner:
        runner.run(store.open())
        runner.run(store.append(events(0, 5)))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if asyncio.run(store.append(events(100, 105)))[0] == 5 else 2
            finally:
                os._exit(code)
        assert runner.run(store.append(events(5, 10)))[0] == 5
        assert os.waitpid(child, 0)[1] == 0
        assert sorted(runner.run(ids(store))) == sorted(
            [f"e{n}" for n in range(10)] + [f"e{n}" for n in range(100, 105)]
        )
        runner.run(store.close())


async def test_many_processes_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Workers that start together on a file that does not exist make it once and all get it."""
    code = (
        "import asyncio, sys; from pathlib import Path; from personalize.model import Event;"
        "from personalize.stores import SqliteStore\n"
        "async def main():\n"
        "    s = SqliteStore(Path(sys.argv[1])); await s.open()\n"
        "    assert (await s.append([Event(sys.argv[2], 'X', 1.0, 'v')]))[0] == 1\n"
        "asyncio.run(main())"
    )
    path = tmp_path / "log.db"
    assert run_at_once(code, path, 6) == [0] * 6
    store = SqliteStore(path)
    await store.open()
    assert sorted(await ids(store)) == [f"w{n}" for n in range(6)]
    await store.close()


FIRST_VERSION = """
    PRAGMA application_id={application};
    CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        time REAL NOT NULL, visitor TEXT NOT NULL, properties TEXT NOT NULL);
    CREATE INDEX events_of_visitor ON events (visitor);
    INSERT INTO events VALUES (7, 'old', 'Page Viewed', 5.0, 'ann', '{{"path":"/"}}');
    PRAGMA user_version=1;
"""


async def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Workers that start together on an old file change it once; its events stay, and values can be kept."""
    path = tmp_path / "log.db"
    await _make(path)
    with closing(sqlite3.connect(path)) as db:
        application = db.execute("PRAGMA application_id").fetchone()[0]
    remove(path)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST_VERSION.format(application=application))
    code = (
        "import asyncio, sys; from pathlib import Path; from personalize.stores import SqliteStore\n"
        "async def main():\n"
        "    s = SqliteStore(Path(sys.argv[1])); await s.open()\n"
        "    assert await s.keep(sys.argv[2], 0, 7, {'a': b'1'})\n"
        "asyncio.run(main())"
    )
    assert run_at_once(code, path, 4) == [0] * 4
    store = SqliteStore(path)
    assert [(e.seq, e.id, e.properties) for e in await store.read()] == [(7, "old", {"path": "/"})]
    assert [await store.kept(f"w{n}") for n in range(4)] == [(7, {"a": b"1"})] * 4
    await store.close()
