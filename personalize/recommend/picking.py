"""What recommendations start from and leave out, read from a visitor's profile. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final

from ..config.models import Content
from ..config.vocabulary import EXCLUSIONS
from ..errors import BadFragment
from ..model import Ask, Profile, due_at

DUE_WITHIN: Final = 5 * 86_400.0  # seconds before it runs out that an item is recommended again
_MOST_ITEMS: Final = 50  # of the visitor's own that are looked at
_MOST_EXCLUDED: Final = 500
_MOST_HABITS: Final = 100  # items that are bought most
_MOST_HINTS: Final = 30  # of them that say what else one may like: more change little, and cost time
_MOST_VIEWED: Final = 8
_VIEWED: Final = 2.0  # what the newest view counts beside a purchase
_FADE: Final = 0.85  # what one view further back counts
_KEPT_AN_ORDER: Final = 0.97  # what a purchase still counts after each further order
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def item_of(content: Content, params: Mapping[str, str]) -> str:
    """The item a content is about: `item`, its placeholders ("{product}") filled from the route's captures."""
    if not content.item:
        return ""
    return _PLACEHOLDER.sub(lambda found: params.get(found[1], ""), content.item)


def weighted_items(strategy: str, ask: Ask) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The items a strategy starts from, and how much each counts where the strategy asks for that (else nothing).

    `next_basket` starts from what the visitor buys; `next_product` from that, all alike, and most from what was viewed
    lately and not bought.
    """
    profile = ask.profile
    if profile is None or strategy not in ("next_basket", "next_product"):
        return starting_items(strategy, ask), ()
    bought = habits(profile)
    if strategy == "next_basket":
        weights = dict(sorted(bought, key=itemgetter(1))[-_MOST_HABITS:])
    else:
        weights = {item: 1.0 for item, _ in sorted(bought, key=itemgetter(1))[-_MOST_HINTS:]}
        viewed = [item for item in _viewed(profile) if item not in weights][-_MOST_VIEWED:]
        weights.update((item, _VIEWED * _FADE ** (len(viewed) - place)) for place, item in enumerate(viewed, 1))
    return tuple(weights), tuple(weights.values())


def habits(profile: Profile) -> list[tuple[str, float]]:
    """What the visitor bought, with how often: each order counts, and 3 % less with each order since then. By their
    first order, so that it is the same for the same orders."""
    counted: dict[str, float] = {}
    weight = 1.0
    for _, _, items in reversed(profile.orders):
        for item in items:
            counted[item] = counted.get(item, 0.0) + weight
        weight *= _KEPT_AN_ORDER
    return [(item, round(weight, 4)) for item, weight in reversed(counted.items())]


def intervals(profile: Profile | None, items: Sequence[str]) -> tuple[int, ...]:
    """Of each of the items the days between two of the visitor's purchases: the median, 0 where none is known."""
    times: dict[str, list[float]] = {item: [] for item in items}
    for time, _, bought in profile.orders if profile is not None else ():
        for item in bought:
            if item in times:
                times[item].append(time)
    due = ((due_at(each), each) for each in times.values())
    return tuple(0 if at is None else round((at - each[-1]) / 86_400.0) for at, each in due)


def starting_items(strategy: str, ask: Ask) -> tuple[str, ...]:
    """The items a strategy starts from, newest last; for replenishment, what is due, most urgent first.

    `related` and `bought_together` start from the content's `item` where it names one. Without one, `related` starts
    from what was viewed, `bought_together` from the cart or else the last order.
    """
    profile, item = ask.profile, item_of(ask.choice.content, ask.request.params)
    if strategy == "popular":
        return ()
    if item and strategy in ("related", "bought_together"):
        return (item,)
    if profile is None:
        return ()
    if strategy == "replenishment":
        return tuple(due_items(profile, ask.now))[:_MOST_ITEMS]
    if strategy == "bought_together":
        last_order = profile.orders[-1][2] if profile.orders else ()
        return tuple(profile.cart or last_order)[-_MOST_ITEMS:]
    viewed = _viewed(profile)
    if strategy == "recently_viewed" and item in viewed:
        viewed.remove(item)  # the page the visitor is on
    return tuple(viewed[-_MOST_ITEMS:])


def excluded_items(strategy: str, names: Iterable[str], profile: Profile | None) -> tuple[str, ...]:
    """The items that `names` (bought, in_cart, out_of_stock) leave out, in the order of their names.

    What is out of stock needs no list: it is never recommended. What is due again was bought, so that for
    replenishment `bought` leaves nothing out. Raises BadFragment for another name.
    """
    barred: set[str] = set()
    for name in {*names, "bought"} if strategy == "next_product" else names:
        if name not in EXCLUSIONS:
            raise BadFragment(f'can\'t exclude "{name}": there are {", ".join(EXCLUSIONS)}')
        if profile is None:
            continue
        if name == "bought" and strategy != "replenishment":
            barred.update(_bought(profile)[-_MOST_EXCLUDED:])
        elif name == "in_cart":
            barred.update(profile.cart)
    return tuple(sorted(barred))


def due_items(profile: Profile, now: float) -> list[str]:
    """What the visitor buys again and again and should need: due within 5 days, or overdue by at most one of
    their own intervals (after which the habit has ended). The longest due comes first."""
    times: dict[str, list[float]] = {}
    for time, _, items in profile.orders:
        for item in items:
            times.setdefault(item, []).append(time)
    due: list[tuple[float, str]] = []
    for item, bought in times.items():
        at = due_at(bought) if len(bought) > 1 else None
        if at is not None and at - DUE_WITHIN <= now <= at + (at - bought[-1]):
            due.append((at, item))
    return [item for _, item in sorted(due)]


def _viewed(profile: Profile) -> list[str]:
    """Distinct items that were viewed, by their last view, newest last."""
    newest_first = dict.fromkeys(item for _, item, _ in reversed(profile.views) if item)
    return list(newest_first)[::-1]


def _bought(profile: Profile) -> list[str]:
    return [item for _, _, items in profile.orders for item in items]
