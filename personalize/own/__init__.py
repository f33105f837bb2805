"""The middleware's own addresses, below `site.prefix`: which part answers which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..asgi import App, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from ..engine import Engine

# (engine, the path below the prefix, now, scope, receive, send)
Answering = Callable[["Engine", str, float, Scope, Receive, Send], Awaitable[None]]


def answering(path: str) -> Answering | None:
    """Who answers `path` (below the prefix, such as "/me"); None leaves it to the app. Each part is loaded when it is
    first asked for. The collector answers all the rest, with 404 where nothing is."""
    first = path.split("/", 2)[1]
    if first == "me":
        from .me import answer

        return answer
    if first == "ofrep" or path in ("/v1/decide", "/v1/explain"):
        from .asked import answer as decided

        return decided
    from .collect import answer as collect

    return collect


async def declare_gpc(app: App, honoured: bool, scope: Scope, receive: Receive, send: Send) -> None:
    """What the site does with Global Privacy Control (https://www.w3.org/TR/gpc/, "GPC Support Resource"), where the
    app has no such page (404) of its own."""
    if scope["method"] not in ("GET", "HEAD"):
        await app(scope, receive, send)
        return
    missing = False
    body = b'{"gpc": true}' if honoured else b'{"gpc": false}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def instead(message: Message) -> None:
        nonlocal missing
        if message["type"] == "http.response.start":
            missing = message["status"] == 404
        if not missing:
            await send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})

    await app(scope, receive, instead)
