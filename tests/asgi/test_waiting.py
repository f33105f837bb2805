"""Slots whose content is still on its way: what leaves before it, how long a page waits, and who walks away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from personalize.testing import HTML, Answer, call

HEAD = b'<!doctype html><html><body><p>before</p><div data-slot="hero">'
TAIL = b"old</div><p>after</p></body></html>"
PAGE = HEAD + TAIL
DONE = PAGE.replace(b"old", b"<b>late</b>")
BACK = PAGE.replace(b"old", b"<i>fallback</i>")


class Backend:
    """A real server on loopback that answers when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.asked = asyncio.Event()
        self.calls = 0
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
                self.calls += 1
                self.asked.set()
                await self.let.wait()
                body = b"<b>late</b>"
                head = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n" % len(body)
                writer.write(head + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    made = Backend()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    made.let.set()
    server.close()


@pytest.fixture
def slow(wrap: Any, backend: Backend) -> Callable[..., Any]:
    """The middleware with one slot from the backend; `budget` is what a page may wait."""

    def put(app: Any, budget: str) -> Any:
        source = {
            "use": "http", "url": f"http://127.0.0.1:{backend.port}/x", "allow_private": True, "trust": "trusted",
            "timeout": budget, "deadline": "10s",
        }  # fmt: skip
        slot = {
            "match": {"path": "/**"},
            "consent": "none",
            "default": {"source": "cms"},
            "fallback": {"html": "<i>fallback</i>"},
        }
        return wrap(app, site={"budget": budget}, sources={"cms": source}, slots={"hero": slot})

    return put


@pytest.mark.parametrize("chunks", [(PAGE,), (HEAD, TAIL)], ids=["whole", "parts"])
async def test_a_page_waits_for_its_content(slow: Any, backend: Backend, chunks: tuple[bytes, ...]) -> None:
    """Content that arrives inside the budget is in the page, whole or in parts."""
    running = asyncio.ensure_future(call(slow(Answer(*chunks, length=True), "5s")))
    await backend.asked.wait()
    backend.let.set()
    got = await running
    assert got.body == DONE
    assert got.header("cache-control") == "private, no-store"
    assert got.header("content-length") == (str(len(DONE)) if len(chunks) == 1 else None)


@pytest.mark.parametrize("chunks", [(PAGE,), (HEAD, TAIL)], ids=["whole", "parts"])
async def test_a_late_source_gives_the_fallback(slow: Any, chunks: tuple[bytes, ...]) -> None:
    """Content that does not come inside the budget is replaced by the slot's fallback."""
    got = await call(slow(Answer(*chunks), "50ms"))
    assert got.body == BACK


async def test_what_is_before_the_slot_does_not_wait(slow: Any, backend: Backend) -> None:
    """The bytes before a waiting slot leave before the content is there."""
    left = asyncio.Event()
    out = b""

    async def note(message: Any) -> None:
        nonlocal out
        out += message.get("body", b"")
        if out == HEAD:
            left.set()

    running = asyncio.ensure_future(call(slow(Answer(HEAD, TAIL), "5s"), on_send=note))
    await asyncio.wait_for(left.wait(), 30)
    backend.let.set()
    assert (await running).body == DONE


async def test_c32_a_page_for_nobody_does_not_wait_on(slow: Any, backend: Backend) -> None:
    """When the client is gone the page stops at its next byte, and the fetch goes on for those who share it."""
    app = slow(Answer(HEAD, TAIL, b"<p>more</p>"), "100ms")
    got = await call(app, gone_after=2, send_fails=True, keep_error=True)
    assert isinstance(got.error, OSError)
    backend.let.set()
    for _ in range(200):
        got = await call(app)
        if b"late" in got.body:
            break
        await asyncio.sleep(0.01)
    assert got.body == DONE + b"<p>more</p>" and backend.calls == 1


async def test_c30_an_app_that_fails_while_a_slot_waits(slow: Any, backend: Backend) -> None:
    """The app's error propagates at once, though content was awaited."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": HEAD, "more_body": True})
        raise ValueError("in the middle")

    got = await call(slow(app, "50ms"), keep_error=True)
    assert isinstance(got.error, ValueError) and not got.done


async def test_a_cancelled_request_leaves_the_fetch_to_others(slow: Any, backend: Backend) -> None:
    """A server that cancels a request whose page waits does not cancel the fetch that others share."""
    app = slow(Answer(PAGE), "5s")
    first, second = asyncio.ensure_future(call(app)), asyncio.ensure_future(call(app))
    await backend.asked.wait()
    await asyncio.sleep(0.02)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    backend.let.set()
    assert (await second).body == DONE and backend.calls == 1


@pytest.mark.parametrize("slots", [{"element": "main .card"}, {"element": "[data-slot=hero]"}])
async def test_others_get_their_turn_while_a_large_new_page_is_read(wrap: Any, slots: dict[str, str]) -> None:
    """A large page that nobody saw before is read in steps, by the same result; one that came before takes one."""
    page = b"<!doctype html><main>" + b"<p>word</p>" * 60_000 + b'<div class=card data-slot="hero">old</div></main>'
    app = wrap(Answer(page), slots={"hero": {"match": {"path": "/**", **slots}, "default": {"html": "<b>hi</b>"}}})
    turns: list[int] = []
    for _ in range(2):
        asked = asyncio.create_task(call(app, within=60))
        turns.append(0)
        while not asked.done():
            await asyncio.sleep(0)
            turns[-1] += 1
        assert asked.result().body == page.replace(b"old", b"<b>hi</b>")
    assert turns[0] >= len(page) >> 16
    assert turns[1] < turns[0]
