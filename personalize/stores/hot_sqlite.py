"""Hot state in a SQLite file, for the workers of one machine. The file may be deleted at any time.

Rule 1  What is read does not wait for what is written: each has a thread and a connection, and the journal is a WAL.
Rule 2  A write waits for the lock of other workers, `busy` seconds at most, on its own thread; who waits for the write
        may give up earlier, and then it is not made if it was not begun.
Rule 3  After failures in a row nothing is asked for a moment (see breaker), so that nothing piles up behind a lock.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from ..breaker import Breaker
from ..errors import StoreError
from .hot import KEPT_FOR, MOST, by_key
from .lane import Lane, is_busy, is_damage
from .many import in_parts

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS shown (visitor TEXT NOT NULL, time REAL NOT NULL, key TEXT NOT NULL,"
    " PRIMARY KEY (visitor, time, key)) WITHOUT ROWID"
)
_SWEEP: Final = 60.0  # seconds between two looks for what is older than KEPT_FOR
_FAILURES, _OPEN_FOR = 3, 1.0
_PAUSE: Final = 0.02  # seconds between two tries to open the file

T = TypeVar("T")


class SqliteHotState:
    """What is remembered can be recalled by every process at once."""

    def __init__(self, path: Path, *, busy: float = 2.0) -> None:
        self.path = path
        self._busy = busy
        self._swept = time.monotonic()
        self._writer = Lane(path, self._connect, lambda error: None)
        self._reader = Lane(path, self._connect, lambda error: None)
        self._breakers = {lane: Breaker(_FAILURES, _OPEN_FOR) for lane in (self._writer, self._reader)}

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        rows = [(_text(visitor), time, _text(key)) for key in keys]
        await self._run(self._writer, lambda db: self._remember(db, rows, time))

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        def look(db: sqlite3.Connection) -> list[tuple[float, str]]:
            query = "SELECT time, key FROM shown WHERE visitor = ? ORDER BY time DESC, key DESC LIMIT ?"
            return db.execute(query, (_text(visitor), MOST)).fetchall()[::-1]

        return by_key(await self._run(self._reader, look))

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    async def _run(self, lane: Lane, work: Callable[[sqlite3.Connection], T]) -> T:
        breaker = self._breakers[lane]
        if not breaker.allows(time.monotonic()):
            raise StoreError(f"{self.path}: left alone for a moment, after failures in a row")
        try:
            result = await lane.run(work)
        except (StoreError, asyncio.CancelledError):  # or the caller gave up waiting
            breaker.failed(time.monotonic())
            raise
        breaker.succeeded(time.monotonic())
        return result

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return self._opened()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            # Nothing is lost with it that the log does not hold.
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        """To turn a new file's journal into a WAL SQLite needs it alone, and does not wait for another worker that
        opens it, too: it says "database is locked" at once. So it is waited for here."""
        until = time.monotonic() + self._busy
        while True:
            db = sqlite3.connect(self.path, timeout=self._busy, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=OFF")  # it need not outlive the machine
                db.execute(_TABLE)
            except sqlite3.Error as error:
                db.close()
                if not is_busy(error) or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
            else:
                return db

    def _remember(self, db: sqlite3.Connection, rows: list[tuple[str, float, str]], now: float) -> None:
        with closing(db.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                for values, told in in_parts(db, rows):
                    insert = f"INSERT OR IGNORE INTO shown SELECT * FROM ({values}) WHERE column1 IS NOT NULL"
                    cursor.execute(insert, told)
                if time.monotonic() - self._swept > _SWEEP:
                    self._swept = time.monotonic()
                    cursor.execute("DELETE FROM shown WHERE time < ?", (now - KEPT_FOR,))
                cursor.execute("COMMIT")
            finally:
                if db.in_transaction:
                    cursor.execute("ROLLBACK")


def _text(value: str) -> str:
    """UTF-8 has no lone surrogates; they become question marks."""
    return value.encode("utf-8", "replace").decode("utf-8")
