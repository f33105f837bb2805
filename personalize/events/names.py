"""Names of properties, as clients write them -> as the log writes them, and names of events that not everybody may say.
For events' own names see config.event_names, which editors' names are held against too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ..model import CONFIG_LIVE, DEMOTED, ERASED, PAUSED, PROMOTED, RESUMED

# What only a caller with a write key, or an order signed by the site, may say.
TRUSTED_ONLY: Final = frozenset({"Order Completed", "Order Refunded", "Order Updated", "Order Cancelled"})
# What a browser can't track by name: the middleware says these itself, or `identify` does.
OURS: Final = frozenset({"Experience Viewed", "Segment Entered", "User Identified", ERASED})
# What nobody can tell over HTTP, with a write key or without.
NEVER_TOLD: Final = frozenset({ERASED, PAUSED, RESUMED, PROMOTED, DEMOTED, CONFIG_LIVE})
UNVERIFIED: Final = "Unverified "

# Events about single products: one with a list of them is taken as so many events.
_OF_A_PRODUCT: Final = frozenset({"Product Viewed", "Product Clicked", "Product Added", "Product Removed"})
_PROPERTIES: Final = {"transaction_id": "order_id", "items": "products", "search_term": "query"}
_OF_A_LINE: Final = {
    "item_id": "product_id", "item_name": "name", "item_brand": "brand", "item_category": "category",
    "item_variant": "variant", "productId": "product_id", "id": "product_id",
}  # fmt: skip
AMOUNTS: Final = ("price", "quantity", "revenue", "total", "value")
# A currency's sign or code may stand before or after; digits may be Persian or Arabic, with their own separators.
_SIGN: Final = r"(?:[^\W\d_]{1,5}\.?|[^\w\s.,+()-]{1,3})?"
_AMOUNT: Final = re.compile(rf"\s*{_SIGN}\s*(-?[\d۰-۹٠-٩][\d۰-۹٠-٩.,٫٬'\u2019\u00a0\u202f ]*)\s*{_SIGN}\s*")
_SPACES: Final = re.compile(r"[\s'\u2019]+")
_THOUSANDS: Final = re.compile(r"-?\d{1,3},\d{3}")
_LATIN: Final = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩٫٬", "01234567890123456789.,")
MEANT: Final = frozenset({*_PROPERTIES, *_OF_A_LINE, "products"})  # properties that are not kept as they come


def canonical_properties(name: str, properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The properties under the log's names; one mapping for each event that they come to. The mapping that came is
    among them where nothing in it has another name."""
    if MEANT.isdisjoint(properties) and not name.startswith("Order "):
        return [_counted(properties)]
    made = dict(_counted(_renamed(properties, _PROPERTIES)))
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
    return _counted(_renamed(line, _OF_A_LINE)) if isinstance(line, dict) else line


def _counted(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """With amounts that came as text as numbers; what can't be read so stays as it is."""
    read: dict[str, float] = {}
    for key in AMOUNTS:
        if key in properties and isinstance(text := properties[key], str) and (value := amount_of(text)) is not None:
            read[key] = value
    return {**properties, **read} if read else properties


def amount_of(text: str) -> float | None:
    """The number in an amount as people and systems write it: "12.50", "$12", "1.234,56 €", "1,234.56". A single
    separator before exactly three digits is a thousands' one where it is a comma, and the decimal one where it is a
    point, as JSON has it. None where there is no number, or more than one."""
    found = _AMOUNT.fullmatch(text) if len(text) <= 40 else None
    if found is None:
        return None
    digits = _SPACES.sub("", found[1]).translate(_LATIN)
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        decimal = max(".,", key=digits.rfind)
        if digits.count(decimal) > 1:
            return None
        digits = digits.replace("," if decimal == "." else ".", "").replace(",", ".")
    elif points > 1 or commas > 1 or _THOUSANDS.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", "")
    try:
        return float(digits.replace(",", "."))
    except ValueError:
        return None


def _renamed(mapping: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Where both the old and the new name are there, the canonical one counts."""
    if names.keys().isdisjoint(mapping):
        return dict(mapping)
    return {names.get(key, key): value for key, value in mapping.items() if names.get(key) not in mapping}
