"""What folds learned is kept in the store: a start reads the end of the log, and comes to the same state."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.events.snapshots import GROUP
from personalize.history import History
from personalize.model import ERASED, Event, Product
from personalize.protocols import SavedFold
from personalize.recommend import Embedded, ProofCounts, pairs, proof
from personalize.stores import SqliteStore

PRODUCTS = {f"p{n}": Product(f"p{n}", f"P{n}", price=float(n)) for n in range(12)}


class Heard:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []

    def count(self, name: str, n: int = 1) -> None: ...

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.said.append((part, state, detail))

    def failed(self, where: str, error: BaseException) -> None:
        raise error


def event(n: int, visitor: str = "", name: str = "") -> Event:
    name = name or ("Product Viewed", "Product Viewed", "Product Added", "Order Completed")[n % 4]
    items = [f"p{n * n % 12}", f"p{n * 7 % 11}"]
    return Event(f"e{n}", name, 1e6 + 400.0 * (n * 31 % 97 + n), visitor or f"v{n % 7}", {"products": items}, n + 1)


def state(*folds: SavedFold) -> list[Any]:
    return [json.loads(json.dumps([*fold.save()])) for fold in folds]


FOLDS: dict[str, Callable[[], SavedFold]] = {"recommend": lambda: Embedded(PRODUCTS), "proof": ProofCounts}
EVENTS = st.lists(
    st.builds(
        Event,
        st.just("x"),
        st.sampled_from(["Product Viewed", "Product Added", "Order Completed", ERASED]),
        st.floats(0, 4e6),
        st.sampled_from(["ann", "bob", "cem"]),
        st.lists(st.sampled_from([*PRODUCTS, "ş\0"]), max_size=3).map(lambda items: {"products": items}),
    ),
    max_size=40,
)


class ForgetsItsVisits(Embedded):
    """Planted bug: what the visits under way have seen is not written down."""

    def save(self) -> Any:
        return (piece for piece in super().save() if piece[0] != "_visits")


def holds_its_state(make: Callable[[], SavedFold], events: Sequence[Event], at: int) -> bool:
    """Does a fold that was written down after `at` events, and taken up again, end as one that lived through all?"""
    lived, before = make(), make()
    for one in events:
        lived.apply(one)
    for one in events[:at]:
        before.apply(one)
    after = make()
    for _ in after.load(iter(json.loads(json.dumps([*before.save()])))):
        pass
    for one in events[at:]:
        after.apply(one)
    return state(after) == state(lived)


@pytest.mark.parametrize("name", FOLDS)
@settings(deadline=None)
@given(events=EVENTS, share=st.floats(0, 1))
def test_a_fold_that_was_taken_up_again_goes_on_as_if_nothing_had_been(
    name: str, events: list[Event], share: float
) -> None:
    """Wherever it is cut, written down and loaded, the rest of the events brings it to the same state."""
    assert holds_its_state(FOLDS[name], events, int(share * len(events)))


@pytest.mark.parametrize("name", FOLDS)
def test_also_where_tables_are_full(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neighbours are pruned, similarities settled, and the oldest forgotten, too."""
    small_pairs = {"_SMALL": 64, "_SETTLED_EVERY": 16, "_KEPT": 3, "_PRUNED_ABOVE": 6, "_OF_A_PIECE": 2}
    small_proof = {"_MOST_ITEMS": 9, "_MOST_OF_ALL": 80, "_ROOM": 4_000, "_OF_A_PIECE": 8}
    for module, limits in ((pairs, small_pairs), (proof, small_proof)):
        for limit, value in limits.items():
            monkeypatch.setattr(module, limit, value)
    events = [event(n) for n in range(400)]
    assert all(holds_its_state(FOLDS[name], events, at) for at in range(0, 400, 37))


def test_a_fold_that_forgets_a_part_is_caught() -> None:
    """Planted bug: without the visits under way, later pairs are missing."""
    events = [Event("x", "Product Viewed", 60.0 * n, "ann", {"product_id": f"p{n}"}) for n in range(12)]
    assert not holds_its_state(lambda: ForgetsItsVisits(PRODUCTS), events, 6)


# --- in the store --------------------------------------------------------------------------------------


@asynccontextmanager
async def at_work(folder: Path, heard: Heard | None = None) -> AsyncIterator[History]:
    history = History.at("sqlite", folder, PRODUCTS, heard or Heard())
    await history.start()
    try:
        yield history
    finally:
        await history.close()


async def record(history: History, first: int, last: int) -> None:
    for n in range(first, last):
        history.record(event(n))
    await history.log.flush()


def learned(history: History) -> list[Any]:
    return state(history.recommender, history.proof)


def read_after(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After which seqs the stores that are made from now on are read."""
    asked: list[int] = []

    class Counted(SqliteStore):
        async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
            asked.append(after)
            return await super().read(after, limit)

    monkeypatch.setattr("personalize.stores.SqliteStore", Counted)
    return asked


async def test_a_start_reads_only_what_came_after_the_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process takes up what is kept, and reads the events after it; its state is that of the one before."""
    async with at_work(tmp_path) as history:
        await record(history, 0, 1200)
    async with at_work(tmp_path) as history:
        await record(history, 1200, 1250)
        before = learned(history)
    asked = read_after(monkeypatch)
    async with at_work(tmp_path) as history:
        assert learned(history) == before
        assert history.log.seq == 1250
        assert min(asked) == 1200


async def test_a_start_after_a_kill_reads_no_refused_link_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A till that names "guest" for everybody is refused from some number on. That was looked at once: a process that
    was killed later, and not closed, leaves the next one nothing of it to read."""
    monkeypatch.setattr("personalize.profiles.identity._MOST_IDS", 20)
    killed = History.at("sqlite", tmp_path, PRODUCTS, Heard())
    await killed.start()
    for n in range(300):
        told = {"$via": "server", "$ids": {"user_id": "guest"}, "product_id": "p1"}
        killed.record(Event(f"e{n}", "Product Viewed", 1e6 + n, f"a:{n}", told))
    await killed.log.flush()
    assert len((await killed.profiles.people.of("u:guest")).ids) == 20
    assert await killed.snapshots.save()
    asked = read_after(monkeypatch)
    async with at_work(tmp_path) as history:
        assert (min(asked), history.log.seq) == (300, 300)
    await killed.close()


async def test_a_start_that_read_much_keeps_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each life ends before anybody looks at what is due, the start itself writes down what it had to read: so
    the next one has no more to read."""
    monkeypatch.setattr("personalize.events.snapshots.BEHIND", 100)
    monkeypatch.setattr("personalize.history.keeping._LOOK", 3600.0)
    store = SqliteStore(tmp_path / ".personalize" / "log.db")
    await store.append([event(n) for n in range(400)])
    async with at_work(tmp_path), asyncio.timeout(60):
        while (await store.kept(GROUP))[0] < 400:
            await asyncio.sleep(0.01)
    await store.close()


async def holds_over_a_busy_moment(folder: Path) -> bool:
    """Events arrive while a snapshot is written: does the next start come to the state that this process had?"""
    async with at_work(folder) as history:
        await record(history, 0, 200)
        saving = asyncio.ensure_future(history.snapshots.save())
        await asyncio.sleep(0)
        await record(history, 200, 260)
        await saving
        assert history.snapshots.seq == 260
        before = learned(history)
    async with at_work(folder) as history:
        return learned(history) == before


async def test_what_comes_while_it_is_written_is_counted_once(tmp_path: Path) -> None:
    """Events that arrive meanwhile are folded right after; the snapshot stands at the event before them."""
    assert await holds_over_a_busy_moment(tmp_path)


async def test_a_snapshot_that_stands_too_far_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: the seq is taken when it is stored, not when its making began, so that events are missed."""
    keep = SqliteStore.keep

    async def later(self: SqliteStore, group: str, before: int, upto: int, *told: Any, **more: Any) -> bool:
        if group == GROUP:
            while (upto := await self.last()) < 260:  # as on a day when storing takes long
                await asyncio.sleep(0.01)
        return await keep(self, group, before, upto, *told, **more)

    monkeypatch.setattr(SqliteStore, "keep", later)
    assert not await holds_over_a_busy_moment(tmp_path)


async def test_of_several_workers_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds that another worker's snapshot is as new leaves it; nobody puts an older one in its place."""
    monkeypatch.setattr("personalize.events.snapshots.BEHIND", 100)
    async with at_work(tmp_path) as one, at_work(tmp_path) as other:
        await record(one, 0, 200)
        assert await one.snapshots.save_if_due()
        stands = (await one.store.kept(GROUP))[0]  # type: ignore[attr-defined]
        assert stands == 200
        await record(one, 200, 210)
        assert await one.snapshots.save()
        # The other one has not followed the log yet, or has, and is not needed.
        assert not await other.snapshots.save()
        await other.log.flush()
        assert not await other.snapshots.save_if_due()
        assert (await one.store.kept(GROUP))[0] == 210  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["damaged", "piece missing", "other form", "ahead", "wrong type"])
async def test_one_that_cannot_be_read_costs_a_longer_start(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged snapshot, or one of another version, is said and passed over: the log is read from its beginning, and
    nothing counts twice."""
    async with at_work(tmp_path) as history:
        await record(history, 0, 250)
        assert await history.snapshots.save()
        before = learned(history)
        stands, kept = await history.store.kept(GROUP)  # type: ignore[attr-defined]
        name = next(name for name in kept if name == "proof/0")
        changed: dict[str, bytes | None] = {
            "damaged": {name: kept[name][:-9]},
            "piece missing": {name: None},
            "wrong type": {name: zlib.compress(b'["counted", [5]]')},
        }.get(how, {})  # type: ignore[assignment]
        upto = stands + 1000 if how == "ahead" else stands
        assert await history.store.keep(GROUP, stands, upto, changed)  # type: ignore[attr-defined]
    if how == "other form":
        monkeypatch.setattr(ProofCounts, "form", 99)
    heard = Heard()
    async with at_work(tmp_path, heard) as history:
        assert learned(history) == before
    assert [(part, state) for part, state, _ in heard.said] == [("snapshot", "unread")]


async def test_nobody_who_was_erased_stays_in_a_snapshot(tmp_path: Path) -> None:
    """After an erasure the next snapshot is due at once, and names that visitor no more; also after a crash between."""
    async with at_work(tmp_path) as history:
        await record(history, 0, 100)
        assert await history.snapshots.save()
        assert b'"v3"' in await everything(history)
        assert await history.erase(Event("gone", ERASED, 5e6, "v3"))
    async with at_work(tmp_path) as history:
        assert await history.snapshots.save_if_due() or b'"v3"' not in await everything(history)
        assert b'"v3"' not in await everything(history) and b'"v4"' in await everything(history)


async def everything(history: History) -> bytes:
    _, kept = await history.store.kept(GROUP)  # type: ignore[attr-defined]
    return b"".join(value if name == "head" else zlib.decompress(value) for name, value in kept.items())


def test_a_snapshot_that_was_cut_off_with_its_event_loop_keeps_no_event_waiting(tmp_path: Path) -> None:
    """Test clients end an event loop at any moment; what waited aside is folded with the next event."""
    history = History.at("sqlite", tmp_path, PRODUCTS, Heard())

    async def first() -> None:
        await history.start()
        await record(history, 0, 100)
        asyncio.ensure_future(history.snapshots.save())  # noqa: RUF006
        await asyncio.sleep(0)
        await record(history, 100, 120)

    async def second() -> list[Any]:
        await history.start()
        await record(history, 120, 130)
        found = learned(history)
        await history.close()
        return found

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, told: None)  # it would complain of the tasks that end with it
    loop.run_until_complete(first())
    loop.close()
    lived = [make() for make in FOLDS.values()]
    for n in range(130):
        for fold in lived:
            fold.apply(event(n))
    assert asyncio.run(second()) == state(*lived)
