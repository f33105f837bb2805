"""Names of events and properties, as clients write them -> as the log writes them.

Canonical are those of Segment's ecommerce specification, version 2 (https://segment.com/docs/connections/spec/
ecommerce/v2/); aliases are Google Analytics 4's (https://developers.google.com/analytics/devguides/collection/ga4/
reference/events) and the names of that specification's first version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from ..model import CONFIG_LIVE, ERASED, PAUSED, RESUMED

_CANONICAL: Final = (
    "Products Searched", "Product List Viewed", "Product List Filtered", "Promotion Viewed", "Promotion Clicked",
    "Product Clicked", "Product Viewed", "Product Added", "Product Removed", "Cart Viewed", "Checkout Started",
    "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered", "Order Updated", "Order Completed",
    "Order Refunded", "Order Cancelled", "Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed",
    "Product Added to Wishlist", "Product Removed from Wishlist", "Wishlist Product Added to Cart", "Product Shared",
    "Cart Shared", "Product Reviewed", "Signed Up", "Signed In", "Page Viewed", "Screen Viewed", "Experience Clicked",
    "Answer Given",
)  # fmt: skip
_ALIASES: Final = {
    # Google Analytics 4
    "page_view": "Page Viewed", "screen_view": "Screen Viewed", "view_item": "Product Viewed",
    "view_item_list": "Product List Viewed", "select_item": "Product Clicked", "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed", "view_cart": "Cart Viewed", "begin_checkout": "Checkout Started",
    "add_shipping_info": "Checkout Step Completed", "add_payment_info": "Payment Info Entered",
    "purchase": "Order Completed", "refund": "Order Refunded", "add_to_wishlist": "Product Added to Wishlist",
    "view_promotion": "Promotion Viewed", "select_promotion": "Promotion Clicked", "search": "Products Searched",
    "view_search_results": "Products Searched", "share": "Product Shared", "sign_up": "Signed Up", "login": "Signed In",
    # the specification's first version
    "viewed product": "Product Viewed", "added product": "Product Added", "removed product": "Product Removed",
    "viewed product category": "Product List Viewed", "completed order": "Order Completed",
    # PostHog
    "$pageview": "Page Viewed", "$screen": "Screen Viewed",
}  # fmt: skip
_BREAK: Final = re.compile(r"[\s_-]+")


def _plain(name: str) -> str:
    return _BREAK.sub(" ", name.strip()).lower()


_KNOWN: Final = {_plain(name): name for name in _CANONICAL} | {_plain(old): new for old, new in _ALIASES.items()}

# What only a caller with a write key, or an order signed by the site, may say.
TRUSTED_ONLY: Final = frozenset({"Order Completed", "Order Refunded", "Order Updated", "Order Cancelled"})
# What a browser can't track by name: the middleware says these itself, or `identify` does.
OURS: Final = frozenset({"Experience Viewed", "Segment Entered", "User Identified", ERASED})
# What nobody can tell over HTTP, with a write key or without.
NEVER_TOLD: Final = frozenset({ERASED, PAUSED, RESUMED, CONFIG_LIVE})
UNVERIFIED: Final = "Unverified "

# Events about single products: one with a list of them is taken as so many events.
_OF_A_PRODUCT: Final = frozenset({"Product Viewed", "Product Clicked", "Product Added", "Product Removed"})
_PROPERTIES: Final = {"transaction_id": "order_id", "items": "products", "search_term": "query"}
_OF_A_LINE: Final = {
    "item_id": "product_id", "item_name": "name", "item_brand": "brand", "item_category": "category",
    "item_variant": "variant", "productId": "product_id", "id": "product_id",
}  # fmt: skip
_MEANT: Final = frozenset({*_PROPERTIES, *_OF_A_LINE, "products"})  # properties that are not kept as they come


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """The log's name for a client's name. An unknown one is the site's own and stays as it is."""
    return _KNOWN.get(_plain(name), name)


def canonical_properties(name: str, properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The properties under the log's names; one mapping for each event that they come to. The mapping that came is
    among them where nothing in it has another name."""
    if _MEANT.isdisjoint(properties) and not name.startswith("Order "):
        return [properties]
    made = _renamed(properties, _PROPERTIES)
    if name.startswith("Order ") and "value" in made:
        made.setdefault("revenue", made["value"])
    products = made.get("products")
    if isinstance(products, list):
        products = made["products"] = [_line(line) for line in products]
    if name in _OF_A_PRODUCT:
        made = _line(made)
        if isinstance(products, list) and "product_id" not in made:
            del made["products"]
            return [{**made, **line} for line in products if isinstance(line, dict)] or [made]
    return [made]


def _line(line: Any) -> Any:
    return _renamed(line, _OF_A_LINE) if isinstance(line, dict) else line


def _renamed(mapping: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Where both the old and the new name are there, the canonical one counts."""
    if names.keys().isdisjoint(mapping):
        return dict(mapping)
    return {names.get(key, key): value for key, value in mapping.items() if names.get(key) not in mapping}
