"""The command `report`: what was shown, and what it did, from the log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..model import OPERATOR, Event
from ..terminal import console
from .promotions import Promotions

if TYPE_CHECKING:
    from ..reports import EffectReport, ExposureRow, Verdict
    from .promotions import Promotion


@click.command(short_help="Count what was shown, and what the experiments did.")
@click.argument("file", type=click.Path(path_type=Path), default="personalize.yaml")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def report(file: Path, as_json: bool) -> None:
    """Count what was shown, and what the experiments did for their goals, from the log.

    Exposures and visitors per slot, experience and variant; then for each experiment that was seen its variants, or
    each of its parts, against the control, with intervals; and what personalization adds, against who is held out. What
    a bandit did, `personalize bandit` says. Where an experiment says when its winner is to be promoted, how far it is.
    """
    from ..reports import as_json as rows_as_json
    from ..reports import effects_as_json, effects_table, table

    rows, effects, added, judged, promoted = asyncio.run(_report(file))
    if as_json:
        told = {
            "shown": rows_as_json(rows),
            "experiments": effects_as_json(effects),
            "holdouts": effects_as_json(added),
            "promotions": [_plain(verdict, promoted.get(verdict.experiment)) for verdict in judged],
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    screen = console()
    screen.print(table(rows))
    for each in [*effects, *added]:
        screen.print(effects_table(each))
    for verdict in judged:
        click.echo(_told(verdict, promoted.get(verdict.experiment), file))


async def _report(
    file: Path,
) -> tuple[list[ExposureRow], list[EffectReport], list[EffectReport], list[Verdict], Mapping[str, Promotion]]:
    from ..config import load_config
    from ..decision.experiments import is_held_out
    from ..decision.splits import experiments_by_key
    from ..profiles import Identity, Returns
    from ..reports import Effects, ExposureReport, Guardrails, experiments_in, holdouts_in, judge
    from ..stores import open_store
    from .results import fed

    config = load_config(file, products=False)
    all_of_it = config.holdout
    holdouts = holdouts_in(
        config, lambda visitor: all_of_it is not None and is_held_out(all_of_it.salt, all_of_it.percent, visitor)
    )
    store = open_store(config.store, config.base)
    await store.open()
    identity, promotions, returns = Identity(), Promotions(), Returns()
    added = [Effects(each, identity.person_of, returns=returns) for each in holdouts.tested(config) if each]

    def arms(event: Event) -> None:
        in_arms = holdouts.arms(event) if added else event
        for each in added:
            each.apply(in_arms)

    try:
        promotions.recall(await store.of_visitor(OPERATOR))
        tested = experiments_in(config, promotions.until())
        shown, effects = ExposureReport(identity.person_of), Effects(tested, identity.person_of, returns=returns)
        guardrails = Guardrails(tested, identity.person_of, returns)
        await fed(store, [identity.apply])
        # Once more, when it is known whose every id is: somebody may have bought after logging in.
        await fed(store, [shown.apply, effects.apply, guardrails.apply, arms])
    finally:
        await store.close()
    counted, guarded, tests = effects.reports(), guardrails.reports(), experiments_by_key(config)
    measured = [tests[each.key] for each in tested]
    judged = [judge(test, counted, guarded, time.time()) for test in measured if test.promote or test.guardrails]
    return list(shown.rows()), counted, [report for each in added for report in each.reports()], judged, promotions.held


def _plain(verdict: Verdict, promoted: Promotion | None) -> dict[str, Any]:
    return {
        "experiment": verdict.experiment,
        "variant": verdict.variant or None,
        "probability": verdict.probability,
        "ready": verdict.ready,
        "criteria": [asdict(criterion) for criterion in verdict.criteria],
        "promoted": None if promoted is None else asdict(promoted),
    }


def _told(verdict: Verdict, promoted: Promotion | None, file: Path) -> str:
    key = verdict.experiment
    if promoted is not None:
        what = f"{promoted.variant} was promoted by {promoted.by}; `personalize demote {file} {key}` takes it back"
    elif not verdict.ready:
        what = f"{verdict.variant or 'nothing'} is not ready to be promoted"
    elif verdict.by_itself:
        what = f"{verdict.variant} is ready, and the site promotes it within the hour or so"
    else:
        what = f"{verdict.variant} is ready to promote: run `personalize promote {file} {key}`"
    said = [f"  {'yes' if each.met else 'no '}  {each.said}" for each in verdict.criteria]
    return "\n".join(["", f"{key}: {what}", *said])
