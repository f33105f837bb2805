"""`personalize copy-store` and `personalize rebuild`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ..terminal import FILE, CommandObserver, console, progress

if TYPE_CHECKING:
    from ..protocols import Store
    from .copying import Copied
    from .rebuilding import Rebuilt


_AGAIN = "What was copied stays; run it again to go on."


@click.command("copy-store", short_help="Copy the log from one store to another.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy_store(source: str, target: str) -> None:
    """Copy the log FROM one store TO another, such as sqlite:///log.db to postgresql://ann@db/shop.

    Each is an address as in `store`, or a config file, whose store it then is. Events keep their order; those that are
    in TO already are passed over, so that a copy that was cut off, or of a site that goes on, is finished by doing it
    again; what TO has of visitors who were erased meanwhile goes."""
    from ..errors import StoreError

    try:
        copied = asyncio.run(_copy(_store(source, exists=True), _store(target, exists=False)))
    except StoreError as error:
        raise click.ClickException(f"{error}\n{_AGAIN}")
    except KeyboardInterrupt:
        raise click.ClickException(f"stopped\n{_AGAIN}")
    click.echo(f"{copied.new:,} events copied, {copied.known:,} were there already")
    if copied.lines_left:
        click.echo(
            "Lines left this log before (retention, or visitors who had theirs erased): what they taught links between"
            " ids, recommendations and social proof is not in the copy.",
            err=True,
        )


@click.command(short_help="Make anew what is kept beside the log, or compare it.")
@FILE
@click.option("--verify", is_flag=True, help="Write nothing; fail where two rebuilds, or what is kept, differ.")
@click.option("--from-what-is-left", is_flag=True, help="Also where retention or erasures took lines out of the log.")
def rebuild(file: Path, verify: bool, from_what_is_left: bool) -> None:
    """Make anew what is kept beside the log (links, recommendations, social proof, bandits) from the log's first line,
    tell what it comes to, and keep that.

    A worker that starts takes up what is kept, and reads the events after it; workers that run go on with what they
    know. With --verify all is folded twice and compared with what a start would find."""
    runs = asyncio.run(_rebuild(file, verify, from_what_is_left))
    _draw(runs[0])
    if not verify and not runs[0].kept:
        raise click.ClickException(
            "Lines left the log (retention, or visitors who had theirs erased), and what they taught would be lost."
            " Nothing was changed; --from-what-is-left does it all the same."
        )
    if len(runs) > 1:
        _compare(runs[0], runs[1], "not a function of the log alone")
        alike = _compare(runs[0], runs[2], "kept otherwise than the log says")
        start = "so would a start" if alike else "a start would too, but for that"
        click.echo(f"Two rebuilds came to the same; {start}, by what is kept. Nothing was written.")
    else:
        click.echo("This is kept: a worker that starts takes it up.")


def _compare(one: Rebuilt, other: Rebuilt, what: str) -> bool:
    """Whether both are the same. Raises click.ClickException where they may not differ."""
    unlike = [fold for fold, state in one.states.items() if state != other.states[fold]]
    names = ", ".join(map(_called, unlike))
    if unlike and not (one.lines_left and "Profiles" not in unlike):
        raise click.ClickException(f"{what}: {names}")
    if unlike:
        click.echo(f"{names}: what is kept knows of lines that left the log")
    return not unlike


def _called(fold: str) -> str:
    """A fold's name as the docs have it."""
    return {"Embedded": "Recommendations", "ProofCounts": "Social proof", "Identity": "Links"}.get(fold, fold)


async def _copy(source: Store, target: Store) -> Copied:
    from .copying import copy_log

    if source.__class__ is target.__class__ and getattr(source, "where", 0) == getattr(target, "where", 1):
        raise click.UsageError("FROM and TO are the same store")
    await source.open()
    await target.open()
    try:
        with _bar("copying", await source.last()) as told:
            return await copy_log(source, target, told)
    finally:
        await source.close()
        await target.close()


async def _rebuild(file: Path, verify: bool, from_what_is_left: bool) -> list[Rebuilt]:
    from ..bandits import specs_of
    from ..config import load_config
    from ..stores import open_store
    from .rebuilding import rebuild as rebuild_once
    from .rebuilding import started

    config = load_config(file)
    bandits = specs_of(config)
    store, observer = open_store(config.store, config.base), CommandObserver()
    await store.open()
    try:
        keep: Literal["never", "if whole", "always"]
        keep = "never" if verify else "always" if from_what_is_left else "if whole"
        with _bar("folding", await store.last()) as told:
            runs = [await rebuild_once(store, config.products, observer, told, keep=keep, bandits=bandits)]
        if verify:
            with _bar("again", await store.last()) as told:
                made_from = (store, config.products, observer, told)
                runs.append(await rebuild_once(*made_from, slice_=1500, bandits=bandits))
            with _bar("comparing", await store.last()) as told:
                runs.append(await started(store, config.products, observer, told, bandits=bandits))
        return runs
    finally:
        await store.close()


def _store(address: str, *, exists: bool) -> Store:
    from ..config import load_config
    from ..stores import SqliteStore, open_store

    base = Path.cwd()
    if address.endswith((".yaml", ".yml")):
        config = load_config(Path(address), products=False)
        address, base = config.store, config.base
    try:
        store = open_store(address, base)
    except ValueError as error:
        raise click.ClickException(str(error))
    if address == "memory":
        raise click.ClickException("a log in memory is gone with its process; there is nothing to copy")
    if exists and isinstance(store, SqliteStore) and not store.path.exists():
        raise click.ClickException(f"there is no log at {store.path}")
    return store


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress(*columns) as bar:
        task = bar.add_task(what, total=total)
        yield lambda seq: bar.update(task, completed=min(seq, total))


def _draw(rebuilt: Rebuilt) -> None:
    from rich.table import Table
    from rich.text import Text

    pace = rebuilt.events / rebuilt.seconds if rebuilt.seconds else 0.0
    table = Table()
    table.add_column("kind")
    table.add_column("events", justify="right")
    for kind, count in sorted(rebuilt.kinds.items(), key=lambda item: -item[1])[:20]:
        table.add_row(Text(kind), f"{count:,}")  # Text, since names come from the log and must not be read as markup
    screen = console()
    screen.print(f"{rebuilt.events:,} events folded in {rebuilt.seconds:.1f} s ({pace:,.0f} a second)")
    screen.print(table)
    if rebuilt.unreadable:
        screen.print(f"{rebuilt.unreadable:,} lines hold no readable properties")
    for fold, state in rebuilt.states.items():
        screen.print(f"{_called(fold)}: state {state}")
