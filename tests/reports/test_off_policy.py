"""Off-policy estimates against worlds whose truth is known; and against estimators with a fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from statistics import fmean, stdev
from typing import Any

import pytest

from personalize.bandits import BanditSpec, allocation
from personalize.bandits.pooling import Cell
from personalize.model import PARTS
from personalize.reports import off_policy
from personalize.reports.off_policy import Estimate, Logged, effective_size, estimate

ARMS = ("plain", "loud", "kind")
# The chance of a reward by context and arm, and how many of a hundred visitors are in each context.
TRUTH = {"phone": (0.10, 0.30, 0.20), "": (0.25, 0.10, 0.15)}
MIX = {"phone": 0.4, "": 0.6}
SPEC = BanditSpec(
    key="hero", arms=ARMS, contexts=tuple(TRUTH), event="x", nth=1, value=None, window=1.0, lower_is_better=False,
    floor=0.05, every=1.0, settle=0.0, half_life=None,
)  # fmt: skip
BEST: dict[str, dict[str, float]] = {"phone": {"loud": 1.0}, "": {"plain": 1.0}}
EVEN = dict.fromkeys(ARMS, 1 / 3)
POLICIES: dict[str, Any] = {
    "always kind": lambda context: {"kind": 1.0},
    "even": lambda context: EVEN,
    "best of each": BEST.__getitem__,
}


def worth(policy: Any) -> float:
    """The policy's true mean reward."""
    return sum(
        share * sum(p * TRUTH[context][ARMS.index(arm)] for arm, p in policy(context).items())
        for context, share in MIX.items()
    )


def fixed(dice: Random, many: int) -> list[Logged]:
    """A log drawn with unequal probabilities that stay as they are."""
    shares = DONE
    rows = []
    for _ in range(many):
        context = "phone" if dice.random() < MIX["phone"] else ""
        (arm,) = dice.choices(range(3), shares[context])
        reward = float(dice.random() < TRUTH[context][arm])
        rows.append(Logged(context, ARMS[arm], shares[context][arm], reward))
    return rows


@cache
def fixed_log(seed: int) -> tuple[Logged, ...]:
    return tuple(fixed(Random(seed), 1_500))


def adaptive(dice: Random, many: int) -> list[Logged]:
    """A log of the real bandit: the shares of each batch of a hundred come from the rewards of those before."""
    cells = [[Cell() for _ in ARMS] for _ in TRUTH]
    rows = []
    for place in range(many):
        if place % 100 == 0:
            parts = allocation(SPEC, cells, 1).parts
        context = "phone" if dice.random() < MIX["phone"] else ""
        (arm,) = dice.choices(range(3), parts[context])
        reward = float(dice.random() < TRUTH[context][arm])
        cell = cells[SPEC.contexts.index(context)][arm]
        cell.visitors += 1
        cell.wins += reward
        rows.append(Logged(context, ARMS[arm], parts[context][arm] / PARTS, reward))
    return rows


DONE = {"phone": (0.6, 0.2, 0.2), "": (0.2, 0.5, 0.3)}  # what `fixed` draws with
Estimator = Callable[[Sequence[Logged], Any], Estimate]


def is_unbiased(estimator: Estimator, kind: str, policy: Any) -> None:
    """The mean of an estimator over sixty logs lies within four standard errors of the truth."""
    found = [getattr(estimator(fixed_log(seed), policy), kind).estimate for seed in range(60)]
    assert not any(map(math.isnan, found))
    assert abs(fmean(found) - worth(policy)) <= 4 * stdev(found) / math.sqrt(60)


@pytest.mark.parametrize("kind", ["ips", "snips", "dr"])
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_estimates_are_unbiased_where_shares_stand_still(kind: str, policy: Any) -> None:
    """Sixty logs of 1,500 visitors (for SNIPS the bias, of the order of one over their number, is far below)."""
    is_unbiased(estimate, kind, policy)


LOGS = [adaptive(Random(seed), 1_500) for seed in range(40)]


@pytest.mark.parametrize("kind", ["ips", "dr"])
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_estimates_are_unbiased_where_a_bandit_moved_the_shares(
    kind: str, policy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty logs of the real bandit, of 1,500 visitors each."""
    monkeypatch.setattr(off_policy, "LEAST_VISITORS", 0.0)
    monkeypatch.setattr(off_policy, "LEAST_REWARDED", 0.0)
    monkeypatch.setattr(off_policy, "LEAST_IN_CONTEXT", 0.0)
    found = [getattr(estimate(log, policy), kind).estimate for log in LOGS]
    assert abs(fmean(found) - worth(policy)) <= 4 * stdev(found) / math.sqrt(len(found))


def test_the_plain_means_of_such_a_log_are_too_low() -> None:
    """Why all this is needed: an arm that was unlucky at first is drawn less, and stays where it was."""
    missed = []
    for log in LOGS:
        cells = {
            (context, arm): [r.reward for r in log if (r.context, r.arm) == (context, arm)]
            for context in TRUTH
            for arm in ARMS
        }
        missed.append(sum(fmean(rewards) - TRUTH[c][ARMS.index(arm)] for (c, arm), rewards in cells.items()))
    assert fmean(missed) < -3 * stdev(missed) / math.sqrt(len(missed))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """95 % intervals of each kind over 120 logs: at least 107 of them (three standard errors below)."""
    policy = POLICIES["best of each"]
    done = worth(lambda context: dict(zip(ARMS, DONE[context], strict=True)))
    found = [estimate(fixed_log(seed), policy) for seed in range(120)]
    for kind in ("ips", "snips", "dr", "gain"):
        truth = worth(policy) - (done if kind == "gain" else 0.0)
        intervals = [getattr(each, kind) for each in found]
        assert sum(each.low <= truth <= each.high for each in intervals) >= 107


def test_doubly_robust_forgives_either_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less noisy than IPS; unbiased with a model that is wrong everywhere, and with wrong propensities where the model
    is right, which moves IPS far away."""
    policy = POLICIES["best of each"]
    logs = [fixed_log(seed) for seed in range(60)]
    found = {kind: [getattr(estimate(log, policy), kind).estimate for log in logs] for kind in ("ips", "dr")}
    assert stdev(found["dr"]) < stdev(found["ips"])
    is_unbiased(ignoring_propensities, "dr", policy)
    monkeypatch.setattr(off_policy, "_model", lambda sums: lambda context, arm: 0.9)
    is_unbiased(estimate, "dr", policy)


# --- planted bugs --------------------------------------------------------------------------------------


def ignoring_propensities(logged: Sequence[Logged], policy: Any) -> Estimate:
    """Planted bug: every arm is taken to have been drawn as often as the others."""
    return estimate([row._replace(propensity=1 / 3) for row in logged], policy)


def ignoring_the_policy(logged: Sequence[Logged], policy: Any) -> Estimate:
    """Planted bug: what was done is taken for what would be done."""
    return estimate(logged, lambda context: EVEN)


def without_the_floor(logged: Sequence[Logged], policy: Any) -> Estimate:
    """Planted bug: rare arms are given a smaller propensity than they had."""
    return estimate([row._replace(propensity=min(row.propensity or 1, 0.15)) for row in logged], policy)


def told_twice(logged: Sequence[Logged], policy: Any) -> Estimate:
    """Planted bug: a replayed log counts each reward again."""
    return estimate([row._replace(reward=2 * row.reward) for row in logged], policy)


def page_by_page(logged: Sequence[Logged], policy: Any) -> Estimate:
    """Planted bug: visitors who were rewarded, who see more pages, count for each of them."""
    return estimate([row for row in logged for _ in range(3 if row.reward else 1)], policy)


FAULTS = [ignoring_propensities, ignoring_the_policy, without_the_floor, told_twice, page_by_page]


@pytest.mark.parametrize("wrong", FAULTS)
def test_the_law_of_unbiasedness_finds_planted_mistakes(wrong: Estimator) -> None:
    """Each fault moves the mean over sixty logs away from the truth; DR, which forgives wrong propensities, is moved by
    the other three."""
    policy = POLICIES["best of each"]
    for kind in ("ips", "dr") if wrong not in (ignoring_propensities, without_the_floor) else ("ips",):
        with pytest.raises(AssertionError):
            is_unbiased(wrong, kind, policy)


# --- refusing ------------------------------------------------------------------------------------------


def test_the_effective_sample_is_the_number_of_equal_weights() -> None:
    """All alike count whole, none counts nothing, and one large weight among small ones counts for little more than
    itself."""
    assert effective_size([2.0] * 50) == pytest.approx(50)
    assert effective_size([]) == effective_size([0.0, 0.0]) == 0.0
    assert 1.0 < effective_size([100.0] + [1.0] * 50) < 2.3


def told(rows: list[Logged], policy: Any = POLICIES["always kind"]) -> Estimate:
    found = estimate(rows, policy)
    if found.refused:
        assert all(math.isnan(interval.estimate) for interval in (found.ips, found.snips, found.dr, found.gain))
    return found


def test_nothing_is_concluded_from_too_few() -> None:
    """No visitor, hardly one of the policy's arm, or hardly a reward."""
    assert told([]).refused == "nobody was drawn yet"
    few = told(fixed(Random(1), 300))
    assert few.refused == f"an effective sample of {few.effective:,.0f} is too small; it takes 200 visitors"
    poor = [row._replace(reward=float(place % 200 == 0)) for place, row in enumerate(fixed(Random(1), 4_000))]
    assert "rewards is too small" in told(poor).refused
    gone = told(fixed(Random(1), 4_000), lambda context: {"gone": 1.0})
    assert gone.effective == 0.0 and gone.refused


def test_nothing_is_concluded_where_one_context_hangs_on_a_few() -> None:
    """The arm is common in one segment and next to unseen in the other: many in all, and no estimate; the other way
    round, a segment of hardly anybody does not stop it."""
    dice = Random(2)
    rows = [Logged("phone", "kind", 0.9, float(dice.random() < 0.2)) for _ in range(2_000)]
    rows += [Logged("", "kind", 0.01, float(n % 7 == 0)) for n in range(21)]
    rows += [Logged("", "plain", 0.99, 0.0) for _ in range(2_000)]
    found = told(rows, lambda context: {"kind": 1.0} if context else {"plain": 0.5, "kind": 0.5})
    assert found.effective > 200 and found.rewarded > 20
    assert found.refused == "an effective sample of 3.0 rewards outside of the segments is too small; it takes 10"
    assert not told([*rows[:2_000], *(row._replace(propensity=0.5) for row in rows[2_000:2_021])]).refused


def test_nothing_is_concluded_where_propensities_are_missing() -> None:
    """Up to one in a hundred is left out; more, and there is no telling whom they were drawn for."""
    rows = fixed(Random(1), 4_000)
    assert not told(rows).refused
    some = [row._replace(propensity=None) if place % 150 == 0 else row for place, row in enumerate(rows)]
    assert not told(some).refused
    many = [row._replace(propensity=None) if place % 50 == 0 else row for place, row in enumerate(rows)]
    assert told(many).refused == "80 of 4,000 visitors have no propensity in the log"
