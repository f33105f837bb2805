"""Assignment: even, independent, the same everywhere, and moved by nothing that should not move it.

Each law is run over the real functions and over wrong ones, for which it has to fail."""

import zlib

import pytest

from personalize.decision.experiments import (
    Split,
    bucket_ranges,
    choose_variation,
    hash_unit,
    in_namespace,
    is_held_out,
    shares,
)

VISITORS = [f"{n:032x}" for n in range(0, 100_000 * 7_919, 7_919)]  # ids in a row: the hardest to spread
FEW = VISITORS[:20_000]
# Chi-square values that chance exceeds once in a million, by degrees of freedom.
CHANCE = {1: 23.93, 2: 27.63, 3: 30.66, 99: 180.0}


def split_of(key, weights, coverage=1.0, namespace=None, **rest):
    """A split with variants named "0", "1", ..."""
    ranges = bucket_ranges(len(weights), coverage, shares(weights))
    return Split(key, tuple(map(str, range(len(weights)))), tuple(ranges), rest.pop("seed", key), 2, namespace, **rest)


def chi_square(counts, shares):
    total = sum(counts)
    return sum((count - total * share) ** 2 / (total * share) for count, share in zip(counts, shares, strict=True))


def is_even(unit, visitors=VISITORS):
    counts = [0] * 100
    for visitor in visitors:
        counts[int(unit("hero-1", visitor) * 100)] += 1
    return chi_square(counts, [0.01] * 100) < CHANCE[99]


def are_independent(unit):
    table = [[0, 0], [0, 0]]
    for visitor in FEW:
        table[unit("hero-1", visitor) < 0.5][unit("hero-2", visitor) < 0.5] += 1
    return chi_square([*table[0], *table[1]], [0.25] * 4) < CHANCE[3]


WRONG_UNITS = {
    "checksum": lambda seed, value: zlib.adler32((seed + value).encode()) % 10_000 / 10_000,
    "sum of letters": lambda seed, value: sum((seed + value).encode()) % 100 / 100,
    "last digits": lambda seed, value: int(value[-4:], 16) % 100 / 100 if value[-1] in "02468ace" else 0.0,
}


def test_visitors_spread_evenly():
    """Over a million ids in a row, each hundredth of the range gets its share."""
    assert is_even(hash_unit, (f"{n:032x}" for n in range(0, 1_000_000 * 7_919, 7_919)))


@pytest.mark.parametrize("name", WRONG_UNITS)
def test_the_law_of_evenness_catches(name):
    """Weak hashes do not pass for even."""
    assert not is_even(WRONG_UNITS[name])


def test_two_experiments_are_independent():
    """Which variant a visitor gets in one experiment says nothing about the other."""
    assert are_independent(hash_unit)


def test_the_law_of_independence_catches_a_forgotten_seed():
    """Splitting every experiment by the same number would confound them."""
    assert not are_independent(lambda seed, value: hash_unit("", value))


@pytest.mark.parametrize("weights", [(1, 1), (50, 30, 20), (1, 3)])
def test_variants_get_their_weights(weights):
    """A split follows its weights, written in any unit."""
    split = split_of("hero-1", weights)
    counts = [0] * len(weights)
    for visitor in VISITORS:
        counts[split.assign(visitor)] += 1
    shares = [weight / sum(weights) for weight in weights]
    assert chi_square(counts, shares) < CHANCE[len(weights) - 1]


def moved_by_ramping_up(ranges):
    """Visitors whose variant changed, not counting those who came in."""
    units = [hash_unit("hero-1", visitor) for visitor in FEW]
    moved = 0
    for low, high in ((0.1, 0.2), (0.2, 0.9), (0.9, 1.0)):
        before, after = ranges(3, low, [0.2, 0.3, 0.5]), ranges(3, high, [0.2, 0.3, 0.5])
        moved += sum(0 <= choose_variation(u, before) != choose_variation(u, after) for u in units)
    return moved


def test_raising_the_coverage_moves_nobody():
    """A ramp-up only adds visitors."""
    assert moved_by_ramping_up(bucket_ranges) == 0


def test_the_law_of_the_ramp_catches_stretched_ranges():
    """Ranges that are put side by side would move visitors with every step."""

    def side_by_side(count, coverage, weights):
        return [(low * coverage, high * coverage) for low, high in bucket_ranges(count, 1, weights)]

    assert moved_by_ramping_up(side_by_side) > 0


def test_coverage_is_the_share_that_is_in():
    """At 30 % coverage three of ten visitors are in the experiment."""
    split = split_of("hero-1", (1, 1), 0.3)
    inside = sum(split.assign(visitor) >= 0 for visitor in VISITORS)
    assert chi_square([inside, len(VISITORS) - inside], [0.3, 0.7]) < CHANCE[1]


def test_parts_of_a_namespace_share_no_visitor():
    """Experiments in two halves of a namespace exclude each other, and together take everybody."""
    one = split_of("a", (1, 1), 1.0, ("home", 0.0, 0.5))
    other = split_of("b", (1, 1), 1.0, ("home", 0.5, 1.0))
    for visitor in FEW:
        assert (one.assign(visitor) >= 0) is not (other.assign(visitor) >= 0)
        assert in_namespace(visitor, ("home", 0, 0.5)) is (one.assign(visitor) >= 0)


def test_assignment_is_the_same_on_every_machine():
    """Numbers worked out once in JavaScript: a change would move every visitor."""
    assert [hash_unit("hero-1", visitor) for visitor in ("v1", "müller", "🙂")] == [0.4169, 0.8325, 0.1969]
    assert split_of("hero-1", (50, 50)).assign("v1") == 0


def test_a_holdout_is_a_fixed_share_and_grows_without_moving_anybody():
    """5 % are held out; those stay held out at 10 %."""
    at5 = {visitor for visitor in VISITORS if is_held_out("2026-h2", 5, visitor)}
    assert chi_square([len(at5), len(VISITORS) - len(at5)], [0.05, 0.95]) < CHANCE[1]
    assert all(is_held_out("2026-h2", 10, visitor) for visitor in at5)
    assert not any(is_held_out("2026-h2", 0, visitor) for visitor in FEW)
    assert all(is_held_out("2026-h2", 100, visitor) for visitor in FEW)
