"""Recommendations as a source of content: products for a template, from the engine's memory."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple, Protocol

from ..config.vocabulary import STRATEGIES
from ..errors import BadFragment
from ..model import Ask, Catalogue, Fragment, Product
from ..protocols import Recommender
from .picking import excluded_items, starting_items
from .products import as_mapping

_MOST_KEPT: Final = 2048  # answers
_PATIENT_FROM: Final = 4096  # events after which an answer may be 64 events old
_POOL: Final = 4  # how many times the limit is looked through for something new


class Engine(Recommender, Protocol):
    """A recommender that says when it has learned something: `revision` then moves."""

    @property
    def revision(self) -> int:
        """A number that only rises."""


class Wanted(NamedTuple):
    """A key: everything that recommendations depend on besides what the engine has learned."""

    strategy: str
    limit: int
    novelty: float
    items: tuple[str, ...]
    exclude: tuple[str, ...]


class RecommendationSource:
    """Fits protocols.Source. Fragments are {"items": [product, ...]}, best first, each product a mapping of its fields
    and its extra ones; they are made at once, and kept while nothing was learned. Nothing to show is an empty list."""

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
        items = starting_items(strategy, ask)
        exclude = excluded_items(strategy, ask.choice.exclude, ask.profile)
        return Wanted(strategy, content.limit, content.novelty or 0.0, items, exclude)

    def ready(self, key: Hashable) -> Fragment:
        """Always there: the engine answers from memory."""
        assert isinstance(key, Wanted)
        revision = _coarse(self._engine.revision)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == revision and self._are_current(kept[1]):
            return kept[2]
        found = [self._products[item] for item in self._find(key)]
        fragment = Fragment(values={"items": [as_mapping(product) for product in found]})
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (revision, found, fragment)
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
        found = self._engine.recommend(
            key.strategy, key.limit * _POOL if places else key.limit, items=key.items, exclude=frozenset(key.exclude)
        )
        if not places:
            return found
        new = [item for item in found if self._products[item].category not in familiar][:places]
        return [*[item for item in found if item not in new][: key.limit - len(new)], *new]


def _coarse(revision: int) -> int:
    """While little is known each event counts at once; of much one event changes little: answers are kept longer."""
    return revision if revision < _PATIENT_FROM else revision & ~63
