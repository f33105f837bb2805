"""Starlette and FastAPI: the middleware in their own lists, with GZipMiddleware on either side."""

from __future__ import annotations

from typing import Any

import pytest

from personalize import ConfigError, PersonalizeMiddleware
from personalize.observe import LogObserver
from personalize.testing import Answer, call


def starlette_app(html: str, middleware: list[Any]) -> Any:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse(html)

    return Starlette(routes=[Route("/page", page), Route("/other", page)], middleware=middleware)


async def test_starlette(html: str, config: Any, shows: Any) -> None:
    """Middleware(PersonalizeMiddleware, config=...) fills the slot of a Starlette page."""
    from starlette.middleware import Middleware

    await shows(starlette_app(html, [Middleware(PersonalizeMiddleware, config=config)]))


@pytest.mark.parametrize("order", ["gzip outside", "gzip inside"])
async def test_starlette_with_gzip(html: str, config: Any, shows: Any, order: str) -> None:
    """GZipMiddleware before or after us in the list: the decoded pages are equal."""
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware

    middleware = [Middleware(GZipMiddleware, minimum_size=10), Middleware(PersonalizeMiddleware, config=config)]
    await shows(starlette_app(html, middleware if order == "gzip outside" else middleware[::-1]), coding="gzip")


async def test_starlette_test_client(html: str, config: Any) -> None:
    """Starlette's own test client, which makes an event loop for each request, sees the same page each time."""
    from starlette.middleware import Middleware
    from starlette.testclient import TestClient

    app = starlette_app(html, [Middleware(PersonalizeMiddleware, config=config)])
    client = TestClient(app)
    for _ in range(3):
        assert "<b>hi</b>" in client.get("/page").text
    with TestClient(app) as entered:
        assert "<b>hi</b>" in entered.get("/page").text


async def test_starlette_stream_and_file(html: str, shows: Any, wrap: Any, tmp_path: Any) -> None:
    """A streamed page and a page from a file are filled, and a conditional request for the file gets the page."""
    from starlette.applications import Starlette
    from starlette.responses import FileResponse, StreamingResponse
    from starlette.routing import Route

    from personalize.testing import call

    (tmp_path / "page.html").write_text(html)

    async def stream(request: Any) -> StreamingResponse:
        return StreamingResponse((html[at : at + 7] for at in range(0, len(html), 7)), media_type="text/html")

    async def file(request: Any) -> FileResponse:
        return FileResponse(tmp_path / "page.html")

    await shows(wrap(Starlette(routes=[Route("/page", stream), Route("/other", stream)])))
    app = wrap(Starlette(routes=[Route("/page", file)]))
    got = await call(app, "/page", headers=[(b"range", b"bytes=0-9")], extensions={"http.response.pathsend": {}})
    assert got.status == 200 and "<b>hi</b>" in got.text and got.header("accept-ranges") is None


async def test_starlette_base_http_middleware(html: str, config: Any, shows: Any) -> None:
    """A site's own BaseHTTPMiddleware may stand on either side."""
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware

    class Own(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["x-own"] = "1"
            return response

    ours = Middleware(PersonalizeMiddleware, config=config)
    for middleware in ([Middleware(Own), ours], [ours, Middleware(Own)]):
        page = await shows(starlette_app(html, middleware))
        assert page.header("x-own") == "1"


async def test_fastapi(html: str, config: Any, shows: Any) -> None:
    """add_middleware(PersonalizeMiddleware, config=...) fills the slot of a FastAPI page; JSON stays as it is."""
    fastapi = pytest.importorskip("fastapi")
    from starlette.responses import HTMLResponse

    from personalize.testing import call

    app = fastapi.FastAPI()

    @app.get("/page", response_class=HTMLResponse)
    async def page() -> str:
        return html

    @app.get("/other", response_class=HTMLResponse)
    def other() -> str:
        return html

    @app.get("/data")
    async def data() -> dict[str, str]:
        return {"html": html}

    bare = await call(app, "/data")
    app.middleware_stack = None  # built anew with the middleware, as at start
    app.add_middleware(PersonalizeMiddleware, config=config)
    await shows(app)
    assert (await call(app, "/data")).messages == bare.messages


async def test_fastapi_with_gzip(html: str, config: Any, shows: Any) -> None:
    """The same with GZipMiddleware added after us, which puts it outside, and before us, which puts it inside."""
    fastapi = pytest.importorskip("fastapi")
    from fastapi.middleware.gzip import GZipMiddleware
    from starlette.responses import HTMLResponse

    for inside in (True, False):
        app = fastapi.FastAPI()
        app.add_api_route("/page", lambda: HTMLResponse(html))
        app.add_api_route("/other", lambda: HTMLResponse(html))
        if inside:
            app.add_middleware(GZipMiddleware, minimum_size=10)
        app.add_middleware(PersonalizeMiddleware, config=config)
        if not inside:
            app.add_middleware(GZipMiddleware, minimum_size=10)
        await shows(app, coding="gzip")


async def test_plain_asgi(html: str, wrap: Any, shows: Any) -> None:
    """An app that is one function is wrapped by a call."""
    from personalize.testing import Answer

    await shows(wrap(Answer(html.encode())))


@pytest.mark.parametrize("framework", ["starlette.applications:Starlette", "fastapi:FastAPI"])
async def test_a_bad_config_is_refused_where_the_stack_is_built_late(framework: str) -> None:
    """Starlette and FastAPI build their middleware inside the first call. The server's start fails with what is wrong;
    without a lifespan the site is served as it is, and the log says so once."""
    module, _, name = framework.partition(":")
    observer = LogObserver()

    def made() -> Any:
        app = getattr(pytest.importorskip(module), name)()
        app.mount("/", Answer(b"<p data-slot=hero>plain</p>"))
        app.add_middleware(PersonalizeMiddleware, config={"version": 1, "soltz": {}}, observer=observer)
        return app

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await made()({"type": "lifespan", "state": {}, "app": None}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert 'unknown key "soltz" (did you mean "slots"?)' in sent[0]["message"]
    assert not observer.states
    app = made()
    assert [(await call(app, "/")).text for _ in range(2)] == ["<p data-slot=hero>plain</p>"] * 2
    assert "soltz" in observer.states["config"]


def test_a_bad_config_is_refused_at_once_elsewhere() -> None:
    """Wrapped by hand, it is told before anything is served."""
    with pytest.raises(ConfigError, match="soltz"):
        PersonalizeMiddleware(Answer(b""), {"version": 1, "soltz": {}})
