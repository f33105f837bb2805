"""Events -> the items they are about. Names and properties are Segment's ecommerce specification (v2)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..model import Event

VIEWED: Final = "Product Viewed"
ADDED: Final = "Product Added"
ORDERED: Final = "Order Completed"

MOST_ITEMS: Final = 50  # of one event; a longer order is cut, so that one event's work is bounded
_LONGEST_ID: Final = 128
_ID_FIELDS: Final = ("product_id", "item", "id", "sku")


def items_of(event: Event) -> list[str]:
    """The distinct items of an event, in its order: from `products` or `items` (mappings or ids), or from
    `product_id`, `item`, `sku`. What is no usable id is left out. Interned: many tables name the same items."""
    properties = event.properties
    one = properties.get("product_id")
    if one.__class__ is str and "products" not in properties and "items" not in properties:  # most events
        return [sys.intern(one)] if 0 < len(one) <= _LONGEST_ID else []
    many = properties.get("products") or properties.get("items")
    found: Iterable[Any]
    if isinstance(many, list | tuple):
        found = (_id_of(entry) if isinstance(entry, Mapping) else entry for entry in many[:MOST_ITEMS])
    else:
        found = (_id_of(properties, _ID_FIELDS[:2] + _ID_FIELDS[3:]),)
    texts = (sys.intern(str(item)) for item in found if isinstance(item, str) and 0 < len(item) <= _LONGEST_ID)
    return list(dict.fromkeys(texts))


def _id_of(entry: Mapping[str, Any], fields: tuple[str, ...] = _ID_FIELDS) -> Any:
    for field in fields:
        if entry.get(field):
            return entry[field]
    return None
