"""personalize import-flags: the draft to stdout, what was left behind to stderr."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import TOOLS, import_flags


@click.command("import-flags")
@click.argument("tool", type=click.Choice(TOOLS))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
def import_command(tool: str, file: Path) -> None:
    """Turn the flags that TOOL exported to FILE (JSON; - is the standard input) into a config.

    The config goes to the standard output; what could not be carried is told on the standard error.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        draft = import_flags(tool, text)
    except (ValueError, OSError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    click.echo(draft.yaml(), nl=False)
    for sentence in draft.summary():
        click.echo(sentence, err=True)
