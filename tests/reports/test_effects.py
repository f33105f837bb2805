"""What experiments did: intervals that keep their promise, and effects that are found where they were planted."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from personalize.config import load_config
from personalize.events.exposures import exposure_of, make_page_view
from personalize.model import ERASED, Choice, Event
from personalize.profiles import Returns
from personalize.reports import Effects, effects_as_json, effects_table, experiments_in
from personalize.reports.effects import Count, report_of
from personalize.reports.intervals import (
    Moments,
    chi_square_tail,
    fit,
    independence,
    mean_contrast,
    share_difference,
    share_interval,
    student_quantile,
)

GOAL = {"order": {"event": "Order Completed", "value": "revenue", "window": "7d"}}
PARTS = {
    "headline": [{"id": "low", "part": "Low"}, {"id": "points", "part": "Points"}],
    "offer": [{"id": "none", "part": ""}, {"id": "star", "part": "Star"}, {"id": "moon", "part": "Moon"}],
}
DAY = 86_400.0


def config(experiment: dict[str, Any], goals: Any = GOAL) -> Any:
    slot = {"match": {"path": "/"}, "template": "t.html", "experiences": [{"id": "e", "experiment": experiment}]}
    return load_config({"version": 1, "goals": goals, "slots": {"s": slot}})


@pytest.fixture(autouse=True)
def template(tmp_path: Any, monkeypatch: Any) -> None:
    """Configs from dicts look for their templates here."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.html").write_text("{{ headline }}")
    monkeypatch.chdir(tmp_path)


def seen(visitor: str, time: float, held: bool = False, **levels: str) -> Event:
    """A page view that shows a combination of the experiment "k"."""
    choice = Choice("s", None, None, "e", "x", "k", held, levels=levels)  # type: ignore[arg-type]
    return make_page_view(f"{visitor}{time}", "/", visitor, time, [exposure_of(choice, "inline")])


def ordered(visitor: str, time: float, revenue: Any = 10.0) -> Event:
    return Event(f"o{visitor}{time}", "Order Completed", time, visitor, {"revenue": revenue})


def told(events: list[Event], experiment: dict[str, Any] | None = None, **options: Any) -> Any:
    tested = experiments_in(config(experiment or {"key": "k", "goal": "order", "parts": PARTS}))
    effects = Effects(tested, returns=Returns(), **options)
    for event in events:
        effects.apply(event)
    return effects.reports()


# --- published figures -----------------------------------------------------------------------------------


def test_quantiles_and_tails_are_those_of_the_tables() -> None:
    """Student's t and chi-square as printed in any statistician's tables."""
    for freedom, quantile in (
        (1, 12.7062),
        (2, 4.3027),
        (3, 3.1824),
        (5, 2.5706),
        (10, 2.2281),
        (30, 2.0423),
        (120, 1.9799),
    ):
        assert student_quantile(0.975, freedom) == pytest.approx(quantile, abs=2e-4)
    assert student_quantile(0.9995, 4) == pytest.approx(8.6103, abs=1e-3)
    for freedom, value in ((1, 3.8415), (2, 5.9915), (5, 11.0705), (30, 43.7730), (100, 124.3421)):
        assert chi_square_tail(value, freedom) == pytest.approx(0.05, abs=1e-5)
    assert chi_square_tail(0.0, 3) == 1.0 and chi_square_tail(500.0, 3) < 1e-100


def test_intervals_are_those_of_the_papers() -> None:
    """Newcombe 1998, tables I and II: 81 of 263 by Wilson's score, and 56/70 against 48/80 by method 10."""
    assert [round(v, 4) for v in share_interval(81, 263)] == [0.3080, 0.2553, 0.3662]
    assert [round(v, 4) for v in share_difference(56, 70, 48, 80)] == [0.2, 0.0524, 0.3339]
    assert [round(v, 4) for v in share_difference(10, 10, 0, 10)] == [1.0, 0.6075, 1.0]
    assert all(math.isnan(v) for v in share_difference(0, 0, 1, 10))


def test_welch_on_a_worked_sample() -> None:
    """Two small samples by hand: difference 3, standard error 1.2042, 6.2 degrees of freedom."""
    one = Moments(5, 40.0, 330.0)  # mean 8, variance 2.5
    other = Moments(5, 25.0, 144.0)  # mean 5, variance 4.75
    estimate, low, high = mean_contrast([(1, one), (-1, other)])
    freedom = (0.5 + 0.95) ** 2 / (0.5**2 / 4 + 0.95**2 / 4)
    assert estimate == pytest.approx(3.0)
    assert high - 3.0 == pytest.approx(3.0 - low) == pytest.approx(student_quantile(0.975, freedom) * 1.45**0.5)
    assert math.isnan(mean_contrast([(1, Moments(1, 1.0, 1.0)), (-1, other)]).low), "one visitor tells nothing"


def test_intervals_cover_as_often_as_they_say() -> None:
    """Over 2,000 experiments with a known truth, 95 % intervals hold it 93.5 to 96.5 % of the time."""
    dice = Random(11)
    held = {"share": 0, "mean": 0}
    for _ in range(2_000):
        hits = [sum(dice.random() < chance for _ in range(120)) for chance in (0.3, 0.2)]
        _, low, high = share_difference(hits[0], 120, hits[1], 120)
        held["share"] += low <= 0.1 <= high
        samples = [[dice.gauss(mean, spread) for _ in range(12)] for mean, spread in ((5.0, 1.0), (3.0, 4.0))]
        moments = [Moments(12, sum(s), sum(v * v for v in s)) for s in samples]
        _, low, high = mean_contrast([(1, moments[0]), (-1, moments[1])])
        held["mean"] += low <= 2.0 <= high
    assert all(1_870 <= count <= 1_930 for count in held.values()), held


def test_a_fair_split_is_told_from_a_lost_one() -> None:
    """Pearson's test: a split by its weights, one that loses visitors, and two parts that hang together."""
    assert fit([5_000, 5_050], [0.5, 0.5]) > 0.5
    assert fit([5_000, 5_500], [0.5, 0.5]) < 1e-5
    assert fit([10, 5], [1.0, 0.0]) == 0.0, "nobody should have been there"
    assert independence([[100, 100], [50, 50]]) == pytest.approx(1.0)
    assert independence([[100, 50], [50, 100]]) < 1e-7


# --- the fold --------------------------------------------------------------------------------------------


def simulated(visitors: int, seed: int, together: float = 0.0) -> list[Event]:
    """Orders of 30 % of the visitors; points adds 10 points, star 5, moon nothing, and points with star `together`."""
    dice = Random(seed)
    events: list[Event] = []
    for n in range(visitors):
        headline, offer = dice.choice(["low", "points"]), dice.choice(["none", "star", "moon"])
        events.append(seen(f"v{n}", n, headline=headline, offer=offer))
        chance = 0.3 + 0.1 * (headline == "points") + 0.05 * (offer == "star")
        chance += together * (headline == "points" and offer == "star")
        if dice.random() < chance:
            events.append(ordered(f"v{n}", n + DAY, dice.uniform(10, 30)))
    return events


def test_each_parts_own_effect_is_found_with_an_interval() -> None:
    """From 9,000 visitors spread over six combinations: every effect that was planted lies in its interval."""
    (found,) = told(simulated(9_000, 3))
    lifts = {(row.part, row.level): row.lift for row in found.rows}
    assert lifts["headline", "low"] is None and lifts["offer", "none"] is None, "the first level is the control"
    for place, truth in {("headline", "points"): 0.1, ("offer", "star"): 0.05, ("offer", "moon"): 0.0}.items():
        estimate, low, high = lifts[place]
        assert low <= truth <= high and high - low < 0.08, place
        assert estimate == pytest.approx(truth, abs=0.03)
    assert lifts["headline", "points"].low > 0, "and an effect of ten points is no chance"
    value = next(row.value_lift for row in found.rows if row.level == "points")
    assert value.low <= 0.1 * 20 <= value.high
    assert found.comparisons == 3 and found.possible == 6 and len(found.cells) == 6
    assert sum(row.count.visitors for row in found.rows if row.part == "offer") == 9_000
    for pair in found.together:
        assert pair.beyond.low <= 0.0 <= pair.beyond.high


def test_what_two_parts_do_together_is_told_apart() -> None:
    """A headline that works only with one offer shows as what the pair does beyond its parts."""
    (found,) = told(simulated(9_000, 4, together=0.2))
    beyond = {pair.levels: pair.beyond for pair in found.together}
    both = beyond[("headline", "points"), ("offer", "star")]
    assert both.low > 0.05 and both.low <= 0.2 <= both.high
    moon = beyond[("headline", "points"), ("offer", "moon")]
    assert moon.low <= 0.0 <= moon.high


def test_comparisons_of_one_experiment_hold_together() -> None:
    """Of experiments in which nothing works, at most one in twenty claims that something does; uncorrected intervals
    would claim it in one of eight."""
    dice = Random(5)

    def claims(corrected: bool) -> int:
        found = 0
        tested = experiments_in(config({"key": "k", "goal": "order", "parts": PARTS}))[0]
        for _ in range(400):
            cells = {}
            for headline in ("low", "points"):
                for offer in ("none", "star", "moon"):
                    count = 300
                    reached = sum(dice.random() < 0.2 for _ in range(count))
                    cells[headline, offer] = Count(count, reached, reached, reached)
            report = report_of(tested, cells)
            for row in report.rows:
                if row.lift is None:
                    continue
                lift = row.lift
                if not corrected:
                    other = next(r for r in report.rows if r.part == row.part)
                    lift = share_difference(
                        row.count.reached, row.count.visitors, other.count.reached, other.count.visitors
                    )
                if not lift.low <= 0 <= lift.high:
                    found += 1
                    break
        return found

    assert claims(True) <= 30
    assert claims(False) > 35


def test_who_counts_and_when() -> None:
    """First combination, from its exposure on, within the window; held-out, erased and uncounted visitors do not."""
    none = {"headline": "low", "offer": "none"}
    star = {"headline": "low", "offer": "star"}
    uncounted = Event("u", "Order Completed", 5.0, "f", {"revenue": 1, "counted": False})
    events = [
        ordered("a", 0.0), seen("a", 1.0, **none), seen("a", 2.0, **star), ordered("a", 3.0, "12.5"),
        seen("b", 1.0, **star), ordered("b", 1.0 + 7 * DAY + 1),
        seen("c", 1.0, held=True, **star), ordered("c", 2.0),
        seen("d", 1.0, **star), ordered("d", 2.0), Event("x", ERASED, 3.0, "d", {}),
        seen("e", 1.0, headline="low", offer="gone"), ordered("e", 2.0),
        seen("f", 1.0, **star), uncounted,
    ]  # fmt: skip
    (found,) = told(events)
    counts = {row.level: row.count for row in found.rows if row.part == "offer"}
    assert (counts["none"].visitors, counts["none"].reached, counts["none"].total) == (1, 1, 12.5)
    assert (counts["star"].visitors, counts["star"].reached) == (2, 0)


def test_a_person_counts_once_under_all_ids() -> None:
    """Seen in one browser, bought under the user's name: the goal belongs to what was seen."""
    levels = {"headline": "points", "offer": "none"}
    events = [seen("browser", 1.0, **levels), ordered("u:ann", 2.0), seen("phone", 3.0, headline="low", offer="none")]
    (apart,) = told(events)
    assert sum(row.count.reached for row in apart.rows) == 0
    (found,) = told(events, person=lambda event: "u:ann")
    assert {(r.level, r.count.visitors, r.count.reached) for r in found.rows if r.part == "headline"} == {
        ("low", 0, 0), ("points", 1, 1)
    }  # fmt: skip
    assert (apart.several, found.several) == (0, 1)
    assert any("1 of 1 visitors saw more than one variant" in note for note in found.notes())
    assert effects_as_json([found])[0]["saw_several"] == 1


def test_the_second_order_counts_where_the_goal_says_so() -> None:
    """`nth: 2` asks for two such events, and adds up from the second on."""
    goals = {"order": {"event": "Order Completed", "value": "revenue", "nth": 2, "window": "90d"}}
    tested = experiments_in(config({"key": "k", "goal": "order", "parts": PARTS}, goals))
    effects = Effects(tested, returns=Returns())
    for event in [
        seen("a", 1.0, headline="low", offer="none"), ordered("a", 2.0, 5), ordered("a", 3.0, 7),
        seen("b", 1.0, headline="low", offer="none"), ordered("b", 2.0, 5),
    ]:  # fmt: skip
        effects.apply(event)
    (found,) = effects.reports()
    assert (found.rows[0].count.reached, found.rows[0].count.total) == (1, 7.0)


def test_an_experiment_of_variants_is_reported_in_the_same_way() -> None:
    """Variants are the levels of one part."""
    variants = [{"id": "red", "weight": 3, "html": "r"}, {"id": "blue", "html": "b"}]
    events = []
    for n in range(400):
        shown = {"experiment": "k", "variant": "blue" if n % 4 == 0 else "red", "held": False, "slot": "s"}
        events.append(Event(f"e{n}", "Experience Viewed", n, f"v{n}", shown))
    (found,) = told(events, {"key": "k", "goal": "order", "variants": variants})
    assert [(row.part, row.level, row.count.visitors) for row in found.rows] == [("", "red", 300), ("", "blue", 100)]
    assert found.ratios[""] == pytest.approx(1.0) and not any("ratio" in note for note in found.notes())
    (skewed,) = told(events, {"key": "k", "goal": "order", "variants": [{**v, "weight": 1} for v in variants]})
    assert any("do not stand in the ratio" in note for note in skewed.notes())


def test_what_is_not_known_is_said_and_not_a_number() -> None:
    """One visitor, no goal: the table and the JSON have words and null, never nan."""
    import json
    from io import StringIO

    from rich.console import Console

    found = told([seen("a", 1.0, headline="low", offer="none")])
    text = json.dumps(effects_as_json(found), allow_nan=False)
    assert '"lift": {"estimate": null' in text
    out = StringIO()
    Console(file=out, width=200).print(effects_table(found[0]))
    assert "too few to say" in out.getvalue() and "nan" not in out.getvalue()
    bare = experiments_in(config({"key": "k", "parts": PARTS}, {}))
    effects = Effects(bare, returns=Returns())
    effects.apply(seen("a", 1.0, headline="low", offer="none"))
    assert "no goal" in effects.reports()[0].notes()[0]


@pytest.mark.parametrize(
    ("experiment", "columns"),
    [
        ({"variants": [{"id": "a", "show": "page"}, {"id": "b", "html": "B"}]}, ["variant", "visitors"]),
        ({"parts": {"headline": PARTS["headline"]}}, ["headline", "visitors"]),
        ({"parts": PARTS}, ["part", "level", "visitors"]),
    ],
)
def test_columns_are_named_for_what_is_compared(experiment: dict[str, Any], columns: list[str]) -> None:
    """A plain test speaks of variants; parts and levels are named where there are several."""
    effects = Effects(experiments_in(config({"key": "k"} | experiment)), returns=Returns())
    effects.apply(
        seen("a", 1.0, headline="low", offer="none")
        if "parts" in experiment
        else Event("1", "Page Viewed", 1.0, "a", {"shown": [{"experiment": "k", "variant": "a"}]})
    )
    drawn = effects_table(effects.reports()[0])
    assert [str(column.header) for column in drawn.columns][: len(columns)] == columns
