"""`personalize bandit`: what a log says that a bandit learned and earned, and what others would have earned."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from personalize.bandits import BanditSpec
from personalize.cli import main
from personalize.model import Event
from personalize.payoff.earned import policy_of, standard
from personalize.stores import open_store
from personalize.terminal import clock

CONFIG = """
version: 1
store: sqlite
goals:
  order: {event: Order Completed, value: revenue, window: 7d}
segments:
  phone: {all: [{device.type: mobile}]}
slots:
  hero:
    match: {path: "/"}
    experiences:
      - id: greeting
        experiment:
          key: hero-3
          allocate: thompson
          goal: order
          bandit: {by: [phone]}
          variants: [{id: plain, show: page}, {id: loud, html: LOUD}]
"""
BEGAN = 1_790_000_000.0
TRUTH = {"phone": {"plain": 0.1, "loud": 0.3}, "": {"plain": 0.3, "loud": 0.1}}
CHANCE = {"phone": {"plain": 0.3, "loud": 0.7}, "": {"plain": 0.6, "loud": 0.4}}


def exposure(n: int, context: str, arm: str, propensity: float | None, time: float) -> Event:
    seen: dict[str, Any] = {"slot": "hero", "experience": "greeting", "experiment": "hero-3", "variant": arm}
    seen |= {"held": False, "reason": "experience", "how": "inline"}
    if propensity is not None:
        seen |= {"propensity": propensity, "context": context, "batch": 1, "draw": 1, "until": time + 604_800}
    return Event(f"p{n}", "Page Viewed", time, f"v{n}", {"path": "/", "shown": [seen]})


def log_of(many: int, *, missing: int = 0) -> list[Event]:
    dice = Random(4)
    events = []
    for n in range(many):
        context = "phone" if dice.random() < 0.5 else ""
        arm = "plain" if dice.random() < CHANCE[context]["plain"] else "loud"
        time = BEGAN + 40.0 * n
        events.append(exposure(n, context, arm, CHANCE[context][arm], time))
        if dice.random() < TRUTH[context][arm]:
            bought = {"order_id": f"o{n}", "revenue": dice.choice([10.0, 30.0])}
            events.append(Event(f"o{n}", "Order Completed", time + 20, f"v{n}", bought))
    return events + [exposure(many + n, "", "plain", None, BEGAN + 40.0 * many) for n in range(missing)]


def told(tmp_path: Path, events: list[Event], *options: str, config: str = CONFIG) -> Result:
    file = tmp_path / "personalize.yaml"
    file.write_text(config)

    async def write() -> None:
        store = open_store("sqlite", tmp_path)
        await store.open()
        await store.append(events)
        await store.close()

    asyncio.run(write())
    return CliRunner().invoke(main, ["bandit", str(file), *options])


def as_json(tmp_path: Path, events: list[Event], *options: str, config: str = CONFIG) -> Any:
    done = told(tmp_path, events, "--json", *options, config=config)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_what_a_bandit_learned_is_told_for_each_segment_and_variant(tmp_path: Path) -> None:
    """Visitors, rewards and what is believed; the better variant of each segment has most of the share."""
    report = as_json(tmp_path, log_of(2_000))
    assert (report["experiment"], report["visitors"], report["reward"]) == ("hero-3", 2_000, "conversion")
    for context in report["contexts"]:
        for variant in context["variants"]:
            truth = TRUTH[context["context"]][variant["variant"]]
            assert variant["believed"]["low"] < truth < variant["believed"]["high"]
            assert variant["reward"] == variant["rewarded"]
            assert (variant["share"] > 0.9) is (truth == 0.3) and (variant["best"] > 0.9) is (truth == 0.3)
    assert sum(v["visitors"] for c in report["contexts"] for v in c["variants"]) == 2_000
    assert report["batches"][-1]["shares"]["phone"][1] > 0.9 > report["batches"][0]["shares"]["phone"][1]


def test_the_table_says_of_which_batch_its_shares_are(tmp_path: Path) -> None:
    """The counts beside them go on, so the two would seem to disagree while a batch lasts."""
    began = as_json(tmp_path, log_of(200))["batches"][-1]["began"]
    written = clock("UTC")(began)
    assert f"shares are as the batch of {written} (UTC) began; the counts are of" in told(tmp_path, []).output


def test_what_others_would_have_earned_holds_the_truth(tmp_path: Path) -> None:
    """Each variant for all, equal shares, and the best of each segment: the truth lies in every interval, and the
    verdict is right where it is given."""
    best = "phone=loud,*=plain"
    report = as_json(tmp_path, log_of(4_000), "--policy", best)
    found = {policy["policy"]: policy for policy in report["policies"]}
    truths = {"always plain": 0.2, "always loud": 0.2, "equal shares": 0.2, best: 0.3}
    assert found.keys() == truths.keys()
    for name, truth in truths.items():
        for kind in ("ips", "snips", "dr"):
            assert found[name][kind]["low"] < truth < found[name][kind]["high"]
        assert found[name]["refused"] is None and found[name]["effective_visitors"] > 200
    assert found[best]["verdict"] == "better than what was done"
    assert found["always loud"]["verdict"] in ("worse", "not told apart from what was done")


def test_revenue_is_what_orders_add_up_to(tmp_path: Path) -> None:
    """With reward: revenue the same log is told in money."""
    report = as_json(tmp_path, log_of(2_000), config=CONFIG.replace("{by: [phone]}", "{by: [phone], reward: revenue}"))
    assert report["reward"] == "revenue"
    revenue = sum(e.properties["revenue"] for e in log_of(2_000) if e.name == "Order Completed")
    assert sum(v["reward"] for c in report["contexts"] for v in c["variants"]) == pytest.approx(revenue)
    assert report["earned"] == pytest.approx(revenue / 2_000)


def test_nothing_is_concluded_from_little(tmp_path: Path) -> None:
    """A hundred visitors: every policy is refused, in JSON and in the table."""
    report = as_json(tmp_path, log_of(100))
    assert all(policy["dr"]["estimate"] is None and policy["refused"] for policy in report["policies"])
    assert "nothing to conclude: an effective sample of" in told(tmp_path, []).output


def test_nothing_is_concluded_where_probabilities_are_missing(tmp_path: Path) -> None:
    """Visitors of before it was a bandit, under the same key."""
    config = CONFIG.replace("bandit: {by: [phone]}", "bandit: {}")
    report = as_json(tmp_path, log_of(2_000, missing=300), config=config)
    outside = sum(seen["context"] == "" for event in log_of(2_000) for seen in event.exposures)
    assert report["visitors"] == 300 + outside
    assert all("have no propensity in the log" in policy["refused"] for policy in report["policies"])
    assert "visitors who were drawn without a logged probability: 300" in report["notes"]


def test_a_log_that_is_told_again_says_the_same(tmp_path: Path) -> None:
    """Every event sent twice, under its id or another: rewards and visitors count once."""
    once = as_json(tmp_path, log_of(500))
    assert as_json(tmp_path, log_of(500)) == once
    again = [Event(f"again-{e.id}", e.name, e.time, e.visitor, e.properties) for e in log_of(500)]
    twice = as_json(tmp_path, again)
    visitors = [[v["visitors"] for c in report["contexts"] for v in c["variants"]] for report in (once, twice)]
    assert visitors[0] == visitors[1]
    assert (twice["visitors"], twice["earned"]) == (once["visitors"], once["earned"])


def test_a_table_and_a_picture_say_the_same(tmp_path: Path) -> None:
    """Each segment and variant with its share; a well-formed SVG with a line of shares and a band for each."""
    done = told(tmp_path, log_of(2_000), "hero-3", "--svg", str(tmp_path / "b.svg"))
    assert done.exit_code == 0, done.output
    for said in (
        "phone",
        "all others",
        "loud",
        "always plain",
        "equal shares",
        "visitors whose window is still open: 2,000",
    ):
        assert said in done.output
    root = ElementTree.parse(tmp_path / "b.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}path")) == len(root.findall(f"{space}polygon")) == 4
    assert root.find(f"{space}title") is not None


def test_before_anybody_came_nothing_is_told(tmp_path: Path) -> None:
    """No table of zeros, and a picture that is still a picture."""
    done = told(tmp_path, [], "--svg", str(tmp_path / "b.svg"))
    assert done.exit_code == 0 and "nobody was drawn yet" in done.output
    ElementTree.parse(tmp_path / "b.svg")
    assert json.loads(told(tmp_path, [], "--json").stdout)["contexts"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("hero-4",), 'there is no bandit "hero-4"; there are: hero-3'),
        (("--policy", "lowd"), 'there is no variant "lowd"; there are: plain, loud'),
        (("--policy", "tablet=loud"), 'does not learn for a segment "tablet"; there are: phone, *'),
        (("--policy", "phone=loud"), "it says nothing of all others: add *=VARIANT"),
    ],
)
def test_a_slip_is_told(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    """What is wrong, and what there is."""
    done = told(tmp_path, [], *options)
    assert done.exit_code == 2 and said in " ".join(done.output.split())


def test_policies_are_distributions() -> None:
    """Each gives every context probabilities that add up to one."""
    spec = BanditSpec("k", ("a", "b", "c"), ("phone", ""), "x", 1, None, 1.0, False, 0.01, 1.0, 0.0, None)
    policies = [*standard(spec).values(), policy_of(spec, "b"), policy_of(spec, "phone = a, * = c")]
    for policy in policies:
        for context in spec.contexts:
            assert sum(policy(context).values()) == pytest.approx(1.0)
    assert policy_of(spec, "phone=a,*=c")("phone") == {"a": 1.0}
