"""The folds, made anew from the log: what every start of a worker does, with its outcome told.

A fold is a function of the log alone. So two rebuilds have the same state, and so has a worker that lived through all
the events; `state_of` is what is compared.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from hashlib import blake2b
from typing import Any

from ..bandits import BanditSpec
from ..history import History
from ..model import Product
from ..profiles import Profiles
from ..protocols import Fold, Observer, Store

_VISITORS = 1000  # whose profiles are part of the state: the first of the log
_TURN = 200  # events folded before other tasks get their turn


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`kinds` is event name -> how many; `states` fold -> a short text that is the same for the same state."""

    events: int
    seconds: float
    kinds: Mapping[str, int]
    unreadable: int  # lines whose properties are no JSON any more
    states: Mapping[str, str]


async def rebuild(
    store: Store,
    products: Mapping[str, Product],
    observer: Observer,
    progress: Callable[[int], None] = lambda seq: None,
    *,
    slice_: int = 2000,
    bandits: Mapping[str, BanditSpec] = {},
) -> Rebuilt:
    """Fold the whole log, `slice_` events a read, into folds that are new; `bandits` are those of the config. Raises
    StoreError."""
    history = History(store, products, observer)
    history.learning.follow(bandits)
    kinds: Counter[str] = Counter()
    visitors: dict[str, None] = {}
    after = unreadable = 0
    began = time.perf_counter()
    while events := await store.read(after, slice_):
        for begin in range(0, len(events), _TURN):
            for event in events[begin : begin + _TURN]:
                for fold in history.folds:
                    fold.apply(event)
                kinds[event.name] += 1
                unreadable += "unreadable" in event.properties
                if len(visitors) < _VISITORS:
                    visitors[event.visitor] = None
            await asyncio.sleep(0)
        after = events[-1].seq
        progress(after)
    seconds = time.perf_counter() - began
    states = {type(fold).__name__: await state_of(fold, visitors) for fold in history.folds}
    return Rebuilt(kinds.total(), seconds, kinds, unreadable, states)


async def state_of(fold: Fold, visitors: Iterable[str] = ()) -> str:
    """A short text that differs where the state does. Of profiles it is those of `visitors`, for which of them are in
    memory depends on who asked. Raises StoreError."""
    state: object = [*fold.save()] if hasattr(fold, "save") else fold
    if isinstance(fold, Profiles):
        state = [fold.identity, [await fold.load(visitor) for visitor in visitors]]
    hashed = blake2b(digest_size=8)
    for part in _parts(state):
        hashed.update(part.encode("utf-8", "surrogatepass") + b"\n")
    return hashed.hexdigest()


def _parts(value: Any) -> Iterator[str]:
    """Everything an object is made of, as texts in a fixed order."""
    if value is None or isinstance(value, str | int | float | bool):
        yield repr(value)
    elif isinstance(value, Mapping):
        yield f"{{{len(value)}"
        for key, inner in value.items():
            yield from _parts(key)
            yield from _parts(inner)
    elif isinstance(value, set | frozenset):
        yield f"<{len(value)}"
        yield from sorted("\n".join(_parts(inner)) for inner in value)
    elif isinstance(value, list | tuple | deque | bytes | bytearray):
        yield f"[{len(value)}"
        for inner in value:
            yield from _parts(inner)
    else:
        yield type(value).__qualname__
        for name in _attributes(value):
            yield name
            yield from _parts(getattr(value, name))


def _attributes(value: object) -> list[str]:
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return sorted({*slots, *getattr(value, "__dict__", ())} - {"__dict__", "__weakref__"})
