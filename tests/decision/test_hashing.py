"""Hashes side by side are the hashes one by one, for any seeds and any visitor."""

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from personalize.decision import hashing
from personalize.decision.experiments import hash_unit

texts = st.text(max_size=20) | st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
seeds = st.lists(st.text(max_size=8), min_size=1, max_size=30)


def by_hand(seed, value):
    """Version 2 as it is defined, from nothing of ours."""

    def fnv(text):
        raw, state = text.encode("utf-16-be", "surrogatepass"), 0x811C9DC5
        for i in range(0, len(raw), 2):
            state = (state ^ (raw[i] << 8 | raw[i + 1])) * 0x01000193 % 2**32
        return state

    return fnv(str(fnv(seed + value))) % 10_000 / 10_000


def agree(seeds, value):
    return hashing.hash_units(seeds, value) == [by_hand(seed, value) for seed in seeds]


@given(seeds, texts)
def test_side_by_side_is_one_by_one(seeds, value):
    """Also for ids beyond ASCII and beyond Unicode's first plane, which count in UTF-16 units."""
    assert agree(seeds, value)
    assert [hash_unit(seed, value) for seed in seeds] == [by_hand(seed, value) for seed in seeds]


def test_many_seeds_of_one_visitor():
    """Every length of a first hash in decimal comes up, from ten digits down to five."""
    names = [f"test-{n}" for n in range(20_000)]
    lengths = {len(str(hashing._fnv1a("visitor", hashing._of_seed(name)))) for name in names}
    assert lengths >= {6, 7, 8, 9, 10}
    assert agree(names, "visitor")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("_NOTHING", b"0\0\0\0"), ("_MASK", 0x7FFFFFFF), ("_units_of", lambda text: text.encode("utf-8", "replace"))],
)
def test_the_law_catches(name, wrong, monkeypatch):
    """Leading zeros that count, a bit that is lost, bytes for UTF-16 units: each is seen."""
    monkeypatch.setattr(hashing, name, wrong)
    hashing._side_by_side.cache_clear()

    try:
        find(st.tuples(seeds, texts), lambda tried: not agree(*tried))
    except NoSuchExample:
        pytest.fail(f"{name} was not caught")
    finally:
        hashing._side_by_side.cache_clear()
        hashing._of_seed.cache_clear()
        hashing._known.clear()
