"""How wanted each item is, newer events counting more; always in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Final

HALF_LIFE: Final = 14 * 86_400.0
_OF_A_PIECE: Final = 3_000  # items
_OF_A_BLOCK: Final = 500  # items
_FIRST: Final = itemgetter(0)
_LARGEST_EXPONENT: Final = 400.0  # a float holds 2**1023; scores are sums of many weights


class Popularity:
    """Exponentially decayed counts by forward decay (Cormode et al., "Forward decay", ICDE 2009).

    Instead of shrinking all scores as time passes, an event's weight grows with its own time: the order is the same,
    no clock is asked, and a score only ever rises, so that one item moves in the ranking per event.
    The ranking is in blocks: to move one item in a single list would move all that stand behind it.
    """

    __slots__ = ("_blocks", "_scores", "_zero")

    def __init__(self) -> None:
        self._scores: dict[str, float] = {}
        # (-score, item), best first, then by name; at most two _OF_A_BLOCK in each, none empty
        self._blocks: list[list[tuple[float, str]]] = []
        self._zero: float | None = None  # the time whose events weigh 1

    def __len__(self) -> int:
        return len(self._scores)

    def __iter__(self) -> Iterator[str]:
        """Items, best first."""
        return (item for block in self._blocks for _, item in block)

    def relative(self, item: str) -> float:
        """How wanted it is, as a share of the most wanted one (0 to 1); 0 for one that nobody has wanted."""
        score = self._scores.get(item)
        return 0.0 if score is None else score / (-self._blocks[0][0][0] or 1.0)

    def add(self, item: str, time: float, weight: float) -> None:
        """Take one event at `time` (seconds) about `item`."""
        if self._zero is None:
            self._zero = time
        exponent = (time - self._zero) / HALF_LIFE
        if exponent > _LARGEST_EXPONENT:
            self._shift(time)
            exponent = 0.0
        old = self._scores.get(item)
        if old is not None:
            self._remove((-old, item))
        # An event ages before time zero weighs nothing: 2**-1074 is the least a float can tell from it.
        new = (old or 0.0) + weight * 2.0 ** max(exponent, -1100.0)
        self._scores[item] = new
        self._insert((-new, item))

    def drop_last(self) -> str:
        """Forget the least wanted item and name it."""
        _, item = self._blocks[-1][-1]
        self._remove(self._blocks[-1][-1])
        del self._scores[item]
        return item

    def save(self) -> Iterator[dict[str, Any]]:
        """In pieces that JSON can say."""
        yield {"zero": self._zero}
        scores = iter(self._scores.items())
        while some := list(islice(scores, _OF_A_PIECE)):
            yield {"scores": some}

    def take(self, piece: Mapping[str, Any]) -> None:
        """Take one piece of what `save` gave, into a new ranking."""
        if "zero" in piece:
            self._zero = piece["zero"]
        for item, score in piece.get("scores", ()):
            self._scores[item] = score
        self._rank((-score, item) for item, score in piece.get("scores", ()))

    def _shift(self, time: float) -> None:
        """Make `time` weigh 1 and scale what is there, once in many years."""
        assert self._zero is not None
        factor = 2.0 ** max((self._zero - time) / HALF_LIFE, -1100.0)
        self._zero = time
        self._scores = {item: score * factor for item, score in self._scores.items()}
        self._blocks.clear()
        self._rank((-score, item) for item, score in self._scores.items())

    def _insert(self, entry: tuple[float, str]) -> None:
        if not self._blocks:
            self._blocks.append([entry])
            return
        place = max(0, bisect_right(self._blocks, entry, key=_FIRST) - 1)
        block = self._blocks[place]
        insort(block, entry)
        if len(block) > 2 * _OF_A_BLOCK:
            self._blocks.insert(place + 1, block[_OF_A_BLOCK:])
            del block[_OF_A_BLOCK:]

    def _remove(self, entry: tuple[float, str]) -> None:
        place = bisect_right(self._blocks, entry, key=_FIRST) - 1
        block = self._blocks[place]
        del block[bisect_left(block, entry)]
        if not block:
            del self._blocks[place]

    def _rank(self, entries: Iterable[tuple[float, str]]) -> None:
        """Put many in at once; what was sorted before costs little."""
        ranking = sorted(chain(*self._blocks, entries))
        self._blocks = [ranking[first : first + _OF_A_BLOCK] for first in range(0, len(ranking), _OF_A_BLOCK)]
