"""Folds that name the events they need are given no others, and come to what they would have come to with all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config import load_config
from personalize.events.giving import Takers
from personalize.model import DEMOTED, ERASED, OPERATOR, PAUSED, PROMOTED, RESUMED, Event
from personalize.operators.complaints import Complaints
from personalize.operators.pauses import Pauses
from personalize.operators.promotions import Promotions
from personalize.recommend import Embedded, ProofCounts

from .test_log import Heard

NAMES = (
    "Page Viewed", "Experience Viewed", "Product Viewed", "Product Added", "Order Completed", "Answer Given",
    "User Identified", "The Site's Own", ERASED, PAUSED, RESUMED, PROMOTED, DEMOTED,
)  # fmt: skip


def of(name: str, visitor: str, item: str, seq: int) -> Event:
    told = {"product_id": item, "variant": item, "slot": "hero", "experience": "a", "target": "hero/a", "answer": "no"}
    return Event(f"e{seq}", name, 1_750_000_000.0 + 60 * seq, visitor, told, seq)


VISITORS, ITEMS = st.sampled_from(("v1", "v2", OPERATOR)), st.sampled_from(("p1", "p2"))
EVENTS = st.lists(st.builds(of, st.sampled_from(NAMES), VISITORS, ITEMS, st.integers(1, 1000)), max_size=25)

CONFIG = {
    "version": 1,
    "site": {"complaints": {"visitors": 1, "share": 0.01}},
    "slots": {
        "hero": {
            "match": {"path": "/", "element": "#hero"},
            "experiences": [{"id": "a", "show": {"html": "<p>a</p>"}}],
        }
    },
}


def complaints() -> Complaints:
    made = Complaints(Heard())
    made.follow(load_config(CONFIG))
    return made


class Forgetful(Embedded):
    """Planted: it does not say that erasures concern it."""

    heeds = Embedded.heeds - {ERASED}


FOLDS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "recommender": (lambda: Embedded({}), lambda fold: list(fold.save())),
    "proof": (ProofCounts, lambda fold: list(fold.save())),
    "pauses": (Pauses, lambda fold: fold.held),
    "promotions": (Promotions, lambda fold: (fold.held, fold.ended)),
    "complaints": (complaints, lambda fold: (fold._heard, fold._due)),
    "forgetful": (lambda: Forgetful({}), lambda fold: list(fold.save())),
}


def holds(name: str, events: Sequence[Event]) -> bool:
    """The law: a fold that got what it heeds knows what one knows that got everything."""
    make, state = FOLDS[name]
    some, all_ = make(), make()
    takers = Takers([(name, some)], Heard())
    for event in sorted(events, key=lambda event: event.seq):
        all_.apply(event)
        takers.give(event)
    return bool(state(some) == state(all_))


@pytest.mark.parametrize("name", ["recommender", "proof", "pauses", "promotions", "complaints"])
@given(EVENTS)
def test_a_fold_needs_no_more_than_it_heeds(name: str, events: list[Event]) -> None:
    """Whatever happens, in whatever order."""
    assert holds(name, events)


def test_a_fold_that_heeds_too_little_is_caught() -> None:
    """Who was erased would still be known."""
    seen = Event("e1", "Product Viewed", 1_750_000_000.0, "v1", {"product_id": "p1"}, 1)
    assert not holds("forgetful", [seen, Event("e2", ERASED, 1_750_000_001.0, "v1", {}, 2)])


def test_who_names_nothing_gets_all_in_the_order_of_the_folds() -> None:
    """Also events of names that others heed."""
    told: list[tuple[str, str]] = []

    class Tells:
        def __init__(self, name: str) -> None:
            self.name = name

        def apply(self, event: Event) -> None:
            told.append((self.name, event.id))

    first, last = Tells("first"), Tells("last")
    choosy = Tells("choosy")
    choosy.heeds = frozenset({"A"})  # type: ignore[attr-defined]
    takers = Takers([("first", first), ("choosy", choosy), ("last", last)], Heard())
    for event in (Event("1", "A", 0.0, "v"), Event("2", "B", 0.0, "v")):
        takers.give(event)
    assert told == [("first", "1"), ("choosy", "1"), ("last", "1"), ("first", "2"), ("last", "2")]
