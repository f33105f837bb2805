"""What clients send becomes what every store gives back."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from personalize.config.event_names import canonical_name
from personalize.events.names import canonical_properties
from personalize.events.tidy import tidy, tidy_id

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just(10**400)
    | st.just("\ud800\0"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


def is_fit(value: Any) -> bool:
    """UTF-8 without NUL, finite, JSON."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(is_fit(key) and is_fit(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(is_fit, value))
    return value is None or (isinstance(value, int) and abs(value) <= 2**63)


@given(anything)
def test_whatever_comes_is_fit_afterwards_and_stays(value: Any) -> None:
    """Tidied once, JSON gives it back unchanged, and tidying it again changes nothing."""
    tidied = tidy(value)
    assert is_fit(tidied)
    assert json.loads(json.dumps(tidied, allow_nan=False)) == tidied
    assert tidy(tidied) == tidied


@given(anything.filter(is_fit))
def test_what_is_fit_is_not_touched(value: Any) -> None:
    """As long as it is neither deep nor long."""
    assert tidy(value) == value


def test_the_check_finds_what_is_not_fit() -> None:
    """The check of these laws can fail."""
    assert not any(map(is_fit, ["\0", "\ud800", math.inf, math.nan, 10**400, {"\0": 1}, [[math.nan]]]))


def test_depth_and_length_are_bounded() -> None:
    """What is below or behind is cut."""
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    assert json.dumps(tidy(deep)).count("[") == 10
    assert len(tidy([0] * 5_000)) == len(tidy({str(n): 0 for n in range(5_000)})) == 300


def test_ids_are_short_texts() -> None:
    """Numbers are ids too; a long one is told by its hash, so that two long ones stay two."""
    assert [tidy_id(v) for v in (" a ", 7, 7.0, True, None, 7.5, {}, [], "", "\0")] == [
        "a", "7", "7", "", "", "", "", "", "", "�",
    ]  # fmt: skip
    assert len(tidy_id("x" * 500)) == 64
    assert tidy_id("x" * 500) != tidy_id("x" * 501)


# --- names ---------------------------------------------------------------------------------------------


def test_names_of_other_vocabularies_become_canonical() -> None:
    """GA4's, Segment's first version, and odd spellings; a site's own names stay."""
    names = {
        "purchase": "Order Completed", "add_to_cart": "Product Added", "view_item": "Product Viewed",
        "remove_from_cart": "Product Removed", "refund": "Order Refunded", "begin_checkout": "Checkout Started",
        "product viewed": "Product Viewed", "Product_Viewed": "Product Viewed", " PRODUCT-ADDED ": "Product Added",
        "Completed Order": "Order Completed", "$pageview": "Page Viewed", "page_view": "Page Viewed",
        "my_own_thing": "my_own_thing", "Purchase Guide Read": "Purchase Guide Read", "": "",
    }  # fmt: skip
    assert {name: canonical_name(name) for name in names} == names


def test_ga4s_purchase_is_an_order() -> None:
    """Its items, ids and value under the log's names; what is canonical already is not overwritten."""
    ga4 = {
        "transaction_id": "T1", "value": 20.5, "currency": "EUR",
        "items": [{"item_id": "a", "item_name": "Soap", "price": 5, "quantity": 2}, "b"],
    }  # fmt: skip
    (order,) = canonical_properties("Order Completed", ga4)
    assert order["order_id"] == "T1" and order["revenue"] == 20.5
    assert order["products"] == [{"product_id": "a", "name": "Soap", "price": 5, "quantity": 2}, "b"]
    (kept,) = canonical_properties(
        "Order Completed", {"order_id": "1", "transaction_id": "2", "revenue": 3, "value": 4}
    )
    assert (kept["order_id"], kept["revenue"]) == ("1", 3)


def test_one_event_about_several_products_is_one_for_each() -> None:
    """As GA4 sends add_to_cart; what is said of all stands at each."""
    ga4 = {"currency": "EUR", "items": [{"item_id": "a", "quantity": 2}, {"item_id": "b"}, 7]}
    assert canonical_properties("Product Added", ga4) == [
        {"currency": "EUR", "product_id": "a", "quantity": 2}, {"currency": "EUR", "product_id": "b"},
    ]  # fmt: skip
    assert canonical_properties("Product Added", {"items": []}) == [{}]
    assert canonical_properties("Product Added", {"product_id": "a", "products": [1]}) == [
        {"product_id": "a", "products": [1]}
    ]
