"""What every store of the event log must do. A new store joins with one line in STORES."""

from __future__ import annotations

import asyncio
import math
import string
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.errors import StoreError
from personalize.model import Event
from personalize.protocols import Store
from personalize.stores import open_store

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda base: open_store("memory", base),
    "sqlite": lambda base: open_store("sqlite", base),
}


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made = STORES[request.param](tmp_path)
    await made.open()
    yield made
    await made.close()


def event(id_: str, visitor: str = "ann", **properties: Any) -> Event:
    return Event(id_, "Page Viewed", 1_700_000_000.25, visitor, properties)


async def test_an_empty_log_has_nothing(store: Store) -> None:
    """A log without events gives none, for everybody and for each visitor, and its last seq is 0."""
    assert await store.read() == []
    assert await store.of_visitor("ann") == []
    assert await store.last() == 0


async def test_what_is_appended_is_read_back_in_order(store: Store) -> None:
    """Events come back equal but for their seq, in the order they were appended, with rising seq."""
    events = [event(f"e{n}", visitor=f"v{n % 3}", n=n, nested={"list": [1, 2.5, None, True, "ş"]}) for n in range(10)]
    assert (await store.append(events[:4]))[0] == 4
    assert (await store.append(events[4:]))[0] == 6
    found = await store.read()
    assert [(e.id, e.name, e.time, e.visitor, e.properties) for e in found] == [
        (e.id, e.name, e.time, e.visitor, e.properties) for e in events
    ]
    seqs = [e.seq for e in found]
    assert seqs == sorted(set(seqs)) and seqs[0] > 0
    assert await store.last() == seqs[-1]


async def test_an_id_is_stored_once(store: Store) -> None:
    """A repeated id is left out, whether it comes in the same batch or later, and the first one stays."""
    assert (await store.append([event("a", n=1), event("a", n=2), event("b")]))[0] == 2
    assert (await store.append([event("b", n=3), event("c")]))[0] == 1
    assert [(e.id, dict(e.properties)) for e in await store.read()] == [("a", {"n": 1}), ("b", {}), ("c", {})]


async def test_appending_tells_where_the_new_events_stand(store: Store) -> None:
    """The last seq is told, and the new events have the seqs up to it without a gap, in their order."""
    for batch in (["a", "b", "c"], ["b", "d"], ["a"], ["e", "f", "g", "h"]):
        new, last = await store.append([event(id_) for id_ in batch])
        stored = await store.read()
        assert last == stored[-1].seq == await store.last()
        assert [e.seq for e in stored[len(stored) - new :]] == list(range(last - new + 1, last + 1))


async def test_reading_goes_on_after_a_seq(store: Store) -> None:
    """`after` and `limit` page through the log without a gap or a repetition, and the end is an empty list."""
    await store.append([event(f"e{n}") for n in range(25)])
    seen: list[str] = []
    after = 0
    while page := await store.read(after, 7):
        assert len(page) <= 7
        seen += [e.id for e in page]
        after = page[-1].seq
    assert seen == [f"e{n}" for n in range(25)]
    assert await store.read(after + 1000) == []


async def test_one_visitors_events(store: Store) -> None:
    """`of_visitor` gives that visitor's events alone, in the log's order, equal to those of `read`."""
    await store.append([event(f"e{n}", visitor=("ann", "bob", "ann ")[n % 3]) for n in range(30)])
    everything = await store.read()
    for visitor in ("ann", "bob", "ann ", "", "nobody"):
        assert await store.of_visitor(visitor) == [e for e in everything if e.visitor == visitor]


async def test_appending_nothing(store: Store) -> None:
    """An empty batch is stored without complaint."""
    assert (await store.append([]))[0] == 0
    assert await store.last() == 0


async def test_calls_at_the_same_time(store: Store) -> None:
    """Appends and reads that run at the same time lose nothing and each batch stays together."""
    batches = [[event(f"{b}-{n}", visitor=f"v{b}") for n in range(20)] for b in range(20)]
    await asyncio.gather(*(store.append(batch) for batch in batches), *(store.read() for _ in range(20)))
    ids = [e.id for e in await store.read()]
    assert len(ids) == 400
    assert sorted(ids[n : n + 20] for n in range(0, 400, 20)) == sorted([e.id for e in batch] for batch in batches)


async def test_a_closed_store_says_so(store: Store) -> None:
    """After `close` every call raises StoreError; opened again, the log is still there."""
    await store.append([event("a")])
    await store.close()
    with pytest.raises(StoreError):
        await store.append([event("b")])
    with pytest.raises(StoreError):
        await store.read()
    with pytest.raises(StoreError):
        await store.of_visitor("ann")
    with pytest.raises(StoreError):
        await store.last()
    await store.open()
    assert [e.id for e in await store.read()] == ["a"]


@pytest.mark.parametrize("name", sorted(STORES))
async def test_a_call_may_come_before_open(name: str, tmp_path: Path) -> None:
    """A site's first page may ask before the store was opened: it gets its answer, and `open` changes nothing."""
    made = STORES[name](tmp_path)
    assert await made.of_visitor("ann") == []
    assert (await made.append([event("a")]))[0] == 1
    await made.open()
    assert [e.id for e in await made.of_visitor("ann")] == ["a"]
    await made.close()


async def test_what_is_read_is_a_copy(store: Store) -> None:
    """Changing the properties of an event that was stored or read changes nothing in the log."""
    properties = {"list": [1]}
    await store.append([Event("a", "X", 1.0, "ann", properties)])
    properties["list"].append(2)
    (await store.read())[0].properties["list"].append(3)
    assert (await store.read())[0].properties == {"list": [1]}


def _deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value


async def test_a_strange_event_does_not_take_its_batch_along(store: Store) -> None:
    """Lone surrogates, NUL, NaN, huge numbers, deep nesting and unknown types are stored as near as JSON can say."""
    looped: dict[str, Any] = {}
    looped["self"] = looped
    strange = [
        Event("s\ud800", "N\udfff\x00", math.nan, "v\ud800", {"text": "\ud800\x00", "k\ud800": 1}),
        Event("nan", "X", math.inf, "ann", {"nan": math.nan, "inf": [-math.inf], "fine": 0.5}),
        Event("huge", "X", 1e300, "ann", {"n": 10**6000, "e": 2**70, "m": -(2**63)}),
        Event("deep", "X", 1.0, "ann", {"deep": _deep(100_000)}),
        Event("loop", "X", 1.0, "ann", looped),
        Event("types", "X", -5.0, "ann", {"set": {1}, "bytes": b"x", "tuple": (1, 2), 5: "number", None: "none"}),
    ]
    assert (await store.append([event("first"), *strange, event("last")]))[0] == len(strange) + 2
    found = {e.id: e for e in await store.read()}
    assert next(iter(found)) == "first" and next(reversed(found)) == "last"
    assert found["s?"].name == "N?\x00" and found["s?"].time == 0.0 and found["s?"].visitor == "v?"
    assert found["s?"].properties["text"] == "\ud800\x00"
    assert found["nan"].properties == {"nan": None, "inf": [None], "fine": 0.5}
    assert found["huge"].properties == {"n": None, "e": 2**70, "m": -(2**63)}
    assert found["types"].properties["tuple"] == [1, 2] and found["types"].properties["5"] == "number"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.builds(
    Event,
    st.sampled_from(string.ascii_lowercase),
    st.sampled_from(["Page Viewed", "Order Completed"]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.floats(0, 4e9),
    st.sampled_from(["ann", "bob"]),
    st.dictionaries(st.text(max_size=5), JSON, max_size=4),
)


@pytest.mark.parametrize("name", sorted(STORES))
@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(EVENTS, max_size=6), max_size=5))
def test_a_store_is_a_list_without_repeated_ids(
    name: str, tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]]
) -> None:
    """Whatever is appended, the log equals a plain list that refuses ids it has."""

    async def run() -> None:
        made = STORES[name](tmp_path_factory.mktemp("store"))
        await made.open()
        expected: list[Event] = []
        for batch in batches:
            before = len(expected)
            for e in batch:
                if e.id not in {known.id for known in expected}:
                    expected.append(e)
            assert (await made.append(batch))[0] == len(expected) - before
        found = await made.read()
        assert [(e.id, e.name, e.time, e.visitor, e.properties) for e in found] == [
            (e.id, e.name, e.time, e.visitor, e.properties) for e in expected
        ]
        for visitor in ("ann", "bob"):
            assert await made.of_visitor(visitor) == [e for e in found if e.visitor == visitor]
        await made.close()

    asyncio.run(run())
