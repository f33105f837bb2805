"""Connections to a database server that may be slow, gone, or gone and back.

Rule 1  A command has a deadline, connecting has one of its own, and nothing is tried twice here: who calls decides.
Rule 2  A command that fails, is late or is cancelled takes its connection with it. Whether the answer is still on its
        way cannot be known, and a dropped connection also ends what the server still does for it.
Rule 3  After failures in a row nothing is asked for a moment (see breaker): a call then costs microseconds.
Rule 4  A connection belongs to the event loop and the process that opened it.
Rule 5  Who gives up while a connection is being made leaves it to the next: else pages, which wait for 50 ms, would
        never get one from a server that takes longer to greet.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from ..breaker import Breaker
from ..errors import StoreError


class Connection(Protocol):
    """What is asked of a driver's connection."""

    def terminate(self) -> None:
        """Drop it at once."""

    def is_closed(self) -> bool:
        """Has the other side gone?"""


C = TypeVar("C", bound=Connection)
T = TypeVar("T")

# A fork's connections must neither be used nor closed by the child: the socket is the parent's too. They are kept
# here for the life of the process instead.
_INHERITED: Final[list[object]] = []


class Lines(Generic[C]):
    """At most `limit` connections, opened when needed. `where` names the server in messages; `patience` is how many
    seconds a command may take, waiting for a free connection included; `abandon` lets go of one whose loop is closed,
    on which nothing can be done any more."""

    def __init__(
        self,
        where: str,
        connect: Callable[[], Awaitable[C]],
        breaker: Breaker,
        *,
        limit: int,
        patience: float,
        abandon: Callable[[C], None] | None = None,
    ) -> None:
        self._where = where
        self._connect = connect
        self._breaker = breaker
        self._limit = limit
        self._patience = patience
        self._abandon = abandon
        self._why = ""  # the last failure
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[C] = []
        self._opening: set[asyncio.Task[C]] = set()
        self._free = asyncio.Semaphore(limit)

    async def run(self, work: Callable[[C], Awaitable[T]]) -> T:
        """What `work` makes of a connection. Raises StoreError, whatever the network or the server has against it."""
        self._settle()
        if not self._breaker.allows(time.monotonic()):
            raise StoreError(f"{self._where}: left alone for a moment; {self._why}")
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise StoreError(f"{self._where}: all {self._limit} connections are busy")
        try:
            result = await self._on_one(work)
        except asyncio.CancelledError as error:
            self._failed("the caller gave up waiting", error)
            raise
        except (OSError, TimeoutError) as error:
            raise self._failed(str(error) or "no answer in time", error)
        except StoreError as error:
            raise self._failed(str(error), error)
        else:
            self._breaker.succeeded(time.monotonic())
            return result
        finally:
            self._free.release()

    async def close(self) -> None:
        """After the commands that run, give back the connections, also those of a loop that is closed."""
        if self._loop is None:
            return
        self._settle()
        for _ in range(self._limit):
            await self._free.acquire()
        idle, self._idle, self._free = self._idle, [], asyncio.Semaphore(self._limit)
        for opening in self._opening:
            opening.cancel()
        for connection in idle:
            connection.terminate()

    async def _on_one(self, work: Callable[[C], Awaitable[T]]) -> T:
        connection = self._sound()
        if connection is None:
            connection = await self._opened()
        idle = self._idle
        with ExitStack() as unless_well:
            unless_well.callback(connection.terminate)  # Rule 2
            async with asyncio.timeout(self._patience):
                result = await work(connection)
            unless_well.pop_all()
        idle.append(connection)
        return result

    async def _opened(self) -> C:
        """Rule 5."""

        async def connect() -> C:
            return await self._connect()

        opening = asyncio.create_task(connect())
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(partial(self._leave, self._idle))
            raise

    def _leave(self, idle: list[C], opened: asyncio.Task[C]) -> None:
        if opened.cancelled() or opened.exception() is not None:
            return
        if idle is self._idle and len(idle) < self._limit:
            idle.append(opened.result())
        else:
            opened.result().terminate()

    def _sound(self) -> C | None:
        """The connection that was used last, so that the rest may rest; those that the server closed are left out."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def _failed(self, why: str, error: BaseException) -> StoreError:
        self._why = why
        self._breaker.failed(time.monotonic())
        told = StoreError(f"{self._where}: {why}")
        told.__cause__ = error
        return told

    def _settle(self) -> None:
        """Rule 4."""
        pid, loop = os.getpid(), asyncio.get_running_loop()
        if self._pid == pid and self._loop is loop:
            return
        if self._pid not in (0, pid):
            _INHERITED.append(self._idle)
        elif self._loop is not None:
            for connection in self._idle:
                try:
                    self._loop.call_soon_threadsafe(connection.terminate)
                except RuntimeError:  # that loop is closed, and its connections go with it
                    if self._abandon is not None:
                        self._abandon(connection)
        self._pid, self._loop, self._idle, self._opening = pid, loop, [], set()
        self._free = asyncio.Semaphore(self._limit)
