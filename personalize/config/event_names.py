"""Names of events, as clients and editors write them -> as the log writes them.

Canonical are those of Segment's ecommerce specification, version 2 (https://segment.com/docs/connections/spec/
ecommerce/v2/); aliases are Google Analytics 4's (https://developers.google.com/analytics/devguides/collection/ga4/
reference/events) and the names of that specification's first version.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

CANONICAL: Final = (
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
    "viewed checkout step": "Checkout Step Viewed", "completed checkout step": "Checkout Step Completed",
    "viewed promotion": "Promotion Viewed", "clicked promotion": "Promotion Clicked",
    # PostHog
    "$pageview": "Page Viewed", "$screen": "Screen Viewed",
}  # fmt: skip
_BREAK: Final = re.compile(r"[\s_-]+")


def _plain(name: str) -> str:
    return _BREAK.sub(" ", name.strip()).lower()


_KNOWN: Final = {_plain(name): name for name in CANONICAL} | {_plain(old): new for old, new in _ALIASES.items()}


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """The log's name for a client's name. An unknown one is the site's own and stays as it is."""
    return _KNOWN.get(_plain(name), name)
