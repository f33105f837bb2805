"""What one decision costs: `python -m benchmarks.decision [--rounds 40]`.

One decision is the plan of a page with 20 slots and 200 experiences, from facts that are known, for one visitor.
*Cold*: nothing is remembered, every visitor is new, and no two ask with the same facts. *Warm*: the same visitor with
the same facts as before. The decider runs twice (the A/A twin), which shows the noise.

Then one typical condition, as compiled here, as the `growthbook` package evaluates it, and as a person would write it
in Python. All three are checked to say the same of the same attributes.
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Callable, Mapping
from itertools import count, repeat
from random import Random
from typing import Any

from growthbook.core import evalCondition
from rich.console import Console
from rich.table import Table

from benchmarks.timing import additions, in_turns
from personalize.conditions import compile_condition
from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.model import PURPOSES, Consent, Profile, Visitor

SLOTS, EACH = 20, 10
COUNTRIES = ("TR", "DE", "FR", "NL", "GB", "US", "ES", "IT", "SE", "PL", "AT", "CH")
EVERYTHING = Consent(frozenset(PURPOSES))
NOW = 1_796_630_400.0

# --- the sites -----------------------------------------------------------------------------------------


def condition(n: int) -> dict[str, Any]:
    """A typical one: a list of countries, the device, visits, and one of two ways in; some others in between."""
    kinds: list[dict[str, Any]] = [
        {
            "country": list(COUNTRIES[n % 8 : n % 8 + 4]),
            "device.type": ("mobile", "tablet", "desktop")[n % 3],
            "visits": {"gte": 1 + n % 4},
            "any": [{"utm.campaign": {"regex": f"^(winter|spring)-{n % 7}"}}, {"custom.plan": f"plan-{n % 5}"}],
        },
        {"all": [f"group-{n % 10}", {"cart.value": {"gte": 20 + n % 50}}]},
        {
            "any": [{"referrer.host": f"site-{n % 9}.example"}, {"language": ("tr", "de", "en")[n % 3]}],
            "not": ["group-3"],
        },
        {"orders.count": {"gte": n % 5}, "last_seen": {"gt": "1d"}, "traits.level": {"in": ["gold", f"l-{n % 6}"]}},
    ]
    return kinds[n % len(kinds)]


def site(tests: Callable[[int], dict[str, Any] | None], matching: bool = True) -> Any:
    """20 slots of 10 experiences; `tests` gives the nth one's experiment, if it is one. Some have caps, cool-downs and
    schedules. `matching` False asks for a host that nobody comes to, last of all."""
    slots: dict[str, Any] = {}
    for s in range(SLOTS):
        experiences = []
        for e in range(EACH):
            n = s * EACH + e
            when = condition(n) if matching else [condition(n), {"host": "nowhere"}]
            one: dict[str, Any] = {"id": f"e{e}", "when": when, "show": {"html": f"<p>{n}</p>"}}
            if (test := tests(n)) is not None:
                del one["show"]
                variants = [{"id": "a", "html": "a"}, {"id": "b", "show": "page"}]
                one["experiment"] = {"key": f"test-{n}", "variants": variants, **test}
            if n % 5 == 0:
                one["cap"] = {"max": 3, "within": "1d"}
            if n % 11 == 0:
                one["cool_down"] = {"after": "Order Completed", "for": "12h"}
            if n % 13 == 0:
                one["schedule"] = {"hours": "00:00-24:00"}
            experiences.append(one)
        slots[f"slot-{s}"] = {"match": {"path": "/"}, "experiences": experiences}
        if s % 4 == 0:
            slots[f"slot-{s}"]["cap"] = {"max": 9, "within": "1d"}
    groups = {f"group-{g}": {"all": [{"visits": {"gte": g}}]} for g in range(10)}
    return load_config({"version": 1, "holdout": {"percent": 5}, "segments": groups, "slots": slots})


def everyone(n: int) -> dict[str, Any]:
    return {}


SITES: Mapping[str, Any] = {
    "50 of 200 are experiments": site(lambda n: {} if n % 4 == 1 else None),
    "all 200 are experiments": site(everyone),
    "all 200, each for 1 % of the visitors": site(lambda n: {"coverage": 0.01}),
    "200 experiments, and nobody meets a condition": site(everyone, matching=False),
}


def cases(number: int, seed: int = 1) -> list[Case]:
    """Different visitors, each with an id of their own and with facts that nobody else has."""
    dice = Random(seed)
    found = []
    for n in range(number):
        visits = dice.randrange(1, 9)
        facts = {
            "country": dice.choice(COUNTRIES),
            "device": {"type": dice.choice(["mobile", "tablet", "desktop"]), "os": "iOS", "browser": "Safari"},
            "visits": visits,
            "utm": {"campaign": f"{dice.choice(['winter', 'summer'])}-{dice.randrange(9)}"},
            "custom": {"plan": f"plan-{dice.randrange(9)}"},
            "cart": {"value": n + dice.random() * 0.9, "count": 2, "items": ["a", "b"]},
            "referrer": {"host": f"site-{dice.randrange(12)}.example"},
            "language": dice.choice(["tr", "de", "en", "fr"]),
            "orders": {"count": dice.randrange(6), "average": 30.0, "total": 90.0},
            "last_seen": dice.random() * 1e6,
            "traits": {"level": dice.choice(["gold", "l-1", "l-2", "none"])},
            "host": "shop.example",
            "segments": frozenset(f"group-{g}" for g in range(10) if visits >= g),
        }
        id_ = uuid.UUID(int=dice.getrandbits(128)).hex
        profile = Profile(id_, exposures={f"slot-{dice.randrange(20)}/e0": [NOW - 60.0]}, happened={"Page Viewed": NOW})
        found.append(Case(facts, Visitor(id_, EVERYTHING), profile, NOW))
    return found


# --- one decision --------------------------------------------------------------------------------------


_SEEDS = count(1)  # so that nobody is met twice, and no hash is known from another contender


def cold(config: Any, number: int) -> Callable[[int], None]:
    """Decides for visitors who were never seen, `number` at most, one after the other, and forgets."""
    decider = Decider(config, list(config.slots))
    waiting = iter(cases(number, next(_SEEDS)))

    def decide(times: int) -> None:
        for _ in repeat(None, times):
            case = next(waiting)
            decider.forget()
            decider.decide(case)

    return decide


def warm(config: Any) -> Callable[[int], None]:
    """Decides the same case again."""
    decider = Decider(config, list(config.slots))
    (case,) = cases(1)

    def decide(times: int) -> None:
        for _ in repeat(None, times):
            decider.decide(case)

    return decide


# --- one condition -------------------------------------------------------------------------------------

TYPICAL = {
    "country": {"$in": ["TR", "DE", "FR", "NL"]},
    "device.type": "mobile",
    "visits": {"$gte": 2},
    "$or": [{"utm.campaign": {"$regex": "^(winter|spring)-20[0-9]{2}"}}, {"plan": {"$in": ["pro", "team"]}}],
}
CONDITIONS: Mapping[str, dict[str, Any]] = {
    "typical: countries, device, visits, $or with a regex": TYPICAL,
    "one equality": {"country": "TR"},
    "a range and a list": {"visits": {"$gte": 2, "$lt": 50}, "tags": {"$in": ["a", "b", "c"]}},
    "$and of $or of $not": {
        "$and": [
            {"$or": [{"country": "TR"}, {"country": "DE"}]},
            {"$not": {"device.type": "bot"}},
            {"tags": {"$elemMatch": {"$regex": "^b"}}},
        ]
    },
    "versions": {"app": {"$vgte": "3.2.0", "$vlt": "4.0.0"}},
}
ATTRIBUTES: Mapping[str, dict[str, Any]] = {
    "met": {
        "country": "TR", "device": {"type": "mobile"}, "visits": 3, "utm": {"campaign": "winter-2026"}, "plan": "free",
        "tags": ["x", "b"], "app": "3.10.1",
    },
    "not met, late": {
        "country": "TR", "device": {"type": "mobile"}, "visits": 3, "utm": {"campaign": "summer-2026"}, "plan": "free",
        "tags": ["x", "y"], "app": "4.0.0",
    },
}  # fmt: skip


def by_hand(a: dict[str, Any]) -> bool:
    """The typical condition as a person would write it, who trusts what the attributes are."""
    return bool(
        a["country"] in _FEW
        and a["device"]["type"] == "mobile"
        and a["visits"] >= 2
        and (_WINTER(a["utm"]["campaign"]) or a["plan"] in _PLANS)
    )


_FEW, _PLANS = frozenset(("TR", "DE", "FR", "NL")), frozenset(("pro", "team"))
_WINTER = __import__("re").compile("^(winter|spring)-20[0-9]{2}").search


def contenders(wanted: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Callable[[int], None]]:
    """Every way to evaluate one condition; they must agree."""
    ours = compile_condition(wanted)
    assert ours(attributes) == evalCondition(attributes, wanted), (wanted, attributes)

    def compiled(times: int) -> None:
        for _ in repeat(None, times):
            ours(attributes)

    def package(times: int) -> None:
        for _ in repeat(None, times):
            evalCondition(attributes, wanted)

    def hand(times: int) -> None:
        for _ in repeat(None, times):
            by_hand(attributes)

    found = {"compiled": compiled, "compiled, twin": lambda times: compiled(times), "growthbook": package}
    if wanted is TYPICAL:
        assert by_hand(attributes) == ours(attributes)
        found["by hand"] = hand
    return found


# --- the tables ----------------------------------------------------------------------------------------


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=40, help="turns of each contender")
    rounds: int = arguments.parse_args().rounds
    console = Console()
    console.print(f"This machine, now: a million additions in a plain loop take {additions() * 1000:.0f} ms.")
    table = Table(title="One decision: 20 slots, 200 experiences, medians (quickest)")
    for name in ("site", "cold, µs", "cold, twin", "warm, µs", "warm, twin"):
        table.add_column(name, justify="left" if name == "site" else "right")
    number = 20 * (rounds + 1)
    for name, config in SITES.items():
        times = in_turns(
            {"cold": (cold(config, number), 20), "cold, twin": (cold(config, number), 20),
             "warm": (warm(config), 400), "warm, twin": (warm(config), 400)}, rounds
        )  # fmt: skip
        table.add_row(name, *(f"{median:.1f} ({least:.1f})" for median, least in times.values()))
    console.print(table)
    table = Table(title="One condition, medians in µs")
    for name in ("condition", "attributes", "compiled", "twin", "growthbook", "times", "by hand"):
        table.add_column(name, justify="left" if name in ("condition", "attributes") else "right")
    for name, wanted in CONDITIONS.items():
        for said, attributes in ATTRIBUTES.items():
            found = {n: (run, 2_000) for n, run in contenders(wanted, attributes).items()}
            took = {n: median for n, (median, _) in in_turns(found, rounds).items()}
            hand = f"{took['by hand']:.2f}" if "by hand" in took else ""
            ratio = took["growthbook"] / took["compiled"]
            ours = (f"{took['compiled']:.2f}", f"{took['compiled, twin']:.2f}")
            table.add_row(name, said, *ours, f"{took['growthbook']:.2f}", f"{ratio:.1f}", hand)
    console.print(table)


if __name__ == "__main__":
    main()
