"""What a bandit knows over starts, batches and processes."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.bandits import Bandits, BanditSpec, Ledger, Trial, allocation
from personalize.bandits.pooling import Cell
from personalize.profiles import Returns

from .test_ledger import NOW, SPEC, VISITORS, exposed, folded, links, logs, ordered

# --- kept over a start ---------------------------------------------------------------------------------


def begun_again(fold: Bandits, spec: BanditSpec = SPEC) -> Bandits:
    """A new process that takes up what was written down."""
    again = Bandits(links)
    again.take({"hero": Ledger(spec, Returns())})
    for _ in again.load(iter(json.loads(json.dumps(list(fold.save()))))):
        pass
    return again


@given(st.integers(0, 10**9), st.integers(0, 30), st.integers(0, 30), st.sampled_from([0.0, 1_500.0]))
def test_what_was_written_down_is_taken_up_again(seed: int, before: int, after: int, settle: float) -> None:
    """Through JSON and on with the rest of the log, it comes to what one that lived through all knows."""
    spec = replace(SPEC, settle=settle, half_life=5_000.0)
    events = logs(Random(seed), before + after)
    whole, _ = folded(events, spec)
    part, _ = folded(events[:before], spec)
    again = begun_again(part, spec)
    assert again.seq == part.seq
    for event in events[before:]:
        again.apply(event)
    assert list(again.save()) == list(whole.save())


def test_what_was_written_down_under_other_settings_is_left_out() -> None:
    """It has to be learned from the log, and nothing is taken for it; with nothing written down all begins anew."""
    part, _ = folded(logs(Random(1), 30))
    assert begun_again(part, replace(SPEC, window=9.0)).ledgers == {}
    again = begun_again(part)
    for _ in again.load(iter(())):
        pass
    assert (again.seq, again.ledgers["hero"].seen) == (0, 0)


# --- time ----------------------------------------------------------------------------------------------


def test_a_visitor_settles_before_being_learned_from() -> None:
    """With settle, what is younger waits, its rewards with it."""
    late = replace(SPEC, settle=1_200.0)
    fold, ledger = folded([], late)
    began = NOW - NOW % 600
    fold.apply(exposed(1, "ann", began + 10, "kind", 1))
    fold.apply(ordered(2, "ann", began + 20, "a", 5.0))
    for seq, (after, known) in enumerate([(600, 0.0), (1_200, 0.0), (1_800, 1.0)], 3):
        fold.apply(exposed(seq, f"v{seq}", began + after, "loud", 1))
        assert ledger.believed[1][2].wins == known


def test_what_is_long_ago_counts_less() -> None:
    """With half_life 600 s, a visitor of two half-lives ago counts a quarter, whether sums were written anew or not."""
    fading = replace(SPEC, half_life=600.0)
    began = NOW - NOW % 600
    for gap in (2, 300, 3_000):
        fold, ledger = folded([], fading)
        fold.apply(exposed(1, "ann", began - gap * 600.0, "kind", 1))
        fold.apply(exposed(2, "bob", began, "kind", 1))
        fold.apply(ordered(3, "bob", began + 1, "a", 8.0))
        fold.apply(exposed(4, "cem", began + 1_200.0, "loud", 1))
        cell = ledger.believed[1][2]
        assert cell.visitors == pytest.approx(0.25 + 0.5 ** (gap + 2))
        assert (cell.wins, cell.amount, cell.squares) == pytest.approx((0.25, 2.0, 16.0))


def test_shares_change_with_batches_only() -> None:
    """What comes inside a batch is not believed before the next begins, and an old exposure begins none."""
    fold, ledger = folded([])
    began = int(NOW - NOW % 600)
    seen = []
    for seq, after in enumerate([5, 10, 500, 601, 650, 300, 1_300], 1):
        fold.apply(exposed(seq, f"v{seq}", began + after, "kind", 1))
        seen.append((ledger.batch - began, ledger.believed[1][2].visitors))
    assert seen == [(0, 0), (0, 0), (0, 0), (600, 3), (600, 3), (600, 3), (1_200, 6)]


def test_rewards_can_come_while_the_trial_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the oldest is over: it stays counted as it was, and is told to who follows the ledger."""
    monkeypatch.setattr("personalize.bandits.ledger._MOST", 2)
    ended: list[Trial] = []
    fold, ledger = folded([])
    ledger.follow(ended.append)
    for seq, visitor in enumerate(VISITORS, 1):
        fold.apply(exposed(seq, visitor, NOW + seq, "kind", 1))
    fold.apply(ordered(9, "ann", NOW + 9, "a", 5.0))
    fold.apply(ordered(10, "dua", NOW + 10, "b", 5.0))
    assert [trial.number for trial in ended] == [0, 1]
    ledger.end()
    assert [trial.reward(1, True, Returns()) for trial in ended] == [(0, 0), (0, 0), (0, 0), (1, 5.0)]


# --- the same everywhere -------------------------------------------------------------------------------

ELSEWHERE = """
from random import Random
from tests.bandits.test_ledger import SPEC, folded, logs
from personalize.bandits import allocation
_, ledger = folded(logs(Random(3), 400))
print(allocation(SPEC, ledger.believed, ledger.batch))
"""


def test_every_process_comes_to_the_same_shares() -> None:
    """Two processes with unlike hash seeds print the same allocation, to the last digit."""
    root = Path(__file__).parents[2]
    printed = {
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            capture_output=True, text=True, check=True, cwd=root, env={"PYTHONPATH": str(root), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(printed) == 1 and "parts=" in printed.pop()


def test_revenue_and_conversions_may_prefer_unlike_arms() -> None:
    """Many small orders against few large ones."""
    cells = [[Cell(2000, 100, 1_000.0, 12_000.0), Cell(2000, 60, 6_000.0, 700_000.0)]]
    spec = replace(SPEC, arms=("small", "large"), contexts=("",))
    assert allocation(spec, cells, 600).parts[""] == (200, 9_800)
    by_count = allocation(replace(spec, value=None), cells, 600).parts[""]
    assert by_count[0] == 9_800
    assert allocation(replace(spec, value=None, lower_is_better=True), cells, 600).parts[""][1] == 9_800


@pytest.mark.parametrize("settle", [0.0, 1e6])
def test_a_visitor_more_is_nothing_more_for_the_garbage_collector(settle: float) -> None:
    """However many trials are open, not one more container is for it to visit; and their number is bounded."""
    fold, ledger = folded([], replace(SPEC, settle=settle))
    for n in range(200):
        fold.apply(exposed(n + 1, f"v{n}", NOW + n, "loud", 1))
    gc.collect()
    before = len(gc.get_objects())
    for n in range(200, 2_200):
        fold.apply(exposed(n + 1, f"v{n}", NOW + n, "loud", 1))
    gc.collect()
    assert len(gc.get_objects()) - before < 50 and len(ledger._open) == 2_200
