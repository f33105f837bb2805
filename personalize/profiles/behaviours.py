"""Answers to questions about a visitor's past: viewed, bought, replenishment. Pure; `now` is an argument.

What may be asked, and how a `spec` is written, stands in `personalize.conditions.Behaviour`.
"""

from __future__ import annotations

import operator
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
_path_test = lru_cache(maxsize=1024)(path_test)  # a config has a few patterns; each is compiled once


def behaviour_holds(behaviour: Behaviour, profile: Profile | None, now: float, products: Catalogue) -> bool:
    """Whether the visitor did it. Somebody without a profile has done nothing, which `{items: {lt: 2}}` may well ask
    for. Categories come from the catalogue and are compared without regard to case."""
    return _ANSWERS[behaviour.kind](behaviour.spec, profile or Profile(""), now, products)


def _viewed(spec: Mapping[str, Any], profile: Profile, now: float, products: Catalogue) -> bool:
    since = now - spec["within"] if "within" in spec else float("-inf")
    on_path = _path_test(spec["path"]) if "path" in spec else None
    of_product = "item" in spec or "category" in spec
    times, items = 0, set()
    for time, item, path in profile.views:
        if time < since or (on_path is not None and not on_path(path)):
            continue
        if of_product and not _meets(spec, item, products):
            continue
        times += 1
        items.add(item)
    return _counts_hold(spec, times, items)


def _bought(spec: Mapping[str, Any], profile: Profile, now: float, products: Catalogue) -> bool:
    """`same_item`: only products among the views that the profile still knows."""
    since = now - spec["within"] if "within" in spec else float("-inf")
    of_product = "item" in spec or "category" in spec
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


_ANSWERS: Final[Mapping[str, Callable[[Mapping[str, Any], Profile, float, Catalogue], bool]]] = {
    "viewed": _viewed,
    "bought": _bought,
    "replenishment": _due,
}


def _meets(spec: Mapping[str, Any], item: str, products: Catalogue) -> bool:
    if not item or spec.get("item", item) != item:
        return False
    if "category" not in spec:
        return True
    product = products.get(item)
    return product is not None and product.category.casefold() == spec["category"].casefold()


def _counts_hold(spec: Mapping[str, Any], times: int, items: Collection[str]) -> bool:
    """Every count that was asked for; at least one match where none was."""
    asked: Iterable[tuple[str, int]] = (("times", times), ("items", len([item for item in items if item])))
    tests = [_OPERATORS[op](found, wanted) for part, found in asked for op, wanted in spec.get(part, {}).items()]
    return all(tests) if tests else times > 0
