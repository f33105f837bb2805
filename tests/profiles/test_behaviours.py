"""Questions about a visitor's past, asked in the language of a config file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.conditions import Behaviour, ConditionError
from personalize.conditions.behaviours import compile_behaviour
from personalize.model import Product, Profile
from personalize.profiles import behaviour_holds

DAY = 86_400.0
NOW = 1000 * DAY
PRODUCTS = {
    "mint": Product("mint", "Mint paste", category="Toothpaste"),
    "herb": Product("herb", "Herb paste", category="toothpaste"),
    "boot": Product("boot", "Boot", category="shoes"),
}


def ask(kind: str, raw: Any, profile: Profile | None) -> bool:
    behaviour: Behaviour = compile_behaviour(kind, raw)
    return behaviour_holds(behaviour, profile, NOW, PRODUCTS)


def ago(days: float) -> float:
    return NOW - days * DAY


VIEWER = Profile(
    "ann",
    views=[
        (ago(30), "mint", "/p/mint"), (ago(5), "", "/pricing"),
        (ago(4), "boot", "/p/boot"), (ago(3), "boot", "/p/boot"),
        (ago(2), "gone", "/p/gone"), (ago(1), "", "/blog/2026/snow"),
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "holds"),
    [
        (True, True),
        ({"within": "1h"}, False),
        ({"within": "1d"}, True),
        ({"path": "/pricing"}, True),
        ({"path": "/pricing", "within": "7d"}, True),
        ({"path": "/pricing", "within": "4d"}, False),
        ({"path": "/price"}, False),
        ({"path": "/p/*"}, True),
        ({"path": "/p/{product}", "within": "1d"}, False),
        ({"path": "/blog/**"}, True),
        ({"path": "/blog/*"}, False),
        ({"item": "boot"}, True),
        ({"item": "mint", "within": "7d"}, False),
        ({"category": "toothpaste"}, True),
        ({"category": "TOOTHPASTE", "within": "7d"}, False),
        ({"category": "shoes", "times": {"gte": 2}}, True),
        ({"category": "shoes", "times": {"gt": 2}}, False),
        ({"items": {"gte": 3}}, True),
        ({"items": {"gte": 3}, "within": "7d"}, False),
        ({"items": {"gte": 2}, "within": "7d"}, True),
        ({"items": {"gte": 2, "lt": 3}, "within": "7d"}, True),
        ({"items": {"eq": 1}, "category": "shoes"}, True),
        ({"items": {"lt": 1}, "within": "1h"}, True),
        ({"times": 6}, True),
        ({"times": 7}, False),
    ],
)
def test_viewed(raw: Any, holds: bool) -> None:
    """Paths by pattern, products by id or category, counted as different items or as times, inside a window."""
    assert ask("viewed", raw, VIEWER) is holds


BUYER = Profile(
    "ann",
    views=[(ago(9), "boot", "/p/boot"), (ago(8), "", "/")],
    orders=[
        (ago(100), 5.0, ("boot", "mint")),
        (ago(60), 5.0, ("herb",)),
        (ago(20), 9.0, ("mint", "gone")),
        (ago(1), 9.0, ()),
    ],
)


@pytest.mark.parametrize(
    ("raw", "holds"),
    [
        (True, True),
        ({"within": "1d"}, True),
        ({"within": "12h"}, False),
        ({"item": "boot"}, True),
        ({"item": "boot", "within": "90d"}, False),
        ({"item": "never"}, False),
        ({"category": "toothpaste", "within": "30d"}, True),
        ({"category": "toothpaste", "times": {"eq": 3}}, True),
        ({"category": "toothpaste", "items": {"eq": 2}}, True),
        ({"category": "shoes", "within": "90d"}, False),
        ({"same_item": True}, True),
        ({"same_item": True, "within": "90d"}, False),
        ({"same_item": True, "category": "toothpaste"}, False),
        ({"times": {"gte": 4}}, True),
        ({"items": {"gte": 5}}, False),
    ],
)
def test_bought(raw: Any, holds: bool) -> None:
    """Orders by product, category or what was looked at, inside a window; an order without items is an order."""
    assert ask("bought", raw, BUYER) is holds


def test_nobody_has_done_nothing() -> None:
    """Without a profile nothing was viewed, bought or is due; asking for few still holds."""
    assert not ask("viewed", {"path": "/"}, None)
    assert not ask("bought", True, None)
    assert not ask("replenishment", {"category": "toothpaste", "due_within": "5d"}, None)
    assert ask("viewed", {"items": {"lt": 2}}, None)


def every(days: float, last: float, times: int = 4) -> Profile:
    """Bought mint or herb paste at an interval, the last time `last` days ago, with a pair of boots in between."""
    orders = [(ago(last + days * n), 5.0, (("mint", "herb")[n % 2],)) for n in reversed(range(times))]
    return Profile("ann", orders=sorted([*orders, (ago(last + days / 2), 80.0, ("boot",))]))


@pytest.mark.parametrize(
    ("profile", "holds"),
    [
        (every(30, last=10), False),  # due in 20 days
        (every(30, last=24.9), False),
        (every(30, last=25), True),  # due in 5
        (every(30, last=30), True),  # today
        (every(30, last=59), True),  # overdue
        (every(30, last=60), True),
        (every(30, last=60.1), False),  # one more interval has gone by
        (every(30, last=30, times=2), True),
        (every(30, last=30, times=1), False),  # one purchase tells no interval
        (every(0.5, last=0.5), False),  # the same day's purchases tell none either
        (Profile("ann"), False),
    ],
)
def test_replenishment(profile: Profile, holds: bool) -> None:
    """Due by the visitor's own interval in that category, from `due_within` before until one interval after."""
    assert ask("replenishment", {"category": "toothpaste", "due_within": "5d"}, profile) is holds


def test_replenishment_of_one_product() -> None:
    """An item is counted by its own purchases, not by those of its category."""
    profile = every(30, last=61)  # herb paste: every 60 days, 91 days ago
    assert ask("replenishment", {"category": "toothpaste", "due_within": "5d"}, profile) is False
    assert ask("replenishment", {"item": "herb", "due_within": "5d"}, profile) is True


@given(
    st.lists(st.tuples(st.floats(0, 99 * DAY), st.sampled_from(["mint", "herb", "boot", "gone", ""])), max_size=30),
    st.floats(0, 100 * DAY), st.floats(0, 100 * DAY),
)  # fmt: skip
def test_a_wider_window_never_finds_less(views: list[tuple[float, str]], one: float, other: float) -> None:
    """What was viewed within a time was also viewed within any longer one."""
    profile = Profile("ann", views=sorted((NOW - age, item, "/") for age, item in views))
    narrow, wide = sorted((one, other))
    for raw in ({}, {"category": "toothpaste"}, {"items": {"gte": 2}}, {"item": "boot", "times": {"gte": 2}}):
        if ask("viewed", {**raw, "within": narrow}, profile):
            assert ask("viewed", {**raw, "within": wide}, profile)


@pytest.mark.parametrize(
    ("kind", "raw", "holds"),
    [
        ("happened", {"event": "Email Opened"}, True),
        ("happened", {"event": "Email Opened", "within": "3d"}, True),
        ("happened", {"event": "Email Opened", "within": "2d"}, False),
        ("happened", {"event": "email opened"}, False),
        ("favourite", {"category": "Shoes"}, True),
        ("favourite", {"category": "toothpaste"}, False),
        ("favourite", {"category": "toothpaste", "within": "4d"}, False),
        ("favourite", {"category": "shoes", "within": "3d"}, False),
        ("favourite", {"category": "nothing"}, False),
        ("favourite", {"brand": "acme"}, False),
    ],
)
def test_events_and_favourites(kind: str, raw: Any, holds: bool) -> None:
    """An event counts up to its age; a favourite is seen at least twice, and nothing more often, in its time."""
    profile = Profile("ann", views=VIEWER.views, happened={"Email Opened": ago(3)})
    assert ask(kind, raw, profile) is holds
    assert ask(kind, raw, None) is False


def test_an_equal_favourite_is_one_too() -> None:
    """Purchases count as views do, and of equals each is a favourite."""
    profile = Profile("ann", views=VIEWER.views, orders=[(ago(2), 3.0, ("herb",))])
    assert ask("favourite", {"category": "toothpaste"}, profile) and ask("favourite", {"category": "shoes"}, profile)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [("happened", {}), ("happened", True), ("favourite", {}), ("favourite", {"category": "a", "brand": "b"}),
     ("favourite", True), ("replenishment", {"due_within": "5d"})],
)  # fmt: skip
def test_a_question_that_lacks_its_object_is_refused(kind: str, raw: Any) -> None:
    """What is asked for has to be named."""
    with pytest.raises(ConditionError):
        compile_behaviour(kind, raw)
