"""Off-policy estimates in worlds that they were not made for: heavy tails, arms at their floor, shares that drift."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from personalize.reports.off_policy import Estimate, Logged, estimate
from proofs.intervals import KINDS, POLICIES, WORLDS, held, told, worth

LOGS, VISITORS = 30, 4_000


@cache
def found(world: str) -> dict[str, list[Estimate]]:
    return dict(told(world, LOGS, VISITORS))


def holds(of: dict[str, list[Estimate]], kind: str) -> bool:
    """Whether the truth lies in four of five intervals of all policies together, where something is concluded."""
    concluded = sum(not each.refused for estimates in of.values() for each in estimates)
    return sum(held(estimates, kind, worth(POLICIES[name])) for name, estimates in of.items()) >= 0.8 * concluded


@pytest.mark.parametrize("world", WORLDS)
def test_intervals_hold_the_truth_or_nothing_is_concluded(world: str) -> None:
    """Revenue of which a few orders carry much: normal intervals of 95 % hold the truth less often than they say, but
    not in fewer than four of five logs that conclude."""
    assert any(not each.refused for estimates in found(world).values() for each in estimates)
    assert all(holds(found(world), kind) for kind in KINDS)


def test_an_arm_at_its_floor_carries_no_conclusion() -> None:
    """Where a policy shows often what hardly anybody was shown, no log is concluded from, and that names the arm; what
    nearly everybody was shown is concluded from."""
    of_floor = found("floor")
    for name in ("always plain", "always kind", "equal shares"):
        assert all(each.refused for each in of_floor[name])
    assert all("rewards of " in each.refused for each in of_floor["equal shares"] if each.rewarded >= 20)
    assert not any(each.refused for each in of_floor["best of each"])


def taking_all_for_told(logged: Sequence[Logged], policy: Any) -> Estimate:
    """Planted bug: as if every probability were a third, however the draws were made."""
    return estimate([row._replace(propensity=1 / 3) for row in logged], policy)


def too_sure(logged: Sequence[Logged], policy: Any) -> Estimate:
    """Planted bug: intervals half as wide."""
    return estimate(logged, policy, level=0.67)


@pytest.mark.parametrize("wrong", [taking_all_for_told, too_sure])
def test_the_law_of_coverage_catches(wrong: Any) -> None:
    """Either fault leaves the truth outside of the intervals more often than the law allows, in the simplest world."""
    assert not holds(dict(told("heavy", LOGS, VISITORS, wrong)), "ips")
