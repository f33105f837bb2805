"""Hot state in a SQLite file, for the workers of one machine. The file may be deleted at any time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .hot import KEPT_FOR, MOST, by_key
from .lane import Lane, is_damage
from .many import in_parts

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS shown (visitor TEXT NOT NULL, time REAL NOT NULL, key TEXT NOT NULL,"
    " PRIMARY KEY (visitor, time, key)) WITHOUT ROWID"
)
_SWEEP: Final = 60.0  # seconds between two looks for what is older than KEPT_FOR


class SqliteHotState:
    """One connection on a thread of its own: what is remembered can be recalled by every process at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._swept = time.monotonic()
        self._lane = Lane(path, self._connect, lambda error: None)

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        rows = [(_text(visitor), time, _text(key)) for key in keys]
        await self._lane.run(lambda db: self._remember(db, rows, time))

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        def look(db: sqlite3.Connection) -> list[tuple[float, str]]:
            query = "SELECT time, key FROM shown WHERE visitor = ? ORDER BY time DESC, key DESC LIMIT ?"
            return db.execute(query, (_text(visitor), MOST)).fetchall()[::-1]

        return by_key(await self._lane.run(look))

    async def close(self) -> None:
        await self._lane.close()

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
        db = sqlite3.connect(self.path, timeout=0.5, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=OFF")  # it need not outlive the machine
            db.execute(_TABLE)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _remember(self, db: sqlite3.Connection, rows: list[tuple[str, float, str]], now: float) -> None:
        for values, told in in_parts(db, rows):
            db.execute(f"INSERT OR IGNORE INTO shown SELECT * FROM ({values}) WHERE column1 IS NOT NULL", told)
        if time.monotonic() - self._swept > _SWEEP:
            self._swept = time.monotonic()
            db.execute("DELETE FROM shown WHERE time < ?", (now - KEPT_FOR,))


def _text(value: str) -> str:
    """UTF-8 has no lone surrogates; they become question marks."""
    return value.encode("utf-8", "replace").decode("utf-8")
