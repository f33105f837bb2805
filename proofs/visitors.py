"""Laws of deciding, over many visitors: `python -m proofs.visitors --visitors 1000000 [--law caps] [--seed N]`.

Each law takes what it is about as an argument, so that the test suite can give it a wrong one and see it caught
(tests/properties/test_visitor_laws.py). Chance is tested by Pearson's chi-square; with the seed fixed a run can be
repeated. A law that does not hold says of whom.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.decision.experiments import bucket_ranges, choose_variation, hash_unit, in_namespace
from personalize.events.exposures import exposure_of, make_page_view
from personalize.model import PURPOSES, Choice, Consent, Event, Plan, Profile, Visitor
from personalize.profiles import apply_event
from personalize.reports.intervals import fit, independence

ALL = Consent(frozenset(PURPOSES))
NOW = 1_796_630_400.0
HOUR = 3_600.0
DOUBTFUL = 1e-6  # a true law is called broken by chance once in a million tables


class Broken(AssertionError):
    """A law does not hold; says how."""


class Decides(Protocol):
    def decide(self, case: Case) -> Plan: ...


Hash = Callable[[str, str], float | None]
Make = Callable[[Any, Sequence[str]], Decides]


def ids(many: int, seed: int) -> Iterator[str]:
    """Browsers' ids, and every other one a user's number: such differ by a character, which is hard on a hash."""
    dice = random.Random(seed)
    return (f"u:{n}" if n % 2 else f"{dice.getrandbits(128):032x}" for n in range(many))


# --- chance ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """An experiment as chance has it."""

    seed: str
    weights: Sequence[float]
    coverage: float = 1.0

    @property
    def shares(self) -> list[float]:
        """Those of the variants, and of who is left out."""
        return [*(self.coverage * weight for weight in self.weights), 1 - self.coverage]


EXPERIMENTS = (
    Drawn("hero-1", (0.5, 0.5)),
    Drawn("hero-2", (1 / 3, 1 / 3, 1 / 3)),
    Drawn("menu", (0.7, 0.2, 0.1)),
    Drawn("ramp", (0.5, 0.5), 0.2),
)


def even(many: int, seed: int, hash: Hash = hash_unit, drawn: Sequence[Drawn] = EXPERIMENTS) -> str:
    """The buckets of each experiment stand in the ratio of its weights, and any two experiments are independent."""
    spans = [bucket_ranges(len(each.weights), each.coverage, each.weights) for each in drawn]
    cells: Counter[tuple[int, ...]] = Counter()
    for id in ids(many, seed):
        units = [hash(each.seed, id) or 0.0 for each in drawn]
        cells[tuple(choose_variation(unit, ranges) for unit, ranges in zip(units, spans, strict=True))] += 1
    least = 1.0
    for place, each in enumerate(drawn):
        arms = [*range(len(each.weights)), -1]
        counts = [sum(n for cell, n in cells.items() if cell[place] == arm) for arm in arms]
        least = min(least, probable(fit(counts, each.shares), f"{each.seed} drew {counts}"))
    for one, other in combinations(range(len(drawn)), 2):
        table = [
            [sum(n for cell, n in cells.items() if (cell[one], cell[other]) == (a, b)) for b in range(-1, 3)]
            for a in range(-1, 3)
        ]
        least = min(least, probable(independence(table), f"{drawn[one].seed} and {drawn[other].seed}: {table}"))
    return f"{len(drawn)} experiments, {len(drawn) * (len(drawn) - 1) // 2} pairs; the least probable p = {least:.3g}"


def probable(chance: float, what: str) -> float:
    if chance < DOUBTFUL:
        raise Broken(f"{what} has a probability of {chance:.2g}")
    return chance


Ranges = Callable[[int, float, Sequence[float] | None], Sequence[tuple[float, float]]]


def ramps(many: int, seed: int, ranges: Ranges = bucket_ranges) -> str:
    """Raising the coverage adds visitors and moves none; experiments in parts of a namespace share nobody."""
    steps = [ranges(3, coverage, (0.5, 0.3, 0.2)) for coverage in (0.01, 0.1, 0.5, 1.0)]
    added = 0
    for id in ids(many, seed):
        unit = hash_unit("ramp", id) or 0.0
        arms = [choose_variation(unit, spans) for spans in steps]
        inside = [arm for arm in arms if arm >= 0]
        if len(set(inside)) != 1 or arms[-len(inside) :] != inside:
            raise Broken(f"{id} is moved: {arms}")
        added += len(inside) < 4
        if in_namespace(id, ("home", 0.0, 0.4)) + in_namespace(id, ("home", 0.4, 1.0)) != 1:
            raise Broken(f"{id} is not in exactly one part of the namespace")
    return f"{added:,} were added later"


# --- the decider -------------------------------------------------------------------------------------------


def compiled(config: Mapping[str, Any], make: Make = Decider) -> Decides:
    slots = {name: {"match": {"path": "/"}, "template": "t.html", **slot} for name, slot in config["slots"].items()}
    with TemporaryDirectory() as folder:
        file = Path(folder, "personalize.yaml")
        file.write_text(json.dumps({"version": 1, **config, "slots": slots}))
        (file.parent / "templates").mkdir()
        (file.parent / "templates" / "t.html").write_text("{{ headline }}{{ offer }}{{ image }}")
        return make(load_config(file), list(slots))


def page(decider: Decides, visitor: str, profile: Profile, now: float, seq: int) -> Sequence[Choice]:
    """One page: what is shown, and what the log and the fold make of it."""
    choices = decider.decide(Case({"segments": frozenset()}, Visitor(visitor, ALL), profile, now)).choices
    seen = [exposure_of(choice, "inline") for choice in choices if choice.experience is not None]
    apply_event(profile, replace(make_page_view(f"e{seq}", "/", visitor, now, seen), seq=seq), {})
    return choices


PARTS = {"headline": ("a", "b"), "offer": ("none", "star"), "image": ("x", "y", "z")}


def parts(many: int, seed: int, make: Make = Decider) -> str:
    """The levels of a multivariate experiment's parts are even, and what one part shows says nothing of the others."""
    levels = {part: [{"id": id, "part": id} for id in of] for part, of in PARTS.items()}
    decider = compiled({"slots": {"hero": {"experiences": [mixed({"parts": levels})]}}}, make)
    cells: Counter[tuple[str, ...]] = Counter()
    for id in ids(many, seed):
        (choice,) = decider.decide(Case({"segments": frozenset()}, Visitor(id, ALL), None, NOW)).choices
        cells[tuple(choice.levels.values())] += 1
    whole = list(product(*PARTS.values()))
    chance = probable(fit([cells[cell] for cell in whole], [1 / len(whole)] * len(whole)), f"{dict(cells)}")
    for one, other in combinations(range(len(PARTS)), 2):
        a, b = (list(PARTS.values())[place] for place in (one, other))
        table = [[sum(n for cell, n in cells.items() if (cell[one], cell[other]) == (i, j)) for j in b] for i in a]
        chance = min(chance, probable(independence(table), f"{table}"))
    return f"{len(whole)} combinations; the least probable p = {chance:.3g}"


def mixed(test: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": "e", "experiment": {"key": "hero", **test}}


def stays(many: int, seed: int, make: Make = Decider) -> str:
    """New weights, a new variant, other coverage: nobody who was shown a variant sees another."""
    changes = [((1, 1), 1.0), ((1, 9), 1.0), ((1, 1, 8), 0.5), ((9, 1, 0), 0.1)]
    made = [
        [{"id": name, "weight": w, "html": name} for name, w in zip("abc", weights, strict=False)]
        for weights, _ in changes
    ]
    deciders = [
        compiled({"slots": {"hero": {"experiences": [mixed({"variants": variants, "coverage": coverage})]}}}, make)
        for variants, (_, coverage) in zip(made, changes, strict=True)
    ]
    for id in ids(many, seed):
        profile = Profile(id)
        seen = [page(decider, id, profile, NOW + n, n + 1)[0].variant for n, decider in enumerate(deciders)]
        if len(set(seen)) > 1:
            raise Broken(f"{id} saw {seen}")
    return f"{many * (len(changes) - 1):,} chances to move"


CAP, SLOT_CAP, SITE_CAP = (2, 5 * HOUR), (3, 12 * HOUR), (9, 24 * HOUR)
QUIET = 6 * HOUR
CAPPED = {
    "site": {"cap": {"max": SITE_CAP[0], "within": SITE_CAP[1]}},
    "slots": {
        name: {
            "cap": {"max": SLOT_CAP[0], "within": SLOT_CAP[1]},
            "experiences": [
                {"id": id, "show": {"html": id}, "cap": {"max": CAP[0], "within": CAP[1]},
                 "cool_down": {"after": "Order Completed", "for": QUIET}}
                for id in ("one", "two")
            ],
        }
        for name in ("hero", "side")
    },
}  # fmt: skip
GAPS = (0.0, 1.0, 0.5 * HOUR, HOUR, HOUR, 2 * HOUR, 3 * HOUR, 5 * HOUR, 7 * HOUR)


def caps(many: int, seed: int, make: Make = Decider) -> str:
    """No visitor exceeds the cap of an experience, a slot or the site, or is shown something in its cool-down."""
    decider, dice = compiled(CAPPED, make), random.Random(seed)
    total = full = 0
    for id in ids(many, seed):
        profile, now, ordered = Profile(id), NOW, -1e12
        shown: list[tuple[str, float]] = []  # "slot/experience", time
        for seq in range(1, dice.randrange(2, 20)):
            now += dice.choice(GAPS)
            if dice.random() < 0.15:
                apply_event(profile, Event(f"o{seq}", "Order Completed", now, id, {"revenue": 5}, seq), {})
                ordered = now
                continue
            for choice in page(decider, id, profile, now, seq):
                if choice.experience is not None:
                    shown.append((f"{choice.slot}/{choice.experience}", now))
                    if now - ordered < QUIET:
                        raise Broken(f"{id} was shown {shown[-1][0]} {now - ordered:g} s after an order")
        total += len(shown)
        full += within_caps(id, shown)
    return f"{total:,} exposures, {full:,} visitors had a cap used up"


def within_caps(id: str, shown: Sequence[tuple[str, float]]) -> bool:
    """Whether some cap was used up."""
    full = False
    for place, (key, now) in enumerate(shown):
        slot = key.partition("/")[0] + "/"
        for (most, span), name in ((CAP, key), (SLOT_CAP, slot), (SITE_CAP, "")):
            seen = sum(1 for k, time in shown[: place + 1] if time > now - span and k.startswith(name))
            if seen > most:
                raise Broken(f'{id} was shown "{name or "any slot"}" {seen} times in {span / HOUR:g} h')
            full |= seen == most
    return full


DECLARED = {"visits", "device", "utm"}
OFFERED: Mapping[str, Sequence[Any]] = {
    "visits": (1, 2, 5), "device": ({"type": "mobile"}, {"type": "desktop"}),
    "utm": ({"campaign": "winter"}, {"campaign": "other"}, {}),
    "country": ("TR", "IR", None), "language": ("tr", "fa"), "host": ("a", "b"), "referrer": ({}, {"host": "x"}),
}  # fmt: skip
RULED = {
    "holdout": {"percent": 10, "salt": "2026"},
    "slots": {
        "hero": {
            "experiences": [
                {"id": "winter", "when": {"utm.campaign": "winter"}, "show": {"html": "w"}},
                {"id": "small", "when": {"device.type": "mobile"}, **{"experiment": {"key": "k", "variants": [
                    {"id": "a", "html": "a"}, {"id": "b", "show": "page"}]}}},
                {"id": "back", "when": {"visits": {"gte": 2}}, "show": {"html": "b"}, "holdout": {"percent": 30}},
            ],
        },
    },
}  # fmt: skip


def declared(many: int, seed: int, make: Make = Decider) -> str:
    """A plan depends on its declared facts only, and one from memory equals one that was worked out anew."""
    decider, dice = compiled(RULED, make), random.Random(seed)
    fresh = compiled(RULED)
    assert isinstance(fresh, Decider)
    if fresh.reads != DECLARED:
        raise Broken(f"the rules declare {sorted(fresh.reads)}")
    for id in ids(many, seed):
        facts = {name: dice.choice(values) for name, values in OFFERED.items()} | {"segments": frozenset()}
        case = Case(facts, Visitor(id, ALL), None, NOW)
        plan = decider.decide(case)
        others = {name: dice.choice(values) for name, values in OFFERED.items() if name not in DECLARED}
        if decider.decide(replace(case, facts={**facts, **others})) != plan:
            raise Broken(f"{id}: changed {others}, and the plan is another")
        fresh.forget()
        if fresh.decide(case) != plan:
            raise Broken(f"{id}: what was remembered for {facts} is not what is decided now")
    return f"{3 * many:,} plans"


LAWS: Mapping[str, Callable[[int, int], str]] = {
    "even": even, "ramps": ramps, "parts": parts, "stays": stays, "caps": caps, "declared": declared
}  # fmt: skip


def main(arguments: Iterable[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description="Laws of deciding, over many visitors.")
    asked.add_argument("--visitors", type=int, default=1_000_000)
    asked.add_argument("--law", choices=LAWS, action="append", help="may be repeated; all of them where left out")
    asked.add_argument("--seed", type=int, default=1)
    told = asked.parse_args(None if arguments is None else list(arguments))
    table = Table(title=f"Laws over {told.visitors:,} visitors, seed {told.seed}")
    for title in ("law", "what must hold", "found", "CPU s"):
        table.add_column(title)
    broken = False
    for name in told.law or LAWS:
        began = time.process_time()
        try:
            found = LAWS[name](told.visitors, told.seed)
        except Broken as error:
            found, broken = f"BROKEN: {error}", True
        table.add_row(name, LAWS[name].__doc__, found, f"{time.process_time() - began:.0f}")
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
