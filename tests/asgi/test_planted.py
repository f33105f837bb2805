"""The laws of rewriting, each held by the real middleware and broken by one planted mistake."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from personalize.testing import HTML, Answer, App, BrokenRule, call

PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p>rest</p></body></html>'
DONE = PAGE.replace(b"old", b"<b>hi</b>")
Law = Callable[[Callable[[App], App]], Awaitable[bool]]


class Naive:
    """A middleware as it is written in a hurry: it gathers the page, and makes the one further mistake named."""

    def __init__(self, app: App, mistake: str) -> None:
        self.app = app
        self.mistake = mistake

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start: dict[str, Any] = {}
        body = b""

        async def keep(message: Any) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body += message.get("body", b"")
            if self.mistake == "replaces in each chunk":
                piece = message.get("body", b"").replace(b'hero">old<', b'hero"><b>hi</b><')
                if start:
                    await send({**start, "headers": self.changed(list(start["headers"]), None)})
                    start.clear()
                await send({**message, "body": piece})
            elif not message.get("more_body", False):
                await self.finish(start, body, send)

        inner = scope if self.mistake == "leaves conditions" else {**scope, "headers": []}
        try:
            await self.app(inner, receive, keep)
        except Exception:
            if self.mistake != "ends cleanly":
                raise
            await self.finish(start, body, send)

    async def finish(self, start: Any, body: bytes, send: Any) -> None:
        headers = dict(start["headers"])
        if headers.get(b"content-encoding") == b"gzip":
            inflate = zlib.decompressobj(31)
            body = inflate.decompress(body).replace(b'hero">old<', b'hero"><b>hi</b><')
            body = gzip.compress(body) if inflate.eof or self.mistake == "invents an end" else body
        else:
            body = body.replace(b'hero">old<', b'hero"><b>hi</b><')
        await send({**start, "headers": self.changed(list(start["headers"]), len(body))})
        await send({"type": "http.response.body", "body": body})

    def changed(self, headers: list[tuple[bytes, bytes]], length: int | None) -> list[tuple[bytes, bytes]]:
        if self.mistake == "makes a dict of headers":
            headers = list(dict(headers).items())
        gone = [b"etag"]
        if self.mistake != "keeps the length":
            gone.append(b"content-length")
        if self.mistake != "keeps it public":
            gone.append(b"cache-control")
            headers = [*headers, (b"Cache-Control", b"private, no-store")]
        return [pair for pair in headers if pair[0] not in gone]


async def true_length(put: Callable[[App], App]) -> bool:
    try:
        return (await call(put(Answer(PAGE, length=True)))).body == DONE
    except BrokenRule:
        return False


async def private(put: Callable[[App], App]) -> bool:
    got = await call(put(Answer(PAGE, headers=[*HTML, (b"cache-control", b"public, max-age=60")])))
    return got.body == DONE and got.header("cache-control") == "private, no-store"


async def all_cookies(put: Callable[[App], App]) -> bool:
    cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    return (await call(put(Answer(PAGE, headers=[*HTML, *cookies])))).all("set-cookie")[:2] == ["a=1", "b=2"]


async def any_split(put: Callable[[App], App]) -> bool:
    pages = [(await call(put(Answer(PAGE[:at], PAGE[at:])))).body for at in range(len(PAGE))]
    return set(pages) == {DONE}


async def streams(put: Callable[[App], App]) -> bool:
    left = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE[:28], "more_body": True})
        for _ in range(1_000):  # turns of the event loop: nothing here waits for a clock
            if left.is_set():
                break
            await asyncio.sleep(0)
        else:
            raise TimeoutError
        await send({"type": "http.response.body", "body": PAGE[28:]})

    async def note(message: Any) -> None:
        if message.get("body"):
            left.set()

    try:
        return (await call(put(app), on_send=note)).body == DONE
    except TimeoutError:
        return False


async def no_clean_end(put: Callable[[App], App]) -> bool:
    app = Answer(PAGE[:60], PAGE[60:], fail=ValueError("in the middle"), fail_at=1)
    got = await call(put(app), keep_error=True)
    return isinstance(got.error, ValueError) and not got.done


async def no_invented_end(put: Callable[[App], App]) -> bool:
    body = gzip.compress(PAGE)[:-9]
    got = await call(put(Answer(body, headers=[*HTML, (b"content-encoding", b"gzip")])))
    inflate = zlib.decompressobj(31)
    inflate.decompress(got.body)
    return not inflate.eof


async def unconditional(put: Callable[[App], App]) -> bool:
    app = Answer(PAGE)
    await call(put(app), headers=[(b"if-none-match", b'"1"')])
    return b"if-none-match" not in dict(app.scopes[0]["headers"])


LAWS: list[tuple[Law, str]] = [
    (true_length, "keeps the length"),
    (private, "keeps it public"),
    (all_cookies, "makes a dict of headers"),
    (any_split, "replaces in each chunk"),
    (streams, "gathers the page"),
    (no_clean_end, "ends cleanly"),
    (no_invented_end, "invents an end"),
    (unconditional, "leaves conditions"),
]


@pytest.mark.parametrize(("law", "mistake"), LAWS, ids=[law.__name__ for law, _ in LAWS])
async def test_the_law_holds_and_can_fail(wrap: Any, law: Law, mistake: str) -> None:
    """The real middleware keeps the law, and a middleware with the planted mistake does not."""
    assert await law(wrap)
    assert not await law(lambda app: Naive(app, mistake))
