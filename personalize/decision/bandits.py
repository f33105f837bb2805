"""A bandit's assignment: the visitor's hash falls into the shares of their context. Pure, like any other split."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

from ..conditions import shown_age
from ..model import PARTS, Allocation, Draw, Step
from .experiments import NONE, Kept, Split, Units, choose_variation, hash_unit

_WHOLE = ((0.0, 1.0),)


@dataclass(frozen=True, slots=True)
class Bandit:
    """An experiment whose shares move, compiled; used like a Split.

    `entry` says who takes part at all: coverage, namespace, filters and requirements. `contexts` are the segments, of
    which the first that a visitor is in counts. A draw holds for `window` seconds, whatever happens to the shares: the
    visitor stays with one arm for as long as a reward is put down to it. The next draw takes another hash, so that it
    says nothing about the one before.
    """

    entry: Split
    names: tuple[str, ...]
    contexts: tuple[str, ...]
    window: float

    @property
    def key(self) -> str:
        return self.entry.key

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all experiments whose earlier assignment counts here."""
        return self.entry.keys

    @property
    def seeds(self) -> tuple[str, ...]:
        """The seeds of every version 2 hash that taking part may ask for."""
        return self.entry.seeds

    @property
    def certain(self) -> bool:
        """Whether everybody with an id is in it."""
        return self.entry.certain

    def assign(self, id: str, kept: Kept = (), units: Units = NONE) -> int:
        """0 for a visitor who takes part, else -1; which arm it is, `draw` says."""
        if self.entry.ranges == _WHOLE:  # no hash has to be asked
            return -1 if self.entry.shut(id, kept, units) else 0
        return self.entry.assign(id, kept, units)

    def draw(
        self,
        id: str,
        takes_part: bool,
        last: Draw | None,
        segments: Container[str],
        now: float,
        allocation: Allocation | None,
    ) -> Draw | None:
        """The visitor's arm; None for one who is not in it. `last` is the draw that was shown (see `last_draw`),
        `allocation` the present one: without it, or where it is of other arms, the shares are equal."""
        if last is not None and now < last.until and last.variant in self.names:
            return last
        if not takes_part:
            return None
        context = self.context(segments)
        parts = self.parts(context, allocation)
        number = 1 if last is None else last.number + 1
        unit = hash_unit(f"{self.entry.seed}/arm", id if number == 1 else f"{id}/{number}")
        assert unit is not None
        arm = choose_variation(unit, _ranges(parts))
        batch = allocation.batch if allocation is not None else 0
        return Draw(self.names[arm], context, parts[arm] / PARTS, batch, number, now + self.window)

    def context(self, segments: Container[str]) -> str:
        return next((name for name in self.contexts if name in segments), "")

    def parts(self, context: str, allocation: Allocation | None) -> tuple[int, ...]:
        """The arms' shares in a context, in parts of PARTS."""
        if allocation is not None and allocation.arms == self.names and context in allocation.parts:
            return allocation.parts[context]
        each, left = divmod(PARTS, len(self.names))
        return tuple(each + (place < left) for place in range(len(self.names)))

    def explain(self, id: str, kept: Kept = ()) -> str:
        """Why the visitor takes part or not."""
        return self.entry.explain(id, kept)


def last_draw(id: str, draws: Mapping[str, Mapping[str, Draw]], key: str, now: float) -> Draw | None:
    """The newest draw that this browser was shown; where that is over, one that still holds of the person's others."""
    own = draws[id].get(key) if id in draws else None
    if own is not None and now < own.until:
        return own
    others = (draw for seen in draws.values() if (draw := seen.get(key)) is not None and now < draw.until)
    return next(others, own)


@lru_cache(maxsize=4096)
def _ranges(parts: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """Whole parts as ranges of [0, 1) whose ends are exactly what a hash can be."""
    ends = (0, *accumulate(parts))
    return tuple((low / PARTS, high / PARTS) for low, high in pairwise(ends))


def drawn(bandit: Bandit, draw: Draw, allocation: Allocation | None, now: float) -> tuple[str, tuple[Step, ...]]:
    """What a draw came from, and each arm as it stands now in the draw's context."""
    place = f" in {draw.context}" if draw.context else " outside of its segments" if bandit.contexts else ""
    chance = f"{draw.variant} had probability {draw.propensity:.4g}{place}"
    fits = allocation is not None and allocation.arms == bandit.names and draw.context in allocation.parts
    if draw.until - now < bandit.window:
        saw = f"seen before: {chance}, and is kept for {shown_age(draw.until - now)} more"
    elif allocation is None or not fits:
        saw = f"{chance}: nothing is learned yet"
    else:
        saw = f"{chance}, from {sum(allocation.visitors[draw.context]):,.0f} visitors"
    if allocation is None or not fits:
        return saw, ()
    of_arms = (numbers[draw.context] for numbers in (allocation.parts, allocation.visitors, allocation.means))
    return saw, tuple(
        Step(f"{name} has {parts / PARTS:.4g} now", name == draw.variant, f"{visitors:,.0f} visitors, {mean:.4g} each")
        for name, parts, visitors, mean in zip(bandit.names, *of_arms, strict=True)
    )
