"""The embedded engine: what it recommends, what it never recommends, and that it is a pure fold."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from personalize.model import Event, Product
from personalize.recommend import Embedded

DAY = 86_400.0
NOW = 20_000 * DAY


def shop(*names: str, category: str = "", **more: Any) -> dict[str, Product]:
    return {name: Product(name, name.upper(), category=category, **more) for name in names}


class Log:
    """Writes events down and gives them to an engine."""

    def __init__(self, *engines: Embedded) -> None:
        self.engines = engines
        self.events: list[Event] = []
        self._numbers = count(1)

    def add(self, name: str, visitor: str, time: float, **properties: Any) -> None:
        number = next(self._numbers)
        self.events.append(Event(f"e{number}", name, time, visitor, properties, number))
        for engine in self.engines:
            engine.apply(self.events[-1])

    def view(self, visitor: str, *items: str, time: float = NOW) -> None:
        for place, item in enumerate(items):
            self.add("Product Viewed", visitor, time + place, product_id=item)

    def order(self, visitor: str, *items: str, time: float = NOW) -> None:
        products = [{"product_id": item, "quantity": 1, "price": 9.5} for item in items]
        self.add("Order Completed", visitor, time, products=products)


# --- what it recommends --------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
def test_what_buyers_of_the_same_things_bought_comes_first(together: bool) -> None:
    """80 % of the buyers of X and Y bought Z: whoever bought X and Y sees Z first (B3), be it from one order or from
    several, and though something else is bought by nearly everybody."""
    chance = random.Random(3)
    engine = Embedded(shop("x", "y", "z", "bread", *(f"other{n}" for n in range(30))))
    log = Log(engine)
    for number in range(200):
        visitor = f"v{number}"
        basket = ["x", "y"] if number < 50 else [f"other{chance.randrange(30)}" for _ in range(2)]
        if number < 40:
            basket.append("z")
        if chance.random() < 0.9:
            basket.append("bread")
        for place, part in enumerate([basket] if together else [[item] for item in basket]):
            log.order(visitor, *part, time=NOW + number * 60 + place * 7 * DAY)
    assert engine.recommend("next_product", 5, items=["x", "y"])[0] == "z"
    if together:
        assert engine.recommend("bought_together", 5, items=["x", "y"])[0] == "z"
        assert engine.recommend("bought_together", 5, items=["x"])[:2] == ["y", "z"]


def test_related_is_what_is_viewed_in_the_same_visits() -> None:
    """Items seen together are related; items of another visit, half an hour later, are not."""
    engine = Embedded(shop("a", "b", "c", "d"))
    log = Log(engine)
    for number in range(5):
        log.view(f"v{number}", "a", "b")
        log.view(f"v{number}", "c", "d", time=NOW + 3 * DAY)
    assert engine.recommend("related", 1, items=["a"]) == ["b"]
    assert engine.recommend("related", 1, items=["d"]) == ["c"]


def test_views_of_long_ago_are_no_part_of_the_visit_under_way() -> None:
    """Somebody's old views that are imported while they are here belong together, and not to what is seen now."""
    engine = Embedded(shop("now", "now2", "old", "old2", "z"))
    log = Log(engine)
    for number in range(20):
        log.view(f"v{number}", "now", time=NOW)
        log.view(f"v{number}", "old", "old2", time=NOW - 300 * DAY)
        log.view(f"v{number}", "now", "now2", time=NOW + 60)
    assert engine.recommend("related", 1, items=["old"]) == ["old2"]
    assert engine.recommend("related", 1, items=["now"]) == ["now2"]



def test_a_universally_liked_item_is_not_related_to_everything() -> None:
    """What everybody looks at points to nothing in particular, so a rarer companion comes first."""
    engine = Embedded(shop("a", "b", "hit", *(f"n{i}" for i in range(50))))
    log = Log(engine)
    for number in range(50):
        log.view(f"v{number}", f"n{number}", "hit")
    for number in range(10):
        log.view(f"w{number}", "a", "b", "hit")
    assert engine.recommend("related", 2, items=["a"]) == ["b", "hit"]


def test_popular_prefers_what_is_wanted_now() -> None:
    """Old favourites fade with a half-life of 14 days of the log's own time; no clock is asked."""
    engine = Embedded(shop("old", "new"))
    log = Log(engine)
    for number in range(10):
        log.view(f"v{number}", "old", time=NOW)
    for number in range(4):
        log.view(f"w{number}", "new", time=NOW + 28 * DAY)
    assert engine.recommend("popular", 2) == ["new", "old"]


def test_popularity_survives_centuries_and_odd_clocks() -> None:
    """Times far in the past or future neither raise nor stop the learning."""
    engine = Embedded(shop("a", "b", "c"))
    log = Log(engine)
    for visitor, time in enumerate((NOW, 0.0, -1e12, NOW + 1e11, NOW + 2e11)):
        log.view(f"v{visitor}", "a", "b", time=time)
    log.order("last", "c", time=NOW + 4e11)
    assert engine.recommend("popular", 3)[0] == "c"


def test_orders_and_carts_count_more_than_views() -> None:
    """One order outweighs a few views, an addition to the cart stands between."""
    engine = Embedded(shop("seen", "added", "bought"))
    log = Log(engine)
    log.view("v1", "seen")
    log.view("v2", "seen")
    log.add("Product Added", "v3", NOW, product_id="added", quantity=1)
    log.order("v4", "bought")
    assert engine.recommend("popular", 3) == ["bought", "added", "seen"]


def test_a_page_loaded_again_is_no_second_vote() -> None:
    """One visitor who reloads a page does not make it popular."""
    engine = Embedded(shop("a", "b"))
    log = Log(engine)
    log.view("v1", *["a"] * 50)
    log.view("v2", "b")
    log.view("v3", "b")
    assert engine.recommend("popular", 2) == ["b", "a"]


def test_ones_own_items_are_given_back_in_their_order() -> None:
    """Recently viewed is newest first; replenishment is as due; neither is filled up with anything else."""
    engine = Embedded(shop("a", "b", "c", "d"))
    Log(engine).order("v", "d")
    assert engine.recommend("recently_viewed", 5, items=["a", "b", "a", "c"]) == ["c", "a", "b"]
    assert engine.recommend("replenishment", 5, items=["b", "a"]) == ["b", "a"]
    assert engine.recommend("replenishment", 5) == []


def test_popularity_carries_what_is_new_to_somebody_and_their_history_moves_it() -> None:
    """Of two things that the visitor does not have, the one that people like them buy comes first, though a few more
    people buy the other; and where their history says nothing, what more people buy."""
    engine = Embedded(shop("tea", "cup", "wine", "glass", "bread"))
    log = Log(engine)
    for number in range(60):
        drink, vessel = ("tea", "cup") if number % 2 else ("wine", "glass")
        log.order(f"v{number}", drink, vessel, "bread")
    for number in range(3):
        log.order(f"w{number}", "glass")
    assert engine.recommend("next_product", 2, items=["tea"]) == ["cup", "bread"]
    assert engine.recommend("next_product", 2, items=["never sold"]) == ["bread", "glass"]


def test_the_next_basket_holds_what_is_bought_again_and_then_what_is_new() -> None:
    """One's own products come first, by how often one buys them; of equals that which others buy again, too. Somebody
    who never bought anything gets what is popular."""
    engine = Embedded(shop("milk", "lamp", "salt", "hit"))
    log = Log(engine)
    for number in range(30):
        for week in range(4):
            log.order(f"v{number}", "milk", time=NOW + week * 7 * DAY)
        log.order(f"v{number}", "lamp", "hit", time=NOW + 28 * DAY)
    assert engine.recommend("next_basket", 3, items=["lamp", "milk"], weights=[1.0, 1.0]) == ["milk", "lamp", "hit"]
    assert engine.recommend("next_basket", 3, items=["salt", "lamp"], weights=[4.0, 0.2])[0] == "salt"
    assert engine.recommend("next_basket", 1) == engine.recommend("popular", 1)


def test_every_recommendation_has_a_reason() -> None:
    """What it is bought or seen with, by name; that one buys it again; its category; or that it is popular."""
    engine = Embedded({**shop("tea", "cup", "pot", "mug", category="kitchen"), **shop("hit", "book", "pen")})
    log = Log(engine)
    for number in range(9):
        log.order(f"v{number}", "tea", "cup")
        log.view(f"w{number}", "book", "pen")
        log.view(f"x{number}", "hit")
    log.view("y", "mug")

    def told(strategy: str, *items: str) -> dict[str, tuple[str, str]]:
        found = engine.recommend(strategy, 5, items=items)
        return dict(zip(found, engine.reasons(strategy, found, items=items), strict=True))

    assert told("bought_together", "tea")["cup"] == ("bought_with", "tea")
    assert told("related", "book")["pen"] == ("viewed_with", "book")
    assert told("next_product", "tea") | {"mug": ("category", "kitchen"), "hit": ("popular", "")} == told(
        "next_product", "tea"
    )
    assert told("next_basket", "tea")["tea"] == ("repeat", "")
    assert told("recently_viewed", "pen") == {"pen": ("yours", "")}
    assert set(told("popular").values()) == {("popular", "")}


def test_thin_data_falls_back_step_by_step() -> None:
    """From what is related, to the category's own, to what is popular, to the catalogue's order (B53)."""
    engine = Embedded(
        {
            **shop("lamp", "bulb", "shade", "stand", category="light"),
            **shop("shoe", "sock", category="feet"),
            **shop("unseen"),
        }
    )
    log = Log(engine)
    log.view("v1", "lamp", "bulb")
    for number in range(3):
        log.view(f"w{number}", "sock")
    for number in range(2):
        log.view(f"x{number}", "shoe")
    log.view("y", "stand")
    expected = ["bulb", "stand", "sock", "shoe", "shade", "unseen"]
    assert engine.recommend("related", 9, items=["lamp"]) == expected
    assert engine.recommend("next_product", 9, items=["lamp"]) == expected
    assert engine.recommend("bought_together", 9, items=["lamp"]) == expected
    assert engine.recommend("related", 2, items=["never seen"]) == ["sock", "shoe"]
    assert Embedded(shop("b", "a")).recommend("popular", 2) == ["b", "a"]


def test_a_changed_catalogue_is_followed_at_once() -> None:
    """Stock and new products count from the moment the catalogue says so."""
    products = shop("a", "b")
    engine = Embedded(products)
    Log(engine).view("v", "a", "b", "c")
    assert engine.recommend("popular", 9) == ["b", "a"]
    products["b"] = replace(products["b"], availability="out_of_stock")
    products["c"] = Product("c", "C")
    assert engine.recommend("popular", 9) == ["c", "a"]


@pytest.mark.parametrize("availability", ["in_stock", "preorder", "backorder", "out_of_stock", "out of stock"])
def test_what_can_be_ordered_is_available(availability: str) -> None:
    """Of the catalogue's states only being out of stock keeps a product back."""
    engine = Embedded(shop("a", availability=availability))
    assert engine.recommend("popular", 1) == ([] if availability.startswith("out") else ["a"])


def test_an_unknown_strategy_is_refused() -> None:
    """A misspelt strategy is an error that names the ones there are."""
    with pytest.raises(ValueError, match="popular"):
        Embedded({}).recommend("populer", 3)


@pytest.mark.parametrize(
    "properties",
    [
        {"product_id": "a"},
        {"item": "a"},
        {"sku": "a"},
        {"items": ["a", "a"]},
        {"products": ["a"]},
        {"products": [{"product_id": "a"}, {"id": None}, 7, None]},
        {"products": [{"id": "a"}]},
        {"products": [{"sku": "a"}, {}]},
    ],
)
def test_the_spellings_of_an_events_items(properties: dict[str, Any]) -> None:
    """An event's items are read from products, items, product_id, item or sku; what is no id is passed over."""
    engine = Embedded(shop("a", "b"))
    Log(engine).add("Order Completed", "v", NOW, **properties)
    assert engine.revision == 1 and engine.recommend("popular", 1) == ["a"]


@pytest.mark.parametrize(
    "properties", [{}, {"products": "a"}, {"product_id": ["a"]}, {"items": [{}]}, {"item": "x" * 999}]
)
def test_events_without_usable_items_teach_nothing(properties: dict[str, Any]) -> None:
    """Odd properties are passed over, and so are other events."""
    engine = Embedded(shop("a"))
    log = Log(engine)
    log.add("Product Viewed", "v", NOW, **properties)
    log.add("Page Viewed", "v", NOW, item="a")
    assert engine.revision == 0
