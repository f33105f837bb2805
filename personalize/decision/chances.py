"""What chance gives one visitor: in or out of the holdouts, and a variant in each experiment. Worked out when asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..model import Plan
from .bandits import Bandit
from .experiments import NONE, Kept, Split, Units, is_among, is_held_out
from .hashing import hash_units
from .mixes import Mix

Holdout = tuple[float, str]  # percent and salt


_TOGETHER: Final = 5  # from so many hashes on they are worked out together


class Chance:
    """One visitor's chances on one route. Every answer depends on the id and on what was assigned before alone, and is
    remembered here: of the hundreds of experiments on a route few are ever asked for, and a hash costs microseconds.

    Bandits draw anew now and then, so their arms are told by `let`. `plans` is the decider's: what came of the outlines
    that this visitor met on the route.
    """

    __slots__ = ("_apart", "_arms", "_drawn", "_holdout", "_id", "_kept", "_splits", "_units", "plans")

    def __init__(
        self,
        id: str | None,
        kept: Kept,
        splits: Sequence[Split | Mix | Bandit],
        holdout: Holdout | None = None,
    ) -> None:
        """`holdout` is the one of everything. Nobody without an id is held out, or in an experiment."""
        self._id = id
        self._kept = kept
        self._splits = splits
        self._holdout = holdout
        self._arms: dict[int, int] = {}
        self._drawn: dict[int, int] = {}
        self._apart: dict[Holdout, bool] = {}
        self._units: Units = NONE
        self.plans: dict[object, Plan] = {}

    def foresee(self, seeds: Sequence[str]) -> None:
        """Work out at once what will be asked for, until `settle`."""
        # Where many were assigned before, few are drawn, and it is quicker to wait for those.
        if self._id is not None and len(seeds) >= max(_TOGETHER, 2 * sum(map(len, self._kept))):
            self._units = dict(zip(seeds, hash_units(seeds, self._id), strict=True))

    def settle(self) -> None:
        """Let go of what was foreseen; what was asked stays."""
        self._units = NONE

    def arm(self, place: int) -> int:
        """The variant's index in the experiment at a place among the route's, -1 where the visitor is not in it."""
        drawn = self._drawn.get(place)
        return self._assigned(place) if drawn is None else drawn

    def takes_part(self, place: int) -> bool:
        """Whether the visitor is let into the bandit at a place."""
        return self._assigned(place) >= 0

    def let(self, drawn: dict[int, int]) -> None:
        """Take over the bandits' arms, by place; plans that were made with others are no longer this visitor's."""
        if drawn != self._drawn:
            self._drawn = drawn
            self.plans.clear()

    def _assigned(self, place: int) -> int:
        known = self._arms.get(place)
        if known is None:
            known = -1 if self._id is None else self._splits[place].assign(self._id, self._kept, self._units)
            self._arms[place] = known
        return known

    @property
    def held(self) -> bool:
        """Whether the visitor is held out of everything."""
        return self.is_apart(self._holdout)

    def is_apart(self, holdout: Holdout | None) -> bool:
        """Whether a holdout has the visitor."""
        if holdout is None or self._id is None:
            return False
        known = self._apart.get(holdout)
        if known is None:
            percent, salt = holdout
            unit = self._units.get(salt)
            known = is_held_out(salt, percent, self._id) if unit is None else is_among(unit, percent)
            self._apart[holdout] = known
        return known
