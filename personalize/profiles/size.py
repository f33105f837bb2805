"""How much memory a profile takes, about: from the lengths of its parts. Pure."""

from __future__ import annotations

from typing import Any, Final

from ..model import Profile

# Measured with CPython 3.11 on 64 bits; texts of views are shared between profiles, and count half.
_EMPTY: Final = 1_200  # the object, its containers, its place in the tables
_VIEW: Final = 150
_ORDER: Final = 220
_ITEM: Final = 40
_LINE: Final = 110  # of an order, or a change of the cart
_VISIT: Final = 120
_ENTRY: Final = 130  # of a mapping: its place, key and value
_TIME: Final = 32
_BROWSER: Final = 300  # that was shown experiments


def size_of(profile: Profile) -> int:
    """Bytes, within a factor of two."""
    entries = (
        len(profile.cart) + len(profile.happened) + len(profile.remembered) + len(profile.exposures)
        + len(profile.answered) + len(profile.traits) + 2 * (len(profile.provenance) + len(profile.removed))
        + len(profile.erased)
    )  # fmt: skip
    size = _EMPTY + _VIEW * len(profile.views) + _VISIT * len(profile.earlier_visits) + _ENTRY * entries
    for weight, of_browsers in ((1, profile.assignments), (1, profile.before), (3, profile.draws)):
        size += sum(_BROWSER + weight * _ENTRY * len(kept) for kept in of_browsers.values())
    size += sum(_ORDER + _ITEM * len(items) for _, _, items in profile.orders)
    size += sum(_ORDER + _LINE * len(sale.lines) for sale in profile.sales)
    size += sum(_ORDER + _LINE * len(refund.lines) for refund in profile.refunds) + _LINE * len(profile.cart_changes)
    size += _TIME * sum(map(len, profile.exposures.values()))
    return size + sum(map(_of_value, profile.traits.values()))


def _of_value(value: Any) -> int:
    if isinstance(value, str):
        return 4 * len(value)
    return 8 * len(repr(value)) if isinstance(value, list | dict) else 0
