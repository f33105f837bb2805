"""The command `report`: what was shown, and what it did, from the log."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from ..model import OPERATOR, Event
from ..terminal import FILE, console, reading
from .promotions import Promotions

if TYPE_CHECKING:
    from ..config import Config
    from ..config.salvage import Salvaged
    from ..reports import EffectReport, ExposureRow, Verdict
    from .promotions import Promotion


@click.command(short_help="Count what was shown, and what the experiments did.")
@FILE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def report(file: Path, as_json: bool) -> None:
    """Count what was shown, and what the experiments did for their goals, from the log.

    Exposures and visitors per slot, experience and variant; then for each experiment that was seen its variants, or
    each of its parts, against the control, with intervals; and what personalization adds, against who is held out. What
    a bandit did, `personalize bandit` says. Where an experiment says when its winner is to be promoted, how far it is.
    """
    from ..config import render
    from ..reports import as_json as rows_as_json
    from ..reports import effects_as_json, effects_table, table

    config, problems, without = _read(file)
    counted = asyncio.run(_report(config, whole=not without))
    held = counted.promotions.held
    if as_json:
        told = {
            "shown": rows_as_json(counted.rows),
            "experiments": effects_as_json(counted.effects),
            "holdouts": effects_as_json(counted.added),
            "promotions": [_plain(verdict, held.get(verdict.experiment)) for verdict in counted.judged],
            "without": without,
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        screen = console()
        screen.print(table(counted.rows))
        for each in [*counted.effects, *counted.added]:
            screen.print(effects_table(each))
        for verdict in counted.judged:
            click.echo(_told(verdict, counted.promotions, file))
    if problems:
        sys.stdout.flush()
        render(problems, "text", file, None, to=sys.stderr)
        left = f"; left out: {', '.join(without)}, and what holdouts say" if without else ""
        click.echo(f"The report is made from the log and what is right in {file}{left}.", err=True)
        sys.exit(1)


def _read(file: Path) -> Salvaged:
    """The config, or what is left of one that has errors."""
    from ..config import load_config
    from ..config.salvage import Salvaged, salvage

    try:
        return Salvaged(load_config(file, products=False), (), ())
    except ConfigError:
        return salvage(file)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the log came to."""

    rows: list[ExposureRow]
    effects: list[EffectReport]
    added: list[EffectReport]  # by personalization, against who is held out
    judged: list[Verdict]
    promotions: Promotions


async def _report(config: Config, whole: bool) -> _Counted:
    """Read the log. Without the `whole` config it is not known of every holdout whose it is, so none is told of."""
    from ..decision.experiments import is_held_out
    from ..decision.splits import experiments_by_key
    from ..profiles import Identity, Returns
    from ..reports import Effects, ExposureReport, Guardrails, experiments_in, holdouts_in, judge
    from .results import fed

    all_of_it = config.holdout
    holdouts = holdouts_in(
        config, lambda visitor: all_of_it is not None and is_held_out(all_of_it.salt, all_of_it.percent, visitor)
    )
    identity, promotions, returns = Identity(), Promotions(), Returns()
    compared = [each for each in holdouts.tested(config) if each] if whole else []
    added = [Effects(each, identity.person_of, returns=returns) for each in compared]

    def arms(event: Event) -> None:
        in_arms = holdouts.arms(event) if added else event
        for each in added:
            each.apply(in_arms)

    async with reading(config) as store:
        promotions.recall(await store.of_visitor(OPERATOR))
        tested = experiments_in(config, promotions.until())
        shown, effects = ExposureReport(identity.person_of), Effects(tested, identity.person_of, returns=returns)
        guardrails = Guardrails(tested, identity.person_of, returns)
        await fed(store, [identity.apply])
        # Once more, when it is known whose every id is: somebody may have bought after logging in.
        await fed(store, [shown.apply, effects.apply, guardrails.apply, arms])
    counted, guarded, tests = effects.reports(), guardrails.reports(), experiments_by_key(config)
    measured = [tests[each.key] for each in tested]
    judged = [judge(test, counted, guarded, time.time()) for test in measured if test.promote or test.guardrails]
    of_holdouts = [report for each in added for report in each.reports()]
    return _Counted(list(shown.rows()), counted, of_holdouts, judged, promotions)


def _plain(verdict: Verdict, promoted: Promotion | None) -> dict[str, Any]:
    return {
        "experiment": verdict.experiment,
        "variant": verdict.variant or None,
        "probability": verdict.probability,
        "ready": verdict.ready,
        "criteria": [asdict(criterion) for criterion in verdict.criteria],
        "promoted": None if promoted is None else asdict(promoted),
    }


def _told(verdict: Verdict, promotions: Promotions, file: Path) -> str:
    key = verdict.experiment
    promoted = promotions.held.get(key)
    if promoted is not None:
        what = f"{promoted.variant} was promoted by {promoted.by}; `personalize demote {file} {key}` takes it back"
    elif not verdict.ready:
        what = f"{verdict.variant or 'nothing'} is not ready to be promoted"
    elif verdict.by_itself and key in promotions.ended:
        what = f"{verdict.variant} is ready, but was taken back: run `personalize promote {file} {key}`"
    elif verdict.by_itself:
        what = f"{verdict.variant} is ready, and the site promotes it within the hour or so"
    else:
        what = f"{verdict.variant} is ready to promote: run `personalize promote {file} {key}`"
    said = [f"  {'yes' if each.met else 'no '}  {each.said}" for each in verdict.criteria]
    return "\n".join(["", f"{key}: {what}", *said])
