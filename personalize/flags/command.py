"""personalize import-flags: the draft to stdout, what was left behind to stderr."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import TOOLS, import_flags


@click.command("import-flags", short_help="Turn flags of GrowthBook, Unleash or Eppo into a config.")
@click.argument("tool", type=click.Choice(TOOLS))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
def import_command(tool: str, file: Path) -> None:
    """Turn the flags that TOOL exported to FILE (JSON; - is the standard input) into a config.

    The config goes to the standard output; what could not be carried is told on the standard error.
    """
    try:
        text = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode("utf-8")
        draft = import_flags(tool, text)
    except UnicodeDecodeError:
        raise click.ClickException(f"{file}: this is no UTF-8 text") from None
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from None
    click.echo(draft.yaml(), nl=False)
    for sentence in draft.summary():
        click.echo(sentence, err=True)
