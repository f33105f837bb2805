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
        await _forget(source, target, [event for event in events if event.name == ERASED])
        stored, _ = await target.append(events)
        new += stored
        total += len(events)
        after = events[-1].seq
        progress(after)
    return Copied(new, total - new, left)


async def _forget(source: Store, target: Store, tombstones: Sequence[Event]) -> None:
    """Before a tombstone comes that is new to the target, so that a copy that was cut off in between does it again.
    What the source still has of that id stays: it is of somebody else who used the same browser."""
    for tombstone in tombstones:
        theirs = await target.of_visitor(tombstone.visitor)
        if not theirs or not hasattr(target, "forget") or any(event.id == tombstone.id for event in theirs):
            continue
        there = {event.id for event in await source.of_visitor(tombstone.visitor)}
        for event in theirs:
            if event.id not in there:
                await cast(ForgettingStore, target).forget(tombstone.visitor, event.seq - 1, event.seq)
