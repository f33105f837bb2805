"""Why an item is recommended, in one word for templates and one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, Final, NamedTuple

from ..model import Catalogue
from .pairs import Pairs

_SHRINK: Final = 10.0  # pairs seen once or twice say little
_TEXTS: Final[Mapping[str, str]] = {
    "yours": "You looked at this lately",
    "repeat": "You bought this before",  # where no interval is known: it may have been once
    "bought_with": "Often bought with {title}",
    "bought_too": "Who bought {title} bought this too",
    "viewed_with": "Often looked at with {title}",
    "category": "Liked in {title}",
    "popular": "Popular now",
    "range": "",  # nobody wanted it yet: there is nothing to say
}
_A_WEEK: Final = 7
_BY_DAYS_UP_TO: Final = 10
_BY_WEEKS_UP_TO: Final = 60


class Reason(NamedTuple):
    """`kind` is yours, repeat, bought_with, bought_too, viewed_with, category, popular or range; `item` the visitor's
    own item that it is about, or the category; both in the order in which they are asked."""

    kind: str
    item: str = ""


class Links:
    """The visitor's items (item, weight), and in each of the tables (kind, pairs) what they point to."""

    __slots__ = ("_tables",)

    def __init__(self, seeds: Sequence[tuple[str, float]], tables: Sequence[tuple[str, Pairs]]) -> None:
        self._tables = [
            (kind, pairs, [(s, weight, pairs.units(s), near) for s, weight in seeds if (near := pairs.near(s))])
            for kind, pairs in tables
        ]

    def to(self, item: str) -> Reason | None:
        """By which of the visitor's items, and in which of the tables, `item` is pointed to most."""
        most, found = 0.0, None
        for kind, pairs, seeds in self._tables:
            units = pairs.units(item)
            for seed, weight, others, near in seeds:
                count = near.get(item)
                if count and (score := weight * count / (sqrt(units * others) + _SHRINK)) > most:
                    most, found = score, Reason(kind, seed)
        return found


def as_values(reason: Reason, days: int, products: Catalogue) -> dict[str, Any]:
    """A reason for templates: `kind`, `item`, `title`, `days` (between two purchases; 0 where that is not known) and
    `text`, an English sentence."""
    product = products.get(reason.item)
    title = reason.item if product is None else product.title or reason.item
    text = _TEXTS[reason.kind].format(title=title)
    if reason.kind == "repeat" and days:
        text = f"You buy this {_every(days)}"
    return {"kind": reason.kind, "item": reason.item, "title": title, "days": days, "text": text}


def _every(days: int) -> str:
    if days <= _BY_DAYS_UP_TO:
        return "every day" if days == 1 else f"every {days} days"
    if days <= _BY_WEEKS_UP_TO:
        weeks = round(days / _A_WEEK)
        return f"every {weeks} weeks"
    return f"every {round(days / 30.4)} months"
