"""The embedded engine: learns from the log event by event, in bounded memory, and answers from dictionaries."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest, nsmallest
from itertools import islice
from math import log
from typing import Any, Final

from ..config.vocabulary import STRATEGIES
from ..model import ERASED, Catalogue, Event
from ..packed import Packed
from .pairs import Pairs, lifts, pointed_to
from .popularity import Popularity
from .products import is_available
from .reasons import Links, Reason
from .signals import ADDED, ORDERED, VIEWED, items_of

_WEIGHTS: Final = {VIEWED: 1.0, ADDED: 3.0, ORDERED: 5.0}
_VISIT_GAP: Final = 1800.0  # seconds without an event that end a visit
_MOST_OF_A_VISIT: Final = 30  # items
_MOST_OF_A_BUYER: Final = 60  # items, those bought last
_MOST_OF_AN_ORDER: Final = 50  # items
_ROOM: Final = 8 * 1024 * 1024  # bytes of all visits under way: about 35,000
_ROOM_OF_BUYERS: Final = 16 * 1024 * 1024  # bytes: 25,000 who bought sixty items, 70,000 who bought five
_MOST_ITEMS: Final = 100_000
_SEEDS: Final = 8  # of the visitor's views, the newest
_FADE: Final = 0.85  # what one item further back counts
_SEEDS_OF_REASONS: Final = 20
_HINTS: Final = 30  # of the visitor's products that say what else one may like
_LEAST: Final = 1e-6  # in place of 0, for logarithms
_PULL: Final = 2.5  # what all lifts together count beside popularity
_LIKING: Final = 2.0  # what a category counts that all the visitor's items are of
_OF_REPEATS: Final = 0.25  # what it counts, of what one buys, how often others buy it again
_OF_POPULAR: Final = 0.1  # and how wanted it is
_NEW: Final = -4.0  # in a next basket something new stands where a purchase of long ago does
_OF_NEW: Final = 0.35  # and moves by so much of its own score
_SPARE: Final = 20  # items ranked beyond twice what is asked for: some are out of stock
_OF_A_PIECE: Final = 500  # visitors of a saved piece
_PARTS: Final = ("_popularity", "_viewed", "_together", "_bought")
_TABLES: Final = ("_visits", "_buyers")
_CATEGORY_DEPTH: Final = 600  # places of the ranking searched for a category's own


class Embedded:
    """Fits protocols.Recommender. `products` is read at each call, so a catalogue that changes in place is followed;
    learning does not depend on it, so that a rebuild from the log gives the same engine.

    Strategies: `popular`; `related` to `items` (seen in the same visits, bought by the same people);
    `bought_together` with `items` (in the same orders); `next_product` (related to the visitor's last `items`,
    counting the newest most); `recently_viewed` (`items` themselves, newest first) and `replenishment` (`items`
    themselves, as given: whoever asks knows what is due). Where data is thin, the first four fall back to
    other links, then to the last item's category, then to what is popular, then to the catalogue's own order.
    """

    form = 3  # see protocols.SavedFold
    heeds = frozenset({*_WEIGHTS, ERASED})  # see protocols.Fold

    def __init__(self, products: Catalogue) -> None:
        self._products = products
        self._popularity = Popularity()
        self._viewed = Pairs()  # in one visit
        self._together = Pairs()  # in one order
        self._bought = Pairs()  # by one buyer
        self._visits = Packed(_ROOM)  # visitor -> (time of the last view, items)
        self._buyers = Packed(_ROOM_OF_BUYERS)  # visitor -> items
        self.revision = 0  # moves with each event that was learned from

    # --- learning ------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Learn from a view, an addition to the cart or an order; other events are passed over."""
        weight = _WEIGHTS.get(event.name)
        if event.name == ERASED:  # what everybody's behaviour adds up to names nobody, and stays
            self._visits.discard(event.visitor)
            self._buyers.discard(event.visitor)
        items = items_of(event) if weight is not None else []
        if weight is None or not items:
            return
        self.revision += 1
        if event.name == ORDERED:
            self._learn_order(event.visitor, items)
        elif event.name == VIEWED:
            items = self._learn_views(event, items)
        for item in items:
            self._popularity.add(item, event.time, weight)
        while len(self._popularity) > _MOST_ITEMS:
            gone = self._popularity.drop_last()
            for pairs in (self._viewed, self._together, self._bought):
                pairs.forget(gone)

    def _learn_views(self, event: Event, items: list[str]) -> list[str]:
        """Returns the items that are new to the visit: a page loaded again is no second vote."""
        last, seen = self._visits.get(event.visitor) or (event.time, ())
        if abs(event.time - last) > _VISIT_GAP:  # also one of long ago that is imported now
            last, seen = event.time, ()
        new = [item for item in items if item not in seen]
        if new:
            seen = tuple(map(sys.intern, seen))
        for item in new:
            self._viewed.add(item, seen)
            seen = (*seen, item)[-_MOST_OF_A_VISIT:]
        self._visits.put(event.visitor, (max(last, event.time), seen))
        return new

    def _learn_order(self, visitor: str, items: list[str]) -> None:
        for place, item in enumerate(items):
            self._together.add(item, items[max(0, place - _MOST_OF_AN_ORDER) : place])
        owned = dict.fromkeys(map(sys.intern, self._buyers.get(visitor) or ()))
        for item in items:
            if item in owned:
                del owned[item]  # it becomes the newest, so that what is bought again and again stays
            else:
                self._bought.add(item, owned)
            owned[item] = None
            if len(owned) > _MOST_OF_A_BUYER:
                del owned[next(iter(owned))]
        self._buyers.put(visitor, tuple(owned))

    def save(self) -> Iterator[list[Any]]:
        """Pieces, each with the name of the part that it is of."""
        yield ["revision", self.revision]
        for name in _PARTS:
            for piece in getattr(self, name).save():
                yield [name, piece]
        for name in _TABLES:
            rows = iter(getattr(self, name).items())
            while some := list(islice(rows, _OF_A_PIECE)):
                yield [name, some]

    def load(self, pieces: Iterator[Any]) -> Iterator[None]:
        """See protocols.SavedFold."""
        new = Embedded(self._products)
        for name, piece in pieces:
            if name == "revision":
                new.revision = int(piece)
            elif name in _PARTS:
                getattr(new, name).take(piece)
            elif name == "_visits":
                for visitor, (last, seen) in piece:
                    new._visits.put(visitor, (last, tuple(seen)))
            elif name == "_buyers":
                for visitor, owned in piece:
                    new._buyers.put(visitor, tuple(owned))
            else:
                raise ValueError(name)
            yield
        self.__dict__.update(new.__dict__)

    # --- answering -----------------------------------------------------------------------------------

    def recommend(
        self,
        strategy: str,
        limit: int,
        *,
        items: Sequence[str] = (),
        weights: Sequence[float] = (),
        now: float = 0.0,
        exclude: frozenset[str] = frozenset(),
    ) -> list[str]:
        """At most `limit` ids, best first, never one that is excluded, unavailable or named twice; equal scores stand
        in the order of their names. Raises ValueError for a strategy not in STRATEGIES."""
        if strategy not in STRATEGIES:
            raise ValueError(f'no strategy "{strategy}"; there are {", ".join(sorted(STRATEGIES))}')
        taken: list[str] = []
        barred = set(exclude)
        if strategy == "recently_viewed":
            self._take(reversed(items), limit, taken, barred)
        elif strategy == "replenishment":
            self._take(items, limit, taken, barred)
        else:
            if strategy != "next_basket":
                barred.update(items)
            seeds = _weighted(items, weights, 1.0 if strategy == "bought_together" else _FADE)
            for candidates in self._ladder(strategy, seeds, limit, barred):
                self._take(candidates, limit, taken, barred)
                if len(taken) >= limit:
                    break
        return taken

    def reasons(
        self, strategy: str, found: Sequence[str], *, items: Sequence[str] = (), weights: Sequence[float] = ()
    ) -> list[Reason]:
        """Why `recommend` gave each of `found` for the same question."""
        if strategy == "recently_viewed":
            return [Reason("yours")] * len(found)
        own = strategy in ("next_basket", "replenishment")
        seeds = [] if strategy == "popular" else _weighted(items, weights, _FADE)[:_SEEDS_OF_REASONS]
        tables = [("bought_with", self._together), ("bought_too", self._bought), ("viewed_with", self._viewed)]
        if strategy in ("related", "next_product"):
            tables.reverse()
        sold = [(item, weight) for item, weight in seeds if self._products.get(item) is not None]  # people know a title
        links, liking = Links(sold, tables), self._liking(seeds)
        given = []
        for item in found:
            product = self._products.get(item)
            if own and item in items:
                given.append(Reason("repeat"))
            elif reason := links.to(item):
                given.append(reason)
            elif self._popularity.relative(item) <= 0.0:
                given.append(Reason("range"))
            elif product is not None and product.category in liking:
                given.append(Reason("category", product.category))
            else:
                given.append(Reason("popular"))
        return given

    def _take(self, candidates: Iterable[str], limit: int, taken: list[str], barred: set[str]) -> None:
        products = self._products
        for item in candidates:
            if len(taken) >= limit:
                return
            if item not in barred and is_available(products.get(item)):
                taken.append(item)
                barred.add(item)

    def _ladder(
        self, strategy: str, seeds: Sequence[tuple[str, float]], limit: int, barred: set[str]
    ) -> Iterator[Iterable[str]]:
        """From what fits the visitor best down to what everybody gets (each step is only worked out if needed)."""
        if seeds and strategy != "popular":
            if strategy == "next_basket":
                yield _best(self._again(seeds, limit, barred), limit)
            elif strategy == "next_product":
                yield _best(self._new(seeds, limit, barred), limit)
            elif strategy == "bought_together":
                yield pointed_to(seeds, (self._together,))
                yield pointed_to(seeds[:_SEEDS], (self._bought, self._viewed))
            else:
                yield pointed_to(seeds[:_SEEDS], (self._viewed, self._bought))
            product = self._products.get(seeds[0][0])
            if product is not None and product.category:
                yield self._of_category(product.category)
        yield self._popularity
        yield self._products

    def _new(self, seeds: Sequence[tuple[str, float]], limit: int, barred: set[str]) -> dict[str, float]:
        """Naive Bayes: how popular an item is, and how much likelier each of the seeds makes it."""
        lifted = lifts(seeds, (self._viewed, self._bought, self._together))
        liking = self._liking(seeds)
        relative = self._popularity.relative
        found: dict[str, float] = {}
        products = self._products.get
        for item, lift in lifted.items():
            if item not in barred and (wanted := relative(item)) > 0.0:
                found[item] = log(wanted) + _PULL * lift
        missing = limit  # of the most popular, whether something points to them or not
        for item in islice(self._popularity, _CATEGORY_DEPTH if liking else None):
            if item not in barred:
                if item not in found:
                    found[item] = log(relative(item) or _LEAST)
                missing -= 1
                if missing <= 0 and not liking:
                    break
        if liking:
            for item in found:
                product = products(item)
                if product is not None and product.category in liking:
                    found[item] += _LIKING * liking[product.category]
        return found

    def _again(self, seeds: Sequence[tuple[str, float]], limit: int, barred: set[str]) -> dict[str, float]:
        """What the visitor buys, by how often and how lately, by how often others buy it again, and by how popular it
        is; with it what is new to them, as likely as something that was bought long ago."""
        own = dict(seeds)
        found: dict[str, float] = {}
        new = self._new(seeds[:_HINTS], limit, barred | own.keys())
        least = min(nlargest(limit + _SPARE, new.values()), default=0.0)  # of equals all, which are then ranked by name
        for item, score in new.items():
            if score >= least:
                found[item] = _NEW + _OF_NEW * score
        for item, weight in seeds:
            orders, buyers = self._together.units(item), self._bought.units(item)
            repeats = (max(0, orders - buyers) + 0.5) / (buyers + 1.0)
            wanted = self._popularity.relative(item) or _LEAST
            found[item] = log(weight or _LEAST) + _OF_REPEATS * log(repeats) + _OF_POPULAR * log(wanted)
        return found

    def _liking(self, seeds: Sequence[tuple[str, float]]) -> dict[str, float]:
        """Category -> its share of the seeds' weights."""
        total = sum(weight for _, weight in seeds)
        shares: dict[str, float] = {}
        for item, weight in seeds:
            product = self._products.get(item)
            if product is not None and product.category:
                shares[product.category] = shares.get(product.category, 0.0) + weight / total
        return shares

    def _of_category(self, category: str) -> Iterator[str]:
        for item in islice(self._popularity, _CATEGORY_DEPTH):
            product = self._products.get(item)
            if product is not None and product.category == category:
                yield item


def _weighted(items: Sequence[str], weights: Sequence[float], fade: float) -> list[tuple[str, float]]:
    """(item, weight), the newest first, each item once: by its own weight, or else by how far back it is."""
    if weights:
        return list(zip(items, weights, strict=True))[::-1]
    newest = list(dict.fromkeys(reversed(items)))
    return [(item, fade**place) for place, item in enumerate(newest)]


def _best(scores: dict[str, float], limit: int) -> list[str]:
    """Items by their scores, equals by name: as many as may be needed where some can't be ordered."""
    ranked = nsmallest(_SPARE + 2 * limit, ((-score, item) for item, score in scores.items()))
    return [item for _, item in ranked]
