"""How long pages take, and a passer-by who keeps asking for one, so that a sick backend shows in the times."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from personalize.observe import LogObserver

from .cms import SIGN

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

PASSED_BY = "/c/pantry"  # a page with the backend's banner
KEPT = 80


class PageTimes:
    """Wraps an app and keeps the times of its last HTML pages: {"ms", "who", "banner", "path"}, oldest first. `banner`
    says where the CMS content came from: fresh, stale (the CMS failed, the last answer still serves), fallback."""

    def __init__(self, app: App, observer: LogObserver) -> None:
        self.app = app
        self.kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Any, send: Any, who: str = "you") -> None:
        page = from_cms = False

        async def watch(message: Message) -> None:
            nonlocal page, from_cms
            from_cms = from_cms or SIGN in message.get("body", b"")
            if message["type"] == "http.response.start":
                page = any(
                    name.lower() == b"content-type" and value.startswith(b"text/html")
                    for name, value in message["headers"]
                )
            await send(message)

        before = self._observer.counters["content.fallbacks"]
        began = time.perf_counter()
        await self.app(scope, receive, watch)
        took = (time.perf_counter() - began) * 1000
        if page and scope["method"] == "GET":
            failed = self._observer.counters["content.fallbacks"] > before
            banner = ("stale" if from_cms else "fallback") if failed else "fresh"
            self.kept.append({"ms": round(took, 2), "who": who, "banner": banner, "path": scope["path"]})

    async def pass_by(self, path: str = PASSED_BY) -> None:
        """One visit of somebody without a cookie. Nothing of it is recorded, as for everybody who gave no consent."""
        headers = [(b"host", b"127.0.0.1"), (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")]
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            pass

        await self(scope, receive, send, who="passer-by")
