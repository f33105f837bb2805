"""What every store of the event log must do, as laws: each takes a store that is empty and was not opened, and raises
AssertionError where it is broken. The caller makes the store, and closes it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import StoreError
from ..model import ERASED, Event
from ..protocols import Store


def _event(id_: str, visitor: str = "ann", **properties: Any) -> Event:
    return Event(id_, "Page Viewed", 1_700_000_000.25, visitor, properties)


def _told(events: list[Event]) -> list[tuple[object, ...]]:
    """Events without their place in the log."""
    return [(e.id, e.name, e.time, e.visitor, e.properties) for e in events]


async def _refuses(call: Awaitable[object]) -> None:
    try:
        await call
    except StoreError:
        return
    raise AssertionError("no StoreError was raised")


async def an_empty_log_has_nothing(store: Store) -> None:
    """A log without events gives none, for everybody and for each visitor, and its last seq is 0."""
    await store.open()
    assert await store.read() == []
    assert await store.of_visitor("ann") == []
    assert await store.last() == 0


async def what_is_appended_is_read_back_in_order(store: Store) -> None:
    """Events come back equal but for their seq, in the order they were appended and not of their times, with rising
    seq; whole numbers stay whole."""
    await store.open()
    nested = {"list": [1, 2.5, None, True, "ş"]}
    events = [Event(f"e{n}", "Page Viewed", 9.25 - n, f"v{n % 3}", {"n": n, "nested": nested}) for n in range(10)]
    assert (await store.append(events[:4]))[0] == 4
    assert (await store.append(events[4:]))[0] == 6
    found = await store.read()
    assert repr(_told(found)) == repr(_told(events))
    assert [e.id for e in await store.of_visitor("v0")] == ["e0", "e3", "e6", "e9"]
    seqs = [e.seq for e in found]
    assert seqs == sorted(set(seqs)) and seqs[0] > 0
    assert await store.last() == seqs[-1]


async def an_id_is_stored_once(store: Store) -> None:
    """A repeated id is left out, whether it comes in the same batch or later, and the first one stays."""
    await store.open()
    assert (await store.append([_event("a", n=1), _event("a", n=2), _event("b")]))[0] == 2
    assert (await store.append([_event("b", n=3), _event("c")]))[0] == 1
    assert [(e.id, dict(e.properties)) for e in await store.read()] == [("a", {"n": 1}), ("b", {}), ("c", {})]


async def ids_are_known_to_the_letter_and_for_long(store: Store) -> None:
    """Ids that differ in case or in a space are several, a large batch is stored as a whole, and its first id is still
    known after its last."""
    await store.open()
    alike = ["a", "A", "a ", " a", "á", "a\u0301"]
    for id_ in alike:
        assert (await store.append([_event(id_)]))[0] == 1
    many = [_event(f"e{n}", f"v{n % 7}") for n in range(2500)]
    assert (await store.append(many))[0] == len(many)
    again = [_event(alike[0]), many[0], many[1249], many[-1], _event("b")]
    assert (await store.append(again))[0] == 1
    assert [e.id for e in await store.read(0, 5000)] == [*alike, *(e.id for e in many), "b"]


async def appending_tells_where_the_new_events_stand(store: Store) -> None:
    """The last seq is told, and the new events have the seqs up to it without a gap, in their order."""
    await store.open()
    for batch in (["a", "b", "c"], ["b", "d"], ["a"], ["e", "f", "e", "g", "h"]):
        new, last = await store.append([_event(id_) for id_ in batch])
        stored = await store.read()
        assert last == stored[-1].seq == await store.last()
        assert [e.seq for e in stored[len(stored) - new :]] == list(range(last - new + 1, last + 1))


async def reading_goes_on_after_a_seq(store: Store) -> None:
    """`after` and `limit` page through the log without a gap or a repetition, and the end is an empty list."""
    await store.open()
    await store.append([_event(f"e{n}") for n in range(25)])
    seen: list[str] = []
    after = 0
    while page := await store.read(after, 7):
        assert len(page) <= 7
        seen += [e.id for e in page]
        after = page[-1].seq
    assert seen == [f"e{n}" for n in range(25)]
    assert await store.read(after + 1000) == []


async def a_visitors_events_are_theirs_alone(store: Store) -> None:
    """`of_visitor` gives that visitor's events alone, in the log's order, equal to those of `read`."""
    await store.open()
    visitors = ("ann", "bob", "ann ", "Ann", "a\\nn", "x" * 5000)
    await store.append([_event(f"e{n}", visitors[n % len(visitors)]) for n in range(30)])
    everything = await store.read()
    for visitor in (*visitors, "", "nobody", "x" * 4999):
        assert await store.of_visitor(visitor) == [e for e in everything if e.visitor == visitor]


async def appending_nothing_is_fine(store: Store) -> None:
    """An empty batch is stored without complaint."""
    await store.open()
    assert (await store.append([]))[0] == 0
    assert await store.last() == 0


async def calls_at_the_same_time_lose_nothing(store: Store) -> None:
    """Appends and reads that run at the same time lose nothing and each batch stays together."""
    await store.open()
    batches = [[_event(f"{b}-{n}", f"v{b}") for n in range(20)] for b in range(20)]
    await asyncio.gather(*(store.append(batch) for batch in batches), *(store.read() for _ in range(20)))
    ids = [e.id for e in await store.read()]
    assert len(ids) == 400
    assert sorted(ids[n : n + 20] for n in range(0, 400, 20)) == sorted([e.id for e in batch] for batch in batches)


async def a_closed_store_says_so(store: Store) -> None:
    """After `close` every call raises StoreError; opened again, the log is still there."""
    await store.open()
    await store.append([_event("a")])
    await store.close()
    await _refuses(store.append([_event("b")]))
    await _refuses(store.read())
    await _refuses(store.of_visitor("ann"))
    await _refuses(store.last())
    await store.open()
    assert [e.id for e in await store.read()] == ["a"]


async def a_call_may_come_before_open(store: Store) -> None:
    """A site's first page may ask before the store was opened: it gets its answer, and `open` changes nothing."""
    assert await store.of_visitor("ann") == []
    assert (await store.append([_event("a")]))[0] == 1
    await store.open()
    assert [e.id for e in await store.of_visitor("ann")] == ["a"]


async def what_is_read_is_a_copy(store: Store) -> None:
    """Changing the properties of an event that was stored or read changes nothing in the log."""
    await store.open()
    properties = {"list": [1]}
    await store.append([Event("a", "X", 1.0, "ann", properties)])
    properties["list"].append(2)
    (await store.read())[0].properties["list"].append(3)
    assert (await store.read())[0].properties == {"list": [1]}


async def a_strange_event_does_not_take_its_batch_along(store: Store) -> None:
    """Lone surrogates, NUL, NaN, huge numbers and ids, deep nesting and unknown types are stored as near as JSON can
    say."""
    await store.open()
    looped: dict[str, Any] = {}
    looped["self"] = looped
    keys: dict[Any, Any] = {"set": {1}, "bytes": b"x", "tuple": (1, 2), 5: "number", None: "none"}
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]
    long_id = "".join(chr(33 + n * n % 90) for n in range(20_000))
    strange = [
        Event("s\ud800", "N\udfff\x00", math.nan, "v\ud800", {"text": "\ud800\x00", "k\ud800": 1}),
        Event("nan", "X", math.inf, "ann", {"nan": math.nan, "inf": [-math.inf], "fine": 0.5}),
        Event("huge", "X", 1e300, "ann", {"n": 10**6000, "e": 2**70, "m": -(2**63)}),
        Event("deep", "X", 1.0, "ann", {"deep": deep}),
        Event("loop", "X", 1.0, "ann", looped),
        Event("types", "X", -5.0, "ann", keys),
        Event(long_id, long_id, 1.0, long_id, {}),
        Event("back\\0slash", "X\\", 1.0, "\\\x00\\0", {"text": "\\0"}),
    ]
    assert (await store.append([_event("first"), *strange, _event("last")]))[0] == len(strange) + 2
    again = [Event(id_, "again", 1.0, "ann") for id_ in (long_id, "back\\0slash")]
    assert (await store.append(again))[0] == 0
    found = {e.id: e for e in await store.read()}
    assert next(iter(found)) == "first" and next(reversed(found)) == "last"
    assert found["s?"].name == "N?\x00" and found["s?"].time == 0.0 and found["s?"].visitor == "v?"
    assert found["s?"].properties["text"] == "\ud800\x00"
    assert found["nan"].properties == {"nan": None, "inf": [None], "fine": 0.5}
    assert found["huge"].properties == {"n": None, "e": 2**70, "m": -(2**63)}
    assert found["types"].properties["tuple"] == [1, 2] and found["types"].properties["5"] == "number"
    assert found[long_id].visitor == found[long_id].name == long_id
    assert found["back\\0slash"].visitor == "\\\x00\\0" and found["back\\0slash"].name == "X\\"
    assert [e.id for e in await store.of_visitor("\\\x00\\0")] == ["back\\0slash"]


async def a_forgotten_visitor_leaves_tombstones(store: Store) -> None:
    """`forget` removes all of one visitor's events, or those between two seqs, but each "Visitor Erased", and
    nothing of anybody else; the seqs that went are not given again. (For a store that can forget.)"""
    if not hasattr(store, "forget"):
        return
    await store.open()
    erased = [Event(f"erased{n}", ERASED, 5.0 + n, "ann") for n in range(2)]
    alike = ["Ann", "ann ", "anna", "an"]
    await store.append([_event(visitor, visitor) for visitor in alike])
    await store.append([_event("a"), _event("b", "bob"), erased[0], _event("c"), erased[1], _event("d")])
    last = await store.last()
    assert await store.forget("ann") == 3
    assert await store.forget("ann") == 0
    assert await store.forget("nobody") == 0
    assert [e.id for e in await store.read()] == [*alike, "b", "erased0", "erased1"]
    assert [e.id for e in await store.of_visitor("ann")] == ["erased0", "erased1"]
    assert await store.forget("bob") == 1
    await store.append([_event("e", "bob")])
    left = [("erased0", False), ("erased1", False), ("e", True)]
    assert [(e.id, e.seq > last) for e in await store.read()][len(alike) :] == left
    await store.append([_event("f", "bob"), _event("g", "bob"), _event("h", "bob")])
    first, _, last_gone, _ = [e.seq for e in await store.of_visitor("bob")]
    assert await store.forget("bob", first, last_gone) == 2
    assert [e.id for e in await store.of_visitor("bob")] == ["e", "h"]


async def what_is_trimmed_is_gone_and_nothing_else(store: Store) -> None:
    """`trim` removes events of the named kinds that are older than told, between two seqs, and no others; reading goes
    on over what is gone. (For a store that can trim.)"""
    if not hasattr(store, "trim"):
        return
    await store.open()
    names = ("Page Viewed", "Order Completed", "Search")
    await store.append([Event(f"e{n}", names[n % 3], float(n), "ann") for n in range(60)])
    seqs = {e.id: e.seq for e in await store.read()}
    # The next of each kind is as old as the limit, or one beyond the last seq.
    gone = {f"e{n}" for n in range(6, 36) if n % 3 == 0 or (n % 3 == 2 and n < 8)}
    before = {"Page Viewed": 60.0, "Search": 8.0, "No Such": 99.0}
    assert await store.trim(seqs["e5"], seqs["e35"], before) == len(gone)
    left = [f"e{n}" for n in range(60) if f"e{n}" not in gone]
    assert [e.id for e in await store.read()] == left == [e.id for e in await store.of_visitor("ann")]
    assert [e.id for e in await store.read(seqs["e5"], 3)] == [id_ for id_ in left if seqs[id_] > seqs["e5"]][:3]
    assert await store.trim(0, await store.last(), dict.fromkeys(names, 1e12)) == len(left)
    assert await store.read() == []
    new, last = await store.append([_event("after")])
    assert new == 1 and last > seqs["e59"]


async def a_visitors_events_come_in_pieces(store: Store) -> None:
    """`of_visitor` pages through one visitor's events by `after` and `limit`, as `read` does through everybody's."""
    await store.open()
    await store.append([_event(f"e{n}", ("ann", "bob")[n % 3 == 0]) for n in range(30)])
    everything = await store.of_visitor("ann")
    seen: list[Event] = []
    while page := await store.of_visitor("ann", seen[-1].seq if seen else 0, 7):
        assert len(page) <= 7
        seen += page
    assert seen == everything and len(seen) == 20


async def lines_are_the_events_as_columns(store: Store) -> None:
    """`lines` has what `read` has, in its order, after a seq and up to a limit."""
    await store.open()
    shown = [{"slot": "hero", "experience": "x\\y", "held": False}]
    await store.append([_event("a", "ş\\0", path="/", shown=shown), _event("b", n=2.5), _event("c")])
    events = await store.read()
    lines = await store.lines()
    assert [(e.seq, e.id, e.name, e.time, e.visitor) for e in events] == [line[:5] for line in lines]
    assert [e.properties for e in events] == [json.loads(line[5]) for line in lines]
    assert await store.lines(lines[0][0], 1) == lines[1:2]


STORE_LAWS: tuple[Callable[[Store], Awaitable[None]], ...] = (
    an_empty_log_has_nothing,
    what_is_appended_is_read_back_in_order,
    an_id_is_stored_once,
    ids_are_known_to_the_letter_and_for_long,
    appending_tells_where_the_new_events_stand,
    reading_goes_on_after_a_seq,
    lines_are_the_events_as_columns,
    a_visitors_events_are_theirs_alone,
    a_visitors_events_come_in_pieces,
    appending_nothing_is_fine,
    calls_at_the_same_time_lose_nothing,
    a_closed_store_says_so,
    a_call_may_come_before_open,
    what_is_read_is_a_copy,
    a_strange_event_does_not_take_its_batch_along,
    a_forgotten_visitor_leaves_tombstones,
    what_is_trimmed_is_gone_and_nothing_else,
)
