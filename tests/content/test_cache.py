"""The cache: lifetimes, bounds, keys."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.content.cache import Bounded, Cache, jitter, weigh
from personalize.model import Fragment

JITTER_OF_A = 2512249051 / 2**32


def put(cache: Cache, key: Any, now: float = 0.0) -> None:
    cache.put("s", key, Fragment("x"), now, fresh=100, revalidate=50, if_error=500)


def test_an_entry_ages_in_four_steps() -> None:
    """Fresh for at most `fresh`, then the two stale times count from its end, then it is last good."""
    cache = Cache()
    put(cache, ("k",))
    entry = cache.get("s", ("k",))
    assert entry is not None
    end = entry.fresh_until
    assert 90 <= end <= 100
    ages = [entry.age(t) for t in (0, end - 0.1, end, end + 49, end + 50, end + 499, end + 500)]
    assert ages == ["fresh", "fresh", "revalidate", "revalidate", "if_error", "if_error", "last_good"]


def test_parts_of_a_key_are_never_joined() -> None:
    """Keys that would be one text are two keys, and a source's name is a part like any other."""
    cache = Cache()
    put(cache, ("ab", "c"))
    for source, key in (
        ("s", ("a", "bc")),
        ("s", ("abc",)),
        ("s", ("ab", "c", None)),
        ("sab", ("c",)),
        ("t", ("ab", "c")),
    ):
        assert cache.get(source, key) is None


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20_000)), max_size=100))
def test_the_bound_holds_for_any_use(puts: list[tuple[int, int]]) -> None:
    """The size is the sum of what is held, and never above the limit; the last one used is there if it may be."""
    held: Bounded[int] = Bounded(40_000)
    for key, size in puts:
        held.put(key, size, size)
        assert held.size <= 40_000
        assert held.get(key) == (size if size + 300 <= 5_000 else None)
    assert held.size == sum(held.get(key) + 300 for key in range(31) if held.get(key) is not None)  # type: ignore[operator]


def test_the_least_recently_used_goes_first() -> None:
    """What is asked for stays."""
    held: Bounded[str] = Bounded(10_000)
    for key in "abcdefghi":
        held.put(key, key, 900)
        held.get("a")
    assert held.get("a") == "a" and held.get("b") is None and held.get("h") == "h"


def test_weigh_follows_what_is_inside() -> None:
    """A value's weight is at least its text, at any depth."""
    assert weigh({"items": [{"title": "x" * 1000}] * 3}) > 3000
    assert weigh(("x" * 500, ("y" * 500,), None)) > 1000


def test_jitter_depends_on_the_key_alone() -> None:
    """The same key has the same lifetime in every process; different keys differ."""
    assert 0 <= jitter(("s", ("a",))) < 1 and jitter(("s", ("a",))) == JITTER_OF_A
    assert len({jitter(("s", (str(n),))) for n in range(100)}) == 100
