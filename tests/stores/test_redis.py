"""Redis that is slow, gone, and back."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from personalize.errors import StoreError
from personalize.stores.hot import Guarded
from personalize.stores.redis import RedisHotState

Proxied = Callable[[str, int], AbstractAsyncContextManager[Any]]
Soon = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


class Heard:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.said: list[tuple[str, str]] = []

    def count(self, name: str, n: int = 1) -> None:
        self.counted[name] += n

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.said.append((part, state))

    def failed(self, where: str, error: BaseException) -> None:
        raise AssertionError(where) from error


def through(url: str, proxy: Any) -> str:
    return urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{proxy.port}"))


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 6379


@pytest.mark.parametrize("mode", ["drop", "hole"])
async def test_gone_and_back(redis: str, proxied: Proxied, soon: Soon, mode: str) -> None:
    """While Redis is away a page hears at once what its own worker knows; that is said once, and so is that it is
    back."""
    async with proxied(*address(redis)) as proxy:
        heard = Heard()
        state = Guarded(RedisHotState(through(redis, proxy), patience=0.3), heard, patience=2.0)
        await state.remember("ann", ["hero/a"], 1.0)
        proxy.set(mode)
        for n in range(10):
            await state.remember("ann", ["hero/a"], 2.0 + n)
            assert len((await state.recall("ann"))["hero/a"]) == n + 2
        assert proxy.accepted <= 8  # after a few failures nobody knocks for a while
        assert sorted(heard.said) == [("hot state", "failing"), ("hot state, writing", "failing")]
        assert heard.counted["hot.failed"] == 20
        proxy.set("pass")

        async def back() -> bool:
            await state.remember("ann", ["hero/a"], 20.0)
            await state.recall("ann")
            return len(heard.said) == 4

        await soon(back)
        assert sorted(heard.said[2:]) == [("hot state", "ok"), ("hot state, writing", "ok")]
        await state.close()


async def test_nothing_is_tried_twice(redis: str, proxied: Proxied) -> None:
    """A command that fails knocks once: the client's own retries, which would take seconds, are off."""
    async with proxied(*address(redis)) as proxy:
        proxy.set("drop")
        state = RedisHotState(through(redis, proxy), patience=5.0)
        with pytest.raises(StoreError):
            await state.recall("ann")
        assert proxy.accepted == 1
        await state.close()


async def test_a_cancelled_command_drops_its_connection(redis: str, proxied: Proxied) -> None:
    """A caller that gives up while the answer is on its way takes the connection with it: the next call gets its own
    answer, not the late one."""
    async with proxied(*address(redis)) as proxy:
        state = RedisHotState(through(redis, proxy), patience=5.0, connections=1)
        await state.remember("ann", ["hero/a"], 1.0)
        await state.remember("bob", ["hero/b"], 2.0)
        before = proxy.accepted
        proxy.set("hole")
        asking = asyncio.create_task(state.recall("ann"))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        proxy.set("pass")
        assert await state.recall("bob") == {"hero/b": [2.0]}
        assert proxy.accepted > before
        await state.close()


@pytest.mark.parametrize(
    ("rest", "says"),
    [("cache/one", "a number"), ("cache/0?socket_timeout=30", "no socket_timeout"), ("cache?protocol=3", "no pro")],
)
def test_an_address_that_would_fail_on_each_page_is_refused(rest: str, says: str) -> None:
    """A database that is no number, and options that nobody knows or that would make pages wait."""
    with pytest.raises(ValueError, match=says):
        RedisHotState(f"redis://{rest}")


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a Redis of its own, with options, and gives its address."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here")
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        port = free_port()
        told = (program, "--port", port, "--save", "", "--dir", str(tmp_path), *options)
        started.append(subprocess.Popen(told, stdout=subprocess.DEVNULL))
        return f"127.0.0.1:{port}"

    yield start
    for server in started:
        server.kill()
        server.wait()


async def refusal(url: str, soon: Soon) -> str:
    """What a server says that is up, and does not take what it is told."""
    state = RedisHotState(url, patience=5.0)
    told = ""

    async def refused() -> bool:
        nonlocal told
        try:
            await state.remember("ann", ["hero/a"], 1.0)
        except StoreError as error:
            told = str(error)
        return bool(told) and "connecting" not in told

    await soon(refused)
    await state.close()
    return told


@pytest.mark.parametrize(
    ("options", "who", "says"),
    [
        (("--requirepass", "hidden"), "", "authenticat"),
        (("--requirepass", "hidden"), ":other@", "invalid username-password"),
        (("--maxmemory", "1"), "", "maxmemory"),
        (("--replicaof", "127.0.0.1 1"), "", "read only replica"),
    ],
    ids=["no password", "a wrong password", "full", "a replica"],
)
async def test_what_a_server_refuses_is_told(
    own_server: Callable[..., str], soon: Soon, options: tuple[str, ...], who: str, says: str
) -> None:
    """The server's own words, with neither the password nor the visitor's id."""
    told = await refusal(f"redis://{who}{own_server(*options)}", soon)
    assert says in told and "ann" not in told and "other@" not in told


async def test_a_server_of_a_cluster_is_refused_with_a_sentence(own_server: Callable[..., str], soon: Soon) -> None:
    """Its own error would be a slot's number and an address."""
    server = own_server("--cluster-enabled", "yes", "--cluster-port", free_port())
    told = await refusal(f"redis://{server}", soon)
    assert "belongs to a cluster" in told


async def test_a_server_that_greets_slowly_is_reached(redis: str, proxied: Proxied, soon: Soon) -> None:
    """A page waits less than it takes to connect: the connection is made all the same, and serves the pages after."""
    async with proxied(*address(redis)) as proxy:
        proxy.greeting = 1.5
        observer = Heard()
        hot = Guarded(RedisHotState(through(redis, proxy), patience=20.0), observer)

        async def reached() -> bool:
            failed = observer.counted["hot.failed"]
            await hot.recall("ann")
            return observer.counted["hot.failed"] == failed

        assert not await reached()
        await soon(reached)
        await hot.close()


def test_each_event_loop_has_its_own_connections(redis: str) -> None:
    """Hot state that was used on one event loop goes on on the next."""
    state = RedisHotState(redis)
    for n in range(3):
        asyncio.run(state.remember("ann", ["hero/a"], float(n)))
    assert asyncio.run(state.recall("ann")) == {"hero/a": [0.0, 1.0, 2.0]}
    asyncio.run(state.close())
