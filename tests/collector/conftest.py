"""The real middleware with its collector: called in process, and behind a real server on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from personalize import PersonalizeMiddleware
from personalize.model import Event
from personalize.stores import SqliteStore

# Clients in JavaScript, some as many sites still have them, and axe-core, which finds what keeps people from a page.
PACKAGES = (
    "@segment/analytics-node@3", "@rudderstack/rudder-sdk-node@3", "@segment/analytics-next@1", "posthog-node@5",
    "posthog-js@1", "@rudderstack/analytics-js@3", "axe-core@4",
    "analytics-node@6", "posthog-js-of-2023@npm:posthog-js@1.80.0", "rudder-sdk-js@2",
)  # fmt: skip
KEY = "a-write-key-of-the-tests"
PAGE = b"<!doctype html><title>Shop</title><div data-slot=hero><a href=/sale>plain</a></div>"


async def shop(scope: Any, receive: Any, send: Any) -> None:
    """An app with one page on every path."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": PAGE})


def make_config(
    store: str = "memory",
    consent: str = "granted",
    slots: dict[str, Any] | None = None,
    categories: dict[str, list[str]] | None = None,
    **site: Any,
) -> dict[str, Any]:
    hero = {"match": {"path": "/"}, "experiences": [{"id": "sale", "show": {"html": "<a href=/sale>Sale</a>"}}]}
    return {
        "version": 1,
        "store": store,
        "site": {"consent": {"default": consent, "categories": categories or {}}, **site},
        "slots": slots or {"hero": hero},
    }


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """The middleware, asked in process. `cookies` are those of one browser, as it would keep them."""

    app: PersonalizeMiddleware
    now: list[float]
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        path: str,
        body: Any = b"",
        *,
        method: str = "POST",
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        chunks: int = 1,
    ) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"host": "shop.example", "user-agent": "Mozilla/5.0 Firefox/140.0", **(headers or {})}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if key is not None:
            sent["authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        step = max(1, -(-len(data) // chunks))
        parts = [data[at : at + step] for at in range(0, len(data), step)] or [b""]
        out: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: Any) -> None:
            out.append(message)

        scope = {
            "type": "http", "method": method, "path": path, "query_string": b"", "scheme": "https",
            "http_version": "1.1", "client": ("192.0.2.7", 5000), "server": ("shop.example", 443),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        }  # fmt: skip
        await self.app(scope, receive, send)
        head = {name.decode().lower(): value.decode() for name, value in out[0]["headers"]}
        if "set-cookie" in head:
            name, _, value = head["set-cookie"].partition(";")[0].partition("=")
            self.cookies[name] = value
        return Reply(out[0]["status"], head, b"".join(message.get("body", b"") for message in out[1:]))

    async def server(self, path: str, body: Any, **more: Any) -> Reply:
        """A request of the site's own server, with its write key."""
        return await self._known(await self.ask(f"/_personalize{path}", body, key=KEY, **more))

    async def browser(self, path: str, body: Any, **more: Any) -> Reply:
        """A request of a page of the site."""
        headers = {"sec-fetch-site": "same-origin", "content-type": "text/plain;charset=UTF-8"}
        headers |= more.pop("headers", {})
        return await self._known(await self.ask(f"/_personalize{path}", body, headers=headers, **more))

    async def _known(self, reply: Reply) -> Reply:
        """What was taken is in the log by now, and in the folds some milliseconds later."""
        if reply.status == 200:
            await self.app.watcher.history.log.flush()
        return reply

    async def visit(self) -> str:
        """Open the page as a newcomer would; gives the id in the cookie."""
        await self.ask("/", method="GET")
        return self.cookies["__Host-pz"].partition(".")[0]

    async def events(self, *names: str) -> list[Event]:
        """What the log holds, of these names (all of them where none is given)."""
        history = self.app.engine.history
        await history.log.flush()
        found = await history.store.read(0, 100_000)
        return [event for event in found if not names or event.name in names]


@pytest.fixture
async def make_site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Site]]:
    """Makes a Site; its keyword arguments are those of make_config. Closed when the test ends."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", f"{KEY},another-key-of-the-tests")
    made: list[PersonalizeMiddleware] = []

    def make(observer: Any = None, **changes: Any) -> Site:
        now = [1_790_000_000.0]
        app = PersonalizeMiddleware(shop, make_config(**changes), observer=observer, clock=lambda: now[0])
        made.append(app)
        return Site(app, now)

    yield make
    for app in made:
        await app.close()


@pytest.fixture
async def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


# --- over a real server ----------------------------------------------------------------------------------


@dataclass
class Server:
    port: int
    log: Path

    @property
    def host(self) -> str:
        """What clients are told as the collector's address."""
        return f"http://127.0.0.1:{self.port}/_personalize"

    def events(self, *names: str, least: int = 1) -> list[Event]:
        """What the log holds, of these names; waits until there are `least`."""

        async def read() -> list[Event]:
            store = SqliteStore(self.log)
            try:
                return await store.read(0, 100_000)
            finally:
                await store.close()

        with ThreadPoolExecutor(1) as thread:  # Playwright has a loop on this one
            until = time.monotonic() + 60
            while True:
                found = thread.submit(lambda: asyncio.run(read())).result()
                found = [event for event in found if not names or event.name in names]
                if len(found) >= least or time.monotonic() > until:
                    break
                time.sleep(0.05)
        return found


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """Run uvicorn on an ephemeral port of 127.0.0.1, in a thread; gives the port."""
    uvicorn = pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=lambda: made.run(sockets=[listening]), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            made.should_exit = True
            thread.join(10)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The middleware behind uvicorn, with a log in SQLite."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    monkeypatch.setenv("PERSONALIZE_SECRET", "s" * 40)
    log = tmp_path / "log.db"
    with serving(PersonalizeMiddleware(shop, make_config(store=f"sqlite:///{log}"))) as port:
        yield Server(port, log)


@pytest.fixture
def write_key() -> str:
    return KEY


@dataclass
class Pages(Server):
    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def serve_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Serves given files (path -> bytes) as a site of its own, behind the middleware; no inline script may run."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    monkeypatch.setenv("PERSONALIZE_SECRET", "s" * 40)

    @contextmanager
    def serve(files: Mapping[str, bytes], **changes: Any) -> Iterator[Pages]:
        async def site(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                return
            body = files.get(scope["path"])
            kind = b"text/javascript" if scope["path"].endswith(".js") else b"text/html; charset=utf-8"
            headers = [(b"content-type", kind), (b"content-security-policy", b"default-src 'self'")]
            await send({"type": "http.response.start", "status": 200 if body else 404, "headers": headers})
            await send({"type": "http.response.body", "body": body or b""})

        log = tmp_path / "pages.db"
        with serving(PersonalizeMiddleware(site, make_config(store=f"sqlite:///{log}", **changes))) as port:
            yield Pages(port, log)

    return serve


@pytest.fixture
def chromium(missing: Callable[[str], NoReturn]) -> Iterator[Any]:
    """A fresh profile of a real Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        missing("chromium is not here")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=90_000)
        try:
            # Headless, it calls itself a robot, and robots are counted nowhere.
            agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0"
            context = browser.new_context(user_agent=agent)
            context.set_default_timeout(90_000)  # milliseconds; a busy machine opens pages slowly
            yield context
        finally:
            browser.close()


@pytest.fixture(scope="session")
def modules(installed: Callable[[str, Sequence[str]], Path]) -> Path:
    """The folder with the clients."""
    return installed("node-clients", PACKAGES)
