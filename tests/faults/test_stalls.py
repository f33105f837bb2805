"""The event loop stands still for a moment: a full garbage collection, a stolen CPU, an app that computes. What was
about to be there is waited for all the same, and what is really late is not.

All of it on a loop whose clock is turned by hand: it moves on when there is nothing else to do, and when it is told to
stand still. So a second takes no time, and how busy the machine is changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import math
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize import PersonalizeMiddleware, patience
from personalize.model import Event, Fragment
from personalize.patience import LATE, LEAST, TURN, Patience, Timer, within
from personalize.stores import MemoryHotState, MemoryStore
from personalize.testing import Answer, call

T = TypeVar("T")
pytestmark = pytest.mark.impatient
HERE = __name__
NOW = 1_790_000_000.0
PAGE = b"<!doctype html><div data-slot=hero>own</div>"


class Loop(asyncio.SelectorEventLoop):
    """Its clock jumps to the next timer as soon as nothing else is to be done."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(Selector(self))

    def time(self) -> float:
        return self.now

    def stand(self, seconds: float) -> None:
        """Stand still."""
        self.now += seconds


class Selector(selectors.SelectSelector):
    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "everybody waits for somebody else"
            self._loop.now += max(0.0, timeout)
        return found


def run(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)


def loop() -> Loop:
    return cast(Loop, asyncio.get_running_loop())


@dataclass(frozen=True)
class Work:
    """Takes so many seconds in which the loop is free, in steps; at `at` the loop stands still for `stall` seconds."""

    needs: float = 0.0
    stall: float = 0.0
    at: float = 0.0
    steps: int = 8

    async def done(self) -> None:
        if self.stall:
            loop().call_later(self.at, loop().stand, self.stall)
        for _ in range(self.steps):
            await asyncio.sleep(self.needs / self.steps)


# --- the laws ----------------------------------------------------------------------------------------------


async def waits(seconds: float, work: Awaitable[None]) -> bool:
    return await Patience(seconds).wait(asyncio.ensure_future(work))


async def has_a_timer(seconds: float, work: Awaitable[None]) -> bool:
    first = loop().create_future()
    timer = Timer(seconds, lambda: first.done() or first.set_result(False))
    asyncio.ensure_future(work).add_done_callback(lambda _: first.done() or first.set_result(True))
    in_time: bool = await first
    timer.cancel()
    return in_time


async def is_cancelled(seconds: float, work: Awaitable[None]) -> bool:
    try:
        async with within(seconds):
            await work
    except TimeoutError:
        return False
    return True


Door = Callable[[float, Awaitable[None]], Awaitable[bool]]
DOORS = [waits, has_a_timer, is_cancelled]
PATIENCE = st.sampled_from([0.02, 0.05, 0.3, 10.0])


def lost(seconds: float) -> float:
    """What a stall may take away: a turn, what no timer is blamed for, and what is too little to wait for."""
    return max(TURN, seconds / 10) + LATE + LEAST + 1e-6


async def measured(door: Door, seconds: float, work: Awaitable[None]) -> tuple[bool, float]:
    began = loop().now
    in_time = await door(seconds, work)
    return in_time, loop().now - began


def comes_in_spite_of_a_stall(door: Door, seconds: float, share: float, at: float, stall: float, steps: int) -> None:
    work = Work(share * (seconds - lost(seconds)), stall, at * seconds, steps)
    in_time, _ = run(measured(door, seconds, work.done()))
    assert in_time


def ends_in_spite_of_stalls(door: Door, seconds: float, stall: float, free: float = 0.001) -> None:
    """With a loop that stands still again and again, and is free for a moment in between."""

    async def stands() -> None:
        for _ in range(1_000):
            await asyncio.sleep(free)
            loop().stand(stall)

    async def main() -> tuple[bool, float]:
        standing = asyncio.ensure_future(stands())
        found = await measured(door, seconds, asyncio.sleep(math.inf))
        standing.cancel()
        return found

    in_time, took = run(main())
    assert not in_time
    assert seconds - LEAST <= took <= 2 * (seconds + stall) + lost(seconds)


@pytest.mark.parametrize("door", DOORS)
def test_law_one_stall_costs_nobody_their_answer(door: Door) -> None:
    """What needs at most the patience, but for a turn, comes whenever the loop stands still once, and however long."""

    @given(PATIENCE, st.floats(0, 1), st.floats(0, 1), st.floats(0, 20), st.integers(1, 20))
    def law(seconds: float, share: float, at: float, stall: float, steps: int) -> None:
        comes_in_spite_of_a_stall(door, seconds, share, at, stall, steps)

    law()


@pytest.mark.parametrize("door", DOORS)
def test_law_a_wait_ends(door: Door) -> None:
    """What never comes is waited for twice as long at most, and two stalls; without stalls no longer than it should."""

    @settings(max_examples=40)
    @given(PATIENCE, st.floats(0.001, 1), st.floats(0.001, 0.02))
    def law(seconds: float, stall: float, free: float) -> None:
        ends_in_spite_of_stalls(door, seconds, stall, free)

    law()
    for seconds in (0.02, 0.05, 0.3, 10.0):
        in_time, took = run(measured(door, seconds, asyncio.sleep(math.inf)))
        assert not in_time and seconds - LEAST <= took <= seconds + 1e-6


def test_planted_bugs_break_both_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain timer would lose the answer; one that forgives each stall would wait for ever."""
    with monkeypatch.context() as patch:
        patch.setattr(patience, "LATE", math.inf)
        with pytest.raises(AssertionError):
            comes_in_spite_of_a_stall(waits, 0.05, 1.0, 0.5, 0.15, 8)

    bounded = Patience.passed

    def forgiving(self: Patience, turn: float, took: float) -> None:
        self._forgiven = math.inf
        bounded(self, turn, took)

    monkeypatch.setattr(Patience, "passed", forgiving)
    with pytest.raises(AssertionError):
        ends_in_spite_of_stalls(waits, 0.05, 0.1)


def test_one_budget_for_several_waits() -> None:
    """What one wait left is what the next one has; nothing is waited for where nothing is left."""

    async def main() -> tuple[float, float]:
        budget = Patience(0.05)
        assert await budget.wait(asyncio.ensure_future(asyncio.sleep(0.03)))
        assert not await budget.wait(asyncio.ensure_future(asyncio.sleep(0.03)))
        there = loop().now
        assert not await budget.wait(loop().create_future())
        return there, loop().now

    there, end = run(main())
    assert 0.049 <= there == end <= 0.0501


# --- at the site's doors -----------------------------------------------------------------------------------

HOW: dict[str, Work] = {}  # what takes how long


class Log(MemoryStore):
    """A log of somebody's own, whose reading takes its time."""

    def __init__(self, base: Path) -> None:
        super().__init__()

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        if visitor in HOW:
            await HOW[visitor].done()
        return await super().of_visitor(visitor, after, limit)


class Hot(MemoryHotState):
    """A hot state of somebody's own that heard, from another worker, of an offer shown to everybody."""

    def __init__(self, base: Path) -> None:
        super().__init__()

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        if visitor and "hot" in HOW:
            await HOW["hot"].done()
            return {"hero/offer": [NOW]}
        return {}


class Backend:
    """A source of somebody's own."""

    def __init__(self, name: str, config: Any) -> None:
        self.asked = 0

    def key(self, ask: Any) -> Hashable:
        self.asked += 1
        return self.asked

    def ready(self, key: Hashable) -> Fragment | None:
        return None

    async def fetch(self, key: Hashable) -> Fragment:
        await HOW["source"].done()
        return Fragment("<b>fetched</b>", {})

    async def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    HOW.clear()
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that all workers of this test share")
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", "a-write-key-of-the-tests")


def site(slot: dict[str, Any], store: str = "memory", hot: str = "memory") -> PersonalizeMiddleware:
    config = {
        "version": 1,
        "store": store,
        "hot": hot,
        "site": {"consent": {"default": "granted"}},
        "sources": {"cms": {"use": f"{HERE}:Backend"}},
        "slots": {"hero": {"match": {"path": "/", "element": "[data-slot=hero]"}, **slot}},
    }
    return PersonalizeMiddleware(Answer(PAGE), config, clock=lambda: NOW + loop().now)


async def newcomer() -> dict[str, str]:
    """The cookie of somebody who is in nobody's memory."""
    app = site({"default": {"html": "hi"}})
    cookies = (await call(app, "/", scheme="https")).cookies
    await app.close()
    return cookies


async def profile_on_a_page(work: Work) -> tuple[bytes, float]:
    seen = {"id": "again", "when": {"viewed": {"path": "/known"}}, "show": {"html": "personal"}}
    app = site({"experiences": [seen]}, store=f"{HERE}:Log")
    await app.start()
    cookies = await newcomer()
    visitor = next(iter(cookies.values())).partition(".")[0]
    await app.watcher.history.store.append([Event("e1", "Page Viewed", 1.0, visitor, {"path": "/known"})])
    HOW[visitor] = work
    return await asked(app, call(app, "/", cookies=cookies, scheme="https"))


async def cap_on_a_page(work: Work) -> tuple[bytes, float]:
    offer = {"id": "offer", "cap": {"max": 1, "within": "1h"}, "show": {"html": "offer"}}
    app = site({"experiences": [offer], "default": {"html": "personal"}}, hot=f"{HERE}:Hot")
    await app.start()
    HOW["hot"] = work
    return await asked(app, call(app, "/", scheme="https"))


def fetched() -> PersonalizeMiddleware:
    return site({"default": {"source": "cms"}, "fallback": {"html": "fallback"}})


async def source_on_a_page(work: Work) -> tuple[bytes, float]:
    app = fetched()
    await app.start()
    HOW["source"] = work
    return await asked(app, call(app, "/", scheme="https"))


async def source_in_an_answer(work: Work) -> tuple[bytes, float]:
    app = fetched()
    await app.start()
    HOW["source"] = work
    question = json.dumps({"url": "/", "anonymousId": "somebody"}).encode()
    headers = [(b"authorization", b"Bearer a-write-key-of-the-tests")]
    return await asked(app, call(app, "/_personalize/v1/decide", method="POST", body=question, headers=headers))


async def asked(app: PersonalizeMiddleware, question: Awaitable[Any]) -> tuple[bytes, float]:
    """The body, and how long it took."""
    began = loop().now
    response = await question
    took = loop().now - began
    assert response.status == 200
    await app.close()
    return response.body, took


Asking = Callable[[Work], Coroutine[Any, Any, tuple[bytes, float]]]
ASKED: list[tuple[Asking, bytes]] = [
    (profile_on_a_page, b">personal<"),
    (cap_on_a_page, b">personal<"),
    (source_on_a_page, b">fetched<"),
    (source_in_an_answer, b">fetched<"),
]


@pytest.mark.parametrize(("ask", "good"), ASKED, ids=[ask.__name__ for ask, _ in ASKED])
def test_a_stall_costs_visitors_nothing(ask: Asking, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile, a cap that another worker keeps, a source's content: what would be there in 25 ms is there in the page
    and the answer, wherever in these the loop stands still. With a plain timer it would not be."""
    for at in (0.0, 0.012, 0.024):
        for stall in (0.0, 0.03, 0.1, 2.0):
            body, took = run(ask(Work(0.025, stall, at)))
            assert good in body and took <= 0.03 + stall, (at, stall)
    monkeypatch.setattr(patience, "LATE", math.inf)
    assert good not in run(ask(Work(0.025, 0.1, 0.012)))[0]


@pytest.mark.parametrize(("ask", "good"), ASKED, ids=[ask.__name__ for ask, _ in ASKED])
def test_what_is_really_late_holds_nobody_up(ask: Asking, good: bytes) -> None:
    """A page waits its 50 ms for what takes longer, and after a stall once more at most."""
    body, took = run(ask(Work(5.0)))
    assert good not in body and took <= 0.055
    for at in (0.0, 0.012, 0.049):
        body, took = run(ask(Work(5.0, 0.1, at)))
        assert good not in body and took <= 0.155
