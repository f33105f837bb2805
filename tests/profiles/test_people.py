"""Who is whom, kept in the store: whatever worker moves it on, it is the graph that the log tells."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.errors import StoreError
from personalize.history import History
from personalize.model import ERASED, Event
from personalize.observe import LogObserver
from personalize.profiles import Identity, People, Profiles, identity, people
from personalize.profiles.identity import Member
from personalize.profiles.people import GROUP
from personalize.stores import MemoryStore, SqliteStore

IDS = ["a" * 32, "b" * 32, "u:1", "u:2", "u:3", "a:x", "loyalty:9"]
NAMES = [*3 * ["Product Viewed"], "Signed Out", ERASED, "Identity Unlinked", "Identity Merged"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.sampled_from(NAMES),
        st.sampled_from(["server", "server", "browser"]),
        st.dictionaries(
            st.sampled_from(["user_id", "anonymous_id", "loyalty"]), st.sampled_from(["1", "2", "9", "x", "b" * 32]),
            max_size=2,
        ),
        st.sampled_from(["wait", "wait", "one", "other", "ask one", "ask other", "new one"]),
    ),
    max_size=30,
)  # fmt: skip


def event(seq: int, visitor: str, name: str = "Product Viewed", via: str = "server", **ids: str) -> Event:
    properties = {"$via": via, "$ids": ids, "id": visitor, "item": f"p{seq}"}
    late = 3 if seq % 5 == 0 else 0  # it happened before what stands above it
    return Event(f"e{seq}", name, 100.0 * (seq - late), visitor, properties, seq)


def told(graph: Identity) -> dict[str, Any]:
    return dict(json.loads(json.dumps(graph.rows())))


async def rows(store: Any) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in (await store.kept(GROUP))[1].items()}


async def kept_as_told(kind: type[People], steps: Sequence[Any], store: Any = None) -> bool:
    """Two workers follow one log, each at its own pace: does the store end with the graph that the log tells, and is
    everybody told who they are on the way?"""
    store = store or MemoryStore()
    workers, heard = [kind(store, 0.0), kind(store, 0.0)], [0, 0]
    graph = Identity()
    log: list[Event] = []

    def follow(which: int) -> None:
        for one in log[heard[which] :]:
            workers[which].apply(one)
        heard[which] = len(log)

    for seq, (visitor, name, via, ids, then) in enumerate(steps, 1):
        log.append(event(seq, visitor, name, via, **ids))
        graph.apply(log[-1])
        which = 1 if then.endswith("other") else 0
        if then == "new one":  # a worker ends, with what it had not written, and starts again from what is kept
            workers[0] = kind(store, 100.0 * seq)
            heard[0] = await workers[0].restore()
        elif then != "wait":
            follow(which)
            if then.startswith("ask"):
                person = await workers[which].of(visitor)
                right = graph.person(visitor)
                if (person.name, person.members) != (right, graph.members(right)):
                    return False
            else:
                await workers[which].settle()
    for which in (0, 1):
        follow(which)
        await workers[which].settle()
    return await rows(store) == told(graph)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_what_is_kept_is_what_the_log_tells(steps: list[Any]) -> None:
    """However two workers take turns, lag behind and start anew, the rows are those of the whole log folded at once."""
    assert asyncio.run(kept_as_told(People, steps))


JOIN, CARD = {"user_id": "1"}, {"loyalty": "9"}
TURNS = [
    ("a" * 32, "Product Viewed", "server", JOIN, "one"),
    ("b" * 32, "Product Viewed", "server", JOIN, "other"),
    ("u:1", "Product Viewed", "server", CARD, "one"),
    ("u:2", "Product Viewed", "server", CARD, "other"),
    ("u:1", "Identity Unlinked", "server", {}, "other"),
    ("u:2", "Product Viewed", "server", CARD, "one"),
]


class Remembers(People):
    """Planted bug: what was told once is never looked at again, whoever was parted since."""

    def _is_known(self, event: Event, ids: tuple[str, ...]) -> bool:
        known = self._last.get(event.visitor) == (str(ids), 0.0)
        self._last[event.visitor] = (str(ids), 0.0)
        return known


class Timeless(People):
    """Planted bug: who is told to be whom again is not looked at, whenever that was."""

    def _is_known(self, event: Event, ids: tuple[str, ...]) -> bool:
        return super()._is_known(dataclasses.replace(event, time=1e9), ids)


class Overwrites(MemoryStore):
    """Planted bug: who comes late writes all the same."""

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        return await super().keep(group, (await self.kept(group))[0], upto, values, alone=alone)


class Twice(People):
    """Planted bug: what another worker has done already is done again."""

    async def _load(self, ids: Any, *, whole: bool) -> Any:
        stands, *known = await super()._load(ids, whole=whole)
        return (0 if whole else stands), *known


async def test_graphs_that_are_kept_wrongly_are_caught() -> None:
    """Planted bugs: the law above fails for each of them, and holds for the real one."""
    assert await kept_as_told(People, TURNS)
    assert not await kept_as_told(Remembers, TURNS)
    cut = [("a" * 32, "Product Viewed", "server", JOIN, "one"), ("a" * 32, "Signed Out", "browser", {}, "one"),
           ("a" * 32, "Product Viewed", "server", {"user_id": "2"}, "other")]  # fmt: skip
    assert await kept_as_told(People, cut)
    with pytest.raises((AssertionError, StoreError)):
        assert await kept_as_told(Twice, cut, Overwrites())
    # The fifth event happened before the fourth, and so is one of the part that ended there; the sixth is of the next.
    nothing = ("b" * 32, "Product Viewed", "server", {}, "wait")
    login = ("a" * 32, "Product Viewed", "server", JOIN, "one")
    late = [login, nothing, nothing, ("a" * 32, "Signed Out", "browser", {}, "one"), login, login]
    assert await kept_as_told(People, late)
    assert not await kept_as_told(Timeless, late)


async def test_who_asks_at_another_worker_is_told_at_once() -> None:
    """A login is known to each worker as soon as its tail brings it, written down by whichever is asked first."""
    store = MemoryStore()
    one, other = People(store), People(store)
    for worker in (one, other):
        worker.apply(event(1, "a" * 32, user_id="7"))
    assert (await other.of("a" * 32)).name == "u:7" == (await one.of("u:7")).name
    assert (await one.of("a" * 32)).ids == {"a" * 32, "u:7"}
    assert (await one.of("b" * 32)).ids == {"b" * 32}


async def test_the_same_words_again_cost_no_reading() -> None:
    """A client that names its user with every event makes the store read and write once."""

    class Counted(MemoryStore):
        asked = 0

        async def kept(self, group: str, keys: Sequence[str] | None = None) -> tuple[int, dict[str, bytes]]:
            self.asked += 1
            return await super().kept(group, keys)

    store = Counted()
    worker = People(store, 0.0)
    for seq in range(1, 500):
        worker.apply(dataclasses.replace(event(seq, "u:7", anonymous_id="x", loyalty="12"), time=float(seq)))
        await worker.settle()
    assert store.asked <= 3 and (await worker.of("a:x")).name == "u:7"


async def test_a_log_without_links_needs_no_long_start(tmp_path: Path) -> None:
    """Where nobody is linked, too, the rows tell how far the log is known."""
    worker = People(store := SqliteStore(tmp_path / "log.db"))
    for seq in range(1, 50_001):
        worker.apply(Event(f"e{seq}", "Page Viewed", 1.0, f"v{seq}", {}, seq))
    await worker.stand_on()
    assert await People(store).restore() == 50_000
    await store.close()


async def test_an_id_that_thousands_share_joins_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that names "guest" for everybody joins some of them, and then no more: no person grows without bound."""
    monkeypatch.setattr(identity, "_MOST_IDS", 20)
    store = MemoryStore()
    worker = People(store)
    for seq in range(1, 600):
        worker.apply(event(seq, f"a:{seq}", user_id="guest"))
    assert len((await worker.of("u:guest")).ids) == 20
    assert (await worker.of("a:150")).ids == {"a:150"}
    assert len(await rows(store)) == 21
    assert await People(store).restore() == 599  # no start looks at those again who were refused


async def test_who_signs_out_all_day_long_takes_no_room() -> None:
    """A browser that signs out a thousand times, logged in for some of them, is known in a few words; what was done
    while logged in stays the user's, and nothing else does."""
    store = MemoryStore()
    worker, visitor, seq = People(store), "a" * 32, 0
    for turn in range(3):
        seq += 1
        worker.apply(event(seq, visitor, user_id="7"))
        for _ in range(300):
            seq += 1
            worker.apply(event(seq, visitor, "Signed Out", "browser"))
        await worker.settle()
        assert len((await rows(store))[f"i:{visitor}"][0]) == 2 * turn + 2
    user = await worker.of("u:7")
    parts = sorted((m.after, m.upto) for m in user.members if m.id == visitor)
    assert parts == [(0, 2), (301, 303), (602, 604)]
    assert (await worker.of(visitor)).members == (Member(visitor, 903, begins=90300.0),)


@pytest.mark.parametrize("id_", ["a" * 32 + "\0" + "1", "x" * 500])
async def test_ids_that_are_no_ids_reach_nobody(id_: str) -> None:
    """An id that is written like a part of somebody else's timeline, or is far too long, is its own person only."""
    worker = People(MemoryStore())
    worker.apply(event(1, "a" * 32, user_id="7"))
    worker.apply(event(2, "a" * 32, "Signed Out"))
    worker.apply(event(3, id_, user_id="7"))
    assert (await worker.of(id_)).members == (Member(id_),)
    assert (await worker.of("u:7")).ids == {"a" * 32, "u:7"}


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
KINDS = st.sampled_from(["user_id", "anonymous_id", "u", "CRM", "crm"])
JSON = st.recursive(
    PLAIN | st.sampled_from(["u:1", "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
ODD = st.builds(
    lambda name, visitor, **properties: Event("e", name, 1.0, visitor, properties),
    st.sampled_from([*NAMES, "User Identified"]),
    st.sampled_from(["a" * 32, "u:1", "", "x\0001", "ş"]),
    **{"$via": st.sampled_from(["server", "import", 5, None]) | JSON,
       "$ids": JSON | st.dictionaries(KINDS, JSON, max_size=3),
       "id": JSON, "traits": JSON | st.dictionaries(st.just("email"), JSON)},
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(events=st.lists(ODD, max_size=8))
def test_whatever_events_say_nobody_is_kept_waiting(events: list[Event]) -> None:
    """No event that a store can hold stops the rows from moving on, or makes them differ from the graph."""

    async def run() -> None:
        store, graph = MemoryStore(), Identity()
        await store.append([dataclasses.replace(one, id=f"e{n}") for n, one in enumerate(events)])
        worker = People(store)
        for stored in await store.read():
            worker.apply(stored)
            graph.apply(stored)
        await worker.settle()
        assert await rows(store) == told(graph)
        for one in events:
            await worker.of(one.visitor)

    asyncio.run(run())


@pytest.mark.parametrize("value", [b"", b"[", b"5", b"[1]", b'{"a": 1}', b"[[], false, 7]"])
async def test_a_damaged_link_is_said(value: bytes) -> None:
    """A row that somebody edited by hand is an error with what mends it, for those whom it concerns."""
    store = MemoryStore()
    await store.keep(GROUP, 0, 1, {"i:u:1": value})
    worker = People(store)
    with pytest.raises(StoreError, match="rebuild"):
        await worker.of("u:1")
    assert (await worker.of("u:2")).ids == {"u:2"}


async def test_what_waits_is_bounded_while_a_long_log_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that reads a log full of logins writes them down as it goes."""
    monkeypatch.setattr(people, "_MANY", 50)
    store = SqliteStore(tmp_path / ".personalize" / "log.db")
    await store.append([event(n, f"a:{n}", user_id=f"{n % 400}") for n in range(1, 3000)])
    await store.close()
    most = 0

    class Watched(LogObserver):
        def count(self, name: str, n: int = 1) -> None: ...

    history = History.at("sqlite", tmp_path, {}, Watched())
    worker = history.profiles.people
    assert isinstance(worker, People)
    apply = worker.apply

    def watched(one: Event) -> tuple[str, ...]:
        nonlocal most
        most = max(most, len(worker._pending))
        return apply(one)

    worker.apply = watched  # type: ignore[method-assign]
    await history.start()
    assert most <= 250
    assert (await worker.of("a:2999")).name == "u:199"
    assert len((await worker.of("u:199")).ids) == 9
    await history.close()


async def test_an_erased_visitor_leaves_no_link(tmp_path: Path) -> None:
    """After an erasure no row tells which ids were one person: of each there is left that, and when, it was erased."""
    history = History.at("sqlite", tmp_path, {}, LogObserver())
    await history.start()
    for seq, visitor in enumerate(["a" * 32, "b" * 32], 1):
        history.record(event(seq, visitor, user_id="7"))
    await history.log.flush()
    assert (await history.profiles.people.of("b" * 32)).ids == {"a" * 32, "b" * 32, "u:7"}
    assert await history.erase(Event("gone", ERASED, 1e9, "a" * 32))
    nobody = [[], False, [""], [], [[None, 1e9]]]
    assert await rows(history.store) == {f"i:{id_}": nobody for id_ in ("a" * 32, "b" * 32, "u:7")}
    assert not [e for e in await history.store.read() if e.name != ERASED]
    await history.close()


async def test_profiles_use_it(tmp_path: Path) -> None:
    """A person's profile is made of the events under each of their ids, for a worker that has just started, too."""
    store = SqliteStore(tmp_path / "log.db")
    await store.append([event(1, "a" * 32), event(2, "b" * 32, user_id="7"), event(3, "a" * 32, user_id="7")])
    one = Profiles(store, {})
    for stored in await store.read():
        one.apply(stored)
    assert [item for _, item, _ in (await one.load("u:7")).views] == ["p1", "p2", "p3"]
    other = Profiles(store, {})  # hears of nothing: what is kept is enough
    assert await other.load("b" * 32) == await one.load("a" * 32)
    assert set(other.ids("u:7")) == {"a" * 32, "b" * 32, "u:7"}
    await store.close()
