"""Which items go together: counts of pairs, and how strongly a few items point to others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import log, sqrt
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
_BREADTH: Final = 1000  # similar items looked at for one answer, over all seeds
_AT_LEAST: Final = 20  # of them for each seed
_PRIOR: Final = 10.0  # pairs that are believed as expected, beside those that were seen
_KNOWN: Final = 1000.0  # units at which half of the prior counts: of little data, one pair must say something

_NOTHING: Final[Mapping[str, int]] = {}
Similar = tuple[tuple[float, str], ...]  # (-similarity, item), the most similar first


class Pairs:
    """How items go together in "units" (visits, orders, buyers), learned pair by pair, in two measures:

    similarity(i, j) = n_ij / (sqrt(n_i n_j) + shrink), the cosine of Linden et al. (Amazon, 2003) with the shrinkage
    of Bell & Koren (2007): what belongs to i.
    lift(i, j) = log((n_ij + k) / (e_ij + k)), e_ij = c n_i n_j being the number of pairs to be expected if items had
    nothing to do with each other (pointwise mutual information, smoothed by k): how much likelier i makes j. Added to
    the logarithm of how popular j is, it is naive Bayes. Only lifts above 0 are kept.

    Both are worked out when first asked for and kept. Rule 1: a pair's count is always of this moment.
    Rule 2: the other item's n_j and c are of this moment while little is known; later those of the last settling, every
    1,024 additions. So an answer depends on what was added alone, and never on when something was asked.
    """

    __slots__ = ("_added", "_expected", "_lifted", "_near", "_pairs", "_roots", "_settled", "_similar", "_units")

    def __init__(self) -> None:
        self._near: dict[str, dict[str, int]] = {}
        self._units: dict[str, int] = {}
        self._roots: dict[str, float] = {}  # of the units
        self._settled = self._roots  # a copy from the first settling on
        self._similar: dict[str, Similar] = {}
        self._lifted: dict[str, Similar] = {}
        self._added = 0
        self._pairs = 0  # all that were seen, also those that were pruned
        self._expected = (0, 0)  # additions and pairs as of the last settling

    def add(self, item: str, others: Iterable[str]) -> None:
        """One more unit holds `item`, where `others` are in it already."""
        units = self._units[item] = self._units.get(item, 0) + 1
        self._roots[item] = sqrt(units)
        near, seen = self._near, 0
        mine = near.setdefault(item, {})
        stale = self._similar or self._lifted
        for other in others:
            theirs = near.get(other)
            if theirs is None:  # forgotten meanwhile
                continue
            mine[other] = mine.get(other, 0) + 1
            theirs[item] = theirs.get(item, 0) + 1
            if len(theirs) > _PRUNED_ABOVE:
                near[other] = _best(theirs)
            seen += 1
            if stale:
                self._similar.pop(other, None)
                self._lifted.pop(other, None)
        self._pairs += seen
        if len(mine) > _PRUNED_ABOVE:
            self._near[item] = _best(mine)
        self._added += 1
        if self._added < _SMALL or self._added % _SETTLED_EVERY == 0:
            self._similar.clear()
            self._lifted.clear()
            self._expected = (self._added, self._pairs)
            if self._added >= _SMALL:
                self._settled = dict(self._roots)
        else:
            self._similar.pop(item, None)
            self._lifted.pop(item, None)

    def forget(self, item: str) -> None:
        """Drop an item. Where others still name it, it counts as one seen once, until it is pruned there."""
        self._near.pop(item, None)
        self._units.pop(item, None)
        self._roots.pop(item, None)
        self._similar.pop(item, None)
        self._lifted.pop(item, None)

    def units(self, item: str) -> int:
        """How many units have held it."""
        return self._units.get(item, 0)

    def near(self, item: str) -> Mapping[str, int]:
        """The other items that are known of it, and how many units held both; not to be written to."""
        return self._near.get(item, _NOTHING)

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

    def lifted(self, item: str) -> Similar:
        """At most 84 items that `item` makes likelier, with their lift (above 0), in no particular order."""
        found = self._lifted.get(item)
        if found is None:
            near = self._near.get(item)
            if not near:
                return ()
            added, pairs = self._expected
            # All pairs of units that could be, were each item in its units by chance alone: half the square of all.
            expected = 2.0 * pairs / (added * added) * self._units.get(item, 1)
            prior, roots = _PRIOR * added / (added + _KNOWN), self._settled
            told = []
            for other, count in near.items():
                root = roots.get(other, 1.0)
                ratio = (count + prior) / (expected * root * root + prior)
                if ratio > 1.0:
                    told.append((log(ratio), other))
            found = tuple(told)
            if len(self._lifted) >= _MOST_REMEMBERED:
                self._lifted.clear()
            self._lifted[item] = found
        return found

    # --- written down ----------------------------------------------------------------------------------

    def save(self) -> Iterator[dict[str, Any]]:
        """In pieces that JSON can say; of roots the numbers that they are of."""
        settled = self._settled is not self._roots
        yield {"added": self._added, "pairs": self._pairs, "expected": self._expected, "settled": settled}
        roots = iter(self._settled.items() if settled else ())
        while some := list(islice(roots, 20 * _OF_A_PIECE)):
            yield {"roots": [[item, round(root * root)] for item, root in some]}
        items = iter(self._near.items())
        while near := list(islice(items, _OF_A_PIECE)):
            yield {"items": [[item, self._units[item], others] for item, others in near]}

    def take(self, piece: Mapping[str, Any]) -> None:
        """Take one piece of what `save` gave, into new pairs."""
        if "added" in piece:
            self._added, self._pairs = piece["added"], piece["pairs"]
            self._expected = (piece["expected"][0], piece["expected"][1])
            if piece["settled"]:
                self._settled = {}
        for item, number in piece.get("roots", ()):
            self._settled[item] = sqrt(number)
        for item, number, near in piece.get("items", ()):
            self._near[intern(item)] = {intern(other): count for other, count in near.items()}
            self._units[item] = number
            self._roots[item] = sqrt(number)


def lifts(seeds: Sequence[tuple[str, float]], by: Sequence[Pairs]) -> dict[str, float]:
    """Item -> the lifts that `seeds` (item, weight) give it, added up, in standard deviations of as many weights."""
    scores: dict[str, float] = {}
    get = scores.get
    scale = 1.0 / sqrt(sum(weight * weight for _, weight in seeds) or 1.0)
    for seed, weight in seeds:
        weight *= scale
        for pairs in by:
            for lift, item in pairs.lifted(seed):
                scores[item] = get(item, 0.0) + weight * lift
    return scores


def pointed_to(seeds: Sequence[tuple[str, float]], by: Sequence[Pairs]) -> list[str]:
    """The items that `seeds` (item, weight) point to, most strongly first, by all tables together; equals by name.

    Of each seed and table only the nearest are looked at, so that an answer takes the same time however much was
    learned.
    """
    told = [(weight, similar) for pairs in by for seed, weight in seeds if (similar := pairs.similar(seed))]
    breadth = max(_AT_LEAST, _BREADTH // max(1, len(told)))
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
