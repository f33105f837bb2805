"""Services that stores need: where one can't be reached, its tests are skipped, or fail with REQUIRE_SERVICES=1."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

POSTGRES = os.environ.get("TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
REDIS = os.environ.get("TEST_REDIS", "redis://127.0.0.1:6379")


def missing(service: str, error: BaseException) -> None:
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{service} can't be reached: {error}")
    pytest.skip(f"{service} can't be reached: {error}")


@pytest.fixture
def postgres() -> Iterator[str]:
    """The url of a PostgreSQL with an empty schema of its own."""
    schema = f"personalize_test_{uuid.uuid4().hex[:12]}"

    async def execute(statement: str) -> None:
        asyncpg: Any = pytest.importorskip("asyncpg")
        connection = await asyncpg.connect(POSTGRES, timeout=30)
        await connection.execute(statement)
        await connection.close()

    try:
        asyncio.run(execute(f"CREATE SCHEMA {schema}"))
    except (OSError, TimeoutError) as error:
        missing("PostgreSQL", error)
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    asyncio.run(execute(f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture
def redis() -> Iterator[str]:
    """The url of a Redis, with a prefix of its own for keys."""
    client: Any = pytest.importorskip("redis").Redis.from_url(REDIS, socket_timeout=30)
    prefix = f"personalize-test-{uuid.uuid4().hex[:12]}"
    try:
        client.ping()
    except (OSError, Exception) as error:
        missing("Redis", error)
    yield f"{REDIS}?prefix={prefix}"
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
    client.close()


class Proxy:
    """A TCP proxy on loopback whose far side can be taken away: `mode` is "pass", "drop" (each connection is reset) or
    "hole" (bytes are taken and nothing ever comes back). `greeting` is how many seconds a new connection waits."""

    def __init__(self, host: str, port: int) -> None:
        self._far = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.mode = "pass"
        self.greeting = 0.0
        self.accepted = 0
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def set(self, mode: str) -> None:
        """Change the mode; "drop" also resets what is open."""
        self.mode = mode
        if mode == "drop":
            for writer in list(self._open):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._open.add(writer)
        try:
            if self.mode == "drop":
                writer.transport.abort()
                return
            await asyncio.sleep(self.greeting)
            far_reader, far_writer = await asyncio.open_connection(*self._far)
            self._open.add(far_writer)
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                while self.mode == "hole":
                    await asyncio.sleep(0.01)
                    if writer.transport.is_closing():
                        return
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._open.discard(writer)

    async def stop(self) -> None:
        assert self._server is not None
        self.mode = "pass"
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture
def proxied() -> Callable[[str, int], Any]:
    """`async with proxied(host, port) as proxy`: a Proxy in front of a service."""

    @asynccontextmanager
    async def make(host: str, port: int) -> AsyncIterator[Proxy]:
        proxy = Proxy(host, port)
        await proxy.start()
        try:
            yield proxy
        finally:
            await proxy.stop()

    return make


Soon = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def soon() -> Soon:
    """Wait until something holds; a test that waits in vain fails after 20 seconds."""

    async def wait(holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await asyncio.sleep(0.02)

    return wait
