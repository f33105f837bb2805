"""What rules may ask of a profile: facts by name, and behaviours. Pure; `now` is an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..model import Profile
from .visits import VISIT_GAP

_NOBODY: Final = Profile("")
_EMPTY: Final = {"value": 0, "count": 0, "items": []}  # facts are never written to, so everybody may have the same
_NONE: Final = {"count": 0, "average": 0.0, "total": 0}


def _visits(profile: Profile | None, now: float) -> int:
    """Visits with the one under way: at least 1."""
    if profile is None or not profile.visits:
        return 1
    return profile.visits + (now - profile.last_seen > VISIT_GAP)


def _first_seen(profile: Profile | None, now: float) -> float | None:
    return None if profile is None or not profile.visits else max(0.0, now - profile.first_seen)


def _last_seen(profile: Profile | None, now: float) -> float | None:
    return None if profile is None or not profile.visits else max(0.0, now - profile.last_seen)


def _cart(profile: Profile | None, now: float) -> dict[str, Any]:
    cart = (profile or _NOBODY).cart
    if not cart:
        return _EMPTY
    return {
        "value": round(sum(quantity * price for quantity, price in cart.values()), 2),
        "count": sum(quantity for quantity, _ in cart.values()),
        "items": list(cart),
    }


def _orders(profile: Profile | None, now: float) -> dict[str, Any]:
    orders = (profile or _NOBODY).orders
    if not orders:
        return _NONE
    total = round(sum(revenue for _, revenue, _ in orders), 2)
    return {"count": len(orders), "average": round(total / len(orders), 2), "total": total}


def _traits(profile: Profile | None, now: float) -> dict[str, Any]:
    return (profile or _NOBODY).traits


PROFILE_FACTS: Final[Mapping[str, Callable[[Profile | None, float], Any]]] = {
    "visits": _visits,
    "new": lambda profile, now: _visits(profile, now) == 1,
    "first_seen": _first_seen,  # seconds ago, None for somebody never seen
    "last_seen": _last_seen,
    "cart": _cart,
    "orders": _orders,
    "traits": _traits,
}
