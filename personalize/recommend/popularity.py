"""How wanted each item is, newer events counting more; always in order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

HALF_LIFE: Final = 14 * 86_400.0
_OF_A_PIECE: Final = 3_000  # items
_LARGEST_EXPONENT: Final = 400.0  # a float holds 2**1023; scores are sums of many weights


class Popularity:
    """Exponentially decayed counts by forward decay (Cormode et al., "Forward decay", ICDE 2009).

    Instead of shrinking all scores as time passes, an event's weight grows with its own time: the order is the same,
    no clock is asked, and a score only ever rises, so that one item moves in the ranking per event.
    """

    __slots__ = ("_ranking", "_scores", "_zero")

    def __init__(self) -> None:
        self._scores: dict[str, float] = {}
        self._ranking: list[tuple[float, str]] = []  # (-score, item), sorted: best first, then by name
        self._zero: float | None = None  # the time whose events weigh 1

    def __len__(self) -> int:
        return len(self._scores)

    def __iter__(self) -> Iterator[str]:
        """Items, best first."""
        return (item for _, item in self._ranking)

    def relative(self, item: str) -> float:
        """How wanted it is, as a share of the most wanted one (0 to 1); 0 for one that nobody has wanted."""
        score = self._scores.get(item)
        return 0.0 if score is None else score / (-self._ranking[0][0] or 1.0)

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
            del self._ranking[bisect_left(self._ranking, (-old, item))]
        # An event ages before time zero weighs nothing: 2**-1074 is the least a float can tell from it.
        new = (old or 0.0) + weight * 2.0 ** max(exponent, -1100.0)
        self._scores[item] = new
        insort(self._ranking, (-new, item))

    def drop_last(self) -> str:
        """Forget the least wanted item and name it."""
        _, item = self._ranking.pop()
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
            self._ranking.append((-score, item))
        self._ranking.sort()  # what was sorted before costs little

    def _shift(self, time: float) -> None:
        """Make `time` weigh 1 and scale what is there, once in many years."""
        assert self._zero is not None
        factor = 2.0 ** max((self._zero - time) / HALF_LIFE, -1100.0)
        self._zero = time
        self._scores = {item: score * factor for item, score in self._scores.items()}
        self._ranking = sorted((-score, item) for item, score in self._scores.items())
