"""An experiment's effects, for a terminal and as plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .effects import EffectReport
from .intervals import Interval

if TYPE_CHECKING:
    from rich.table import Table


def effects_as_json(reports: Sequence[EffectReport]) -> list[dict[str, Any]]:
    """The reports as plain values for json.dump; what is not known is null."""
    return [_plain(report) for report in reports]


def _plain(report: EffectReport) -> dict[str, Any]:
    tested = report.tested
    return {
        "experiment": tested.key,
        "iteration": tested.iteration,
        "goal": tested.goal_name or None,
        "levels": [
            {
                "part": row.part or None,
                "level": row.level,
                "visitors": row.count.visitors,
                "reached": row.count.reached,
                "value": row.count.total,
                "share": _of(row.share),
                "lift": None if row.lift is None else _of(row.lift),
                "value_lift": None if row.value_lift is None else _of(row.value_lift),
            }
            for row in report.rows
        ],
        "together": [{"levels": dict(pair.levels), "beyond": _of(pair.beyond)} for pair in report.together],
        "combinations": {
            "possible": report.possible,
            "seen": [
                {
                    "levels": dict(zip([part or "variant" for part in tested.parts], levels, strict=True)),
                    "visitors": count.visitors,
                    "reached": count.reached,
                    "value": count.total,
                }
                for levels, count in sorted(report.cells.items())
            ],
        },
        "saw_several": report.several,
        "notes": report.notes(),
    }


def _of(interval: Interval) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in interval._asdict().items()}


def effects_table(report: EffectReport) -> Table:
    """The main effects of one experiment, with what pairs of levels do beyond them below."""
    from rich.table import Table
    from rich.text import Text

    goal = report.tested.goal
    caption = "\n".join(note[0].upper() + note[1:] + "." for note in report.notes())
    iteration = f" (iteration {report.tested.iteration})" if report.tested.iteration > 1 else ""
    title = f"What {report.tested.key}{iteration} did"
    drawn = Table(title=title, caption=Text(caption, justify="left"), caption_justify="left")
    plain = len(report.tested.parts) == 1  # an A/B test, or a holdout: one thing is compared, so it needs no column
    for name in [next(iter(report.tested.parts)) or "variant"] if plain else ["part", "level"]:
        drawn.add_column(name, overflow="fold")
    titles = ["visitors"]
    if goal is not None:
        titles += [report.tested.goal_name, "share", "against the control"]
        titles += [f"{goal.value} a visitor", "against the control"] if goal.value is not None else []
    for title in titles:
        drawn.add_column(title, justify="right", overflow="fold")
    before: str | None = None
    for row in report.rows:
        if before is not None and row.part != before:
            drawn.add_section()
        before = row.part
        names = [row.level] if plain else [row.part, row.level]
        cells = [*names, f"{row.count.visitors:,}"]
        if goal is not None:
            cells += [f"{row.count.reached:,}", _percent(row.share.estimate), _shown(row.lift, 100, " pp")]
            if goal.value is not None:
                cells += [_amount(row.count.moments.mean), _shown(row.value_lift, 1, "")]
        drawn.add_row(*map(Text, cells))
    if report.together and goal is not None:
        drawn.add_section()
        for pair in report.together:
            (one, first), (other, second) = pair.levels
            cells = [f"{one} and {other}", f"{first} and {second}", "", "", "beyond", _shown(pair.beyond, 100, " pp")]
            drawn.add_row(*map(Text, cells))
    return drawn


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.2f} %"


def _amount(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.2f}"


def _shown(interval: Interval | None, scale: float, unit: str) -> str:
    if interval is None:
        return "control"
    if math.isnan(interval.estimate):
        return "too few to say"
    estimate, low, high = (scale * value for value in interval)
    return f"{estimate:+,.2f}{unit} ({low:+,.2f} to {high:+,.2f})"
