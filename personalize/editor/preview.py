"""A page shown as somebody else would see it, or as it will be: decided and filled like any other, and never recorded.

Rule 1  Only a link with a token that was signed here, for this page, and has not expired shows a preview; any other is
        refused aloud, so that nobody takes today's page for a preview.
Rule 2  A preview leaves no trace: no event, no id cookie, nothing stored by caches or found by search engines. What
        scripts in it tell the collector is refused there.
Rule 3  Whoever is held out is not previewed. Consent is: without it a preview shows what refusing visitors see.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from ..asgi import Message, Send
from ..config.mixes import Levels, fitting
from ..config.models import Config, Experience, Slot
from ..engine import Engine, Route
from ..exchange import Exchange
from ..explain import explained
from ..model import PREVIEW, PURPOSES, Consent, Request, Visitor
from ..visit import read_request
from ..visitor import Preview
from ..visitor.bots import is_bot

if TYPE_CHECKING:
    from ..routes import Match

PARAMETER: Final = PREVIEW
IN_QUERY: Final = f"{PARAMETER}=".encode()  # what a preview's query holds
VISITOR: Final = "preview"  # the id by which a preview's visitor is split
AGENTS: Final[Mapping[str, bytes]] = {
    "mobile": b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    b" Version/18.0 Mobile/15E148 Safari/604.1",
    "tablet": b"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0"
    b" Mobile/15E148 Safari/604.1",
    "desktop": b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "bot": b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
}
_ROUTES: Final = 64  # compiled previews that an engine keeps
_OURS: Final = frozenset(
    b"cache-control expires etag last-modified x-robots-tag referrer-policy age pragma surrogate-control"
    b" cdn-cache-control edge-control x-accel-expires x-litespeed-cache-control".split()
)
_HEADERS: Final = (
    (b"cache-control", b"private, no-store"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"referrer-policy", b"no-referrer"),  # the address holds the token
)


def link(url: str, token: str) -> str:
    """`url` with the token; one that it held before is replaced."""
    parts = urlsplit(url)
    query = take_token(parts.query.encode())[0].decode("ascii")
    return urlunsplit(parts._replace(query=f"{query}&{PARAMETER}={token}".lstrip("&"), fragment=""))


def path_of(url: str) -> str:
    """The path of an address as a server has it in its scope."""
    return unquote(urlsplit(url).path) or "/"


def take_token(query: bytes) -> tuple[bytes, str]:
    """A query without its token, and the token ("" where there is none). The rest stays as it is."""
    parts = query.split(b"&")
    kept = [part for part in parts if not part.startswith(IN_QUERY)]
    token = next((part for part in parts if part.startswith(IN_QUERY)), b"").removeprefix(IN_QUERY)
    return b"&".join(kept), unquote_plus(token.decode("latin-1"))


# --- what is decided -----------------------------------------------------------------------------------


def visitor_of(preview: Preview, request: Request) -> Visitor:
    """Who a preview's visitor is: a newcomer with everything, or what is told, granted."""
    consent = Consent(frozenset(PURPOSES if preview.consent is None else preview.consent))
    if is_bot(request.headers.get(b"user-agent", b"")):
        return Visitor(None, consent, bot=True)
    return Visitor(VISITOR if consent.allows("personalization_storage") else None, consent)


def as_device(preview: Preview, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Request headers as the preview's device would send them; the app sees the same."""
    if preview.device is None:
        return headers
    kept = [pair for pair in headers if pair[0].lower() != b"user-agent"]
    return [*kept, (b"user-agent", AGENTS[preview.device])]


def previewed(config: Config, preview: Preview) -> Config:
    """The config as a preview decides by it: nobody is held out, drafts that it names are live, and an experience that
    it shows stands first and asks for nothing."""
    slots = {name: _slot(name, slot, preview) for name, slot in config.slots.items()}
    site = config.site.model_copy(update={"cap": None}) if preview.variants else config.site
    return config.model_copy(update={"slots": slots, "holdout": None, "site": site})


def _slot(name: str, slot: Slot, preview: Preview) -> Slot:
    variants = dict(preview.variants)
    shown: list[Experience] = []
    others: list[Experience] = []
    for experience in slot.experiences:
        key = f"{name}/{experience.id}"
        if key in variants:
            shown.append(_shown(experience, variants[key]))
        else:
            status = "live" if key in preview.drafts else experience.status
            others.append(experience.model_copy(update={"status": status, "holdout": None}))
    return slot.model_copy(update={"experiences": [*shown, *others]})


def _shown(experience: Experience, variant: str) -> Experience:
    asked = ("schedule", "cap", "cool_down", "delay", "expire", "holdout", "exclusive_group")
    always: dict[str, Any] = dict.fromkeys(asked)
    test = experience.experiment
    if test is not None:
        open_: dict[str, Any] = {"coverage": 1.0, "namespace": None, "filters": [], "requires": []}
        if test.parts:
            named = fitting(test.levels, variant or test.force or "")
            drawn = {part: [level for level in of if _may_be(named, part, level.id)] for part, of in test.parts.items()}
            open_ |= {"parts": drawn, "force": None}
        else:
            even = [each.model_copy(update={"range": None, "weight": 1.0}) for each in test.variants]
            open_ |= {"variants": even, "force": variant or test.force}
        always["experiment"] = test.model_copy(update=open_)
    return experience.model_copy(update={**always, "status": "live", "when": "everyone"})


def _may_be(named: list[Levels], part: str, level: str) -> bool:
    """Whether a part may be drawn as a level: those that a preview names are not drawn."""
    return not named or any((part, level) in levels for levels in named)


_compiled: WeakKeyDictionary[Engine, OrderedDict[object, tuple[Config, Route]]] = WeakKeyDictionary()


def route_of(engine: Engine, slots: tuple[str, ...], preview: Preview) -> Route:
    """The slots' route, compiled for a preview; the last ones are remembered."""
    known = _compiled.setdefault(engine, OrderedDict())
    key = (slots, preview.variants, preview.drafts)
    if key not in known or known[key][0] is not engine.deciding:
        if len(known) >= _ROUTES:
            known.popitem(last=False)
        known[key] = engine.deciding, engine.route_by(previewed(engine.deciding, preview), slots)
    return known[key][1]


# --- serving -------------------------------------------------------------------------------------------


async def refuse(send: Send) -> None:
    """Rule 1."""
    body = b"This preview link has expired, or was not made for this page.\n"
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *_HEADERS]
    await send({"type": "http.response.start", "status": 403, "headers": head})
    await send({"type": "http.response.body", "body": body})


def begin(
    engine: Engine, match: Match[Route], preview: Preview, scope: Mapping[str, Any], now: float, send: Send
) -> Exchange | None:
    """The exchange that shows a page as `preview` says; None where the path has no slots. `scope` is the request's
    without the token. Nothing is recorded at its end."""
    if match.route is None:
        return None
    request = read_request(scope, match.params)
    visitor, moment = visitor_of(preview, request), now if preview.at is None else preview.at
    route = route_of(engine, match.route.slots, preview)
    decision = engine.decide(route, request, visitor, None, moment, None, frozenset(preview.segments))
    send = explained(send, engine, decision.plan, engine.client_apps.warnings(route.slots))
    return Exchange(engine, route, request, visitor, None, decision, moment, send, lambda ended: None)


def _is_ours(name: bytes) -> bool:
    return name in _OURS or name.endswith(b"-cdn-cache-control")


def unlisted(send: Send) -> Send:
    """Rule 2: the response says that nobody shall keep or list it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if not _is_ours(pair[0].lower())]
            message = {**message, "headers": [*kept, *_HEADERS]}
        await send(message)

    return sending
