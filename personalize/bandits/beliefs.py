"""What is believed of one arm's reward per visitor, as points with weights. Pure, without any chance.

Conversions: a Beta distribution. Revenue: two parts (a hurdle model: Cragg, "Some statistical models for limited
dependent variables", Econometrica 39, 1971), since most visitors buy nothing: a Beta for whether they buy, and for what
buyers spend the Student t that a normal-inverse-gamma prior gives (Murphy, "Conjugate Bayesian analysis of the Gaussian
distribution", 2007, section 6). One normal over all visitors would take an arm without an order yet for one that surely
earns nothing: its sample variance is 0.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

_POINTS: Final = 64  # of one distribution
_AMOUNTS: Final = 24  # of what buyers spend; each goes with every point of whether they buy
_REACH: Final = 7.0  # standard deviations on either side


@dataclass(frozen=True, slots=True)
class Spent:
    """A normal-inverse-gamma distribution over the mean and variance of what buyers spend: the mean, how many orders it
    is worth, and the shape and scale of the variance's inverse gamma."""

    mean: float
    orders: float
    shape: float
    scale: float

    def seeing(self, count: float, total: float, squares: float) -> Spent:
        """After `count` more orders that add up to `total`, their squares to `squares`."""
        if count <= 0:
            return self
        orders, mean = self.orders + count, total / count
        within = max(0.0, squares - count * mean * mean)
        between = self.orders * count * (mean - self.mean) ** 2 / orders
        return Spent(
            mean=(self.orders * self.mean + total) / orders,
            orders=orders,
            shape=self.shape + count / 2,
            scale=self.scale + (within + between) / 2,
        )


class Belief:
    """A distribution as points, rising, with weights that add up to one."""

    __slots__ = ("_below", "values", "weights")

    def __init__(self, values: Sequence[float], weights: Sequence[float]) -> None:
        total = math.fsum(weights)
        self.values = tuple(values)
        self.weights = tuple(w / total for w in weights)
        # Half of a point's weight lies below it.
        self._below = tuple(up_to - w / 2 for up_to, w in zip(accumulate(self.weights), self.weights, strict=True))

    @property
    def mean(self) -> float:
        return math.fsum(map(float.__mul__, self.values, self.weights))

    def below(self, value: float) -> float:
        """The probability of less than `value`, interpolated between points."""
        place = bisect_left(self.values, value)
        if place == 0:
            return self._below[0] if value == self.values[0] else 0.0
        if place == len(self.values):
            return 1.0
        low, high = self.values[place - 1], self.values[place]
        part = (value - low) / (high - low)
        return self._below[place - 1] + part * (self._below[place] - self._below[place - 1])

    def below_each(self, values: Sequence[float]) -> list[float]:
        """`below` of values that rise."""
        found, own, shares = [], self.values, self._below
        place, last = 0, len(own)
        for value in values:
            while place < last and own[place] < value:
                place += 1
            if place == 0:
                found.append(shares[0] if value == own[0] else 0.0)
            elif place == last:
                found.append(1.0)
            else:
                low, begun = own[place - 1], shares[place - 1]
                found.append(begun + (value - low) / (own[place] - low) * (shares[place] - begun))
        return found

    def quantile(self, share: float) -> float:
        """The value that `share` of the distribution lies below."""
        place = bisect_left(self._below, share)
        if place == 0:
            return self.values[0]
        if place == len(self.values):
            return self.values[-1]
        low, high = self._below[place - 1], self._below[place]
        return self.values[place - 1] + (share - low) / (high - low) * (self.values[place] - self.values[place - 1])


def of_rate(wins: float, losses: float) -> Belief:
    """Beta(wins, losses), both above 0, on points even in log odds: there it has one peak and light tails."""
    middle = _digamma(wins) - _digamma(losses)
    step = 2 * _REACH * math.sqrt(_trigamma(wins) + _trigamma(losses)) / (_POINTS - 1)
    values, heights = [], []
    for place in range(_POINTS):
        odds = middle + (place - (_POINTS - 1) / 2) * step
        # log x and log (1 - x) for x = 1 / (1 + e^-odds), neither of which may overflow
        log_x = -math.log1p(math.exp(-odds)) if odds > -700 else odds
        log_rest = log_x - odds
        values.append(math.exp(log_x))
        heights.append(wins * log_x + losses * log_rest)  # the density over the log odds
    return Belief(values, _from_logs(heights))


def of_revenue(rate: Belief, spent: Spent) -> Belief:
    """Revenue per visitor: the rate of buyers times what they spend, which is never less than nothing."""
    freedom = 2 * spent.shape
    spread = math.sqrt(spent.scale / (spent.shape * spent.orders))
    amounts = []
    for place in range(_AMOUNTS):
        z = (place - (_AMOUNTS - 1) / 2) * 2 * _REACH / (_AMOUNTS - 1)
        amount = spent.mean + z * spread
        if amount > 0:
            amounts.append((amount, math.exp(-(freedom + 1) / 2 * math.log1p(z * z / freedom))))
    if not amounts or spread <= 1e-9 * spent.mean:
        amounts = [(max(spent.mean, 0.0), 1.0)]
    pairs = sorted((x * amount, w * v) for x, w in zip(rate.values, rate.weights, strict=True) for amount, v in amounts)
    return _thinned(pairs)


def _thinned(pairs: Sequence[tuple[float, float]]) -> Belief:
    """Neighbours put together at their mean, until about three times _POINTS are left."""
    most = math.fsum(w for _, w in pairs) / (3 * _POINTS)
    values: list[float] = []
    weights: list[float] = []
    weight = moment = 0.0
    for value, w in pairs:
        weight, moment = weight + w, moment + value * w
        if weight >= most:
            values.append(moment / weight)
            weights.append(weight)
            weight = moment = 0.0
    if weight > 0.0:
        values.append(moment / weight)
        weights.append(weight)
    return Belief(list(accumulate(values, max)), weights)  # rounding must not put them out of order


def _from_logs(heights: Sequence[float]) -> list[float]:
    top = max(heights)
    return [math.exp(height - top) for height in heights]


def _digamma(x: float) -> float:
    """The mean of the log of a gamma variable (Abramowitz and Stegun 6.3.5 and 6.3.18)."""
    shift = 0.0
    while x < 6:
        shift -= 1 / x
        x += 1
    square = 1 / (x * x)
    return shift + math.log(x) - 0.5 / x - square * (1 / 12 - square * (1 / 120 - square / 252))


def _trigamma(x: float) -> float:
    """Its variance (Abramowitz and Stegun 6.4.6 and 6.4.12)."""
    shift = 0.0
    while x < 6:
        shift += 1 / (x * x)
        x += 1
    square = 1 / (x * x)
    return shift + 1 / x + square / 2 + square / x * (1 / 6 - square * (1 / 30 - square / 42))
