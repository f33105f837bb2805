"""The folds, made anew from the log, with their outcome told; and put in the place of what the store keeps.

A fold is a function of the log. So two rebuilds have the same state, and so has a worker that lived through all the
events, and one that starts with what is kept; `state_of` is what is compared. Where lines left the log (erased, or
older than `retention`), what they taught recommendations and links stays kept, and a rebuild can't know of it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from hashlib import blake2b
from typing import Any, Literal, cast

from ..bandits import Bandits, BanditSpec, Ledger
from ..errors import StoreError
from ..events import Snapshots
from ..history.learning import links_of
from ..model import ERASED, EXPIRED, Product
from ..operators.pauses import Pauses
from ..operators.promotions import Promotions
from ..profiles import Identity, KnownPeople, Profiles, Returns
from ..profiles.people import GROUP, written
from ..protocols import Fold, KeepingStore, Observer, SavedFold, Store
from ..recommend import Embedded, ProofCounts

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
    kept: bool = False

    @property
    def lines_left(self) -> bool:
        """Is there less in the log than was ever written?"""
        return _lines_left(self.kinds)


@dataclass(slots=True)
class Folds:
    """All that is learned from a log, in memory; `upto` is the last event that it knows."""

    products: Mapping[str, Product]
    bandits: Mapping[str, BanditSpec]
    upto: int = 0
    pauses: Pauses = field(default_factory=Pauses)
    promotions: Promotions = field(default_factory=Promotions)
    identity: Identity = field(default_factory=Identity)
    learned: Mapping[str, SavedFold] = field(init=False)

    def __post_init__(self) -> None:
        bandits = Bandits(links_of)
        bandits.take({key: Ledger(spec, Returns()) for key, spec in self.bandits.items()})
        self.learned = {"recommend": Embedded(self.products), "proof": ProofCounts(), "bandits": bandits}

    async def states(self, store: Store, visitors: Iterable[str]) -> dict[str, str]:
        """By the name of the fold. Raises StoreError."""
        profiles = Profiles(store, self.products, people=KnownPeople(self.identity))
        folds: tuple[Fold, ...] = (self.pauses, self.promotions, profiles, *self.learned.values())
        states = {type(fold).__name__: await state_of(fold, visitors) for fold in folds}
        return states | {"Identity": _hashed(sorted(self.identity.rows().items()))}


async def rebuild(
    store: Store,
    products: Mapping[str, Product],
    observer: Observer,
    progress: Callable[[int], None] = lambda seq: None,
    *,
    slice_: int = 2000,
    keep: Literal["never", "if whole", "always"] = "never",
    bandits: Mapping[str, BanditSpec] = {},
) -> Rebuilt:
    """Fold the whole log, `slice_` events a read, into folds that are new; `bandits` are those of the config. They take
    the place of what the store keeps, if told so, and if no line left the log. Raises StoreError."""
    folds, kinds, visitors = Folds(products, bandits), Counter[str](), dict[str, None]()
    began = time.perf_counter()
    unreadable = await _read_on(store, folds, kinds, visitors, progress, slice_)
    seconds = time.perf_counter() - began
    kept = False
    if keep == "always" or (keep == "if whole" and not _lines_left(kinds)):
        while not (kept := await _keep(store, folds, observer)):  # workers know more by now
            unreadable += await _read_on(store, folds, kinds, visitors, progress, slice_)
    return Rebuilt(kinds.total(), seconds, kinds, unreadable, await folds.states(store, visitors), kept)


async def started(
    store: Store,
    products: Mapping[str, Product],
    observer: Observer,
    progress: Callable[[int], None] = lambda seq: None,
    *,
    bandits: Mapping[str, BanditSpec] = {},
) -> Rebuilt:
    """What a worker would know that starts now: what is kept, and the events after it. Raises StoreError."""
    folds, kinds, visitors = Folds(products, bandits), Counter[str](), dict[str, None]()
    snapshots = Snapshots(store, folds.learned, observer)
    began = time.perf_counter()
    learned_upto = await snapshots.restore()
    stands, kept = await cast(KeepingStore, store).kept(GROUP) if hasattr(store, "keep") else (0, {})
    folds.identity.put({key: json.loads(value) for key, value in kept.items()})
    unreadable = await _read_on(store, folds, kinds, visitors, progress, 2000, learned_upto, stands)
    seconds = time.perf_counter() - began
    return Rebuilt(kinds.total(), seconds, kinds, unreadable, await folds.states(store, visitors))
def _lines_left(kinds: Mapping[str, int]) -> bool:
    return bool(kinds.get(ERASED) or kinds.get(EXPIRED))


async def _read_on(
    store: Store,
    folds: Folds,
    kinds: Counter[str],
    visitors: dict[str, None],
    progress: Callable[[int], None],
    slice_: int,
    learned_upto: int = 0,
    linked_upto: int = 0,
) -> int:
    """Fold what the log has beyond `folds.upto`; the last two say what is known already. Returns how many lines hold no
    readable properties."""
    unreadable = 0
    while events := await store.read(folds.upto, slice_):
        for begin in range(0, len(events), _TURN):
            for event in events[begin : begin + _TURN]:
                folds.pauses.apply(event)
                folds.promotions.apply(event)
                if event.seq > linked_upto:
                    folds.identity.apply(event)
                for fold in folds.learned.values() if event.seq > learned_upto else ():
                    fold.apply(event)
                kinds[event.name] += 1
                unreadable += "unreadable" in event.properties
                if len(visitors) < _VISITORS:
                    visitors[event.visitor] = None
            await asyncio.sleep(0)
        folds.upto = events[-1].seq
        progress(folds.upto)
    return unreadable


async def _keep(store: Store, folds: Folds, observer: Observer) -> bool:
    """False where a worker wrote down more than these folds know."""
    if not hasattr(store, "keep"):
        raise StoreError("this store keeps nothing beside its log: every start reads the log")
    keeping = cast(KeepingStore, store)
    snapshots = Snapshots(store, folds.learned, observer)
    snapshots.seq = folds.upto
    stands, _ = await keeping.kept(GROUP, ())
    if stands > folds.upto or not await snapshots.save(again=True):
        return False
    return await keeping.keep(GROUP, stands, folds.upto, written(folds.identity.rows()), alone=True)


async def state_of(fold: Fold, visitors: Iterable[str] = ()) -> str:
    """A short text that differs where the state does. Of profiles it is those of `visitors`, for which of them are in
    memory depends on who asked. Raises StoreError."""
    if isinstance(fold, Profiles):
        return _hashed([await fold.load(visitor) for visitor in visitors])
    return _hashed([*fold.save()] if hasattr(fold, "save") else fold)


def _hashed(state: object) -> str:
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
