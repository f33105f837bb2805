"""The command line: check · schema · explain; import, export and identity are beside what they do."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .flags.command import import_command
from .imports.command import import_events
from .payoff.command import bandit
from .people.commands import export, identity
from .previewing import preview
from .replaying import replay
from .reporting import report
from .switch import history, pause, resume
from .terminal import CommandObserver, Commands, address, console, moment
from .triggers import triggers_command
from .upkeep.commands import copy_store, rebuild

if TYPE_CHECKING:
    from .config import Config
    from .explain import Explanation

FILE = click.argument("file", type=click.Path(path_type=Path), default="personalize.yaml")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="personalize")
def main() -> None:
    """personalize: a segment of one, for any ASGI site.

    \b
    Write a config:       personalize check personalize.yaml
    See why:              personalize explain personalize.yaml /  --as returning-mobile
    See what was shown:   personalize report personalize.yaml  ·  personalize bandit personalize.yaml
    Bring in, take out:   personalize import tills.csv  ·  personalize export segment winter-fans
    Help your editor:     personalize schema > personalize.schema.json
    """


@main.command()
@FILE
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    help="For people, for programs, for a pull request.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def check(file: Path, style: str, strict: bool) -> None:
    """Say everything that is wrong with FILE, each with its line. Exit status 1 if it can't serve."""
    from .config import render
    from .errors import ConfigError

    try:
        config = _serving(file)
        problems = config.warnings
    except ConfigError as error:
        config, problems = None, error.problems
    render(problems, style, file, config)
    if config is None or (strict and problems):
        sys.exit(1)


@main.command(short_help="Print a JSON Schema of the config for your editor.")
def schema() -> None:
    """Print a JSON Schema of the config, for the YAML plugin of your editor."""
    from .config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@main.command(short_help="Show what each slot of a page would show, and why.")
@FILE
@click.argument("url", callback=address)
@click.option(
    "--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="A cookie the visitor sends. May be repeated."
)
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A request header. May be repeated.")
@click.option(
    "--as",
    "segments",
    multiple=True,
    metavar="SEGMENT",
    help="Take the visitor to be in a segment, and to consent. May be repeated.",
)
@click.option("--at", "at", metavar="TIME", help='Decide as of then: "2026-12-24 18:00" in the config\'s timezone.')
@click.option(
    "--page",
    metavar="FILE",
    help="The page that the site sends there, as a file of HTML or - for standard input: "
    "say which slots are in it, and which of them a client framework draws over.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def explain(
    file: Path,
    url: str,
    cookies: tuple[str, ...],
    headers: tuple[str, ...],
    segments: tuple[str, ...],
    at: str | None,
    page: str | None,
    as_json: bool,
) -> None:
    """Show what each slot of URL would show, why this, and why not the others."""
    try:
        text = None if page is None else sys.stdin.buffer.read() if page == "-" else Path(page).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{page}: {error.strerror}", param_hint="--page")
    told = asyncio.run(_explain(file, url, cookies, headers, segments, at, text))
    if as_json:
        click.echo(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    else:
        _draw(told, segments)


main.add_command(import_events)
main.add_command(import_command)
main.add_command(export)
main.add_command(identity)
main.add_command(copy_store)
main.add_command(rebuild)


for command in (report, bandit, pause, resume, history, triggers_command, preview, replay):
    main.add_command(command)


# --- what the commands do ------------------------------------------------------------------------------


def _serving(file: Path) -> Config:
    """A config that was also put together, so that what only the floors can tell is told too."""
    from .checked import load_checked
    from .engine import Engine
    from .history import History

    config = load_checked(file)
    observer = CommandObserver()
    Engine(config, History.at("memory", config.base, config.products, observer), ("check" * 8,), observer, new_id=str)
    return config


async def _explain(
    file: Path,
    url: str,
    cookies: tuple[str, ...],
    headers: tuple[str, ...],
    segments: tuple[str, ...],
    at: str | None,
    page: bytes | None,
) -> Explanation:
    from .client_apps import look
    from .explain import explain as explain_request
    from .explain import read_url
    from .reload import Watcher

    watcher = Watcher(file, CommandObserver())
    config = watcher.engine.config
    if unknown := [s for s in segments if s not in config.segments]:
        raise click.BadParameter(
            f'there is no segment "{unknown[0]}"; there are: {", ".join(config.segments) or "none"}', param_hint="--as"
        )
    if bare := [c for c in cookies if "=" not in c]:
        raise click.BadParameter(f'"{bare[0]}" is no cookie; write NAME=VALUE', param_hint="--cookie")
    now = moment(at, config.timezone) if at else time.time()
    pairs = [_header(h) for h in headers]
    await watcher.history.start()
    await watcher.history.lists.refresh()
    try:
        request = read_url(url, pairs, cookies)
        told = await explain_request(watcher.engine, request, now, segments)
        match = watcher.engine.match(request.path)
        if page is not None and match is not None and match.route is not None:
            on_page = look(match.route.rules, page)
            told = replace(told, found=on_page.found, warnings=on_page.warnings)
        return told
    finally:
        await watcher.close()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.isascii():
        raise click.BadParameter(f'"{text}" is no header; write "Name: value"', param_hint="--header")
    return name.strip(), value.strip()


# --- drawing -------------------------------------------------------------------------------------------


def _draw(told: Explanation, segments: tuple[str, ...]) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    root = Tree(f"[bold]{escape(told.path)}[/]")
    _grow(root, told.identity)
    if not told.slots:
        root.add("[yellow]no slot is on this path: the page passes untouched[/]")
    for slot in told.slots:
        shown = slot.experience or slot.reason
        if slot.variant:
            shown += f" / {slot.variant}"
        if slot.held:
            shown += " (held out: the page's own markup is shown)"
        where = f"{escape(str(slot.mark))} · {slot.state} · {slot.took_us:.0f} µs"
        branch = root.add(f"[bold cyan]{slot.slot}[/] → [bold]{escape(shown)}[/]  [dim]{where}[/]")
        if slot.why:
            branch.add(f"[italic]“{escape(slot.why)}”[/]")
        if slot.note:
            branch.add(f"[yellow]{escape(slot.note)}[/]")
        if told.found is not None and slot.slot not in told.found:
            branch.add("[yellow]the page has no such slot[/]")
        for step in slot.steps.inner:
            _grow(branch, step)
    for warning in told.warnings:
        root.add(f"[yellow]{escape(warning)}[/]")
    console().print(root)


def _grow(branch: object, step: object) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    from .model import Step

    assert isinstance(branch, Tree) and isinstance(step, Step)
    sign = "[green]✓[/]" if step.held else "[red]✗[/]"
    saw = f" [dim]({escape(step.saw)})[/]" if step.saw else ""
    place = f" [dim]{escape(step.mark.file)}:{step.mark.line}[/]" if step.mark and step.mark.line else ""
    leaf = branch.add(f"{sign} {escape(step.what)}{saw}{place}")
    for inner in step.inner:
        _grow(leaf, inner)
