"""The log read once for who is in it, and for which of their ids are one person."""

from __future__ import annotations

from collections.abc import Callable

from ..model import OPERATOR
from ..profiles import Identity
from ..protocols import Store

_SLICE = 5000


async def everybody(
    store: Store, identity: Identity, progress: Callable[[int], None] = lambda seq: None
) -> dict[str, None]:
    """Every id that an event stands under, in the order of their first events; `identity` learns from the log on the
    way. Takes about 100 bytes an id. Raises StoreError."""
    ids: dict[str, None] = {}
    after = 0
    while events := await store.read(after, _SLICE):
        for event in events:
            ids[event.visitor] = None
            identity.apply(event)
        after = events[-1].seq
        progress(after)
    for nobody in ("", OPERATOR):
        ids.pop(nobody, None)
    return ids
