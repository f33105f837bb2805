"""C35, C36, C39: what an app has around it (a request's body, context, mounts, other middleware) stays its own."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from personalize import PersonalizeMiddleware
from personalize.testing import Answer, call, read_body

PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p>rest</p></body></html>'
DONE = PAGE.replace(b"old", b"<b>hi</b>")
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
