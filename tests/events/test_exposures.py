"""The events that the middleware makes of a request and of what was sent."""

from __future__ import annotations

from typing import Any

import pytest

from personalize.config.models import Content, Signal
from personalize.events import exposure_of, make_page_view, make_signal, segment_entered
from personalize.model import Choice, Event, Product, Profile

PRODUCTS = {
    "soap": Product("soap", "Soap", price=4.0),
    "milk": Product("milk", "Milk", price=2.0, sale_price=1.5),
}
PAGE = Content(kind="page")


def signal(
    name: str, item: str | None = None, params: dict[str, str] | None = None, profile: Profile | None = None
) -> Event:
    return make_signal("id1", Signal(path="/", event=name, item=item), params or {}, "ann", 5.0, profile, PRODUCTS)


def test_an_exposure_says_what_how_and_why() -> None:
    """Everything that a report or an explanation asks later stands in the event."""
    choice = Choice("hero", PAGE, PAGE, "winter", "points", "winter-2", held=False, reason="experience")
    exposure = exposure_of(choice, "fresh")
    assert exposure == {
        "slot": "hero", "experience": "winter", "variant": "points", "experiment": "winter-2",
        "held": False, "reason": "experience", "how": "fresh",
    }  # fmt: skip
    viewed = make_page_view("id1", "/shop", "ann", 5.0, [exposure])
    assert viewed == Event("id1", "Page Viewed", 5.0, "ann", {"path": "/shop", "shown": [exposure]})
    assert viewed.exposures == [exposure]


def test_a_held_out_visitor_leaves_the_same_trace() -> None:
    """Held out and shown differ in `held`, `reason` and how it was filled, in nothing else."""
    shown = Choice("hero", PAGE, PAGE, "winter", "points", "winter-2", held=False, reason="experience")
    held = Choice("hero", PAGE, PAGE, "winter", "points", "winter-2", held=True, reason="holdout")
    one, two = exposure_of(shown, "fresh"), exposure_of(held, "page")
    assert {name for name in one if one[name] != two[name]} == {"held", "reason", "how"}
    assert one.keys() == two.keys()


def test_a_page_without_experiences_is_a_plain_view() -> None:
    """Nothing shown, nothing said but the path."""
    assert make_page_view("id1", "/reset", "ann", 5.0, []) == Event(
        "id1", "Page Viewed", 5.0, "ann", {"path": "/reset"}
    )


def test_a_segment_is_remembered_by_an_event() -> None:
    """Entering a segment is one line of the log."""
    assert segment_entered("id1", "winter", "ann", 5.0) == Event(
        "id1", "Segment Entered", 5.0, "ann", {"segment": "winter"}
    )


@pytest.mark.parametrize(
    ("name", "item", "params", "properties"),
    [
        ("Product Viewed", "{product}", {"product": "soap"}, {"product_id": "soap"}),
        ("Product Viewed", "sku-{a}/{b}", {"a": "1", "b": "2"}, {"product_id": "sku-1/2"}),
        ("Product Added", "{product}", {"product": "soap"}, {"product_id": "soap", "quantity": 1, "price": 4.0}),
        ("Product Added", "{product}", {"product": "milk"}, {"product_id": "milk", "quantity": 1, "price": 1.5}),
        ("Product Added", "{product}", {"product": "new"}, {"product_id": "new", "quantity": 1, "price": 0.0}),
        ("Product Removed", "{product}", {"product": "soap"}, {"product_id": "soap"}),
        ("Order Completed", "{product}", {"product": "milk"},
         {"products": [{"product_id": "milk", "quantity": 1, "price": 1.5}], "revenue": 1.5}),
        ("Newsletter Joined", None, {"product": "soap"}, {}),
    ],
)  # fmt: skip
def test_a_signal_carries_its_item(
    name: str, item: str | None, params: dict[str, str], properties: dict[str, Any]
) -> None:
    """The item is filled from what the path captured; a cart line has the catalogue's price, reduced if it is."""
    assert signal(name, item, params).properties == properties


def test_an_order_takes_the_cart_as_it_stands() -> None:
    """Without an item, an order carries the profile's cart: catalogue prices, and the cart's own where it has none."""
    profile = Profile("ann", cart={"milk": (4, 9.0), "gone": (1, 7.25)})
    assert signal("Order Completed", profile=profile).properties == {
        "products": [
            {"product_id": "milk", "quantity": 4, "price": 1.5},
            {"product_id": "gone", "quantity": 1, "price": 7.25},
        ],
        "revenue": 13.25,
    }


@pytest.mark.parametrize("profile", [None, Profile("ann")])
def test_an_order_without_a_known_cart_says_nothing_of_it(profile: Profile | None) -> None:
    """Nothing is made up: the fold takes the cart that the log knows at that place."""
    assert signal("Order Completed", profile=profile).properties == {}
