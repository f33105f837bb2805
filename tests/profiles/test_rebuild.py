"""One log, many folds: throwing a fold away and rebuilding it from the log comes to the same state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.events import EventLog
from personalize.model import Event, Product
from personalize.profiles import Profiles
from personalize.protocols import Fold, Store
from personalize.reports import ExposureReport
from personalize.stores import MemoryStore

PRODUCTS = {"soap": Product("soap", "Soap", price=4.0), "milk": Product("milk", "Milk", price=2.0)}
VISITORS = ("ann", "bob", "cem")


class Silent:
    def count(self, name: str, n: int = 1) -> None: ...

    def changed(self, part: str, state: str, detail: str = "") -> None: ...

    def failed(self, where: str, error: BaseException) -> None:
        raise error


class ByArrival:
    """Planted bug: a fold that asks when an event arrived, not when it happened."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}

    def apply(self, event: Event) -> None:
        self.last[event.visitor] = time.perf_counter()


async def _profiles(fold: Any) -> object:
    return [await fold.load(visitor) for visitor in VISITORS]


async def _rows(fold: Any) -> object:
    return fold.rows()


async def _last(fold: Any) -> object:
    return fold.last


FOLDS: dict[str, tuple[Callable[[Store], Fold], Callable[[Any], Any]]] = {
    "profiles": (lambda store: Profiles(store, PRODUCTS), _profiles),
    "exposures": (lambda store: ExposureReport(), _rows),
    "by arrival": (lambda store: ByArrival(), _last),
}

EVENTS = st.builds(
    Event,
    st.integers(0, 60).map(str),  # ids repeat now and then
    st.sampled_from(["Page Viewed", "Product Viewed", "Product Added", "Product Removed", "Order Completed",
                     "Order Refunded", "Order Cancelled", "User Identified", "Experience Viewed", "Segment Entered"]),
    st.floats(0, 20_000),
    st.sampled_from(VISITORS),
    st.fixed_dictionaries({}, optional={
        "product_id": st.sampled_from(["soap", "milk", "gone"]), "path": st.sampled_from(["/", "/p"]),
        "quantity": st.integers(1, 3), "traits": st.dictionaries(st.sampled_from("ab"), st.integers(0, 3)),
        "slot": st.just("hero"), "experience": st.sampled_from(["e1", "e2"]), "held": st.booleans(),
        "segment": st.sampled_from(["s1", "s2"]), "order_id": st.sampled_from(["o1", "o2"]),
    }),
)  # fmt: skip


async def live_equals_rebuilt(name: str, batches: list[list[Event]]) -> bool:
    """Run a fold live, batch by batch; then a new one over the finished log. Are their states equal?"""
    make, state = FOLDS[name]
    store = MemoryStore()
    live = make(store)
    log = EventLog(store, Silent(), folds=[live])
    await log.start()
    if isinstance(live, Profiles):
        for visitor in VISITORS[:2]:  # two are followed from the start, one is loaded at the end
            await live.load(visitor)
    for batch in batches:
        for event in batch:
            log.record(event)
        await log.flush()
    seen = await state(live)
    rebuilt = make(store)
    again = EventLog(store, Silent(), folds=[rebuilt])
    await again.start()
    same: bool = await state(rebuilt) == seen
    await again.close()
    await log.close()
    return same


@pytest.mark.parametrize("name", ["profiles", "exposures"])
@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(EVENTS, max_size=8), max_size=5))
def test_live_equals_rebuilt(name: str, batches: list[list[Event]]) -> None:
    """A fold that lived through the events and one that was rebuilt from the log are in the same state."""
    assert asyncio.run(live_equals_rebuilt(name, batches))


async def test_a_fold_that_depends_on_arrival_is_caught() -> None:
    """Planted bug: a fold that reads the clock does not survive a rebuild."""
    assert not await live_equals_rebuilt("by arrival", [[Event("1", "Page Viewed", 5.0, "ann")]])
