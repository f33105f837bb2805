"""Bandits in worlds whose truth is known: `python -m benchmarks.bandit [--visitors 200000] [--seeds 3]
[--worlds shop clicks ...] [--svg FILE]`. Without `--worlds` it is the shop's.

Visitors of four segments come one after another over two weeks and are shown one of three variants; then they buy or
not. The form of the simulation is published: one of a few contexts at a time, and a matrix with the chance of a reward
for each context and arm (R. van Emden, M. Kaptein, "contextual: evaluating contextual multi-armed bandit problems in
R", arXiv:1811.01926, 2018). Their own matrix has three contexts; those with four, and all rates but theirs, are ours.

Everything is production's own: the decider's hash draws the variant, its exposure goes through the fold that
learns, and the shares of each batch come from the same code. The settings are the defaults: a floor of 1 %, batches of
ten minutes.

A policy is measured by the expected reward of what it showed, so that the luck of who bought does not blur it, as a
share of the oracle's, who knows the best variant of each segment. *Worst* is the worst of the seeds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.curves import curves
from personalize import load_config
from personalize.bandits import Bandits, Ledger, Trial, allocation, specs_of
from personalize.bandits.chances import floored
from personalize.bandits.pooling import rates
from personalize.decision import Case, Decider
from personalize.events import exposure_of, make_page_view
from personalize.model import PURPOSES, Allocation, Consent, Event, Visitor
from personalize.payoff.earned import policy_of
from personalize.profiles import Returns
from personalize.reports.off_policy import Logged, estimate

ARMS = ("plain", "points", "picnic")
DAYS = 14
BEGAN = 1_790_000_000.0
ALL = Consent(frozenset(PURPOSES))
POINTS = 100  # of a curve


@dataclass(frozen=True)
class World:
    """For each segment its share of the visitors, and for each variant the chance to buy and what buyers spend on
    average; spending is log-normal, with a standard deviation about as large as its mean. `delay` is the mean time in
    seconds from the exposure to the order."""

    name: str
    mix: Mapping[str, float]
    rates: Mapping[str, Sequence[float]]
    spent: Mapping[str, Sequence[float]] = field(default_factory=dict)
    delay: float = 60.0

    def worth(self, segment: str, arm: int) -> float:
        """The expected reward of showing a variant: conversions, or revenue where there is spending."""
        return self.rates[segment][arm] * (self.spent[segment][arm] if self.spent else 1.0)

    def best(self, segment: str) -> float:
        return max(self.worth(segment, arm) for arm in range(len(ARMS)))


MIX = {"newcomer": 0.4, "returning": 0.3, "phone": 0.2, "member": 0.1}
SHOP = World(
    "conversions of 2 to 8 %",
    MIX,
    {
        "newcomer": (0.03, 0.05, 0.04),
        "returning": (0.06, 0.04, 0.05),
        "phone": (0.02, 0.03, 0.05),
        "member": (0.08, 0.06, 0.05),
    },
)
CLICKS = World(
    "clicks of 10 to 30 %",
    MIX,
    {
        "newcomer": (0.10, 0.20, 0.30),
        "returning": (0.25, 0.15, 0.10),
        "phone": (0.15, 0.30, 0.10),
        "member": (0.20, 0.10, 0.15),
    },
)
REVENUE = World(
    "revenue: who converts most is not who brings most",
    MIX,
    {
        "newcomer": (0.06, 0.05, 0.04),
        "returning": (0.06, 0.05, 0.04),
        "phone": (0.04, 0.05, 0.06),
        "member": (0.08, 0.06, 0.05),
    },
    {
        "newcomer": (40.0, 80.0, 60.0),
        "returning": (40.0, 40.0, 120.0),
        "phone": (60.0, 40.0, 40.0),
        "member": (90.0, 60.0, 50.0),
    },
)
# The contexts, arms and rates of section 5.4 of that paper.
PUBLISHED = World(
    "van Emden and Kaptein, section 5.4: three contexts, clicks of 20 or 60 %",
    {"newcomer": 1.0, "returning": 1.0, "phone": 1.0},
    {"newcomer": (0.6, 0.2, 0.2), "returning": (0.2, 0.6, 0.2), "phone": (0.2, 0.2, 0.6)},
)
LATE = replace(SHOP, name="the same conversions, half a day late on average", delay=43_200.0)


def config(**experiment: Any) -> Any:
    test = {
        "key": "hero",
        "goal": "order",
        "allocate": "thompson",
        "variants": [{"id": arm, "html": arm} for arm in ARMS],
    } | experiment
    return load_config(
        {
            "version": 1,
            "goals": {"order": {"event": "Order Completed", "value": "revenue", "window": f"{DAYS}d"}},
            "segments": {name: {"all": [{"custom.kind": name}]} for name in MIX},
            "slots": {"hero": {"match": {"path": "/"}, "experiences": [{"id": "x", "experiment": test}]}},
        }
    )


# --- policies ------------------------------------------------------------------------------------------

Allocate = Callable[[Ledger], Allocation]


def thompson(ledger: Ledger) -> Allocation:
    """Production's own."""
    return allocation(ledger.spec, ledger.believed, ledger.batch)


def greedy(ledger: Ledger, epsilon: float = 0.1) -> Allocation:
    """In nine of ten the variant with the highest mean so far, else any."""
    parts = {}
    for context, row in zip(ledger.spec.contexts, rates(ledger.believed), strict=True):
        means = [belief.mean for belief in row]
        chances = [epsilon / len(ARMS) + (1 - epsilon) * (mean == max(means)) for mean in means]
        parts[context] = tuple(floored(chances, epsilon / len(ARMS)))
    return Allocation(ledger.spec.arms, ledger.batch, parts, {}, {})


BY_SEGMENT = {"by": list(MIX)}
Policies = Mapping[str, tuple[dict[str, Any], Allocate]]
POLICIES: Policies = {
    "Thompson per segment": ({"bandit": BY_SEGMENT}, thompson),
    "epsilon-greedy per segment (10 %)": ({"bandit": BY_SEGMENT}, greedy),
    "Thompson for all alike": ({}, thompson),
    "test with equal shares": ({"allocate": "weights"}, thompson),
}
OF_REVENUE: Policies = {
    "Thompson per segment, by revenue": ({"bandit": {**BY_SEGMENT, "reward": "revenue"}}, thompson),
    "Thompson per segment, by conversions": ({"bandit": BY_SEGMENT}, thompson),
    "Thompson for all alike, by revenue": ({"bandit": {"reward": "revenue"}}, thompson),
    "test with equal shares": ({"allocate": "weights"}, thompson),
}
OF_LATE: Policies = {
    "Thompson per segment": ({"bandit": BY_SEGMENT}, thompson),
    "Thompson per segment, settle: 12h": ({"bandit": {**BY_SEGMENT, "settle": "12h"}}, thompson),
}


WORLDS: Mapping[str, tuple[World, Policies]] = {
    "shop": (SHOP, POLICIES),
    "clicks": (CLICKS, POLICIES),
    "published": (PUBLISHED, POLICIES),
    "late": (LATE, OF_LATE),
    "revenue": (REVENUE, OF_REVENUE),
}


# --- one run -------------------------------------------------------------------------------------------


@dataclass
class Run:
    """`curve` is the expected reward lost so far, after each hundredth of the visitors; `best` the oracle's in all."""

    curve: list[float]
    best: float
    log: list[Logged]

    @property
    def share(self) -> float:
        return 1 - self.curve[-1] / self.best


def run(world: World, experiment: dict[str, Any], allocate: Allocate, visitors: int, seed: int) -> Run:
    """One visitor after another: decide, expose, learn, buy."""
    made, dice = config(**experiment), Random(seed)
    decider, fold, ended = Decider(made, ["hero"]), Bandits(lambda event: ((), "")), list[Trial]()
    ledgers = {key: Ledger(spec, Returns()) for key, spec in specs_of(made).items()}
    fold.take(ledgers)
    ledger = ledgers.get("hero")
    if ledger is not None:
        ledger.follow(ended.append)
    segments = dice.choices(list(world.mix), list(world.mix.values()), k=visitors)
    orders: list[tuple[float, Event]] = []  # to come, the next one last
    allocations: dict[str, Allocation] = {}
    lost = best = 0.0
    curve = []
    for n, segment in enumerate(segments):
        now = BEGAN + n * DAYS * 86_400.0 / visitors
        while orders and orders[-1][0] <= now:
            fold.apply(orders.pop()[1])
        facts = {"segments": frozenset((segment,))}
        plan = decider.decide(Case(facts, Visitor(f"{seed}-{n}", ALL), None, now, allocations))
        (choice,) = plan.choices
        arm = ARMS.index(choice.variant or "")
        lost += world.best(segment) - world.worth(segment, arm)
        best += world.best(segment)
        if ledger is not None:
            shown = exposure_of(choice, "inline", plan.draws["hero"])
            fold.apply(replace(make_page_view(f"p{n}", "/", f"{seed}-{n}", now, [shown]), seq=n + 1))
            if allocations.get("hero") is None or allocations["hero"].batch != ledger.batch:
                allocations = {"hero": allocate(ledger)}
        if dice.random() < world.rates[segment][arm]:
            mean = world.spent[segment][arm] if world.spent else 1.0
            revenue = mean * dice.lognormvariate(-math.log(2) / 2, math.sqrt(math.log(2)))
            at = now + dice.expovariate(1 / world.delay)
            order = Event(f"o{n}", "Order Completed", at, f"{seed}-{n}", {"revenue": revenue}, n + 1)
            place = len(orders)
            while place and orders[place - 1][0] < at:
                place -= 1
            orders.insert(place, (at, order))
        if (n + 1) % max(1, visitors // POINTS) == 0:
            curve.append(lost)
    if ledger is not None:
        ledger.end()
    return Run(curve, best, [_logged(ledger, trial) for trial in ended] if ledger is not None else [])


def named(world: World, policies: Policies, name: str, visitors: int, seed: int) -> Run:
    """`run` for another process, which can be told names and not functions."""
    experiment, allocate = policies[name]
    return run(world, experiment, allocate, visitors, seed)


def _logged(ledger: Ledger, trial: Trial) -> Logged:
    win, amount = ledger.reward_of(trial)
    reward = win if ledger.spec.value is None else amount
    return Logged(ledger.spec.contexts[trial.context], ARMS[trial.arm], trial.propensity, reward)


# --- what is printed -----------------------------------------------------------------------------------


def compared(world: World, policies: Policies, visitors: int, seeds: int, console: Console) -> dict[str, list[Run]]:
    with Progress(console=Console(stderr=True), transient=True) as progress, ProcessPoolExecutor() as pool:
        task = progress.add_task(world.name, total=len(policies) * seeds)
        begun = {
            name: [pool.submit(named, world, policies, name, visitors, seed) for seed in range(seeds)]
            for name in policies
        }
        for done in as_completed(each for of in begun.values() for each in of):
            done.result()
            progress.advance(task)
        runs = {name: [each.result() for each in of] for name, of in begun.items()}
    table = Table(title=f"{world.name}: {visitors:,} visitors, {seeds} seeds", box=None, header_style="bold")
    table.add_column("policy")
    for title in ("of the oracle's reward", "worst", "lost", "lost in the last half"):
        table.add_column(title, justify="right")
    for name, of in runs.items():
        table.add_row(
            name,
            f"{fmean(each.share for each in of):.2%}",
            f"{min(each.share for each in of):.2%}",
            f"{fmean(each.curve[-1] for each in of):,.0f}",
            f"{fmean(each.curve[-1] - each.curve[len(each.curve) // 2 - 1] for each in of):,.0f}",
        )
    console.print(table)
    return runs


def judged(world: World, logs: Sequence[list[Logged]], console: Console) -> None:
    """What the bandit's own logs say of other policies, beside the truth: the first seed's, and how often the intervals
    of all seeds hold the truth."""
    spec = specs_of(config(bandit=BY_SEGMENT))["hero"]
    best = {s: max(range(len(ARMS)), key=lambda arm: world.worth(s, arm)) for s in MIX}
    texts = [*ARMS, ",".join([*(f"{segment}={ARMS[arm]}" for segment, arm in best.items()), f"*={ARMS[0]}"])]
    table = Table(title=f"{world.name}: other policies, told from the bandit's logs", box=None, header_style="bold")
    for title in ("policy", "truth", "IPS", "SNIPS", "DR", "effective visitors", "DR holds the truth"):
        table.add_column(title, justify="left" if title == "policy" else "right")
    for text in texts:
        policy = policy_of(spec, text)
        truth = sum(
            share * sum(p * world.worth(segment, ARMS.index(arm)) for arm, p in policy(segment).items())
            for segment, share in world.mix.items()
        )
        found = [estimate(log, policy) for log in logs]
        first, said = found[0], [each for each in found if not each.refused]
        told = [
            f"{i.estimate:.4f}\n{i.low:.4f} to {i.high:.4f}" if not first.refused else "refused"
            for i in (first.ips, first.snips, first.dr)
        ]
        holds = sum(each.dr.low <= truth <= each.dr.high for each in said)
        name = f"always {text}" if "=" not in text else "the best of each segment"
        table.add_row(name, f"{truth:.4f}", *told, f"{first.effective:,.0f}", f"{holds} of {len(said)} not refused")
    console.print(table)


def main() -> None:
    """Print the tables; write the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=200_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--worlds", nargs="*", choices=list(WORLDS), default=["shop"])
    parser.add_argument("--svg", type=Path, help="curves of the shop's world")
    options = parser.parse_args()
    console = Console(width=132)
    for name in options.worlds:
        world, policies = WORLDS[name]
        runs = compared(world, policies, options.visitors, options.seeds, console)
        if world is SHOP:
            judged(SHOP, [each.log for each in runs["Thompson per segment"]], console)
            if options.svg:
                title = f"Conversions lost to the oracle, by visitors ({SHOP.name}, mean of {options.seeds} seeds)"
                lines = {
                    name: [fmean(at) for at in zip(*(each.curve for each in of), strict=True)]
                    for name, of in runs.items()
                }
                options.svg.write_text(curves(title, lines, options.visitors), "utf-8")
                console.print(f"wrote {options.svg}")


if __name__ == "__main__":
    main()
