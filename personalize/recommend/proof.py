"""Social proof: how often an item was really bought or viewed of late, shown only where it is enough."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from math import ceil
from typing import Any, Final, NamedTuple

from ..config.vocabulary import LONGEST_PROOF
from ..errors import BadFragment
from ..model import ERASED, Ask, Catalogue, Event, Fragment
from ..packed import Packed
from .picking import item_of
from .products import as_mapping
from .signals import ORDERED, VIEWED, items_of

METRICS: Final = {"bought": ORDERED, "viewed": VIEWED}

_DAY: Final = 86_400.0
_BUCKET: Final = 300.0  # seconds
_MOST_BUCKETS: Final = int(LONGEST_PROOF / _BUCKET)
_MOST_ITEMS: Final = 50_000  # of both metrics together; those longest without an event are forgotten first
_MOST_OF_ALL: Final = 2_000_000  # buckets: 32 MB
_OF_A_PIECE: Final = 8_000  # numbers of a saved piece
_ROOM: Final = 16 * 1024 * 1024  # bytes of what is remembered so that nobody counts twice in a day: 70,000 visitors
_MOST_OF_A_VISITOR: Final = 50  # items; beyond it the one counted longest ago may count again


class _Tally:
    """Counts in buckets of time, kept as running totals so that a window is one subtraction."""

    __slots__ = ("before", "starts", "totals")

    def __init__(self, before: int = 0, starts: Iterable[int] = (), totals: Iterable[int] = ()) -> None:
        self.before = before  # up to the first bucket
        self.starts = array("q", starts)  # bucket numbers, rising; 16 bytes a bucket with its total
        self.totals = array("q", totals)  # up to and including the bucket

    def add(self, bucket: int) -> None:
        if self.starts and bucket <= self.starts[-1] - _MOST_BUCKETS:
            return  # no window that ends after the newest bucket reaches back so far
        place = bisect_left(self.starts, bucket)
        if place == len(self.starts) or self.starts[place] != bucket:
            self.totals.insert(place, self._up_to(place))
            self.starts.insert(place, bucket)
        for later in range(place, len(self.totals)):  # the last one alone, unless an event comes late
            self.totals[later] += 1
        if len(self.starts) > _MOST_BUCKETS:
            old = _MOST_BUCKETS // 10
            self.before = self._up_to(old)
            del self.starts[:old], self.totals[:old]

    def between(self, first: int, last: int) -> int:
        """The count in the buckets `first` to `last`, both included."""
        return max(0, self._up_to(bisect_right(self.starts, last)) - self._up_to(bisect_left(self.starts, first)))

    def _up_to(self, place: int) -> int:
        return self.totals[place - 1] if place else self.before


class ProofCounts:
    """A fold: how often each item was bought and viewed over the last 30 days, one visitor counting at most once a
    day for an item, so that reloading a page makes nobody look popular. Bounded in items, buckets and visitors."""

    form = 2  # see protocols.SavedFold
    heeds = frozenset({*METRICS.values(), ERASED})  # see protocols.Fold

    def __init__(self) -> None:
        self._tallies: OrderedDict[tuple[str, str], _Tally] = OrderedDict()
        self._counted = Packed(_ROOM)  # visitor -> {event's name: {item: when it was counted}}
        self._buckets = 0  # of all tallies

    def apply(self, event: Event) -> None:
        """Count an order's or a view's items; other events are passed over."""
        if event.name == ERASED:  # how often an item was bought names nobody, and stays
            self._counted.discard(event.visitor)
        if event.name not in METRICS.values():
            return
        items = items_of(event)
        counted: dict[str, dict[str, float]] = self._counted.get(event.visitor) or {}
        times = counted.setdefault(event.name, {})
        new = [item for item in items if item not in times or abs(event.time - times[item]) >= _DAY]
        for item in new:
            times.pop(item, None)
            times[item] = event.time
            self._add(event.name, item, event.time)
        if new:
            for item in list(islice(times, max(0, len(times) - _MOST_OF_A_VISITOR))):
                del times[item]
            self._counted.put(event.visitor, counted)

    def _add(self, name: str, item: str, time: float) -> None:
        tally = self._tallies.pop((name, item), None) or _Tally()
        before = len(tally.starts)
        tally.add(int(time // _BUCKET))
        self._tallies[name, item] = tally
        self._buckets += len(tally.starts) - before
        while len(self._tallies) > _MOST_ITEMS or self._buckets > _MOST_OF_ALL:
            _, gone = self._tallies.popitem(last=False)
            self._buckets -= len(gone.starts)

    def save(self) -> Iterator[list[Any]]:
        """Pieces of both tables, the longest without an event first."""
        piece: list[Any] = []
        room = _OF_A_PIECE
        for (name, item), tally in self._tallies.items():
            piece.append([name, item, tally.before, tally.starts.tolist(), tally.totals.tolist()])
            room -= 1 + 2 * len(tally.starts)
            if room < 0:
                yield ["tallies", piece]
                piece, room = [], _OF_A_PIECE
        yield ["tallies", piece]
        counted = self._counted.items()
        while some := list(islice(counted, _OF_A_PIECE // 8)):
            yield ["counted", some]

    def load(self, pieces: Iterator[Any]) -> Iterator[None]:
        """See protocols.SavedFold."""
        new = ProofCounts()
        for name, rows in pieces:
            if name == "tallies":
                new._tallies.update(((metric, item), _Tally(*numbers)) for metric, item, *numbers in rows)
                new._buckets += sum(len(starts) for *_, starts, _ in rows)
            elif name == "counted":
                for visitor, times in rows:
                    new._counted.put(visitor, times)
            else:
                raise ValueError(name)
            yield
        self.__dict__.update(new.__dict__)

    def count(self, metric: str, item: str, window: float, now: float) -> int:
        """How often in the last `window` seconds, in whole five minutes that lie inside it: never too many. `metric` is
        "bought" or "viewed" (KeyError otherwise)."""
        tally = self._tallies.get((METRICS[metric], item))
        return 0 if tally is None else tally.between(ceil((now - window) / _BUCKET), int(now // _BUCKET))


class Proof(NamedTuple):
    """A key. The count (`times`) is part of it, so that a fragment says nothing but its key; 0 is "not enough"."""

    metric: str
    item: str
    times: int


class ProofSource:
    """Fits protocols.Source. Fragments are {"count": n, "metric": ..., "item": product mapping or {"id": ...}}; below
    the content's `min_count` (and at nothing at all) there is none, and the slot shows its fallback."""

    def __init__(self, counts: ProofCounts, products: Catalogue) -> None:
        self._counts = counts
        self._products = products

    def key(self, ask: Ask) -> Proof:
        """Picks the item from the content and the route's captures, and counts. Raises BadFragment for an unknown
        metric, no item, or a window over 30 days."""
        content = ask.choice.content
        metric = content.metric or "bought"
        if metric not in METRICS:
            raise BadFragment(f'no metric "{metric}": there are {", ".join(METRICS)}')
        item = item_of(content, ask.request.params)
        if not item:
            raise BadFragment('proof is about one item: name it, such as item: "{product}"')
        if content.window > LONGEST_PROOF:
            raise BadFragment(f"proof counts over at most {LONGEST_PROOF / _DAY:g} days")
        count = self._counts.count(metric, item, content.window, ask.now)
        return Proof(metric, item, count if count >= content.min_count else 0)

    def ready(self, key: Hashable) -> Fragment:
        """Raises BadFragment where the count does not reach the minimum."""
        assert isinstance(key, Proof)
        if key.times < 1:
            raise BadFragment(f"{key.item} was not {key.metric} often enough to show it")
        product = self._products.get(key.item)
        item = {"id": key.item} if product is None else as_mapping(product)
        return Fragment(values={"count": key.times, "metric": key.metric, "item": item})

    async def fetch(self, key: Hashable) -> Fragment:
        """The same as `ready`."""
        return self.ready(key)

    async def close(self) -> None:
        """Nothing is held open."""
