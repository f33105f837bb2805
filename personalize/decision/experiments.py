"""Who gets which variant: GrowthBook's hashing, ranges and namespaces, so that a team's knowledge and files carry over.

From https://docs.growthbook.io/lib/build-your-own (getBucketRanges, chooseVariation, inNamespace; the hash itself is in
`hashing`). Chance is a
hash of the experiment and the visitor, so assignment is the same on every worker and at every time.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .hashing import hash_unit as hash_unit

if TYPE_CHECKING:
    from ..model import Profile
    from .mixes import Mix

Range = tuple[float, float]

def equal_weights(count: int) -> list[float]:
    """`count` shares of one."""
    return [1 / count] * count if count > 0 else []


def bucket_ranges(count: int, coverage: float = 1.0, weights: Sequence[float] | None = None) -> list[Range]:
    """A half-open range of [0, 1) for each of `count` variations. Each begins where full coverage would put it, so that
    raising the coverage adds visitors and moves none. Weights that are not `count`, or do not add up to one (within
    1 %), are taken as equal."""
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != count or not 0.99 <= sum(weights) <= 1.01:
        weights = equal_weights(count)
    ranges = []
    start = 0.0
    for weight in weights:
        ranges.append((start, start + coverage * weight))
        start += weight
    return ranges


def choose_variation(unit: float, ranges: Sequence[Range]) -> int:
    """The index of the range that a number lies in, or -1."""
    for index, (low, high) in enumerate(ranges):
        if low <= unit < high:
            return index
    return -1


def in_namespace(id: str, namespace: tuple[str, float, float]) -> bool:
    """Whether a visitor is in a part (name, from, to) of a namespace: experiments in parts that do not overlap share no
    visitor."""
    name, low, high = namespace
    unit = hash_unit("__" + name, id, 1)
    return unit is not None and low <= unit < high


def is_held_out(salt: str, percent: float, id: str) -> bool:
    """Whether a visitor is among the held-out `percent`; raising it adds visitors and moves none."""
    unit = hash_unit(salt, id)
    return unit is not None and is_among(unit, percent)


def is_among(unit: float, percent: float) -> bool:
    """The same of a hash that is known."""
    return unit * 100 < percent


def is_let_in(id: str, seed: str, ranges: Sequence[Range], version: int = 2) -> bool:
    """GrowthBook's filter: whether the hash of an id under a seed lies in one of the ranges."""
    unit = hash_unit(seed, id, version)
    return unit is not None and choose_variation(unit, ranges) >= 0


Units = Mapping[str, float]  # seed -> a visitor's version 2 hash under it, where that was worked out already
NONE: Mapping[str, Any] = MappingProxyType({})
# Experiment's key -> variant: as this browser was seen before, then as each of the person's others. Empty, or more.
Kept = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Split:
    """An experiment's assignment, compiled. `names` are the variants' ids and `ranges` their parts of [0, 1).

    Where `sticky`, a visitor who was seen as one of the variants stays it, and nothing else is asked: neither weights
    nor coverage, namespace, filters or requirements, as in GrowthBook. Changing these moves nobody who was assigned.
    What the browser itself was shown goes before what the person saw in others: so no log-in moves anybody.
    """

    key: str
    names: tuple[str, ...]
    ranges: tuple[Range, ...]
    seed: str
    version: int = 2
    namespace: tuple[str, float, float] | None = None
    filters: tuple[tuple[str, tuple[Range, ...]], ...] = ()  # they take the namespace's place
    requires: tuple[tuple[Split | Mix, frozenset[str]], ...] = ()
    sticky: bool = True

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all experiments whose earlier assignment counts here."""
        return frozenset((self.key,) if self.sticky else ()).union(*(other.keys for other, _ in self.requires))

    @property
    def seeds(self) -> tuple[str, ...]:
        """The seeds of every version 2 hash that an assignment may ask for."""
        own = (self.seed,) if self.version == 2 else ()
        others = (seed for other, _ in self.requires for seed in other.seeds)
        return (*own, *(seed for seed, _ in self.filters), *others)

    @property
    def certain(self) -> bool:
        """Whether everybody with an id is in it."""
        whole = sum(high - low for low, high in self.ranges) > 0.9999  # the hash has steps of 1/10,000
        return whole and not (self.namespace or self.filters or self.requires)

    def assign(self, id: str, kept: Kept = (), units: Units = NONE) -> int:
        """The variation's index, or -1 for a visitor who is not in the experiment. `kept` are the variants that the
        visitor was seen as before."""
        if (seen := self.remembered(kept)) >= 0:
            return seen
        if self.shut(id, kept, units):
            return -1
        unit = units.get(self.seed) if self.version == 2 else None
        if unit is None:
            unit = hash_unit(self.seed, id, self.version)
        return -1 if unit is None else choose_variation(unit, self.ranges)

    def remembered(self, kept: Kept) -> int:
        """The index of the variant seen before, or -1: also for one that has left the experiment since."""
        if self.sticky:
            for seen in kept:
                name = seen.get(self.key)
                if name is not None and name in self.names:
                    return self.names.index(name)
        return -1

    def shut(self, id: str, kept: Kept, units: Units = NONE) -> str:
        """What keeps the visitor out before any variation is drawn; empty where nothing does."""
        for seed, ranges in self.filters:
            unit = units.get(seed)
            if choose_variation(unit, ranges) < 0 if unit is not None else not is_let_in(id, seed, ranges):
                return f"kept out by the filter {seed}"
        if not self.filters and self.namespace is not None and not in_namespace(id, self.namespace):
            name, low, high = self.namespace
            return f"outside the part {low:g} to {high:g} of namespace {name}"
        for other, wanted in self.requires:
            arm = other.assign(id, kept, units)
            if arm < 0 or other.names[arm] not in wanted:
                return f"{other.names[arm] if arm >= 0 else 'not'} in experiment {other.key}"
        return ""

    def explain(self, id: str, kept: Kept = ()) -> str:
        """What the assignment came from."""
        if self.remembered(kept) >= 0:
            return "seen before" if self.remembered(kept[:1]) >= 0 else "seen before by another id of the same person"
        return self.shut(id, kept) or f"hash {hash_unit(self.seed, id, self.version):.4f}"


def kept_by(id: str | None, profile: Profile | None, keys: Container[str]) -> Kept:
    """What was kept for a visitor of the experiments with these keys."""
    if id is None or profile is None or not (profile.assignments or profile.before):
        return ()
    own = profile.assignments.get(id, NONE)
    if profile.before:
        own = {**profile.before.get(id, NONE), **own}
    others = (seen for other, seen in profile.assignments.items() if other != id)
    kept = [{key: name for key, name in seen.items() if key in keys} for seen in (own, *others)]
    return kept if any(kept) else ()


def shares(weights: Sequence[float]) -> list[float] | None:
    """Weights in any unit as shares of one; None, which means equal ones, where they are all zero."""
    total = sum(weights)
    return [weight / total for weight in weights] if total > 0 else None
