"""A config that cannot serve, where a framework builds its middleware inside the first call.

Starlette and FastAPI do: an error there is what a server hears of the app's lifespan, uvicorn takes that for an app
that knows no lifespan, and every page becomes an error. So the middleware is made all the same, and refuses the start
in the server's own words; where no lifespan is asked for, the site is served as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

from .asgi import Message
from .errors import ConfigError


def built_late() -> bool:
    """Is somebody's middleware stack being built right now, in a call of the app?"""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == "build_middleware_stack":
            return True
    return False


async def refuse_start(
    error: ConfigError, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer the server's question whether the app can start: no, and why."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": str(error)})
