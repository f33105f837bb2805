"""`personalize import`: events of a file into the log."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..terminal import progress

if TYPE_CHECKING:
    from ..config import Config
    from ..model import Party
    from .run import Outcome
    from .times import Order
    from .told import Told

CONFIG = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default="personalize.yaml", show_default=True,
    help="The site's config, for its store and timezone.",
)  # fmt: skip


@click.command("import", short_help="Add the events of a file to the log.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@CONFIG
@click.option("--event", default="", help='The event of rows that name none, such as "Order Completed".')
@click.option("--party", type=click.Choice(["first", "second", "third"]), default="first", show_default=True,
              help="Whose data it is: the site's, a partner's, or somebody else's.")  # fmt: skip
@click.option("--source", default="", help="Who says it, such as crm. The file's name where it is left out.")
@click.option("--dates", type=click.Choice(["day-first", "month-first"]), default=None,
              help="What 5/6/2026 means. Without it such a date is refused, and one like 28/6/2026 read.")  # fmt: skip
@click.option("--encoding", default="cp1252", show_default=True, help="How lines that are no UTF-8 are read.")
def import_events(
    file: Path, config_file: Path, event: str, party: Party, source: str, dates: Order | None, encoding: str
) -> None:
    """Add the events of FILE (.csv, .tsv or JSON lines) to the log. Each row that is not taken is told with its line,
    and the exit status is then 1. Importing a file again adds nothing; an import that was cut off goes on."""
    from ..config import load_config
    from .told import Told

    config = load_config(config_file, products=False)
    told = Told(config.timezone, time.time(), event, party, source or file.stem, dates or "")
    try:
        outcome = asyncio.run(_import(config, file, file.stat().st_size, told, encoding))
    except LookupError as error:
        raise click.ClickException(str(error))
    click.echo(
        f"{outcome.new:,} new, {outcome.known:,} already known, {outcome.refused:,} refused"
        + (f", {outcome.erased:,} of what was erased left out" if outcome.erased else "")
        + (f", {outcome.skipped:,} dealt with by an earlier run" if outcome.skipped else "")
    )
    if outcome.refused:
        sys.exit(1)


async def _import(config: Config, file: Path, size: int, told: Told, encoding: str) -> Outcome:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

    from ..stores import open_store
    from .run import import_file

    store = open_store(config.store, config.base)
    await store.open()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    try:
        with progress(*columns) as bar:
            task = bar.add_task(file.name, total=size)

            def refuse(line: int, why: str) -> None:
                click.echo(f"{file}:{line}: {why}", err=True)

            return await import_file(
                store, file, told, config.base / ".personalize", encoding=encoding, refuse=refuse,
                progress=lambda read: bar.update(task, completed=read),
            )  # fmt: skip
    finally:
        await store.close()
