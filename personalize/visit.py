"""One visitor's one request: who it is, what is decided for them, and what goes to the log afterwards."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import uuid
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .asgi import Scope, Send
from .engine import Decision, Engine, Route
from .events import as_allowed, counted, make_page_view, make_signal, refused_by, segment_entered, withdrawn
from .exchange import Exchange
from .model import Event, Profile, Request, Visitor
from .page.headers import judge
from .patience import OF_A_PROFILE, Patience
from .profiles import first_party
from .protocols import Observer
from .routes import Match
from .shared import NOBODY

ATTRIBUTES = "personalize.attributes"  # where the site puts a mapping of what it knows itself, for custom.* facts
_EXPLAIN = b"x-personalize-explain"  # explain.HEADER; that module is loaded when somebody asks
_TRIED_OUT = re.compile(r"([\d.]+|\[[\da-fA-F:.]+\]|[^.:\[\]]+)(:\d*)?")  # an address, or a name without a dot
_NOTHING = nullcontext()


class Visit:
    """Made for each request on a path of the config; holds nothing that outlives it."""

    __slots__ = ("engine", "entered", "match", "now", "observer", "profile", "request", "showing", "unread", "visitor")

    def __init__(
        self, engine: Engine, match: Match[Route], scope: Scope, now: float, observer: Observer
    ) -> None:
        self.engine = engine
        self.match = match
        self.now = now
        self.observer = observer
        self.request = read_request(scope, match.params)
        self.visitor: Visitor = engine.visitors.identify(self.request, now)
        self.entered: tuple[str, ...] = ()
        self.profile: Profile | None = None
        self.showing: AbstractContextManager[None] = _NOTHING  # to be entered before anything else is awaited
        self.unread = False  # there may be a profile, and it did not come in time
        if self.visitor.forged:
            observer.count("visitors.forged")
            observer.changed("id cookie", "forged", "a signature did not verify; the visitor is treated as new")
        if self.visitor.fresh and self.visitor.set_cookie:
            self._say_what_http_means(self.visitor.set_cookie)

    def _say_what_http_means(self, cookie: bytes) -> None:
        """A public name may have its https end at a proxy; an address or a bare name is somebody who tries it out."""
        part = "id cookie over plain http"
        if not cookie.startswith(b"__Host-"):
            self.observer.changed(part, "insecure", "on localhost only: unprefixed and not Secure")
        elif self.request.scheme == "http" and _TRIED_OUT.fullmatch(self.request.host):
            said = f"browsers keep it over https, and on localhost, but not for {self.request.host}"
            self.observer.changed(part, "unkept", said)

    @property
    def silent(self) -> bool:
        """Whether the page is the app's own, since every slot of it is paused; who asks why is told nevertheless."""
        route = self.match.route
        return route is not None and route.silent and _EXPLAIN not in self.request.headers

    async def recall(self, route: Route) -> None:
        """What is known of the visitor: from memory, and from where it takes time."""
        if not self._in_memory():
            await self._load_profile()
        if route.capped and self.visitor.id is not None:
            self.profile = await self.engine.history.with_just_shown(self.visitor.id, self.profile)

    def recalled(self, route: Route) -> bool:
        """Whether all that `recall` would find is in memory, and was taken from there."""
        return route.shared or (self._in_memory() and not (route.capped and self.visitor.id is not None))

    def decide(self, route: Route, send: Send) -> Exchange:
        """Make the plan and start its content; the exchange carries both to the response."""
        if route.shared and _EXPLAIN not in self.request.headers:
            return self._decide_for_all(route, send)
        decision = self.engine.decide(route, self.request, self.visitor, self.profile, self.now)
        self.entered = decision.entered
        if _EXPLAIN in self.request.headers:
            send = self._explained(send, decision)
        made_from = (self.request, self.visitor, self.profile, decision, self.now)
        exchange = Exchange(self.engine, route, *made_from, send, self.record_page)
        if route.capped and self.visitor.id is not None:
            exchange.before_end = self._remember_shown
            choices = decision.plan.choices
            self.showing = self.engine.history.showing(self.visitor.id, self.profile, choices, self.now)
        return exchange

    def _decide_for_all(self, route: Route, send: Send) -> Exchange:
        """A page that a cache in front may keep: from here on, who asks is not known."""
        shared = self.engine.shared
        self.request, self.visitor, self.profile = shared.view(self.request), NOBODY, None
        segments = shared.segments(self.request)
        decision = self.engine.decide(route, self.request, NOBODY, None, self.now, None, segments)
        exchange = Exchange(self.engine, route, self.request, NOBODY, None, decision, self.now, send, self.record_page)
        exchange.copies = shared.copies_for(route.decider.holds_for(self.now))
        return exchange

    async def _remember_shown(self, exchange: Exchange) -> None:
        """Before the last byte leaves: whatever worker the visitor's next request comes to, a cap counts this page."""
        if self.visitor.id is None or not 200 <= exchange.status < 300:
            return
        keys = counted(exchange.shown())
        await self.engine.history.remember_shown(self.visitor.id, self.profile, keys, self.now)

    def _explained(self, send: Send, decision: Decision) -> Send:
        """Who holds a preview's token is told why they see what they see."""
        token = self.request.headers[_EXPLAIN].decode("latin-1")
        if self.engine.previews.read(token, self.now, self.request.path) is None:
            self.observer.count("previews.refused")
            return send
        from .explain import UNREAD, explained

        route = self.match.route
        warnings = self.engine.client_apps.warnings(route.slots) if route else ()
        return explained(send, self.engine, decision.plan, (UNREAD, *warnings) if self.unread else warnings)

    def record_page(self, exchange: Exchange) -> None:
        """The page view, and an exposure for each experience that was really sent or held back."""
        if exchange.method == "HEAD":
            return
        visitor = self.visitor.id
        if exchange.is_page and 200 <= exchange.status < 300:
            if visitor is None:
                self._record_withdrawal()
                return
            seen = make_page_view(_new_id(), self.request.path, visitor, self.now, exchange.shown(), self.unread)
            self._record(seen)
            self._record_entered(visitor)
        if self.match.signals:
            self.record_signals(exchange.status)

    @property
    def remembers(self) -> bool:
        """Whether a silent page has to ask which segments its visitor entered: every page counts as a touch."""
        return self.silent and bool(self.engine.segments.remembering)

    def _record_entered(self, visitor: str) -> None:
        for segment in self.entered:
            self._record(segment_entered(_new_id(), segment, visitor, self.now))

    def record_passed(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """What the app's own answer tells: signals, and of a silent page that it was seen, by whoever came with an id.
        Newcomers get none with it, so nothing could be told of them later."""
        visitor, verdict = self.visitor, judge(self.request.method, status, headers) if self.silent else None
        seen = verdict is not None and verdict.rewrite and not verdict.sniff and 200 <= status < 300
        if seen and visitor.id is not None and not visitor.fresh and self.request.method == "GET":
            self._record(make_page_view(_new_id(), self.request.path, visitor.id, self.now, []))
            if self.remembers and (route := self.match.route) is not None:
                self.entered = self.engine.decide(route, self.request, visitor, self.profile, self.now).entered
                self._record_entered(visitor.id)
        self.record_signals(status)

    def record_signals(self, status: int) -> None:
        """Events that the config reads off the site's own traffic; only of what the app answered with success."""
        if self.visitor.id is None or not 200 <= status < 400:
            return
        for signal, params in self.match.signals:
            if signal.method == self.request.method:
                made_from = (self.visitor.id, self.now, self.profile, self.engine.history.products)
                self._record(make_signal(_new_id(), signal, params, *made_from))

    def _record(self, event: Event) -> None:
        self.engine.history.record(as_allowed(event, self.visitor.consent))

    def _record_withdrawal(self) -> None:
        """An id came that is no longer wanted: exports and e-mail must hear of it too. Nothing else is written."""
        if self.visitor.set_cookie is None or (known := self.engine.visitors.proven(self.request, self.now)) is None:
            return
        self.engine.history.record(withdrawn(known, self.now, refused_by(self.visitor)))

    async def read_profile(self) -> None:
        """From memory, or from the log for as long as a page may wait for it."""
        if not self._in_memory():
            await self._load_profile()

    def _in_memory(self) -> bool:
        """Whether the profile needs no reading: it is in memory, or there is none."""
        visitor = self.visitor
        if visitor.id is None:
            return True
        profile = self.engine.history.profile(visitor.id)
        if profile is None:
            return visitor.fresh
        self.profile = first_party(profile) if visitor.consent.gpc else profile
        return True

    async def _load_profile(self) -> None:
        assert self.visitor.id is not None
        # A task of its own: the page walks away from a slow log, others may wait for the same profile.
        loading = asyncio.ensure_future(self.engine.history.load(self.visitor.id))
        profile = loading.result() if await Patience(OF_A_PROFILE).wait(loading) else None
        self.unread = profile is None
        if profile is not None:
            self.profile = first_party(profile) if self.visitor.consent.gpc else profile


def read_request(scope: Mapping[str, Any], params: Mapping[str, str]) -> Request:
    """The scope's request as a value. Repeated headers are joined as HTTP says (RFC 9110 5.3, 6265 5.4)."""
    pairs = scope["headers"]
    headers: dict[bytes, bytes] = dict(pairs)
    if len(headers) != len(pairs) or not b"".join(headers).islower():  # ASGI wants names in lower case; not all servers
        headers = {}
        for raw, value in pairs:
            name = raw.lower()
            if name in headers:
                value = headers[name] + (b"; " if name == b"cookie" else b", ") + value
            headers[name] = value
    told = scope.get(ATTRIBUTES)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=scope.get("query_string", b""),
        scheme=scope.get("scheme", "http"),
        headers=headers,
        params=params,
        attributes=told if told is not None and isinstance(told, Mapping) else {},
    )


_process = uuid.uuid4().hex
_count = itertools.count()


def _new_id() -> str:
    """An event id no other process makes: random per process, then counted, which costs no system call."""
    return f"{_process}-{next(_count)}"


def _another_process() -> None:
    global _process
    _process = uuid.uuid4().hex


os.register_at_fork(after_in_child=_another_process)
