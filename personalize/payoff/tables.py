"""A bandit's payoff, for a terminal and as plain values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..reports.intervals import Interval
from .earned import Payoff

if TYPE_CHECKING:
    from rich.table import Table


def as_json(payoff: Payoff) -> dict[str, Any]:
    """Plain values for json.dump; what is not known is null, the context of visitors in no segment an empty text."""
    spec = payoff.spec
    return {
        "experiment": spec.key,
        "event": spec.event,
        "reward": "conversion" if spec.value is None else spec.value,
        "visitors": len(payoff.logged),
        "earned": _number(payoff.earned),
        "contexts": [
            {
                "context": told.context,
                "variants": [
                    {
                        "variant": arm,
                        "visitors": len(rows),
                        "rewarded": sum(row.reward != 0.0 for row in rows),
                        "reward": math.fsum(row.reward for row in rows),
                        "believed": {
                            "estimate": belief.mean,
                            "low": belief.quantile(0.025),
                            "high": belief.quantile(0.975),
                        },
                        "best": chance,
                        "share": payoff.moments[-1].share(told.context, arm),
                    }
                    for arm, belief, chance in zip(spec.arms, told.beliefs, told.chances, strict=True)
                    for rows in [payoff.of(told.context, arm)]
                ],
            }
            for told in (payoff.moments[-1].told if payoff.moments else ())
        ],
        "policies": [
            {
                "policy": name,
                **{kind: _plain(getattr(found, kind)) for kind in ("ips", "snips", "dr", "gain")},
                "effective_visitors": found.effective,
                "effective_rewarded": found.rewarded,
                "refused": found.refused or None,
                "verdict": payoff.verdict(found),
            }
            for name, found in payoff.policies.items()
        ],
        "batches": [
            {
                "began": moment.allocation.batch,
                "shares": {c: [moment.share(c, arm) for arm in spec.arms] for c in spec.contexts},
            }
            for moment in payoff.moments
        ],
        "notes": payoff.notes(),
    }


def learned_table(payoff: Payoff) -> Table:
    """What is believed of each variant in each segment, and the shares in force."""
    from rich.table import Table

    spec = payoff.spec
    what = "conversions" if spec.value is None else spec.value
    drawn = Table(title=f"{spec.key}: what it learned from {spec.event}", box=None, header_style="bold")
    for title in ("segment", "variant"):
        drawn.add_column(title, overflow="fold")
    for title in ("visitors", "rewarded", what, "a visitor", "95 %", "is the best", "share now"):
        drawn.add_column(title, justify="right")
    for told in payoff.moments[-1].told if payoff.moments else ():
        name = told.context or ("all others" if len(spec.contexts) > 1 else "everybody")
        for arm, belief, chance in zip(spec.arms, told.beliefs, told.chances, strict=True):
            rows = payoff.of(told.context, arm)
            total = math.fsum(row.reward for row in rows)
            drawn.add_row(
                name,
                arm,
                f"{len(rows):,}",
                f"{sum(row.reward != 0.0 for row in rows):,}",
                f"{total:,.0f}" if spec.value is None else f"{total:,.2f}",
                _short(belief.mean),
                f"{_short(belief.quantile(0.025))} to {_short(belief.quantile(0.975))}",
                f"{chance:.1%}",
                f"{payoff.moments[-1].share(told.context, arm):.1%}",
            )
            name = ""
        drawn.add_section()
    return drawn


def policies_table(payoff: Payoff) -> Table:
    """What other ways of choosing would have earned."""
    from rich.table import Table

    title = f"{payoff.spec.key}: what a visitor would have brought (it was {_short(payoff.earned)})"
    drawn = Table(title=title, box=None, header_style="bold")
    drawn.add_column("policy", overflow="fold")
    for name in ("IPS", "SNIPS", "DR", "more than was done", "effective visitors"):
        drawn.add_column(name, justify="right")
    drawn.add_column("so it is", overflow="fold")
    for name, found in payoff.policies.items():
        estimates = [_of(interval) for interval in (found.ips, found.snips, found.dr, found.gain)]
        drawn.add_row(name, *estimates, f"{found.effective:,.0f}", payoff.verdict(found))
    return drawn


def _of(interval: Interval) -> str:
    if math.isnan(interval.estimate):
        return "-"
    return f"{_short(interval.estimate)} ({_short(interval.low)} to {_short(interval.high)})"


def _short(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"


def _plain(interval: Interval) -> dict[str, float | None]:
    return {name: _number(value) for name, value in interval._asdict().items()}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
