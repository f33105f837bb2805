"""What every store of the event log must do. A new store joins with one line in `opener`."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize.model import Event
from personalize.protocols import Store
from personalize.stores import MemoryStore, open_store
from personalize.testing import KEEPING_LAWS, STORE_LAWS

STORES = ("memory", "sqlite", "postgresql")


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    found: str = request.getfixturevalue("postgres") if kind == "postgresql" else kind
    return found


@pytest.mark.parametrize("law", STORE_LAWS, ids=lambda law: law.__name__)
async def test_a_store_keeps_the_law(law: Callable[[Store], Awaitable[None]], url: str, tmp_path: Path) -> None:
    """Every store does what personalize.testing asks of stores."""
    store = open_store(url, tmp_path)
    await law(store)
    await store.close()


@pytest.mark.parametrize("law", KEEPING_LAWS, ids=lambda law: law.__name__)
async def test_a_store_keeps_values_beside_the_log(
    law: Callable[[Any], Awaitable[None]], url: str, tmp_path: Path
) -> None:
    """Every store of ours does what personalize.testing asks of those that keep values."""
    store = open_store(url, tmp_path)
    await law(store)
    await store.close()


class Forgetful(MemoryStore):
    """Planted bug: an id is known only within its batch."""

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        self._ids.clear()
        return await super().append(events)


class Gapped(MemoryStore):
    """Planted bug: seqs are drawn before it is known what is new, as a sequence in a database would."""

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        known = sum(event.id in self._ids for event in events)
        stored = await super().append(events)
        for _ in range(known):
            self._last += 1
            self._rows.append(("", "", 0.0, "", "{}"))
        return stored


class Shared(MemoryStore):
    """Planted bug: visitors whose ids differ in case are one."""

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        everything = await self.read(after, 10_000)
        return [event for event in everything if event.visitor.lower() == visitor.lower()][:limit]


class Sorted(MemoryStore):
    """Planted bug: a visitor's events come in the order of their times, and not of the log."""

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        return sorted(await super().of_visitor(visitor, after, limit), key=lambda event: event.time)


class CaseBlind(MemoryStore):
    """Planted bug: ids that differ in case are one, as in a database's wrong collation."""

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        known = {row[0].lower() for row in self._rows if row is not None}
        return await super().append([event for event in events if event.id.lower() not in known])


class ShortMemory(MemoryStore):
    """Planted bug: only the newest 1,000 ids are known."""

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        stored = await super().append(events)
        self._ids &= {row[0] for row in list(self._rows)[-1000:] if row is not None}
        return stored


class SmallBatches(MemoryStore):
    """Planted bug: of a batch the first 1,000 are stored."""

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        return await super().append(events[:1000])


class Broad(MemoryStore):
    """Planted bug: to forget somebody takes others along, whose ids begin alike."""

    async def forget(self, visitor: str) -> int:
        theirs = {event.visitor for event in await self.read(0, 10_000) if event.visitor.startswith(visitor)}
        return sum([await super(Broad, self).forget(each) for each in theirs])


class Greedy(MemoryStore):
    """Planted bug: what is as old as the limit goes, too."""

    async def trim(self, after: int, upto: int, before: Mapping[str, float]) -> int:
        return await super().trim(after, upto, {name: time + 1e-6 for name, time in before.items()})


class OneMore(MemoryStore):
    """Planted bug: the event after the last one that may go, goes."""

    async def trim(self, after: int, upto: int, before: Mapping[str, float]) -> int:
        return await super().trim(after, upto + 1, before)


class Floating(MemoryStore):
    """Planted bug: whole numbers come back with a point."""

    async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
        events = await super().read(after, limit)
        for event in events:
            properties: Any = event.properties
            properties |= {k: float(v) for k, v in properties.items() if type(v) is int and v < 2**50}
        return events


class LastWins(MemoryStore):
    """Planted bug: a group may be written by who does not know where it stands."""

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        return await super().keep(group, (await self.kept(group))[0], upto, values, alone=alone)


class HalfDone(MemoryStore):
    """Planted bug: values are written though the group stands elsewhere."""

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        done = await super().keep(group, before, upto, values, alone=alone)
        if not done:
            stands, _ = await self.kept(group)
            await super().keep(group, stands, stands, values, alone=alone)
        return done


class Heap(MemoryStore):
    """Planted bug: all groups are one."""

    async def kept(self, group: str, keys: Sequence[str] | None = None) -> tuple[int, dict[str, bytes]]:
        everything = [value for _, values in self._kept.values() for value in values.items()]
        return (await super().kept(group))[0], {k: v for k, v in everything if keys is None or k in keys}


class Additive(MemoryStore):
    """Planted bug: what is not named stays, also where the new values should be alone."""

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        return await super().keep(group, before, upto, values)


BROKEN = [
    Forgetful, Gapped, Shared, Sorted, CaseBlind, ShortMemory, SmallBatches, Broad, Greedy, OneMore, Floating, LastWins,
    HalfDone, Heap, Additive,
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
async def test_the_laws_catch_a_broken_store(broken: type[MemoryStore]) -> None:
    """A store with a planted bug breaks at least one law."""
    caught = []
    for law in (*STORE_LAWS, *KEEPING_LAWS):
        try:
            await law(broken())
        except AssertionError:
            caught.append(law.__name__)
    assert caught


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


async def forget(store: Store, path: Path, url: str) -> Store:
    """An empty store of the same kind, in place of one that was used."""
    await store.close()
    if url.startswith("postgresql"):
        import asyncpg

        connection = await asyncpg.connect(url)
        await connection.execute("TRUNCATE personalize_events; UPDATE personalize_log SET newest = 0")
        await connection.close()
    for file in path.rglob("*.db*"):
        file.unlink()
    return open_store(url, path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(EVENTS, max_size=6), max_size=5))
def test_a_store_is_a_list_without_repeated_ids(url: str, tmp_path: Path, batches: list[list[Event]]) -> None:
    """Whatever is appended, the log equals a plain list that refuses ids it has."""

    async def run() -> None:
        made = open_store(url, tmp_path)
        await made.open()
        made = await forget(made, tmp_path, url)
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
