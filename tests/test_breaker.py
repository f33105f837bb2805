"""The breaker's rules, each for itself, and together for any history."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.breaker import LONGEST_PAUSE, SETTLE, Breaker


def test_rule_1_failures_in_a_row_open_it() -> None:
    """A success in between starts the count anew."""
    breaker = Breaker(3, 30)
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        assert outcome(0.0) is None and breaker.allows(0.0)
    assert breaker.failed(0.0) == "open"
    assert not breaker.allows(29.9)


def test_rule_2_and_3_one_probe_at_a_time() -> None:
    """After open_for one call passes; its failure means another open_for, its success closes."""
    breaker = Breaker(1, 30)
    breaker.failed(0.0)
    assert breaker.allows(30.0) and not breaker.allows(30.0)
    assert breaker.failed(31.0) is None
    assert not breaker.allows(60.9) and breaker.allows(61.0)
    assert breaker.succeeded(61.0) == "closed"
    assert breaker.allows(61.0) and breaker.allows(61.0)


def test_rule_3_a_probe_that_never_reports_is_followed_by_another() -> None:
    """A lost probe does not leave the source alone for ever."""
    breaker = Breaker(1, 30)
    breaker.failed(0.0)
    assert breaker.allows(30.0) and not breaker.allows(59.9) and breaker.allows(60.0)


def test_rule_5_a_pause_is_kept_and_cut() -> None:
    """Retry-After is kept in every state, at most a minute."""
    breaker = Breaker(5, 1)
    assert breaker.failed(0.0, pause=10.0) == "open"
    assert not breaker.allows(9.9) and breaker.allows(10.0)
    breaker.failed(10.0, pause=1e9)
    assert not breaker.allows(10.0 + LONGEST_PAUSE - 0.1) and breaker.allows(10.0 + LONGEST_PAUSE)


STEPS = st.lists(st.tuples(st.floats(0, 2, allow_nan=False), st.sampled_from(["good", "bad", "pause"])), max_size=80)


@settings(max_examples=200)
@given(STEPS, st.integers(1, 6), st.floats(0, 5, allow_nan=False))
def test_for_any_history(steps: list[tuple[float, str]], failures: int, open_for: float) -> None:
    """States alternate, changes lie a second apart, and a source that is good for long enough is asked again."""
    breaker = Breaker(failures, open_for)
    now, changes = 0.0, []
    for wait, outcome in steps:
        now += wait
        if not breaker.allows(now):
            continue
        change = (
            breaker.succeeded(now) if outcome == "good" else breaker.failed(now, 3.0 if outcome == "pause" else 0.0)
        )
        if change is not None:
            changes.append((now, change))
    assert [state for _, state in changes] == ["open", "closed"] * (len(changes) // 2) + ["open"] * (len(changes) % 2)
    assert all(b - a >= SETTLE for (a, _), (b, _) in itertools.pairwise(changes))
    for _ in range(5):
        now += max(open_for, 3.0, SETTLE)
        if breaker.allows(now):
            breaker.succeeded(now)
    assert breaker.state == "closed"
