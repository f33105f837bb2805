"""The command `explain`: why each slot of a page shows what it shows, to whomever the options describe."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import StoreError
from ..model import PURPOSES, Consent, Visitor
from ..terminal import FILE, CommandObserver, FileFirst, address, console, known_segments, missing_log, moment
from .previewing import DEVICES, purposes

if TYPE_CHECKING:
    from ..engine import Engine
    from ..explain import Explanation, SlotExplanation
    from ..history import History
    from ..model import Request

_WHY_NONE: Final = {"consent": "consent is missing", "bot": "this is a bot", "paused": "it is paused"}  # by reason
_ID: Final = re.compile(r"[0-9a-f]{32}|[ua]:.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say."""

    url: str
    cookies: tuple[str, ...]
    headers: tuple[str, ...]
    attributes: tuple[str, ...]
    segments: tuple[str, ...]
    device: str | None
    consent: tuple[str, ...]
    visitor: str | None
    at: str | None


@click.command(cls=FileFirst, short_help="Show what each slot of a page would show, and why.")
@FILE
@click.argument("url", callback=address)
@click.option(
    "--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="A cookie the visitor sends. May be repeated."
)
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A request header. May be repeated.")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the site itself says of the request, for custom.NAME: JSON, or else a text. May be repeated.",
)
@click.option(
    "--as",
    "segments",
    multiple=True,
    metavar="SEGMENT",
    help="Take the visitor to be in a segment, and to consent. May be repeated.",
)
@click.option("--device", type=click.Choice(DEVICES), help="On this device.")
@click.option(
    "--consent",
    "consent",
    multiple=True,
    metavar="PURPOSE",
    help="Exactly this is granted (none: nothing), whatever the cookie says. May be repeated.",
)
@click.option(
    "--visitor",
    metavar="ID",
    help="Somebody of the log, with their profile: a user's id, u:USER, a:ANONYMOUS, or the 32 digits of a browser. "
    "Everything is granted, but for what --consent or a cookie says.",
)
@click.option("--at", "at", metavar="TIME", help='Decide as of then: "2026-12-24 18:00" in the config\'s timezone.')
@click.option(
    "--page",
    metavar="FILE",
    help="The page that the site sends there, as a file of HTML or - for standard input: "
    "say which slots are in it, and which of them a client framework draws over.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def explain(file: Path, page: str | None, as_json: bool, **asked: Any) -> None:
    """Show what each slot of URL would show, why this, and why not the others.

    The address gives the path, the query and the campaign (utm_...), headers the language, the referrer and, by the
    config's geo_headers, the country.
    """
    try:
        text = None if page is None else sys.stdin.buffer.read() if page == "-" else Path(page).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{page}: {error.strerror}", param_hint="--page")
    told = asyncio.run(_explain(file, _Asked(**asked), text))
    if as_json:
        click.echo(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    else:
        _draw(told)


async def _explain(file: Path, asked: _Asked, page: bytes | None) -> Explanation:
    from ..checked import load_checked
    from ..client_apps import look
    from ..explain import explain as explain_request
    from ..reload import Watcher

    config = load_checked(file)
    if (place := missing_log(config)) is not None:  # whoever only asks why makes none
        if config.store != "sqlite":  # a place that somebody named may be misspelt
            click.echo(f"there is no log at {place} yet: this is decided without what it would say", err=True)
        config = config.model_copy(update={"store": "memory"})
    watcher = Watcher(config, CommandObserver())
    known_segments(config, asked.segments, "--as")
    now = moment(asked.at, config.timezone) if asked.at else time.time()
    request = _request(asked)
    visitor = _visitor(watcher.engine, request, asked, now)
    await watcher.history.start()
    await watcher.history.lists.refresh()
    try:
        told = await explain_request(watcher.engine, request, now, asked.segments, visitor)
        match = watcher.engine.match(request.path)
        if page is not None and match is not None and match.route is not None:
            on_page = look(match.route.rules, page)
            told = replace(told, found=on_page.found, warnings=on_page.warnings)
        return replace(told, warnings=(*told.warnings, *await _unheard(watcher.history, asked.visitor)))
    finally:
        await watcher.close()


async def _unheard(history: History, name: str | None) -> list[str]:
    """That the log knows nothing of who was asked for; nothing where it does, or cannot be read, which was said."""
    try:
        if name is None or await history.events_of(_id(name)):
            return []
    except StoreError:
        return []
    return [f"the log knows nothing of {_id(name)}: this is decided as for a newcomer who has just that id"]


# --- what the options say ------------------------------------------------------------------------------


def _request(asked: _Asked) -> Request:
    from ..explain import read_url
    from .preview import AGENTS

    if bare := [c for c in asked.cookies if "=" not in c]:
        raise click.BadParameter(f'"{bare[0]}" is no cookie; write NAME=VALUE', param_hint="--cookie")
    headers = [_header(text) for text in asked.headers]
    if asked.device is not None:
        headers.append(("user-agent", AGENTS[asked.device].decode()))
    return replace(read_url(asked.url, headers, asked.cookies), attributes=_attributes(asked.attributes))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.isascii():
        raise click.BadParameter(f'"{text}" is no header; write "Name: value"', param_hint="--header")
    return name.strip(), value.strip()


def _attributes(texts: Sequence[str]) -> dict[str, Any]:
    """`plan=pro`, `seats=12`, `account={"seats": 12}`; `account.seats=12` is the same as the last."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, written = text.partition("=")
        *above, last = name.removeprefix("custom.").split(".")
        if not equals or not all((*above, last)):
            raise click.BadParameter(f'"{text}" is no attribute; write NAME=VALUE', param_hint="--attribute")
        try:
            value = json.loads(written)
        except ValueError:
            value = written
        inner = found
        for part in above:
            below = inner.setdefault(part, {})
            if not isinstance(below, dict):
                raise click.BadParameter(f'"{part}" has a value already: "{text}"', param_hint="--attribute")
            inner = below
        inner[last] = value
    return found


def _visitor(engine: Engine, request: Request, asked: _Asked, now: float) -> Visitor | None:
    """Who is told by the options; None where the request alone says it."""
    granted = purposes(asked.consent)
    if asked.visitor is None and granted is None:
        return None
    sent = engine.visitors.identify(request, now)
    consent = sent.consent
    if granted is not None:
        consent = Consent(frozenset(granted), consent.gpc)
    elif not any(cookie.startswith(f"{engine.config.site.consent.cookie}=") for cookie in asked.cookies):
        consent = Consent(frozenset(PURPOSES), consent.gpc)
    if sent.bot or not consent.allows("personalization_storage"):
        return Visitor(None, consent, bot=sent.bot)
    if asked.visitor is None:
        return Visitor(sent.id or "explained", consent, fresh=sent.fresh or sent.id is None)
    return Visitor(_id(asked.visitor), consent)


def _id(name: str) -> str:
    """The id that --visitor means."""
    return name if _ID.fullmatch(name) else f"u:{name}"


# --- drawing -------------------------------------------------------------------------------------------


def _draw(told: Explanation) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    root = Tree(f"[bold]{escape(told.path)}[/]")
    _grow(root, told.identity)
    if not told.slots:
        root.add("[yellow]no slot is on this path: the page passes untouched[/]")
    for slot in told.slots:
        where = f"{escape(str(slot.mark))} · {slot.state} · {slot.took_us:.0f} µs"
        branch = root.add(f"[bold cyan]{slot.slot}[/]: [bold]{escape(_headline(slot))}[/]  [dim]{where}[/]")
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


def _headline(slot: SlotExplanation) -> str:
    """What a slot shows, and where that is no experience, why none."""
    chosen = f"{slot.experience or 'everything'}{f', variant {slot.variant}' if slot.variant else ''}"
    if slot.held:
        return f"the page as it is, since this visitor is held out of {chosen}"
    if slot.experience is not None:
        return chosen
    shown = "the page as it is" if slot.state == "page" else "its default"
    return f"{shown}, since {_WHY_NONE.get(slot.reason, 'no experience fits')}"


def _grow(branch: object, step: object) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    from ..model import Step

    assert isinstance(branch, Tree) and isinstance(step, Step)
    sign = "[green]✓[/]" if step.held else "[red]✗[/]"
    saw = f" [dim]({escape(step.saw)})[/]" if step.saw else ""
    place = f" [dim]{escape(step.mark.file)}:{step.mark.line}[/]" if step.mark and step.mark.line else ""
    leaf = branch.add(f"{sign} {escape(step.what)}{saw}{place}")
    for inner in step.inner:
        _grow(leaf, inner)
