"""One store's log into another store, in order. Doing it again takes only what is new, so a site goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..protocols import Store

_BATCH = 1000  # events in one transaction of the target


@dataclass(frozen=True, slots=True)
class Copied:
    """`known` were in the target already, and stay there as they are."""

    new: int
    known: int


async def copy_log(source: Store, target: Store, progress: Callable[[int], None] = lambda seq: None) -> Copied:
    """Everything up to the source's end, also what is written there meanwhile. Ids are stored once, so what an earlier
    run copied is passed over. Seqs are the target's own. `progress` hears of the source's seq that was reached.
    Raises StoreError; what was copied before stays."""
    after = new = total = 0
    while events := await source.read(after, _BATCH):
        stored, _ = await target.append(events)
        new += stored
        total += len(events)
        after = events[-1].seq
        progress(after)
    return Copied(new, total - new)
