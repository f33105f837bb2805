"""A page, its config, and what a visitor must see: the same for every framework."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.testing import App, Response, call

HTML = '<!doctype html><html><body><div data-slot="hero">old</div><p>merhaba dünya</p></body></html>'
DONE = HTML.replace("old", "<b>hi</b>")


@pytest.fixture
def html() -> str:
    return HTML


@pytest.fixture
def config() -> dict[str, Any]:
    """One slot on /page, for everybody, in a site that may set its cookie."""
    slot = {"match": {"path": "/page"}, "consent": "none", "default": {"html": "<b>hi</b>"}}
    return {"version": 1, "store": "memory", "site": {"consent": {"default": "granted"}}, "slots": {"hero": slot}}


@pytest.fixture
async def wrap(config: dict[str, Any]) -> AsyncIterator[Callable[[App], PersonalizeMiddleware]]:
    made: list[PersonalizeMiddleware] = []

    def put(app: App) -> PersonalizeMiddleware:
        made.append(PersonalizeMiddleware(app, config))
        return made[-1]

    yield put
    for middleware in made:
        await middleware.close()


def body_of(response: Response) -> str:
    data = response.body
    return (gzip.decompress(data) if response.header("content-encoding") == "gzip" else data).decode()


@pytest.fixture
def shows() -> Callable[..., Awaitable[Response]]:
    """Asks an app for /page and /other: the slot is filled on the one, and the other is as it was."""

    async def check(app: Any, *, coding: str | None = None) -> Response:
        headers = [(b"accept-encoding", coding.encode())] if coding else []
        page, other = await call(app, "/page", headers=headers), await call(app, "/other", headers=headers)
        assert page.status == other.status == 200
        assert body_of(page) == DONE and body_of(other) == HTML
        assert page.header("content-encoding") == other.header("content-encoding") == coding
        assert page.header("cache-control") == "private, no-store" and "__Host-pz" in page.cookies
        assert other.header("cache-control") is None and "__Host-pz" not in other.cookies
        length = page.header("content-length")
        assert length is None or int(length) == len(page.body)
        return page

    return check
