"""What is believed of an arm, held against what is known in closed form."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.bandits.beliefs import Belief, Spent, of_rate, of_revenue
from personalize.bandits.chances import chances, floored
from personalize.model import PARTS

counts = st.integers(1, 4000)


def beta_below(a: int, b: int, x: float) -> float:
    """Beta(a, b) below x for whole a and b: the upper tail of a binomial (Abramowitz and Stegun 26.5.24)."""
    n = a + b - 1
    logs = [math.lgamma(n + 1) - math.lgamma(j + 1) - math.lgamma(n - j + 1) for j in range(a, n + 1)]
    return math.fsum(
        math.exp(c + j * math.log(x) + (n - j) * math.log1p(-x)) for c, j in zip(logs, range(a, n + 1), strict=True)
    )


def second_beats_first(a1: int, b1: int, a2: int, b2: int) -> float:
    """P(Beta(a2, b2) > Beta(a1, b1)) for whole numbers, as a finite sum (Cook, "Exact calculation of beta
    inequalities", 2005)."""

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    return math.fsum(
        math.exp(log_beta(a1 + i, b1 + b2) - math.log(b2 + i) - log_beta(1 + i, b2) - log_beta(a1, b1))
        for i in range(a2)
    )


@given(wins=counts, losses=counts)
def test_a_rate_has_the_mean_of_its_beta_distribution(wins: int, losses: int) -> None:
    """The points' mean is a / (a + b), to a thousandth of it."""
    mean = wins / (wins + losses)
    assert of_rate(wins, losses).mean == pytest.approx(mean, rel=1e-3)


@given(wins=st.integers(1, 300), losses=st.integers(1, 300), share=st.sampled_from([0.025, 0.2, 0.5, 0.9, 0.975]))
def test_a_rate_has_the_quantiles_of_its_beta_distribution(wins: int, losses: int, share: float) -> None:
    """Below the quantile lies its share, to a hundredth."""
    value = of_rate(wins, losses).quantile(share)
    assert beta_below(wins, losses, value) == pytest.approx(share, abs=0.01)
    assert of_rate(wins, losses).below(value) == pytest.approx(share, abs=0.01)


@given(st.integers(1, 200), st.integers(1, 2000), st.integers(1, 200), st.integers(1, 2000))
def test_the_chance_to_be_the_best_of_two_is_the_closed_form(a1: int, b1: int, a2: int, b2: int) -> None:
    """Thompson's probability for two arms, to a hundredth."""
    exact = second_beats_first(a1, b1, a2, b2)
    found = chances([of_rate(a1, b1), of_rate(a2, b2)])
    assert found[1] == pytest.approx(exact, abs=0.01)
    assert math.fsum(found) == pytest.approx(1.0)
    lowest = chances([of_rate(a1, b1), of_rate(a2, b2)], lower_is_better=True)
    assert lowest[1] == pytest.approx(1 - exact, abs=0.01)


def test_the_chances_of_several_arms_are_those_that_sampling_gives() -> None:
    """Four arms of unlike certainty, against 40,000 samples; the bound is five standard errors and half a hundredth."""
    arms = [(3, 60), (40, 900), (1, 25), (9, 140)]
    dice = random.Random(11)
    best = [0] * len(arms)
    for _ in range(40_000):
        drawn = [dice.betavariate(a, b) for a, b in arms]
        best[drawn.index(max(drawn))] += 1
    found = chances([of_rate(a, b) for a, b in arms])
    for mine, theirs in zip(found, best, strict=True):
        assert mine == pytest.approx(theirs / 40_000, abs=0.005 + 5 * math.sqrt(0.25 / 40_000))


def test_arms_of_which_the_same_is_known_have_the_same_chance() -> None:
    """No arm is preferred for its place."""
    assert chances([of_rate(2, 30)] * 1) == [1.0]
    assert chances([of_rate(2, 30) for _ in range(5)]) == pytest.approx([0.2] * 5)


# --- revenue -------------------------------------------------------------------------------------------


def test_what_buyers_spend_is_the_posterior_of_a_normal_inverse_gamma_prior() -> None:
    """Learning order by order or all at once comes to the same; the numbers are Murphy's equations (2007, section 6.3),
    worked by hand."""
    prior = Spent(mean=50.0, orders=1.0, shape=2.0, scale=400.0)
    spent = [40.0, 70.0, 100.0]
    at_once = prior.seeing(3, sum(spent), sum(x * x for x in spent))
    one_by_one = prior
    for x in spent:
        one_by_one = one_by_one.seeing(1, x, x * x)
    # mean (50 + 210) / 4; scale 400 + (1800 + 1 * 3 * 20**2 / 4) / 2
    assert (at_once.mean, at_once.orders, at_once.shape, at_once.scale) == pytest.approx((65.0, 4.0, 3.5, 1450.0))
    assert one_by_one.mean == pytest.approx(at_once.mean)
    assert one_by_one.scale == pytest.approx(at_once.scale)
    assert prior.seeing(0, 0.0, 0.0) is prior


def test_revenue_per_visitor_is_rate_times_what_buyers_spend() -> None:
    """Mean and 95 % interval against 60,000 samples of the two parts."""
    rate, spent = of_rate(30, 970), Spent(60.0, 31.0, 17.0, 9000.0)
    dice = random.Random(5)
    drawn = []
    for _ in range(60_000):
        variance = spent.scale / dice.gammavariate(spent.shape, 1.0)
        drawn.append(dice.betavariate(30, 970) * dice.gauss(spent.mean, math.sqrt(variance / spent.orders)))
    drawn.sort()
    belief = of_revenue(rate, spent)
    assert belief.mean == pytest.approx(sum(drawn) / len(drawn), rel=0.01)
    assert belief.quantile(0.025) == pytest.approx(drawn[1_500], rel=0.03)
    assert belief.quantile(0.975) == pytest.approx(drawn[58_500], rel=0.03)


@given(st.floats(0.01, 5000), st.floats(1, 50), st.floats(2, 40), st.floats(0, 1e6))
def test_revenue_is_never_less_than_nothing(mean: float, orders: float, shape: float, scale: float) -> None:
    """Whatever the orders vary by, and also where they do not."""
    belief = of_revenue(of_rate(1, 40), Spent(mean, orders, shape, scale))
    assert min(belief.values) >= 0.0
    assert list(belief.values) == sorted(belief.values)
    assert math.fsum(belief.weights) == pytest.approx(1.0)


# --- shares --------------------------------------------------------------------------------------------

wanted = st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda p: sum(p) > 0.01)


def keeps_the_floor(share: object, parts: list[float], floor: float) -> None:
    """The law of `floored`, for the real one and for wrong ones."""
    floor = min(floor, 1 / len(parts))
    chances_ = [p / math.fsum(parts) for p in parts]
    shared = share(chances_, floor)  # type: ignore[operator]
    assert sum(shared) == PARTS
    assert min(shared) >= math.floor(floor * PARTS + 1e-9)
    for one, other in zip(range(len(parts)), range(1, len(parts)), strict=False):
        if chances_[one] > chances_[other] + 1e-9:
            assert shared[one] >= shared[other]
    for chance, got in zip(chances_, shared, strict=True):
        assert got <= max(chance, floor) * PARTS + 1


@given(wanted, st.floats(0.01, 0.5))
def test_every_arm_keeps_its_floor_and_nobody_gains_more_than_that(parts: list[float], floor: float) -> None:
    """Whole parts that add up; none below the floor; the order of the arms stays; only the lifted have more than they
    were to have."""
    keeps_the_floor(floored, parts, floor)


def without_floor(parts: list[float], floor: float) -> list[int]:
    """Planted bug: the floor is forgotten."""
    return floored(parts, 0.0)


def rounded(parts: list[float], floor: float) -> list[int]:
    """Planted bug: parts are rounded each on its own."""
    return [round(max(p, floor) * PARTS) for p in parts]


def mixed(parts: list[float], floor: float) -> list[int]:
    """Planted bug: arms that need no floor get more as well."""
    return floored([floor + p for p in parts], floor)


@pytest.mark.parametrize("wrong", [without_floor, rounded, mixed])
def test_the_law_of_shares_finds_planted_mistakes(wrong: object) -> None:
    """A share that forgets the floor, does not add up or lifts all breaks it."""
    with pytest.raises(AssertionError):
        for parts in ([0.9, 0.1, 0.0], [0.98, 0.01, 0.01], [0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3]):
            keeps_the_floor(wrong, parts, 0.05)


def test_a_belief_of_points_can_be_asked_beyond_its_ends() -> None:
    """Nothing lies below the first point, everything below what is past the last."""
    belief = Belief([1.0, 2.0, 3.0], [1, 2, 1])
    assert [belief.below(x) for x in (0.5, 2.0, 3.5)] == [0.0, 0.5, 1.0]
    assert (belief.quantile(0.0), belief.quantile(1.0)) == (1.0, 3.0)
