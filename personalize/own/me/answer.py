"""Requests below `<prefix>/me`: the page, the download, and what its forms ask for.

Rule 1  Whose data it is says the signed cookie alone; without one nothing is shown and nothing is changed.
Rule 2  A form counts only with the token of this visitor's own page. `me/off` needs none, so that one button in any
        slot can post to it; but no other site can.
Rule 3  An answer is for one visitor: no cache keeps it, no other page frames it, and no script runs in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from ...asgi import Receive, Scope, Send
from ...engine import Engine
from ...errors import StoreError
from ...events import withdrawn
from ...membership import memberships
from ...model import ERASED, Event, Profile, Request, Visitor
from ...visit import read_request
from .known import INTERESTS, as_download, categories, corrected, shown_to
from .page import STYLE_HASH, Control, Told, as_file, message, page
from .texts import TEXTS, language_for

Form = Mapping[str, list[str]]

_LONGEST: Final = 64 * 1024  # bytes of a form
_HEADERS: Final = (
    (b"cache-control", b"private, no-store"),
    (b"x-robots-tag", b"noindex"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'sha256-" + STYLE_HASH.encode() + b"'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
)


async def answer(
    engine: Engine, path: str, now: float, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one request; `path` is below the prefix, such as "/me/data.json"."""
    one = _Answer(engine, read_request(scope, {}), now)
    below = path.removeprefix("/me").rstrip("/")
    method = one.request.method
    try:
        if below == "" and method in ("GET", "HEAD"):
            reply = await one.show()
        elif below == "/data.json" and method in ("GET", "HEAD"):
            reply = await one.download()
        elif below.removeprefix("/") in _FORMS and method == "POST":
            form = await _read_form(receive)
            reply = await one.take(below.removeprefix("/"), form)
        else:
            known = below in ("", "/data.json") or below.removeprefix("/") in _FORMS
            reply = one.plain(405 if known else 404, "not_proven")
    except StoreError as error:
        engine.observer.failed("me", error)
        reply = one.plain(503, "undone" if method == "POST" else "unreadable")
    status, headers, body = reply
    headers = [*_HEADERS, (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


Reply = tuple[int, list[tuple[bytes, bytes]], bytes]


class _Answer:
    """One request to the page. `id` is the visitor whom the cookie proves."""

    def __init__(self, engine: Engine, request: Request, now: float) -> None:
        self.engine = engine
        self.request = request
        self.now = now
        self.visitor: Visitor = engine.visitors.identify(request, now)
        self.id = None if self.visitor.bot else engine.visitors.proven(request, now)
        query = parse_qs(request.query.decode("latin-1"), max_num_fields=20) if request.query else {}
        self.language = language_for(
            query.get("lang", [""])[0], request.headers.get(b"accept-language", b"").decode("latin-1")
        )
        self.done = query.get("done", [""])[0]
        # From this address to the page's own: a proxy in front may know the site by a path that is not told here.
        self.home = "../" * request.path[request.path.rindex("/me") + len("/me") :].count("/") + "me"
        if self.visitor.forged and self.id is None:
            engine.observer.count("visitors.forged")
            engine.observer.changed("id cookie", "forged", "a signature did not verify; nothing is shown to it")

    # --- looking -------------------------------------------------------------------------------------

    async def show(self, alert: str = "", status: int = 200) -> Reply:
        consent, visitor = self.visitor.consent, self.visitor
        control: Control = "off" if visitor.off else "on" if consent.allows("personalization_storage") else "refused"
        told = Told(
            self.home,
            self.language,
            control,
            self.engine.visitors.forms.make(self.id or "", self.now),
            self.engine.config.timezone,
            gpc=consent.gpc and self.engine.config.site.consent.honour_gpc,
            notice=f"done_{self.done}" if f"done_{self.done}" in TEXTS["en"] and not alert else "",
            alert=alert,
        )
        if self.id is not None:
            profile, events = await self._known(self.id)
            told = replace(
                told,
                profile=profile,
                segments=self._segments(profile),
                shown=shown_to(events, self.engine.config),
                products=self.engine.history.products,
                choices=categories(self.engine.history.products),
            )
        return status, [_HTML, (b"content-language", self.language.encode())], page(told).encode()

    async def download(self) -> Reply:
        if self.id is None:
            return self.plain(403, "not_proven")
        profile, events = await self._known(self.id)
        data = as_download(self.id, profile, events, self._segments(profile), self.now)
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-disposition", b'attachment; filename="my-data.json"'),
        ]
        return 200, headers, as_file(data).encode("utf-8", "replace")

    def plain(self, status: int, key: str) -> Reply:
        return status, [_HTML], message(self.language, key, self.home).encode()

    async def _known(self, visitor: str) -> tuple[Profile, Sequence[Event]]:
        """The profile and its events, read from the log: this page has the time to be exact."""
        history = self.engine.history
        events = await history.events_of(visitor)
        profile = await history.profiles.load(visitor)
        return profile, [event for event in events if event.name != ERASED]

    def _segments(self, profile: Profile) -> list[str]:
        segments = self.engine.config.segments
        found = memberships(self.engine, segments.keys(), self.request, self.visitor, profile, self.now)
        return [segments[name].label or name for name in sorted(found)]

    # --- changing ------------------------------------------------------------------------------------

    async def take(self, do: str, form: Form | None) -> Reply:
        """What one form asks for; then back to the page, which says that it was done."""
        token = (form or {}).get("token", [""])[0]
        proven = do == "off" or self.engine.visitors.forms.holds(token, self.id or "", self.now)
        if form is None or not proven or not _same_site(self.request):
            self.engine.observer.count("me.refused")
            return self.plain(403, "refused_form")
        if do in ("off", "on"):
            if do == "off" and self.id is not None:
                self.engine.history.record(withdrawn(self.id, self.now, "off"))
            return self._back(do, self.engine.visitors.turn(do == "off", self.request))
        if self.id is None:
            return self.plain(403, "not_proven")
        if do == "erase":
            return await self._erase(self.id, form)
        await self._change(do, self.id, form)
        return self._back("removed" if do == "remove" else "saved", [])

    async def _change(self, do: str, visitor: str, form: Form) -> None:
        """A trait corrected, removed or allowed again, or interests volunteered: an event, said by the visitor."""
        history = self.engine.history
        profile = await history.profiles.load(visitor)
        name = INTERESTS if do == "prefer" else form.get("trait", [""])[0]
        value: Any = None
        if do == "prefer":
            offered = set(categories(history.products))
            value = [choice for choice in form.get("interest", []) if choice in offered] or None
        elif do == "correct":
            value = corrected(profile.traits.get(name), form.get("value", [""])[0][:500])
        if name not in (profile.removed if do == "allow" else profile.traits) and do != "prefer":
            return
        said = {"allowed": [name]} if do == "allow" else {"traits": {name: value}}
        properties = {**said, "provenance": {"party": "first", "source": "visitor"}}
        await history.write([Event(uuid.uuid4().hex, "User Identified", self.now, visitor, properties)])

    async def _erase(self, visitor: str, form: Form) -> Reply:
        if form.get("sure") != ["yes"]:
            return await self.show(alert="unsure", status=422)
        await self.engine.history.erase(Event(uuid.uuid4().hex, ERASED, self.now, visitor))
        return self._back("erased", [self.engine.visitors.forget(self.request)])

    def _back(self, done: str, cookies: list[bytes]) -> Reply:
        where = f"{self.home}?lang={self.language}&done={done}".encode("ascii", "ignore")
        return 303, [(b"location", where), *((b"set-cookie", cookie) for cookie in cookies)], b""


_HTML: Final = (b"content-type", b"text/html; charset=utf-8")
_FORMS: Final = frozenset({"correct", "remove", "allow", "prefer", "erase", "off", "on"})


def _same_site(request: Request) -> bool:
    """Whether the browser says that the form came from this very site (Fetch Metadata; before that, Origin)."""
    site = request.headers.get(b"sec-fetch-site")
    if site is not None:
        return site in (b"same-origin", b"none")
    origin = request.headers.get(b"origin")
    return origin is None or urlsplit(origin.decode("latin-1")).netloc == request.host


async def _read_form(receive: Receive) -> Form | None:
    """The fields of a form; None for one that is too long or no form."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > _LONGEST:
            return None
        if not message.get("more_body", False):
            break
    try:
        return parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return None
