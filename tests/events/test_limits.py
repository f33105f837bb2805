"""Token buckets: no caller gets more than its rate, and memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.events.limits import Buckets

asks = st.lists(st.tuples(st.floats(0, 20), st.integers(1, 30), st.sampled_from("ab")), max_size=40)


def keeps_the_rate(buckets: Buckets, rate: float, burst: float, told: list[tuple[float, int, str]]) -> bool:
    """The law: in any stretch of time a caller gets at most the burst, what the rate gives, and one ask's debt; and
    after the wait that it is told, it gets what it asked for."""
    now = 1000.0
    granted: dict[str, list[tuple[float, int]]] = {"a": [], "b": []}
    for pause, tokens, caller in told:
        now += pause
        if wait := buckets.take(caller, tokens, now):
            now += wait + 1e-6
            if buckets.take(caller, tokens, now):
                return False
        granted[caller].append((now, tokens))
        for first in range(len(granted[caller])):
            since = granted[caller][first:]
            debt = max(0.0, since[-1][1] - burst)
            if sum(n for _, n in since) > burst + (now - since[0][0]) * rate + debt + since[0][1] + 1e-3:
                return False
    return True


@given(asks)
def test_nobody_gets_more_than_the_rate(told: list[tuple[float, int, str]]) -> None:
    """Whatever is asked, and whenever."""
    assert keeps_the_rate(Buckets(2.0, 10.0), 2.0, 10.0, told)


class Leaky(Buckets):
    def take(self, caller: object, tokens: float, now: float) -> float:
        super().take(caller, tokens, now)
        return 0.0


class Starving(Buckets):
    def take(self, caller: object, tokens: float, now: float) -> float:
        return super().take(caller, tokens, 1000.0)


class Forgetful(Buckets):
    def take(self, caller: object, tokens: float, now: float) -> float:
        self._known.clear()
        return super().take(caller, tokens, now)


@pytest.mark.parametrize("wrong", [Leaky, Starving, Forgetful])
def test_the_law_finds_planted_mistakes(wrong: type[Buckets]) -> None:
    """Buckets that never refuse, never fill, or forget."""
    told = [(0.01, 10, "a")] * 30
    assert keeps_the_rate(Buckets(2.0, 10.0), 2.0, 10.0, told)
    assert not keeps_the_rate(wrong(2.0, 10.0), 2.0, 10.0, told)


def test_callers_do_not_touch_each_other() -> None:
    """One who asks too much is the only one who waits."""
    buckets = Buckets(1.0, 5.0)
    assert buckets.take("a", 5, 0.0) == 0.0
    assert buckets.take("a", 1, 0.0) == 1.0
    assert buckets.take("b", 5, 0.0) == 0.0


def test_more_than_a_whole_bucket_is_a_debt() -> None:
    """A batch larger than the bucket is not refused for ever: a full bucket takes it, and then nothing for long."""
    buckets = Buckets(1.0, 5.0)
    assert buckets.take("a", 20, 0.0) == 0.0
    assert buckets.take("a", 1, 0.0) == 16.0
    assert buckets.take("a", 1, 16.0) == 0.0


def test_a_clock_that_goes_back_fills_nothing() -> None:
    """And refuses nothing either, beyond what is due."""
    buckets = Buckets(1.0, 5.0)
    buckets.take("a", 5, 100.0)
    assert buckets.take("a", 1, 50.0) == 1.0
    assert buckets.take("a", 1, 51.0) == 0.0


def test_strangers_cannot_grow_the_memory() -> None:
    """The one who asked least recently is forgotten."""
    buckets = Buckets(1.0, 5.0, most=100)
    for caller in range(10_000):
        buckets.take(caller, 1, float(caller))
    assert len(buckets._known) == 100
