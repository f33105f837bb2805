"""Old events of the named kinds leave the log, and no others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from personalize.errors import StoreError
from personalize.events import Retention
from personalize.history import History
from personalize.model import EXPIRED, OPERATOR, Event, Product
from personalize.observe import LogObserver
from personalize.stores import open_store

DAY = 86_400.0
NOW = 1_700_000_000.0


class Heard:
    """An Observer that counts."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def count(self, name: str, n: int = 1) -> None:
        self.counted[name] += n

    def changed(self, part: str, state: str, detail: str = "") -> None: ...

    def failed(self, where: str, error: BaseException) -> None:
        raise AssertionError(where) from error


@pytest.mark.parametrize("url", ["memory", "sqlite"])
async def test_a_walk_removes_what_is_too_old(url: str, tmp_path: Path) -> None:
    """Over a log of several slices, each kind is kept as long as the config says; what it does not name stays."""
    store = open_store(url, tmp_path)
    heard = Heard()
    names = ("Page Viewed", "Product Viewed", "Order Completed")
    # Late arrivals: the older an event is, the later it may stand in the log.
    events = [Event(f"e{n}", names[n % 3], NOW - (n * 7919 % 200) * DAY, f"v{n % 9}") for n in range(5000)]
    for begin in range(0, 5000, 1000):
        await store.append(events[begin : begin + 1000])
    keep = {"Page Viewed": 90 * DAY, "Product Viewed": 30 * DAY}
    gone = {e.id for e in events if e.time < NOW - keep.get(e.name, 1e6 * DAY)}
    assert await Retention(store, heard, keep, rest=0).sweep(NOW, 10**9) == len(gone) == heard.counted["events.expired"]
    left = await store.read(0, 10_000)
    assert [e.id for e in left[:-1]] == [e.id for e in events if e.id not in gone]
    told = left[-1]  # so that nobody takes the log for whole
    assert (told.name, told.visitor, told.properties["removed"]) == (EXPIRED, OPERATOR, len(gone))
    assert await Retention(store, heard, keep, rest=0).sweep(NOW, 10**9) == 0
    await store.close()


async def test_nothing_goes_unless_told(tmp_path: Path) -> None:
    """Without `retention` the log is not even looked at."""
    store = open_store("sqlite", tmp_path)
    assert await Retention(store, Heard(), {}).sweep(NOW, 10**9) == 0
    assert list(tmp_path.iterdir()) == []


async def test_a_store_that_cannot_trim_is_told() -> None:
    """A plugin's store without `trim` is said, never taken for one that trimmed."""
    with pytest.raises(StoreError, match="no effect"):
        keep: Mapping[str, float] = {"Page Viewed": DAY}
        await Retention(object(), Heard(), keep).sweep(NOW, 10**9)  # type: ignore[arg-type]


async def test_one_worker_walks_at_a_time(tmp_path: Path) -> None:
    """Of many workers one is told that the walk is its own; six hours later it is somebody's again."""
    stores = [open_store("sqlite", tmp_path) for _ in range(4)]
    workers = [Retention(store, Heard(), {"Page Viewed": DAY}) for store in stores]
    for now in (NOW, NOW + 7 * 3600, NOW + 15 * 3600):
        told = await asyncio.gather(*(worker.may_walk(now) for worker in workers))
        assert sum(upto is not None for upto in told) == 1
        assert [await worker.may_walk(now + 3600) for worker in workers] == [None] * 4
    for store in stores:
        await store.close()


async def test_a_line_stays_a_day_after_it_came(tmp_path: Path) -> None:
    """An old file that is imported today may be imported again until tomorrow, and counts once; then it goes."""
    store = open_store("sqlite", tmp_path)
    old = [Event(f"e{n}", "Page Viewed", NOW - 400 * DAY, "ann") for n in range(10)]
    await store.append(old)
    worker = Retention(store, Heard(), {"Page Viewed": 90 * DAY}, rest=0)
    for hours in (0, 7, 14, 21):
        upto = await worker.may_walk(NOW + hours * 3600)
        assert upto == 0 and await worker.sweep(NOW + hours * 3600, upto) == 0
        assert (await store.append(old))[0] == 0
    await store.append([Event("later", "Page Viewed", NOW - 400 * DAY, "ann")])
    upto = await worker.may_walk(NOW + 28 * 3600)
    assert upto == 10 and await worker.sweep(NOW + 28 * 3600, upto) == 10
    assert [e.id for e in await store.of_visitor("ann")] == ["later"]
    await store.close()


async def learned(history: History) -> list[Any]:
    await history.log.flush()
    person = await history.profiles.people.of("a" * 32)
    return [[*history.recommender.save()], [*history.proof.save()], person.name, sorted(person.ids)]


async def test_what_lines_taught_stays_known_when_they_go(tmp_path: Path) -> None:
    """Lines go only when what they taught is kept: after a crash and a start, recommendations, counts and links are
    those of before. Profiles are what the log still says, in a worker that lived on as well as in a new one."""
    products = {f"p{n}": Product(f"p{n}", "A product") for n in range(5)}
    keep = {"Product Viewed": 30 * DAY, "User Identified": 30 * DAY}
    one, other = (History.at("sqlite", tmp_path, products, LogObserver(), keep=keep) for _ in range(2))
    await one.start()
    await other.start()
    for n in range(400):
        time = NOW - (n % 60) * DAY
        one.record(Event(f"e{n}", "Product Viewed", time, f"v{n % 9}", {"product_id": f"p{n * n % 5}"}))
    told = {"$via": "server", "$ids": {"user_id": "7"}}
    one.record(Event("login", "User Identified", NOW - 50 * DAY, "a" * 32, told))
    before = await learned(one)
    await other.log.flush()
    for history in (one, other):
        assert (await history.profiles.load("v1")).visits == 20
    assert await one.retention.sweep(NOW, 10**9) == 0  # nothing is kept yet
    assert await one.snapshots.save()
    await one.profiles.people.stand_on(1)  # type: ignore[attr-defined]
    for n in range(400, 500):  # and these are not
        one.record(Event(f"e{n}", "Product Viewed", NOW - 50 * DAY, "late", {"product_id": "p1"}))
    before = await learned(one)
    assert await one.retention.sweep(NOW, 10**9) == sum(n % 60 > 30 for n in range(400)) + 1
    assert [e.id for e in await one.store.of_visitor("late")] == [f"e{n}" for n in range(400, 500)]
    crashed = History.at("sqlite", tmp_path, products, LogObserver(), keep=keep)
    await crashed.start()
    assert await learned(crashed) == before == await learned(one)
    visits = [(await history.profiles.load("v1")).visits for history in (one, crashed)]
    await other.log.flush()
    left = {event.time for event in await one.store.of_visitor("v1")}
    assert {*visits, (await other.profiles.load("v1")).visits} == {len(left)}
    for history in (one, other, crashed):
        await history.close()
