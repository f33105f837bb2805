"""The command `bandit`: what one learned, what it earned, and what other ways of choosing would have earned."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..terminal import FILE, FileOrWord, clock, console, progress, reading

if TYPE_CHECKING:
    from ..bandits import BanditSpec
    from ..config import Config
    from ..reports.off_policy import Policy
    from .earned import Payoff


@click.command(cls=FileOrWord, short_help="Tell what a bandit learned and earned, from the log.")
@FILE
@click.argument("key", metavar="[KEY]", default="")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="SEGMENT=VARIANT,...",
    help='Judge this way of choosing, too: "phone=loud,*=kind", or one variant for all. May be repeated.',
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--svg", type=click.Path(path_type=Path), help="Write a picture of the shares over time, too.")
def bandit(file: Path, key: str, policies: tuple[str, ...], as_json: bool, svg: Path | None) -> None:
    """Tell what a bandit learned and earned, from the log; KEY is its experiment's, where there are several.

    For each segment what is believed of each variant and its share now. Then what other ways of choosing would have
    earned a visitor, by three off-policy estimates from the logged probabilities: IPS, SNIPS and DR (doubly robust).
    Where the effective sample is small, or probabilities are missing, nothing is concluded.
    """
    from ..config import load_config
    from .picture import picture
    from .tables import as_json as to_json
    from .tables import learned_table, policies_table

    config = load_config(file, products=False)
    spec = _spec(config, key)
    judged = {text: _policy(spec, text) for text in policies}
    payoff = asyncio.run(_read(config, spec, judged))
    if svg is not None:
        svg.write_text(picture(payoff, config.timezone), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(to_json(payoff), indent=2, ensure_ascii=False))
        return
    screen = console(markup=False)
    screen.print(learned_table(payoff) if payoff.moments else f"{spec.key}: nobody was drawn yet")
    screen.print(policies_table(payoff))
    if payoff.moments:
        began = f"{clock(config.timezone)(payoff.moments[-1].allocation.batch)} ({config.timezone})"
        screen.print(f"note: beliefs and shares are as the batch of {began} began; the counts are of the whole log")
    for note in payoff.notes():
        screen.print(f"note: {note}")


def _spec(config: Config, key: str) -> BanditSpec:
    from ..bandits import specs_of

    specs = specs_of(config)
    there = ", ".join(specs) or "none"
    if not key and len(specs) == 1:
        return next(iter(specs.values()))
    if not specs:
        said = f"{config.file} has no bandit, which is an experiment with allocate: thompson"
        raise click.BadParameter(said, param_hint="KEY")
    if key not in specs:
        said = f'there is no bandit "{key}"' if key else "which one is meant"
        raise click.BadParameter(f"{said}; there are: {there}", param_hint="KEY")
    return specs[key]


def _policy(spec: BanditSpec, text: str) -> Policy:
    from .earned import policy_of

    try:
        return policy_of(spec, text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--policy")


async def _read(config: Config, spec: BanditSpec, policies: dict[str, Policy]) -> Payoff:
    from .earned import read

    async with reading(config) as store:
        with progress() as bar:
            task = bar.add_task("reading the log", total=await store.last())
            return await read(store, spec, policies, lambda seq: bar.update(task, completed=seq))
