"""Names of properties, as clients write them -> as the log writes them, and names of events that not everybody may say.
For events' own names see config.event_names, which editors' names are held against too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..model import CONFIG_LIVE, ERASED, PAUSED, RESUMED

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
