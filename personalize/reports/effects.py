"""What an experiment's variants, or each of its parts, did for its goal: main effects with intervals.

A visitor counts as what was drawn first, from the first exposure on, also where the content failed (intention to
treat); held-out visitors do not count. Since parts are drawn independently, the difference between two levels of one
part over everybody is that part's own effect, whatever the others show (Box, Hunter, Hunter, "Statistics for
Experimenters", 2nd ed., 2005, chapter 5), and every visitor tells of every part.

What came back of an order inside the goal's window is taken off its value. The order still counts as one: it was made.

The intervals of one experiment hold together with 95 % (Bonferroni): each comparison is given its share of the 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ..model import ERASED, Event, Refund, Sale
from ..protocols import Returns
from .intervals import Interval, Moments, fit, mean_contrast, share_difference, share_interval

if TYPE_CHECKING:
    from ..config.models import Config, Goal

DOUBTFUL: Final = 0.001  # of a sample ratio this improbable nothing is concluded
_UNSURE: Final = 0.05
_MANY_SEVERAL: Final = 0.01  # of the visitors
_ORDER: Final = "Order Completed"
_BACK: Final = ("Order Refunded", "Order Cancelled")
VARIANT: Final = ""  # stands where a part's name does, in an experiment of variants


@dataclass(frozen=True, slots=True)
class Tested:
    """An experiment to be counted: the levels of its parts with their shares of newcomers, the control first. What
    comes after `until`, when a variant was promoted, tells nothing of the others."""

    key: str
    parts: Mapping[str, Sequence[str]]
    shares: Mapping[str, Sequence[float]]
    goal_name: str
    goal: Goal | None
    iteration: int = 1
    until: float = math.inf
    guardrails: Mapping[str, Goal] = field(default_factory=dict)


@dataclass(slots=True)
class Count:
    """Visitors, how many of them reached the goal, and what that was worth."""

    visitors: int = 0
    reached: int = 0
    total: float = 0.0
    squares: float = 0.0
    cubes: float = 0.0

    def add(self, other: Count) -> None:
        self.visitors += other.visitors
        self.reached += other.reached
        self.total += other.total
        self.squares += other.squares
        self.cubes += other.cubes

    @property
    def moments(self) -> Moments:
        return Moments(self.visitors, self.total, self.squares)

    @property
    def hits(self) -> Moments:
        """Reaching the goal as a value of 0 or 1."""
        return Moments(self.visitors, self.reached, self.reached)


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One level of one part. `lift` and `value_lift` are differences to the control, a visitor (None: the control)."""

    part: str
    level: str
    count: Count
    share: Interval
    lift: Interval | None
    value_lift: Interval | None


@dataclass(frozen=True, slots=True)
class Together:
    """What two levels do together beyond what each does alone, to the share of visitors who reach the goal."""

    levels: tuple[tuple[str, str], tuple[str, str]]
    beyond: Interval


@dataclass(frozen=True, slots=True)
class EffectReport:
    """One experiment. `ratios` has, by part, how probable the visitors' split is under today's weights; `several` are
    visitors who saw more than what they count as; `began` is when it was first shown."""

    tested: Tested
    rows: Sequence[LevelRow]
    together: Sequence[Together]
    cells: Mapping[tuple[str, ...], Count]  # by combination, of those that were seen
    ratios: Mapping[str, float]
    comparisons: int
    several: int = 0
    began: float = math.inf

    @property
    def visitors(self) -> int:
        return sum(count.visitors for count in self.cells.values())

    @property
    def possible(self) -> int:
        """How many combinations there are."""
        return math.prod(len(levels) for levels in self.tested.parts.values())

    def notes(self) -> list[str]:
        """What the reader has to know about the figures."""
        told = []
        if self.tested.goal is None:
            told.append("it names no goal, so only visitors are counted")
        for part, chance in self.ratios.items():
            if chance < DOUBTFUL:
                name = part or "the variants"
                told.append(
                    f"the visitors of {name} do not stand in the ratio of its weights (p = {chance:.2g}): unless these"
                    " were changed while it ran, something loses visitors, and nothing here can be trusted"
                )
        if self.several:
            told.append(
                f"{self.several:,} of {self.visitors:,} visitors saw more than one variant, in several browsers or"
                " since one was taken out; each counts as what was shown first"
            )
            if self.several > _MANY_SEVERAL * self.visitors:
                told.append("these are so many that differences look smaller than they are")
        if len(self.tested.parts) > 1:
            fewest = min((count.visitors for count in self.cells.values()), default=0)
            told.append(
                f"{len(self.cells)} of {self.possible} combinations were seen, the rarest by {fewest:,} visitors"
            )
        if self.comparisons > 1 and self.tested.goal is not None:
            told.append(f"its {self.comparisons} comparisons hold together with 95 %, column by column")
        return told


class Effects:
    """A fold over the log. Holds a few hundred bytes for each visitor of each experiment, and what buyers ordered."""

    def __init__(
        self,
        tested: Sequence[Tested],
        person: Callable[[Event], str] = lambda event: event.visitor,
        *,
        returns: Returns,
    ) -> None:
        """`person` gives the one name under which all that a person did is counted."""
        self._tested = tuple(tested)
        self._by_key = {each.key: _Seen(each, returns) for each in tested}
        self._by_event: dict[str, list[_Seen]] = {}
        self._sold: list[_Seen] = []  # those that count the money of orders
        for seen in self._by_key.values():
            if (goal := seen.tested.goal) is not None:
                self._by_event.setdefault(goal.event, []).append(seen)
                if goal.event == _ORDER and goal.value is not None:
                    self._sold.append(seen)
        self._person = person

    def apply(self, event: Event) -> None:
        if not event.counted:
            return
        for shown in event.exposures:
            seen = self._by_key.get(str(shown.get("experiment")))
            if seen is not None and shown.get("held") is not True:
                seen.expose(self._person(event), shown, event.time)
        for seen in self._by_event.get(event.name, ()):
            seen.reach(self._person(event), event)
        if event.name in _BACK:
            for seen in self._sold:
                seen.give_back(self._person(event), event)
        if event.name == ERASED:
            for seen in self._by_key.values():
                seen.visitors.pop(self._person(event), None)

    def reports(self) -> list[EffectReport]:
        """One for each experiment that was seen, in the config's order."""
        return [
            replace(
                report_of(seen.tested, seen.cells(), sum(v.several for v in seen.visitors.values())),
                began=min(v.time for v in seen.visitors.values()),
            )
            for seen in self._by_key.values()
            if seen.visitors
        ]


@dataclass(slots=True)
class _Visitor:
    levels: tuple[str, ...]
    time: float
    times: int = 0
    value: float = 0.0
    several: bool = False
    sales: tuple[tuple[Sale, float], ...] = ()  # with the value that each counts
    refunds: tuple[Refund, ...] = ()


@dataclass(slots=True)
class _Seen:
    tested: Tested
    returns: Returns
    visitors: dict[str, _Visitor] = field(default_factory=dict)
    _known: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)  # one tuple for all who have it

    def expose(self, visitor: str, shown: Mapping[str, Any], time: float) -> None:
        if time > self.tested.until:
            return
        levels = shown.get("levels")
        drawn = {VARIANT: shown.get("variant"), **(levels if isinstance(levels, Mapping) else {})}
        found = tuple([str(drawn.get(part)) for part in self.tested.parts])
        first = self.visitors.get(visitor)
        if first is not None:
            first.several |= found != first.levels
        elif all(level in known for level, known in zip(found, self.tested.parts.values(), strict=True)):
            self.visitors[visitor] = _Visitor(self._known.setdefault(found, found), time)

    def reach(self, visitor: str, event: Event) -> None:
        seen, goal = self.visitors.get(visitor), self.tested.goal
        if seen is None or goal is None or not self.counts(seen, goal, event.time):
            return
        seen.times += 1
        if goal.value is None:
            return
        value = _number(event.properties.get(goal.value)) if seen.times >= goal.nth else 0.0
        if goal.event == _ORDER:
            seen.sales += ((self.returns.sale_of(event), value),)
        else:
            seen.value += value

    def counts(self, seen: _Visitor, goal: Goal, time: float) -> bool:
        """Whether what a visitor did then tells of what was shown."""
        return seen.time <= time <= min(seen.time + goal.window, self.tested.until)

    def give_back(self, visitor: str, event: Event) -> None:
        seen, goal = self.visitors.get(visitor), self.tested.goal
        if seen is not None and goal is not None and self.counts(seen, goal, event.time):
            seen.refunds += (self.returns.refund_of(event),)

    def worth(self, seen: _Visitor) -> float:
        """What a visitor brought: of each order the share that did not come back."""
        if not seen.refunds:
            return seen.value + sum(value for _, value in seen.sales)
        kept = self.returns.kept([sale for sale, _ in seen.sales], seen.refunds)
        return seen.value + sum(value * share for (_, value), share in zip(seen.sales, kept, strict=True))

    def cells(self) -> dict[tuple[str, ...], Count]:
        found: dict[tuple[str, ...], Count] = {}
        nth = self.tested.goal.nth if self.tested.goal is not None else 1
        for seen in self.visitors.values():
            worth = self.worth(seen)
            one = Count(1, int(seen.times >= nth), worth, worth**2, worth**3)
            found.setdefault(seen.levels, Count()).add(one)
        return found


def experiments_in(config: Config, until: Mapping[str, float] = MappingProxyType({})) -> list[Tested]:
    """Every experiment of a config but bandits, whose shares move with what they see (see `personalize bandit`); where
    one key stands in several slots, the first. `until` says when a variant of one was promoted."""
    found: dict[str, Tested] = {}
    for slot in config.slots.values():
        for experience in slot.experiences:
            test = experience.experiment
            if test is None or test.key in found or test.allocate != "weights":
                continue
            weights: Mapping[str, Sequence[float]] = {
                part: [level.weight for level in levels] for part, levels in test.parts.items()
            } or {VARIANT: [v.range[1] - v.range[0] if v.range is not None else v.weight for v in test.variants]}
            parts = test.levels or {VARIANT: test.names}
            shares = {part: [weight / sum(of) for weight in of] for part, of in weights.items() if sum(of)}
            goal = config.goals.get(test.goal) if test.goal is not None else None
            end = until.get(test.key, math.inf)
            guardrails = {name: config.goals[name] for name in test.guardrails}
            found[test.key] = Tested(test.key, parts, shares, test.goal or "", goal, test.iteration, end, guardrails)
    return list(found.values())


def report_of(tested: Tested, cells: Mapping[tuple[str, ...], Count], several: int = 0) -> EffectReport:
    """Main effects, and what pairs of levels do together, from the counts of each combination."""
    comparisons = sum(len(levels) - 1 for levels in tested.parts.values())
    level = 1 - _UNSURE / max(1, comparisons)
    rows: list[LevelRow] = []
    ratios: dict[str, float] = {}
    for place, (part, levels) in enumerate(tested.parts.items()):
        counts = {name: _pooled(cells, {place: name}) for name in levels}
        if part in tested.shares:
            ratios[part] = fit([count.visitors for count in counts.values()], tested.shares[part])
        control = counts[levels[0]]
        for name, count in counts.items():
            lift = value = None
            if count is not control:
                lift = share_difference(count.reached, count.visitors, control.reached, control.visitors, level)
                value = mean_contrast([(1, count.moments), (-1, control.moments)], level)
            rows.append(LevelRow(part, name, count, share_interval(count.reached, count.visitors), lift, value))
    return EffectReport(tested, rows, _together(tested, cells), cells, ratios, comparisons, several)


def _together(tested: Tested, cells: Mapping[tuple[str, ...], Count]) -> list[Together]:
    """Differences of differences for each pair of levels that are no controls, over all other parts."""
    parts = list(tested.parts.items())
    pairs = [
        (one, other, first, second)
        for one, other in combinations(range(len(parts)), 2)
        for first, second in product(parts[one][1][1:], parts[other][1][1:])
    ]
    level = 1 - _UNSURE / max(1, len(pairs))
    found = []
    for one, other, first, second in pairs:
        (part, of_one), (beside, of_other) = parts[one], parts[other]
        corners = product(((1, first), (-1, of_one[0])), ((1, second), (-1, of_other[0])))
        contrast = [(s * t, _pooled(cells, {one: a, other: b}).hits) for (s, a), (t, b) in corners]
        found.append(Together(((part, first), (beside, second)), mean_contrast(contrast, level)))
    return found


def _pooled(cells: Mapping[tuple[str, ...], Count], wanted: Mapping[int, str]) -> Count:
    """All combinations that have these levels, by the part's place."""
    found = Count()
    for levels, count in cells.items():
        if all(levels[place] == name for place, name in wanted.items()):
            found.add(count)
    return found


def _number(value: Any) -> float:
    """A finite number, also where it was sent as text; else 0."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) and not isinstance(value, bool) else 0.0
