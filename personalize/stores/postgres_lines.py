"""Connections to PostgreSQL, as `lines` wants them: how they are made, and what has to hold on each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from importlib.util import find_spec
from typing import Any, Final

from ..errors import StoreError

MIGRATION: Final = 60.0  # seconds; others may be at it
# How libpq itself connects, which hosts often write into the address they give out.
_OF_LIBPQ_ALONE: Final = frozenset({
    "channel_binding", "client_encoding", "connect_timeout", "fallback_application_name", "gssencmode", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "sslcompression", "tcp_user_timeout",
})  # fmt: skip
_LOCK: Final = 0x70657273  # "pers", the key of the advisory lock


def driver_url(url: str) -> str:
    """The address as asyncpg takes it, which gives the server what it does not know. Raises ValueError where asyncpg is
    missing, and for what it can't do."""
    if find_spec("asyncpg") is None:
        raise ValueError("PostgreSQL needs a driver: install the extra [postgres]")
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    told = [pair for pair in query.split("&") if pair.partition("=")[0] not in _OF_LIBPQ_ALONE]
    if "channel_binding=require" in query.split("&"):
        raise ValueError("channel_binding can't be required: leave it out, and let sslmode=verify-full do its work")
    return f"{scheme.partition('+')[0]}://{place}{'?' if any(told) else ''}{'&'.join(told)}"


def where_of(url: str) -> str:
    """What a message may say of an address: the servers and the database, never who asks and with what password."""
    place = url.partition("://")[2].partition("?")[0]
    return f"postgresql://{place.rpartition('@')[2]}"


async def connected(url: str, patience: float, prepare: Callable[[Any], Awaitable[None]]) -> Any:
    """A connection that `prepare` was done with. Raises StoreError."""
    import asyncpg  # type: ignore[import-untyped]

    with Told(), ExitStack() as unless_well:
        async with asyncio.timeout(patience):
            connection = await asyncpg.connect(url, timeout=patience)
        unless_well.callback(connection.terminate)
        async with asyncio.timeout(MIGRATION):
            await _settle(connection)
            await prepare(connection)
        unless_well.pop_all()
    return connection


async def _settle(connection: Any) -> None:
    encoding, isolation, schema = await connection.fetchrow(
        "SELECT current_setting('server_encoding'), current_setting('default_transaction_isolation'), current_schema()"
    )
    if encoding != "UTF8":
        raise StoreError(f"the database's encoding is {encoding}; one with UTF8 is needed")
    if schema is None:
        raise StoreError("no schema of the search_path exists; create it, or leave search_path out of the url")
    if isolation != "read committed":  # the statement after a lock has to see what was committed before it
        await connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")


@asynccontextmanager
async def locked(connection: Any) -> AsyncIterator[None]:
    """A transaction in which nobody else makes or changes tables."""
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield


class Told:
    """Whatever the driver raises for the server or itself becomes a StoreError with the same words."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import asyncpg

        if isinstance(error, asyncpg.InsufficientPrivilegeError):
            raise StoreError(f"{error}; {_RIGHTS}") from error
        if isinstance(error, asyncpg.DuplicatePreparedStatementError | asyncpg.InvalidSQLStatementNameError):
            raise StoreError(_POOLED) from error
        # The driver calls it a mistake of its own when a connection is cut between two messages.
        its_own = asyncpg.InterfaceError | asyncpg.InternalClientError
        if isinstance(error, asyncpg.PostgresError | its_own | ValueError):
            raise StoreError(str(error) or type(error).__name__) from error


_POOLED: Final = "a pooler in front has to keep a client's connection (PgBouncer: pool_mode=session)"
_RIGHTS: Final = "the first start needs CREATE on the schema, and whoever did not make the tables rights on them"

# PostgreSQL's text has no NUL. It is written as \0, and a backslash as \\.


def escaped(texts: Sequence[str]) -> list[str]:
    return [_escape(text) if "\\" in text or "\0" in text or not text.isascii() else text for text in texts]


def _escape(text: str) -> str:
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return sound.replace("\\", "\\\\").replace("\0", "\\0")


def plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\0" if found[1] == "0" else found[1], text) if "\\" in text else text
