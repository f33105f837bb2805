"""What the commands share: how they fail, what they print to, and how they read an address or a moment."""

from __future__ import annotations

import codecs
import errno
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from .errors import ConfigError, StoreError
from .observe import LogObserver

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

    from .config import Config
    from .protocols import Store

DEFAULT: Final = "personalize.yaml"  # the config where none is named
FILE: Final = click.argument("file", type=click.Path(path_type=Path), default=DEFAULT)

_LEAST: Final = 72  # columns that a table is given; in a narrower window the terminal breaks its lines
_PIPED: Final = 300  # into a pipe or a file nothing is cut to a screen's width
# What stands for our own signs where the terminal's encoding lacks them. Everything else becomes an escape of four hex
# digits, which JSON and YAML's double quotes read as the character that was meant.
_PLAIN: Final = {
    "✓": "+", "✗": "-", "→": "->", "·": "-", "…": "...", "“": "'", "”": "'", "µ": "u", "−": "-", "–": "-", "×": "x",
}  # fmt: skip


class Commands(click.Group):
    """Commands that never show a traceback: a config's problems and whatever the system refuses become sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for. 1 is the exit status where something is wrong, 2 where it was misused."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="personalize-plain")
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            from .config import render

            file = Path(error.problems[0].mark.file)
            render(error.problems, "text", file, None, to=sys.stderr)
            ctx.exit(1)
        except StoreError as error:
            raise click.ClickException(str(error))
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever reads our output has read enough, which click knows how to end
                raise
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{place}{error.strerror or error}")


class FileFirst(click.Command):
    """A command whose first argument is the config, which may be left out though another follows."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """One argument alone is what follows the config."""
        first, second = (p.name for p in self.params[:2])
        found = self.make_parser(ctx).parse_args(list(args))[0]
        if isinstance(found.get(first), str) and not isinstance(found.get(second), str):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


class FileOrWord(click.Command):
    """A command of a config and a word, either of which may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """One argument alone is the config where it is there or is called as configs are; else it is the word."""
        first, second = (p.name for p in self.params[:2])
        found = self.make_parser(ctx).parse_args(list(args))[0]
        alone = found.get(first) if not isinstance(found.get(second), str) else None
        if isinstance(alone, str) and not alone.endswith((".yaml", ".yml")) and not Path(alone).exists():
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


class CommandObserver(LogObserver):
    """Tells whoever runs a command what failed beside it, each thing once and in one line."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def changed(self, part: str, state: str, detail: str = "") -> None:
        if detail not in self._told:
            super().changed(part, state, detail)

    def failed(self, where: str, error: BaseException) -> None:
        self.counters[f"failed.{where}"] += 1
        if str(error) not in self._told:
            self._told.add(str(error))
            click.echo(f"{where}: {error}", err=True)


@asynccontextmanager
async def reading(config: Config) -> AsyncIterator[Store]:
    """The config's log, for a command that only reads it: no file is made, and a damaged one stays where it is.
    Raises StoreError where there is none to read."""
    from .stores import SqliteStore, open_store

    if config.store == "memory":
        raise StoreError("the log is in the memory of the process that serves: nobody else can read it")
    store = open_store(config.store, config.base)
    if isinstance(store, SqliteStore):
        store.mends = False
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def known_segments(config: Config, names: Sequence[str], option: str) -> None:
    """Raises click.BadParameter for the first of these that is no segment of the config."""
    from .config.problems import did_you_mean

    if unknown := [name for name in names if name not in config.segments]:
        hint = did_you_mean(unknown[0], config.segments, "there are")
        raise click.BadParameter(f'there is no segment "{unknown[0]}"; {hint}', param_hint=option)


def missing_log(config: Config) -> Path | None:
    """Where the log would be, if there is none yet; as far as that can be told without opening it."""
    from .stores import SqliteStore, open_store

    store = open_store(config.store, config.base)
    return store.path if isinstance(store, SqliteStore) and not store.path.exists() else None


def console(*, markup: bool = True) -> Console:
    """The standard output."""
    from rich.console import Console

    if not sys.stdout.isatty():
        return Console(highlight=False, markup=markup, width=_PIPED)
    screen = Console(highlight=False, markup=markup)
    return screen if screen.width >= _LEAST else Console(highlight=False, markup=markup, width=_LEAST)


def progress(*columns: ProgressColumn) -> Progress:
    """A bar on the standard error, which is gone when it is done; none where nobody looks."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def address(ctx: click.Context, parameter: click.Parameter, text: str) -> str:
    """The argument URL: of a page, with or without the site."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if not text.startswith("/") and not (parts.scheme in ("http", "https") and parts.netloc):
        raise click.BadParameter(f'"{text}" is no address; write /path or https://site/path')
    return text


def moment(text: str, timezone: str) -> float:
    """The value of --at, in Unix seconds."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f'"{text}" is no time; write "2026-12-24 18:00"', param_hint="--at")
    return (when if when.tzinfo else when.replace(tzinfo=ZoneInfo(timezone))).timestamp()


def clock(timezone: str) -> Callable[[float], str]:
    """How every command writes a moment (Unix seconds): by the config's clock, which is to be named beside it once."""
    zone = ZoneInfo(timezone)
    return lambda seconds: datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S")


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or _escaped(c) for c in lost), error.end


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


codecs.register_error("personalize-plain", _plainly)
