"""What a bandit learns from a log, held against a plain reading of the same log; and against wrong ledgers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.bandits import Bandits, BanditSpec, Ledger
from personalize.model import ERASED, Event
from personalize.profiles import Returns

NOW = 1_790_000_000.0
ARMS, CONTEXTS = ("plain", "loud", "kind"), ("phone", "")
SPEC = BanditSpec(
    key="hero", arms=ARMS, contexts=CONTEXTS, event="Order Completed", nth=1, value="revenue", window=3_000.0,
    lower_is_better=False, floor=0.02, every=600.0, settle=0.0, half_life=None,
)  # fmt: skip
VISITORS = ("ann", "bob", "cem", "dua")


def links(event: Event) -> tuple[tuple[str, ...], str]:
    """As the log's servers tell them."""
    if event.name == "Signed Out":
        return (), event.visitor
    user = event.properties.get("user")
    return ((event.visitor, f"u:{user}"), "") if user else ((), "")


def exposed(seq: int, visitor: str, time: float, arm: str, draw: int, context: str = "", **more: Any) -> Event:
    seen = {"slot": "hero", "experience": "x", "experiment": "hero", "variant": arm, "held": False, "how": "inline"}
    seen |= {"propensity": 0.5, "context": context, "batch": 1, "draw": draw, "until": time + SPEC.window} | more
    return Event(f"e{seq}", "Page Viewed", time, visitor, {"path": "/", "shown": [seen]}, seq)


def ordered(seq: int, visitor: str, time: float, order: str, revenue: float, name: str = "Order Completed") -> Event:
    return Event(f"e{seq}", name, time, visitor, {"order_id": order, "revenue": revenue}, seq)


def folded(events: Iterable[Event], spec: BanditSpec = SPEC, kind: type[Ledger] = Ledger) -> tuple[Bandits, Ledger]:
    fold, ledger = Bandits(links), kind(spec, Returns())
    fold.take({"hero": ledger})
    for event in events:
        fold.apply(event)
    return fold, ledger


def learned(
    events: Iterable[Event], spec: BanditSpec = SPEC, kind: type[Ledger] = Ledger
) -> list[list[tuple[float, float, float]]]:
    """(visitors, wins, amount) by context and arm, as known when a far later batch begins."""
    _, ledger = folded([*events, exposed(10**9, "later", NOW + 10_000_000.0, "plain", 1)], spec, kind)
    return [[(cell.visitors, cell.wins, round(cell.amount, 6)) for cell in row] for row in ledger.believed]


def read_plainly(events: list[Event]) -> list[list[tuple[float, float, float]]]:
    """The same, visitor by visitor: a trial begins with an exposure of a higher draw, or one after the window of the
    last; every order inside the newest trial's window counts once, as it was first, less what was refunded of it."""
    trials: dict[tuple[str, str], list[dict[str, Any]]] = {(c, a): [] for c in CONTEXTS for a in ARMS}
    for visitor in VISITORS:
        trial: dict[str, Any] | None = None
        for event in (e for e in events if e.visitor == visitor and e.counted):
            for seen in event.exposures:
                if seen["held"] or seen["experiment"] != "hero":
                    continue
                if trial is None or seen["draw"] > trial["draw"] or event.time >= trial["until"]:
                    trial = {"draw": seen["draw"], "time": event.time, "until": seen["until"]}
                    trial |= {"made": {}, "back": set()}
                    trials[seen["context"], seen["variant"]].append(trial)
            if trial is None or not trial["time"] <= event.time < trial["until"]:
                continue
            order, revenue = event.properties.get("order_id"), event.properties.get("revenue")
            if event.name == "Order Completed":
                trial["made"][order] = min(trial["made"].get(order, (math.inf,)), (event.time, revenue))
            elif event.name == "Order Refunded":
                trial["back"].add((order, event.time, revenue))
    found = {place: [_left(trial["made"], trial["back"]) for trial in of] for place, of in trials.items()}
    return [
        [
            (float(len(of)), float(sum(bool(o) for o in of)), round(sum(sum(o.values()) for o in of), 6))
            for of in (found[context, arm] for arm in ARMS)
        ]
        for context in CONTEXTS
    ]


def _left(made: dict[str, tuple[float, float]], back: set[tuple[str, float, float]]) -> dict[str, float]:
    """What each order brought; one of which nothing is left is none."""
    left = {order: money - sum(m for of, _, m in back if of == order) for order, (_, money) in made.items()}
    return {order: money for order, money in left.items() if money > 0}


def logs(dice: Random, length: int) -> list[Event]:
    """A log of four visitors: exposures of three draws, held-out ones, orders told twice, refunds, uncounted events."""
    events: list[Event] = []
    time = NOW
    for seq in range(1, length + 1):
        time += dice.choice([0.0, 10.0, 700.0, 2_000.0])
        visitor = dice.choice(VISITORS)
        kind = dice.random()
        if kind < 0.5:
            event = exposed(seq, visitor, time, dice.choice(ARMS), dice.randint(1, 3), dice.choice(CONTEXTS))
            if dice.random() < 0.2:
                event = exposed(seq, visitor, time, "loud", 1, held=True)
        elif kind < 0.85:
            event = ordered(seq, visitor, time, f"o{dice.randint(1, 5)}", dice.choice([5.0, 20.0, 50.0]))
        else:
            event = ordered(seq, visitor, time, f"o{dice.randint(1, 5)}", dice.choice([5.0, 50.0]), "Order Refunded")
        if dice.random() < 0.1:
            event = replace(event, properties={**event.properties, "counted": False})
        events.append(event)
    return events


@given(st.integers(0, 10**9), st.integers(0, 40))
def test_a_ledger_is_a_plain_reading_of_the_log(seed: int, length: int) -> None:
    """Visitors, not exposures; rewards once, in their window; held-out and uncounted events not at all."""
    events = logs(Random(seed), length)
    assert learned(events) == read_plainly(events)


# --- planted bugs --------------------------------------------------------------------------------------


class CountsExposures(Ledger):
    """Planted bug: every exposure is a visitor."""

    def expose(self, event: Event, seen: Any) -> None:
        self.part(event.visitor)
        super().expose(event, seen)


class CountsHeldOut(Ledger):
    """Planted bug: visitors who saw the page as it is are put down to the arm that they did not see."""

    def expose(self, event: Event, seen: Any) -> None:
        super().expose(event, {**seen, "held": False})


class CountsTwice(Ledger):
    """Planted bug: an order that is told again counts again."""

    def reward(self, event: Event) -> None:
        again = {**event.properties, "order_id": f"{event.properties.get('order_id')}/{event.seq}"}
        super().reward(replace(event, properties=again))


class NeverEnds(Ledger):
    """Planted bug: a reward counts whenever it comes."""

    def expose(self, event: Event, seen: Any) -> None:
        super().expose(event, {**seen, "until": event.time + 1e9})


class KeepsRefunds(Ledger):
    """Planted bug: what was paid back stays."""

    def reward(self, event: Event) -> None:
        if event.name != "Order Refunded":
            super().reward(event)


class ForgetsEarlyRefunds(Ledger):
    """Planted bug: what is paid back of an order that was not told yet is lost."""

    def reward(self, event: Event) -> None:
        trial = self._of(event.visitor)
        known = {reward.key for reward in trial.rewards} if trial is not None else set()
        if event.name != "Order Refunded" or event.properties["order_id"] in known:
            super().reward(event)


class LastArm(Ledger):
    """Planted bug: the reward goes to whatever arm a late page showed."""

    def expose(self, event: Event, seen: Any) -> None:
        super().expose(event, {**seen, "draw": event.seq})


@pytest.mark.parametrize("wrong", [CountsExposures, CountsHeldOut, CountsTwice, NeverEnds, KeepsRefunds, LastArm])
def test_the_law_finds_planted_mistakes(wrong: type[Ledger]) -> None:
    """Each wrong ledger differs from the plain reading on some log of forty events."""
    several = [logs(Random(seed), 40) for seed in range(20)]
    assert all(learned(events) == read_plainly(events) for events in several)
    assert any(learned(events, kind=wrong) != read_plainly(events) for events in several)


# --- in whatever order -----------------------------------------------------------------------------------


def told_later(dice: Random) -> list[Event]:
    """What a visitor ordered and gave back within a window, by their times: whole orders, amounts and products, named
    and not, some told twice."""
    events = []
    for n in range(1, dice.randint(2, 5)):
        lines = [{"product_id": p, "price": 10.0, "quantity": 2} for p in ("cup", "rug")[: dice.randint(1, 2)]]
        told = {"order_id": f"o{n}", "revenue": 20.0 * len(lines), "products": lines}
        events.append(Event(f"o:{n}", "Order Completed", NOW + 10 * n, "ann", told))
    for n in range(dice.randint(0, 4)):
        back: dict[str, Any] = {"order_id": dice.choice(["", "o1", "o2", "o9"]), "refund_id": dice.choice(["", "r"])}
        kind = dice.random()
        if kind < 0.4:
            back |= {"revenue": dice.choice([5.0, 15.0])}
        elif kind < 0.7:
            back |= {"products": [{"product_id": dice.choice(["cup", "rug"]), "quantity": 1}]}
        name = "Order Cancelled" if kind > 0.9 else "Order Refunded"
        event = Event(f"r{n}", name, NOW + dice.randint(5, 60), "ann", back)
        events += [event, replace(event, id=f"r{n} again")][: dice.randint(1, 2)]
    return events


def whatever_the_order(kind: type[Ledger], nth: int, seed: int) -> None:
    """The law: what is learned of orders and refunds does not depend on which of them the log heard of first."""
    dice = Random(seed)
    events, spec = told_later(dice), replace(SPEC, nth=nth)
    begun = [exposed(1, "ann", NOW, "kind", 1)]

    def known(told: list[Event]) -> Any:
        return learned([*begun, *(replace(event, seq=n) for n, event in enumerate(told, 2))], spec, kind)

    first = known(sorted(events, key=lambda event: event.time))
    for _ in range(4):
        assert known(dice.sample(events, len(events))) == first


@given(st.integers(0, 10**9), st.sampled_from([1, 2]))
def test_rewards_follow_refunds_in_whatever_order_they_come(seed: int, nth: int) -> None:
    """In parts or whole, of named orders and of the newest, and each once."""
    whatever_the_order(Ledger, nth, seed)


class AsTheyCome(Ledger):
    """Planted bug: what counts from the second order on is told by when the log heard of it."""

    def reward(self, event: Event) -> None:
        super().reward(replace(event, time=NOW + event.seq / 100))


@pytest.mark.parametrize("wrong", [ForgetsEarlyRefunds, AsTheyCome])
def test_the_law_of_any_order_finds_planted_mistakes(wrong: type[Ledger]) -> None:
    """Each fails it for some log."""
    with pytest.raises(AssertionError):
        for seed in range(200):
            whatever_the_order(wrong, 2, seed)


# --- one rule at a time --------------------------------------------------------------------------------


def test_a_page_is_not_a_visitor() -> None:
    """Twenty pages of one visitor are one visitor, and two orders are one buyer who brought both."""
    events = [exposed(n, "ann", NOW + n, "kind", 1) for n in range(1, 21)]
    events += [ordered(30, "ann", NOW + 30, "a", 10.0), ordered(31, "ann", NOW + 31, "b", 15.0)]
    assert learned(events)[1][2] == (1.0, 1.0, 25.0)


def test_what_a_browser_says_it_was_shown_is_not_believed() -> None:
    """Exposures count from the middleware and from the site's servers."""
    said = exposed(1, "ann", NOW, "kind", 1)
    for via, counts in (("browser", 0.0), ("server", 1.0)):
        assert learned([replace(said, properties={**said.properties, "$via": via})])[1][2][0] == counts


def test_arms_and_contexts_that_are_gone_are_passed_over() -> None:
    """A variant that left the experiment, or a segment that the bandit no longer learns by."""
    assert learned([exposed(1, "ann", NOW, "gone", 1), exposed(2, "bob", NOW, "kind", 1, "tablet")]) == learned([])


def test_a_test_that_becomes_a_bandit_keeps_what_it_learned() -> None:
    """Exposures without a propensity were drawn with fixed weights: they count where there is one context only."""
    shown = [{"experiment": "hero", "variant": "kind", "held": False}]
    events = [Event("e1", "Page Viewed", NOW, "ann", {"shown": shown}, 1), ordered(2, "ann", NOW + 10, "a", 9.0)]
    assert learned(events)[1][2] == (0.0, 0.0, 0.0)
    one = replace(SPEC, contexts=("",))
    assert learned(events, one)[0][2] == (1.0, 1.0, 9.0)


def test_the_nth_event_is_the_reward() -> None:
    """With nth: 2 the first order is none yet, and what counts begins with the second."""
    events = [exposed(1, "ann", NOW, "kind", 1), ordered(2, "ann", NOW + 1, "a", 10.0)]
    second = replace(SPEC, nth=2)
    assert learned(events, second)[1][2] == (1.0, 0.0, 0.0)
    assert learned([*events, ordered(3, "ann", NOW + 2, "b", 7.0)], second)[1][2] == (1.0, 1.0, 7.0)


def test_a_refund_takes_back_its_order_only() -> None:
    """Part of it, the rest of it, all of it; an order of before the draw is not looked for elsewhere."""
    begun = [exposed(1, "ann", NOW, "kind", 1), ordered(2, "ann", NOW + 1, "a", 30.0)]
    part = ordered(3, "ann", NOW + 2, "a", 10.0, "Order Refunded")
    assert learned([*begun, part])[1][2] == (1.0, 1.0, 20.0)
    assert learned([*begun, part, replace(part, id="again", seq=4)])[1][2] == (1.0, 1.0, 20.0)
    assert learned([*begun, part, replace(part, time=NOW + 3, seq=4)])[1][2] == (1.0, 1.0, 10.0)
    lines = [{"product_id": "cup", "price": 20.0}, {"product_id": "rug", "price": 10.0}]
    told = Event("e2", "Order Completed", NOW + 1, "ann", {"order_id": "a", "revenue": 30.0, "products": lines}, 2)
    cup = Event("e3", "Order Refunded", NOW + 2, "ann", {"order_id": "a", "products": lines[:1]}, 3)
    assert learned([begun[0], told, cup])[1][2] == (1.0, 1.0, 10.0)
    assert learned([*begun, ordered(3, "ann", NOW + 2, "a", 0.0, "Order Cancelled")])[1][2] == (1.0, 0.0, 0.0)
    assert learned([*begun, ordered(3, "ann", NOW + 2, "old", 30.0, "Order Refunded")])[1][2] == (1.0, 1.0, 30.0)
    assert learned([*begun, ordered(3, "ann", NOW + 2, "", 5.0, "Order Refunded")])[1][2] == (1.0, 1.0, 25.0)


def test_who_was_erased_no_longer_counts() -> None:
    """Neither the visitor nor what they brought."""
    events = [exposed(1, "ann", NOW, "kind", 1), ordered(2, "ann", NOW + 1, "a", 30.0)]
    assert learned([*events, Event("x", ERASED, NOW + 2, "ann", {}, 3)]) == learned([])


def linked(seq: int, visitor: str, user: str, time: float) -> Event:
    return Event(f"e{seq}", "User Identified", time, visitor, {"user": user}, seq)


A, B = "a" * 32, "b" * 32
BEGUN = [exposed(1, A, NOW, "kind", 1), linked(2, A, "7", NOW + 1)]


def test_an_order_under_another_of_the_persons_ids_counts_once() -> None:
    """A browser was drawn, its user ordered by app: the order is the browser's; a second device that was drawn before
    they were one is another visitor, and does not get the order as well."""
    assert learned([*BEGUN, ordered(3, "u:7", NOW + 2, "a", 30.0)])[1] == [(0, 0, 0), (0, 0, 0), (1, 1, 30.0)]
    both = [exposed(1, A, NOW, "kind", 1), exposed(2, B, NOW + 1, "loud", 1), linked(3, A, "7", NOW + 2)]
    both += [linked(4, B, "7", NOW + 3), ordered(5, "u:7", NOW + 4, "a", 30.0), ordered(6, B, NOW + 5, "b", 4.0)]
    assert learned(both)[1] == [(0, 0, 0), (1, 1, 4.0), (1, 1, 30.0)]


def test_a_second_device_of_a_known_person_is_the_same_visitor() -> None:
    """Once they are one, the draw of the first is shown on the second too, and counts once; whoever was linked long
    ago is known by the exposure itself."""
    events = [*BEGUN, linked(3, B, "7", NOW + 2), exposed(4, B, NOW + 3, "kind", 1)]
    assert learned(events)[1][2] == (1, 0, 0)
    known = [exposed(1, A, NOW, "kind", 1, person="u:7"), exposed(2, B, NOW + 3, "kind", 1, person="u:7")]
    assert learned([*known, ordered(3, "u:7", NOW + 4, "a", 9.0), ordered(4, B, NOW + 5, "b", 1.0)])[1][2] == (
        1,
        1,
        10.0,
    )


def test_who_signs_out_takes_the_reward_along() -> None:
    """After a sign-out the browser is a stranger's: an order from there is not the user's, nor is the user's theirs."""
    out = [*BEGUN, Event("e3", "Signed Out", NOW + 2, A, {}, 3)]
    assert learned([*out, ordered(4, A, NOW + 3, "a", 30.0)])[1][2] == (1, 0, 0)
    assert learned([*out, ordered(4, "u:7", NOW + 3, "a", 30.0)])[1][2] == (1, 1, 30.0)
    assert learned([*out, exposed(4, A, NOW + 3, "loud", 1)])[1][1:] == [(1, 0, 0), (1, 0, 0)]


def test_another_user_at_the_same_browser_is_another_visitor() -> None:
    """Without a sign-out in between: the first user's trial stays theirs."""
    events = [*BEGUN, linked(3, A, "8", NOW + 2), ordered(4, "u:8", NOW + 3, "a", 30.0)]
    assert learned(events)[1][2] == (1, 0, 0)
    assert learned([*events, ordered(5, "u:7", NOW + 4, "b", 5.0)])[1][2] == (1, 1, 5.0)
