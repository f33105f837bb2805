"""What is believed of every arm in every context, before and after its own visitors: a prior pooled over contexts.

Empirical Bayes (Efron and Morris, "Data analysis using Stein's estimator and its generalizations", JASA 70, 1975). A
context's prior for an arm has its mean from the level of the context's *other* arms times the arm's lift in the *other*
contexts; so nothing is counted twice. How much that prior weighs, in conversions, is what the data insist on: the
weakest weight whose marginal (beta-binomial) likelihood comes near to the best one's, and never more than it was told
from. With one context it is worth a single conversion at the other arms' rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .beliefs import Belief, Spent, of_rate, of_revenue

_WEIGHTS: Final = tuple(2.0**n for n in range(11))  # conversions that a prior may be worth
_NEAR: Final = 1.0  # of log likelihood: weaker priors within this of the best are preferred
_CALM: Final = 5.0  # conversions as expected, added before a lift is believed
_SWEEPS: Final = 12
_HIGHEST: Final = 0.99
_SHAPE: Final = 2.0  # of the prior of the variance of what buyers spend: worth four orders


@dataclass(slots=True)
class Cell:
    """Sums over the visitors of one arm in one context; they may be discounted, so they are no whole numbers. `wins`
    are visitors with a reward, `amount` what they brought, `squares` the squares of it."""

    visitors: float = 0.0
    wins: float = 0.0
    amount: float = 0.0
    squares: float = 0.0

    def as_row(self) -> list[float]:
        """What __init__ takes."""
        return [self.visitors, self.wins, self.amount, self.squares]

    def over(self, worth: float) -> Cell:
        """The same sums in units of `worth`."""
        return Cell(self.visitors / worth, self.wins / worth, self.amount / worth, self.squares / worth)


Cells = Sequence[Sequence[Cell]]  # by context, then by arm


def rates(cells: Cells) -> list[list[Belief]]:
    """What is believed of the share of visitors with a reward."""
    means, most = _means(cells)
    weight = _weight(cells, means, most)
    beliefs = []
    for row, row_means, row_most in zip(cells, means, most, strict=True):
        told = []
        for cell, mean, limit in zip(row, row_means, row_most, strict=True):
            wins, losses = _prior(mean, min(weight, limit))
            told.append(of_rate(wins + cell.wins, losses + max(0.0, cell.visitors - cell.wins)))
        beliefs.append(told)
    return beliefs


def revenues(cells: Cells) -> list[list[Belief]]:
    """What is believed of revenue per visitor, buyers or not. What buyers spend is pooled over arms: the prior's mean
    is the context's, its variance that within all cells; it is worth one order."""
    wins = math.fsum(cell.wins for row in cells for cell in row)
    overall = math.fsum(cell.amount for row in cells for cell in row) / wins if wins > 0 else 1.0
    within = math.fsum(c.squares - c.amount * c.amount / c.wins for row in cells for c in row if c.wins > 0)
    parted = sum(cell.wins > 0 for row in cells for cell in row)
    # One typical order's square stands in until there is something to tell the variance from.
    variance = (max(0.0, within) + overall * overall) / (max(0.0, wins - parted) + 1)
    beliefs = []
    for row, row_rates in zip(cells, rates(cells), strict=True):
        orders = math.fsum(cell.wins for cell in row)
        mean = (math.fsum(cell.amount for cell in row) + overall) / (orders + 1)
        prior = Spent(mean, 1.0, _SHAPE, (_SHAPE - 1) * variance)
        beliefs.append(
            [
                of_revenue(rate, prior.seeing(cell.wins, cell.amount, cell.squares))
                for cell, rate in zip(row, row_rates, strict=True)
            ]
        )
    return beliefs


def _prior(mean: float, weight: float) -> tuple[float, float]:
    """A Beta's two numbers, worth `weight` conversions."""
    return weight, weight * (1 - mean) / mean


def _means(cells: Cells) -> tuple[list[list[float]], list[list[float]]]:
    """The prior's mean for each context and arm, and the most conversions that it may be worth: one, and as many as
    the lift and the level together tell of it (their relative variances, one over the conversions of each, add up)."""
    visitors = math.fsum(cell.visitors for row in cells for cell in row)
    overall = (math.fsum(cell.wins for row in cells for cell in row) + 0.5) / (visitors + 1)
    arms = range(len(cells[0]))
    lifts = [1.0] * len(arms)
    levels = [overall] * len(cells)
    for _ in range(_SWEEPS if len(cells) > 1 else 0):  # visitors * level * lift fits both margins
        levels = [_level(row, lifts, overall, None)[0] for row in cells]
        lifts = [_lift(cells, levels, arm, None)[0] for arm in arms]
    means, most = [], []
    for place, row in enumerate(cells):
        of_lift = [_lift(cells, levels, arm, place) for arm in arms]
        lifts = [lift for lift, _ in of_lift]
        of_level = [_level(row, lifts, overall, arm) for arm in arms]
        means.append([min(_HIGHEST, level * lift) for (level, _), lift in zip(of_level, lifts, strict=True)])
        told = [(one, other) for (_, one), (_, other) in zip(of_lift, of_level, strict=True)]
        most.append([1.0 + (one * other / (one + other) if one and other else 0.0) for one, other in told])
    return means, most


def _level(row: Sequence[Cell], lifts: Sequence[float], overall: float, but: int | None) -> tuple[float, float]:
    """A context's rate for an arm of lift 1, from all arms but one, with one conversion at the overall rate added; and
    the conversions that it is told from."""
    wins = expected = 0.0
    for arm, (cell, lift) in enumerate(zip(row, lifts, strict=True)):
        if arm != but:
            wins += cell.wins
            expected += cell.visitors * lift
    return (wins + 1) / (expected + 1 / overall), wins


def _lift(cells: Cells, levels: Sequence[float], arm: int, but: int | None) -> tuple[float, float]:
    """An arm's conversions in all contexts but one, over those expected of their levels; and the conversions."""
    wins = expected = 0.0
    for place, (row, level) in enumerate(zip(cells, levels, strict=True)):
        if place != but:
            wins += row[arm].wins
            expected += row[arm].visitors * level
    return (wins + _CALM) / (expected + _CALM), wins


def _weight(cells: Cells, means: list[list[float]], most: list[list[float]]) -> float:
    if len(cells) == 1:
        return 1.0
    flat = [
        (cell, mean, limit)
        for row, row_means, row_most in zip(cells, means, most, strict=True)
        for cell, mean, limit in zip(row, row_means, row_most, strict=True)
        if cell.visitors > 0
    ]
    found = {
        weight: math.fsum(_likelihood(cell, *_prior(mean, min(weight, limit))) for cell, mean, limit in flat)
        for weight in _WEIGHTS
    }
    best = max(found.values())
    return next(weight for weight, likelihood in found.items() if likelihood >= best - _NEAR)


def _likelihood(cell: Cell, wins: float, losses: float) -> float:
    """Of a beta-binomial, but for a constant of the data."""
    lost = max(0.0, cell.visitors - cell.wins)
    return _log_beta(wins + cell.wins, losses + lost) - _log_beta(wins, losses)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
