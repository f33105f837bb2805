"""Money in reports on experiments: what came back inside the goal's window is taken off."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.config import load_config
from personalize.model import Event
from personalize.profiles import Returns
from personalize.reports import Effects, experiments_in
from personalize.stores import SqliteStore

DAY = 86_400.0
WINDOW = 7 * DAY
CONFIG = """
version: 1
store: sqlite:///log.db
goals: {order: {event: Order Completed, value: revenue, window: 7d}, margin: {event: Order Completed, value: margin}}
slots:
  s:
    match: {path: "/"}
    experiences:
      - id: e
        experiment:
          key: k
          goal: order
          variants: [{id: red, html: r}, {id: blue, html: b}]
"""


def shown(visitor: str, time: float, variant: str = "red") -> Event:
    told = {"experiment": "k", "variant": variant, "held": False, "slot": "s", "experience": "e"}
    return Event(f"e{visitor}{time}", "Experience Viewed", time, visitor, told)


def ordered(visitor: str, time: float, order: str, revenue: float, **told: Any) -> Event:
    return Event(f"o:{order}", "Order Completed", time, visitor, {"order_id": order, "revenue": revenue, **told})


def back(visitor: str, time: float, order: str, name: str = "Order Refunded", **told: Any) -> Event:
    return Event(f"r{order}{time}{told}", name, time, visitor, {"order_id": order, **told})


def counted(events: list[Event], returns: Any = None, goal: str = "order") -> tuple[int, float]:
    """How many visitors reached the goal, and what they brought."""
    config = load_config(_told(goal))
    effects = Effects(experiments_in(config), returns=returns or Returns())
    for event in events:
        effects.apply(event)
    (report,) = effects.reports()
    return sum(row.count.reached for row in report.rows), round(sum(row.count.total for row in report.rows), 2)


def _told(goal: str) -> Any:
    goals = {
        "order": {"event": "Order Completed", "value": "revenue", "window": "7d"},
        "margin": {"event": "Order Completed", "value": "margin", "window": "7d"},
        "again": {"event": "Order Completed", "value": "revenue", "window": "7d", "nth": 2},
    }
    variants = [{"id": "red", "html": "r"}, {"id": "blue", "html": "b"}]
    experience = {"id": "e", "experiment": {"key": "k", "goal": goal, "variants": variants}}
    return {"version": 1, "goals": goals, "slots": {"s": {"match": {"path": "/"}, "experiences": [experience]}}}


@pytest.mark.parametrize(
    ("returned", "left"),
    [
        ([], 100.0),
        ([back("a", 20.0, "1", revenue=30)], 70.0),
        ([back("a", 20.0, "1", revenue=30), back("a", 21.0, "1", revenue=20)], 50.0),
        ([back("a", 20.0, "1", revenue=30, refund_id="x"), back("a", 25.0, "1", revenue=30, refund_id="x")], 70.0),
        ([back("a", 20.0, "1")], 0.0),
        ([back("a", 20.0, "1", name="Order Cancelled", revenue=100)], 0.0),
        ([back("a", 20.0, "1", products=[{"product_id": "lamp"}])], 40.0),
        ([back("a", 20.0, "1", revenue=900)], 0.0),
        ([back("a", 20.0, "another", revenue=30)], 100.0),
        ([back("a", 5.0 + WINDOW, "1", revenue=30)], 100.0),
        ([back("b", 20.0, "1", revenue=30)], 100.0),
        ([back("a", 20.0, "1", revenue=30, currency="USD")], 100.0),
    ],
)
def test_what_came_back_is_taken_off(returned: list[Event], left: float) -> None:
    """In part or whole, once, of the buyer's own order, inside the window, in its currency; the order stays one."""
    products = [{"product_id": "lamp", "price": 60}, {"product_id": "soap", "price": 40}]
    events = [shown("a", 1.0), ordered("a", 10.0, "1", 100, currency="EUR", products=products), *returned]
    assert counted(events) == (1, left)


def test_of_another_value_the_same_share_is_lost() -> None:
    """A goal that adds up margins loses a quarter of the margin with a quarter of the money."""
    events = [shown("a", 1.0), ordered("a", 10.0, "1", 100, margin=40), back("a", 20.0, "1", revenue=25)]
    assert counted(events, goal="margin") == (1, 30.0)


def test_a_refund_of_an_order_that_does_not_count_takes_nothing() -> None:
    """Where the second order counts, what came back of the first is not taken off it."""
    events = [
        shown("a", 1.0), ordered("a", 10.0, "1", 100), ordered("a", 11.0, "2", 50), back("a", 20.0, "1"),
    ]  # fmt: skip
    assert counted(events, goal="again") == (1, 50.0)


def plain_sum(events: list[Event]) -> float:
    """The same by hand: of each order in the window, its money without what came back in the window, never below 0."""
    first: dict[str, float] = {}
    for event in events:
        if event.name == "Experience Viewed":
            first.setdefault(event.visitor, event.time)
    total = 0.0
    for order in events:
        begin = first.get(order.visitor)
        if order.name != "Order Completed" or begin is None or not begin <= order.time <= begin + WINDOW:
            continue
        left = order.properties["revenue"]
        for refund in events:
            same = refund.visitor == order.visitor and refund.properties.get("order_id") == order.properties["order_id"]
            if refund.name == "Order Refunded" and same and begin <= refund.time <= begin + WINDOW:
                left -= refund.properties.get("revenue", left)
        total += max(0.0, left)
    return round(total, 2)


def holds(returns: Any) -> None:
    """The law: over many made-up logs, the report's sum is the plain one."""
    dice = Random(7)
    for _ in range(200):
        events = [shown(f"v{n}", float(dice.randint(0, 5))) for n in range(3)]
        for number in range(dice.randint(1, 6)):
            buyer, time = f"v{dice.randint(0, 3)}", dice.uniform(0, 9 * DAY)
            events.append(ordered(buyer, time, str(number), dice.randint(1, 200)))
            for _ in range(dice.randint(0, 2)):
                told = {} if dice.random() < 0.2 else {"revenue": dice.randint(1, 120)}
                events.append(back(buyer, time + dice.uniform(0, 4 * DAY), str(number), **told))
        assert counted(events, returns)[1] == plain_sum(events)


class Forgetful(Returns):
    """A planted mistake: nothing comes back."""

    @staticmethod
    def kept(sales: Any, refunds: Any) -> list[float]:
        return [1.0] * len(sales)


class Reversed(Returns):
    """A planted mistake: shares of other orders."""

    @staticmethod
    def kept(sales: Any, refunds: Any) -> list[float]:
        return Returns.kept(sales, refunds)[::-1]


def test_the_sum_is_that_of_a_plain_count() -> None:
    """Two hundred logs by chance."""
    holds(Returns())


@pytest.mark.parametrize("planted", [Forgetful, Reversed])
def test_the_law_catches_planted_mistakes(planted: type[Returns]) -> None:
    """It fails for a report that counts what came back, and for one that takes it off another order."""
    with pytest.raises(AssertionError):
        holds(planted())


async def test_b32_the_command_tells_what_was_kept(tmp_path: Path) -> None:
    """`personalize report --json` after a refund, which the shop told under the user's id."""
    (tmp_path / "personalize.yaml").write_text(CONFIG)
    store = SqliteStore(tmp_path / "log.db")
    await store.open()
    browser = "0" * 32
    link = {"$via": "server", "$ids": {"user_id": "7"}}
    await store.append([
        shown(browser, 1e9), ordered(browser, 1e9 + 60, "1", 80.0),
        Event("i", "User Identified", 1e9 + 61, browser, {**link, "traits": {}}),
        back("u:7", 1e9 + 90, "1", revenue=30.0),
    ])  # fmt: skip
    await store.close()
    asked = await asyncio.to_thread(CliRunner().invoke, main, ["report", str(tmp_path / "personalize.yaml"), "--json"])
    (experiment,) = json.loads(asked.output)["experiments"]
    (red,) = [row for row in experiment["levels"] if row["level"] == "red"]
    assert red["value"] == 50.0
