"""Bandits at work: lived through, kept over a start, caught up with after a change; the same state each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from personalize.bandits import Bandits, BanditSpec, Ledger
from personalize.errors import StoreError
from personalize.history import History
from personalize.history.learning import Learning, links_of
from personalize.model import Event
from personalize.observe import LogObserver
from personalize.profiles import Returns
from personalize.stores import open_store
from personalize.upkeep.rebuilding import rebuild, state_of

BEGAN = 1_790_000_000.0
SPEC = BanditSpec(
    key="hero", arms=("plain", "loud"), contexts=("",), event="Signed Up", nth=1, value=None, window=3_600.0,
    lower_is_better=False, floor=0.02, every=600.0, settle=0.0, half_life=None,
)  # fmt: skip


def log_of(many: int, begin: int = 0) -> list[Event]:
    """Visitors a minute apart, of whom those who see loud sign up more often."""
    events = []
    for n in range(begin, begin + many):
        dice = Random(n)
        arm = dice.choice(SPEC.arms)
        time = BEGAN + 60.0 * n
        seen = {"slot": "hero", "experience": "x", "experiment": "hero", "variant": arm, "held": False, "how": "inline"}
        seen |= {"propensity": 0.5, "context": "", "batch": 1, "draw": 1, "until": time + 3_600.0}
        events.append(Event(f"p{n}", "Page Viewed", time, f"v{n}", {"path": "/", "shown": [seen]}))
        if dice.random() < (0.6 if arm == "loud" else 0.2):
            events.append(Event(f"s{n}", "Signed Up", time + 5, f"v{n}", {}))
    return events


class Heard(LogObserver):
    """Keeps what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def failed(self, where: str, error: BaseException) -> None:
        self.errors.append(error)


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Any]:
    """Begins a history on one log, as a process does; all are closed at the end."""
    begun: list[History] = []

    async def history(spec: BanditSpec | None = SPEC) -> History:
        made = History(open_store("sqlite", tmp_path), {}, Heard())
        made.learning.follow({"hero": spec} if spec is not None else {})
        begun.append(made)
        await made.start()
        return made

    yield history
    for made in begun:
        await made.close()


async def live_through(history: History, events: list[Event]) -> None:
    for event in events:
        history.record(event)
    await history.log.flush()


async def plainly(history: History, spec: BanditSpec = SPEC) -> str:
    """The state of a fold that takes the whole log, one event after the other."""
    fold = Bandits(links_of)
    fold.take({"hero": Ledger(spec, Returns())})
    for event in await history.store.read(0, 100_000):
        fold.apply(event)
    return await state_of(fold)


async def state(history: History) -> str:
    await history.learning.refresh()
    return await state_of(history.learning.bandits)


async def test_a_rebuild_comes_to_the_state_of_who_lived_through_it(begin: Any) -> None:
    """And so does a plain fold over the log."""
    history = await begin()
    await live_through(history, log_of(300))
    rebuilt = await rebuild(history.store, {}, Heard(), bandits={"hero": SPEC})
    assert rebuilt.states["Bandits"] == await state(history) == await plainly(history)


async def test_shares_follow_what_was_learned(begin: Any) -> None:
    """None before anybody came; after 300 visitors nearly all of the share is the better variant's."""
    history = await begin()
    await history.learning.refresh()
    assert history.learning.allocations == {}
    await live_through(history, log_of(300))
    await history.learning.refresh()
    told = history.learning.allocations["hero"]
    assert told.parts[""] == (200, 9_800)
    assert told.batch == (BEGAN + 60.0 * 299) // 600 * 600
    assert sum(told.visitors[""]) == sum(BEGAN + 60.0 * n < told.batch for n in range(300))


async def test_the_background_works_the_shares_out(begin: Any) -> None:
    """Nobody asks for them; they are there within a second or two."""
    history = await begin()
    await live_through(history, log_of(60))
    async with asyncio.timeout(20):
        while "hero" not in history.learning.allocations:
            await asyncio.sleep(0.05)


async def test_shares_that_are_late_bring_back_no_older_batch(begin: Any, monkeypatch: Any) -> None:
    """The first batch's shares take long to work out; meanwhile the next batch's are there, and stay."""
    history = await begin()
    await history.learning.close()
    slow, work = asyncio.Event(), asyncio.to_thread
    loop = asyncio.get_running_loop()

    async def late(function: Any, spec: Any, cells: Any, batch: int) -> Any:
        told = await work(function, spec, cells, batch)
        if batch == BEGAN // 600 * 600:
            await slow.wait()
        return told

    monkeypatch.setattr("personalize.history.learning.asyncio.to_thread", late)
    await live_through(history, log_of(1))
    first = loop.create_task(history.learning.refresh())
    await asyncio.sleep(0.05)
    await live_through(history, log_of(40, 1))
    await history.learning.refresh()
    slow.set()
    await first
    assert history.learning.allocations["hero"].batch == (BEGAN + 60.0 * 40) // 600 * 600


async def test_a_new_process_goes_on_where_the_last_one_was(begin: Any) -> None:
    """Whether it takes up what was written down or reads the log, it knows what a plain fold knows."""
    first = await begin()
    await live_through(first, log_of(300))
    assert await first.snapshots.save()
    await live_through(first, log_of(40, 300))
    second = await begin()
    assert second.learning.allocations.keys() == {"hero"}
    assert await state(second) == await state(first) == await plainly(first)


async def test_a_bandit_that_was_not_written_down_is_learned_from_the_log(begin: Any) -> None:
    """Its settings changed, or it is new: what others learned is taken up, and this is read."""
    first = await begin()
    await live_through(first, log_of(300))
    assert await first.snapshots.save()
    other = replace(SPEC, half_life=86_400.0)
    second = await begin(other)
    assert await state(second) == await plainly(second, other)
    without = await begin(None)
    assert without.learning.bandits.ledgers == {}
    without.learning.follow({"hero": SPEC})
    assert await state(without) == await plainly(first)


async def keeps_up(learning: Learning, history: History) -> bool:
    """Whether a bandit whose settings change while events come in knows in the end what a plain fold knows."""
    other = replace(SPEC, nth=1, window=1_800.0)
    await live_through(history, log_of(200))
    learning.follow({"hero": other})
    catching = asyncio.create_task(learning.refresh())
    for n in range(10):
        await live_through(history, log_of(30, 200 + 30 * n))
    await catching
    return await state(history) == await plainly(history, other)


async def test_a_change_of_settings_is_caught_up_with_while_events_come_in(begin: Any, monkeypatch: Any) -> None:
    """The log is read in slices beside the tail; no event is missed, and none counts twice."""
    monkeypatch.setattr("personalize.history.learning._SLICE", 40)
    history = await begin()
    assert await keeps_up(history.learning, history)


class ReadsPastTheTail(Bandits):
    """Planted bug: the new ledger is taken over with events that the tail will bring again."""

    def take(self, ledgers: Any) -> None:
        super().take(ledgers)
        for ledger in ledgers.values():
            if ledger.seen and ledger.spec != SPEC:
                for event in log_of(10, 500):
                    ledger.expose(event, event.exposures[0]) if event.exposures else None


async def test_the_law_of_catching_up_finds_a_planted_mistake(begin: Any, monkeypatch: Any) -> None:
    """A ledger that knows more than the tail when it is taken over ends with another state."""
    monkeypatch.setattr("personalize.history.learning._SLICE", 40)
    history = await begin()
    history.learning.bandits.__class__ = ReadsPastTheTail
    assert not await keeps_up(history.learning, history)


async def test_what_stays_as_it_was_keeps_what_it_knows(begin: Any) -> None:
    """Another bandit that comes or goes changes nothing of this one; one that is gone has no shares."""
    history = await begin()
    await live_through(history, log_of(100))
    await history.learning.refresh()
    ledger = history.learning.bandits.ledgers["hero"]
    history.learning.follow({"hero": SPEC, "side": replace(SPEC, key="side")})
    await history.learning.refresh()
    assert history.learning.bandits.ledgers["hero"] is ledger
    history.learning.follow({})
    await history.learning.refresh()
    assert history.learning.allocations == {} and history.learning.bandits.ledgers == {}


async def test_a_store_that_fails_leaves_the_last_shares(begin: Any, monkeypatch: Any) -> None:
    """It is told, the shares hold, and it is tried again."""
    history = await begin()
    await live_through(history, log_of(100))
    await history.learning.refresh()
    before = history.learning.allocations

    async def fail(*of: Any) -> Any:
        raise StoreError("away")

    with monkeypatch.context() as broken:
        broken.setattr(history.store, "read", fail)
        history.learning.follow({"hero": replace(SPEC, floor=0.05)})
        async with asyncio.timeout(20):
            while not any(isinstance(error, StoreError) for error in history.observer.errors):
                await asyncio.sleep(0.05)
        assert history.learning.allocations == before
    async with asyncio.timeout(20):
        while history.learning.allocations["hero"].parts[""] != (500, 9_500):
            await asyncio.sleep(0.05)


def told(name: str, **properties: Any) -> Any:
    return links_of(Event("e", name, BEGAN, "a" * 32, properties))


def test_only_what_servers_say_links_ids() -> None:
    """A browser's own word, and most events, link nothing; a sign-out and an operator's word part."""
    assert told("Page Viewed", path="/") == ((), "")
    ids = {"$ids": {"user_id": "7"}}
    assert told("User Identified", **ids) == ((), "")
    assert told("User Identified", **ids, **{"$via": "browser"}) == ((), "")
    assert told("User Identified", **ids, **{"$via": "server"}) == (("a" * 32, "u:7"), "")
    assert told("Signed Out") == ((), "a" * 32)
    assert told("Identity Unlinked", **{"$via": "server", "id": "loyalty:3"}) == ((), "loyalty:3")
