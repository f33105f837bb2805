"""The command `report`: what was shown, and what it did, from the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .terminal import console

if TYPE_CHECKING:
    from .model import Event
    from .protocols import Store
    from .reports import EffectReport, ExposureRow

_BATCH: Final = 5000


@click.command(short_help="Count what was shown, and what the experiments did.")
@click.argument("file", type=click.Path(path_type=Path), default="personalize.yaml")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def report(file: Path, as_json: bool) -> None:
    """Count what was shown, and what the experiments did for their goals, from the log.

    Exposures and visitors per slot, experience and variant; then for each experiment that was seen its variants, or
    each of its parts, against the control, with intervals; and what personalization adds, against who is held out. What
    a bandit did, `personalize bandit` says.
    """
    from .reports import as_json as rows_as_json
    from .reports import effects_as_json, effects_table, table

    rows, effects, added = asyncio.run(_report(file))
    if as_json:
        told = {
            "shown": rows_as_json(rows),
            "experiments": effects_as_json(effects),
            "holdouts": effects_as_json(added),
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    screen = console()
    screen.print(table(rows))
    for each in [*effects, *added]:
        screen.print(effects_table(each))


async def _report(file: Path) -> tuple[list[ExposureRow], list[EffectReport], list[EffectReport]]:
    from .config import load_config
    from .decision.experiments import is_held_out
    from .profiles import Identity, Returns
    from .reports import Effects, ExposureReport, experiments_in, holdouts_in
    from .stores import open_store

    config = load_config(file, products=False)
    tested = experiments_in(config)
    all_of_it = config.holdout
    holdouts = holdouts_in(
        config, lambda visitor: all_of_it is not None and is_held_out(all_of_it.salt, all_of_it.percent, visitor)
    )
    store = open_store(config.store, config.base)
    await store.open()
    identity = Identity()
    shown, effects = ExposureReport(identity.person_of), Effects(tested, identity.person_of, returns=Returns())
    added = [Effects(each, identity.person_of, returns=Returns()) for each in holdouts.tested(config) if each]
    try:
        async for event in _events(store):
            identity.apply(event)
        # Once more, when it is known whose every id is: somebody may have bought after logging in.
        async for event in _events(store):
            shown.apply(event)
            effects.apply(event)
            in_arms = holdouts.arms(event) if added else event
            for each in added:
                each.apply(in_arms)
    finally:
        await store.close()
    return list(shown.rows()), effects.reports(), [report for each in added for report in each.reports()]


async def _events(store: Store) -> AsyncIterator[Event]:
    after = 0
    while events := await store.read(after, _BATCH):
        for event in events:
            yield event
        after = events[-1].seq
