"""One person who asked: `personalize export person` and `personalize erase`, as the visitor's own page does it."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..model import ERASED, OWN_ID, PURPOSES, Consent, Event, Request, Visitor
from ..terminal import FILE, CommandObserver, reading

if TYPE_CHECKING:
    from ..config import Config
    from ..engine import Engine

ID = click.argument("name", metavar="ID")


@click.command("person")
@ID
@FILE
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file; else what is printed.")
def export_person(name: str, file: Path, output: Path | None) -> None:
    """Write all that is known of one person, as JSON: the file that visitors take from their own page.

    ID is a user's id, the 32 digits of a browser, or "kind:value" as the log has it, such as "email:ann@shop.example",
    "loyalty:12", "u:USER" or "a:ANONYMOUS". Whoever is known under it is exported with all their ids.
    """
    from ..own.me.page import as_file

    text = as_file(asyncio.run(_known(file, name)))
    if output is None:
        click.echo(text)
    else:
        output.write_text(text, encoding="utf-8")


@click.command("erase", short_help="Erase one person from the log.")
@ID
@FILE
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(name: str, file: Path, yes: bool) -> None:
    """Erase one person from the log, under all their ids, as they could on their own page.

    ID is as in `personalize export person`. Workers that run forget the person within a second, and nothing from before
    this moment comes back, whatever is sent or imported again. It cannot be undone.
    """
    known = asyncio.run(_known(file, name))
    events = len(known["events"])
    if not yes:
        click.confirm(f"Erase {known['visitor']}, of whom the log has {events:,} events?", abort=True, err=True)
    gone = asyncio.run(_erase(file, known["visitor"]))
    if not gone:
        raise click.ClickException(
            f"{known['visitor']} counts as erased, but their lines stay: this store cannot remove any, or failed"
        )
    click.echo(f"{known['visitor']} is erased, with {events:,} events.")


def as_kept(id_: str) -> str:
    """An id as the log has it: of an e-mail address, and of a long id, the hash."""
    from ..events.tidy import tidy_id
    from ..profiles import external_id

    kind, colon, value = id_.partition(":")
    return external_id(kind, tidy_id(value)) if colon else id_


def _id(name: str) -> str:
    """The id that is meant, as the log has it: without a kind it is a browser's, or else a user's."""
    return as_kept(name if ":" in name or OWN_ID.fullmatch(name) else f"u:{name}")


async def _known(file: Path, name: str) -> dict[str, Any]:
    """What the visitor's own page would give. Raises click.BadParameter for whom the log does not know."""
    from ..config import load_config
    from ..engine import Engine
    from ..history import History
    from ..own.me.known import as_download
    from ..profiles import Identity, KnownPeople, Profiles
    from .everybody import everybody

    config, observer, id_, now = load_config(file), CommandObserver(), _id(name), time.time()
    async with reading(config) as store:
        identity = Identity()
        await everybody(store, identity)
        history = History(store, config.products, observer)
        engine = Engine(config, history, ("export" * 8,), observer, new_id=str)
        history.profiles = Profiles(store, config.products, room=0, people=KnownPeople(identity))
        profile = await history.profiles.load(id_)
        events = [event for event in await history.profiles.events(id_) if event.name != ERASED]
        if not events:
            raise click.BadParameter(f'the log knows nothing of "{name}" ({id_})', param_hint="ID")
        await history.lists.refresh()
        return as_download(id_, profile, events, _segments(engine, config, id_, now), now)


def _segments(engine: Engine, config: Config, id_: str, now: float) -> list[str]:
    """The labels of the segments that the person is in, but for what only a page's own request tells."""
    from ..membership import memberships

    visitor, request = Visitor(id_, Consent(frozenset(PURPOSES))), Request("GET", "/", b"", "https", {})
    profile = engine.history.profiles.get(id_)
    assert profile is not None  # it was loaded just now
    found = memberships(engine, config.segments.keys(), request, visitor, profile, now)
    return [config.segments[name].label or name for name in sorted(found)]


async def _erase(file: Path, id_: str) -> bool:
    from ..config import load_config
    from ..history import History

    config = load_config(file)
    history = History.at(config.store, config.base, config.products, CommandObserver(), config.hot)
    await history.start()
    try:
        return await history.erase(Event(uuid.uuid4().hex, ERASED, time.time(), id_))
    finally:
        await history.close()
