"""A caller that keeps ASGI messages apart, and small apps.

`httpx.ASGITransport` gathers the whole body, so it cannot show that a page streams, that a client's going is
noticed, or what was sent before an error. `call` plays the server for one request and keeps each message with its
time; it also holds the app to the ASGI rules, and to the length that it promised.

    response = await call(PersonalizeMiddleware(Answer(b"<p>", b"</p>"), config), path="/")
    assert response.status == 200 and len(response.chunks) == 2
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from ..asgi import App, Message, Receive, Scope, Send

HeaderPairs = Iterable[tuple[bytes, bytes]]

HTML: HeaderPairs = ((b"content-type", b"text/html; charset=utf-8"),)


class BrokenRule(AssertionError):
    """The app did something that an ASGI server may refuse, or sent a body of another length than it said."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as the app sent it, `at` seconds after the call began."""

    at: float
    message: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.message["type"])


@dataclass(slots=True)
class Response:
    """What an app sent. `error` is the exception that left it, where `call` was told to keep that; `done` says
    whether the body came to its proper end; `received` counts the messages that the app took."""

    sent: list[Sent] = field(default_factory=list)
    error: BaseException | None = None
    received: int = 0
    took: float = 0.0

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        return [item.message for item in self.sent]

    @property
    def start(self) -> Mapping[str, Any]:
        """The http.response.start message. Raises LookupError where none was sent."""
        for message in self.messages:
            if message["type"] == "http.response.start":
                return message
        raise LookupError("no response was started")

    @property
    def status(self) -> int:
        return int(self.start["status"])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header pairs as sent, in order."""
        return [(bytes(name), bytes(value)) for name, value in self.start.get("headers", ())]

    def all(self, name: str) -> list[str]:
        """The values of a header, whatever the case of its name."""
        wanted = name.lower().encode()
        return [value.decode("latin-1") for raw, value in self.headers if raw.lower() == wanted]

    def header(self, name: str) -> str | None:
        """The values of a header joined by commas, or None where it was not sent."""
        return ", ".join(values) if (values := self.all(name)) else None

    @property
    def cookies(self) -> dict[str, str]:
        """What the Set-Cookie lines set: name to value."""
        jar: SimpleCookie = SimpleCookie()
        for line in self.all("set-cookie"):
            jar.load(line)
        return {name: morsel.value for name, morsel in jar.items()}

    @property
    def chunks(self) -> list[bytes]:
        """The bodies of the body messages, one each, empty ones too."""
        return [bytes(m.get("body", b"")) for m in self.messages if m["type"] == "http.response.body"]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def done(self) -> bool:
        return any(m["type"] == "http.response.body" and not m.get("more_body", False) for m in self.messages)


async def call(
    app: App,
    path: str = "/",
    *,
    method: str = "GET",
    query: bytes = b"",
    headers: HeaderPairs = (),
    cookies: Mapping[str, str] | None = None,
    body: bytes | Sequence[bytes] = b"",
    scheme: str = "http",
    host: str = "testserver",
    http_version: str = "1.1",
    root_path: str = "",
    extensions: Mapping[str, Mapping[str, Any]] | None = None,
    scope: Mapping[str, Any] | None = None,
    gone_after: int | None = None,
    gone_in: float | None = None,
    send_fails: bool = False,
    send_takes: float = 0.0,
    on_send: Callable[[Message], Awaitable[None]] | None = None,
    keep_error: bool = False,
    strict: bool = True,
    within: float = 10.0,
) -> Response:
    """Send one HTTP request to an ASGI app, in the current task, and keep what it answers.

    `body` may be several chunks, one message each. `scope` adds to the scope or replaces parts of it. The client
    goes away after `gone_after` messages or `gone_in` seconds: `receive` then says http.disconnect, what is sent is
    no longer kept, and with `send_fails` sending raises OSError. `send_takes` seconds per message make a slow
    client; `on_send` is awaited at each message before it is kept. An exception of the app is raised, or with
    `keep_error` kept in the response. Raises TimeoutError after `within` seconds, and unless `strict` is off
    BrokenRule where the app broke the protocol or its own Content-Length.
    """
    chunks = [body] if isinstance(body, bytes) else list(body)
    pairs = [(b"host", host.encode()), *headers]
    if cookies:
        pairs.append((b"cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()))
    full: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": http_version,
        "method": method,
        "scheme": scheme,
        "path": root_path + path,
        "raw_path": (root_path + path).encode(),
        "query_string": query,
        "root_path": root_path,
        "headers": pairs,
        "client": ("127.0.0.1", 50000),
        "server": (host, 443 if scheme == "https" else 80),
        "state": {},
        "extensions": {name: dict(value) for name, value in (extensions or {}).items()},
        **(scope or {}),
    }
    response = Response()
    gone = asyncio.Event()
    began = time.perf_counter()
    rules = _Rules(method)

    async def receive() -> Message:
        response.received += 1
        if chunks and not gone.is_set():
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        if not rules.ended:
            await _first(gone, rules.end)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if not isinstance(message.get("headers", ()), list | tuple):
            message = {**message, "headers": list(message["headers"])}  # an iterator can be read only once
        if strict:
            rules.check(message)
        if send_takes:
            await asyncio.sleep(send_takes)
        if on_send is not None:
            await on_send(message)
        if gone.is_set():
            if send_fails:
                raise OSError("the client is gone")
            return
        response.sent.append(Sent(time.perf_counter() - began, dict(message)))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            rules.end.set()
        if gone_after is not None and len(response.sent) >= gone_after:
            gone.set()

    if gone_after == 0:
        gone.set()
    timer = asyncio.get_running_loop().call_later(gone_in, gone.set) if gone_in is not None else None
    try:
        async with asyncio.timeout(within):
            await app(full, receive, send)
    except BrokenRule:
        raise
    except Exception as error:
        if not keep_error:
            raise
        response.error = error
    finally:
        response.took = time.perf_counter() - began
        if timer is not None:
            timer.cancel()
    if strict and response.error is None and not gone.is_set():
        rules.check_end()
    return response


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class _Rules:
    """The ASGI rules for one response, and HTTP's about its length.

    Rule 1: one start, before any body. Rule 2: nothing of the body after its end. Rule 3: header names and
    values are bytes without line breaks. Rule 4: the body is as long as Content-Length says, and what must
    have no body has none.
    """

    def __init__(self, method: str) -> None:
        self.end = asyncio.Event()
        self._method = method
        self._started = False
        self._ended = False
        self._length: int | None = None
        self._bodiless = False
        self._size = 0

    @property
    def ended(self) -> bool:
        return self.end.is_set()

    def check(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if self._started:
                raise BrokenRule("a second http.response.start")
            self._started = True
            status = message["status"]
            self._bodiless = self._method == "HEAD" or status < 200 or status in (204, 304)
            for name, value in message.get("headers", ()):
                if not isinstance(name, bytes) or not isinstance(value, bytes):
                    raise BrokenRule(f"a header that is not bytes: {name!r}: {value!r}")
                if b"\n" in name + value or b"\r" in name + value or b"\0" in name + value:
                    raise BrokenRule(f"a header with a line break: {name!r}: {value!r}")
                if name.lower() == b"content-length":
                    self._length = int(value)
        elif kind in ("http.response.body", "http.response.pathsend", "http.response.zerocopysend"):
            if not self._started:
                raise BrokenRule(f"{kind} before the start")
            if self._ended:
                raise BrokenRule(f"{kind} after the end")
            if kind == "http.response.body":
                self._size += len(message.get("body", b""))
            else:
                self._length = None
            self._ended = not message.get("more_body", False)

    def check_end(self) -> None:
        if not self._started:
            raise BrokenRule("the app returned without a response")
        if not self._ended:
            raise BrokenRule("the app returned before the body's end")
        if self._bodiless:
            if self._size and self._method != "HEAD":
                raise BrokenRule("a body where none may be")
        elif self._length is not None and self._length != self._size:
            raise BrokenRule(f"Content-Length {self._length}, but {self._size} bytes were sent")


class Answer:
    """An ASGI app that answers every request with the same chunks, one body message each, `pause` seconds apart,
    and remembers the `scopes` and request `bodies` it was given.

    HEAD gets the same head without a body. `length` adds the right Content-Length; `before` and `after` are messages
    sent around the response (a trailers message also sets `trailers` in the start); `fail` is raised instead of
    chunk `fail_at`, counted from 0, or after all of them where that is None.
    """

    def __init__(
        self,
        *chunks: bytes,
        status: int = 200,
        headers: HeaderPairs = HTML,
        pause: float = 0.0,
        length: bool = False,
        before: Sequence[Message] = (),
        after: Sequence[Message] = (),
        fail: BaseException | None = None,
        fail_at: int | None = None,
    ) -> None:
        self.scopes: list[Scope] = []
        self.bodies: list[bytes] = []
        self._chunks = chunks
        self._status = status
        self._headers = headers
        self._pause = pause
        self._length = length
        self._before = before
        self._after = after
        self._fail = fail
        self._fail_at = fail_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        self.scopes.append(scope)
        self.bodies.append(await read_body(receive))
        for message in self._before:
            await send(message)
        headers = list(self._headers)
        if self._length:
            headers.append((b"content-length", b"%d" % sum(map(len, self._chunks))))
        start: Message = {"type": "http.response.start", "status": self._status, "headers": headers}
        if any(message["type"] == "http.response.trailers" for message in self._after):
            start["trailers"] = True
        await send(start)
        chunks = () if scope["method"] == "HEAD" else self._chunks
        for at, chunk in enumerate(chunks):
            if self._fail is not None and at == self._fail_at:
                raise self._fail
            if at and self._pause:
                await asyncio.sleep(self._pause)
            await send({"type": "http.response.body", "body": chunk, "more_body": at + 1 < len(chunks)})
        if self._fail is not None:
            raise self._fail
        if not chunks:
            await send({"type": "http.response.body"})
        for message in self._after:
            await send(message)


async def read_body(receive: Receive) -> bytes:
    """The whole request body, up to its end or the client's going."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        kind = message["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return
