"""The commands that end an experiment: promote · demote."""

from __future__ import annotations

import asyncio
import getpass
import time
import uuid
from typing import TYPE_CHECKING

import click

from ..config.mixes import fitting, name_of
from ..config.problems import did_you_mean
from ..model import DEMOTED, OPERATOR, PROMOTED, Event
from ..terminal import FILE, FileFirst, reading
from .promotions import Promotions
from .switch import BY, WHY, held_now, operators_events, readable_config, tell_held

if TYPE_CHECKING:
    from pathlib import Path

    from ..config import Config
    from ..config.models import Experiment
    from ..reports import Verdict
    from .pauses import Pause

EXPERIMENT = click.argument("name", metavar="EXPERIMENT")


@click.command(cls=FileFirst, short_help="Show an experiment's winner to everybody.")
@FILE
@EXPERIMENT
@click.option("--variant", metavar="NAME", help="This one; else the one that is most probably the best.")
@click.option("--force", is_flag=True, help="Also where the results do not say so.")
@BY
@WHY
def promote(file: Path, name: str, variant: str | None, force: bool, by: str, why: str) -> None:
    """Show the winner of an experiment to everybody whom its experience is for, on all workers, within seconds.

    EXPERIMENT is its key, or the id of its experience. Refused where what `promote` and `guardrails` ask for in the
    config is not met (`personalize report` says how far it is), and where the config has no `promote` and no variant is
    named. Exposures then name the variant and no experiment, so the figures stay as they were. FILE is not changed: a
    line in the log says who promoted what when.
    """
    config = readable_config(file)
    test = _experiment(config, name)
    if test.allocate != "weights":
        raise click.ClickException(f"{test.key} is a bandit, which shows more of what earns more by itself")
    if test.force is not None:
        raise click.ClickException(f'{test.key} says "force: {test.force}" in the config: change it there')
    if variant is not None:
        variant = _variant(test, variant)
    verdict = asyncio.run(_verdict(config, test, variant))
    if not force and not verdict.ready:
        raise click.ClickException(_refused(verdict))
    if not force and variant is None and test.promote is None:
        raise click.ClickException(_unasked(verdict))
    if not verdict.variant:
        raise click.ClickException(f"{test.key}: {verdict.missing[0]}; say which one by --variant")
    ready = "it was ready" if test.promote is not None else "it was named"
    why = why or (f"forced: {'; '.join(verdict.missing)}" if verdict.missing else ready)
    _write(config, PROMOTED, test.key, by, {"variant": verdict.variant, "why": why})
    done = f"{verdict.variant} of {test.key} is promoted."
    stopped = _stopped(config, test.key)
    if all(stopped):
        click.echo(f"{done} Nobody sees it before it is resumed:")
    else:
        click.echo(f"{done} Workers that follow this log show it to everybody within a second.")
    tell_held(pause for pause in stopped if pause is not None)


@click.command(cls=FileFirst, short_help="Undo `promote` for the same experiment.")
@FILE
@EXPERIMENT
@BY
@WHY
def demote(file: Path, name: str, by: str, why: str) -> None:
    """Undo `promote`: the experiment goes on, and who was assigned a variant sees it again.

    With `approval: none` the site does not promote it again by itself.
    """
    config = readable_config(file)
    held = asyncio.run(_held(config)).held
    key = name if name in held else _experiment(config, name).key
    if key not in held:
        raise click.ClickException(f"{key} is not promoted; promoted: {', '.join(held) or 'nothing'}")
    _write(config, DEMOTED, key, by, {"why": why} if why else {})
    click.echo(f"{held[key].variant} of {key} is promoted no more.")


def _experiment(config: Config, name: str) -> Experiment:
    """The experiment that a key or an experience's id means. Raises click.BadParameter for one that means none."""
    from ..decision.splits import experiments_by_key

    tests = experiments_by_key(config)
    if name in tests:
        return tests[name]
    meant = {
        e.experiment.key
        for slot, of in config.slots.items()
        for e in of.experiences
        if e.experiment is not None and name in (e.id, f"{slot}/{e.id}")
    }
    if len(meant) == 1:
        return tests[meant.pop()]
    if meant:
        message = f'"{name}" could be any of {", ".join(sorted(meant))}: write one of these'
        raise click.BadParameter(message, param_hint="EXPERIMENT")
    hint = did_you_mean(name, tests, "there are")
    raise click.BadParameter(f'there is no experiment "{name}"; {hint}', param_hint="EXPERIMENT")


def _variant(test: Experiment, name: str) -> str:
    """A variant's, or a whole combination's, name as `force` has it. Raises click.BadParameter."""
    named = [name_of(levels) for levels in fitting(test.levels, name)] if test.parts else [name]
    if len(named) == 1 and named[0] in test.names:
        return named[0]
    hint = did_you_mean(name, test.names, "there are")
    raise click.BadParameter(f'{test.key} has no variant "{name}"; {hint}', param_hint="--variant")


def _refused(verdict: Verdict) -> str:
    what = f"{verdict.variant} of {verdict.experiment}" if verdict.variant else verdict.experiment
    return "\n  ".join([f"{what} is not ready to be promoted (--force does it nevertheless):", *verdict.missing])


def _unasked(verdict: Verdict) -> str:
    """What is said where the config asks for nothing that a winner must have, so that anything might be one."""
    best = f"{verdict.variant} is the best with a probability of {verdict.probability:.3f} so far"
    return (
        f"{verdict.experiment} has no `promote` in the config, which says when a winner is one. {best}: write `promote`"
        f" there, or name the variant that everybody is to see, such as --variant {verdict.variant}"
    )


def _stopped(config: Config, key: str) -> list[Pause | None]:
    """For each experience that is this experiment, what the kill switch has on it."""
    paused = asyncio.run(held_now(config))
    each = [(slot, e) for slot, of in config.slots.items() for e in of.experiences]
    return [paused.on(slot, e.id) for slot, e in each if e.experiment is not None and e.experiment.key == key]


async def _verdict(config: Config, test: Experiment, variant: str | None) -> Verdict:
    from .results import verdicts

    until = (await _held(config)).until()
    async with reading(config) as store:
        (verdict,) = await verdicts(store, config, until, {test.key: variant})
    return verdict


async def _held(config: Config) -> Promotions:
    held = Promotions()
    held.recall(await operators_events(config))
    return held


def _write(config: Config, name: str, key: str, by: str, said: dict[str, str]) -> None:
    told = {"target": key, "by": by or getpass.getuser()} | said
    asyncio.run(operators_events(config, Event(uuid.uuid4().hex, name, time.time(), OPERATOR, told)))
