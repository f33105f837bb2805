"""How sure it is which variant is the best, and what keeps one from being promoted."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from personalize import load_config
from personalize.decision.splits import experiments_by_key
from personalize.reports import judge
from personalize.reports.effects import Count, EffectReport, experiments_in, report_of
from personalize.reports.winners import Verdict, chances_best, chances_most

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


def verdict(cells: Any, variant: str | None = None, **keys: Any) -> Verdict:
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


# --- by value ------------------------------------------------------------------------------------------


def spent(size: int, values: list[float]) -> Count:
    """So many visitors, of whom these brought something."""
    powers = [math.fsum(value**power for value in values) for power in (1, 2, 3)]
    return Count(size, len(values), *powers)


def by_value(counts: list[Count], goal: dict[str, Any] | None = None) -> Verdict:
    """Of an experiment of variants, whose goal adds up what was ordered."""
    names = [f"v{n}" for n in range(len(counts))]
    weights = [max(1, count.visitors) for count in counts]
    variants = [{"id": name, "html": name, "weight": weight} for name, weight in zip(names, weights, strict=True)]
    experiment = {"key": "k", "goal": "order", "promote": {"probability": 0.95}, "variants": variants}
    slot = {"match": {"path": "/"}, "experiences": [{"id": "a", "experiment": experiment}]}
    goals = {"order": {"event": "Order Completed", "value": "revenue"} | (goal or {})}
    config = load_config({"version": 1, "goals": goals, "slots": {"hero": slot}})
    (tested,) = experiments_in(config)
    cells: dict[tuple[str, ...], Count] = {(name,): count for name, count in zip(names, counts, strict=True)}
    return judge(experiments_by_key(config)["k"], [replace(report_of(tested, cells), began=0.0)], [], 1_790_000_000.0)


def test_where_the_goal_has_a_value_that_is_what_wins() -> None:
    """Fewer buyers who spend more win over more buyers who spend less, and the other way round where less is better."""
    many, large = spent(4_000, [10.0] * 400), spent(4_000, [40.0] * 300)
    best = by_value([many, large])
    assert best.ready and best.variant == "v1" and best.probability is not None and best.probability > 0.999
    assert "by value" in best.criteria[0].said
    assert by_value([many, large], {"direction": "decrease"}).variant == "v0"
    assert not by_value([spent(4_000, [10.0] * 400), spent(4_000, [10.0] * 401)]).ready
    assert not by_value([spent(4_000, []), spent(4_000, [])]).ready


SAMPLES = [[(900, 10.0, 90), (1_000, 11.0, 95), (1_100, 9.0, 130)], [(40, 5.0, 6), (90_000, 5.5, 9_000)]]


@pytest.mark.parametrize("samples", SAMPLES)
def test_the_probability_by_value_is_that_of_drawing(samples: list[tuple[int, float, int]]) -> None:
    """Drawing means from normal distributions comes to the same, also of very different sizes."""
    counts = [spent(size, [value] * buyers) for size, value, buyers in samples]
    drawn, rolls = random.Random(7), 40_000
    wins = [0] * len(counts)
    for _ in range(rolls):
        means = [drawn.gauss(count.moments.mean, math.sqrt(count.moments.error)) for count in counts]
        wins[means.index(max(means))] += 1
    assert chances_most(counts) == pytest.approx([won / rolls for won in wins], abs=0.01)


def test_a_group_in_which_nobody_buys_can_lose() -> None:
    """It is no less sure than the others for that."""
    told = by_value([spent(4_000, []), spent(4_000, [20.0, 30.0] * 100)])
    assert told.ready and told.variant == "v1"


def wrongly_promoted(sizes: tuple[int, int]) -> float:
    """Of 200 experiments whose two variants are the same, with few large orders, the share that has a winner."""
    dice = random.Random(3)
    won = 0
    for _ in range(200):
        buyers = [round(dice.gauss(size * 0.05, math.sqrt(size * 0.0475))) for size in sizes]
        counts = [
            spent(size, [dice.lognormvariate(0, 2) for _ in range(bought)])
            for size, bought in zip(sizes, buyers, strict=True)
        ]
        won += by_value(counts).ready
    return won / 200


@pytest.mark.parametrize("sizes", [(4_000, 4_000), (18_000, 2_000)])
def test_heavy_tails_promote_no_more_than_chance_would(sizes: tuple[int, int]) -> None:
    """With a probability of 95 % each way, one in ten has a winner by chance; a small group that missed the few large
    orders does not make it more."""
    assert wrongly_promoted(sizes) <= 0.125


def test_the_law_of_tails_finds_a_planted_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who trusts any difference of means promotes too often."""
    monkeypatch.setattr("personalize.reports.winners._BEARABLE", math.inf)
    assert wrongly_promoted((18_000, 2_000)) > 0.125


def test_who_is_unsure_says_so() -> None:
    """The refusal names the skewness, and goes once the groups are as large as each other."""
    uneven = [1.0] * 90 + [5_000.0]
    few = by_value([spent(20_000, uneven * 10), spent(2_000, uneven)])
    (said,) = [criterion.said for criterion in few.criteria if criterion.name == "values" and not criterion.met]
    assert "skewness of" in said and "0.2 is asked for" in said
    assert all(c.met for c in by_value([spent(20_000, uneven * 10)] * 2).criteria if c.name == "values")


def test_a_guardrail_with_a_value_is_kept_by_value() -> None:
    """As many orders, each of half the money, are harm."""
    goals = {"order": {"event": "Order Completed", "value": "revenue"}, "click": {"event": "Experience Clicked"}}
    experiment = {
        "key": "k", "goal": "click", "guardrails": ["order"], "promote": {},
        "variants": [{"id": "a", "html": "a"}, {"id": "b", "html": "b"}],
    }  # fmt: skip
    slot = {"match": {"path": "/"}, "experiences": [{"id": "a", "experiment": experiment}]}
    config = load_config({"version": 1, "goals": goals, "slots": {"hero": slot}})
    (tested,) = experiments_in(config)
    clicks = replace(report_of(tested, {("a",): Count(4_000, 400), ("b",): Count(4_000, 600)}), began=0.0)
    order = replace(tested, goal_name="order", goal=config.goals["order"])
    for money, ready in ((10.0, True), (5.0, False)):
        cells: dict[tuple[str, ...], Count]
        cells = {("a",): spent(4_000, [10.0, 12.0] * 200), ("b",): spent(4_000, [money, 1.2 * money] * 200)}
        told = judge(experiments_by_key(config)["k"], [clicks], [report_of(order, cells)], 1_790_000_000.0)
        assert (told.variant, told.ready) == ("b", ready)
        assert "a visitor; less is harm" in told.criteria[-1].said
