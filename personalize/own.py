"""The middleware's own addresses, below `site.prefix`: which part answers which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Engine

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# (engine, the path below the prefix, now, scope, receive, send)
Answering = Callable[["Engine", str, float, MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def answering(path: str) -> Answering | None:
    """Who answers `path` (below the prefix, such as "/me"); None leaves it to the app. Each part is loaded when it is
    first asked for. The collector answers all the rest, with 404 where nothing is."""
    first = path.split("/", 2)[1]
    if first == "me":
        from .me import answer

        return answer
    from .collect import answer as collect

    return collect
