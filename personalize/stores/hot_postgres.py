"""Hot state in PostgreSQL, beside the log: what keeps caps exact on several machines without another server.

The table is unlogged, since losing it loses no event: a write waits for no disk. A visitor's id is kept as a hash.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from ..breaker import Breaker
from .hot import KEPT_FOR, MOST, by_key
from .lines import Lines
from .postgres_lines import Told, connected, driver_url, escaped, locked, plain, where_of

_PATIENCE: Final = 0.25  # seconds for a command
_CONNECTING: Final = 2.0
_FAILURES, _OPEN_FOR = 3, 1.0
_SWEEP: Final = 60.0  # seconds between two looks for what is older than KEPT_FOR

_TABLE: Final = """
    CREATE UNLOGGED TABLE IF NOT EXISTS personalize_shown (
        visitor bytea NOT NULL, time double precision NOT NULL, key text COLLATE "C" NOT NULL
    );
    CREATE INDEX IF NOT EXISTS personalize_shown_of_visitor ON personalize_shown (visitor, time);
    CREATE INDEX IF NOT EXISTS personalize_shown_by_time ON personalize_shown (time);
"""
_REMEMBER: Final = "INSERT INTO personalize_shown SELECT $1, $2, unnest($3::text[])"
_SWEEPING: Final = "DELETE FROM personalize_shown WHERE time < $1"
_RECALL: Final = """
    SELECT DISTINCT time, key FROM personalize_shown WHERE visitor = $1 ORDER BY time DESC, key DESC LIMIT $2
"""


class PostgresHotState:
    """`url` is that of a PostgresStore, whose database, schema and rights it shares."""

    def __init__(self, url: str, *, patience: float = _PATIENCE, connections: int = 4) -> None:
        self._url = driver_url(url)
        self._swept = time.monotonic()
        breaker = Breaker(_FAILURES, _OPEN_FOR)
        self._lines: Lines[Any] = Lines(where_of(url), self._connect, breaker, limit=connections, patience=patience)

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        if keys:
            await self._ask(_REMEMBER, _hashed(visitor), time, escaped(list(dict.fromkeys(keys))))
            await self._sweep(time)

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        rows = await self._ask(_RECALL, _hashed(visitor), MOST)
        return by_key([(time, plain(key)) for time, key in reversed(rows)])

    async def close(self) -> None:
        await self._lines.close()

    async def _sweep(self, now: float) -> None:
        if time.monotonic() - self._swept > _SWEEP:
            self._swept = time.monotonic()
            await self._ask(_SWEEPING, now - KEPT_FOR)

    async def _ask(self, query: str, *values: object) -> list[Any]:
        async def fetch(connection: Any) -> list[Any]:
            with Told():
                rows: list[Any] = await connection.fetch(query, *values)
            return rows

        return await self._lines.run(fetch)

    async def _connect(self) -> Any:
        return await connected(self._url, _CONNECTING, _prepare)


async def _prepare(connection: Any) -> None:
    # A plan that is made while the table is empty would read all of it, and is kept.
    await connection.execute("SET enable_seqscan = off")
    if await connection.fetchval("SELECT to_regclass('personalize_shown')") is None:
        async with locked(connection):
            await connection.execute(_TABLE)


def _hashed(visitor: str) -> bytes:
    return blake2b(visitor.encode("utf-8", "replace"), digest_size=16).digest()
