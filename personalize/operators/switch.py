"""The commands of the kill switch: pause · resume · history."""

from __future__ import annotations

import asyncio
import getpass
import json
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..config.problems import did_you_mean
from ..model import OPERATOR, PAUSED, RESUMED, Event
from ..terminal import FILE, FileFirst, clock, console, reading
from .changes import Change, changes
from .pauses import EVERYTHING, Pause, Pauses, named

if TYPE_CHECKING:
    from ..config import Config

TARGET = click.argument("target", metavar="ID")
BY = click.option("--by", default="", metavar="NAME", help="Who does it; else the name of who is logged in.")
WHY = click.option("--why", default="", metavar="TEXT", help="Said in the history and in explain.")


@click.command(cls=FileFirst, short_help="Take something out of all pages, within seconds.")
@FILE
@TARGET
@BY
@WHY
def pause(file: Path, target: str, by: str, why: str) -> None:
    """Take an experience, a slot or everything out of all pages, on all workers, within seconds.

    ID is an experience ("winter", or "hero/winter" where several slots have one), the key of its experiment, a slot
    ("hero", or "hero/*"), or "everything". A paused experience leaves its place to the next that fits; a paused slot
    shows the page's own markup.
    FILE is not changed: a line in the log says who paused what when.
    """
    config = readable_config(file)
    target = found(config, target)
    held = asyncio.run(_write(config, PAUSED, target, by, why))
    click.echo(f"{named(target)} is paused. Workers that follow this log leave it out within a second.")
    tell_held(held.held.values(), but=target)


@click.command(cls=FileFirst)
@FILE
@TARGET
@BY
@WHY
def resume(file: Path, target: str, by: str, why: str) -> None:
    """Undo `pause` for the same ID."""
    config = readable_config(file)
    held = asyncio.run(held_now(config))
    target = target if target in held.held else found(config, target)
    if target not in held.held:
        paused = ", ".join(map(named, held.held)) or "nothing"
        raise click.ClickException(f"{named(target)} is not paused; paused: {paused}")
    tell_held(asyncio.run(_write(config, RESUMED, target, by, why)).held.values(), but=target)
    click.echo(f"{named(target)} is resumed.")


@click.command(short_help="Show who changed what when.")
@FILE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def history(file: Path, as_json: bool) -> None:
    """Show who changed what when, from the log: pauses, promotions, and each config that went live."""
    config = readable_config(file)
    told = changes(asyncio.run(operators_events(config)))
    if as_json:
        click.echo(json.dumps([asdict(change) for change in told], indent=2, ensure_ascii=False))
    else:
        _draw(told, config.timezone)


def found(config: Config, name: str) -> str:
    """The target that an ID means. Raises click.BadParameter for one that means nothing, or several things."""
    if name in ("everything", EVERYTHING):
        return EVERYTHING
    whole = [f"{slot}/*" for slot in config.slots]
    single = [f"{slot}/{e.id}" for slot, of in config.slots.items() for e in of.experiences]
    if name in whole or name in single:
        return name
    meant = [target for target in single if target.endswith(f"/{name}")]
    if name in config.slots:
        meant.append(f"{name}/*")
    meant = meant or [
        f"{slot}/{e.id}"
        for slot, of in config.slots.items()
        for e in of.experiences
        if e.experiment is not None and e.experiment.key == name
    ]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise click.BadParameter(f'"{name}" could be any of {", ".join(meant)}: write one of these', param_hint="ID")
    there = ["everything", *config.slots, *single, *(target.rpartition("/")[2] for target in single)]
    hint = did_you_mean(name, there, "there are")
    raise click.BadParameter(f'there is nothing called "{name}"; {hint}', param_hint="ID")


def readable_config(file: Path) -> Config:
    """The config, whose log other processes can reach."""
    from ..config import load_config

    config = load_config(file, products=False)
    if config.store == "memory":
        raise click.ClickException("the log is in the memory of the process that serves: nobody else can reach it")
    return config


async def operators_events(config: Config, add: Event | None = None) -> list[Event]:
    """What operators did, with `add` if it is given, in the log's order."""
    from ..stores import open_store

    if add is None:
        async with reading(config) as store:
            return await store.of_visitor(OPERATOR)
    store = open_store(config.store, config.base)
    await store.open()
    try:
        await store.append([add])
        return await store.of_visitor(OPERATOR)
    finally:
        await store.close()


async def held_now(config: Config, add: Event | None = None) -> Pauses:
    """What is paused, with `add` if it is given."""
    held = Pauses()
    held.recall(await operators_events(config, add))
    return held


async def _write(config: Config, name: str, target: str, by: str, why: str) -> Pauses:
    said = {"target": target, "by": by or getpass.getuser()} | ({"why": why} if why else {})
    return await held_now(config, Event(uuid.uuid4().hex, name, time.time(), OPERATOR, said))


def tell_held(held: Iterable[Pause], but: str = "") -> None:
    """Say what is paused, except the target that was just spoken of."""
    for pause in held:
        if pause.target != but:
            click.echo(f"{named(pause.target)} is still paused, by {pause.by}.")


def _draw(told: Sequence[Change], timezone: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    written = clock(timezone)
    table = Table(f"when ({timezone})", "what", "", "who", "why, or what changed", box=None, header_style="bold")
    for change in told:
        details = "\n".join(filter(None, (*change.details, change.why)))
        target = escape(named(change.target))
        table.add_row(written(change.time), change.what, target, escape(change.by), escape(details))
    console().print(table if told else "nothing was changed yet")
