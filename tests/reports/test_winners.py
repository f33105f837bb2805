"""How sure it is which variant is the best, and what keeps one from being promoted."""

from __future__ import annotations

import random
from typing import Any

import pytest

from personalize import load_config
from personalize.decision.splits import experiments_by_key
from personalize.reports import judge
from personalize.reports.effects import Count, EffectReport, experiments_in, report_of
from personalize.reports.winners import Verdict, chances_best

PARTS = {
    "headline": [{"id": "low", "part": "Low"}, {"id": "points", "part": "Points"}],
    "offer": [{"id": "none", "part": ""}, {"id": "star", "part": "Star"}],
}


def test_two_variants_have_the_known_probability() -> None:
    """One of one against none of one: Beta(2, 1) is above Beta(1, 2) with 5/6, worked out by hand."""
    one, none = Count(1, 1), Count(1, 0)
    assert chances_best([none, one]) == pytest.approx([1 / 6, 5 / 6], abs=1e-4)
    assert chances_best([none, one], lower=True) == pytest.approx([5 / 6, 1 / 6], abs=1e-4)
    assert chances_best([one, one, one, one]) == pytest.approx([0.25] * 4)
    assert chances_best([Count(), Count()]) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("counts", [[(900, 90), (1_000, 115), (1_100, 121)], [(40, 1), (400_000, 14_000), (10, 0)]])
def test_the_probability_is_that_of_drawing(counts: list[tuple[int, int]]) -> None:
    """Drawing from the same distributions comes to the same, also of very different sizes."""
    drawn, rolls = random.Random(7), 40_000
    wins = [0] * len(counts)
    for _ in range(rolls):
        shares = [drawn.betavariate(1 + hits, 1 + size - hits) for size, hits in counts]
        wins[shares.index(max(shares))] += 1
    told = chances_best([Count(size, hits) for size, hits in counts])
    assert told == pytest.approx([won / rolls for won in wins], abs=0.01)


@pytest.fixture(autouse=True)
def template(tmp_path: Any, monkeypatch: Any) -> None:
    """Configs from dicts look for their templates here."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.html").write_text("{{ headline }}")
    monkeypatch.chdir(tmp_path)


def verdict(cells: dict[tuple[str, ...], Count], variant: str | None = None, **keys: Any) -> Verdict:
    """Of an experiment over two parts, whose goal is to lose nobody."""
    experiment = {"key": "mix", "goal": "churn", "promote": {}, "parts": PARTS} | keys
    slot = {
        "match": {"path": "/"},
        "template": "t.html",
        "experiences": [{"id": "a", "show": {"parts": {}}, "experiment": experiment}],
    }
    goals = {"churn": {"event": "Account Closed", "direction": "decrease"}, "order": {"event": "Order Completed"}}
    config = load_config({"version": 1, "goals": goals, "slots": {"hero": slot}})
    (tested,) = experiments_in(config)
    report: EffectReport = report_of(tested, cells)
    return judge(experiments_by_key(config)["mix"], [report], [], 1_790_000_000.0, variant)


def test_of_parts_the_best_levels_win_together() -> None:
    """Where fewer is better, the level with the smaller share; the combination is as sure as both parts together."""
    cells = {
        ("low", "none"): Count(200, 60),
        ("low", "star"): Count(200, 90),
        ("points", "none"): Count(200, 10),
        ("points", "star"): Count(200, 40),
    }
    best = verdict(cells)
    assert best.variant == "headline=points,offer=none" and best.probability is not None and best.probability > 0.99
    other = verdict(cells, "headline=points,offer=star")
    assert other.variant == "headline=points,offer=star" and other.probability is not None
    assert other.probability < 0.01 and not other.ready
