"""`python -m examples.shop [--port 8000]`: the demo, on one port of this machine, with a fresh log."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

NEEDED = ("uvicorn", "jinja2", "python_multipart")


def prepare(port: int) -> Path:
    """Tell the config its port and where the log is: a fresh folder. Must happen before the config is read."""
    folder = Path(tempfile.gettempdir()) / f"personalize-shop-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    os.environ["SHOP_PORT"] = str(port)
    os.environ["SHOP_STORE"] = f"sqlite:///{folder / 'log.db'}"
    return folder


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def serve(port: int) -> None:
    """Run until Ctrl-C."""
    import uvicorn
    from rich.console import Console
    from rich.logging import RichHandler

    console = Console(highlight=False)
    folder = prepare(port)
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False, markup=False)],
    )
    from .stage import CONFIG, Stage, shown

    stage = Stage()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                logging.getLogger("personalize").setLevel(logging.INFO)  # from now on: edits, and sources that fail
                greet(console, port, shown(CONFIG), folder)

    options = uvicorn.Config(stage, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
    with contextlib.suppress(KeyboardInterrupt):
        Server(options).run()


def greet(console: Any, port: int, config: str, folder: Path) -> None:
    """Where to look, and what to try."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    where = Table.grid(padding=(0, 2))
    where.add_row(
        "[bold]The stage[/]", f"[bold green]http://127.0.0.1:{port}/stage[/]", "[dim]become somebody, see why[/]"
    )
    where.add_row("The shop", f"http://127.0.0.1:{port}/", "[dim]as any visitor meets it[/]")
    tries = Text.from_markup(
        "\n[bold]Try this[/]\n"
        " 1  Open the stage and become [bold]Ines[/], then [bold]Ada[/]. Watch the hero.\n"
        " 2  Point at anything that is outlined: who won, where it is written, why.\n"
        f" 3  Open [bold]{config}[/], change a headline, save.\n"
        " 4  Make a typo in it. The page stays; the stage shows the line.\n"
        " 5  Break the backend, and watch the page times."
    )
    grid = Table.grid()
    grid.add_row(where)
    grid.add_row(tries)
    console.print(
        Panel(
            grid,
            title="Juniper Row, a shop that knows its visitors",
            border_style="green",
            padding=(1, 2),
            expand=False,
        )
    )
    log = folder / "log.db"
    console.print("In another terminal:", style="dim")
    console.print(f"  personalize check {config}", soft_wrap=True)
    console.print(f"  SHOP_STORE=sqlite:///{log} personalize report {config}", soft_wrap=True)
    console.print("Ctrl-C ends the demo.", style="dim")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.shop", description="The personalize demo: a shop and a stage around it."
    )
    parser.add_argument("--port", type=int, default=8000, help="the port on 127.0.0.1 (default: 8000)")
    arguments = parser.parse_args()
    try:
        for name in NEEDED:
            __import__(name)
    except ImportError as error:
        parser.exit(1, f"The demo needs {error.name}. In this checkout: pip install -e '.[demo]'\n")
    if is_taken(arguments.port):
        parser.exit(1, f"Port {arguments.port} is taken. Try another: --port {arguments.port + 1}\n")
    serve(arguments.port)


if __name__ == "__main__":
    main()
