"""The command `replay`: what a proposed config would have changed, as a table, JSON and a picture."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .errors import ConfigError, StoreError

if TYPE_CHECKING:
    from .engine import Engine
    from .replay import Replay

_BATCH: Final = 2000
_ROW, _LEFT, _BAR, _WIDTH = 22, 300, 480, 900  # pixels of the picture


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--since", default="7d", show_default=True, metavar="DURATION", help="How far back views are decided.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--svg", type=click.Path(path_type=Path), help="Write a picture, too.")
def replay(file: Path, new: Path, since: str, as_json: bool, svg: Path | None) -> None:
    """Decide the recorded page views of FILE's log again, under FILE and under NEW, and show what would change.

    Nothing is recorded and no content is fetched. Whom a view is shown to is known from the log up to then; what the
    log does not hold (such as the query, the device and the country) is told in the notes below the table.
    """
    from .config import render
    from .config.models import duration

    try:
        seconds = duration(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since")
    engines = []
    for each in (file, new):
        try:
            engines.append(_engine(each))
        except ConfigError as error:
            render(error.problems, "text", each, None)
            sys.exit(1)
    try:
        told = asyncio.run(_replay(engines[0], engines[1], time.time() - seconds))
    except StoreError as error:
        raise click.ClickException(str(error))
    if svg is not None:
        svg.write_text(picture(told), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    else:
        _draw(told)


def _engine(file: Path) -> Engine:
    """A config put together on a history of its own, which stays empty."""
    from .config import load_config
    from .engine import Engine
    from .history import History
    from .observe import LogObserver

    config, observer = load_config(file), LogObserver()
    history = History.at("memory", config.base, config.products, observer)
    return Engine(config, history, ("replay" * 8,), observer, new_id=str)


async def _replay(old: Engine, new: Engine, since: float) -> Replay:
    from rich.console import Console
    from rich.progress import Progress

    from .replay import Replay
    from .stores import open_store

    store = open_store(old.config.store, old.config.base)
    told = Replay(old, new, since, store)
    await store.open()
    try:
        for engine in (old, new):
            await engine.history.lists.refresh()
        last = await store.last()
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("replaying", total=last)
            after = 0
            while after < last and (events := await store.read(after, _BATCH)):
                await told.take(events)
                after = events[-1].seq
                progress.update(task, completed=after)
    finally:
        await store.close()
    return told


# --- drawing -------------------------------------------------------------------------------------------


def _draw(told: Replay) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    console.print(_summary(told))
    if told.changes:
        table = Table(box=None, header_style="bold")
        for name in ("slot", "shows now", "would show"):
            table.add_column(name)
        for name in ("views", "visitors"):
            table.add_column(name, justify="right")
        table.add_column("for example")
        for change in told.largest():
            one = change.examples[0]
            when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.time))
            seen = f"{one.visitor[:8]} on {one.path}, {when} UTC"
            counts = (f"{change.views:,}", f"{len(change.visitors):,}")
            table.add_row(change.slot, change.before, change.after, *counts, seen)
        console.print(table)
    for note in told.notes():
        console.print(f"note: {note}")


def _summary(told: Replay) -> str:
    return (
        f"{told.changed_views:,} of {told.views:,} views would change, "
        f"for {len(told.changed_visitors):,} of {len(told.visitors):,} visitors"
    )


def picture(told: Replay) -> str:
    """An SVG: for each slot and what it shows, the views now (light) and under the proposed config (dark)."""
    rows = [(slot, name) for slot in told.shown for name in sorted(told.shown[slot] | told.would[slot])]
    most = max([count for of in (told.shown, told.would) for counts in of.values() for count in counts.values()] or [1])
    height = 70 + _ROW * len(rows) + 20 * len(told.notes())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13">',
        f"<title>{escape(_summary(told))}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="24" font-size="16">{escape(_summary(told))}</text>',
        '<text x="12" y="44" fill="#555">views per slot and experience: now (light), proposed (dark)</text>',
    ]
    for number, (slot, name) in enumerate(rows):
        top = 56 + number * _ROW
        now, then = told.shown[slot][name], told.would[slot][name]
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
