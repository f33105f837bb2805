"""A config that cannot serve, told by itself: where the app is made, and where a framework makes it late.

Rule 1  ConfigError is raised at once, whoever may catch it. Where nobody does, its message is printed without the
        server's forty frames, which say nothing of the config.
Rule 2  In a process that a server started through `multiprocessing`, that module prints what nobody caught with all
        its frames, but for SystemExit. So there the same ConfigError is a SystemExit, too.
Rule 3  Starlette and FastAPI build their middleware inside the first call: an error there is what a server hears of
        the app's lifespan, uvicorn takes that for an app that knows no lifespan, and every page becomes an error. So
        there the middleware is made all the same, and refuses the start in the server's own words; where no lifespan is
        asked for, the site is served as it is.
"""

from __future__ import annotations

import io
import multiprocessing
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO

from .asgi import Receive, Send
from .errors import ConfigError
from .model import Problem

_PYTHONS_OWN: Final = sys.__excepthook__


class _EndsProcess(ConfigError, SystemExit):
    """A ConfigError that ends a worker process with its message where nobody catches it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        told = io.StringIO()
        _tell(self, told)
        self.code = told.getvalue().rstrip()


def refused(error: ConfigError) -> ConfigError:
    """The error to raise from where the app is made, in place of `error`."""
    if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
        return _EndsProcess(error.problems)
    if sys.excepthook is _PYTHONS_OWN:  # else somebody else says how errors are shown
        sys.excepthook = _uncaught
    return error.with_traceback(None)


def _uncaught(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    if isinstance(error, ConfigError):
        _tell(error, sys.stderr)
    else:
        _PYTHONS_OWN(kind, error, frames)


def _tell(error: ConfigError, to: TextIO) -> None:
    """As `personalize check` tells it, and that this is why nothing was started."""
    from .config import render

    file = Path(error.problems[0].mark.file)
    render(error.problems, "text", file, None, to=to)
    also = f" `personalize check {file}` says so without a server." if file.exists() else ""
    to.write(f"The app was not started.{also}\n")


def built_late() -> bool:
    """Is somebody's middleware stack being built right now, in a call of the app?"""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == "build_middleware_stack":
            return True
    return False


async def refuse_start(error: ConfigError, receive: Receive, send: Send) -> None:
    """Answer the server's question whether the app can start: no, and why."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": str(error)})
