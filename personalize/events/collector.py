"""The collector: HTTP requests that tell what happened -> events in the log.

Rule 1  An answer of 200 means: written. It waits for the log's commit; what was not written in time is answered with
        503, and the client sends it again (ids make the second time count for nothing).
Rule 2  One bad event costs itself. Only a body that can't be cut into events is refused as a whole.
Rule 3  Too much is answered with 429 and the seconds to wait, before anything of it is taken: by a caller's own bucket,
        and for everybody when the log's queue has little room left.
Rule 4  A browser is believed its cookie and its consent, and nothing else, at whatever address; a name in the place of
        the write key counts for nothing, and a write key that a browser sends to a server's address is taken as lost.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..asgi import Receive
from ..config.site import ConsentRules
from ..errors import CollectError
from ..model import Event, Request, Visitor
from ..protocols import Observer
from .bodies import MOST_OF_AN_EVENT, Piece, Pieces, read_batch, read_body, read_json
from .clocks import skew_of
from .consent import as_allowed, refused_by, withdrawn
from .doors import Door, is_browser, is_same_origin, key_in, key_of
from .limits import Callers
from .posthog import read_capture, unwrapped
from .segment import Caller, Message, Refusal, is_of_preview, make_events, read_message
from .usual import usual_event

_EVENTS_A_TURN: Final = 100  # between two turns of other tasks: one or two milliseconds
_CHARACTERS_A_TURN: Final = MOST_OF_AN_EVENT
_BUSY: Final = 1.0  # seconds after which to try again when the log is behind
_PATIENCE: Final = 5.0  # seconds that an answer waits for the commit
_ALONE: Final = frozenset({"event", "type", "$set"})  # one event where a batch is expected
_SMALL: Final = 1_024  # bytes of a batch's own context that are not counted with each event
_TOLD: Final = 20  # refusals that an answer names
ON: Final = "on"  # in what our script tells of a click: the marks of what its page shows

Read = Callable[[Any, str | None, float | None, float], Message | Refusal]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered over HTTP: a status, JSON, and further headers."""

    status: int
    body: dict[str, Any]
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Log:
    """What the collector needs of the log, as functions: `record` some events, how many more there is `room` for, and
    `written`, which returns when everything recorded before is committed or given up, and says whether all of it is."""

    def __init__(
        self, record: Callable[[Sequence[Event]], None], room: Callable[[], int], written: Callable[[], Awaitable[bool]]
    ) -> None:
        self.record = record
        self.room = room
        self.written = written


class Collector:
    """Takes events for one config. `identify` tells a browser's visitor, and `proven` whose cookie it sends even where
    they are no longer to be known; `is_recorded` says of a path whether the middleware records its page views itself;
    `shown_in(event)` which experience a click or an answer is about; `count_shown(events)` is told what other channels
    showed, before that is answered."""

    def __init__(
        self,
        callers: Callers,
        keys: Sequence[str],
        rules: ConsentRules,
        log: Log,
        observer: Observer,
        *,
        identify: Callable[[Request, float], Visitor],
        proven: Callable[[Request, float], str | None],
        is_recorded: Callable[[str], bool],
        shown_in: Callable[[Event], Awaitable[str | None]],
        count_shown: Callable[[Sequence[Event]], Awaitable[None]],
    ) -> None:
        self._keys = tuple(keys)
        self._rules = rules
        self._log = log
        self._observer = observer
        self._identify = identify
        self._proven = proven
        self._is_recorded = is_recorded
        self._shown_in = shown_in
        self._count_shown = count_shown
        self._callers = callers

    async def take(self, door: Door, request: Request, client: str, receive: Receive, now: float) -> Answer | None:
        """The answer to one POST; None if the client left. Never raises for what the client sent."""
        try:
            if door.browser or (is_browser(request) and not self._holds(key_of(request) or "")):
                return await self._take_from_browser(door, request, client, receive, now)
            return await self._take_from_server(door, request, receive, now)
        except CollectError as error:
            self._observer.count(f"collector.{error.code}")
            return refusal(error)

    # --- the site's own servers ----------------------------------------------------------------------

    async def _take_from_server(self, door: Door, request: Request, receive: Receive, now: float) -> Answer | None:
        told = key_of(request)
        if told is not None:
            self._check_key(told, request)
        body = await read_body(receive, request.headers)
        if body is None:
            return None
        envelope, pieces, others = await _cut(door, body)
        if told is None:
            told = key_in(envelope)
            self._check_key(told, request)
        self._check_room(len(pieces))
        self._callers.charge_server(told, len(pieces), now)
        caller = Caller(True, now, via="posthog" if door.posthog else "server", keys=self._keys, rules=self._rules)
        taken = await self._read(door, envelope, pieces, others, caller)
        await self._write(taken.events)
        if shown := [event for event in taken.events if event.name == "Experience Viewed"]:
            await self._count_shown(shown)
        return Answer(200, taken.told(door))

    def _holds(self, told: str) -> bool:
        """Whether it is one of the site's write keys."""
        given = told.encode("utf-8", "replace")
        found = False
        for key in self._keys:
            found |= hmac.compare_digest(given, key.encode())
        return found

    def _check_key(self, told: str, request: Request) -> None:
        if not self._holds(told):
            self._observer.count("collector.unauthorized")
            raise CollectError(401, "unauthorized", "this address needs one of the site's write keys")
        if is_browser(request):
            self._refuse_lost_key()

    def _refuse_lost_key(self) -> None:
        self._observer.changed("write key", "insecure", "a browser sent one: who reads the page has it; change it")
        raise CollectError(401, "unauthorized", "a write key belongs on a server; a browser sends any other name")

    # --- browsers ------------------------------------------------------------------------------------

    async def _take_from_browser(
        self, door: Door, request: Request, client: str, receive: Receive, now: float
    ) -> Answer | None:
        if not is_same_origin(request):
            raise CollectError(403, "other_origin", "events are taken from this site's own pages only")
        visitor = self._identify(request, now)
        if visitor.forged:
            self._observer.count("visitors.forged")
        body = await read_body(receive, request.headers)
        if body is None:
            return None
        cookie = () if visitor.set_cookie is None else ((b"set-cookie", visitor.set_cookie),)
        if visitor.id is None:
            self._observer.count("collector.bot" if visitor.bot else "collector.no_consent")
            if cookie and (known := self._proven(request, now)) is not None:
                # The answer takes the cookie away: no page will see any more that there was one.
                self._log.record([withdrawn(known, now, refused_by(visitor))])
            return Answer(200, {"success": True, "accepted": 0}, cookie)
        envelope, pieces, others = await _cut(door, body)
        if not door.browser and self._holds(key_in(envelope)):
            self._refuse_lost_key()
        self._check_room(len(pieces))
        self._callers.charge_browser(visitor, client, len(pieces), now)
        caller = Caller(False, now, visitor.id, visitor.fresh, "browser", self._keys, self._rules)
        taken = await self._read(door, envelope, pieces, others, caller)
        completed = [await self._completed(event) for event in taken.events]
        taken.events = [as_allowed(event, visitor.consent) for event in completed if event is not None]
        await self._write(taken.events)
        # A newcomer whose events went to a profile of another name keeps no id that nothing is known of.
        used = not visitor.fresh or any(event.visitor == visitor.id for event in taken.events)
        return Answer(200, taken.told(door), cookie if used else ())

    async def _completed(self, event: Event) -> Event | None:
        """What only this side knows about a browser's event. None for a page view that is in the log already."""
        own = ":" not in event.visitor
        if event.name == "Page Viewed" and own and "navigated" not in event.properties:
            return None if self._is_recorded(event.properties["path"]) else event
        if event.name in ("Experience Clicked", "Answer Given"):  # also of an id that a browser claims
            kept = {name: value for name, value in event.properties.items() if name != ON}
            kept["experience"] = await self._shown_in(event)
            return Event(event.id, event.name, event.time, event.visitor, kept)
        return event

    # --- all -----------------------------------------------------------------------------------------

    def _check_room(self, count: int) -> None:
        if self._log.room() < count:
            raise CollectError(429, "busy", "the log is behind; try again", _BUSY)

    async def _read(
        self, door: Door, envelope: dict[str, Any], pieces: list[Piece], others: Sequence[int], caller: Caller
    ) -> _Taken:
        read: Read = _read_capture if door.posthog else read_message
        skew = skew_of(envelope.get("sentAt", envelope.get("sent_at")), caller.now)
        shared = envelope.get("context") if not door.posthog else None
        beside = _size_of(shared) if isinstance(shared, dict) else 0
        taken = _Taken()
        taken.refused[Refusal.BROKEN] += len(others)
        taken.others = others
        since = characters = 0
        for number, piece in enumerate(pieces):
            pieces[number] = ""  # what was read goes at once, not after the commit: much less for the garbage collector
            if since >= _EVENTS_A_TURN or characters > _CHARACTERS_A_TURN:
                since = characters = 0
                await asyncio.sleep(0)
            made = _events_of(piece, read, door.kind, skew, caller, shared, beside)
            if isinstance(made, Refusal):
                taken.refused[made] += 1
                self._observer.count("collector.refused")
                if len(taken.places) < _TOLD:
                    taken.places.append({"index": number, "reason": str(made)})
            else:
                taken.events += made
                taken.accepted += 1
            since += 1
            characters += len(piece) if isinstance(piece, str) else 0
        return taken

    async def _write(self, events: list[Event]) -> None:
        """Rule 1."""
        if not events:
            return
        self._check_room(len(events))  # others may have been faster while this was read
        before = self._log.room()
        self._log.record(events)
        if before - self._log.room() < len(events):
            raise _not_written()  # the log is closed
        try:
            async with asyncio.timeout(_PATIENCE):
                written = await self._log.written()
        except TimeoutError:
            written = False
        if not written:
            raise _not_written()


class _Taken:
    """What came of one body."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.accepted = 0
        self.refused: Counter[Refusal] = Counter()
        self.places: list[dict[str, Any]] = []
        self.others: Sequence[int] = ()  # places in the batch at which no event stands

    def told(self, door: Door) -> dict[str, Any]:
        answer: dict[str, Any] = {"success": True, "accepted": self.accepted}
        if door.posthog:
            answer["status"] = 1
        if door.posthog == "v1":
            answer["results"] = {}  # an event that is not named here needs nothing more
        if refused := sum(self.refused.values()):
            answer |= {"refused": refused, "refusals": self._told_places()}
        return answer

    def _told_places(self) -> list[dict[str, Any]]:
        """The first refusals by their places in the batch; events were numbered without what is none."""
        broken = str(Refusal.BROKEN)
        places: list[dict[str, Any]] = [{"index": other, "reason": broken} for other in self.others[:_TOLD]]
        for told in self.places:
            index = told["index"]
            for other in self.others:  # they are sorted
                if other > index:
                    break
                index += 1
            places.append({**told, "index": index})
        return sorted(places, key=lambda told: told["index"])[:_TOLD]


async def _cut(door: Door, body: bytes) -> Pieces:
    if door.batch:
        body = unwrapped(body) if door.posthog else body
        envelope, pieces, others = await read_batch(body)
        if not pieces and not others and not _ALONE.isdisjoint(envelope):
            envelope.pop("context", None)
            pieces = [body.decode("utf-8", "replace")]
        return envelope, pieces, others
    if len(body) > MOST_OF_AN_EVENT:
        raise CollectError(413, "too_large", f"an event may have {MOST_OF_AN_EVENT // 1024} KB")
    text = body.decode("utf-8", "replace")
    try:
        parsed = read_json(text)
    except CollectError as error:
        if error.code != "too_deep":
            raise
        return {}, [text], ()
    if not isinstance(parsed, dict):
        raise CollectError(400, "bad_json", "the body is not a JSON object")
    return {key: parsed[key] for key in ("writeKey", "api_key") if key in parsed}, [text], ()


def _events_of(
    piece: Piece,
    read: Read,
    kind: str | None,
    skew: float | None,
    caller: Caller,
    shared: Any = None,
    beside: int = 0,
) -> list[Event] | Refusal:
    """`shared` is the batch's own context, which holds for each event that says nothing else; with its bytes (`beside`)
    an event may be as large as without: else a few words of a batch would be megabytes of the log."""
    raw: Any = piece
    if beside > _SMALL and beside + _size_of(piece) > MOST_OF_AN_EVENT:
        return Refusal.TOO_LARGE
    if isinstance(piece, str):
        if _size_of(piece) > MOST_OF_AN_EVENT:
            return Refusal.TOO_LARGE
        try:
            raw = read_json(piece)
        except CollectError as error:
            return Refusal.TOO_DEEP if error.code == "too_deep" else Refusal.BROKEN
    if isinstance(raw, dict) and isinstance(shared, dict):
        own = raw.get("context")
        raw = {**raw, "context": {**shared, **own} if isinstance(own, dict) else shared}
    if caller.trusted and read is read_message and isinstance(raw, dict) and kind in (None, "track"):
        usual = usual_event(raw, skew, caller)
        if usual is not None:
            return [usual]
    if not caller.trusted and is_of_preview(raw):
        return Refusal.PREVIEW
    message = read(raw, kind, skew, caller.now)
    return message if isinstance(message, Refusal) else make_events(message, caller)


def _size_of(value: Any) -> int:
    """Bytes of a text, or of a value as JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return MOST_OF_AN_EVENT
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _read_capture(raw: Any, kind: str | None, skew: float | None, now: float) -> Message | Refusal:
    return read_capture(raw, skew, now)


def refusal(error: CollectError) -> Answer:
    """In the words of each client: Segment's read `code` and `message`, PostHog's `detail`."""
    body = {"success": False, "code": error.code, "message": str(error), "detail": str(error)}
    headers = retry_after(error)
    if error.status == 401:
        headers += ((b"www-authenticate", b'Basic realm="write key"'),)
    return Answer(error.status, body, headers)


def retry_after(error: CollectError) -> tuple[tuple[bytes, bytes], ...]:
    """The header that says when to try again, where it is known: in whole seconds, never too early."""
    return ((b"retry-after", b"%d" % max(1, -int(-error.retry_after // 1))),) if error.retry_after else ()


def encoded(answer: Answer) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body, ready to send."""
    body = json.dumps(answer.body, separators=(",", ":")).encode()
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return answer.status, [*head, *answer.headers], body


def _not_written() -> CollectError:
    return CollectError(503, "not_written", "the log can't be written just now; try again", _PATIENCE)
