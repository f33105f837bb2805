"""One thread that owns one database connection: blocking calls leave the event loop, one after the other."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from ..errors import StoreError

T = TypeVar("T")

# A connection that came through a fork must neither be used nor closed by the child: SQLite would drop locks
# and files that the parent still holds. It is kept here for the life of the process instead.
_INHERITED: Final[list[object]] = []

# After these the connection is as good as before; after any other error it is opened anew.
_PASSING: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CONSTRAINT}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_damage(error: sqlite3.Error) -> bool:
    """Does the error say that the file itself is broken (and not that it is busy, full or out of reach)?"""
    return _code(error) in _DAMAGED


def is_busy(error: sqlite3.Error) -> bool:
    """Does it only say that another connection is at work?"""
    return _code(error) == sqlite3.SQLITE_BUSY


class Lane:
    """Runs `work(connection)` on its own thread. Thread and connection are made when first needed, per process.

    `work` is one transaction, so that it can be tried again. `connect` opens a connection to the file at `path`,
    `broke` hears of every database error; both are called on the lane's thread. When `path` comes to name another
    file (a damaged one was moved aside), it is connected anew.
    """

    def __init__(
        self, path: Path, connect: Callable[[], sqlite3.Connection], broke: Callable[[sqlite3.Error], None]
    ) -> None:
        self._path = path
        self._connect = connect
        self._broke = broke
        self._pid = 0
        self._file: tuple[int, int] | None = None  # device and inode of the connection's file
        self._pool: ThreadPoolExecutor | None = None
        self._unawaited: Future[object] | None = None
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Raises StoreError for whatever the database or the disk has against it."""
        return await asyncio.get_running_loop().run_in_executor(self._own_pool(), self._work, work)

    def soon(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Run it without anybody waiting, and whether or not it succeeds; nothing if the last such is still at it."""
        if self._unawaited is None or self._unawaited.done():
            self._unawaited = self._own_pool().submit(self._work, work)

    async def close(self) -> None:
        """After what was accepted before, give back the connection and the thread."""
        if self._pid == os.getpid() and self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.get_running_loop().run_in_executor(pool, self._disconnect)
            pool.shutdown(wait=False)

    def _own_pool(self) -> ThreadPoolExecutor:
        pid = os.getpid()
        if self._pid != pid:
            if self._pool is not None:
                _INHERITED.append((self._pool, self._connection))
            self._pid, self._pool, self._connection, self._unawaited = pid, None, None, None
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"log {self._path.name}")
        return self._pool

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            try:
                return work(self._connected())
            except sqlite3.Error as error:
                self._broke(error)
                if not is_damage(error):
                    raise
                # Connecting anew moves the damaged file aside, so a second try has a sound one.
                self._disconnect()
                return work(self._connected())
        except sqlite3.Error as error:
            if _code(error) not in _PASSING:
                self._disconnect()
            raise StoreError(f"{self._path}: {error}") from error
        except OSError as error:
            self._disconnect()
            raise StoreError(f"{self._path}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != _identity(self._path):
            self._disconnect()
        if self._connection is None:
            self._connection = self._connect()
            self._file = _identity(self._path)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error as error:  # a damaged file may refuse its last checkpoint; it is let go all the same
                self._broke(error)


def _code(error: sqlite3.Error) -> int:
    """The primary result code (https://sqlite.org/rescode.html), 0 for an error that Python's module raised."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
