"""Which items go together: counts of pairs, and how strongly a few items point to others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import sqrt
from operator import itemgetter
from sys import intern
from typing import Any, Final

_KEPT: Final = 42  # neighbours an item keeps at a pruning: what a Python dict holds in 2 KB
_PRUNED_ABOVE: Final = 84  # so that a newcomer has time to prove itself
_SHRINK: Final = 10.0  # pairs seen once or twice say little
_SMALL: Final = 4096  # additions up to which every similarity is of this moment
_SETTLED_EVERY: Final = 1024  # additions; _SMALL is a multiple
_MOST_REMEMBERED: Final = 2048  # items whose similar ones are kept at hand
_OF_A_PIECE: Final = 50  # items with their neighbours
_BREADTH: Final = 120  # similar items looked at for one answer, over all seeds

Similar = tuple[tuple[float, str], ...]  # (-similarity, item), the most similar first


class Pairs:
    """Item-to-item cosine with shrinkage over "units" (visits, orders, buyers), learned pair by pair.

    similarity(i, j) = n_ij / (sqrt(n_i n_j) + shrink), after Linden et al. (Amazon, 2003) and Bell & Koren (2007).

    Similarities are worked out when first asked for and kept. Rule 1: a pair's count is always of this moment.
    Rule 2: the other item's n_j is of this moment while little is known; later it is that of the last settling, every
    1,024 additions. So an answer depends on what was added alone, and never on when something was asked.
    """

    __slots__ = ("_added", "_near", "_roots", "_settled", "_similar", "_units")

    def __init__(self) -> None:
        self._near: dict[str, dict[str, int]] = {}
        self._units: dict[str, int] = {}
        self._roots: dict[str, float] = {}  # of the units
        self._settled = self._roots  # a copy from the first settling on
        self._similar: dict[str, Similar] = {}
        self._added = 0

    def add(self, item: str, others: Iterable[str]) -> None:
        """One more unit holds `item`, where `others` are in it already."""
        units = self._units[item] = self._units.get(item, 0) + 1
        self._roots[item] = sqrt(units)
        mine = self._near.setdefault(item, {})
        for other in others:
            theirs = self._near.get(other)
            if theirs is None:  # forgotten meanwhile
                continue
            mine[other] = mine.get(other, 0) + 1
            theirs[item] = theirs.get(item, 0) + 1
            if len(theirs) > _PRUNED_ABOVE:
                self._near[other] = _best(theirs)
            if self._similar:
                self._similar.pop(other, None)
        if len(mine) > _PRUNED_ABOVE:
            self._near[item] = _best(mine)
        self._similar.pop(item, None)
        self._added += 1
        if self._added < _SMALL:
            self._similar.clear()
        elif self._added % _SETTLED_EVERY == 0:
            self._settled = dict(self._roots)
            self._similar.clear()

    def forget(self, item: str) -> None:
        """Drop an item. Where others still name it, it counts as one seen once, until it is pruned there."""
        self._near.pop(item, None)
        self._units.pop(item, None)
        self._roots.pop(item, None)
        self._similar.pop(item, None)

    def similar(self, item: str) -> Similar:
        """At most 84 items with their similarity, the most similar first, equals by name."""
        found = self._similar.get(item)
        if found is None:
            near = self._near.get(item)
            if not near:
                return ()
            root, roots = self._roots.get(item, 1.0), self._settled
            ranked = [(-count / (root * roots.get(other, 1.0) + _SHRINK), other) for other, count in near.items()]
            ranked.sort()
            found = tuple(ranked)
            if len(self._similar) >= _MOST_REMEMBERED:
                self._similar.clear()
            self._similar[item] = found
        return found


    # --- written down ----------------------------------------------------------------------------------

    def save(self) -> Iterator[dict[str, Any]]:
        """In pieces that JSON can say; of roots the numbers that they are of."""
        yield {"added": self._added, "settled": self._settled is not self._roots}
        settled = iter(self._settled.items() if self._settled is not self._roots else ())
        while some := list(islice(settled, 20 * _OF_A_PIECE)):
            yield {"roots": [[item, round(root * root)] for item, root in some]}
        items = iter(self._near.items())
        while near := list(islice(items, _OF_A_PIECE)):
            yield {"items": [[item, self._units[item], others] for item, others in near]}

    def take(self, piece: Mapping[str, Any]) -> None:
        """Take one piece of what `save` gave, into new pairs."""
        if "added" in piece:
            self._added = piece["added"]
            if piece["settled"]:
                self._settled = {}
        for item, number in piece.get("roots", ()):
            self._settled[item] = sqrt(number)
        for item, number, near in piece.get("items", ()):
            self._near[intern(item)] = {intern(other): count for other, count in near.items()}
            self._units[item] = number
            self._roots[item] = sqrt(number)


def pointed_to(seeds: Sequence[tuple[str, float]], by: Sequence[Pairs]) -> list[str]:
    """The items that `seeds` (item, weight) point to, most strongly first, by all tables together; equals by name.

    Of each seed and table only the nearest are looked at, some 120 in all, so that an answer takes the same time
    however much was learned.
    """
    told = [(weight, similar) for pairs in by for seed, weight in seeds if (similar := pairs.similar(seed))]
    breadth = max(1, _BREADTH // max(1, len(told)))
    scores: dict[str, float] = {}
    get = scores.get
    for weight, similar in told:
        for similarity, item in similar[:breadth]:
            scores[item] = get(item, 0.0) + weight * similarity
    return [item for _, item in sorted(zip(scores.values(), scores, strict=True))]


def _best(near: dict[str, int]) -> dict[str, int]:
    """The neighbours counted most; of equals the latest comers, and the best stand last as if they had come last."""
    ranked = list(near.items())[::-1]
    ranked.sort(key=itemgetter(1), reverse=True)  # keeps the order of equals
    return dict(reversed(ranked[:_KEPT]))
