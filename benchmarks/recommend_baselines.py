"""What engines are measured against: popularity, one's own most frequent items, and methods of the literature, in numpy
and scipy. For measuring alone: the package itself needs neither."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy
from scipy import sparse

DAY: Final = 86_400.0
NOTHING: Final[frozenset[str]] = frozenset()


class Popular:
    """What is bought most; with `half_life` (days) the recent counts more."""

    half_life: float | None = None

    def fit(self, events: Sequence[Any]) -> None:
        scores: dict[str, float] = defaultdict(float)
        end = events[-1].ts
        for event in events:
            scores[event.item] += 1.0 if self.half_life is None else 0.5 ** ((end - event.ts) / DAY / self.half_life)
        self.ranking = sorted(scores, key=scores.__getitem__, reverse=True)

    def recommend(self, user: str | None, k: int, *, exclude: Collection[str] = NOTHING, **_: Any) -> list[str]:
        return self.filled([], k, exclude)

    def filled(self, found: list[str], k: int, exclude: Collection[str]) -> list[str]:
        """`found`, and what is popular in the places that are left."""
        for item in self.ranking:
            if len(found) >= k:
                break
            if item not in exclude and item not in found:
                found.append(item)
        return found[:k]


class RecentlyPopular(Popular):
    half_life = 14.0


class OwnFrequent(Popular):
    """One's own most frequent items, then what is popular (GP-TopFreq of Li et al., 2023)."""

    def fit(self, events: Sequence[Any]) -> None:
        super().fit(events)
        self.own: dict[str, Counter[str]] = defaultdict(Counter)
        for event in events:
            self.own[event.user][event.item] += 1

    def recommend(self, user: str | None, k: int, *, exclude: Collection[str] = NOTHING, **_: Any) -> list[str]:
        mine = self.own.get(user or "", Counter())
        return self.filled([item for item, _ in mine.most_common() if item not in exclude][:k], k, exclude)


class OfMatrix(Popular):
    """Ground of those that learn from the matrix of units (users or sessions) and items, 1 where a unit holds it."""

    unit = "user"
    most: int | None = None  # items, the most popular

    def fit(self, events: Sequence[Any]) -> None:
        super().fit(events)
        self.items = self.ranking[: self.most]
        self.column = {item: place for place, item in enumerate(self.items)}
        self.row: dict[str, int] = {}
        cells = {
            (self.row.setdefault(getattr(event, self.unit), len(self.row)), self.column[event.item])
            for event in events
            if event.item in self.column
        }
        rows, columns = numpy.array(sorted(cells)).T
        ones = numpy.ones(len(rows), numpy.float32)
        self.matrix = sparse.csr_matrix((ones, (rows, columns)), (len(self.row), len(self.items)))
        self.learn()

    def learn(self) -> None:
        raise NotImplementedError

    def scores(self, known: Sequence[int]) -> Any:
        raise NotImplementedError

    def recommend(
        self,
        user: str | None,
        k: int,
        *,
        session: Iterable[str] = (),
        exclude: Collection[str] = NOTHING,
        **_: Any,
    ) -> list[str]:
        if self.unit == "user" and user in self.row:
            known = list(self.matrix[self.row[user]].indices)
        else:
            known = [self.column[item] for item in session if item in self.column]
        return self.best(self.scores(known), k, exclude) if known else self.filled([], k, exclude)

    def best(self, scores: Any, k: int, exclude: Collection[str]) -> list[str]:
        scores[[self.column[item] for item in exclude if item in self.column]] = -numpy.inf
        most = min(k, len(scores) - 1)
        places = numpy.argpartition(-scores, most)[:most]
        places = places[numpy.argsort(-scores[places], kind="stable")]
        return [self.items[place] for place in places if scores[place] > -numpy.inf]


class ItemNeighbours(OfMatrix):
    """Item-to-item cosine with shrinkage 10; of each item the 100 nearest (Linden et al., 2003)."""

    def learn(self) -> None:
        lengths = numpy.sqrt(numpy.asarray(self.matrix.sum(0)).ravel())
        columns = self.matrix.tocsc()
        self.near: list[tuple[Any, Any]] = []
        for first in range(0, len(self.items), 500):
            together = (columns[:, first : first + 500].T @ self.matrix).tocsr()
            for place in range(together.shape[0]):
                row = together[place]
                others = row.indices != first + place
                item, count = row.indices[others], row.data[others]
                cosine = count / (lengths[item] * lengths[first + place] + 10.0)
                if len(item) > 100:
                    kept = numpy.argpartition(-cosine, 100)[:100]
                    item, cosine = item[kept], cosine[kept]
                self.near.append((item.astype(numpy.int32), cosine.astype(numpy.float32)))

    def scores(self, known: Sequence[int]) -> Any:
        total = numpy.zeros(len(self.items), numpy.float32)
        for place in known:
            item, cosine = self.near[place]
            total[item] += cosine
        return total


class Linear(OfMatrix):
    """EASE (Steck, "Embarrassingly shallow autoencoders", WWW 2019), on the 6,000 most popular items, lambda 250."""

    most = 6000

    def learn(self) -> None:
        gram = numpy.asarray((self.matrix.T @ self.matrix).todense(), dtype=numpy.float32)
        diagonal = numpy.diag_indices(len(gram))
        gram[diagonal] += 250.0
        inverse = numpy.linalg.inv(gram)
        weights = inverse / -numpy.diag(inverse)
        weights[diagonal] = 0.0
        self.weights = weights.astype(numpy.float32)

    def scores(self, known: Sequence[int]) -> Any:
        return self.weights[known].sum(0)


class ItemNeighboursOfSessions(ItemNeighbours):
    unit = "session"


class LinearOfSessions(Linear):
    unit = "session"


class Tifu(Popular):
    """TIFU-KNN (Hu et al., SIGIR 2020): a user's baskets in groups, fading within and between them, as one vector;
    0.7 of it and 0.3 of the mean of the 300 nearest users'."""

    groups, within, between, nearest, own = 7, 0.9, 0.7, 300, 0.7

    def fit(self, events: Sequence[Any]) -> None:
        super().fit(events)
        self.column = {item: place for place, item in enumerate(self.ranking)}
        self.items = self.ranking
        baskets: dict[str, dict[str, set[str]]] = defaultdict(dict)
        for event in events:
            baskets[event.user].setdefault(event.session, set()).add(event.item)
        self.row = {user: place for place, user in enumerate(baskets)}
        cells: list[tuple[int, int, float]] = []
        for user, mine in baskets.items():
            cells.extend((self.row[user], self.column[i], weight) for i, weight in self.vector(list(mine.values())))
        rows, columns, weights = zip(*cells, strict=True)
        shape = (len(self.row), len(self.items))
        self.matrix = sparse.csr_matrix((numpy.array(weights, numpy.float32), (rows, columns)), shape)
        self.squares = numpy.asarray(self.matrix.multiply(self.matrix).sum(1)).ravel()
        self.turned = self.matrix.T.tocsr()

    def vector(self, baskets: Sequence[Collection[str]]) -> Iterable[tuple[str, float]]:
        """The last group is full; the first one may hold less."""
        length = max(1, math.ceil(len(baskets) / self.groups))
        starts = range(len(baskets), 0, -length)
        parts = [baskets[max(0, end - length) : end] for end in starts]
        found: dict[str, float] = defaultdict(float)
        for age, part in enumerate(parts):
            for place, basket in enumerate(reversed(part)):
                weight = self.between**age / len(parts) * self.within**place / len(part)
                for item in basket:
                    found[item] += weight
        return found.items()

    def recommend(self, user: str | None, k: int, *, exclude: Collection[str] = NOTHING, **_: Any) -> list[str]:
        if user not in self.row:
            return self.filled([], k, exclude)
        row = self.row[user]
        mine = self.matrix[row]
        distance = self.squares - 2.0 * numpy.asarray((mine @ self.turned).todense()).ravel()
        distance[row] = numpy.inf
        most = min(self.nearest, len(distance) - 1)
        near = numpy.argpartition(distance, most)[:most]
        scores = (1.0 - self.own) / most * numpy.asarray(self.matrix[near].sum(0)).ravel()
        scores[mine.indices] += self.own * mine.data
        return OfMatrix.best(self, scores, k, exclude)  # type: ignore[arg-type]


def for_task(name: str) -> Mapping[str, Callable[[], Any]]:
    """The baselines that say something about a task, by name."""
    if name.endswith("together"):
        of_sessions = {"item KNN of sessions": ItemNeighboursOfSessions, "EASE of sessions": LinearOfSessions}
        return {"popular": Popular, **of_sessions}
    found: dict[str, Callable[[], Any]] = {"popular": Popular, "recently popular": RecentlyPopular}
    if not name.endswith("new"):
        found["own frequent"] = OwnFrequent
    return found | {"item KNN": ItemNeighbours, "EASE": Linear, "TIFU-KNN": Tifu}
