"""A person's events from the store, a page at a time: in the log's order, though they stand under several ids."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from ..model import ERASED, Event
from ..protocols import Store
from .identity import Member

PAGE: Final = 200  # events of one id that are read at a time, and folded before other tasks get their turn


async def timeline(
    store: Store, members: Sequence[Member], after: int = 0, upto: float = math.inf, *, tombstones: bool = False
) -> AsyncGenerator[list[Event], None]:
    """The events with after < seq <= upto, page by page; no page is empty. `tombstones`: also those of the same ids
    that stand in other parts of their timelines. Raises StoreError."""
    if not members:
        return
    ranges: dict[str, list[Member]] = {}
    for member in members:
        ranges.setdefault(member.id, []).append(member)
    begin = {id_: max(after, min(member.after for member in parts)) for id_, parts in ranges.items()}
    reached: dict[str, float] = dict(begin)
    waiting: dict[str, list[Event]] = {id_: [] for id_ in ranges}
    while True:
        empty = [id_ for id_, events in waiting.items() if not events and reached[id_] < upto]
        pages = await asyncio.gather(*(store.of_visitor(id_, int(reached[id_]), PAGE) for id_ in empty))
        for id_, events in zip(empty, pages, strict=True):
            parts = ranges[id_]
            held = (e for e in events if any(part.holds(e) for part in parts) or (tombstones and e.name == ERASED))
            waiting[id_] = [e for e in held if e.seq <= upto]
            reached[id_] = events[-1].seq if len(events) == PAGE else math.inf
        # Up to here every id's events are known.
        known = min(reached.values())
        ready = sorted((e for events in waiting.values() for e in events if e.seq <= known), key=lambda e: e.seq)
        waiting = {id_: [e for e in events if e.seq > known] for id_, events in waiting.items()}
        if ready:
            yield ready
        if known >= upto or known == math.inf:
            return
