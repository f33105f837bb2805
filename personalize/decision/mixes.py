"""Multivariate experiments: each part's level is drawn by a hash of its own, so that the parts are independent.

Then the difference between two levels of one part, taken over everybody, is that part's own effect, whatever the other
parts show (see config.mixes for the design).
"""

from __future__ import annotations

from dataclasses import dataclass

from .experiments import NONE, Kept, Split, Units


@dataclass(frozen=True, slots=True)
class Mix:
    """A multivariate experiment's assignment, compiled; used like a Split, with one number for each combination.

    `entry` says who takes part at all: coverage, namespace, filters and requirements. `parts` are splits of everybody
    between one part's levels, under keys and seeds such as "hero/headline". `names` are the combinations' names, those
    of the last part changing fastest. Each part is sticky on its own, and who was seen as any level stays in: neither a
    part that is added nor a level that is taken out moves the others.
    """

    entry: Split
    parts: tuple[Split, ...]
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.entry.key

    @property
    def keys(self) -> frozenset[str]:
        """The keys of everything whose earlier assignment counts here."""
        return self.entry.keys.union(*(part.keys for part in self.parts))

    @property
    def seeds(self) -> tuple[str, ...]:
        """The seeds of every version 2 hash that an assignment may ask for."""
        return (*self.entry.seeds, *(part.seed for part in self.parts))

    @property
    def certain(self) -> bool:
        """Whether everybody with an id is in it."""
        return self.entry.certain

    def assign(self, id: str, kept: Kept = (), units: Units = NONE) -> int:
        """The combination's index, or -1 for a visitor who is not in the experiment."""
        if self.remembered(kept) < 0 and self.entry.assign(id, kept, units) < 0:
            return -1
        place = 0
        for part in self.parts:
            level = part.assign(id, kept, units)
            if level < 0:
                return -1
            place = place * len(part.names) + level
        return place

    def remembered(self, kept: Kept) -> int:
        """0 for a visitor who was seen as some level that still exists, else -1."""
        return max((min(part.remembered(kept), 0) for part in self.parts), default=-1)

    def explain(self, id: str, kept: Kept = ()) -> str:
        """What taking part came from."""
        return "seen before" if self.remembered(kept) >= 0 else self.entry.explain(id)
