"""The command `replay`: what a proposed config would have changed, as a table, JSON and a picture."""

from __future__ import annotations

import json
import time
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from ..terminal import FILE, FileFirst, clock, console, progress

if TYPE_CHECKING:
    from .replayed import Replayed

_ROW, _LEFT, _BAR, _WIDTH = 22, 300, 480, 900  # pixels of the picture


@click.command(cls=FileFirst, short_help="Show what a changed config would have shown in past views.")
@FILE
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--since", default="7d", show_default=True, metavar="DURATION|DATE", help="The views since then.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--svg", type=click.Path(path_type=Path), help="Write a picture, too.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many work on it; else one for each core, where the log is long.",
)
def replay(file: Path, new: Path, since: str, as_json: bool, svg: Path | None, processes: int | None) -> None:
    """Decide the recorded page views of FILE's log again, under FILE and under NEW, and show what would change.

    --since is how far back ("7d", "36h"), or a date or moment ("2026-11-20", "2026-11-20T18:00"), in FILE's time zone
    where it names none. Nothing is recorded and no content is fetched. Whom a view is shown to is known from the log up
    to then; what the log does not hold (such as the query, the device and the country) is told in the notes below the
    table.
    """
    told, timezone = _replay(file, new, since, processes)
    if svg is not None:
        svg.write_text(picture(told), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    else:
        _draw(told, timezone)


def _moment(since: str, timezone: str) -> float:
    """Unix seconds of what --since says."""
    from ..config.models import duration

    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        try:
            return time.time() - duration(since)
        except ValueError as error:
            raise click.BadParameter(f"{error}; or a date such as 2026-11-20", param_hint="--since")
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(timezone))).timestamp()


def _replay(file: Path, new: Path, since: str, processes: int | None) -> tuple[Replayed, str]:
    """Replay with a progress bar; with it FILE's time zone."""
    from ..config import load_config
    from .replayers import replay_log

    timezone = load_config(file).timezone
    began = _moment(since, timezone)
    with progress() as bar:
        task = bar.add_task("replaying")
        told = replay_log(
            file, new, began, processes, lambda done, total: bar.update(task, completed=done, total=total)
        )
    return told, timezone


# --- drawing -------------------------------------------------------------------------------------------


def _draw(told: Replayed, timezone: str) -> None:
    from rich.table import Table

    written = clock(timezone)
    screen = console(markup=False)
    screen.print(_summary(told))
    if told.changes:
        table = Table(box=None, header_style="bold")
        for name in ("slot", "shows now", "would show"):
            table.add_column(name)
        for name in ("views", "visitors"):
            table.add_column(name, justify="right")
        table.add_column(f"for example ({timezone})")
        for change in told.largest():
            one = change.examples[0]
            seen = f"{one.visitor[:8]} on {one.path}, {written(one.time)}"
            counts = (f"{change.views:,}", f"{len(change.visitors):,}")
            table.add_row(change.slot, change.before, change.after, *counts, seen)
        screen.print(table)
    for note in told.notes():
        screen.print(f"note: {note}")


def _summary(told: Replayed) -> str:
    return (
        f"{told.changed_views:,} of {told.views:,} views would change, "
        f"for {len(told.changed_visitors):,} of {len(told.visitors):,} visitors"
    )


def picture(told: Replayed) -> str:
    """An SVG: for each slot and what it shows, the views now (light) and under the proposed config (dark)."""
    rows = told.rows()
    most = max([count for row in rows for count in row[2:]] or [1])
    height = 70 + _ROW * len(rows) + 20 * len(told.notes())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13">',
        f"<title>{escape(_summary(told))}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="24" font-size="16">{escape(_summary(told))}</text>',
        '<text x="12" y="44" fill="#555">views per slot and experience: now (light), proposed (dark)</text>',
    ]
    for number, (slot, name, now, then) in enumerate(rows):
        top = 56 + number * _ROW
        parts += [
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(f"{slot}: {name}")}</text>',
            f'<rect x="{_LEFT}" y="{top + 2}" width="{_BAR * now / most:.1f}" height="8" fill="#9db8d9"/>',
            f'<rect x="{_LEFT}" y="{top + 10}" width="{_BAR * then / most:.1f}" height="8" fill="#1f4e8c"/>',
            f'<text x="{_LEFT + _BAR + 8}" y="{top + 14}">{now:,} → {then:,}</text>',
        ]
    for number, note in enumerate(told.notes(), 1):
        y = 56 + len(rows) * _ROW + 20 * number
        parts.append(f'<text x="12" y="{y}" fill="#555" font-size="11">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
