"""Products of the catalogue: which may be recommended, and how templates see them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from ..model import Product

_GONE: Final = frozenset({"out_of_stock", "out of stock", "discontinued"})
_FIELDS: Final = tuple(field.name for field in fields(Product) if field.name != "extra")


def is_available(product: Product | None) -> bool:
    """Whether a product may be recommended: it is in the catalogue, and can be ordered."""
    return product is not None and product.availability not in _GONE


def as_mapping(product: Product) -> dict[str, Any]:
    """A product for templates: its fields over its extra ones."""
    return {**product.extra, **{name: getattr(product, name) for name in _FIELDS}}
