"""The collector's addresses below `site.prefix`: what takes events, what browsers load, and 404 or 405 for the rest."""

from __future__ import annotations

import os
import weakref
from collections.abc import MutableMapping, Sequence
from typing import Any, Final

from ..asgi import Receive, Send
from ..engine import Engine
from ..errors import CollectError
from ..events import counted
from ..events.collector import Answer, Collector, Log, encoded, refusal
from ..events.doors import DOORS
from ..events.orders import write_keys
from ..events.script import SCRIPT_HEADERS, Script, make_script, matches
from ..events.settings import settings
from ..history.history import History
from ..model import Event, Request
from ..visit import read_request

_MOST_WAITING: Final = 15_000  # events; the rest of the log's queue is kept for what the middleware itself records


class Desk:
    """What the addresses need, made once for each engine, and gone with it: so nothing here may hold the engine."""

    def __init__(self, engine: Engine) -> None:
        config, history, held = engine.config, engine.history, weakref.ref(engine)
        self.collector = Collector(
            engine.callers,
            write_keys(config.site.write_keys, os.environ),
            config.site.consent,
            Log(history.record, lambda: _MOST_WAITING - history.log.waiting, history.log.written),
            engine.observer,
            identify=engine.visitors.identify,
            proven=engine.visitors.proven,
            is_recorded=lambda path: _is_recorded(held(), path),
            shown_in=lambda visitor, slot: _shown_in(history, visitor, slot),
            count_shown=lambda events: _count_shown(history, events),
        )
        selectors = {name: slot.match.element for name, slot in config.slots.items()}
        self.script: Script = make_script({name: element for name, element in selectors.items() if element})


_desks: weakref.WeakKeyDictionary[Engine, Desk] = weakref.WeakKeyDictionary()


def _desk(engine: Engine) -> Desk:
    desk = _desks.get(engine)
    if desk is None:
        desk = _desks[engine] = Desk(engine)
    return desk


def _is_recorded(engine: Engine | None, path: str) -> bool:
    """Does the middleware itself write down the views of this page?"""
    match = engine.match(path) if engine is not None else None
    return match is not None and match.route is not None


async def _shown_in(history: History, visitor: str, slot: str) -> str | None:
    """The experience that the visitor saw last in a slot."""
    profile = await history.load(visitor)
    if profile is None:
        return None
    seen = [(times[-1], key) for key, times in profile.exposures.items() if times and key.startswith(f"{slot}/")]
    return max(seen)[1].removeprefix(f"{slot}/") if seen else None


async def _count_shown(history: History, events: Sequence[Event]) -> None:
    """What an app showed counts towards caps on every worker at once, as what a page showed does."""
    for event in events:
        if keys := counted(event.exposures):
            await history.remember_shown(event.visitor, await history.load(event.visitor), keys, event.time)


async def answer(
    engine: Engine, path: str, now: float, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    """Answer one request; `path` is below the prefix."""
    request = read_request(scope, {})
    method = "GET" if request.method == "HEAD" else request.method
    door = DOORS.get(path)
    found: Answer | None
    if door is not None and method == "POST":
        client = (scope.get("client") or ("",))[0]
        found = await _desk(engine).collector.take(door, request, client, receive, now)
        if found is None:
            return
        await _send(request, send, *encoded(found))
    elif door is None and method == "GET" and path == "/p.js":
        await _script(engine, request, send)
    elif door is None and (told := settings(path, request, engine.config.site.prefix)):
        await _send(request, send, *encoded(Answer(200, told)))
    else:
        await _send(request, send, *encoded(_nothing_here(path)))


def _nothing_here(path: str) -> Answer:
    allowed = b"POST" if path in DOORS else b"GET, HEAD" if path == "/p.js" else b""
    if not allowed:
        return refusal(CollectError(404, "not_found", "there is nothing at this address"))
    made = refusal(CollectError(405, "method_not_allowed", f"this address takes {allowed.decode()}"))
    return Answer(made.status, made.body, ((b"allow", allowed),))


async def _script(engine: Engine, request: Request, send: Send) -> None:
    script = _desk(engine).script
    head = [*SCRIPT_HEADERS, (b"etag", script.etag)]
    if matches(request.headers.get(b"if-none-match", b""), script.etag):
        await _send(request, send, 304, head, b"")
    else:
        await _send(request, send, 200, [*head, (b"content-length", b"%d" % len(script.body))], script.body)


async def _send(request: Request, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
