"""Priors pooled over contexts: they help where contexts agree, and give way where they do not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.bandits.beliefs import of_rate
from personalize.bandits.pooling import Cell, rates, revenues


def cells(*rows: tuple[tuple[int, int], ...]) -> list[list[Cell]]:
    """(visitors, wins) by context and arm."""
    return [[Cell(float(n), float(wins)) for n, wins in row] for row in rows]


def test_one_context_has_a_prior_worth_one_conversion() -> None:
    """Nothing else is known, so an arm nobody saw is believed to be like the others, with next to no certainty."""
    ((seen, unseen),) = rates(cells(((1000, 50), (0, 0))))
    assert seen.mean == pytest.approx(0.05, rel=0.05)
    assert unseen.mean == pytest.approx(0.05, rel=0.05)
    exact = of_rate(1, 19)  # Beta(1, 1 / 0.05 - 1)
    assert unseen.quantile(0.9) == pytest.approx(exact.quantile(0.9), rel=0.05)


def test_where_contexts_agree_a_thin_one_learns_from_them() -> None:
    """In three contexts the second arm earns twice as much; in the fourth, which has had ten visitors, that is
    believed too, at that context's own level."""
    agreed = ((4000, 200), (4000, 400))
    *_, thin = rates(cells(agreed, agreed, agreed, ((5, 1), (5, 2))))
    assert thin[1].mean > 1.5 * thin[0].mean
    alone = rates(cells(((5, 1), (5, 2))))[0][1]
    width, width_alone = (belief.quantile(0.975) - belief.quantile(0.025) for belief in (thin[1], alone))
    assert width < 0.8 * width_alone


def test_where_contexts_differ_each_stands_for_itself() -> None:
    """The best arm of one context is the worst of the next: the prior weighs little, and every mean is its own."""
    rows = (((3000, 300), (3000, 90)), ((3000, 90), (3000, 300)), ((3000, 290), (3000, 100)), ((3000, 95), (3000, 310)))
    for believed, row in zip(rates(cells(*rows)), rows, strict=True):
        for belief, (visitors, wins) in zip(believed, row, strict=True):
            assert belief.mean == pytest.approx(wins / visitors, rel=0.06)


def covered(make: Any, seeds: range) -> float:
    """How often the middle 90 % of what is believed holds the truth, over worlds in which arms have a lift of their own
    and contexts a level."""
    inside = asked = 0
    for seed in seeds:
        dice = random.Random(seed)
        lifts = [dice.uniform(0.6, 1.6) for _ in range(3)]
        truth = [[level * lift for lift in lifts] for level in (0.03, 0.06, 0.1, 0.05)]
        table = []
        for row in truth:
            visitors = dice.choice([60, 400, 1500])
            table.append([Cell(float(visitors), float(sum(dice.random() < p for _ in range(visitors)))) for p in row])
        for believed, row in zip(make(table), truth, strict=True):
            for belief, p in zip(believed, row, strict=True):
                asked += 1
                inside += belief.quantile(0.05) <= p <= belief.quantile(0.95)
    return inside / asked


def test_what_is_believed_holds_the_truth_as_often_as_it_says() -> None:
    """Nine times in ten, over 140 worlds of 12 arms: at least 0.87, four standard errors of 1,680 below."""
    assert covered(rates, range(140)) >= 0.87


def counted_twice(table: list[list[Cell]]) -> Any:
    """Planted bug: the prior is told from the context's own visitors as well, with full weight."""
    return [
        [of_rate(2 * c.wins + 1, 2 * (c.visitors - c.wins) + 10) for c in row]
        for row in table
    ]  # fmt: skip


def test_the_law_finds_a_prior_that_counts_twice() -> None:
    """Believing everything twice over makes intervals too short."""
    assert covered(counted_twice, range(140)) < 0.87


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), min_size=3, max_size=3), min_size=1, max_size=5)
)
def test_every_table_gives_a_belief_for_every_arm(rows: list[list[tuple[int, float]]]) -> None:
    """None at all, all or nothing, one context or many: means are shares, and revenue is finite."""
    table = [[Cell(float(n), float(int(n * p)), 7.0 * int(n * p), 50.0 * int(n * p)) for n, p in row] for row in rows]
    for believed in rates(table):
        assert all(0 < belief.mean < 1 for belief in believed)
    for believed in revenues(table):
        assert all(0 <= belief.mean < 1e6 for belief in believed)


def test_an_arm_without_an_order_is_not_taken_to_earn_nothing() -> None:
    """Forty visitors and no order yet, beside an arm with 2 % and 60 each: the posterior reaches above the other's
    mean, which one normal over all visitors would not."""
    ((proven, unlucky),) = revenues([[Cell(2000.0, 40.0, 2400.0, 150_000.0), Cell(40.0)]])
    assert unlucky.quantile(0.9) > proven.mean
    assert unlucky.mean < proven.mean


def test_the_prior_weighs_no_more_than_what_it_was_told_from() -> None:
    """Two contexts that agree on a handful of visitors do not make a third sure of anything."""
    few = ((20, 1), (20, 3))
    *_, thin = rates(cells(few, few, ((0, 0), (0, 0))))
    assert thin[1].quantile(0.975) > 2.0 * thin[1].mean
