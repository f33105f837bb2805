"""The log in PostgreSQL, for several machines. Needs the extra "postgres" (asyncpg).

Rule 1  seq is given in the order of commits, without gaps. A sequence would do neither (it is drawn before the commit,
        and a rolled back or repeated event leaves a hole), so the newest seq is a row that each append locks first. One
        append is one statement: a client that stops between two can't keep that lock.
Rule 2  An id is looked up under the same lock, so that it is stored once, whoever sends it.
Rule 3  Tables are made and changed at the first connection, in one transaction, under an advisory lock.
Rule 4  Deadlines, dropped connections and the breaker are those of `lines`; connecting is told in `postgres_lines`.

The tables live in the first schema of the connection's search_path.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..breaker import Breaker
from ..errors import StoreError
from ..model import ERASED, Event
from ..protocols import Line
from .lines import Lines
from .postgres_lines import Told, connected, driver_url, escaped, locked, plain, where_of
from .rows import event_of_line, row_of

_PATIENCE: Final = 2.0  # seconds for connecting, and for a command
_FAILURES, _OPEN_FOR = 3, 1.0

# Step n brings the tables from version n to n + 1. Steps are only ever appended.
_STEPS: Final = (
    """
    CREATE TABLE personalize_log (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, newest bigint NOT NULL
    );
    INSERT INTO personalize_log (version, newest) VALUES (0, 0);
    CREATE TABLE personalize_events (
        seq bigint PRIMARY KEY, id text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
        time double precision NOT NULL, visitor text COLLATE "C" NOT NULL, properties json NOT NULL
    );
    -- By hash, since an index refuses texts of more than 2,700 bytes, and an id may be longer.
    CREATE INDEX personalize_events_by_id ON personalize_events (hashtextextended(id, 0));
    CREATE INDEX personalize_events_of_visitor ON personalize_events (hashtextextended(visitor, 0), seq);
    -- enable_seqscan: the plan is made while the table is empty, and kept. jit: it would cost more than it saves.
    CREATE FUNCTION personalize_append(ids text[], names text[], times float8[], visitors text[], properties text[])
        RETURNS TABLE (stored bigint, last bigint) LANGUAGE plpgsql
        SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off SET lock_timeout = '1500ms' AS $$
    DECLARE
        event record;
        before bigint;
    BEGIN
        SELECT newest INTO STRICT before FROM personalize_log WHERE one FOR UPDATE;
        last := before;
        FOR event IN SELECT * FROM unnest(ids, names, times, visitors, properties)
            AS e (id, name, time, visitor, properties)
        LOOP
            INSERT INTO personalize_events (seq, id, name, time, visitor, properties)
                SELECT last + 1, event.id, event.name, event.time, event.visitor, event.properties::json
                WHERE NOT EXISTS (
                    SELECT FROM personalize_events AS known
                    WHERE hashtextextended(known.id, 0) = hashtextextended(event.id, 0) AND known.id = event.id
                );
            IF FOUND THEN
                last := last + 1;
            END IF;
        END LOOP;
        IF last > before THEN
            UPDATE personalize_log SET newest = last WHERE one;
        END IF;
        stored := last - before;
        RETURN NEXT;
    END $$;
    """,
    """
    -- Of a log that was lost, what was kept beside it is worth nothing.
    DROP TABLE IF EXISTS personalize_stands, personalize_kept;
    DROP FUNCTION IF EXISTS personalize_keep(text, bigint, bigint, text[], bytea[], text[], boolean);
    CREATE TABLE personalize_stands (grp text COLLATE "C" PRIMARY KEY, upto bigint NOT NULL);
    CREATE TABLE personalize_kept (
        grp text COLLATE "C", key text COLLATE "C", value bytea NOT NULL, PRIMARY KEY (grp, key)
    );
    CREATE FUNCTION personalize_keep(
        of_group text, before bigint, upto_now bigint, keys text[], given bytea[], gone text[], alone boolean
    ) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
        SET lock_timeout = '1500ms' AS $$
    DECLARE
        stands bigint;
    BEGIN
        INSERT INTO personalize_stands VALUES (of_group, 0) ON CONFLICT DO NOTHING;
        SELECT upto INTO STRICT stands FROM personalize_stands WHERE grp = of_group FOR UPDATE;
        IF stands <> before THEN
            RETURN false;
        END IF;
        IF alone THEN
            DELETE FROM personalize_kept WHERE grp = of_group;
        END IF;
        DELETE FROM personalize_kept WHERE grp = of_group AND key = ANY (gone);
        INSERT INTO personalize_kept SELECT of_group, k, v FROM unnest(keys, given) AS put (k, v)
            ON CONFLICT (grp, key) DO UPDATE SET value = excluded.value;
        UPDATE personalize_stands SET upto = upto_now WHERE grp = of_group;
        RETURN true;
    END $$;
    """,
)
_APPEND: Final = "SELECT * FROM personalize_append($1::text[], $2::text[], $3::float8[], $4::text[], $5::text[])"
_COLUMNS: Final = "SELECT seq, id, name, time, visitor, properties FROM personalize_events"
_READ: Final = f"{_COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2"
_OF_VISITOR: Final = f"""
    {_COLUMNS} WHERE hashtextextended(visitor, 0) = hashtextextended($1, 0) AND visitor = $1 AND seq > $2
    ORDER BY seq LIMIT $3
"""
_FORGET: Final = """
    DELETE FROM personalize_events WHERE hashtextextended(visitor, 0) = hashtextextended($1, 0) AND visitor = $1
    AND name != $2 AND seq > $3 AND ($4::bigint IS NULL OR seq <= $4) RETURNING 1
"""
_TRIM: Final = """
    WITH gone AS (
        DELETE FROM personalize_events AS e USING unnest($3::text[], $4::float8[]) AS kept (name, since)
        WHERE e.seq > $1 AND e.seq <= $2 AND e.name = kept.name AND e.time < kept.since RETURNING 1
    ) SELECT count(*) FROM gone
"""
# One statement sees one moment.
_STANDS: Final = "(SELECT coalesce((SELECT upto FROM personalize_stands WHERE grp = $1), 0) AS upto) AS stands"
_KEPT: Final = f"SELECT upto, key, value FROM {_STANDS} LEFT JOIN personalize_kept ON grp = $1"
_KEPT_OF: Final = f"{_KEPT} AND key = ANY ($2::text[])"
_KEEP: Final = "SELECT personalize_keep($1, $2, $3, $4::text[], $5::bytea[], $6::text[], $7)"
_LAST: Final = "SELECT newest FROM personalize_log"
_VERSION: Final = "SELECT version FROM personalize_log"


class PostgresStore:
    """`url` is libpq's: postgresql://user@host:5432/database?options=... Raises ValueError where asyncpg is missing.
    `patience` is how many seconds connecting may take, and a command; `readers` how many reads run at a time."""

    def __init__(self, url: str, *, patience: float = _PATIENCE, readers: int = 4) -> None:
        self._url = driver_url(url)
        self.where = where_of(url)
        self._patience = patience
        self._closed = False
        self._had_log = False
        breaker = Breaker(_FAILURES, _OPEN_FOR)
        self._writer: Lines[Any] = Lines(self.where, self._connect, breaker, limit=1, patience=patience)
        self._reader: Lines[Any] = Lines(self.where, self._connect, breaker, limit=readers, patience=patience)

    # --- the protocol --------------------------------------------------------------------------------

    async def open(self) -> None:
        """To hear of trouble early. A call before it connects too: a page may ask first."""
        self._closed = False
        await self._ask(self._writer, _VERSION)

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        rows = [row_of(event) for event in events]
        ids, names, times, visitors, properties = zip(*rows, strict=True) if rows else ((),) * 5
        columns = (escaped(ids), escaped(names), times, escaped(visitors), properties)
        ((stored, last),) = await self._ask(self._writer, _APPEND, *columns)
        return stored, last

    async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
        return [event_of_line(line) for line in await self.lines(after, limit)]

    async def lines(self, after: int = 0, limit: int = 1000) -> list[Line]:
        return _lines(await self._ask(self._reader, _READ, after, limit))

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        return _events(await self._ask(self._reader, _OF_VISITOR, *escaped((visitor,)), after, limit))

    async def last(self) -> int:
        ((newest,),) = await self._ask(self._reader, _LAST)
        return int(newest)

    async def forget(self, visitor: str, after: int = 0, upto: int | None = None) -> int:
        return len(await self._ask(self._writer, _FORGET, *escaped((visitor,)), ERASED, after, upto))

    async def trim(self, after: int, upto: int, before: Mapping[str, float]) -> int:
        limits = (escaped(list(before)), list(before.values()))
        ((count,),) = await self._ask(self._writer, _TRIM, after, upto, *limits)
        return int(count)

    async def kept(self, group: str, keys: Sequence[str] | None = None) -> tuple[int, dict[str, bytes]]:
        told = (group,) if keys is None else (group, escaped(keys))
        rows = await self._ask(self._reader, _KEPT if keys is None else _KEPT_OF, *told)
        return rows[0][0], {plain(key): value for _, key, value in rows if key is not None}

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        put = {key: value for key, value in values.items() if value is not None}
        gone = [key for key, value in values.items() if value is None]
        told = (group, before, upto, escaped(list(put)), list(put.values()), escaped(gone), alone)
        ((done,),) = await self._ask(self._writer, _KEEP, *told)
        return bool(done)

    async def close(self) -> None:
        self._closed = True
        await self._reader.close()
        await self._writer.close()

    async def _ask(self, lines: Lines[Any], query: str, *values: object) -> list[Any]:
        if self._closed:
            raise StoreError("the log is closed")

        async def fetch(connection: Any) -> list[Any]:
            with Told():
                rows: list[Any] = await connection.fetch(query, *values)
            return rows

        return await lines.run(fetch)

    # --- connecting ----------------------------------------------------------------------------------

    async def _connect(self) -> Any:
        return await connected(self._url, self._patience, self._prepare)

    async def _prepare(self, connection: Any) -> None:
        """Rule 3."""
        import asyncpg  # type: ignore[import-untyped]

        try:
            version = await connection.fetchval(_VERSION)
        except asyncpg.UndefinedTableError:
            version = 0
        if version != len(_STEPS):
            await self._migrate(connection)
        self._had_log = True

    async def _migrate(self, connection: Any) -> None:
        async with locked(connection):
            made = await connection.fetchval("SELECT to_regclass('personalize_log')")
            version = await connection.fetchval(_VERSION) if made else 0
            if version > len(_STEPS):
                raise StoreError("the log was written by a newer version of this software")
            for step in _STEPS[version:]:
                await connection.execute(step)
            await connection.execute(f"UPDATE personalize_log SET version = {len(_STEPS)}")
            if version == 0 and self._had_log:
                # Readers remember how far they came in the lost log. Milliseconds since 1970 are beyond that.
                await connection.execute("UPDATE personalize_log SET newest = $1", int(time.time() * 1000))


def _events(rows: list[Any]) -> list[Event]:
    return [event_of_line(line) for line in _lines(rows)]


def _lines(rows: list[Any]) -> list[Line]:
    return [
        (seq, plain(id_), plain(name), time, plain(visitor), properties)
        for seq, id_, name, time, visitor, properties in rows
    ]
