"""Whether an experiment has a winner: what its figures say of each thing that `promote` asks for.

Rule 1  The best is who most probably has the largest share of visitors reaching the goal (the smallest, where the
        goal's direction is decrease), by Beta distributions that know nothing beforehand. Of an experiment over parts
        it is each part's best level.
Rule 2  A guardrail stops a variant where the 95 % interval of the difference to the control lies on the harmful side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ..config.mixes import fitting, name_of
from ..model import Event
from ..protocols import Returns
from .effects import DOUBTFUL, VARIANT, Count, EffectReport, Effects, Tested
from .intervals import share_difference

if TYPE_CHECKING:
    from ..config.models import Experiment

_POINTS: Final = 10_000  # where a distribution is looked at
_WIDE: Final = 10.0  # standard deviations around each mean that are looked at


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
    chances = {part: chances_best(of, lower=lower) for part, of in counts.items()}
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
                f"{name} is the best with a probability of {probability:.3f}; {rule.probability:g} is asked for",
            ),
            Criterion(
                "min_visitors", least >= rule.min_visitors,
                f"the variant seen least has {least:,} visitors; {rule.min_visitors:,} are asked for",
            ),
            Criterion(
                "min_days", days >= rule.min_days, f"it has run for {days:.1f} days; {rule.min_days} are asked for"
            ),
        ]  # fmt: skip
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
        harm = lift.low > 0 if goal.direction == "decrease" else lift.high < 0
        low, high = 100 * lift.low, 100 * lift.high
        wanted = "more" if goal.direction == "decrease" else "less"
        if math.isnan(lift.estimate):
            low, high = -100.0, 100.0
        said = f"{chosen[part]} changes {report.tested.goal_name} by {low:+.2f} to {high:+.2f} pp; {wanted} is harm"
        yield Criterion(f"guardrail {report.tested.goal_name}", not harm, said)


def _count(report: EffectReport, part: str, level: str) -> Count:
    return next(row.count for row in report.rows if row.part == part and row.level == level)


def _largest(chances: Sequence[float]) -> int:
    return max(range(len(chances)), key=chances.__getitem__)
