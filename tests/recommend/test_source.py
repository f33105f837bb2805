"""Recommendations as content: what a key picks from a visitor, and the products that come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.models import Content
from personalize.errors import BadFragment
from personalize.model import Ask, Choice, Event, Fragment, Product, Profile, Request
from personalize.recommend import Embedded, RecommendationSource

DAY = 86_400.0
NOW = 20_000 * DAY
ITEMS = ("a", "b", "c", "d", "e", "f")


def ask(
    profile: Profile | None = None,
    *,
    exclude: tuple[str, ...] = (),
    params: dict[str, str] | None = None,
    now: float = NOW,
    **content: Any,
) -> Ask:
    shown = Content.model_validate({"source": "recs", **content})
    choice = Choice("carousel", shown, Content.model_validate("page"), exclude=exclude)
    return Ask(choice, Request("GET", "/", b"", "https", {}, params or {}), {}, profile, now)


def source(*orders: tuple[str, ...], products: dict[str, Product] | None = None) -> RecommendationSource:
    if products is None:
        products = {name: Product(name, name.upper(), price=9.5, extra={"colour": "red"}) for name in ITEMS}
    engine = Embedded(products)
    for number, items in enumerate(orders):
        engine.apply(Event(f"o{number}", "Order Completed", NOW, f"v{number}", {"items": items}))
    return RecommendationSource(engine, products)


def ids(source: RecommendationSource, asked: Ask) -> list[str]:
    return [item["id"] for item in source.ready(source.key(asked)).values["items"]]


def visitor(**known: Any) -> Profile:
    return Profile("v", **known)


def views(*items: str, time: float = NOW - 60) -> list[tuple[float, str, str]]:
    return [(time + place, item, f"/p/{item}") for place, item in enumerate(items)]


# --- products ------------------------------------------------------------------------------------------


def test_templates_get_products_as_mappings() -> None:
    """Each item has the product's fields and its extra ones."""
    shown = source(("a",))
    (item,) = shown.ready(shown.key(ask(strategy="popular", limit=1))).values["items"]
    assert item["id"] == "a" and item["title"] == "A" and item["price"] == 9.5 and item["colour"] == "red"


def test_what_is_fetched_is_what_is_ready() -> None:
    """The engine answers from memory, so both doors give the same."""
    shown = source(("a", "b"))
    key = shown.key(ask(strategy="popular"))
    assert asyncio.run(shown.fetch(key)) == shown.ready(key)
    asyncio.run(shown.close())


def test_an_answer_is_kept_until_something_is_learned() -> None:
    """The very same fragment comes back, so that what was rendered from it can be kept too; one event renews it."""
    products = {name: Product(name, name) for name in ITEMS}
    engine = Embedded(products)
    shown = RecommendationSource(engine, products)
    key = shown.key(ask(strategy="popular", limit=2))
    first = shown.ready(key)
    assert shown.ready(key) is first
    engine.apply(Event("1", "Product Viewed", NOW, "v", {"product_id": "f"}))
    assert [item["id"] for item in shown.ready(key).values["items"]] == ["f", "a"]


def test_a_kept_answer_does_not_outlive_the_stock() -> None:
    """A price or stock that changes shows at once, though nothing was learned."""
    products = {name: Product(name, name, price=1.0) for name in "ab"}
    shown = source(("a", "b"), products=products)
    key = shown.key(ask(strategy="popular"))
    assert [item["price"] for item in shown.ready(key).values["items"]] == [1.0, 1.0]
    products["b"] = replace(products["b"], price=2.0)
    assert [item["price"] for item in shown.ready(key).values["items"]] == [1.0, 2.0]
    products["a"] = replace(products["a"], availability="out_of_stock")
    assert [item["id"] for item in shown.ready(key).values["items"]] == ["b"]
    del products["b"]
    assert shown.ready(key) == Fragment(values={"items": []})


# --- what a key picks ----------------------------------------------------------------------------------


def test_two_histories_give_two_lists() -> None:
    """Visitors with different pasts see different products in the same slot (B4)."""
    shown = source(("a", "b"), ("a", "b"), ("c", "d"), ("c", "d"))
    asked = {"strategy": "next_product", "limit": 1}
    assert ids(shown, ask(visitor(views=views("a")), **asked)) == ["b"]
    assert ids(shown, ask(visitor(views=views("c")), **asked)) == ["d"]


def test_each_signal_moves_the_list() -> None:
    """A first visit shows what is popular; a view and then an order change it (B2)."""
    shown = source(("e",), ("e",), ("e",), ("a", "b"), ("c", "d"))
    asked = {"strategy": "next_product", "limit": 1}
    assert ids(shown, ask(None, **asked)) == ["e"]
    assert ids(shown, ask(visitor(views=views("a")), **asked)) == ["b"]
    bought = visitor(views=views("a", "c"), orders=[(NOW, 9.5, ("a", "b"))])
    assert ids(shown, ask(bought, **asked)) == ["d"]


def test_the_item_of_the_page_is_the_start() -> None:
    """On a product page the product that the path captured is what others are related to."""
    shown = source(("a", "b"), ("c", "d"))
    for strategy in ("related", "bought_together"):
        asked = ask(visitor(views=views("a")), strategy=strategy, item="{product}", limit=1, params={"product": "c"})
        assert ids(shown, asked) == ["d"]


def test_bought_together_starts_from_the_cart_or_else_the_last_order() -> None:
    """What is in the cart counts before what was bought last."""
    shown = source(("a", "b"), ("c", "d"))
    shopper = visitor(orders=[(NOW - DAY, 1.0, ("a",))])
    assert ids(shown, ask(shopper, strategy="bought_together", limit=1)) == ["b"]
    shopper.cart["c"] = (1, 9.5)
    assert ids(shown, ask(shopper, strategy="bought_together", limit=1)) == ["d"]


def test_recently_viewed_leaves_out_the_page_one_is_on() -> None:
    """The visitor's own views, newest first, each once, without the product of this page."""
    shown = source(("f",))
    shopper = visitor(views=[*views("a", "b", "a", "c"), (NOW, "", "/about")])
    assert ids(shown, ask(shopper, strategy="recently_viewed")) == ["c", "a", "b"]
    on_c = ask(shopper, strategy="recently_viewed", item="{product}", params={"product": "c"})
    assert ids(shown, on_c) == ["a", "b"]
    assert ids(shown, ask(None, strategy="recently_viewed")) == []


def test_exclusions() -> None:
    """bought and in_cart leave out the visitor's own; next_product never shows what was bought."""
    shown = source(("a", "b", "c", "d", "e", "f"))
    shopper = visitor(orders=[(NOW, 1.0, ("a", "b"))], cart={"c": (1, 1.0)}, views=views("d"))
    popular = {"strategy": "popular", "limit": 9}
    assert ids(shown, ask(shopper, **popular)) == list(ITEMS)
    assert ids(shown, ask(shopper, exclude=("bought",), **popular)) == ["c", "d", "e", "f"]
    assert ids(shown, ask(shopper, exclude=("bought", "in_cart", "out_of_stock"), **popular)) == ["d", "e", "f"]
    assert ids(shown, ask(None, exclude=("bought", "in_cart"), **popular)) == list(ITEMS)
    assert not {"a", "b"} & set(ids(shown, ask(shopper, strategy="next_product")))


def test_novelty_gives_places_to_unfamiliar_categories() -> None:
    """A share of the places goes to the best of categories that the visitor did not come from."""
    products = {f"{kind}{n}": Product(f"{kind}{n}", "", category=kind) for kind in "xy" for n in range(9)}
    engine = Embedded(products)
    for number in range(9):
        engine.apply(Event(f"{number}", "Order Completed", NOW, f"v{number}", {"items": ["x0", f"x{number}"]}))
    shown = RecommendationSource(engine, products)
    shopper = visitor(views=views("x0"))
    assert {i[0] for i in ids(shown, ask(shopper, strategy="next_product", limit=5))} == {"x"}
    mixed = ids(shown, ask(shopper, strategy="next_product", limit=5, novelty=0.4))
    assert [item[0] for item in mixed] == ["x", "x", "x", "y", "y"]


@pytest.mark.parametrize(
    ("content", "exclude", "message"),
    [({"strategy": "populer"}, (), "populer"), ({"strategy": "popular"}, ("sold",), "sold")],
)
def test_mistakes_are_named(content: dict[str, Any], exclude: tuple[str, ...], message: str) -> None:
    """A strategy or exclusion that there is not makes the slot fall back with a reason."""
    with pytest.raises(BadFragment, match=message):
        source().key(ask(exclude=exclude, **content))


# --- replenishment -------------------------------------------------------------------------------------


def due(days_since_last: float, *gaps: float) -> list[str]:
    """What is offered `days_since_last` after the last of orders that lay `gaps` days apart."""
    times = [NOW]
    for gap in gaps:
        times.append(times[-1] + gap * DAY)
    profile = visitor(orders=[(time, 9.5, ("a", f"once{time}")) for time in times])
    return ids(
        source(), ask(profile, strategy="replenishment", exclude=("bought",), now=times[-1] + days_since_last * DAY)
    )


@pytest.mark.parametrize(
    ("days", "gaps", "expected"),
    [
        (24.9, (30, 30), []),
        (25.1, (30, 30), ["a"]),
        (30, (30, 30), ["a"]),
        (59.9, (30, 30), ["a"]),
        (60.1, (30, 30), []),
        (40, (28, 30, 90), ["a"]),
        (24, (30,), []),
        (26, (30,), ["a"]),
        (30, (), []),
        (1, (0.5,), []),
    ],
)
def test_what_is_bought_regularly_comes_when_it_runs_out(
    days: float, gaps: tuple[float, ...], expected: list[str]
) -> None:
    """At the visitor's own median interval: from 5 days before it is due until one interval after (B14)."""
    assert due(days, *gaps) == expected


def test_the_longest_due_comes_first() -> None:
    """Of several things due, the most urgent is shown first; what can't be ordered is left out."""
    orders = [(NOW + day * DAY, 1.0, items) for day, items in ((0, ("a", "b", "c")), (28, ("b", "c")), (30, ("a",)))]
    products = {name: Product(name, name) for name in "ab"}
    asked = ask(visitor(orders=orders), strategy="replenishment", now=NOW + 58 * DAY)
    assert ids(source(products=products), asked) == ["b", "a"]


# --- the next basket -----------------------------------------------------------------------------------


def test_the_next_basket_is_ones_own_products_by_how_often_and_how_lately() -> None:
    """What is bought every time comes first; of what was bought once, the latest; and of two that were bought equally
    often the one that was bought later. What is new comes after it all, and `bought` leaves only that."""
    orders = [(NOW + day * DAY, 1.0, items) for day, items in ((0, ("a", "b")), (7, ("a", "c")), (14, ("a",)))]
    shown = source(*(order[2] for order in orders), ("f",))
    shopper = visitor(orders=orders)
    assert ids(shown, ask(shopper, strategy="next_basket", limit=4)) == ["a", "c", "b", "f"]
    assert not {"a", "b", "c"} & set(ids(shown, ask(shopper, strategy="next_basket", exclude=("bought",))))
    assert ids(shown, ask(None, strategy="next_basket", limit=1)) == ["a"]


@pytest.mark.parametrize("orders", [(("a", "c"), ("a", "b")), (("a", "b"), ("a", "c"))])
def test_what_is_new_and_equally_likely_comes_by_name(orders: tuple[tuple[str, ...], ...]) -> None:
    """Whichever was bought first, also where there is room for one."""
    asked = ask(visitor(orders=[(NOW, 1.0, ("a",))]), strategy="next_basket", limit=1, exclude=("bought",))
    assert ids(source(*orders), asked) == ["b"]


def test_what_is_sold_out_takes_no_place_from_what_is_likely_next() -> None:
    """Where the likeliest can't be had, it is the next likeliest, and not what everybody gets."""
    products = {name: Product(name, name) for name in ITEMS}
    products["b"] = Product("b", "b", availability="out_of_stock")
    shown = source(*[("a", "b")] * 9, *[("a", "c")] * 6, *[("d",)] * 8, products=products)
    asked = ask(visitor(orders=[(NOW, 1.0, ("a",))]), strategy="next_basket", limit=1, exclude=("bought",))
    assert ids(shown, asked) == ["c"]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (1, "You buy this every day"),
        (4, "You buy this every 4 days"),
        (21, "You buy this every 3 weeks"),
        (91, "You buy this every 3 months"),
        (0, "You bought this before"),
    ],
)
def test_the_reason_says_how_often_one_buys_it(days: int, text: str) -> None:
    """By the visitor's own interval, the median between their purchases, in days, weeks or months."""
    orders = [(NOW + n * days * DAY, 1.0, ("a",)) for n in range(3)]
    shown = source(("a",))
    key = shown.key(ask(visitor(orders=orders), strategy="next_basket", limit=1))
    (item,) = shown.ready(key).values["items"]
    assert item["reason"]["kind"] == "repeat" and item["reason"]["days"] == days
    assert item["reason"]["text"] == text


def test_what_was_bought_once_is_not_said_to_be_bought_again_and_again() -> None:
    """One purchase is no habit."""
    key = (shown := source(("a",))).key(ask(visitor(orders=[(NOW, 1.0, ("a",))]), strategy="next_basket", limit=1))
    (item,) = shown.ready(key).values["items"]
    assert item["reason"]["kind"] == "repeat" and item["reason"]["text"] == "You bought this before"


def test_what_nobody_wanted_yet_is_not_said_to_be_popular() -> None:
    """A shop without traffic shows its catalogue, and says nothing of it; also in a category that the visitor likes."""
    for shown in (source(), source(("a",))):
        for asked in (ask(None, strategy="popular"), ask(visitor(cart={"a": (1, 1.0)}), strategy="bought_together")):
            items = shown.ready(shown.key(asked)).values["items"]
            unwanted = [item["reason"] for item in items if item["id"] != "a"]
            assert unwanted and {(reason["kind"], reason["text"]) for reason in unwanted} == {("range", "")}


def test_no_reason_names_what_left_the_catalogue() -> None:
    """Nobody reads the bare id of a product that is sold no more: another reason takes its place, also in an answer
    that was kept; and a new title shows at once."""
    products = {name: Product(name, name.upper()) for name in "ab"}
    shown = source(("a", "b"), products=products)
    key = shown.key(ask(visitor(cart={"a": (1, 1.0)}), strategy="bought_together", limit=1))

    def told() -> str:
        (item,) = shown.ready(key).values["items"]
        return str(item["reason"]["text"])

    assert told() == "Often bought with A"
    products["a"] = Product("a", "Anew")
    assert told() == "Often bought with Anew"
    del products["a"]
    assert told() == "Popular now"


def test_a_reason_names_the_product_it_is_about() -> None:
    """By its title, for people; and by its id, for templates that say it in their own words."""
    shown = source(("a", "b"), ("a", "b"))
    key = shown.key(ask(visitor(cart={"a": (1, 1.0)}), strategy="bought_together", limit=1))
    (item,) = shown.ready(key).values["items"]
    assert item["id"] == "b"
    assert item["reason"] == {
        "kind": "bought_with", "item": "a", "title": "A", "days": 0, "text": "Often bought with A"
    }  # fmt: skip


# --- the law of keys -----------------------------------------------------------------------------------

NAMES = st.sampled_from(ITEMS)
PROFILES = st.builds(
    lambda seen, bought, cart: visitor(
        views=views(*seen),
        orders=[(NOW - 30 * DAY * (len(bought) - n), 1.0, tuple(items)) for n, items in enumerate(bought)],
        cart=dict.fromkeys(cart, (1, 1.0)),
    ),
    st.lists(NAMES, max_size=5),
    st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=3),
    st.lists(NAMES, max_size=2, unique=True),
)
STRATEGY = st.sampled_from(
    ["popular", "related", "bought_together", "next_product", "next_basket", "recently_viewed", "replenishment"]
)
Visitors = list[tuple[Profile | None, str, tuple[str, ...]]]
VISITORS = st.lists(
    st.tuples(st.none() | PROFILES, STRATEGY, st.sampled_from([(), ("bought",), ("in_cart",), ("bought", "in_cart")])),
    max_size=8,
)


def everyone_sees_their_own(kind: type[RecommendationSource], visitors: Visitors) -> None:
    """The law: a source that served many visitors gives each what a source of their own would give."""
    orders = (("a", "b"), ("a", "c"), ("d", "e"), ("e", "f"), ("a", "b", "f"))
    products = {name: Product(name, name) for name in ITEMS}
    engine = source(*orders, products=products)._engine
    shared = kind(engine, products)
    for profile, strategy, exclude in visitors:
        asked = ask(profile, strategy=strategy, exclude=exclude, limit=3)
        own = RecommendationSource(engine, products)
        key = shared.key(asked)
        assert shared.ready(key) == own.ready(own.key(asked))
        assert hash(key) is not None


@given(VISITORS)
def test_everyone_sees_their_own(visitors: Visitors) -> None:
    """Nobody's recommendations depend on who was served before."""
    everyone_sees_their_own(RecommendationSource, visitors)


class _KeyWithoutItems(RecommendationSource):
    def ready(self, key: Hashable) -> Fragment:
        self.__dict__.setdefault("_by_strategy", {}).setdefault(key[0], super().ready(key))  # type: ignore[index]
        return self.__dict__["_by_strategy"][key[0]]  # type: ignore[index, no-any-return]


class _KeyWithoutExclusions(RecommendationSource):
    def key(self, ask: Ask) -> Any:
        return super().key(ask)._replace(exclude=())


@pytest.mark.parametrize("wrong", [_KeyWithoutItems, _KeyWithoutExclusions])
def test_the_law_catches_planted_mistakes(wrong: type[RecommendationSource]) -> None:
    """A key that leaves out the items or the exclusions breaks the law."""
    with pytest.raises(AssertionError):
        everyone_sees_their_own(
            wrong,
            [
                (visitor(views=views("a")), "related", ()),
                (visitor(views=views("d")), "related", ()),
                (visitor(orders=[(NOW, 1.0, ("a",))]), "popular", ("bought",)),
            ],
        )
