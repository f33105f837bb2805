"""The collector's addresses below `site.prefix`: what takes events, what browsers load, and 404 or 405 for the rest."""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Sequence
from typing import Final

from ..asgi import Receive, Scope, Send
from ..engine import Engine
from ..errors import CollectError
from ..events import counted
from ..events.collector import ON, Answer, Collector, Log, encoded, refusal
from ..events.doors import DOORS
from ..events.orders import write_keys
from ..events.script import SCRIPT_HEADERS, Script, make_script, matches
from ..events.settings import settings, settings_script
from ..history import History
from ..model import Event, Request
from ..visit import read_request

_LOOK: Final = 0.25  # seconds between two times that a click may make the log be read
_PATIENCE: Final = 1.0  # seconds that it waits for that
_MOST_WAITING: Final = 15_000  # events; the rest of the log's queue is kept for what the middleware itself records


class Desk:
    """What the addresses need, made once for each engine, and gone with it: so nothing here may hold the engine."""

    def __init__(self, engine: Engine) -> None:
        config, history, held = engine.config, engine.history, weakref.ref(engine)
        self._config, self._history, self._marks = config, history, engine.marks
        self._looked = -_LOOK  # when it was last waited for what pages just showed
        self.collector = Collector(
            engine.callers,
            write_keys(config.site.write_keys, os.environ),
            config.site.consent,
            Log(history.log.record_all, lambda: _MOST_WAITING - history.log.waiting, history.log.written),
            engine.observer,
            identify=engine.visitors.identify,
            proven=engine.visitors.proven,
            is_recorded=lambda path: _is_recorded(held(), path),
            shown_in=self._shown_in,
            count_shown=lambda events: _count_shown(history, events),
        )
        selectors = {name: slot.match.element for name, slot in config.slots.items()}
        self.script: Script = make_script({name: element for name, element in selectors.items() if element})

    async def _shown_in(self, event: Event) -> str | None:
        """The experience that a browser's click or answer is about, in the slot that it names: what its page showed
        there, as far as this visitor is known to have been shown it; where the page says nothing of the slot, what they
        saw last in it, and nothing while it is paused. A page that a cache keeps is recorded of nobody: its clicks are
        believed, but no answers, which have consequences."""
        name, told = str(event.properties.get("slot", "")), event.properties.get(ON)
        seen = await self._seen(event.visitor, name)
        slot = self._config.slots.get(name)
        if isinstance(told, str) and told and slot is not None:
            there = {experience.id for experience in slot.experiences}
            if (found := self._marks.find(told, name, there | seen.keys())) is not None:
                (shown,) = found
                if shown is None or shown in seen or (slot.shared and event.name == "Experience Clicked"):
                    return shown
                await self._catch_up()
                return shown if shown in await self._seen(event.visitor, name) else None
        if self._history.pauses.on(name) is not None:
            return None  # the page's own markup stands there now
        return max(seen, key=seen.__getitem__) if seen else None

    async def _seen(self, visitor: str, slot: str) -> dict[str, float]:
        """The experiences that a visitor was shown in a slot, with the last time of each."""
        profile = await self._history.load(visitor)
        times = profile.exposures if profile is not None else {}
        return {key.removeprefix(f"{slot}/"): of[-1] for key, of in times.items() if of and key.startswith(f"{slot}/")}

    async def _catch_up(self) -> None:
        """Let the profiles hear of the pages of just now, also other workers'; who makes clicks up makes no work."""
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            await asyncio.wait((asyncio.ensure_future(self._history.log.flush()),), timeout=_PATIENCE)


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


async def _count_shown(history: History, events: Sequence[Event]) -> None:
    """What an app showed counts towards caps on every worker at once, as what a page showed does."""
    for event in events:
        if keys := counted(event.exposures):
            await history.remember_shown(event.visitor, await history.load(event.visitor), keys, event.time)


async def answer(
    engine: Engine, path: str, now: float, scope: Scope, receive: Receive, send: Send
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
    elif door is None and method == "GET" and (script := settings_script(path)) is not None:
        await _send(request, send, 200, [*SCRIPT_HEADERS, (b"content-length", b"%d" % len(script))], script)
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
