"""C24 to C26, C29 to C34: the ASGI conversation itself, through the real middleware."""

from __future__ import annotations

import asyncio
import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from personalize.page.codings import available, decoder, encoder
from personalize.testing import HTML, Answer, call

PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p>rest</p></body></html>'
DONE = PAGE.replace(b"old", b"<b>hi</b>")
BY_FILE = {"http.response.pathsend": {}, "http.response.zerocopysend": {}, "http.response.debug": {}}


async def test_c24_files_cannot_be_sent_past_a_page(wrap: Any) -> None:
    """Where a page may be rewritten the app is not offered pathsend or zerocopysend; the server's scope keeps them."""
    app = Answer(PAGE)
    got = await call(wrap(app), extensions=BY_FILE)
    assert got.body == DONE
    assert set(app.scopes[0]["extensions"]) == {"http.response.debug"}


async def test_c24_elsewhere_a_file_is_sent_by_the_server(wrap: Any) -> None:
    """On a path without slots pathsend is offered, and its message passes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert "http.response.pathsend" in scope["extensions"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/png")]})
        await send({"type": "http.response.pathsend", "path": "/tmp/a.png"})

    slots = {"hero": {"match": {"path": "/page"}, "default": {"html": "x"}}}
    got = await call(wrap(app, slots=slots), "/a.png", extensions=BY_FILE)
    assert [m["type"] for m in got.messages] == ["http.response.start", "http.response.pathsend"]


@pytest.mark.parametrize("headers", [HTML, [(b"content-type", b"image/png")]], ids=["html", "image"])
async def test_c24_a_file_that_is_sent_all_the_same_passes(wrap: Any, headers: Any) -> None:
    """An app that sends a path unasked is passed on message for message."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.pathsend", "path": "/tmp/a.png"})

    assert (await call(wrap(app))).messages == (await call(app)).messages


@pytest.mark.parametrize("headers", [HTML, [(b"content-type", b"image/png")]], ids=["html", "image"])
@pytest.mark.parametrize("chunks", [(PAGE,), (PAGE[:40], PAGE[40:])])
async def test_c25_other_messages_pass_in_order(wrap: Any, headers: Any, chunks: tuple[bytes, ...]) -> None:
    """Early hints, debug, push, trailers and unknown types are forwarded where the app sent them."""
    before = [
        {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]},
        {"type": "http.response.debug", "info": {"template": "a.html"}},
        {"type": "http.response.push", "path": "/a.css", "headers": []},
        {"type": "x.unknown", "a": 1},
    ]
    after = [{"type": "http.response.trailers", "headers": [(b"x-took", b"1")]}]
    app = Answer(*chunks, headers=headers, before=before, after=after)
    bare, got = await call(app), await call(wrap(app))
    assert [m["type"] for m in got.messages] == [m["type"] for m in bare.messages]
    assert got.messages[:4] == before and got.messages[-1] == after[0]
    assert got.start["trailers"] is True
    assert got.body == (DONE if headers is HTML else PAGE)


async def test_c25_messages_between_start_and_body_keep_their_place(wrap: Any) -> None:
    """What comes after the start and before the body leaves between them."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.push", "path": "/a.css", "headers": []})
        await send({"type": "http.response.body", "body": PAGE})

    got = await call(wrap(app))
    assert [m["type"] for m in got.messages] == ["http.response.start", "http.response.push", "http.response.body"]
    assert got.body == DONE


@pytest.mark.parametrize("page", [PAGE, b"\xff\xfe" + PAGE.decode().encode("utf-16-le")], ids=["page", "utf-16"])
async def test_c25_messages_between_first_bytes_keep_their_place(wrap: Any, page: bytes) -> None:
    """While the first bytes are held until the encoding is known, other messages are held with them, in order."""
    push = {"type": "http.response.push", "path": "/a.css", "headers": []}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": page[:1], "more_body": True})
        await send(push)
        await send({"type": "http.response.body", "body": page[1:]})

    bare, got = await call(app), await call(wrap(app))
    assert got.messages.count(push) == 1 and got.messages[0]["type"] == "http.response.start"
    if page is PAGE:
        assert got.body == DONE
    else:
        assert got.messages == bare.messages


@pytest.mark.parametrize("kind", ["websocket", "x.unknown"])
async def test_c26_other_scopes_pass_as_the_same_objects(wrap: Any, kind: str) -> None:
    """The app gets the very scope, receive and send that the server gave."""
    got: list[Any] = []

    async def app(*given: Any) -> None:
        got.extend(given)

    async def receive() -> Any: ...

    async def send(message: Any) -> None: ...

    scope = {"type": kind, "path": "/", "headers": []}
    await wrap(app)(scope, receive, send)
    assert got[0] is scope and got[1] is receive and got[2] is send


async def test_c26_lifespan_passes_and_the_app_sees_its_own_messages(wrap: Any) -> None:
    """Startup and shutdown reach the app, with its state, and its answers reach the server."""
    got: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append(scope)
        for _ in range(2):
            message = await receive()
            await send({"type": message["type"] + ".complete"})

    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    said: list[Any] = []

    async def receive() -> Any:
        return next(asked)

    async def send(message: Any) -> None:
        said.append(message["type"])

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    await wrap(app)(scope, receive, send)
    assert got[0] is scope
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_c26_an_app_without_lifespan_fails_as_it_does_bare(wrap: Any) -> None:
    """An app that refuses lifespan says so to the server, which goes on without; pages are served all the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise RuntimeError("http only")
        await Answer(PAGE)(scope, receive, send)

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None: ...

    middleware = wrap(app)
    with pytest.raises(RuntimeError, match="http only"):
        await middleware({"type": "lifespan"}, receive, send)
    assert (await call(middleware)).body == DONE
    await middleware.watcher.history.log.flush()
    assert [event.name for event in await middleware.watcher.history.store.read()] == ["Page Viewed"]


async def test_what_was_accepted_is_written_before_shutdown_is_complete(wrap: Any, tmp_path: Path) -> None:
    """A server ends its loop when it hears that shutdown is complete, so by then every event is in the log."""
    middleware = wrap(Answer(PAGE), store=f"sqlite:///{tmp_path}/log.db")
    asked: asyncio.Queue[Any] = asyncio.Queue()
    started, stored = asyncio.Event(), []

    async def send(message: Any) -> None:
        if message["type"] == "lifespan.startup.complete":
            started.set()
        else:
            with sqlite3.connect(tmp_path / "log.db") as log:
                stored.extend(log.execute("select name from events"))

    await asked.put({"type": "lifespan.startup"})
    life = asyncio.ensure_future(middleware({"type": "lifespan"}, asked.get, send))
    await started.wait()
    await call(middleware)
    await asked.put({"type": "lifespan.shutdown"})
    await life
    assert stored == [("Page Viewed",)]


async def test_a_second_lifespan_begins_again(wrap: Any, tmp_path: Path) -> None:
    """A site that is started anew in the same process, as test clients do, records events as before."""
    middleware = wrap(Answer(PAGE), store=f"sqlite:///{tmp_path}/log.db")
    for n in (1, 2, 3):
        asked: asyncio.Queue[Any] = asyncio.Queue()
        started = asyncio.Event()

        async def send(message: Any, started: asyncio.Event = started) -> None:
            started.set()

        await asked.put({"type": "lifespan.startup"})
        life = asyncio.ensure_future(middleware({"type": "lifespan"}, asked.get, send))
        await started.wait()
        assert (await call(middleware)).body == DONE
        await asked.put({"type": "lifespan.shutdown"})
        await life
        with sqlite3.connect(tmp_path / "log.db") as log:
            assert log.execute("select count(*) from events").fetchone() == (n,)
    assert middleware.observer.counters["events.dropped"] == 0


async def test_c29_an_error_before_the_body_leaves_nothing_sent(wrap: Any) -> None:
    """The app's exception propagates, and as no byte was promised, the server can answer with its own error page."""
    error = ValueError("before the body")
    got = await call(wrap(Answer(PAGE, fail=error, fail_at=0)), keep_error=True)
    assert got.error is error and got.messages == []


async def test_c29_an_error_without_a_start_propagates(wrap: Any) -> None:
    """An app that fails at once fails as it does bare."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("at once")

    got = await call(wrap(app), keep_error=True)
    assert isinstance(got.error, ValueError) and got.messages == []


@pytest.mark.parametrize("headers", [HTML, [(b"content-type", b"image/png")]], ids=["html", "image"])
@pytest.mark.parametrize("at", [1, 2])
async def test_c30_an_error_after_bytes_is_never_a_clean_end(wrap: Any, headers: Any, at: int) -> None:
    """The exception propagates, and the body has no proper end."""
    error = ValueError("in the middle")
    app = Answer(PAGE[:30], PAGE[30:60], PAGE[60:], headers=headers, fail=error, fail_at=at)
    got = await call(wrap(app), keep_error=True)
    assert got.error is error and not got.done
    assert (DONE if headers is HTML else PAGE).startswith(got.body) and got.body


async def test_c30_an_error_after_the_end_propagates(wrap: Any) -> None:
    """A failing background task is the app's own error, as it is bare."""
    error = ValueError("in the background")
    got = await call(wrap(Answer(PAGE, fail=error)), keep_error=True)
    assert got.error is error and got.body == DONE and got.done


async def test_c32_work_stops_when_the_client_is_gone(wrap: Any) -> None:
    """Where sending fails because nobody is there, the app learns it at its next chunk and stops."""
    made = 0

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        nonlocal made
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        while True:
            made += 1
            await send({"type": "http.response.body", "body": b"<p>more</p>", "more_body": True})

    got = await call(wrap(endless), gone_after=3, send_fails=True, keep_error=True)
    assert isinstance(got.error, OSError)
    assert made <= 4


async def test_c32_a_silent_server_does_not_hold_the_page(wrap: Any) -> None:
    """`send` need not raise: an app that watches `receive` hears of the client's going through the middleware."""
    heard = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE[:40], "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        heard.set()

    await call(wrap(app), gone_after=2)
    assert heard.is_set()


async def test_c33_back_pressure_reaches_the_app(wrap: Any) -> None:
    """While the client takes nothing, the app's own send does not return: no queue grows."""
    made = 0
    taken = asyncio.Semaphore(0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal made
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        for _ in range(50):
            made += 1
            await send({"type": "http.response.body", "body": b"<p>" + b"x" * 1000 + b"</p>", "more_body": True})
        await send({"type": "http.response.body", "body": PAGE})

    async def slow(message: Any) -> None:
        await taken.acquire()

    running = asyncio.ensure_future(call(wrap(app), on_send=slow))
    await asyncio.sleep(0.05)
    assert made <= 1
    for _ in range(10):
        taken.release()
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert made <= 11
    for _ in range(100):
        taken.release()
    assert (await running).body.endswith(DONE)


@pytest.mark.parametrize(("limit", "kept"), [("1MB", True), (0, False), ("30KB", False)])
async def test_pages_are_known_again_as_far_as_their_memory_goes(wrap: Any, limit: Any, kept: bool) -> None:
    """`page_memory` bounds what is kept of pages; with none, and for a page too large for it, each page is read."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE + b"<p>x</p>" * 500})

    middleware = wrap(app, site={"page_memory": limit})
    for _ in range(3):
        assert (await call(middleware)).body == DONE + b"<p>x</p>" * 500
    assert (len(middleware.engine.shapes) == 1) is kept
    assert middleware.engine.shapes.used <= middleware.engine.shapes.limit


@pytest.mark.parametrize("shape", ["paragraphs", "one endless text", "one endless comment", "one endless tag"])
async def test_c34_an_endless_page_needs_no_memory(wrap: Any, shape: str) -> None:
    """64 MB of page stream through; its first slot is filled, and memory stays flat."""
    begin, chunk = {
        "paragraphs": (b"", b"<p>" + b"word " * 13_000 + b"</p>"),
        "one endless text": (b"", b"word " * 13_000),
        "one endless comment": (b"<!--", b"word " * 13_000),
        "one endless tag": (b"<p ", b"word " * 13_000),
    }[shape]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE[:-14] + begin, "more_body": True})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    size, head = 0, b""

    async def server(scope: Any, receive: Any, send: Any) -> None:
        async def count(message: Any) -> None:
            nonlocal size, head
            size += len(message.get("body", b""))
            head = head or message.get("body", b"")

        await middleware(scope, receive, count)

    middleware = wrap(app)
    await call(middleware, "/warm-up", within=60)
    tracemalloc.start()
    try:
        await call(server, strict=False, within=60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == len(DONE[:-14] + begin) + 1000 * len(chunk)
    assert b"<b>hi</b>" in head
    assert peak < 8_000_000


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_c34_a_bomb_streams_too(wrap: Any, coding: str) -> None:
    """One small coded chunk that becomes 48 MB passes through in pieces; its first slot is filled."""
    if not available(coding):
        pytest.skip(f"no library for {coding}")
    encode = encoder(coding)
    parts = [PAGE, *[b"word " * 200_000] * 48]
    body = b"".join([encode.encode(part) for part in parts]) + encode.encode(b"", end=True)
    middleware = wrap(Answer(body, headers=[*HTML, (b"content-encoding", coding.encode())]))
    back, size, head = decoder(coding), 0, b""

    async def server(scope: Any, receive: Any, send: Any) -> None:
        async def count(message: Any) -> None:
            nonlocal size, head
            for piece in back.feed(message.get("body", b"")):
                head = head or piece
                size += len(piece)

        await middleware(scope, receive, count)

    tracemalloc.start()
    try:
        await call(server, strict=False, within=60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == len(DONE) + 48_000_000 and back.complete
    assert b"<b>hi</b>" in head
    assert peak < 24_000_000
