"""`personalize export` and `personalize identity`: what the log says of its people, for systems and for readers."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ..terminal import FILE, CommandObserver, known_segments, progress, reading
from .single import as_kept, export_person

if TYPE_CHECKING:
    from ..protocols import Store
    from .members import Member
    from .resolved import Resolved

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")  # wide signs, too: a spreadsheet may take them for the plain ones


@click.group()
def export() -> None:
    """Write people of the log for another system."""


@export.command("segment")
@click.argument("name")
@FILE
@click.option("--format", "style", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file; else what is printed.")
@click.option("--trait", "traits", multiple=True, help="A trait to export too, such as email. May be repeated.")
def export_segment(name: str, file: Path, style: str, output: Path | None, traits: tuple[str, ...]) -> None:
    """Write who is in segment NAME now, a person a line. Left out: who withdrew consent, and browsers with Sec-GPC."""
    count = 0
    target = output.open("w", newline="", encoding="utf-8") if output else sys.stdout
    try:
        write = _writer(style, target)

        def take(member: Member) -> None:
            nonlocal count
            count += 1
            write(member.row(traits))

        asyncio.run(_export(name, file, take))
    finally:
        if output:
            target.close()
    click.echo(f"{count:,} in segment {name}", err=True)


export.add_command(export_person)


@click.command(short_help="Tell which visitors are known users; undo or make a link.")
@FILE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--unlink", metavar="ID", help='Take an id, such as "loyalty:12", out of its person, from now on.')
@click.option("--merge", nargs=2, metavar="USER USER", help="Say that two users are one person.")
def identity(file: Path, as_json: bool, unlink: str | None, merge: tuple[str, str] | None) -> None:
    """Tell how many visitors are known to be one of the site's users, and which links were refused; undo a link, or
    make one."""
    found = asyncio.run(_identity(file, unlink, merge))
    if as_json:
        told = {**asdict(found), "share": round(found.share, 4)}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    click.echo(
        f"{found.visitors:,} visitors, {found.resolved:,} ({found.share:.1%}) of them resolved to {found.users:,} users"
    )
    links = "1 link" if found.refused == 1 else f"{found.refused:,} links"
    click.echo(f"{links} refused, which would have made one person of two users")
    for conflict in found.conflicts:
        click.echo(
            f"  event {conflict.seq}: {conflict.one} and {conflict.other} belong to {' and '.join(conflict.users)}"
        )


async def _export(name: str, file: Path, take: Callable[[Member], None]) -> None:
    from ..config import load_config
    from ..engine import Engine
    from ..history import History
    from .members import members

    config, observer = load_config(file), CommandObserver()
    known_segments(config, [name], "NAME")
    async with reading(config) as store:
        engine = Engine(config, History(store, config.products, observer), ("export" * 8,), observer, new_id=str)
        with progress() as bar:
            task = bar.add_task("people", total=None)
            told = lambda done, of: bar.update(task, completed=done, total=of)
            async for member in members(engine, name, time.time(), told):
                take(member)


async def _identity(file: Path, unlink: str | None, merge: tuple[str, str] | None) -> Resolved:
    import uuid

    from ..config import load_config
    from ..model import Event
    from ..stores import open_store
    from .resolved import resolve

    config = load_config(file)
    if not unlink and not merge:
        async with reading(config) as store:
            return await resolve(store)
    store = open_store(config.store, config.base)
    await store.open()
    try:
        events = []
        await _known(store, unlink, merge)
        if unlink:
            unlink = as_kept(unlink)
            properties: dict[str, Any] = {"$via": "operator", "id": unlink}
            events.append(Event(uuid.uuid4().hex, "Identity Unlinked", time.time(), unlink, properties))
        if merge:
            one, other = (user.removeprefix("u:") for user in merge)
            properties = {"$via": "operator", "$ids": {"user_id": other}}
            events.append(Event(uuid.uuid4().hex, "Identity Merged", time.time(), f"u:{one}", properties))
        await store.append(events)
        return await resolve(store)
    finally:
        await store.close()


async def _known(store: Store, unlink: str | None, merge: tuple[str, str] | None) -> None:
    """Raises click.BadParameter for an id that the log never told of: it was misspelt."""
    from ..profiles import Identity
    from .everybody import everybody

    identity = Identity()
    there = {*await everybody(store, identity), *identity.resolved()}
    asked = [("--unlink", unlink)] if unlink else []
    asked += [("--merge", f"u:{user.removeprefix('u:')}") for user in merge or ()]
    for option, name in asked:
        id_ = as_kept(name)
        if id_ not in there and identity.person(id_) == id_:
            raise click.BadParameter(f'the log knows no "{name}"', param_hint=option)


def _writer(style: str, target: IO[str]) -> Callable[[dict[str, Any]], None]:
    if style == "jsonl":
        return lambda row: print(json.dumps(row, ensure_ascii=False, default=str), file=target)
    table = csv.writer(target)
    began = False

    def write(row: dict[str, Any]) -> None:
        nonlocal began
        if not began:
            table.writerow(row)
            began = True
        table.writerow([_cell(value) for value in row.values()])

    return write


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if isinstance(value, list):
        value = "|".join(map(str, value))
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
