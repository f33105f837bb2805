"""Counting different visitors in bounded memory."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.reports.distinct import Distinct


def counted(texts: list[str]) -> Distinct:
    distinct = Distinct()
    for text in texts:
        distinct.add(text)
    return distinct


@given(st.lists(st.text(max_size=3)))
def test_small_counts_are_exact(texts: list[str]) -> None:
    """Below 4,096 the count is that of a set, whatever the texts and however often they come."""
    distinct = counted(texts)
    assert (distinct.count(), distinct.exact) == (len(set(texts)), True)


@pytest.mark.parametrize("many", [4096, 4097, 20_000, 41_000, 60_000, 150_000])
def test_large_counts_are_near(many: int) -> None:
    """Above it the estimate lies within five standard errors (4 %), also where its formulas meet."""
    distinct = counted([f"visitor-{n}" for n in range(many)])
    assert distinct.exact is (many <= 4096)
    assert abs(distinct.count() - many) <= (0 if distinct.exact else 0.0405 * many)


def test_order_and_repetition_do_not_matter() -> None:
    """The count depends on the set of texts alone."""
    texts = [f"v{n}" for n in range(10_000)]
    shuffled = texts * 2
    random.Random(7).shuffle(shuffled)
    assert counted(texts).count() == counted(shuffled).count()
