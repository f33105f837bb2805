"""How long a page waits for an answer, in time in which the answer could have come.

A timer alone is unjust to who answers: while the event loop stands still (a full garbage collection, a stolen CPU, an
app that computes), time passes in which nobody can be heard, and after it the timer is the first to speak.

Rule 1. Time is counted turn by turn. One that ends late by `LATE` or more was a stall, and is not counted.
Rule 2. What is not counted is bounded: once stalls came to as much as the patience itself, further ones count. So a
        wait takes at most twice its patience, and two stalls besides.
Rule 3. Without stalls a wait takes its patience, and nothing else is different from a timer.

The clock is the event loop's own. Nothing here cancels, or raises, what is waited for; `within` cancels its own body.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

OF_A_PROFILE = 0.05  # seconds a page waits for a profile that is not in memory
TURN = 0.005  # seconds; longer for a patience of more than ten of them
LATE = 0.005  # seconds; timers of a loop that runs are late by a millisecond or two
LEAST = 0.001  # seconds; some loops' clocks tell no less, so what is left of a wait would never pass


class Patience:
    """Seconds that may be waited, at once or bit by bit; `left` says how many still may."""

    __slots__ = ("_forgiven", "_longest", "left")

    def __init__(self, seconds: float) -> None:
        self.left = self._forgiven = seconds
        self._longest = max(TURN, seconds / 10)

    @property
    def turn(self) -> float:
        """Seconds until somebody should look again."""
        return min(self.left, self._longest)

    def passed(self, turn: float, took: float) -> None:
        """What should have taken at most `turn` seconds took so many."""
        if took - turn >= LATE and self._forgiven > 0:
            self._forgiven -= took
        else:
            self.left = left if (left := self.left - took) >= LEAST else 0.0

    async def wait(self, *awaited: asyncio.Future[Any]) -> bool:
        """Until all of these are done; False where patience ends before."""
        loop = asyncio.get_running_loop()
        pending = {one for one in awaited if not one.done()}
        while pending and self.left > 0:
            turn, began = self.turn, loop.time()
            _, pending = await asyncio.wait(pending, timeout=turn)
            self.passed(turn, loop.time() - began)
        return not pending


class Timer:
    """Calls `ended` when patience of so many seconds is at its end, unless it is cancelled before."""

    __slots__ = ("_began", "_ended", "_handle", "_loop", "_patience", "_turn")

    def __init__(self, seconds: float, ended: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = Patience(seconds)
        self._ended = ended
        self._begin()

    def _begin(self) -> None:
        self._turn, self._began = self._patience.turn, self._loop.time()
        self._handle = self._loop.call_later(self._turn, self._over)

    def _over(self) -> None:
        self._patience.passed(self._turn, self._loop.time() - self._began)
        if self._patience.left > 0:
            self._begin()
        else:
            self._ended()

    def cancel(self) -> None:
        """From now on `ended` is not called."""
        self._handle.cancel()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`: cancels the body when patience is at its end, and raises TimeoutError."""
    async with asyncio.timeout(None) as limit:
        timer = Timer(seconds, lambda: limit.reschedule(asyncio.get_running_loop().time()))
        try:
            yield
        finally:
            timer.cancel()
