"""C24 to C26, C29 to C36, C39: the ASGI conversation itself, through the real middleware."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from personalize import PersonalizeMiddleware
from personalize.page.codings import available, decoder, encoder
from personalize.testing import HTML, Answer, call, read_body

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


AROUND: contextvars.ContextVar[str] = contextvars.ContextVar("around", default="")


async def test_c35_background_tasks_run_once_after_the_body(wrap: Any) -> None:
    """A background task runs once, and when it runs the body has left."""
    order: list[str] = []

    async def later() -> None:
        order.append("background")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await HTMLResponse(PAGE, background=BackgroundTask(later))(scope, receive, send)

    async def note(message: Any) -> None:
        order.append(message["type"])

    got = await call(wrap(app), on_send=note)
    assert got.body == DONE
    assert order == ["http.response.start", "http.response.body", "background"]


async def test_c35_context_variables_are_seen_both_ways(wrap: Any) -> None:
    """What is set outside is seen by the app, and what the app sets is seen outside when it has returned."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(AROUND.get())
        AROUND.set("inner")
        await Answer(PAGE)(scope, receive, send)

    middleware = wrap(app)

    async def outside(scope: Any, receive: Any, send: Any) -> None:
        AROUND.set("outer")
        await middleware(scope, receive, send)
        seen.append(AROUND.get())

    await call(outside)
    assert seen == ["outer", "inner"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_c36_the_request_body_is_untouched(wrap: Any, method: str) -> None:
    """Each message of the request body reaches the app as the client sent it."""
    chunks: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            chunks.append(message["body"])
            more = message["more_body"]
        await HTMLResponse(PAGE)(scope, receive, send)

    await call(wrap(app), method=method, body=[b"one", b"", b"two"])
    assert chunks == [b"one", b"", b"two"]


async def test_c36_a_disconnect_is_delivered(wrap: Any) -> None:
    """An app that waits for the client's going is told of it."""
    said: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await read_body(receive)
        said.append((await receive())["type"])

    await call(wrap(app), gone_in=0.01, strict=False)
    assert said == ["http.disconnect"]


async def test_c39_rules_match_the_whole_path(wrap: Any) -> None:
    """Under a root_path or a mount the rules see scope["path"] in full, whatever the Host header says."""
    slots = {"hero": {"match": {"path": "/shop/page"}, "default": {"html": "<b>hi</b>"}}}
    middleware = wrap(Answer(PAGE), slots=slots)
    assert (await call(middleware, "/page", root_path="/shop", host="evil/shop/page?")).body == DONE
    assert (await call(middleware, "/page", host="x/shop/page")).body == PAGE


async def test_c39_inside_a_mount(wrap: Any) -> None:
    """The middleware inside a mounted app sees the path that the visitor asked for."""
    slots = {"hero": {"match": {"path": "/shop/page"}, "default": {"html": "<b>hi</b>"}}}

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse(PAGE)

    inner = wrap(Starlette(routes=[Route("/page", page)]), slots=slots)
    outer = Starlette(routes=[Mount("/shop", app=inner), Route("/page", page)])
    assert (await call(outer, "/shop/page")).body == DONE
    assert (await call(outer, "/page")).body == PAGE


async def test_c39_a_config_that_a_mount_puts_out_of_reach_is_told(wrap: Any) -> None:
    """Where no path of the config can be one below root_path, that is said once, with how to write them; else nothing
    is."""
    for path, told in (("/page", True), ("/shop/page", False), ("/**", False), ("/{any}/page", False)):
        middleware = wrap(Answer(PAGE), slots={"hero": {"match": {"path": path}, "default": {"html": "<b>hi</b>"}}})
        for _ in range(2):
            await call(middleware, "/page", root_path="/shop")
        assert ("below /shop" in middleware.observer.states.get("every path", "")) == told
    elsewhere = wrap(Answer(PAGE), slots={"hero": {"match": {"path": "/page"}, "default": {"html": "<b>hi</b>"}}})
    await call(elsewhere, "/page")
    assert "every path" not in elsewhere.observer.states


async def test_c39_twice_is_once(wrap: Any) -> None:
    """A second pass changes nothing: the messages are those of one. (Each app here signs with a key of its own.)"""
    app = Answer(PAGE, length=True)
    once, twice = await call(wrap(app)), await call(wrap(wrap(app)))
    signed = (b"set-cookie", b"server-timing")
    strip = [[pair for pair in got.headers if pair[0] not in signed] for got in (once, twice)]
    assert strip[0] == strip[1] and len(once.all("set-cookie")) == len(twice.all("set-cookie")) == 1
    assert len(once.all("server-timing")) == len(twice.all("server-timing")) == 1
    assert once.body == twice.body == DONE


async def test_what_the_app_writes_into_its_scope_is_seen_outside(wrap: Any) -> None:
    """Tracing middleware outside reads the route that the app's router left in the scope."""
    seen: dict[str, Any] = {}

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse(PAGE)

    class Outside:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            if scope["type"] == "http":
                seen.update(scope)

    inner = Starlette(routes=[Route("/page/{name}", page)])
    got = await call(Outside(wrap(inner)), "/page/a", headers=[(b"range", b"bytes=0-1")])
    assert got.body == DONE
    assert seen["endpoint"] is page and seen["path_params"] == {"name": "a"}
    assert (b"range", b"bytes=0-1") in seen["headers"]


async def test_a_starlette_middleware_is_enough() -> None:
    """`Middleware(PersonalizeMiddleware, config=...)` is all that a Starlette site needs, lifespan or not."""

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse(PAGE)

    slots = {"hero": {"match": {"path": "/"}, "default": {"html": "<b>hi</b>"}}}
    config = {"version": 1, "store": "memory", "slots": slots}
    app = Starlette(routes=[Route("/", page)], middleware=[Middleware(PersonalizeMiddleware, config=config)])
    assert (await call(app)).body == DONE


@pytest.mark.parametrize("frozen", [True, False])
async def test_what_is_there_at_the_start_is_frozen_where_the_site_says_so(wrap: Any, frozen: bool) -> None:
    """With `freeze_at_start` the garbage collector passes over what was there when the app had started, and the log
    says so; without, nothing of the process is touched."""
    middleware = wrap(Answer(PAGE), site={"freeze_at_start": frozen})
    asked: asyncio.Queue[Any] = asyncio.Queue()
    before, after = gc.get_freeze_count(), []

    async def send(message: Any) -> None:
        after.append(gc.get_freeze_count())
        await asked.put({"type": "lifespan.shutdown"})

    await asked.put({"type": "lifespan.startup"})
    try:
        await middleware({"type": "lifespan"}, asked.get, send)
        assert (after[0] - before > 10_000) is frozen
        assert ("garbage collector" in middleware.observer.states) is frozen
    finally:
        gc.unfreeze()
