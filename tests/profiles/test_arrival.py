"""The same events make the same profile, in whatever order they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.model import Event, Product, Profile
from personalize.profiles import apply_event

PRODUCTS = {"soap": Product("soap", "Soap", price=4.0)}
ITEMS = st.sampled_from(["soap", "milk", "pen"])
LINES = st.lists(st.fixed_dictionaries({"product_id": ITEMS}, optional={
    "quantity": st.integers(1, 3), "price": st.sampled_from([1.0, 2.5])}), min_size=1, max_size=3)  # fmt: skip
ORDERS = st.sampled_from(["o1", "o2"])
MONEY = st.sampled_from([1.0, 5.0, 12.0])
PARTIES = st.sampled_from([
    {"party": "first", "source": "visitor"}, {"party": "third", "source": "bureau"}, {"source": "crm"},
])  # fmt: skip
TRAITS = st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(0, 3), min_size=1)


def said(name: str, **properties: Any) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    needed = {key: value for key, value in properties.items() if not key.startswith("or_")}
    other = {key.removeprefix("or_"): value for key, value in properties.items() if key.startswith("or_")}
    return st.tuples(st.just(name), st.fixed_dictionaries(needed, optional=other))


SAID = st.one_of(
    said("Page Viewed", path=st.sampled_from(["/", "/p"]), or_gpc=st.booleans()),
    said("Product Viewed", product_id=ITEMS),
    said("Product Added", product_id=ITEMS, or_quantity=st.integers(1, 3), or_price=MONEY),
    said("Product Removed", product_id=ITEMS, or_quantity=st.integers(1, 3)),
    said("Order Completed", products=LINES, or_revenue=MONEY, or_currency=st.sampled_from(["EUR", "USD"])),
    said("Order Refunded", or_order_id=ORDERS, or_products=LINES, or_revenue=MONEY,
         or_currency=st.sampled_from(["EUR", "USD"]), or_refund_id=st.sampled_from(["r1", "r2"])),
    said("Order Cancelled", order_id=ORDERS, or_products=LINES),
    said("User Identified", traits=TRAITS, provenance=PARTIES),
    said("User Identified", traits=st.just({"answers": None}), provenance=st.just({"source": "visitor"})),
    said("Answer Given", question=st.sampled_from(["size", "skin"]), answer=st.sampled_from(["s", "m"])),
    said("Experience Viewed", slot=st.just("hero"), experience=st.sampled_from(["e1", "e2"])),
    said("Segment Entered", segment=st.sampled_from(["s1", "s2"])),
    said("Consent Withdrawn", how=st.just("off")),
    said("Spun Wheel"),
)  # fmt: skip


@st.composite
def pasts(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """Events at times of their own, in the order of those and in another. Of each order's id there is one order."""
    told = draw(st.lists(SAID, max_size=14))
    times = draw(st.lists(st.integers(0, 60), min_size=len(told), max_size=len(told), unique=True))
    events, orders = [], iter(["o1", "o2"])
    for number, ((name, properties), time) in enumerate(zip(told, times, strict=True)):
        if name == "Order Completed" and (order := next(orders, "")):
            properties = {**properties, "order_id": order}
        events.append(Event(f"e{number}", name, 300.0 * time, "ann", properties))
    return sorted(events, key=lambda event: event.time), draw(st.permutations(events))


def fold(events: Sequence[Event]) -> Profile:
    profile = Profile("ann")
    for seq, event in enumerate(events, 1):
        apply_event(profile, replace(event, seq=seq), PRODUCTS)
    return profile


@settings(max_examples=400, deadline=None)
@given(pasts())
def test_a_profile_does_not_depend_on_the_order_of_arrival(past: tuple[list[Event], list[Event]]) -> None:
    """Visits, views, cart, orders with their refunds, traits and answers are those of the events in time's order."""
    in_order, arrived = past
    assert fold(arrived) == fold(in_order)


def order(time: float, **more: Any) -> Event:
    lines = [{"product_id": "soap", "quantity": 2, "price": 4.0}, {"product_id": "milk", "price": 2.0}]
    return Event("o", "Order Completed", time, "ann", {"order_id": "o1", "revenue": 11.0, "products": lines, **more})


def refund(time: float, name: str = "Order Refunded", **told: Any) -> Event:
    return Event(f"r{time}", name, time, "ann", {"order_id": "o1", **told})


PLANTED = {
    "personalize.profiles.purchases._place": lambda kept, value, most: kept.append(value) or True,
    "personalize.profiles.words._rank": lambda word: (False, 0.0),
    "personalize.profiles.fold._latest": lambda kept, key, time, most: kept.update({key: time}),
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_fold_that_takes_events_as_they_come_is_caught(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bugs: lists in the order of arrival, the last word that came, the last time that came."""
    monkeypatch.setattr(place, PLANTED[place])
    words = [Event(f"t{n}", "User Identified", float(n), "ann", {"traits": {"a": n}}) for n in (1, 2)]
    added = [Event(f"a{n}", "Product Added", float(n), "ann", {"product_id": "soap"}) for n in (2, 7)]
    in_order = [*words, *added, order(5.0), replace(order(3.0), properties={})]
    in_order.sort(key=lambda event: event.time)
    assert fold(in_order[::-1]) != fold(in_order)


LEFT = {
    "whole": (refund(9.0), None),
    "whole, as Segment describes it": (
        refund(9.0, revenue=11.0, products=[{"product_id": "soap", "quantity": 2}, {"product_id": "milk"}]), None),
    "an amount": (refund(9.0, total="3"), (8.0, ("soap", "milk"))),
    "the whole amount": (refund(9.0, value=11), None),
    "more than was paid": (refund(9.0, revenue=500), None),
    "one of two": (refund(9.0, products=[{"product_id": "soap", "quantity": 1}]), (7.0, ("soap", "milk"))),
    "a line by its id": (refund(9.0, products=["soap"]), (3.0, ("milk",))),
    "a line and what it is worth": (refund(9.0, products=["soap"], revenue=9.5), (1.5, ("milk",))),
    "more than was bought": (refund(9.0, products=[{"product_id": "milk", "quantity": 9}]), (9.0, ("soap",))),
    "another product": (refund(9.0, products=["pen"]), (11.0, ("soap", "milk"))),
    "cancelled": (refund(9.0, "Order Cancelled", total=2), None),
    "cancelled in part": (refund(9.0, "Order Cancelled", products=["milk"]), (9.0, ("soap",))),
    "another order": (refund(9.0, order_id="of somebody else"), (11.0, ("soap", "milk"))),
    "no order's name": (refund(9.0, order_id=None, revenue=1), (10.0, ("soap", "milk"))),
    "before any order": (refund(3.0, order_id=None, revenue=1), (11.0, ("soap", "milk"))),
    "in another currency": (refund(9.0, currency="usd", revenue=6), (11.0, ("soap", "milk"))),
    "a line in another currency": (
        refund(9.0, currency="USD", products=[{"product_id": "milk", "price": 99.0}]), (9.0, ("soap",))),
    "no amount at all": (refund(9.0, products=[7, None, {"x": 1}], revenue="NaN"), (11.0, ("soap", "milk"))),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_came_back_is_not_bought(name: str) -> None:
    """A refund or a cancellation, of the whole, of products or of an amount, once or twice, before its order or after:
    what is left of the order is what counts."""
    back, left = LEFT[name]
    expected = [] if left is None else [(5.0, *left)]
    made = order(5.0, currency="EUR")
    again = replace(back, id="sent again")
    for events in ([made, back], [back, made], [made, back, again], [back, again, made]):
        assert fold(events).orders == expected


def test_refunds_add_up_and_one_with_a_name_counts_once() -> None:
    """Two refunds of one order are two; the same refund told at two times is one."""
    parts = [refund(8.0, revenue=2.0), refund(9.0, revenue=3.0)]
    assert fold([order(5.0), *parts]).orders[0][1] == 6.0
    named = [replace(part, properties={**part.properties, "refund_id": "r1", "revenue": 2.0}) for part in parts]
    for told in (named, named[::-1]):
        assert fold([order(5.0), *told]).orders == [(5.0, 9.0, ("soap", "milk"))]
