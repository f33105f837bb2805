"""Decisions for those who ask outside of a page: `/v1/decide`, `/v1/explain` and OpenFeature's `/ofrep/v1/`.

Rule 1  A write key vouches: its holder says who the visitor is, what they consent to and what else is known.
Rule 2  Without one, the caller is a browser on this site's own pages: its signed cookie, its consent, nothing it says.
Rule 3  Asking shows nothing to anybody, so it is no exposure. `/v1/decide` records what was shown where told to; it
        then counts towards caps on every worker before it is answered.
Rule 4  Reasons are for those who run the site: `/v1/explain` wants a preview's token.
Rule 5  A caller pays from the same bucket as for events, and before anything of the request's body is read.
"""

from __future__ import annotations

import hmac
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ..asgi import Receive, Scope, Send
from ..editor.preview import IN_QUERY, route_of, take_token, visitor_of
from ..engine import Decision, Engine, Route
from ..errors import CollectError
from ..events import as_allowed, counted, exposure_of, segment_entered
from ..events.bodies import MOST_OF_AN_EVENT, read_body, read_json
from ..events.collector import retry_after
from ..events.doors import is_same_origin
from ..events.orders import write_keys
from ..events.script import matches
from ..events.tidy import tidy_id, tidy_text
from ..explain import HEADER, explain, explain_as
from ..model import OWN_ID, PURPOSES, Choice, Consent, Event, Fill, Profile, Request, Visitor
from ..patience import Patience
from ..profiles import first_party
from ..visit import read_request
from ..visitor.bots import is_bot
from .ofrep import bulk, flags, part_of, problem

_FLAGS: Final = "/ofrep/v1/evaluate/flags"
_Headers = tuple[tuple[bytes, bytes], ...]


async def answer(
    engine: Engine, path: str, now: float, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one request; `path` is below the prefix."""
    request = read_request(scope, {})
    caller = _Caller(engine, request, (scope.get("client") or ("",))[0], receive, now)
    key = path.removeprefix(_FLAGS).removeprefix("/") if path.startswith("/ofrep/") else ""
    headers: _Headers = ()
    try:
        if path == "/v1/explain":
            _only(request, "GET")
            status, body = 200, await _explain(caller)
        elif path == "/v1/decide":
            _only(request, "POST")
            status, body, headers = await _decide(caller)
        elif path == _FLAGS or path.startswith(f"{_FLAGS}/"):
            _only(request, "POST")
            status, body, headers = await _evaluate(caller, key)
        else:
            raise CollectError(404, "not_found", "there is nothing at this address")
    except _Left:
        return
    except CollectError as error:
        engine.observer.count(f"asked.{error.code}")
        status, body, headers = error.status, _refused(path, key, error), _headers_of(path, error)
    text = (
        b"" if status == 304 else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    )
    head = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"private, no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-robots-tag", b"noindex"),
        *([] if status == 304 else [(b"content-length", b"%d" % len(text))]),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": text})


class _Left(Exception):
    """The client is gone; nobody is left to answer."""


def _only(request: Request, method: str) -> None:
    if request.method != method:
        raise CollectError(405, "method_not_allowed", f"this address takes {method}")


def _refused(path: str, key: str, error: CollectError) -> dict[str, Any]:
    if not path.startswith("/ofrep/"):
        return {"success": False, "code": error.code, "message": str(error)}
    return problem(_CODES.get(error.code, "GENERAL"), str(error), key or None)


_CODES: Final[Mapping[str, str]] = {
    "bad_json": "PARSE_ERROR", "bad_encoding": "PARSE_ERROR", "too_deep": "PARSE_ERROR",
    "bad_context": "INVALID_CONTEXT", "no_visitor": "TARGETING_KEY_MISSING",
}  # fmt: skip


def _headers_of(path: str, error: CollectError) -> _Headers:
    if error.status == 401:
        return ((b"www-authenticate", b"Bearer"),)
    if error.status == 405:
        return ((b"allow", b"GET" if path == "/v1/explain" else b"POST"),)
    return retry_after(error)


# --- who asks, and about what --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: the page it is about, whom for, and what came of it."""

    request: Request
    visitor: Visitor
    profile: Profile | None
    route: Route
    decision: Decision


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who knocks, and how to hear the rest."""

    engine: Engine
    request: Request
    address: str
    receive: Receive
    now: float

    def trusted(self) -> bool:
        """Whether the caller holds a write key; its bucket pays. Raises CollectError for a wrong one, and for one that
        a browser sent."""
        request = self.request
        scheme, _, bearer = request.headers.get(b"authorization", b"").partition(b" ")
        given = request.headers.get(b"x-api-key") or (bearer.strip() if scheme.lower() == b"bearer" else b"")
        if not given:
            return False
        keys = write_keys(self.engine.config.site.write_keys, os.environ)
        if not any(hmac.compare_digest(given, key.encode()) for key in keys):
            self.charge_address()
            raise CollectError(401, "unauthorized", "this is none of the site's write keys")
        if b"origin" in request.headers or b"sec-fetch-site" in request.headers:
            said = "a write key belongs on a server; browsers are known by their cookie"
            raise CollectError(401, "unauthorized", said)
        self.engine.callers.charge_server(given.decode("latin-1"), 1, self.now)
        return True

    def visitor(self) -> Visitor:
        """Rule 2, for a caller without a key; the visitor's bucket pays, or the address's."""
        if not is_same_origin(self.request):
            raise CollectError(403, "other_origin", "browsers ask from this site's own pages only")
        visitor = self.engine.visitors.identify(self.request, self.now)
        self.engine.callers.charge_browser(visitor, self.address, 1, self.now)
        return visitor

    def charge_address(self) -> None:
        self.engine.callers.charge_address(self.address, 1, self.now)

    async def told(self) -> dict[str, Any]:
        """The body, which is as long as an event at most."""
        body = await read_body(self.receive, self.request.headers, MOST_OF_AN_EVENT)
        if body is None:
            raise _Left
        told = read_json(body.decode("utf-8", "replace")) if body.strip() else {}
        if not isinstance(told, dict):
            raise CollectError(400, "bad_json", "the body is not a JSON object")
        return told


_SHAPES: Final[Mapping[str, tuple[type, str]]] = {
    "url": (str, "a text"),
    "slots": (list, "a list of slots' names"),
    "record": (bool, "true or false"),
    "headers": (dict, "an object"),
    "attributes": (dict, "an object"),
}


def _check_shapes(told: Mapping[str, Any]) -> None:
    """An app whose question is misread would show the wrong thing, or count nothing, and never learn why."""
    for name, (kind, what) in _SHAPES.items():
        if not isinstance(told.get(name), kind | None):
            raise CollectError(400, "bad_context", f"{name} is {what}")


def _page(url: Any, request: Request, told: Mapping[str, Any], trusted: bool) -> Request:
    """The request for the page that is asked about. A browser's headers count for what they say, and so does what the
    site's own code said of its request in the scope; a server's tell of the server, so it says in `headers` and
    `attributes` what is known of the visitor."""
    try:
        parts = urlsplit("/" if url is None else url)
    except ValueError:
        raise CollectError(400, "bad_context", "url is no address") from None
    headers: dict[bytes, bytes] = dict(request.headers)
    attributes: Mapping[str, Any] = request.attributes
    if trusted:
        headers = {b"host": request.headers.get(b"host", b"")}
        for name, value in (told.get("headers") or {}).items():
            headers[name.lower().encode("latin-1", "replace")] = tidy_text(str(value)).encode()
        attributes = told.get("attributes") or {}
    if parts.netloc:
        headers[b"host"] = parts.netloc.encode("latin-1", "replace")
    query = parts.query.encode("utf-8", "replace")
    return Request("GET", unquote(parts.path) or "/", query, request.scheme, headers, {}, attributes)


def _consent(engine: Engine, told: Any) -> Consent:
    """As given: a list of purposes, "granted" or "denied"; without any, what the site's config takes for granted."""
    if told is None:
        told = engine.config.site.consent.default
    if told in ("granted", "denied"):
        return Consent(frozenset(PURPOSES if told == "granted" else ()))
    if isinstance(told, list) and all(purpose in PURPOSES for purpose in told):
        return Consent(frozenset(told))
    raise CollectError(400, "bad_context", f"consent is granted, denied, or a list of {', '.join(PURPOSES)}")


def _visitor(engine: Engine, page: Request, told: Mapping[str, Any]) -> Visitor:
    """Rule 1. Ids as the collector takes them: the site's `userId`, or an `anonymousId`."""
    user, anonymous = (_id(told.get(key)) for key in ("userId", "anonymousId"))
    if not (user or anonymous):
        raise CollectError(400, "no_visitor", "who is it? give a userId (OpenFeature: targetingKey) or anonymousId")
    name = f"u:{user}" if user else anonymous if OWN_ID.fullmatch(anonymous) else f"a:{anonymous}"
    consent = _consent(engine, told.get("consent"))
    if is_bot(page.headers.get(b"user-agent", b"")):
        return Visitor(None, consent, bot=True)
    return Visitor(name if consent.allows("personalization_storage") else None, consent)


def _id(value: Any) -> str:
    if isinstance(value, str | int | None) and not isinstance(value, bool):
        return tidy_id(value)
    raise CollectError(400, "bad_context", "an id is a text")


async def _asked(caller: _Caller, told: Mapping[str, Any], browser: Visitor | None) -> Asked | None:
    """What is decided, for the `browser` that asks or, without one, for whom `told` names; None for a page without
    slots. Without `url` all slots of the config are asked for."""
    engine, now = caller.engine, caller.now
    _check_shapes(told)
    url = told.get("url")
    page = _page(url, caller.request, told, browser is None)
    visitor = _visitor(engine, page, told) if browser is None else browser
    route: Route | None
    if url is None:
        route = engine.route_of_all()
    else:
        match = engine.match(page.path)
        route = match.route if match is not None else None
        page = replace(page, params=match.params if match is not None else {})
    if route is None:
        return None
    profile = None if visitor.id is None or visitor.fresh else await engine.history.load(visitor.id)
    if profile is not None and visitor.consent.gpc:
        profile = first_party(profile)
    if route.capped and visitor.id is not None:
        profile = await engine.history.with_just_shown(visitor.id, profile)
    return Asked(page, visitor, profile, route, engine.decide(route, page, visitor, profile, now))


# --- decide --------------------------------------------------------------------------------------------


async def _decide(caller: _Caller) -> tuple[int, dict[str, Any], _Headers]:
    engine, now = caller.engine, caller.now
    trusted = caller.trusted()
    browser = None if trusted else caller.visitor()
    told = await caller.told()
    asked = await _asked(caller, told, browser)
    if asked is None:
        return 200, {"visitor": None, "slots": []}, ()
    wanted = told.get("slots")
    choices = [c for c in asked.decision.plan.choices if wanted is None or c.slot in wanted]
    recorded = told.get("record") is True and asked.visitor.id is not None
    with engine.history.showing(asked.visitor.id or "", asked.profile, choices if recorded else (), now):
        fills = await _fills(engine, asked, choices, now)
        if recorded:
            await _record(engine, asked, choices, fills, now)
    slots = [_slot(engine, choice, fill) for choice, fill in zip(choices, fills, strict=True)]
    headers: _Headers = (engine.marks.header(choices),) if recorded and browser is not None else ()
    # A newcomer of whom nothing was recorded gets no id: the next page gives one.
    if (cookie := asked.visitor.set_cookie) is not None and (recorded or not asked.visitor.fresh):
        headers += ((b"set-cookie", cookie),)
    return 200, {"visitor": asked.visitor.id if trusted else None, "recorded": recorded, "slots": slots}, headers


async def _record(engine: Engine, asked: Asked, choices: Sequence[Choice], fills: Sequence[Fill], now: float) -> None:
    """One exposure for each slot that shows an experience, or would; with the segments that the visitor entered."""
    visitor, person = asked.visitor.id, asked.profile.visitor if asked.profile is not None else ""
    assert visitor is not None
    draws = asked.decision.plan.draws
    shown = [
        exposure_of(choice, fill.state, draws.get(choice.experiment or ""), person)
        for choice, fill in zip(choices, fills, strict=True)
        if choice.experience is not None
    ]
    events = [Event(uuid.uuid4().hex, "Experience Viewed", now, visitor, exposure) for exposure in shown]
    events += [segment_entered(uuid.uuid4().hex, name, visitor, now) for name in asked.decision.entered]
    for event in events:
        engine.history.record(as_allowed(event, asked.visitor.consent))
    await engine.history.remember_shown(visitor, asked.profile, counted(shown), now)
    await engine.history.log.flush()


async def _fills(engine: Engine, asked: Asked, choices: list[Choice], now: float) -> list[Fill]:
    """What each slot shows, within the page's one budget; what is late falls back, as on a page."""
    begun = [engine.begin(c, asked.request, asked.decision, asked.profile, now) for c in choices]
    open_ = [fill for _, fill in begun if not isinstance(fill, Fill)]
    if open_:
        await Patience(engine.config.site.budget).wait(*open_)
    return [
        fill if isinstance(fill, Fill) else fill.result() if fill.done() else engine.contents.fallback(ask, "late")
        for ask, fill in begun
    ]


def _slot(engine: Engine, choice: Choice, fill: Fill) -> dict[str, Any]:
    """`html` None is the page's own markup; `parts` are what the template was made of, for who draws it anew, `levels`
    what a multivariate experiment drew each part as."""
    return {
        "slot": choice.slot,
        "experience": choice.experience,
        "variant": choice.variant,
        "levels": dict(choice.levels),
        "experiment": choice.experiment,
        "held": choice.held,
        "reason": choice.reason,
        "why": choice.why,
        "html": fill.html,
        "state": fill.state,
        "parts": {name: part_of(engine.config, text) for name, text in choice.content.parts.items()},
    }


# --- explain -------------------------------------------------------------------------------------------


async def _explain(caller: _Caller) -> dict[str, Any]:
    """Rule 4. A token in the query shows the page as that preview; one in the header, as the request's own visitor."""
    engine, request, now = caller.engine, caller.request, caller.now
    caller.charge_address()
    query, token = take_token(request.query)
    as_preview = IN_QUERY in request.query
    url = engine.visitors.read("query", replace(request, query=query), now, Visitor(None, Consent())).get("url", "/")
    page = _page(url, request, {}, False)
    token = token or request.headers.get(HEADER, b"").decode("latin-1")
    preview = engine.previews.read(token, now, page.path)
    if preview is None:
        raise CollectError(403, "forbidden", "reasons are told with the page's token: personalize preview makes one")
    if not as_preview:
        return (await explain(engine, page, now)).as_json()
    match = engine.match(page.path)
    if match is None or match.route is None:
        return (await explain(engine, page, now)).as_json()
    page = replace(page, params=match.params)
    if preview.device is not None:
        from ..editor.preview import AGENTS

        page = replace(page, headers={**page.headers, b"user-agent": AGENTS[preview.device]})
    route = route_of(engine, match.route.slots, preview)
    moment = now if preview.at is None else preview.at
    visitor = visitor_of(preview, page)
    return (await explain_as(engine, route, page, visitor, None, moment, preview.segments)).as_json()


# --- OpenFeature ---------------------------------------------------------------------------------------


async def _evaluate(caller: _Caller, key: str) -> tuple[int, dict[str, Any], _Headers]:
    """One flag, or all where `key` is empty. `targetingKey` is the site's user id; `url` and `consent` are read like
    those of `/v1/decide`, and all of the context is there to conditions as custom.*."""
    engine = caller.engine
    browser = None if caller.trusted() else caller.visitor()
    context = (await caller.told()).get("context")
    if not isinstance(context, dict | None):
        raise CollectError(400, "bad_context", "the context is not an object")
    context = context or {}
    told = {"userId": context.get("targetingKey"), "attributes": context}
    told |= {name: context[name] for name in ("url", "consent", "headers") if name in context}
    asked = await _asked(caller, told, browser)
    found = flags(engine.config, asked.decision.plan) if asked is not None else {}
    if not key:
        body, tag = bulk(found)
        same = matches(caller.request.headers.get(b"if-none-match", b""), tag)
        return 304 if same else 200, body, ((b"etag", tag),)
    if key not in found:
        return 404, problem("FLAG_NOT_FOUND", f'there is no slot, experience or experiment "{key}" here', key), ()
    return 200, found[key], ()
