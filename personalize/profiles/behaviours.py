"""Answers to questions about a visitor's past: viewed, bought, happened ... Pure; `now` is an argument.

What may be asked, and how a `spec` is written, stands in `personalize.conditions.Behaviour`.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from ..conditions import Behaviour, path_test
from ..model import Catalogue, Profile, due_at

_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_OF_A_PRODUCT: Final = frozenset({"item", "category", "brand"})
_OFTEN: Final = 2  # views and purchases that make a favourite
_path_test = lru_cache(maxsize=1024)(path_test)  # a config has a few patterns; each is compiled once


def behaviour_holds(behaviour: Behaviour, profile: Profile | None, now: float, products: Catalogue) -> bool:
    """Whether the visitor did it. Somebody without a profile has done nothing, which `{items: {lt: 2}}` may well ask
    for. Categories and brands come from the catalogue and are compared without regard to case."""
    return _ANSWERS[behaviour.kind](behaviour.spec, profile or Profile(""), now, products)


def _viewed(spec: Mapping[str, Any], profile: Profile, now: float, products: Catalogue) -> bool:
    since = now - spec["within"] if "within" in spec else float("-inf")
    on_path = _path_test(spec["path"]) if "path" in spec else None
    of_product = not _OF_A_PRODUCT.isdisjoint(spec)
    counted = "times" in spec or "items" in spec
    times, items = 0, set()
    for time, item, path in reversed(profile.views):
        if time < since:
            break  # they are sorted
        if on_path is not None and not on_path(path):
            continue
        if of_product and not _meets(spec, item, products):
            continue
        if not counted:
            return True
        times += 1
        items.add(item)
    return _counts_hold(spec, times, items)


def _bought(spec: Mapping[str, Any], profile: Profile, now: float, products: Catalogue) -> bool:
    """`same_item`: only products among the views that the profile still knows."""
    since = now - spec["within"] if "within" in spec else float("-inf")
    of_product = not _OF_A_PRODUCT.isdisjoint(spec)
    viewed = {item for _, item, _ in profile.views} if "same_item" in spec else None
    times, items = 0, set()
    for time, _, ordered in profile.orders:
        if time < since:
            continue
        matching = {
            item for item in ordered
            if (viewed is None or item in viewed) and (not of_product or _meets(spec, item, products))
        }  # fmt: skip
        if matching or (viewed is None and not of_product):
            times += 1
            items |= matching
    return _counts_hold(spec, times, items)


def _due(spec: Mapping[str, Any], profile: Profile, now: float, products: Catalogue) -> bool:
    """From `due_within` before the visitor's own next purchase is due until one more interval after it: who did not
    come back by then buys elsewhere, or no more."""
    times = [time for time, _, ordered in profile.orders if any(_meets(spec, item, products) for item in ordered)]
    due = due_at(times)
    if due is None:
        return False
    before: float = spec["due_within"]
    return due - before <= now <= due + (due - times[-1])


def _happened(spec: Mapping[str, Any], profile: Profile, now: float, products: Catalogue) -> bool:
    at = profile.happened.get(spec["event"])
    return at is not None and at >= now - spec.get("within", float("inf"))


def _favourite(spec: Mapping[str, Any], profile: Profile, now: float, products: Catalogue) -> bool:
    """Each view and each line of an order counts once; of equals all are favourites. Once is a glance."""
    since = now - spec.get("within", float("inf"))
    items = [item for time, item, _ in profile.views if item and time >= since]
    items += [item for time, _, ordered in profile.orders if time >= since for item in ordered]
    part = "brand" if "brand" in spec else "category"
    known = (getattr(products[item], part).casefold() for item in items if item in products)
    counted = Counter(name for name in known if name)
    mine = counted[spec[part].casefold()]
    return mine >= _OFTEN and mine == max(counted.values())


_ANSWERS: Final[Mapping[str, Callable[[Mapping[str, Any], Profile, float, Catalogue], bool]]] = {
    "viewed": _viewed,
    "bought": _bought,
    "replenishment": _due,
    "happened": _happened,
    "favourite": _favourite,
}


def _meets(spec: Mapping[str, Any], item: str, products: Catalogue) -> bool:
    if not item or spec.get("item", item) != item:
        return False
    if "category" not in spec and "brand" not in spec:
        return True
    product = products.get(item)
    return product is not None and all(
        getattr(product, part).casefold() == spec[part].casefold() for part in ("category", "brand") if part in spec
    )


def _counts_hold(spec: Mapping[str, Any], times: int, items: Collection[str]) -> bool:
    """Every count that was asked for; at least one match where none was."""
    if "times" not in spec and "items" not in spec:
        return times > 0
    asked: Iterable[tuple[str, int]] = (("times", times), ("items", len([item for item in items if item])))
    tests = [_OPERATORS[op](found, wanted) for part, found in asked for op, wanted in spec.get(part, {}).items()]
    return all(tests) if tests else times > 0
