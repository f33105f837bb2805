"""The ASGI door: which requests are looked at, what is recorded of them, and how a config comes and goes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .asgi import App, Message, Receive, Scope, Send
from .errors import ConfigError
from .observe import LogObserver
from .refusal import built_late, refuse_start, refused

if TYPE_CHECKING:
    from .config import Config
    from .engine import Engine, Route
    from .protocols import Observer
    from .reload import Watcher
    from .routes import Match
    from .visit import Visit

_STARTUP = 5.0  # seconds that a server's start waits; what is left of a long log is read beside the pages
_PASSED = "personalize"  # in a scope that already went through this door (C39)


class PersonalizeMiddleware:
    """Wrap any ASGI 3 app: `PersonalizeMiddleware(app, "personalize.yaml")`.

    `config` is a path to a YAML file (followed for edits while serving), a dict of the same shape, or a loaded
    Config. `clock` gives Unix seconds. Raises ConfigError at once for a config that cannot serve; where a framework
    builds its middleware late (Starlette, FastAPI), the server's start fails with the same words.
    """

    def __init__(
        self,
        app: App,
        config: str | Path | Mapping[str, Any] | Config,
        *,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Loaded here, not with this module: importing the package stays cheap for those who only check a config.
        from .editor.preview import IN_QUERY
        from .page.headers import request_scope, return_scope
        from .reload import Watcher
        from .routes import reaches
        from .visit import Visit, read_request

        self._visit, self._read_request = Visit, read_request
        self._reaches = reaches
        self._unmet = True  # until the first request
        self._preview = IN_QUERY
        self._request_scope, self._return_scope = request_scope, return_scope
        self.app = app
        self.observer: Observer = observer or LogObserver()
        self._clock = clock
        self._refused: ConfigError | None = None
        try:
            self._watcher: Watcher = Watcher(config, self.observer)
        except ConfigError as error:
            self._refused = error
        if self._refused is not None and not built_late():
            raise refused(self._refused)

    @property
    def engine(self) -> Engine:
        """The engine that serves now. Replaced as a whole when the config changes."""
        return self._watcher.engine

    @property
    def watcher(self) -> Watcher:
        return self._watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if self._unmet:
                if self._refused is not None:
                    self.observer.changed("config", "rejected", str(self._refused))
                    await self.app(scope, receive, send)
                    return
                self._meet((scope.get("root_path") or "").rstrip("/"))
            match = self._watcher.engine.match(scope["path"])
            if match is None or _PASSED in scope:
                await self.app(scope, receive, send)
            elif match.own:
                await self._own(match.own, scope, receive, send)
            elif (query := scope.get("query_string")) and query.find(self._preview) >= 0:
                await self._previewed(match, scope, receive, send)
            else:
                await self._http(match, scope, receive, send)
        elif scope["type"] == "lifespan" and self._refused is not None:
            await refuse_start(self._refused, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _meet(self, root: str) -> None:
        """At the first request: where an app is mounted, a config that was written as if it were not does nothing."""
        self._unmet = False
        if root and not self._reaches(self._watcher.engine.config, root):
            told = f"the app is below {root}: write paths and site.prefix as visitors see them, such as {root}/page"
            self.observer.changed("every path", "unreached", told)

    def visitor_id(self, scope: Scope) -> str | None:
        """The id of the browser that makes this request, for telling whose it is when somebody logs in; None without
        one: no consent, a newcomer, a bot, or a cookie that was not signed here. On any path, and for microseconds."""
        visitor = self.engine.visitors.identify(self._read_request(scope, {}), self._clock())
        return None if visitor.fresh else visitor.id

    async def start(self) -> None:
        """Open the log and follow the config file. Called by itself at lifespan startup, or else at the first
        personalized request; call it to be ready before that."""
        await self._watcher.start()

    async def close(self) -> None:
        """Write what was accepted and stop. Called by itself when the app's lifespan ends."""
        await self._watcher.close()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's lifespan is ours. A server may end the loop as soon as it hears that shutdown is complete, so what
        was accepted is written before it hears that. An app that knows no lifespan (Django) ends nothing."""
        await self._watcher.start(patience=_STARTUP)
        begun = False

        async def tell(message: Message) -> None:
            nonlocal begun
            begun = message["type"] == "lifespan.startup.complete"
            if begun and self._watcher.engine.config.site.freeze_at_start:
                gc.collect()
                gc.freeze()
                told = f"{gc.get_freeze_count():,} objects are looked at no more, in this whole process"
                self.observer.changed("garbage collector", "frozen", told)
            if not begun:  # startup.failed, shutdown.complete, shutdown.failed
                await self._watcher.close()
            await send(message)

        try:
            await self.app(scope, receive, tell)
        finally:
            if begun:
                await self._watcher.close()

    async def _own(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        from .own import answering, declare_gpc
        from .routes import GPC_PATH

        if path == GPC_PATH:
            await declare_gpc(self.app, self._watcher.engine.config.site.consent.honour_gpc, scope, receive, send)
            return
        answer = answering(path)
        if answer is None:
            await self.app(scope, receive, send)
            return
        if not self._watcher.started:
            await self._watcher.start(patience=0.25)
        await answer(self._watcher.engine, path, self._clock(), scope, receive, send)

    async def _http(self, match: Match[Route], scope: Scope, receive: Receive, send: Send) -> None:
        route = match.route if scope["method"] in ("GET", "HEAD") else None
        watcher = self._watcher
        try:
            if not isinstance(scope["headers"], (list, tuple)):
                scope["headers"] = list(scope["headers"])  # any iterable may come, and we and the app both read it
            if not watcher.started:
                await watcher.start(patience=0.25)
            visit = self._visit(watcher.engine, match, scope, self._clock(), self.observer)
            if visit.silent:
                route = None
            if route is not None:
                if not visit.recalled(route):
                    await visit.recall(route)
                exchange = visit.decide(route, send)
                exchange.needs_length = scope.get("http_version") == "1.0"
        except Exception as error:  # a visitor never sees our mistakes: the plain page is served
            self.observer.failed("decide", error)
            await self.app(scope, receive, send)
            return
        if route is None:
            await self._watched(visit, scope, receive, send)
            return
        inner = self._request_scope(scope, visit.request.headers)
        inner[_PASSED] = True
        with visit.showing:
            try:
                await self.app(inner, receive, exchange.send)
            finally:
                inner.pop(_PASSED, None)
                if inner is not scope:
                    self._return_scope(scope, inner)
            await exchange.finish()

    async def _previewed(self, match: Match[Route], scope: Scope, receive: Receive, send: Send) -> None:
        """A page as the link's token says it shall be seen. What fails here is shown: whoever asks wants to know."""
        from .editor.preview import as_device, begin, refuse, take_token, unlisted

        if not self._watcher.started:
            await self._watcher.start(patience=0.25)
        engine, now = self._watcher.engine, self._clock()
        query, token = take_token(scope["query_string"])
        preview = engine.previews.read(token, now, scope["path"])
        if preview is None:
            self.observer.count("previews.refused")
            await refuse(send)
            return
        headers = as_device(preview, list(scope["headers"]))
        asked = {**scope, "query_string": query, "headers": headers}
        inner = self._request_scope(asked, [name.lower() for name, _ in headers])
        inner[_PASSED] = True
        send = unlisted(send)
        page = scope["method"] in ("GET", "HEAD")
        exchange = begin(engine, match, preview, inner, now, send) if page else None
        if exchange is None:
            await self.app(inner, receive, send)
            return
        exchange.needs_length = scope.get("http_version") == "1.0"
        await self.app(inner, receive, exchange.send)
        await exchange.finish()

    async def _watched(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's own messages, and what they tell is recorded."""
        start: Message = {}

        async def watch(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            await send(message)

        await self.app(scope, receive, watch)
        if start:
            if visit.match.signals or visit.remembers:
                await visit.read_profile()  # an order takes what is in the cart; the answer has left already
            visit.record_passed(start["status"], start.get("headers", ()))
