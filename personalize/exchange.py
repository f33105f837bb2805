"""One request through the middleware: the app's messages in, the visitor's messages out.

Rule 1  Until the first body message, the start message is held: only then is it known whether a slot is there. (And
        until the page's encoding is known: one byte where the header names it, else up to 1024.)
Rule 2  A whole page in one message is judged exactly: no slot found, and the app's own two messages leave.
Rule 3  A page in several messages is treated as one that could vary, from its first message on.
        HTTP/1.0 knows no other end than a length, so there a page whose length the app told is gathered whole.
Rule 4  What is already found to be no page leaves at once, message for message.
Rule 5  Once bytes have left, an error of the app stays an error: nothing here ends a response cleanly for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from .asgi import Message, Send
from .errors import PageError
from .events import exposure_of
from .model import Ask, Fill, Profile, Request, Shown, Visitor
from .page import WAIT, Piece, Splicer, WaitType
from .page.charset import choose, encode
from .page.codings import decoder, encoder, up_to
from .page.csp import FREE, inline, no_code
from .page.headers import compressed, judge, personalized
from .page.negotiation import PLAIN, Offer, negotiate
from .page.opening import Opening
from .page.xhtml import well_formed
from .patience import Patience

if TYPE_CHECKING:
    from .engine import Decision, Engine, Route
    from .page.codings import Decoder, Encoder
    from .page.headers import Copies, Verdict

_WHOLE = 4 * 1024 * 1024  # a decoded page up to this size is judged as a whole; the rest of a larger one streams


class Exchange:
    """The mutable state of one response. `ended` is called once, with `found` and `shown()` as they really were;
    `before_end`, where somebody sets it, is waited for just before the last byte of a page leaves."""

    # What most responses never change stands here, once: an exchange is made for every page.
    before_end: Callable[[Exchange], Awaitable[None]] | None = None
    copies: Copies | None = None  # the page is the same for many, and a cache may keep it
    is_page = False
    needs_length = False  # HTTP/1.0
    status = 0
    _charset = "utf-8"
    _compresses = False  # the site wants it, and the app's page is in no coding
    _decoder: Decoder | None = None
    _early: list[Message]  # what came after the start before Rule 1 was satisfied
    _encoder: Encoder | None = None
    _first: Opening | None = None  # the body's bytes of these, decoded
    _gave_up = False
    _held: Message | None = None
    _offer = PLAIN  # the coding that the page leaves in
    _pass = False  # Rule 4
    _patience: Patience | None = None  # what is left of the page's budget, once a slot was waited for
    _policy = FREE  # what may be inline
    _splicer: Splicer | None = None
    _verdict: Verdict | None = None

    def __init__(
        self,
        engine: Engine,
        route: Route,
        request: Request,
        visitor: Visitor,
        profile: Profile | None,
        decision: Decision,
        now: float,
        send: Send,
        ended: Callable[[Exchange], None],
    ) -> None:
        self.engine = engine
        self.route = route
        self.visitor = visitor
        self.method = request.method
        self.found: Sequence[str] = ()
        self._send = send
        self._ended = ended
        if engine.config.site.compress:
            self._compresses = True
            self._offer = negotiate(request.headers.get(b"accept-encoding"))
        self._prepared = prepared = engine.prepare(decision.plan)
        self._draws = decision.plan.draws
        self._person = profile.visitor if profile is not None else ""
        self._fills: Mapping[str, Fill | asyncio.Future[Fill]] = prepared.fills
        if prepared.open:
            self._asks: dict[str, Ask] = {}
            self._fills = fills = dict[str, Fill | asyncio.Future[Fill]](prepared.fills)
            for choice in prepared.open:
                self._asks[choice.slot], fills[choice.slot] = engine.begin(choice, request, decision, profile, now)

    # --- what the app calls --------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self._pass:
            await self._send(message)
            if kind == "http.response.body" and not message.get("more_body", False):
                self._end()
        elif kind == "http.response.body":
            if type(message.get("body", b"")) is not bytes:  # Starlette streams a memoryview as it is
                message = {**message, "body": bytes(message["body"])}
            if self._held is not None and not self._early and (out := self._seen(message)) is not None:
                await self._whole(self._held, message, *out)
            else:
                await self._body(message)
        elif kind == "http.response.start":
            await self._start(message)
        elif self._held is not None:
            self._early.append(message)
        else:
            await self._send(message)

    async def finish(self) -> None:
        """The app has returned. What is still held, for it never came to its end, leaves as it came."""
        if self._held is not None:
            await self._same(self._held)

    async def _tell_before_end(self, tell: Callable[[Exchange], Awaitable[None]]) -> None:
        if self._splicer is not None:
            self.found = self._splicer.found
        try:
            await tell(self)
        except Exception as error:  # the page is whole, whatever others fail to hear of it
            self.engine.observer.failed("before end", error)

    def _end(self) -> None:
        """The last byte is handed over: now, and not after the app's background tasks, is what was sent known."""
        if self._splicer is not None:
            self.found = self._splicer.found
        try:
            self._ended(self)
        except Exception as error:  # the visitor has the page; what could not be recorded is said
            self.engine.observer.failed("record", error)

    def shown(self) -> Shown:
        """The exposures on the page as it was sent, in its order."""
        prepared = self._prepared
        draws = self._draws  # each visitor has their own
        if prepared.shown is not None and not draws and len(self.found) == len(prepared.choices):
            return prepared.shown
        exposures = Shown(
            exposure_of(choice, self._sent(slot).state, draws.get(choice.experiment or ""), self._person)
            for slot in self.found
            if (choice := prepared.choices[slot]).experience is not None
        )
        if not prepared.open and not draws and len(self.found) == len(prepared.choices):
            prepared.shown = exposures
        return exposures

    def _sent(self, slot: str) -> Fill:
        fill = self._fills[slot]
        return fill.result() if isinstance(fill, asyncio.Future) else fill

    # --- the start -----------------------------------------------------------------------------------

    async def _start(self, message: Message) -> None:
        self.status = message["status"]
        # A copy: an iterator can be read only once, and a list is the app's.
        self._headers = headers = list(message.get("headers", ()))
        if not isinstance(message.get("headers", ()), list | tuple):
            message = {**message, "headers": headers}
        self._verdict = verdict = judge(self.method, self.status, headers)
        if verdict.policies:
            self._policy = inline(verdict.policies)
        if verdict.coded:
            self._compresses = False
            self._offer = Offer(verdict.coding, verdict.coding == "gzip")
        if not verdict.rewrite:
            self._pass = True
            await self._send(message)
        elif self.method == "HEAD":
            self._pass = True
            await self._send(message if verdict.sniff else self._personal(message, length=None))
        else:
            self._held, self._early = message, []

    def _personal(self, message: Message, length: int | None, coding: str | None = None) -> Message:
        control = self.engine.config.site.cache_control
        changed = personalized(
            self._headers, length=length, set_cookie=self.visitor.set_cookie, cache_control=control, copies=self.copies
        )
        if self.visitor.id is not None or self.copies is not None:
            changed.append(self._prepared.marks)  # who is not known can't be asked what they clicked
        return {**message, "headers": compressed(changed, coding) if self._compresses else changed}

    async def _release(self, start: Message) -> None:
        """The start leaves, and after it what came early; body messages only where nothing is changed."""
        self._held = None
        await self._send(start)
        early, self._early = self._early, []
        for message in early:
            if self._pass:
                await self.send(message)
            elif message["type"] != "http.response.body":
                await self._send(message)

    # --- the body ------------------------------------------------------------------------------------

    async def _body(self, message: Message) -> None:
        body: bytes = message.get("body", b"")
        if self._splicer is None:
            await self._first_body(message)
        elif self._decoder is None:
            more: bool = message.get("more_body", False)
            await self._emit(self._splice(body, more), more)
        else:
            await self._feed(self._decoder.feed(body), message.get("more_body", False))

    async def _first_body(self, message: Message) -> None:
        """Rules 1 to 3. Bytes are decoded and scanned before anything is promised in the headers."""
        assert self._held is not None and self._verdict is not None
        start, verdict = self._held, self._verdict
        more: bool = message.get("more_body", False)
        self._early.append(message)
        first = self._first = self._first or Opening()
        pieces: Iterator[bytes] = iter(())
        rest: bytes | None = None
        if verdict.coding == "identity":
            first.add(message.get("body", b""))
        else:
            if self._decoder is None:
                self._decoder = decoder(verdict.coding)
            pieces = self._decoder.feed(message.get("body", b""))
            try:
                first.add(b"".join(up_to(_WHOLE, pieces)))
                rest = next(pieces, None)
            except PageError:
                await self._same(start)
                return
        if more and not verdict.sniff and (first.undecided(verdict.charset) or self._gathers(first.size)):
            return
        body = first.take()
        charset = choose(verdict.charset, body)
        if charset is None or (more and (verdict.sniff or verdict.xml)):
            await self._same(start)
            return
        self._charset = charset
        rules = self.route.rules.in_charset(charset)
        self._splicer = Splicer(rules, self._fill, shapes=self.engine.shapes, route=self.route.slots)
        self.is_page = True
        if not more and rest is None:
            await self._read_whole(start, message, body)
            return
        if self._offer.coding != "identity":
            self._encoder = encoder(self._offer.coding)
        await self._release(self._personal(start, length=None, coding=self._offer.coding))
        await self._emit(self._splice(body, True), True)
        if rest is not None:
            await self._feed(chain((rest,), pieces), more)

    def _gathers(self, size: int) -> bool:
        return self.needs_length and size < _WHOLE and any(n.lower() == b"content-length" for n, _ in self._headers)

    def _seen(self, message: Message) -> tuple[bytes, str] | None:
        """Rule 2 for a page that was seen before and whose fills are all there: compared and joined, nothing read. The
        body and its coding; None: the long way, which finds the same."""
        verdict, body = self._verdict, message.get("body", b"")
        if message.get("more_body", False) or verdict is None or not verdict.plain:
            return None
        shape = self.engine.shapes.find(self.route.page_key, body)
        codec = choose(verdict.charset, body) if shape is not None else None
        if shape is None or codec is None or self.route.rules.in_charset(codec) is not self.route.rules:
            return None
        if (fills := self._encoded(codec)) is None:
            return None
        lasting = not self._prepared.open and fills is self._prepared.encoded(codec)
        filled = shape.fill(fills)
        if filled is None:
            return None
        self.is_page = True
        pieces, self.found = filled
        return self.engine.stitcher.compress(self._offer, pieces, shape, lasting=lasting)

    def _encoded(self, codec: str) -> Mapping[str, bytes | None] | None:
        """All fills in the page's encoding; None while one is waited for."""
        if not self._prepared.open:
            known = self._prepared.encoded(codec)
            if self._policy is FREE or no_code(known.values()):
                return known
        fills: dict[str, bytes | None] = {}
        for slot, fill in self._fills.items():
            if isinstance(fill, asyncio.Future):
                if not fill.done():
                    return None
                fill = fill.result()
            fills[slot] = None if fill.html is None else encode(fill.html, codec)
        if self._policy is FREE:
            return fills
        return {slot: data and self.engine.under(self._policy, slot, data) for slot, data in fills.items()}

    async def _read_whole(self, start: Message, message: Message, body: bytes) -> None:
        """Rule 2: the page is known to its end, so its head can tell the truth."""
        splicer = self._splicer
        assert splicer is not None and self._verdict is not None
        for _ in splicer.ahead(body):
            await asyncio.sleep(0)  # others get their turn
        pieces = self._splice(body, False)
        if self._gave_up or (not splicer.found and splicer.waiting is None):
            self.is_page = not (self._verdict.sniff or self._gave_up)
            await self._same(start)
            return
        while splicer.waiting is not None:
            await self._wait_for(splicer.waiting)
            pieces += self._splice(b"", False)
        if self._verdict.xml and not well_formed(b"".join(pieces), self._charset):
            self.engine.observer.failed("page", PageError("a fill would break an XHTML page; it passes as it is"))
            self.is_page = False
            await self._same(start)
            return
        shape = None if self._gave_up else splicer.shape
        if shape is not None:
            pieces = splicer.parts
        end = self._decoder is None or self._decoder.complete
        await self._whole(start, message, *self.engine.stitcher.compress(self._offer, pieces, shape, end=end))

    async def _whole(self, start: Message, message: Message, out: bytes, coding: str) -> None:
        if self.before_end is not None:
            await self._tell_before_end(self.before_end)
        await self._release(self._personal(start, length=len(out), coding=coding))
        await self._send({**message, "body": out})
        self._end()

    async def _same(self, start: Message) -> None:
        self._pass = True
        await self._release(start)

    async def _feed(self, pieces: Iterable[bytes], more: bool) -> None:
        """Rule 3. What can't be decoded any more ends as the app's own body does: cut short."""
        try:
            for piece in pieces:
                await self._emit(self._splice(piece, True), True)
                await asyncio.sleep(0)  # a chunk may hold very many pieces; others get their turn
        except PageError as error:
            self.engine.observer.failed("page", error)
        if not more:
            await self._emit(self._splice(b"", False), False)

    def _splice(self, data: bytes, more: bool) -> list[Piece]:
        """What may leave once `data` is there. After a mistake of ours, the page's own bytes from there on."""
        assert self._splicer is not None
        if self._gave_up:
            return [data]
        try:
            return self._splicer.feed(data, more)
        except Exception as error:  # a visitor never sees our mistakes
            self._gave_up = True
            self.engine.observer.failed("page", error)
            return self._splicer.rest()

    async def _emit(self, pieces: list[Piece], more: bool) -> None:
        """Send what may leave; where a slot waits for its content, what is before it leaves first."""
        splicer = self._splicer
        assert splicer is not None
        while splicer.waiting is not None:
            await self._out(b"".join(pieces), True)
            await self._wait_for(splicer.waiting)
            pieces = self._splice(b"", more)
        await self._out(b"".join(pieces), more)

    async def _out(self, data: bytes, more: bool) -> None:
        if self._encoder is not None:
            data = self._encoder.encode(data, end=not more and (self._decoder is None or self._decoder.complete))
        if self.before_end is not None and not more:
            await self._tell_before_end(self.before_end)
        if data or not more:
            await self._send({"type": "http.response.body", "body": data, "more_body": more})
        if not more:
            self._end()

    # --- fills ---------------------------------------------------------------------------------------

    def _fill(self, slot: str) -> bytes | WaitType | None:
        fill = self._fills[slot]
        if isinstance(fill, asyncio.Future):
            if not fill.done():
                return WAIT
            fill = fill.result()
        data = None if fill.html is None else encode(fill.html, self._charset)
        return data if self._policy is FREE or data is None else self.engine.under(self._policy, slot, data)

    async def _wait_for(self, slot: str) -> None:
        """Wait inside what is left of the page's budget, then walk away. The fetch goes on for others."""
        fill = self._fills[slot]
        assert isinstance(fill, asyncio.Future)
        if self._patience is None:
            self._patience = Patience(self.engine.config.site.budget)
        if not await self._patience.wait(fill):
            assert isinstance(self._fills, dict)  # a slot that waits is an open one, so this is our own
            self._fills[slot] = self.engine.contents.fallback(self._asks[slot], "late")
