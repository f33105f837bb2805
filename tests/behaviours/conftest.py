"""A small real shop around which the behaviours are shown: an app, a config, visitors with cookies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.testing import Response, call

PAGE = (
    b"<!doctype html><html><head><title>Shop</title></head><body>"
    b"<section data-slot=hero><h1>Welcome</h1></section>"
    b"<div data-slot=carousel><p>plain list</p></div><footer>always the same</footer></body></html>"
)
PRODUCTS = [
    {"id": f"p{n}", "title": f"Product {n}", "link": f"/p/p{n}", "price": f"{n}.00 EUR", "product_type": kind}
    for n, kind in enumerate(["paste", "brush", "soap", "boat", "book", "lamp", "cup", "rug", "tea", "ink"])
]


async def shop(scope: Any, receive: Any, send: Any) -> None:
    """The site itself: the same page on every path, and it knows nothing of personalization."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(PAGE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})


class Clock:
    """Time that a test moves."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Browser:
    """A visitor's browser: keeps cookies, sends consent."""

    def __init__(
        self, app: PersonalizeMiddleware, consent: str | None = "granted", agent: str = "Mozilla/5.0 Firefox/140.0"
    ) -> None:
        self.app = app
        self.agent = agent
        self.cookies: dict[str, str] = {} if consent is None else {"consent": consent}

    async def get(
        self, path: str = "/", query: str = "", method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> Response:
        cookie = "; ".join(f"{n}={v}" for n, v in self.cookies.items()).encode()
        sent = [(b"user-agent", self.agent.encode()), (b"cookie", cookie), *headers]
        response = await call(
            self.app, path, method=method, query=query.encode(), headers=sent, scheme="https", host="shop.example"
        )
        for name, value in response.headers:
            if name == b"set-cookie":
                key, _, rest = value.decode().partition("=")
                self.cookies[key] = rest.partition(";")[0]
        await self.app.watcher.history.log.flush()
        return response


@pytest.fixture
def clock() -> Clock:
    return Clock(1_790_000_000.0)


@pytest.fixture
async def site(tmp_path: Path, clock: Clock) -> AsyncIterator[Callable[..., Any]]:
    """Makes the wrapped shop for a config in YAML text (or a dict); closed at the test's end."""
    opened: list[PersonalizeMiddleware] = []
    (tmp_path / "products.jsonl").write_text("\n".join(json.dumps(p) for p in PRODUCTS))

    async def make(config: str | dict[str, Any], templates: dict[str, str] | None = None) -> PersonalizeMiddleware:
        (tmp_path / "templates").mkdir(exist_ok=True)
        for name, text in (templates or {}).items():
            (tmp_path / "templates" / name).write_text(text)
        source: Any = config
        if isinstance(config, str):
            source = tmp_path / "personalize.yaml"
            source.write_text(config)
        app = PersonalizeMiddleware(shop, source, clock=clock)
        opened.append(app)
        await app.start()
        return app

    yield make
    for app in opened:
        await app.close()


@pytest.fixture
def browser() -> type[Browser]:
    return Browser


async def events(app: PersonalizeMiddleware, name: str) -> list[Any]:
    """Stored events of one name, in the log's order."""
    await app.watcher.history.log.flush()
    return [e for e in await app.watcher.history.store.read(0, 10_000) if e.name == name]


@pytest.fixture
def stored() -> Callable[..., Any]:
    return events
