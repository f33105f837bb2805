"""The command `preview`: a link that shows a page as somebody else would see it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..config.problems import did_you_mean
from ..model import PURPOSES
from ..terminal import FILE, FileFirst, address, known_segments, moment

if TYPE_CHECKING:
    from ..config import Config

DEVICES = ("mobile", "tablet", "desktop", "bot")  # a test holds this against what previews know


@click.command(cls=FileFirst, short_help="Print a link that shows a page as somebody else sees it.")
@FILE
@click.argument("url", callback=address)
@click.option("--as", "segments", multiple=True, metavar="SEGMENT", help="In this segment. May be repeated.")
@click.option("--device", type=click.Choice(DEVICES), help="On this device; else the browser's own.")
@click.option(
    "--consent",
    "consent",
    multiple=True,
    metavar="PURPOSE",
    help="Only this is granted (none: nothing). May be repeated.",
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME=VARIANT",
    help="Show this experience, or experiment, with that variant (or parts: PART=LEVEL,...), whatever its status and"
    " rules say. NAME alone for one without variants. May be repeated.",
)
@click.option(
    "--with",
    "drafts",
    multiple=True,
    metavar="EXPERIENCE",
    help="Take this draft or preview as live; its rules are asked. May be repeated.",
)
@click.option("--at", metavar="TIME", help='As of then: "2026-12-24 18:00" in the config\'s timezone.')
@click.option("--everywhere", is_flag=True, help="The token holds for every page of the site, not for this one only.")
@click.option("--expires", default="1h", show_default=True, metavar="DURATION", help="For how long the link works.")
def preview(
    file: Path,
    url: str,
    segments: tuple[str, ...],
    device: str | None,
    consent: tuple[str, ...],
    variants: tuple[str, ...],
    drafts: tuple[str, ...],
    at: str | None,
    everywhere: bool,
    expires: str,
) -> None:
    """Print a link that shows URL as somebody else would see it, or as it will be.

    Everybody who has the link sees the preview of this page until it expires. It records nothing, sets no id cookie,
    and neither caches nor search engines keep it. Without options it is a newcomer who consents to everything.
    """
    from ..config import load_config
    from ..config.models import duration
    from ..visitor import Preview, PreviewTokens
    from .preview import link, path_of

    config = load_config(file, products=False)
    known_segments(config, segments, "--as")
    granted = purposes(consent)
    try:
        seconds = duration(expires)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expires")
    shown = Preview(
        segments=segments,
        device=device,
        consent=granted,
        variants=tuple(_variant(config, text) for text in variants),
        drafts=tuple(named(config, text, "--with") for text in drafts),
        at=moment(at, config.timezone) if at else None,
        path=None if everywhere else path_of(url),
    )
    for note in _absent(config, path_of(url), (*(name for name, _ in shown.variants), *shown.drafts)):
        click.echo(note, err=True)
    click.echo(link(url, PreviewTokens(_keys(config)).make(shown, time.time(), seconds)))


def purposes(consent: tuple[str, ...]) -> tuple[str, ...] | None:
    """What `--consent` grants; None where it was not given. Raises click.BadParameter."""
    if wrong := [purpose for purpose in consent if purpose not in (*PURPOSES, "none")]:
        there = ", ".join(("none", *PURPOSES))
        raise click.BadParameter(f'there is no purpose "{wrong[0]}"; there are: {there}', param_hint="--consent")
    return tuple(purpose for purpose in consent if purpose != "none") if consent else None


def named(config: Config, name: str, option: str) -> str:
    """What "slot/experience", an experience's id, or its experiment's key means, as the first. Raises BadParameter."""
    of = {f"{slot}/{e.id}": e for slot, told in config.slots.items() for e in told.experiences}
    meant = [key for key in of if key == name or key.endswith(f"/{name}")]
    keys = {key: e.experiment.key for key, e in of.items() if e.experiment is not None}
    meant = meant or [key for key, test in keys.items() if test == name]
    if len(meant) == 1:
        return meant[0]
    if meant:
        said = f'"{name}" could be any of {", ".join(meant)}: write one of these'
    else:
        there = {*of, *keys.values(), *(key.rpartition("/")[2] for key in of)}
        said = f'there is no experience "{name}", nor an experiment; {did_you_mean(name, there, "there are")}'
    raise click.BadParameter(said, param_hint=option)


def _absent(config: Config, path: str, names: Iterable[str]) -> Iterator[str]:
    """A sentence for each "slot/experience" whose slot the page at `path` does not have."""
    from ..paths import compile_path

    for name in names:
        slot = name.partition("/")[0]
        paths = config.slots[slot].match.paths
        if not any(compile_path(pattern).match(path) is not None for pattern in paths):
            yield f"note: {path} shows no {name}, for the slot {slot} is on {', '.join(paths)}"


def _variant(config: Config, text: str) -> tuple[str, str]:
    name, _, variant = text.partition("=")
    key = named(config, name, "--variant")
    slot, _, id_ = key.partition("/")
    test = next(e.experiment for e in config.slots[slot].experiences if e.id == id_)
    if test is not None and test.parts:
        from ..config.mixes import fitting

        if not fitting(test.levels, variant):
            there = [f"{part}={'|'.join(levels)}" for part, levels in test.levels.items()]
            said = f"{key} draws {', '.join(there)}: write {name}=PART=LEVEL,..."
            raise click.BadParameter(said, param_hint="--variant")
    elif variant not in (test.names if test is not None else [""]):
        said = f"{key} has no variants: write {name}"
        if test is not None:
            hint = did_you_mean(variant, test.names) if variant else ""
            said = f"{key} has the variants {', '.join(test.names)}: write {name}=VARIANT"
            said += f" ({hint})" if hint.startswith("did") else ""
        raise click.BadParameter(said, param_hint="--variant")
    return key, variant


def _keys(config: Config) -> tuple[str, ...]:
    from ..visitor import secret_keys

    if config.store == "memory" and not os.environ.get("PERSONALIZE_SECRET"):
        raise click.ClickException(
            "with store: memory each process has keys of its own: set PERSONALIZE_SECRET for both"
        )
    return secret_keys(os.environ, config.base)
