"""The profiles of a process: loaded once, kept in memory, followed event by event."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from types import FunctionType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.errors import StoreError
from personalize.model import EXPIRED, OPERATOR, Event, Profile
from personalize.profiles import Profiles, apply_event
from personalize.profiles.people import People, Person
from personalize.protocols import Store
from personalize.stores import MemoryStore


class GatedStore(MemoryStore):
    """A real store whose reads of a visitor stop before and after they look, until they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.before = asyncio.Event()
        self.looked = asyncio.Event()
        self.after = asyncio.Event()
        self.reads = 0
        self.fails = False

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        self.reads += 1
        await self.before.wait()
        events = await super().of_visitor(visitor, after, limit)
        self.looked.set()
        await self.after.wait()
        if self.fails:
            raise StoreError("gone")
        return events


def event(n: int, visitor: str = "ann") -> Event:
    return Event(f"e{n}", "Product Added", 1000.0 * n, visitor, {"product_id": f"p{n % 2}"})


async def test_a_visitor_without_events_has_an_empty_profile() -> None:
    """Nothing in the log is no error: the profile is empty, and in memory from then on."""
    store = MemoryStore()
    await store.open()
    profiles = Profiles(store, {})
    assert profiles.get("ann") is None
    assert await profiles.load("ann") == Profile("ann")
    assert profiles.get("ann") == Profile("ann")


async def test_a_loaded_profile_follows_the_log() -> None:
    """What the log holds is read once; each later event of that visitor, and of no other, changes the profile."""
    store = MemoryStore()
    await store.open()
    await store.append([event(1), event(2, "bob"), event(3)])
    profiles = Profiles(store, {})
    ann = await profiles.load("ann")
    assert (ann.visits, ann.version, ann.cart) == (2, 3, {"p1": (2, 0.0)})
    await store.append([event(4), event(5, "bob")])
    for stored in await store.read(0):
        profiles.apply(stored)
    assert (ann.version, ann.cart) == (4, {"p1": (2, 0.0), "p0": (1, 0.0)})
    assert profiles.get("ann") is ann and profiles.get("bob") is None
    assert (await profiles.load("bob")).version == 5


async def test_loads_at_the_same_time_share_one_read() -> None:
    """A hundred requests of one visitor read the log once, and one that walks away does not end it for the others."""
    store = GatedStore()
    await store.open()
    await store.append([event(1)])
    profiles = Profiles(store, {})
    loads = [asyncio.ensure_future(profiles.load("ann")) for _ in range(100)]
    await asyncio.sleep(0)
    loads[0].cancel()
    store.before.set()
    store.after.set()
    found = await asyncio.gather(*loads, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(profile is found[1] for profile in found[1:]) and found[1].version == 1  # type: ignore[union-attr]
    assert store.reads == 1


async def test_loads_do_not_gather_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a store that does not keep up only so many visitors are read at once; whoever asks for one more hears that,
    and can ask again when there is room."""
    monkeypatch.setattr("personalize.profiles.profiles.LOADS", 20)
    store = GatedStore()
    await store.open()
    profiles = Profiles(store, {})
    loads = [asyncio.ensure_future(profiles.load(f"v{n}")) for n in range(50)]
    await asyncio.sleep(0)
    again = asyncio.ensure_future(profiles.load("v0"))  # one that is under way is shared
    store.before.set()
    store.after.set()
    found = await asyncio.gather(*loads, return_exceptions=True)
    assert [isinstance(each, Profile) for each in found] == [n < 20 for n in range(50)]
    assert all(isinstance(each, StoreError) for each in found[20:]) and await again is found[0]
    assert (await profiles.load("v49")).visitor == "v49"


async def test_a_failed_load_is_tried_again() -> None:
    """A store that cannot be read is a StoreError for everyone who waits; the next request asks again."""
    store = GatedStore()
    await store.open()
    await store.append([event(1)])
    store.before.set()
    store.after.set()
    store.fails = True
    profiles = Profiles(store, {})
    for found in await asyncio.gather(profiles.load("ann"), profiles.load("ann"), return_exceptions=True):
        assert isinstance(found, StoreError)
    assert profiles.get("ann") is None
    store.fails = False
    assert (await profiles.load("ann")).version == 1


async def test_memory_is_bounded_and_the_least_recently_seen_goes() -> None:
    """Profiles are kept up to a number of bytes; who was asked for stays, and who went is loaded again."""
    store = MemoryStore()
    await store.open()
    await store.append([event(n, f"v{n}") for n in range(200)])
    profiles = Profiles(store, {}, room=40_000, ready=5)
    for n in range(200):
        await profiles.load(f"v{n}")
        assert profiles.get("v0") is not None and profiles.size <= 40_000
    known = [n for n in range(200) if f"v{n}" in profiles._routes]
    assert known == [0, *range(known[1], 200)] and 10 < len(known) < 150
    assert (await profiles.load("v1")).version == 2


async def test_a_profile_that_grows_makes_others_go() -> None:
    """The bound is in bytes: what visitors do while they are in memory counts, too."""
    store = MemoryStore()
    await store.open()
    profiles = Profiles(store, {}, room=100_000)
    for n in range(20):
        await profiles.load(f"v{n}")
    assert len(profiles) == 20
    await store.append([event(n, "v19") for n in range(600)])
    for stored in await store.read():
        profiles.apply(stored)
    assert profiles.get("v19") is not None and profiles.size <= 100_000
    for n in range(2000):
        await profiles.load(f"w{n}")
    assert profiles.size <= 100_000 and len(profiles) < 500 and len(profiles._routes) == len(profiles)


class KeepsRoutes(Profiles):
    """Planted bug: the ids of somebody who was forgotten are still known."""

    def _unroute(self, person: Person) -> None:
        return


async def _takes(made: Callable[[Store], Profiles], visitors: int) -> tuple[int, int]:
    """Bytes of all containers of a Profiles, and how many of its parts the garbage collector visits, after so many
    visitors came, each with two ids."""
    store = MemoryStore()
    await store.open()
    profiles = made(store)
    for n in range(visitors):
        told = {"product_id": f"p{n % 7}", "$via": "server", "$ids": {"user_id": f"{n}"}}
        await store.append([Event(f"e{n}", "Product Added", 1000.0 * n, f"a:{n}", told)])
        for stored in await store.read(n):
            profiles.apply(stored)
        await profiles.load(f"a:{n}")
    size, tracked, seen, todo = 0, 0, set[int](), [value for name, value in vars(profiles).items() if name != "_store"]
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, type | FunctionType | MemoryStore | People):
            continue
        seen.add(id(each))
        size += sys.getsizeof(each)
        tracked += gc.is_tracked(each)
        todo.extend(gc.get_referents(each))
    return size, tracked


async def test_a_thousand_visitors_more_take_no_more_memory() -> None:
    """Neither bytes nor what the garbage collector has to visit grow with how many people came."""
    few = await _takes(lambda store: Profiles(store, {}, room=60_000, ready=10), 500)
    many = await _takes(lambda store: Profiles(store, {}, room=60_000, ready=10), 2000)
    assert many[0] < 1.2 * few[0] and many[1] < 1.2 * few[1]
    leaking = await _takes(lambda store: KeepsRoutes(store, {}, room=60_000, ready=10), 2000)
    assert leaking[0] > 1.2 * few[0]


async def test_who_is_packed_follows_the_log_like_others() -> None:
    """Whether somebody's profile is packed makes no difference to what it says, whoever they are and whatever it holds;
    nor to which ids are theirs."""
    store = MemoryStore()
    await store.open()
    draw = {"experiment": "b", "variant": "x", "draw": 1, "batch": 5, "propensity": 0.5, "until": 9e9, "context": ""}
    shown = [{"slot": "hero", "experience": "a", **draw}]
    traits = {"traits": {"size": "M", "tags": ["ü", {"deep": None}], "\ud800": 1}, "provenance": {"party": "second"}}
    await store.append(
        [
            Event("1", "Page Viewed", 1.0, "ann", {"path": "/", "shown": shown}),
            Event("2", "User Identified", 2.0, "ann", {**traits, "$via": "server", "$ids": {"user_id": "7"}}),
            Event("3", "Order Completed", 3.0, "ann", {"products": [{"product_id": "p", "price": 2}], "order_id": "o"}),
            Event("4", "Product Added", 4.0, "bob", {"product_id": "q"}),
        ]
    )
    plain, packing = Profiles(store, {}), Profiles(store, {}, ready=1)
    for profiles in (plain, packing):
        for stored in await store.read():
            profiles.apply(stored)
        await profiles.load("ann")
        await profiles.load("bob")
    assert [*packing._ready] == ["bob"] and plain.get("u:7") == packing.get("u:7") == packing.get("ann")
    await packing.load("bob")
    await store.append([Event("5", "Product Added", 5.0, "u:7", {"product_id": "r"})])
    for profiles in (plain, packing):
        for stored in await store.read(4):
            profiles.apply(stored)
        assert set(profiles.ids("ann")) == {"ann", "u:7"}
    ann = packing.get("ann")
    assert ann is not None and ann == plain.get("ann")
    assert ann.cart == {"r": (1, 0.0)} and ann.draws and ann.provenance


async def test_what_lines_said_that_left_the_log_is_known_no_more() -> None:
    """When old lines left, everybody's profile is what the rest of them say, in memory and after a load alike."""
    store = MemoryStore()
    await store.open()
    await store.append([event(1), event(2), event(3)])
    profiles = Profiles(store, {})
    assert (await profiles.load("ann")).cart == {"p1": (2, 0.0), "p0": (1, 0.0)}
    await store.trim(0, 3, {"Product Added": 2500.0})
    assert (await profiles.load("ann")).cart == {"p1": (2, 0.0), "p0": (1, 0.0)}  # nobody has said so yet
    await store.append([Event("gone", EXPIRED, 9e6, OPERATOR)])
    for stored in await store.read(3):
        profiles.apply(stored)
    assert profiles.get("ann") is None
    assert (await profiles.load("ann")).cart == {"p1": (1, 0.0)}


def test_another_event_loop_does_not_wait_for_a_dead_one() -> None:
    """A load that was cut off with its event loop is begun anew on the next one."""
    store = GatedStore()
    profiles = Profiles(store, {})

    async def first() -> None:
        await store.open()
        await store.append([event(1)])
        cut_off = asyncio.ensure_future(profiles.load("ann"))
        await asyncio.sleep(0)
        assert not cut_off.done()

    async def second() -> Profile:
        store.before, store.looked, store.after = asyncio.Event(), asyncio.Event(), asyncio.Event()
        store.before.set()
        store.after.set()
        return await profiles.load("ann")

    asyncio.run(first())
    assert asyncio.run(second()).version == 1


# --- the race between a load and the tail ------------------------------------------------------------------


class MissesWhileLoading(Profiles):
    """Planted bug: events that come during a load are taken for somebody else's."""

    def apply(self, event: Event) -> None:
        if event.visitor not in self._tasks:
            super().apply(event)


class FoldsTwice(Profiles):
    """Planted bug: an event that the load had read is folded again when the tail brings it."""

    def apply(self, event: Event) -> None:
        profile = self.get(event.visitor)
        if profile is not None:
            apply_event(profile, event, {})
        else:
            super().apply(event)


async def _race(made: type[Profiles], steps: list[str]) -> bool:
    """Append, tail and load in the given order; does the profile end as a fold over the whole log?"""
    store = GatedStore()
    await store.open()
    profiles = made(store, {})
    loading: asyncio.Task[Profile] | None = None
    tail = count = 0

    async def do_append() -> None:
        nonlocal count
        count += 1
        await store.append([event(count)])

    async def do_tail() -> None:
        nonlocal tail
        for stored in await store.read(tail):
            profiles.apply(stored)
            tail = stored.seq

    async def do_load() -> None:
        nonlocal loading
        loading = loading or asyncio.ensure_future(profiles.load("ann"))
        await _settle()

    async def do_look() -> None:
        store.before.set()
        await _settle()

    async def do_return() -> None:
        store.after.set()
        await _settle()

    actions: dict[str, Callable[[], Awaitable[None]]] = {
        "append": do_append, "tail": do_tail, "load": do_load, "look": do_look, "return": do_return,
    }  # fmt: skip
    for step in (*steps, "load", "look", "return", "tail"):
        await actions[step]()
    assert loading is not None
    expected = Profile("ann")
    for stored in await store.read():
        apply_event(expected, stored, {})
    return await loading == expected and profiles.get("ann") == expected


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(st.sampled_from(["append", "append", "tail", "load", "look", "return"]), max_size=14))
def test_a_load_and_the_tail_fold_each_event_once(steps: list[str]) -> None:
    """However a load, the tail and new events interleave, the profile is the fold over all of the visitor's events."""
    assert asyncio.run(_race(Profiles, steps))


@pytest.mark.parametrize(
    ("wrong", "steps"),
    [
        (MissesWhileLoading, ["load", "look", "append", "tail", "return"]),
        (FoldsTwice, ["append", "load", "look", "return", "tail"]),
    ],
)
async def test_the_race_would_be_noticed(wrong: type[Profiles], steps: list[str]) -> None:
    """Planted bugs: missing an event, and folding one twice, both break the law."""
    assert await _race(Profiles, steps)
    assert not await _race(wrong, steps)
