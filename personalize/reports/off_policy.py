"""What another way of choosing would have earned, told from a log of random choices with known probabilities. Pure.

Three estimates of a policy's mean reward per visitor, from visitors with context c, arm a drawn with propensity p, and
reward r; w = policy(a given c) / p.

IPS    the mean of w r (Horvitz and Thompson, JASA 47, 1952): unbiased, and the noisier the larger the weights.
SNIPS  the sum of w r over the sum of w (Swaminathan and Joachims, "The self-normalized estimator for counterfactual
       learning", NIPS 2015): a little biased, far less noisy, and never outside the range of the rewards.
DR     doubly robust (Dudik, Langford, Li, "Doubly robust policy evaluation and learning", ICML 2011): a model's
       expectation under the policy, plus w times what the model missed. Unbiased where the propensities are right,
       whatever the model; the model is each arm's mean in each context, learned from the other folds of the visitors.

The effective sample is the sum of w, squared, over the sum of w squared (Kong, "A note on importance sampling using
standardized weights", 1992; Owen, "Monte Carlo theory, methods and examples", 2013, section 9.3). Where it is small, or
propensities are missing, nothing is concluded. It is asked for in each context too, and for each arm there that the
policy would give a notable share: an arm that one context draws often and another hardly ever has many visitors in all,
and one at its floor is among many of other arms, and yet an estimate hangs on a few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, NamedTuple

from .intervals import UNKNOWN, Interval

_FOLDS: Final = 5
_CALM: Final = 10.0  # visitors at the overall mean, added to each of the model's means
LEAST_VISITORS: Final = 200.0  # effective ones, below which nothing is concluded
LEAST_REWARDED: Final = 20.0  # effective visitors with a reward
LEAST_IN_CONTEXT: Final = 10.0  # of these in each context, and of an arm there, with so large a share of the visitors:
SMALL: Final = 0.05
MOST_MISSING: Final = 0.01  # of the visitors may have no propensity; they are left out


class Logged(NamedTuple):
    """One visitor: drawn once, with this probability (None: it was not logged), and what that brought."""

    context: str
    arm: str
    propensity: float | None
    reward: float


# A context -> how likely each arm is there; what is not named has probability 0.
Policy = Callable[[str], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a policy would have earned a visitor, by each estimator; `gain` is how much more (by DR) than what was
    really done. `effective` and `rewarded` are the effective numbers of visitors, and of those with a reward. `refused`
    says why nothing can be concluded; then every interval is unknown."""

    ips: Interval
    snips: Interval
    dr: Interval
    gain: Interval
    effective: float
    rewarded: float
    refused: str = ""


def estimate(logged: Sequence[Logged], policy: Policy, level: float = 0.95) -> Estimate:
    """`level` is the confidence of each interval. They are normal ones, over visitors: also for draws whose
    probabilities moved with earlier rewards, each score has the right mean given what came before."""
    told = [(row, row.propensity) for row in logged if row.propensity is not None]
    weights = [policy(row.context).get(row.arm, 0.0) / propensity for row, propensity in told]
    rows = [row for row, _ in told]
    effective = effective_size(weights)
    rewarded = effective_size([w for w, row in zip(weights, rows, strict=True) if row.reward != 0.0])
    refused = _refused(len(logged), len(told), effective, rewarded) or _refused_in_context(rows, weights, policy)
    if refused:
        return Estimate(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, effective, rewarded, refused)
    z = NormalDist().inv_cdf((1 + level) / 2)
    robust = _doubly_robust(rows, weights, policy)
    return Estimate(
        ips=_mean([w * row.reward for w, row in zip(weights, rows, strict=True)], z),
        snips=_normalized(rows, weights, z),
        dr=_mean(robust, z),
        gain=_mean([score - row.reward for score, row in zip(robust, rows, strict=True)], z),
        effective=effective,
        rewarded=rewarded,
    )


def effective_size(weights: Sequence[float]) -> float:
    """How many equally weighted visitors tell as much; 0 for none."""
    squares = math.fsum(w * w for w in weights)
    return math.fsum(weights) ** 2 / squares if squares > 0.0 else 0.0


def _refused(all_: int, told: int, effective: float, rewarded: float) -> str:
    if not all_:
        return "nobody was drawn yet"
    if told < (1 - MOST_MISSING) * all_:
        return f"{all_ - told:,} of {all_:,} visitors have no propensity in the log"
    if effective < LEAST_VISITORS:
        return f"an effective sample of {effective:,.0f} is too small; it takes {LEAST_VISITORS:,.0f} visitors"
    if rewarded < LEAST_REWARDED:
        return f"an effective sample of {rewarded:,.0f} rewards is too small; it takes {LEAST_REWARDED:,.0f}"
    return ""


def _refused_in_context(rows: Sequence[Logged], weights: Sequence[float], policy: Policy) -> str:
    visitors: dict[str, int] = {}
    rewarded: dict[str, dict[str, list[float]]] = {}  # the weights, by context and arm
    for row, weight in zip(rows, weights, strict=True):
        visitors[row.context] = visitors.get(row.context, 0) + 1
        if row.reward != 0.0:
            rewarded.setdefault(row.context, {}).setdefault(row.arm, []).append(weight)
    for context, count in visitors.items():
        of_arms = rewarded.get(context, {})
        where = f"in {context}" if context else "outside of the segments" if len(visitors) > 1 else "in all"
        in_all = [weight for each in of_arms.values() for weight in each]
        asked: list[tuple[str, float, list[float]]] = [("", count, in_all)]
        asked += [(f" of {arm}", p * count, of_arms.get(arm, [])) for arm, p in policy(context).items()]
        for whose, share, found in asked:
            if share >= SMALL * len(rows) and (size := effective_size(found)) < LEAST_IN_CONTEXT:
                told = f"an effective sample of {size:.1f} rewards{whose} {where}"
                return f"{told} is too small; it takes {LEAST_IN_CONTEXT:.0f}"
    return ""


def _mean(scores: Sequence[float], z: float) -> Interval:
    count = len(scores)
    mean = math.fsum(scores) / count
    error = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (count - 1) / count)
    return Interval(mean, mean - z * error, mean + z * error)


def _normalized(rows: Sequence[Logged], weights: Sequence[float], z: float) -> Interval:
    """The ratio of two means, with the variance of its linearization."""
    total = math.fsum(weights)
    mean = math.fsum(w * row.reward for w, row in zip(weights, rows, strict=True)) / total
    squares = math.fsum((w * (row.reward - mean)) ** 2 for w, row in zip(weights, rows, strict=True))
    error = math.sqrt(squares) / total
    return Interval(mean, mean - z * error, mean + z * error)


def _doubly_robust(rows: Sequence[Logged], weights: Sequence[float], policy: Policy) -> list[float]:
    """The score of each visitor. Visitors are dealt to the folds in turn, so each fold has every time of the log."""
    sums: list[dict[tuple[str, str], list[float]]] = [{} for _ in range(_FOLDS)]
    for place, row in enumerate(rows):
        cell = sums[place % _FOLDS].setdefault((row.context, row.arm), [0.0, 0.0])
        cell[0] += 1.0
        cell[1] += row.reward
    models = [_model([other for place, other in enumerate(sums) if place != fold]) for fold in range(_FOLDS)]
    expected: list[dict[str, float]] = [{} for _ in range(_FOLDS)]  # by context, under the policy
    scores = []
    for place, (row, weight) in enumerate(zip(rows, weights, strict=True)):
        model, here = models[place % _FOLDS], expected[place % _FOLDS]
        if row.context not in here:
            here[row.context] = math.fsum(p * model(row.context, arm) for arm, p in policy(row.context).items())
        scores.append(here[row.context] + weight * (row.reward - model(row.context, row.arm)))
    return scores


def _model(sums: Sequence[Mapping[tuple[str, str], Sequence[float]]]) -> Callable[[str, str], float]:
    """Each arm's mean in each context, drawn a little towards the mean of all."""
    cells: dict[tuple[str, str], tuple[float, float]] = {}
    for each in sums:
        for key, (count, total) in each.items():
            known = cells.get(key, (0.0, 0.0))
            cells[key] = (known[0] + count, known[1] + total)
    visitors = math.fsum(count for count, _ in cells.values())
    overall = math.fsum(total for _, total in cells.values()) / visitors if visitors else 0.0
    means = {key: (total + _CALM * overall) / (count + _CALM) for key, (count, total) in cells.items()}
    return lambda context, arm: means.get((context, arm), overall)
