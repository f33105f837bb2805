"""Who gets which variant: GrowthBook's hashing, ranges and namespaces, so that a team's knowledge and files carry over.

From https://docs.growthbook.io/lib/build-your-own (hash, getBucketRanges, chooseVariation, inNamespace). Chance is a
hash of the experiment and the visitor, so assignment is the same on every worker and at every time.
"""

from __future__ import annotations

from collections.abc import Sequence

Range = tuple[float, float]

_OFFSET, _PRIME, _MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF


def _fnv1a(text: str, state: int = _OFFSET) -> int:
    """32-bit FNV-1a over UTF-16 code units, as JavaScript's charCodeAt gives them."""
    if text.isascii():
        units: Sequence[int] = text.encode()
    else:
        raw = text.encode("utf-16-be", "surrogatepass")
        units = [raw[i] << 8 | raw[i + 1] for i in range(0, len(raw), 2)]
    for unit in units:
        state = (state ^ unit) * _PRIME & _MASK
    return state


def hash_unit(seed: str, value: str, version: int = 2) -> float | None:
    """A number in [0, 1) for a value (a visitor's id) under a seed (an experiment's key): in steps of 1/1,000 for
    version 1, of 1/10,000 and without version 1's bias for version 2; None for a version that does not exist."""
    if version == 2:
        return _fnv1a(str(_fnv1a(value, _fnv1a(seed)))) % 10_000 / 10_000
    if version == 1:
        return _fnv1a(value + seed) % 1_000 / 1_000
    return None


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


class Split:
    """An experiment's assignment, prepared: the seed is hashed once."""

    __slots__ = ("_namespace", "_ranges", "_state")

    def __init__(
        self,
        seed: str,
        weights: Sequence[float],
        coverage: float = 1.0,
        namespace: tuple[str, float, float] | None = None,
    ) -> None:
        """`weights` are in any unit; only their proportions count."""
        total = sum(weights)
        shares = [weight / total for weight in weights] if total > 0 else None
        self._ranges = tuple(bucket_ranges(len(weights), coverage, shares))
        self._namespace = namespace
        self._state = _fnv1a(seed)

    def unit(self, id: str) -> float:
        """hash_unit(seed, id)."""
        return _fnv1a(str(_fnv1a(id, self._state))) % 10_000 / 10_000

    def assign(self, id: str) -> int:
        """The variation's index, or -1 for a visitor who is not in the experiment."""
        if self._namespace is not None and not in_namespace(id, self._namespace):
            return -1
        return choose_variation(self.unit(id), self._ranges)

    def explain(self, id: str) -> str:
        """What the assignment came from."""
        if self._namespace is not None and not in_namespace(id, self._namespace):
            name, low, high = self._namespace
            return f"outside the part {low:g} to {high:g} of namespace {name}"
        return f"hash {self.unit(id):.4f}"
