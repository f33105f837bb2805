"""How old the signal behind an experience is: the age of the youngest behaviour that made its condition hold.

`delay: 30m` shows an experience only once its signal is that old, `expire: 14d` only while it is younger. The signal of
- viewed: the last view that matches (path, item, category; any product's view where only products are counted);
- bought: the last order that matches (same_item: an order of something that was viewed);
- replenishment: the moment it became due, so the due time less due_within;
- happened: the last event of that name. A favourite is a habit and no moment: it tells none.
Of the behaviours in a condition, those under a "not" are no signal, nor those that do not hold now; of the rest
the youngest counts. Where no behaviour tells, a remembered segment's last moment does. Without any signal, an
experience with delay or expire stays closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..conditions import Behaviour, path_test
from ..model import Catalogue, Profile, due_at

Signal = Callable[[Profile], float | None]


def signal_of(behaviour: Behaviour, products: Catalogue) -> Signal:
    """When the behaviour last happened to a profile (Unix seconds), or None. `products` tells categories."""
    spec = behaviour.spec
    if behaviour.kind == "viewed":
        return _viewed(spec, products)
    if behaviour.kind == "bought":
        return _bought(spec, products)
    if behaviour.kind == "happened":
        return lambda profile: profile.happened.get(spec["event"])
    if behaviour.kind == "favourite":
        return lambda profile: None
    return _due(spec, products)


def _viewed(spec: Mapping[str, Any], products: Catalogue) -> Signal:
    on_path = path_test(spec["path"]) if "path" in spec else None
    of_item = _item_test(spec, products)
    needs_item = of_item is not None or "items" in spec

    def last(profile: Profile) -> float | None:
        for time, item, path in reversed(profile.views):
            if on_path is not None and not on_path(path):
                continue
            if (item or not needs_item) and (of_item is None or of_item(item)):
                return time
        return None

    return last


def _bought(spec: Mapping[str, Any], products: Catalogue) -> Signal:
    of_item = _item_test(spec, products)

    def last(profile: Profile) -> float | None:
        seen = {item for _, item, _ in profile.views} if "same_item" in spec else None
        for time, _, items in reversed(profile.orders):
            if of_item is None and seen is None:
                return time
            if any((of_item is None or of_item(item)) and (seen is None or item in seen) for item in items):
                return time
        return None

    return last


def _due(spec: Mapping[str, Any], products: Catalogue) -> Signal:
    of_item = _item_test(spec, products)

    def became_due(profile: Profile) -> float | None:
        times = [time for time, _, items in profile.orders if of_item is None or any(map(of_item, items))]
        due = due_at(times)
        return None if due is None else due - spec["due_within"]

    return became_due


def _item_test(spec: Mapping[str, Any], products: Catalogue) -> Callable[[str], bool] | None:
    """Whether a product is the item, of the category and of the brand that are asked for; None where none is."""
    item = spec.get("item")
    folded = {part: spec[part].casefold() for part in ("category", "brand") if part in spec}
    if item is None and not folded:
        return None

    def meant(id: str) -> bool:
        if item is not None and id != item:
            return False
        if not folded:
            return True
        product = products.get(id)
        return product is not None and all(getattr(product, part).casefold() == text for part, text in folded.items())

    return meant
