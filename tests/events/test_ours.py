"""What a process stored itself is folded without being read back, and still in the log's order."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.events.ours import Ours
from personalize.model import Event
from personalize.stores import MemoryStore, SqliteStore

from .test_log import Heard, Kept, event, running

# What happens to a log: this process records so many events, of which the first may be known already or be one that a
# store gives back otherwise; another process stores so many; somebody looks; time passes.
STEPS = st.lists(
    st.tuples(st.sampled_from(("ours", "known", "strange", "theirs", "flush", "wait")), st.integers(1, 5)), max_size=12
)


async def holds(steps: Sequence[tuple[str, int]], most: int = 20_000) -> bool:
    """The law: folds get what the log has, each event once, in the log's order, as the log gives it back."""
    store, kept = MemoryStore(), Kept()
    number = 0
    async with running(store, kept, interval=0.0, capacity=most) as log:
        for what, count in steps:
            if what == "theirs":
                await store.append([event(number + n, by="another") for n in range(count)])
                number += count
            elif what == "wait":
                for _ in range(count):
                    await asyncio.sleep(0)
            elif what == "flush":
                await log.flush()
            else:
                if what == "known" and number:
                    log.record(event(number - 1))
                if what == "strange":
                    log.record(Event(f"strange{number}", "Page Viewed", math.inf, "v", {"at": (1, 2)}))
                for n in range(count):
                    log.record(event(number + n))
                number += count
        await log.flush()
        return bool(kept.events == await store.read(0, 10_000))


@given(STEPS, st.sampled_from((3, 20_000)))
async def test_folds_get_the_log_whoever_wrote_it(steps: list[tuple[str, int]], most: int) -> None:
    """Whatever this process and another one write, in whatever order, and however little is remembered of it."""
    assert await holds(steps, most)


class OverGaps(Ours):
    """Planted: what others wrote before is passed over."""

    def after(self, seq: int, limit: int) -> list[Event]:
        return super().after(max(seq, self._batches[0][0]) if self._batches else seq, limit)


class Twice(Ours):
    """Planted: a batch that was read from the log meanwhile is given out all the same."""

    def after(self, seq: int, limit: int) -> list[Event]:
        if not self._batches:
            return []
        before, batch = self._batches[0]
        self.drop(1)
        return [Event(e.id, e.name, e.time, e.visitor, e.properties, n) for n, e in enumerate(batch, before + 1)]


class TakesAll(Ours):
    """Planted: what the store had already, or gives back otherwise, is held as new."""

    def put(self, batch: Sequence[Event], new: int, last: int) -> bool:
        self._batches.append((last - new, batch))
        return True


@pytest.mark.parametrize(
    ("wrong", "steps"),
    [
        (OverGaps, [("theirs", 2), ("ours", 2), ("flush", 1)]),
        (Twice, [("theirs", 2), ("ours", 2), ("flush", 1)]),
        (TakesAll, [("ours", 2), ("flush", 1), ("known", 3), ("flush", 1)]),
        (TakesAll, [("strange", 2), ("flush", 1)]),
    ],
)
async def test_the_law_finds_planted_mistakes(
    wrong: type[Ours], steps: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with each of them."""
    monkeypatch.setattr("personalize.events.log.Ours", wrong)
    assert not await holds(steps)


class Slow(SqliteStore):
    """A store whose tail is read for as long as `busy` says, and which tells how many events were read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.free = asyncio.Event()
        self.began = asyncio.Event()
        self.given = 0

    async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
        found = await super().read(after, limit)
        self.began.set()
        await self.free.wait()
        self.given += len(found)
        return found


async def test_what_is_stored_while_the_tail_is_busy_is_not_read_back(tmp_path: Path) -> None:
    """A busy site writes during nearly every look for what others wrote; reading it all again would cost more than to
    take it."""
    store, kept, heard = Slow(tmp_path / "log.db"), Kept(), Heard()
    store.free.set()
    async with running(store, kept, heard=heard) as log:
        for turn in range(3):
            store.free.clear()
            store.began.clear()
            await store.began.wait()  # the tail looks, and finds nothing
            for n in range(40):
                log.record(event(100 * turn + n))
                assert await log.written()
            store.free.set()
            await kept.until(40 * (turn + 1))
    assert kept.ids == [f"e{100 * turn + n}" for turn in range(3) for n in range(40)]
    assert store.given == 0 and heard.errors == []
