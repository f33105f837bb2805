"""What rules may ask of a profile."""

from __future__ import annotations

from typing import Any

import pytest

from personalize.conditions import FACTS
from personalize.model import Profile
from personalize.profiles import PROFILE_FACTS

NOW = 1_000_000.0


def facts(profile: Profile | None) -> dict[str, Any]:
    return {name: read(profile, NOW) for name, read in PROFILE_FACTS.items()}


@pytest.mark.parametrize("profile", [None, Profile("ann")])
def test_somebody_unknown(profile: Profile | None) -> None:
    """Without a profile, and with an empty one, it is the first visit, never seen before, with nothing in hand."""
    assert facts(profile) == {
        "visits": 1, "new": True, "first_seen": None, "last_seen": None, "traits": {},
        "cart": {"value": 0, "count": 0, "items": []}, "orders": {"count": 0, "average": 0.0, "total": 0},
    }  # fmt: skip


def test_somebody_known() -> None:
    """Ages are in seconds, money is summed, quantities count."""
    profile = Profile(
        "ann", visits=3, first_seen=NOW - 86_400, last_seen=NOW - 60, traits={"tier": "gold"},
        cart={"soap": (2, 4.5), "milk": (1, 1.99)},
        orders=[(1.0, 30.0, ("soap",)), (2.0, 20.0, ("milk",)), (3.0, 0.0, ())],
    )  # fmt: skip
    assert facts(profile) == {
        "visits": 3, "new": False, "first_seen": 86_400.0, "last_seen": 60.0, "traits": {"tier": "gold"},
        "cart": {"value": 10.99, "count": 3, "items": ["soap", "milk"]},
        "orders": {"count": 3, "average": 16.67, "total": 50.0},
    }  # fmt: skip


@pytest.mark.parametrize(("ago", "visits", "new"), [(0, 1, True), (1800, 1, True), (1801, 2, False)])
def test_the_visit_under_way_counts(ago: float, visits: int, new: bool) -> None:
    """After 30 minutes of silence this request begins the next visit, before any event of it is in the log."""
    known = facts(Profile("ann", visits=1, first_seen=NOW - ago, last_seen=NOW - ago))
    assert (known["visits"], known["new"]) == (visits, new)


def test_a_clock_that_was_ahead_gives_no_negative_age() -> None:
    """An event from a clock ahead of ours was just now."""
    known = facts(Profile("ann", visits=1, first_seen=NOW + 50, last_seen=NOW + 50))
    assert (known["first_seen"], known["last_seen"], known["visits"]) == (0.0, 0.0, 1)


def test_every_fact_stands_in_the_table_of_conditions() -> None:
    """A rule can ask for each of these facts, under the same name."""
    families = {name.partition(".")[0] for name in FACTS}
    assert set(PROFILE_FACTS) <= families
