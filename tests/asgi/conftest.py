"""The real middleware around small apps, called in process and over real sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import pytest

from personalize import PersonalizeMiddleware
from personalize.testing import App

Server = Literal["uvicorn-h11", "uvicorn-httptools", "hypercorn"]


def make_config(
    *, site: dict[str, Any] | None = None, slots: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A config with one slot, `hero`, on every path, that shows <b>hi</b> to everybody."""
    hero = {"match": {"path": "/**"}, "consent": "none", "default": {"html": "<b>hi</b>"}}
    return {
        "version": 1,
        "store": "memory",
        "site": {"consent": {"default": "granted"}, **(site or {})},
        "slots": {"hero": hero} if slots is None else slots,
        **more,
    }


class Wrap(Protocol):
    def __call__(self, app: App, config: dict[str, Any] | None = None, **changes: Any) -> PersonalizeMiddleware: ...


@pytest.fixture
async def wrap() -> AsyncIterator[Wrap]:
    """Puts the middleware around an app; `changes` are those of make_config. Closed when the test ends."""
    made: list[PersonalizeMiddleware] = []

    def put(app: App, config: dict[str, Any] | None = None, **changes: Any) -> PersonalizeMiddleware:
        made.append(PersonalizeMiddleware(app, config or make_config(**changes)))
        return made[-1]

    yield put
    for middleware in made:
        await middleware.close()


@contextmanager
def serving(app: App, server: Server) -> Iterator[int]:
    """Run a real server on an ephemeral port of 127.0.0.1, in a thread; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        run, stop = _hypercorn(app, listening) if server == "hypercorn" else _uvicorn(app, listening, server)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            stop()
            thread.join(10)


def _uvicorn(app: App, listening: socket.socket, server: Server) -> tuple[Callable[[], None], Callable[[], None]]:
    uvicorn = pytest.importorskip("uvicorn")
    http = server.removeprefix("uvicorn-")
    pytest.importorskip(http)
    made = uvicorn.Server(
        uvicorn.Config(app, http=http, log_level="critical", lifespan="on", timeout_graceful_shutdown=2)
    )

    def stop() -> None:
        made.should_exit = True

    return lambda: made.run(sockets=[listening]), stop


def _hypercorn(app: App, listening: socket.socket) -> tuple[Callable[[], None], Callable[[], None]]:
    pytest.importorskip("hypercorn")
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{os.dup(listening.fileno())}"]  # hypercorn closes its own
    config.graceful_timeout = 2
    config.loglevel = "critical"
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    def run() -> None:
        loop.run_until_complete(serve(app, config, shutdown_trigger=ended.wait))  # type: ignore[arg-type]
        loop.close()

    return run, lambda: loop.call_soon_threadsafe(ended.set) and None


@pytest.fixture(params=["uvicorn-h11", "uvicorn-httptools", "hypercorn"])
def served(request: pytest.FixtureRequest) -> Iterator[Callable[[App], int]]:
    """Serves the middleware around an app with each server in turn; gives the port."""
    open_servers: list[Any] = []

    def serve(app: App, **changes: Any) -> int:
        context = serving(PersonalizeMiddleware(app, make_config(**changes)), request.param)
        open_servers.append(context)
        return context.__enter__()

    yield serve
    for context in reversed(open_servers):
        context.__exit__(None, None, None)
