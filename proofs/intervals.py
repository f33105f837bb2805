"""How often off-policy intervals hold the truth where it is hard: `python -m proofs.intervals [--logs 200]
[--visitors 8000]`.

Three worlds, all of revenue: one visitor in twelve or so buys, and what buyers spend is log-normal with a standard
deviation of three times its mean, so that a few orders carry much of the sum.

heavy  arms are drawn with unequal shares that stay as they are
floor  one arm has nearly all visitors of a segment, the others 1 % each, as a bandit ends
drift  the real bandit: the shares of each batch come from the rewards of those before, with a floor of 1 %

Of each policy it tells how many logs were refused, and in how many of the others each interval holds the truth.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from personalize.bandits import BanditSpec, allocation
from personalize.bandits.pooling import Cell
from personalize.model import PARTS
from personalize.reports.off_policy import Estimate, Logged, Policy, estimate

ARMS: Final = ("plain", "loud", "kind")
MIX: Final = {"phone": 0.4, "": 0.6}
BUYS: Final = {"phone": (0.05, 0.08, 0.10), "": (0.10, 0.06, 0.08)}
SPENDS: Final = {"phone": (60.0, 80.0, 50.0), "": (50.0, 70.0, 70.0)}
SIGMA: Final = math.sqrt(math.log(10))  # of the logarithm: a standard deviation of three means
KINDS: Final = ("ips", "snips", "dr")
SPEC: Final = BanditSpec(
    key="hero", arms=ARMS, contexts=("phone", ""), event="x", nth=1, value="revenue", window=1.0,
    lower_is_better=False, floor=0.01, every=1.0, settle=0.0, half_life=None,
)  # fmt: skip
BATCH: Final = 250  # visitors
EVEN: Final = dict.fromkeys(ARMS, 1 / len(ARMS))
POLICIES: Final[Mapping[str, Policy]] = {
    "always plain": lambda context: {"plain": 1.0},
    "always kind": lambda context: {"kind": 1.0},
    "equal shares": lambda context: EVEN,
    "best of each": lambda context: {"loud": 1.0} if context else {"kind": 1.0},
}

Shares = Mapping[str, Sequence[float]]
STILL: Final[Mapping[str, Shares]] = {
    "heavy": {"phone": (0.6, 0.2, 0.2), "": (0.2, 0.5, 0.3)},
    "floor": {"phone": (0.01, 0.98, 0.01), "": (0.01, 0.01, 0.98)},
}
WORLDS: Final = (*STILL, "drift")


def worth(policy: Policy) -> float:
    """The policy's true mean reward."""
    return sum(
        share * sum(p * BUYS[c][ARMS.index(arm)] * SPENDS[c][ARMS.index(arm)] for arm, p in policy(c).items())
        for c, share in MIX.items()
    )


def log(world: str, seed: int, visitors: int) -> list[Logged]:
    """What one bandit drew, and what that brought."""
    dice, rows = Random(f"{world} {seed}"), list[Logged]()
    cells = [[Cell() for _ in ARMS] for _ in SPEC.contexts]
    shares: Shares = STILL.get(world, {})
    for place in range(visitors):
        if world not in STILL and place % BATCH == 0:
            parts = allocation(SPEC, cells, 1).parts
            shares = {context: [part / PARTS for part in parts[context]] for context in SPEC.contexts}
        context = "phone" if dice.random() < MIX["phone"] else ""
        (arm,) = dice.choices(range(len(ARMS)), shares[context])
        reward = 0.0
        if dice.random() < BUYS[context][arm]:
            reward = SPENDS[context][arm] * dice.lognormvariate(-SIGMA * SIGMA / 2, SIGMA)
        cell = cells[SPEC.contexts.index(context)][arm]
        cell.visitors += 1
        cell.wins += reward > 0
        cell.amount += reward
        cell.squares += reward * reward
        rows.append(Logged(context, ARMS[arm], shares[context][arm], reward))
    return rows


Estimator = Callable[[Sequence[Logged], Policy], Estimate]


def told(world: str, logs: int, visitors: int, estimator: Estimator = estimate) -> Iterator[tuple[str, list[Estimate]]]:
    """Each policy with what the logs say of it."""
    made = [log(world, seed, visitors) for seed in range(logs)]
    for name, policy in POLICIES.items():
        yield name, [estimator(rows, policy) for rows in made]


def held(found: Sequence[Estimate], kind: str, truth: float) -> int:
    """In how many of those that conclude an interval holds the truth."""
    intervals = [getattr(each, kind) for each in found if not each.refused]
    return sum(interval.low <= truth <= interval.high for interval in intervals)


def main() -> None:
    """Print one table for each world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=200)
    parser.add_argument("--visitors", type=int, default=8_000)
    options = parser.parse_args()
    console = Console(width=110)
    for world in WORLDS:
        table = Table(title=f"{world}: {options.logs} logs of {options.visitors:,} visitors", box=None)
        for title in ("policy", "truth", "refused", *(f"{kind.upper()} holds it" for kind in KINDS)):
            table.add_column(title, justify="left" if title == "policy" else "right")
        for name, found in told(world, options.logs, options.visitors):
            truth, said = worth(POLICIES[name]), sum(not each.refused for each in found)
            shares = [f"{held(found, kind, truth) / said:.1%}" if said else "–" for kind in KINDS]
            table.add_row(name, f"{truth:.3f}", f"{len(found) - said}", *shares)
        console.print(table)


if __name__ == "__main__":
    main()
