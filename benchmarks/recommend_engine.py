"""The embedded engine as an evaluation of recommendations sees it: purchases in, lists of ids out.

Everything between is production's own: orders as events, the visitor's profile, what is picked from it into a key, and
the source that answers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from personalize.config.models import Content
from personalize.model import Ask, Choice, Event, Product, Profile, Request
from personalize.profiles import apply_event
from personalize.recommend import Embedded, RecommendationSource

_REQUEST = Request("GET", "/", b"", "https", {})
_PAGE = Content.model_validate("page")
_NONE: frozenset[str] = frozenset()


class Engine:
    """`update` takes purchases, sorted by time: those of one `session` in a row are one order. Whoever asks about a
    known user gets the next basket, or, where something is excluded, the next product that is new to them; whoever asks
    about a session alone gets what is bought together with it."""

    def __init__(self) -> None:
        self.products: dict[str, Product] = {}
        self.engine = Embedded(self.products)
        self.source = RecommendationSource(self.engine, self.products)
        self.profiles: dict[str, Profile] = {}
        self.asks: dict[tuple[str, int], Choice] = {}
        self._basket: list[Any] = []
        self._orders = 0

    def update(self, event: Any) -> None:
        if self._basket and self._basket[-1].session != event.session:
            self._order()
        self._basket.append(event)
        if event.item not in self.products:
            self.products[event.item] = Product(event.item, "")

    def _order(self) -> None:
        """The basket that came is complete."""
        basket, self._basket = self._basket, []
        if not basket:
            return
        self._orders += 1
        products = [{"product_id": bought.item, "quantity": max(1, int(bought.value))} for bought in basket]
        first = basket[0]
        order = Event(f"o{self._orders}", "Order Completed", first.ts, first.user, {"products": products}, self._orders)
        self.engine.apply(order)
        apply_event(self.profiles.setdefault(first.user, Profile(first.user)), order, self.products)

    def recommend(
        self,
        user: str | None,
        k: int,
        session: Sequence[str] = (),
        now: float | None = None,
        exclude: Collection[str] = _NONE,
    ) -> list[str]:
        self._order()
        strategy = "bought_together" if user is None else "next_product" if exclude else "next_basket"
        choice = self.asks.get((strategy, k))
        if choice is None:
            content = Content.model_validate({"source": "recommendations", "strategy": strategy, "limit": k})
            choice = self.asks[strategy, k] = Choice("slot", content, _PAGE)
        profile = self.profiles.get(user) if user is not None else None
        if session:
            profile = Profile("", cart=dict.fromkeys(session, (1, 0.0)))
        key = self.source.key(Ask(choice, _REQUEST, {}, profile, now or 0.0))
        if exclude:
            key = key._replace(exclude=tuple(exclude))
        return [product["id"] for product in self.source.ready(key).values["items"]]
