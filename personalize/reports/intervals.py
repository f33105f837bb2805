"""Intervals and tests for what was counted. Pure; `level` is the confidence of an interval, such as 0.95."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

_NORMAL = NormalDist()


class Interval(NamedTuple):
    """An estimate and the bounds around it; all three are nan where there is too little to say."""

    estimate: float
    low: float
    high: float


UNKNOWN = Interval(math.nan, math.nan, math.nan)


def share_interval(hits: int, count: int, level: float = 0.95) -> Interval:
    """A share of visitors, by Wilson's score interval (JASA 22, 1927)."""
    if count < 1:
        return UNKNOWN
    z = _NORMAL.inv_cdf((1 + level) / 2)
    share, weight = hits / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    width = z * math.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return Interval(share, max(0.0, middle - width), min(1.0, middle + width))


def share_difference(hits: int, count: int, base_hits: int, base_count: int, level: float = 0.95) -> Interval:
    """How much larger one share is than another, by Newcombe's hybrid score interval (Statistics in Medicine 17, 1998,
    873-890, method 10): it stays within -1 and 1, and holds for few and for no hits."""
    one, base = share_interval(hits, count, level), share_interval(base_hits, base_count, level)
    difference = one.estimate - base.estimate
    if math.isnan(difference):
        return UNKNOWN
    low = math.hypot(one.estimate - one.low, base.high - base.estimate)
    high = math.hypot(one.high - one.estimate, base.estimate - base.low)
    return Interval(difference, difference - low, difference + high)


class Moments(NamedTuple):
    """A sample as its size, sum and sum of squares."""

    size: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.size if self.size else math.nan

    @property
    def error(self) -> float:
        """The mean's variance; nan below two values."""
        if self.size < 2:
            return math.nan
        return max(0.0, self.squares - self.total**2 / self.size) / (self.size - 1) / self.size


def mean_contrast(samples: Sequence[tuple[float, Moments]], level: float = 0.95) -> Interval:
    """A sum of samples' means, each with a factor (1 and -1 for a difference), by Welch's interval with
    Satterthwaite's degrees of freedom (Biometrics Bulletin 2, 1946)."""
    estimate = sum(factor * sample.mean for factor, sample in samples)
    parts = [factor**2 * sample.error for factor, sample in samples]
    error = sum(parts)
    if math.isnan(error) or error <= 0.0:  # values that do not differ at all tell nothing of how far they could
        return UNKNOWN
    freedom = error**2 / sum(part**2 / (sample.size - 1) for part, (_, sample) in zip(parts, samples, strict=True))
    width = student_quantile((1 + level) / 2, freedom) * math.sqrt(error)
    return Interval(estimate, estimate - width, estimate + width)


def student_quantile(probability: float, freedom: float) -> float:
    """Student's t, for a probability above one half, by Hill's expansion (CACM algorithm 396, 1970); exact for one and
    two degrees of freedom, elsewhere to four digits or better."""
    tails = 2 * (1 - probability)
    if freedom < 1:
        freedom = 1.0
    if freedom == 1:
        return 1 / math.tan(tails * math.pi / 2)
    if freedom == 2:
        return math.sqrt(2 / (tails * (2 - tails)) - 2)
    a = 1 / (freedom - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * freedom
    y = (d * tails) ** (2 / freedom)
    if y > 0.05 + a:
        x = _NORMAL.inv_cdf(1 - tails / 2)
        y = x * x
        if freedom < 5:
            c += 0.3 * (freedom - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = (
            (1 / (((freedom + 6) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2) * 3) + 0.5 / (freedom + 4)) * y
            - 1
        ) * (freedom + 1) / (freedom + 2) + 1 / y
    return math.sqrt(freedom * y)


def chi_square_tail(value: float, freedom: int) -> float:
    """The probability of a chi-square of at least `value`: the regularised upper incomplete gamma function, by its
    series below the mean and its continued fraction above (Abramowitz and Stegun 6.5.29, 6.5.31)."""
    a, x = freedom / 2, value / 2
    if x <= 0 or freedom < 1:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while abs(term) > abs(total) * 1e-15:
            n += 1
            term *= x / n
            total += term
        return max(0.0, 1 - scale * total)
    # Lentz's evaluation of the continued fraction.
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for i in range(1, 10_000):
        factor = -i * (i - a)
        b += 2
        d = 1 / (factor * d + b)
        c = b + factor / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return scale * fraction


def fit(counts: Sequence[int], shares: Sequence[float]) -> float:
    """How probable it is that counts are at least this far from the shares (Pearson's chi-square); 1 for no counts."""
    total = sum(counts)
    expected = [total * share for share in shares]
    if total == 0 or any(e == 0 < c for c, e in zip(counts, expected, strict=True)):
        return 1.0 if total == 0 else 0.0
    kept = [(c, e) for c, e in zip(counts, expected, strict=True) if e > 0]
    return chi_square_tail(sum((c - e) ** 2 / e for c, e in kept), len(kept) - 1)


def independence(table: Sequence[Sequence[int]]) -> float:
    """How probable it is that a table's rows and columns are at least this far from independent (Pearson's
    chi-square); 1 where one row or column has everything."""
    rows = [sum(row) for row in table]
    columns = [sum(column) for column in zip(*table, strict=True)]
    total = sum(rows)
    value = sum(
        (found - row * column / total) ** 2 / (row * column / total)
        for row, cells in zip(rows, table, strict=True)
        for column, found in zip(columns, cells, strict=True)
        if row and column
    )
    freedom = (sum(map(bool, rows)) - 1) * (sum(map(bool, columns)) - 1)
    return chi_square_tail(value, freedom) if freedom > 0 else 1.0
