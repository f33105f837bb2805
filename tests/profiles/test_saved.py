"""Profiles of those who did much: written down, so that a load reads little, and never another profile for it."""

from __future__ import annotations

import asyncio
import dataclasses
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize.history import History
from personalize.model import ERASED, EXPIRED, OPERATOR, Event, Product, Profile
from personalize.observe import LogObserver
from personalize.profiles import Profiles, apply_event, profiles, reading, saved, timeline
from personalize.profiles.reading import Reading
from personalize.profiles.saved import GROUP
from personalize.stores import MemoryStore

PRODUCTS = {f"p{n}": Product(f"p{n}", "A product", price=float(n)) for n in range(5)}
NAMES = ["Page Viewed", "Product Viewed", "Product Added", "Order Completed", "User Identified", "Segment Entered",
         "Consent Withdrawn", "Product Removed", "Ş\0"]  # fmt: skip


def event(n: int, visitor: str = "ann", name: str = "", **more: Any) -> Event:
    properties: dict[str, Any] = {
        "product_id": f"p{n * n % 5}", "path": f"/{n % 7}", "segment": f"s{n % 3}", "gpc": n % 11 == 0,
        "traits": {"n": n, "list": [n, {"ş": None}], "tier": None if n % 5 == 0 else "gold"},
        "provenance": {"party": ("first", "second", "third")[n % 3], "source": "file"},
        "shown": [{"slot": "hero", "experience": f"e{n % 4}", "experiment": "x", "variant": f"v{n % 2}",
                   "propensity": 0.25, "context": "ş", "batch": n, "draw": n % 9, "until": 2e9}],
    }  # fmt: skip
    return Event(f"e{n}", name or NAMES[n % len(NAMES)], 1e9 + 700.0 * (n * 13 % 101 + n), visitor, properties | more)


class Counted(MemoryStore):
    """Counts the events that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        found = await super().of_visitor(visitor, after, limit)
        self.given += len(found)
        return found


async def settled(several: Profiles) -> None:
    while several._saved._writing:
        await asyncio.wait(several._saved._writing)


async def from_the_log(store: MemoryStore, visitor: str = "ann") -> Profile:
    profile = Profile(visitor)
    for stored in await store.of_visitor(visitor):
        apply_event(profile, stored, PRODUCTS)
    return profile


async def test_a_long_past_is_read_once() -> None:
    """The first load reads all that somebody did; the next worker's reads what was written down and what came since,
    and comes to the same profile."""
    store = Counted()
    await store.append([event(n) for n in range(5000)])
    first = Profiles(store, PRODUCTS)
    expected = await from_the_log(store)
    assert await first.load("ann") == expected
    await settled(first)
    await store.append([event(n) for n in range(5000, 5100)])
    store.given = 0
    assert await Profiles(store, PRODUCTS).load("ann") == await from_the_log(store)
    assert store.given - 5100 <= 400
    assert (await store.kept(GROUP, ["ann"]))[1].keys() == {"ann"}


async def test_a_short_past_is_not_written_down() -> None:
    """Most visitors do little: nothing is kept of them beside the log."""
    store = MemoryStore()
    await store.append([event(n) for n in range(150)])
    several = Profiles(store, PRODUCTS)
    await several.load("ann")
    await settled(several)
    assert await store.kept(GROUP) == (0, {})


async def test_another_form_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version wrote down is not read; the log is."""
    store = MemoryStore()
    await store.append([event(n) for n in range(300)])
    several = Profiles(store, PRODUCTS)
    await several.load("ann")
    await settled(several)
    await store.trim(0, 20, dict.fromkeys(NAMES, 1e12))  # and nobody is told, so that it shows where a profile is from
    assert await Profiles(store, PRODUCTS).load("ann") == await several.load("ann") != await from_the_log(store)
    monkeypatch.setattr(saved, "_FIELDS", ["another", *saved._FIELDS])
    assert await Profiles(store, PRODUCTS).load("ann") == await from_the_log(store)


DAMAGED = [b"", b"noise", *map(zlib.compress, (b"{", b"[1, 2, 3]", b"[[], []]", b"[[], [], 5]"))]


@pytest.mark.parametrize("value", DAMAGED)
async def test_a_damaged_one_is_passed_over(value: bytes) -> None:
    """The log has it all: whatever stands there, the profile is the right one."""
    store = MemoryStore()
    await store.append([event(n) for n in range(300)])
    await store.keep(GROUP, 0, 0, {"ann": value})
    several = Profiles(store, PRODUCTS)
    assert await several.load("ann") == await from_the_log(store)
    await settled(several)


async def test_lines_that_left_the_log_leave_it_too() -> None:
    """After old lines left, what was written down before is passed over, for workers that knew of it and new ones."""
    store = MemoryStore()
    await store.append([event(n) for n in range(600)])
    several = Profiles(store, PRODUCTS)
    await several.load("ann")
    await settled(several)
    await store.trim(0, 300, dict.fromkeys(NAMES, 1e12))
    await store.append([Event("gone", EXPIRED, 2e9, OPERATOR)])
    for one in (several, Profiles(store, PRODUCTS)):
        for stored in await store.read(600):
            one.apply(stored)
        assert await one.load("ann") == await from_the_log(store)


@pytest.mark.parametrize("when", ["before", "while it is written"])
async def test_who_was_erased_is_not_written_down(when: str, tmp_path: Path) -> None:
    """An erasure takes what was written down with it, also where a slow worker writes it a moment later."""
    history, slow = (History.at("sqlite", tmp_path, PRODUCTS, LogObserver()) for _ in range(2))
    await history.start()
    for n in range(500):
        history.record(event(n))
    await history.log.flush()
    if when == "before":
        await history.profiles.load("ann")
        await settled(history.profiles)
        assert (await history.store.kept(GROUP))[1]  # type: ignore[attr-defined]
        assert await history.erase(Event("gone", ERASED, 3e9, "ann"))
    else:
        await slow.store.open()
        person = await slow.profiles.people.of("ann")
        profile, long = await Reading(slow.store, slow.profiles._saved, PRODUCTS, person, 0).read()
        assert long
        assert await history.erase(Event("gone", ERASED, 3e9, "ann"))
        slow.profiles._saved.put(person, profile)
        await settled(slow.profiles)
        await slow.store.close()
    assert (await history.store.kept(GROUP))[1] == {}  # type: ignore[attr-defined]
    assert (await history.profiles.load("ann")).views == []
    await history.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["a" * 32, "b" * 32, "u:1", "u:2"]),
                          st.sampled_from([*NAMES, "Signed Out", ERASED, EXPIRED]),
                          st.sampled_from([{}, {}, {}, {"user_id": "1"}, {"user_id": "2"}]), st.booleans()),
                min_size=20, max_size=120))  # fmt: skip
def test_it_is_never_another_profile(monkeypatch: pytest.MonkeyPatch, steps: list[Any]) -> None:
    """Whoever is joined, parted or erased meanwhile, and whatever leaves the log: a profile that begins with what was
    written down is the one that the log alone gives."""
    monkeypatch.setattr(reading, "LEAST", 4)
    for module in (profiles, reading, timeline):
        monkeypatch.setattr(module, "PAGE", 3)
    asyncio.run(_never_another(steps))


async def _never_another(steps: list[Any]) -> None:
    store = MemoryStore()
    living = Profiles(store, PRODUCTS, room=0)  # keeps nobody but the last one in memory
    for n, (visitor, name, ids, ask) in enumerate(steps):
        if name == EXPIRED:
            await store.trim(0, n, {"Page Viewed": 1e9 + 700.0 * 40})
            visitor = OPERATOR
        one = event(n, visitor, name)
        await store.append([dataclasses.replace(one, properties={**one.properties, "$via": "server", "$ids": ids})])
        for stored in await store.read(n):
            living.apply(stored)
        if ask:
            await living.load(visitor)
            await settled(living)
    anew = Profiles(WithoutKept(store), PRODUCTS)  # type: ignore[arg-type]
    for stored in await store.read(0, 1000):
        anew.apply(stored)
    if any(name == EXPIRED for _, name, _, _ in steps):
        return  # links that left the log are known to those only who keep them
    for visitor in ("a" * 32, "b" * 32, "u:1", "u:2"):
        assert await living.load(visitor) == await anew.load(visitor)


async def joined_after_it_was_written() -> bool:
    """Another browser signs in after the user's profile was written down: is what was done there in the profile?"""
    store = MemoryStore()
    await store.append([event(0, "b" * 32), *(event(n, "u:1") for n in range(1, 300))])
    await store.append([Event("login", "Page Viewed", 9e9, "b" * 32, {"$via": "server", "$ids": {"user_id": "1"}})])
    several = Profiles(store, PRODUCTS)
    for upto in (300, 301):
        for stored in await store.read(several.people._heard, upto - several.people._heard):  # type: ignore[attr-defined]
            several.apply(stored)
        await several.load("u:1")
        await settled(several)
    return (await Profiles(store, PRODUCTS).load("u:1")).first_seen == 1e9


async def test_one_of_other_timelines_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: a profile that was written down for fewer ids is taken for the person's."""
    assert await joined_after_it_was_written()
    monkeypatch.setattr(saved, "_members", lambda person: [])
    assert not await joined_after_it_was_written()


class WithoutKept:
    """The same log, as a store gives it that keeps nothing beside."""

    def __init__(self, store: MemoryStore) -> None:
        self.of_visitor = store.of_visitor
        self.last = store.last
