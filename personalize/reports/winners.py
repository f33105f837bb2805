"""Whether an experiment has a winner: what its figures say of each thing that `promote` asks for.

Rule 1  The best is who most probably has the largest share of visitors reaching the goal (the smallest, where the
        goal's direction is decrease), by Beta distributions that know nothing beforehand. Where the goal has a value,
        it is whose visitors most probably bring most on average, by normal distributions around the means. Of an
        experiment over parts it is each part's best level.
Rule 2  A guardrail stops a variant where the 95 % interval of the difference to the control lies on the harmful side:
        of shares, or of what a visitor brings where the guardrail's goal has a value.
Rule 3  Of money, few visitors bring most. Between groups of one size that cancels out; a small group mostly misses the
        few, and then looks worse than it is, and surer. So means are compared only where the skewness of their
        difference, by the values of all groups together, is at most 0.2: the bound up to which Cochran ("Sampling
        Techniques", 3rd ed., 1977, section 2.15) trusts a normal interval for a mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

from ..config.mixes import fitting, name_of
from ..model import Event
from ..protocols import Returns
from .effects import DOUBTFUL, VARIANT, Count, EffectReport, Effects, Tested
from .intervals import mean_contrast, share_difference

if TYPE_CHECKING:
    from ..config.models import Experiment

_POINTS: Final = 10_000  # where a distribution is looked at
_WIDE: Final = 10.0  # standard deviations around each mean that are looked at
_STEPS: Final = 1_000  # of a normal distribution
_BEARABLE: Final = 0.2  # Rule 3


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that is asked for, whether it is met, and the values in words."""

    name: str  # seen | probability | min_visitors | min_days | sample_ratio | guardrail NAME
    met: bool
    said: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether `variant`, the best one where none was asked for, may be promoted; `by_itself` says that no person has to
    agree."""

    experiment: str
    variant: str
    probability: float | None
    criteria: Sequence[Criterion]
    by_itself: bool

    @property
    def ready(self) -> bool:
        return all(criterion.met for criterion in self.criteria)

    @property
    def missing(self) -> list[str]:
        return [criterion.said for criterion in self.criteria if not criterion.met]


class Guardrails:
    """A fold over the log: what experiments did to the goals that must not suffer."""

    def __init__(self, tested: Sequence[Tested], person: Callable[[Event], str], returns: Returns) -> None:
        rounds: list[list[Tested]] = []  # Effects knows a key once
        for each in tested:
            for number, (name, goal) in enumerate(each.guardrails.items()):
                rounds += [[]] if number == len(rounds) else []
                rounds[number].append(replace(each, goal_name=name, goal=goal))
        self._effects = [Effects(each, person, returns=returns) for each in rounds]

    def apply(self, event: Event) -> None:
        for effects in self._effects:
            effects.apply(event)

    def reports(self) -> list[EffectReport]:
        return [report for effects in self._effects for report in effects.reports()]


def judge(
    test: Experiment,
    effects: Sequence[EffectReport],
    guarded: Sequence[EffectReport],
    now: float,
    variant: str | None = None,
) -> Verdict:
    """What reports of all experiments, and of their guardrails, say of one of them."""
    report = next((each for each in effects if each.tested.key == test.key), None)
    rule = test.promote
    by_itself = rule is not None and rule.approval == "none"
    if report is None or report.tested.goal is None:
        said = "it names no goal" if test.goal is None else "it was shown to nobody yet"
        return Verdict(test.key, variant or "", None, [Criterion("seen", False, said)], by_itself)
    counts = {part: [_count(report, part, level) for level in of] for part, of in report.tested.parts.items()}
    lower = report.tested.goal.direction == "decrease"
    valued = report.tested.goal.value is not None
    chances = {part: (chances_most if valued else chances_best)(of, lower=lower) for part, of in counts.items()}
    if variant is None:
        chosen = {part: of[_largest(chances[part])] for part, of in report.tested.parts.items()}
    else:
        chosen = dict(fitting(test.levels, variant)[0]) if test.parts else {VARIANT: variant}
    name = name_of(chosen.items()) if test.parts else chosen[VARIANT]
    probability = math.prod(
        chances[part][list(of).index(chosen[part])] for part, of in report.tested.parts.items()
    )
    criteria: list[Criterion] = []
    if rule is not None:
        least = min(count.visitors for of in counts.values() for count in of)
        days = (min(now, report.tested.until) - report.began) / 86_400
        criteria = [
            Criterion(
                "probability", probability >= rule.probability,
                f"{name} is the best{' by value' if valued else ''} with a probability of {probability:.3f};"
                f" {rule.probability:g} is asked for",
            ),
            Criterion(
                "min_visitors", least >= rule.min_visitors,
                f"the variant seen least has {least:,} visitors; {rule.min_visitors:,} are asked for",
            ),
            Criterion(
                "min_days", days >= rule.min_days, f"it has run for {days:.1f} days; {rule.min_days} are asked for"
            ),
        ]  # fmt: skip
    if valued:
        criteria.append(_comparable(counts))
    ratio = min(report.ratios.values(), default=1.0)
    said = f"visitors stand in the ratio of the weights with p = {ratio:.2g}; {DOUBTFUL:g} is asked for"
    criteria.append(Criterion("sample_ratio", ratio >= DOUBTFUL, said))
    for each in guarded:
        if each.tested.key == test.key:
            criteria += _guarded(each, chosen)
    return Verdict(test.key, name, probability, criteria, by_itself)


def chances_best(counts: Sequence[Count], *, lower: bool = False) -> list[float]:
    """How probable it is of each that its share is the largest (the lowest), by numerical integration over Beta
    distributions with a uniform prior."""
    betas = []
    for count in counts:
        hits = count.visitors - count.reached if lower else count.reached
        betas.append((1.0 + hits, 1.0 + count.visitors - hits))
    spread = [(a / (a + b), _WIDE * math.sqrt(a * b / (a + b + 1)) / (a + b)) for a, b in betas]
    low = max(0.0, min(mean - width for mean, width in spread))
    high = min(1.0, max(mean + width for mean, width in spread))
    points = [low + (high - low) * (n + 0.5) / _POINTS for n in range(_POINTS)]
    densities = [_density(a, b, points) for a, b in betas]
    below = []  # the probability of less than each point
    for density in densities:
        total, sums = 0.0, []
        for mass in density:
            sums.append(total + mass / 2)
            total += mass
        below.append(sums)
    chances = [
        math.fsum(
            mass * math.prod(below[other][n] for other in range(len(betas)) if other != one)
            for n, mass in enumerate(density)
        )
        for one, density in enumerate(densities)
    ]
    return [chance / math.fsum(chances) for chance in chances]


def chances_most(counts: Sequence[Count], *, lower: bool = False) -> list[float]:
    """How probable it is of each that its visitors bring most on average (least), by normal distributions around the
    means. A group whose values do not differ is as unsure as all groups together make it."""
    mean, spread, _ = _values(counts)
    if spread <= 0.0:
        return [1 / len(counts)] * len(counts)
    sign = -1.0 if lower else 1.0
    means = [sign * (count.moments.mean if count.visitors else mean) for count in counts]
    own = [count.moments.error for count in counts]
    errors = [
        math.sqrt(error if error > 0.0 else spread / max(1, count.visitors))
        for error, count in zip(own, counts, strict=True)
    ]
    points = [_WIDE * ((2 * n + 1) / _STEPS - 1) for n in range(_STEPS)]
    others = [[other for other in range(len(counts)) if other != one] for one in range(len(counts))]
    chances = [
        math.fsum(
            math.exp(-z * z / 2) * math.prod(_below((at + z * error - means[n]) / errors[n]) for n in beside)
            for z in points
        )
        for at, error, beside in zip(means, errors, others, strict=True)
    ]
    return [chance / math.fsum(chances) for chance in chances]


def _below(z: float) -> float:
    """How much of a normal distribution lies below so many of its standard deviations."""
    return math.erfc(-z / math.sqrt(2)) / 2


def _comparable(counts: Mapping[str, Sequence[Count]]) -> Criterion:
    """Rule 3."""
    uneven = worst = 0.0
    for of in counts.values():
        _, spread, third = _values(of)
        if spread <= 0.0 or min(count.visitors for count in of) < 1:
            return Criterion("values", False, "what visitors bring can't be compared yet: no two of them differ")
        uneven = third / spread**1.5
        for one, other in combinations([1 / count.visitors for count in of], 2):
            worst = max(worst, abs(uneven * (one**2 - other**2)) / (one + other) ** 1.5)
    said = f"what a visitor brings has a skewness of {uneven:.1f}, and the difference between variants of these sizes"
    return Criterion("values", worst <= _BEARABLE, f"{said} of {worst:.2f}; at most {_BEARABLE:g} is asked for")


def _values(counts: Sequence[Count]) -> tuple[float, float, float]:
    """Of all groups' values together: their mean, variance and third central moment; zeros of none."""
    size = sum(count.visitors for count in counts)
    if not size:
        return 0.0, 0.0, 0.0
    mean = math.fsum(count.total for count in counts) / size
    squares = math.fsum(count.squares for count in counts) / size
    cubes = math.fsum(count.cubes for count in counts) / size
    return mean, squares - mean**2, cubes - 3 * mean * squares + 2 * mean**3


def _density(a: float, b: float, points: Sequence[float]) -> list[float]:
    """A Beta distribution's mass around each point, adding up to one."""
    logs = [(a - 1) * math.log(x) + (b - 1) * math.log1p(-x) for x in points]
    top = max(logs)
    masses = [math.exp(each - top) for each in logs]
    total = math.fsum(masses)
    return [mass / total for mass in masses]


def _guarded(report: EffectReport, chosen: Mapping[str, str]) -> Iterator[Criterion]:
    goal = report.tested.goal
    assert goal is not None
    for part, levels in report.tested.parts.items():
        if chosen[part] == levels[0]:
            continue  # the control does no harm to itself
        one, base = _count(report, part, chosen[part]), _count(report, part, levels[0])
        lift = share_difference(one.reached, one.visitors, base.reached, base.visitors)
        scale, unit = 100.0, "pp"
        if goal.value is not None:
            lift, scale, unit = mean_contrast([(1, one.moments), (-1, base.moments)]), 1.0, "a visitor"
        harm = lift.low > 0 if goal.direction == "decrease" else lift.high < 0
        wanted = "more" if goal.direction == "decrease" else "less"
        change = f"by {scale * lift.low:+.2f} to {scale * lift.high:+.2f} {unit}"
        if math.isnan(lift.estimate):
            change = "by nobody knows how much yet"
        said = f"{chosen[part]} changes {report.tested.goal_name} {change}; {wanted} is harm"
        yield Criterion(f"guardrail {report.tested.goal_name}", not harm, said)


def _count(report: EffectReport, part: str, level: str) -> Count:
    return next(row.count for row in report.rows if row.part == part and row.level == level)


def _largest(chances: Sequence[float]) -> int:
    return max(range(len(chances)), key=chances.__getitem__)
