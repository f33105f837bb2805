"""`personalize report` with a config that has errors: what the log says is told all the same, as far as it goes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize import PersonalizeMiddleware
from personalize.cli import main
from personalize.testing import Answer, call

CONFIG = """\
version: 1
timezone: Europe/Istanbul
holdout: {percent: 10, salt: all}
segments:
  returning: {label: Came before, all: [{visits: {gte: 2}}]}
goals:
  order: {event: Order Completed, window: 14d}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - id: split
        experiment:
          key: hero-1
          goal: order
          variants:
            - {id: control, show: page}
            - {id: big, html: "Big"}
      - id: again
        when: returning
        show: {html: "Good to see you again"}
  side:
    match: {path: "/", element: "[data-slot=side]"}
    experiences:
      - id: other
        when: everyone
        experiment: {key: side-1, variants: [{id: a, show: page}, {id: b, html: B}]}
"""
PAGE = b"<h1 data-slot=hero>x</h1><p data-slot=side>y</p>"
ALL = ["hero-1", "side-1"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a log of thirty visitors."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "personalize.yaml").write_text(CONFIG)

    async def visits() -> None:
        app = PersonalizeMiddleware(Answer(PAGE), folder / "personalize.yaml")
        for _ in range(30):
            await call(app, "/", cookies={"consent": "granted"}, scheme="https")
        await app.close()

    asyncio.run(visits())
    return folder


def report(site: Path, config: str) -> Result:
    (site / "edited.yaml").write_text(config)
    result = CliRunner().invoke(main, ["report", str(site / "edited.yaml"), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def keys(told: Any) -> list[str]:
    return [each["experiment"] for each in told["experiments"]]


@pytest.mark.parametrize(
    ("written", "slip", "reported", "left_out"),
    [
        ("when: returning", "when: retruning", ALL, []),
        ("visits: {gte: 2}", "visists: {gte: 2}", ALL, []),
        ("Europe/Istanbul", "Europe/Istambul", ALL, []),
        ('html: "Big"', "source: cms", ALL, []),
        ("key: hero-1", "kye: hero-1", ["side-1"], ["hero/split"]),
        ("goal: order", "goal: oder", ["side-1"], ["hero/split"]),
        ('id: big, html: "Big"', 'id: big, weight: -1, html: "Big"', ["side-1"], ["hero/split"]),
        ("event: Order Completed, window: 14d", "window: 14d", ["side-1"], ["goal order", "hero/split"]),
        ('{path: "/", element: "[data-slot=side]"}', "{pth: /}", ["hero-1"], ["slot side"]),
        ("percent: 10", "percent: 200", ALL, ["holdout"]),
        ('{id: big, html: "Big"}', '{id: big, html: "Big"', ["side-1"], ["lines 9 to 21 (hero)"]),
        ("      - id: split", "     - id: split", ["side-1"], ["lines 9 to 21 (hero)"]),
        ("slots:", "slots: {", [], ["lines 8 to 27 (slots)"]),
    ],
)
def test_what_a_slip_has_nothing_to_do_with_is_reported_as_ever(
    site: Path, written: str, slip: str, reported: list[str], left_out: list[str]
) -> None:
    """What was shown, and each experiment that is left, are what the whole config says of them; what is wrong and what
    was left out stands beside it, and the status is 1."""
    whole = json.loads(report(site, CONFIG).stdout)
    result = report(site, CONFIG.replace(written, slip, 1))
    told = json.loads(result.stdout)
    assert result.exit_code == 1 and "edited.yaml:" in result.stderr and "error PZ" in result.stderr
    assert told["shown"] == whole["shown"] and len(told["shown"]) >= 4
    assert keys(told) == reported and keys(whole) == ALL
    assert told["experiments"] == [each for each in whole["experiments"] if each["experiment"] in reported]
    assert sorted(told["without"]) == left_out
    assert told["holdouts"] == ([] if left_out else whole["holdouts"])
    assert all(name in result.stderr.splitlines()[-1] for name in left_out)


@pytest.mark.parametrize("slip", ["stroe: sqlite:///x.db", "store: ${NO_SUCH_VARIABLE}", "store: mysql://x"])
def test_no_other_log_is_taken_for_the_one_that_was_meant(site: Path, slip: str) -> None:
    """Where the slip is in the log's own address, nothing is reported."""
    result = report(site, f"{slip}\n{CONFIG}")
    assert result.exit_code == 1 and not result.stdout and "edited.yaml:1:" in result.stderr


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_edited_no_experiment_is_counted_otherwise(site: Path, data: st.DataObject) -> None:
    """Whatever slip a line gets, each experiment that is reported has all its variants."""
    lines = CONFIG.splitlines()
    at = data.draw(st.integers(1, len(lines) - 1))
    edit = data.draw(st.sampled_from(["misspelt", "bracket", "colon", "indent"]))
    line = lines[at]
    cut = data.draw(st.integers(0, len(line)))
    lines[at] = {
        "misspelt": line[:cut] + "x" + line[cut:], "bracket": line[:cut] + "{" + line[cut:],
        "colon": line.replace(":", "", 1), "indent": " " + line,
    }[edit]  # fmt: skip
    result = report(site, "\n".join(lines) + "\n")
    if not result.stdout or "error PZ" not in result.stderr:
        return  # no report, or an edit that is no slip
    names = {each["experiment"]: _levels(each) for each in json.loads(report(site, CONFIG).stdout)["experiments"]}
    for told in json.loads(result.stdout)["experiments"]:
        renamed = any("x" in name for name in _levels(told))
        assert renamed or _levels(told) == names.get(told["experiment"], _levels(told))


def _levels(told: Any) -> list[str]:
    return [each["level"] for each in told["levels"]]
