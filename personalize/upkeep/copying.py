"""One store's log into another store, in order. Doing it again takes only what is new, so a site goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from ..model import ERASED, EXPIRED, Event
from ..protocols import ForgettingStore, Store

_BATCH = 1000  # events in one transaction of the target


@dataclass(frozen=True, slots=True)
class Copied:
    """`known` were in the target already, and stay there as they are. `lines_left` is whether the source lost lines
    before, to retention or erasures: what they taught is nowhere in the copy."""

    new: int
    known: int
    lines_left: bool = False


async def copy_log(source: Store, target: Store, progress: Callable[[int], None] = lambda seq: None) -> Copied:
    """Everything up to the source's end, also what is written there meanwhile. Ids are stored once, so what an earlier
    run copied is passed over, but for visitors who were erased meanwhile: what it copied of them goes. Seqs are the
    target's own. `progress` hears of the source's seq that was reached. Raises StoreError; what was copied before
    stays."""
    after = new = total = 0
    left = False
    while events := await source.read(after, _BATCH):
        left = left or any(event.name in (ERASED, EXPIRED) for event in events)
        await _forget(target, [event for event in events if event.name == ERASED])
        stored, _ = await target.append(events)
        new += stored
        total += len(events)
        after = events[-1].seq
        progress(after)
    return Copied(new, total - new, left)


async def _forget(target: Store, tombstones: Sequence[Event]) -> None:
    """Before a tombstone comes that is new to the target, so that a copy that was cut off in between does it again."""
    for tombstone in tombstones:
        theirs = {event.id for event in await target.of_visitor(tombstone.visitor)}
        if theirs and tombstone.id not in theirs and hasattr(target, "forget"):
            await cast(ForgettingStore, target).forget(tombstone.visitor)
