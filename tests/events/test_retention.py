"""Old events of the named kinds leave the log, and no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from personalize.errors import StoreError
from personalize.events import Retention
from personalize.model import Event
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
    assert await Retention(store, heard, keep, rest=0).sweep(NOW) == len(gone) == heard.counted["events.expired"]
    assert [e.id for e in await store.read(0, 10_000)] == [e.id for e in events if e.id not in gone]
    assert await Retention(store, heard, keep, rest=0).sweep(NOW) == 0
    await store.close()


async def test_nothing_goes_unless_told(tmp_path: Path) -> None:
    """Without `retention` the log is not even looked at."""
    store = open_store("sqlite", tmp_path)
    assert await Retention(store, Heard(), {}).sweep(NOW) == 0
    assert list(tmp_path.iterdir()) == []


async def test_a_store_that_cannot_trim_is_told() -> None:
    """A plugin's store without `trim` is said, never taken for one that trimmed."""
    with pytest.raises(StoreError, match="no effect"):
        keep: Mapping[str, float] = {"Page Viewed": DAY}
        await Retention(object(), Heard(), keep).sweep(NOW)  # type: ignore[arg-type]
