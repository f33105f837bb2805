"""Recommendations as a source of content: products for a template, from the engine's memory."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple, Protocol

from ..config.vocabulary import STRATEGIES
from ..errors import BadFragment
from ..model import Ask, Catalogue, Fragment, Product
from ..protocols import Recommender
from .picking import excluded_items, intervals, weighted_items
from .products import as_mapping
from .reasons import Reason, as_values

_MOST_KEPT: Final = 2048  # answers
_PATIENT_FROM: Final = 4096  # events after which an answer may be 64 events old
_POOL: Final = 4  # how many times the limit is looked through for something new


class Engine(Recommender, Protocol):
    """A recommender that says when it has learned something: `revision` then moves."""

    @property
    def revision(self) -> int:
        """A number that only rises."""

    def reasons(
        self, strategy: str, found: Sequence[str], *, items: Sequence[str] = (), weights: Sequence[float] = ()
    ) -> list[Reason]:
        """Why each of `found` was recommended."""


class Wanted(NamedTuple):
    """A key: everything that recommendations depend on besides what the engine has learned."""

    strategy: str
    limit: int
    novelty: float
    items: tuple[str, ...]
    weights: tuple[float, ...]
    days: tuple[int, ...]  # between two purchases of each item, 0 where that is not known; none where nobody asks
    exclude: tuple[str, ...]


class RecommendationSource:
    """Fits protocols.Source. Fragments are {"items": [product, ...]}, best first, each product a mapping of its fields,
    its extra ones and `reason` (see reasons.as_values); they are made at once, and kept while nothing was learned.
    Nothing to show is an empty list."""

    def __init__(self, engine: Engine, products: Catalogue) -> None:
        self._engine = engine
        self._products = products
        self._kept: dict[Wanted, tuple[int, list[Product], Fragment]] = {}

    def key(self, ask: Ask) -> Wanted:
        """Picks from the content, the profile, the route's captures and, for replenishment, the time. Raises
        BadFragment for a strategy or an exclusion that there is not."""
        content = ask.choice.content
        strategy = content.strategy or "popular"
        if strategy not in STRATEGIES:
            raise BadFragment(f'no strategy "{strategy}": there are {", ".join(sorted(STRATEGIES))}')
        items, weights = weighted_items(strategy, ask)
        exclude = excluded_items(strategy, ask.choice.exclude, ask.profile)
        days = intervals(ask.profile, items) if strategy in ("next_basket", "replenishment") else ()
        return Wanted(strategy, content.limit, content.novelty or 0.0, items, weights, days, exclude)

    def ready(self, key: Hashable) -> Fragment:
        """Always there: the engine answers from memory."""
        assert isinstance(key, Wanted)
        revision = _coarse(self._engine.revision)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == revision and self._are_current(kept[1]):
            return kept[2]
        names = self._find(key)
        found = [self._products[item] for item in names]
        reasons = self._engine.reasons(key.strategy, names, items=key.items, weights=key.weights)
        days = dict(zip(key.items, key.days, strict=False))
        items = [
            {**as_mapping(product), "reason": as_values(reason, days.get(product.id, 0), self._products)}
            for product, reason in zip(found, reasons, strict=True)
        ]
        fragment = Fragment(values={"items": items})
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        named = [product for reason in reasons if (product := self._products.get(reason.item)) is not None]
        self._kept[key] = (revision, found + named, fragment)
        return fragment

    async def fetch(self, key: Hashable) -> Fragment:
        """The same as `ready`."""
        return self.ready(key)

    async def close(self) -> None:
        """Nothing is held open."""

    def _are_current(self, products: list[Product]) -> bool:
        """False once the catalogue has another word on one of these (a price, the stock)."""
        get = self._products.get
        return all(get(product.id) is product for product in products)

    def _find(self, key: Wanted) -> list[str]:
        """The strategy's answer; its last `novelty` share are the best of categories the visitor did not come from."""
        familiar = {product.category for item in key.items if (product := self._products.get(item)) is not None}
        places = round(key.limit * key.novelty) if familiar else 0
        limit = key.limit * _POOL if places else key.limit
        exclude = frozenset(key.exclude)
        found = self._engine.recommend(key.strategy, limit, items=key.items, weights=key.weights, exclude=exclude)
        if not places:
            return found
        new = [item for item in found if self._products[item].category not in familiar][:places]
        return [*[item for item in found if item not in new][: key.limit - len(new)], *new]


def _coarse(revision: int) -> int:
    """While little is known each event counts at once; of much one event changes little: answers are kept longer."""
    return revision if revision < _PATIENT_FROM else revision & ~63
