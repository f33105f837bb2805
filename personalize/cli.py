"""The command line: check · schema; the other commands are beside what they do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .editor.explaining import explain
from .editor.previewing import preview
from .flags.command import import_command
from .imports.command import import_events
from .operators.promoting import demote, promote
from .operators.reporting import report
from .operators.switch import history, pause, resume
from .operators.triggers import triggers_command
from .payoff.command import bandit
from .people.commands import export, identity
from .people.single import erase
from .replay.command import replay
from .terminal import FILE, CommandObserver, Commands
from .upkeep.commands import copy_store, rebuild

if TYPE_CHECKING:
    from .config import Config


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="personalize")
def main() -> None:
    """personalize: a segment of one, for any ASGI site.

    \b
    Write a config:      personalize check
    See why:             personalize explain / --as returning-mobile
    See what was shown:  personalize report  ·  personalize bandit
    Stop it, undo it:    personalize pause winter  ·  personalize resume winter
    Bring in, take out:  personalize import tills.csv  ·  personalize export --help
    Help your editor:    personalize schema > personalize.schema.json

    Where a command takes a config and none is named, it is personalize.yaml.
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


main.add_command(import_events)
main.add_command(import_command)
main.add_command(export)
main.add_command(erase)
main.add_command(identity)
main.add_command(copy_store)
main.add_command(rebuild)


for command in (explain, report, bandit, pause, resume, promote, demote, history, triggers_command, preview, replay):
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
