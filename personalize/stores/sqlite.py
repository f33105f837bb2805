"""The log in one SQLite file, shared by all workers of one machine. The default store.

Rule 1  A commit survives the death of the process: WAL with synchronous=NORMAL hands each commit to the operating
        system (https://sqlite.org/wal.html). A power cut may lose the last commits, never the file.
Rule 2  Every write takes SQLite's write lock before it reads anything, by BEGIN IMMEDIATE or as one statement that is
        a transaction by itself: seq is given in the order of commits, so a reader that has seen seq n will never find
        a smaller one later.
Rule 3  Nothing runs on the event loop. Writes and reads have a thread and a connection each, so that a locked
        database does not keep a page from reading a profile.
Rule 4  No commit waits for a checkpoint. Copying the WAL into the file has to wait for the disk, so a third thread does
        it; a commit does only where the WAL has grown far beyond what that one should have left.
Rule 5  A damaged file is moved aside and said, never overwritten. Whoever opens, repairs or replaces the file holds
        the lock file beside it.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..errors import StoreError
from ..model import ERASED, Event
from ..protocols import Line, Observer
from .lane import Lane, is_damage
from .many import in_parts
from .rows import Row, event_of_line, row_of, text_of

try:
    import fcntl
except ImportError:  # Windows: the lock of Rule 5 is then left to SQLite's own
    fcntl = None  # type: ignore[assignment]

_APPLICATION: Final = 0x70657273  # "pers": marks the file as ours, so that another program's is left alone
# Step n brings a file from version n to n + 1. Steps are only ever appended.
_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # AUTOINCREMENT: a seq is never given twice, not even after the newest events were erased.
        "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
        " time REAL NOT NULL, visitor TEXT NOT NULL, properties TEXT NOT NULL)",
        # An index entry ends with the row's own seq, so this one is on (visitor, seq).
        "CREATE INDEX events_of_visitor ON events (visitor)",
    ),
    (
        "CREATE TABLE stands (grp TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE kept (grp TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (grp, key))",
    ),
)
_INSERT: Final = "INSERT INTO events (id, name, time, visitor, properties) SELECT * FROM"
# A look-up of its own, since ON CONFLICT would use up a seq for what it leaves out. It sees the table as it was before
# the statement.
_NEW: Final = " AND NOT EXISTS (SELECT 1 FROM events WHERE id = column1)"
_FORGET: Final = "DELETE FROM events WHERE visitor = ? AND name != ? AND seq > ? AND seq <= ?"
_TRIM: Final = "DELETE FROM events WHERE seq > ? AND seq <= ? AND name = ? AND time < ?"
_REPLACED: Final = "ON CONFLICT DO UPDATE SET value = excluded.value"
_LAST_SEQ: Final = 2**63 - 1
_AT_ONCE: Final = 500  # keys in one query
_CHECKPOINT: Final = 1_000  # new events after which there is a checkpoint
_LONGEST_WAL: Final = 16_384  # pages, 64 MB
_COLUMNS: Final = "SELECT seq, id, name, time, visitor, properties FROM events"


class SqliteStore:
    """`busy` is how many seconds a write waits for another process's write before it raises StoreError. With `mends`
    set to False a file that is missing or damaged is a StoreError, too: nothing is made and nothing is moved."""

    def __init__(self, path: Path, observer: Observer | None = None, *, busy: float = 1.0) -> None:
        self.mends = True
        self.path = path
        self.where = str(path.absolute())
        self._observer = observer
        self._busy = busy
        self._closed = False
        self._had_file = False  # there was a log here before the file that is opened now
        self._suspect = False  # a call found damage; the next opening looks at the whole file
        self._writer = Lane(path, lambda: self._connect(write=True), self._broke)
        self._reader = Lane(path, lambda: self._connect(write=False), self._broke)
        self._settler = Lane(path, lambda: self._connect(write=True), self._broke)
        self._unsettled = 0  # events since the last checkpoint

    # --- the protocol --------------------------------------------------------------------------------

    async def open(self) -> None:
        """To hear of trouble early. A call before it opens the file too: a page may ask first."""
        await self._writer.run(lambda db: None)
        self._closed = False

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        self._check()
        new, last = await self._writer.run(lambda db: _append(db, events))
        self._unsettled += new
        if self._unsettled >= _CHECKPOINT:
            self._unsettled = 0
            self._settler.soon(_checkpoint)
        return new, last

    async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
        self._check()
        return await self._reader.run(lambda db: _events(db, "WHERE seq > ? ORDER BY seq LIMIT ?", after, limit))

    async def lines(self, after: int = 0, limit: int = 1000) -> list[Line]:
        self._check()
        query = f"{_COLUMNS} WHERE seq > ? ORDER BY seq LIMIT ?"
        return await self._reader.run(lambda db: db.execute(query, (after, limit)).fetchall())

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        self._check()
        most = -1 if limit is None else limit
        where = "WHERE visitor = ? AND seq > ? ORDER BY seq LIMIT ?"
        return await self._reader.run(lambda db: _events(db, where, text_of(visitor), after, most))

    async def last(self) -> int:
        self._check()
        return await self._reader.run(_last)

    async def forget(self, visitor: str, after: int = 0, upto: int | None = None) -> int:
        self._check()
        last = _LAST_SEQ if upto is None else upto
        return await self._writer.run(lambda db: _remove(db, _FORGET, text_of(visitor), ERASED, after, last))

    async def trim(self, after: int, upto: int, before: Mapping[str, float]) -> int:
        self._check()
        return await self._writer.run(
            lambda db: sum(_remove(db, _TRIM, after, upto, name, time) for name, time in before.items())
        )

    async def kept(self, group: str, keys: Sequence[str] | None = None) -> tuple[int, dict[str, bytes]]:
        self._check()
        return await self._reader.run(lambda db: _kept(db, group, keys))

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        self._check()
        return await self._writer.run(lambda db: _keep(db, group, before, upto, values, alone))

    async def close(self) -> None:
        self._closed = True
        await self._reader.close()
        await self._settler.close()
        await self._writer.close()

    def _check(self) -> None:
        if self._closed:
            raise StoreError("the log is closed")

    # --- opening, on a lane's thread -----------------------------------------------------------------

    def _connect(self, *, write: bool) -> sqlite3.Connection:
        if not self.mends and not self.path.exists():
            raise StoreError(f"there is no log at {self.path} yet; it begins with the first page that the site serves")
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock_file(), contextlib.ExitStack() as failed:
            if self.path.exists() and self._is_damaged():
                if not self.mends:
                    raise StoreError(f"{self.path} is damaged; a site that serves moves it aside and begins a new log")
                self._move_aside()
                self._had_file = True
            self._suspect = False
            db = sqlite3.connect(self.path, timeout=self._busy, isolation_level=None)
            failed.callback(db.close)
            mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            # Where the file system has no shared memory the old journal stays, and needs the careful setting.
            db.execute(f"PRAGMA synchronous={'NORMAL' if mode == 'wal' else 'FULL'}")
            db.execute(f"PRAGMA wal_autocheckpoint={_LONGEST_WAL}")
            db.execute("PRAGMA journal_size_limit=67108864")  # a WAL that once grew gives its space back
            db.execute("PRAGMA secure_delete=ON")  # what is forgotten leaves the file, too
            self._migrate(db)
            if not write:
                db.execute("PRAGMA query_only=ON")
            failed.pop_all()
            self._had_file = True
            return db

    @contextlib.contextmanager
    def _lock_file(self) -> Iterator[None]:
        """Held by one process and lane at a time; waited for at most `busy` seconds and one more."""
        if fcntl is None:
            yield
            return
        with self.path.with_name(self.path.name + ".lock").open("ab") as lock:
            until = time.monotonic() + self._busy + 1.0
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise StoreError(f"{self.path}: another process is opening it and does not finish")
                    time.sleep(0.02)
            yield

    def _is_damaged(self) -> bool:
        """Is the file no readable database? The whole of it is read only after a call found damage."""
        db = sqlite3.connect(self.path, timeout=self._busy, isolation_level=None)
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return self._suspect and db.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                return True
            raise
        finally:
            db.close()

    def _move_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        detail = f"{self.path} could not be read and was moved to {aside.name}; a new log was begun"
        if self._observer is not None:
            self._observer.changed("store", "damaged", detail)
        else:
            logging.getLogger("personalize").warning("store: damaged (%s)", detail)

    def _migrate(self, db: sqlite3.Connection) -> None:
        if _version(db) == len(_STEPS) and _pragma(db, "application_id") == _APPLICATION:
            return
        with _transaction(db):
            version = _version(db)
            if version > len(_STEPS):
                raise StoreError(f"{self.path} was written by a newer version of this software")
            if _pragma(db, "application_id") != _APPLICATION:
                if version or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise StoreError(f"{self.path} belongs to another program; name a file of its own for the log")
                db.execute(f"PRAGMA application_id={_APPLICATION}")
            for step in _STEPS[version:]:
                for statement in step:
                    db.execute(statement)
            if version == 0 and self._had_file:
                # Readers remember how far they came in the lost file. Milliseconds since 1970 are beyond that.
                db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (int(time.time() * 1000),))
            db.execute(f"PRAGMA user_version={len(_STEPS)}")

    def _broke(self, error: sqlite3.Error) -> None:
        if is_damage(error):
            self._suspect = True


# --- statements, on a lane's thread ------------------------------------------------------------------------


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _checkpoint(db: sqlite3.Connection) -> None:
    """Writers go on meanwhile, and begin the WAL anew where they find all of it copied. So what came during a long
    checkpoint is copied right after it, which is short."""
    for _ in range(3):
        _, pages, copied = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages == copied:
            return


def _append(db: sqlite3.Connection, events: Sequence[Event]) -> tuple[int, int]:
    """Nearly always every event is new, and then nothing has to be looked up first."""
    rows = [row_of(event) for event in events]
    try:
        return _insert(db, rows, known=False)
    except sqlite3.IntegrityError:  # an id is known, or comes twice; nothing was written
        firsts: dict[str, Row] = {}
        for row in rows:
            firsts.setdefault(row[0], row)
        return _insert(db, list(firsts.values()), known=True)


def _insert(db: sqlite3.Connection, rows: Sequence[Row], *, known: bool) -> tuple[int, int]:
    """How many were new, and the last one's seq. `known`: some of the ids may be in the log; those are left out."""
    parts = list(in_parts(db, rows))
    with _transaction(db) if len(parts) > 1 else contextlib.nullcontext():
        new = last = 0
        for values, told in parts:
            cursor = db.execute(f"{_INSERT} ({values}) WHERE column1 IS NOT NULL{_NEW if known else ''}", told)
            if cursor.rowcount:
                new, last = new + cursor.rowcount, cursor.lastrowid or 0
        return new, last or _last(db)


def _remove(db: sqlite3.Connection, statement: str, *values: object) -> int:
    with _transaction(db):
        return db.execute(statement, values).rowcount


def _events(db: sqlite3.Connection, where: str, *values: object) -> list[Event]:
    return [event_of_line(line) for line in db.execute(f"{_COLUMNS} {where}", values)]


def _kept(db: sqlite3.Connection, group: str, keys: Sequence[str] | None) -> tuple[int, dict[str, bytes]]:
    if keys is None:
        chosen: list[tuple[str, tuple[str, ...]]] = [("SELECT key, value FROM kept WHERE grp = ?", (group,))]
    else:
        texts = [text_of(key) for key in keys]
        parts = [texts[at : at + _AT_ONCE] for at in range(0, len(texts), _AT_ONCE)]
        query = "SELECT key, value FROM kept WHERE grp = ? AND key IN ({})"
        chosen = [(query.format(", ".join("?" * len(part))), (group, *part)) for part in parts]
    db.execute("BEGIN")  # so that everything is read as of one moment
    try:
        found = {key: value for query, told in chosen for key, value in db.execute(query, told)}
        return _stands(db, group), found
    finally:
        db.execute("COMMIT")


def _keep(
    db: sqlite3.Connection, group: str, before: int, upto: int, values: Mapping[str, bytes | None], alone: bool
) -> bool:
    with _transaction(db):
        if _stands(db, group) != before:
            return False
        if alone:
            db.execute("DELETE FROM kept WHERE grp = ?", (group,))
        gone = [(text_of(key),) for key, value in values.items() if value is None]
        for keys, told in in_parts(db, gone):
            db.execute(f"DELETE FROM kept WHERE grp = ? AND key IN ({keys})", (group, *told))
        put = [(group, text_of(key), value) for key, value in values.items() if value is not None]
        for rows, told in in_parts(db, put):
            db.execute(f"INSERT INTO kept SELECT * FROM ({rows}) WHERE column1 IS NOT NULL {_REPLACED}", told)
        db.execute("INSERT INTO stands VALUES (?, ?) ON CONFLICT DO UPDATE SET upto = excluded.upto", (group, upto))
        return True


def _stands(db: sqlite3.Connection, group: str) -> int:
    found = db.execute("SELECT upto FROM stands WHERE grp = ?", (group,)).fetchone()
    return found[0] if found is not None else 0


def _last(db: sqlite3.Connection) -> int:
    found: int = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    return found


def _version(db: sqlite3.Connection) -> int:
    return _pragma(db, "user_version")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value
