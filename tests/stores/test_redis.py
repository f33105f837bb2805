"""Redis that is slow, gone, and back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
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
        assert heard.said == [("hot state", "failing")] and heard.counted["hot.failed"] == 20
        proxy.set("pass")

        async def back() -> bool:
            await state.recall("ann")
            return heard.said[-1] == ("hot state", "ok")

        await soon(back)
        assert heard.said == [("hot state", "failing"), ("hot state", "ok")]
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # redis-py, of a loop that is closed
async def test_a_server_that_greets_slowly_is_reached(redis: str, proxied: Proxied, soon: Soon) -> None:
    """A page waits less than it takes to connect: the connection is made all the same, and serves the pages after."""
    async with proxied(*address(redis)) as proxy:
        proxy.greeting = 0.15
        observer = Heard()
        hot = Guarded(RedisHotState(through(redis, proxy), patience=5.0), observer)

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
