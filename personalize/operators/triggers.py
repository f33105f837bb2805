"""The trigger library: what is shown on which signal, by whom; and what went live in each week."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import click

from ..errors import StoreError
from ..model import CONFIG_LIVE, PROMOTED, Event
from ..terminal import FILE, console
from .held import said
from .pauses import Pauses
from .promotions import Promotions
from .switch import operators_events

if TYPE_CHECKING:
    from ..config.models import Config, Experience

_WEEKS: Final = 12
_LONGEST: Final = 70  # characters of a signal or a message in the table; JSON has all


@dataclass(frozen=True, slots=True)
class Trigger:
    """One experience as a trigger: the signal it waits for and what its message is made of."""

    slot: str
    experience: str
    signal: str
    message: str
    owner: str
    status: str
    iteration: int | None  # which try at the idea, of an experiment
    promoted: str | None  # the variant that everybody gets, where one was promoted


@dataclass(frozen=True, slots=True)
class Shipped:
    """What one owner brought live in one week (ISO 8601, such as 2026-W47): new, and live before and changed; and the
    experiments of which a winner was promoted."""

    week: str
    owner: str
    new: int
    changed: int
    promoted: int = 0


def triggers(config: Config, pauses: Pauses, promotions: Promotions) -> list[Trigger]:
    """Every experience of the config, in its order. One that is paused by the kill switch says so."""
    found = []
    for name, slot in config.slots.items():
        for e in slot.experiences:
            test = e.experiment
            won = promotions.of(test) if test is not None else None
            paused = e.status == "live" and pauses.on(name, e.id) is not None
            told = (name, e.id, _signal(e), _message(e), e.owner, "paused" if paused else e.status)
            found.append(Trigger(*told, test.iteration if test is not None else None, won.variant if won else None))
    return found


def shipped(events: Sequence[Event], config: Config) -> list[Shipped]:
    """What each config that went live brought, and which winners were promoted, by week and owner, the newest week
    first. An experience counts as new when it becomes live, and as changed when it was live and reads otherwise now."""
    zone = ZoneInfo(config.timezone)
    owners = {e.experiment.key: e.owner for s in config.slots.values() for e in s.experiences if e.experiment}
    new: Counter[tuple[str, str]] = Counter()
    changed: Counter[tuple[str, str]] = Counter()
    promoted: Counter[tuple[str, str]] = Counter()
    before: dict[str, Any] = {}
    for event in events:
        year, week, _ = datetime.fromtimestamp(event.time, zone).isocalendar()
        if event.name == PROMOTED:
            promoted[f"{year}-W{week:02}", owners.get(said(event, "target"), "")] += 1
        if event.name != CONFIG_LIVE:
            continue
        now = event.properties.get("experiences") or {}
        for key, told in now.items():
            if told["status"] != "live":
                continue
            place = f"{year}-W{week:02}", str(told.get("owner") or "")
            old = before.get(key)
            if old is None or old["status"] != "live":
                new[place] += 1
            elif old["hash"] != told["hash"]:
                changed[place] += 1
        before = now
    places = sorted({*new, *changed, *promoted}, key=lambda place: place[1])
    places.sort(key=lambda place: place[0], reverse=True)
    return [Shipped(week, owner, *(of[week, owner] for of in (new, changed, promoted))) for week, owner in places]


def _signal(experience: Experience) -> str:
    when = experience.when
    parts = [when if isinstance(when, str) else json.dumps(when, ensure_ascii=False, default=str)]
    parts += [f"after {experience.delay:g} s"] if experience.delay is not None else []
    parts += [f"up to {experience.expire:g} s"] if experience.expire is not None else []
    return ", ".join(parts)


def _message(experience: Experience) -> str:
    if experience.experiment is not None:
        iteration = experience.experiment.iteration
        return f"experiment {experience.experiment.key}" + (f", iteration {iteration}" if iteration > 1 else "")
    told = experience.show.model_dump(exclude_defaults=True, by_alias=True) if experience.show is not None else {}
    return ", ".join(_pieces(told))


def _pieces(told: dict[str, Any]) -> Iterator[str]:
    for key, value in told.items():
        if key == "kind":  # its other words tell it
            continue
        if isinstance(value, dict):
            yield from (f"{name}: {text}" for name, text in value.items())
        else:
            yield f"{key}: {value}"


@click.command("triggers", short_help="List every experience: its signal, message and owner.")
@FILE
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def triggers_command(file: Path, as_json: bool) -> None:
    """List every experience with its signal, message, owner, status and promoted variant, and what went live or was
    promoted in each week by owner."""
    from ..config import load_config

    config = load_config(file, products=False)
    events: list[Event] | None = None
    try:
        events = asyncio.run(operators_events(config))
    except StoreError as error:
        click.echo(f"What is paused or promoted, and what went live when, is not told: {error}", err=True)
    pauses, promotions = Pauses(), Promotions()
    for held in (pauses, promotions):
        held.recall(events or ())
    library = triggers(config, pauses, promotions)
    weeks = None if events is None else shipped(events, config)
    if as_json:
        brought = None if weeks is None else [asdict(one) for one in weeks]
        told = {"triggers": [asdict(one) for one in library], "shipped": brought}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _draw(library, weeks)


def _draw(library: Sequence[Trigger], weeks: Sequence[Shipped] | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    screen = console()
    table = Table("trigger", "signal", "message", "owner", "status", box=None, header_style="bold")
    for one in library:
        texts = (one.signal, one.message)
        cut = [text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…" for text in texts]
        status = f"{one.status}, {one.promoted} promoted" if one.promoted else one.status
        table.add_row(*map(escape, (f"{one.slot}/{one.experience}", *cut, one.owner or "nobody", status)))
    screen.print(table if library else "there is no experience yet")
    if weeks is None:
        return
    kept = sorted({one.week for one in weeks}, reverse=True)[:_WEEKS]
    counts = Table("week", "owner", "went live", "changed", "promoted", box=None, header_style="bold")
    for told in weeks:
        if told.week in kept:
            numbers = map(str, (told.new, told.changed, told.promoted))
            counts.add_row(told.week, escape(told.owner or "nobody"), *numbers)
    screen.print(counts if weeks else "the log says of no config that it went live")
