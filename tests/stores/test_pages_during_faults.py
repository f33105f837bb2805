"""What visitors see while the log or the hot state is away: every page, and as much personalization as memory allows.
What operators see: what failed, what was dropped, and that it is well again."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from personalize import PersonalizeMiddleware
from personalize.model import Event
from personalize.observe import LogObserver
from personalize.stores import open_store
from personalize.stores.company import Company
from personalize.testing import Answer, call

pytestmark = pytest.mark.impatient
HEAD, TAIL = b"<!doctype html><title>Shop</title><div data-slot=hero>", b"</div><p>The end.</p>"
PAGE = HEAD + b"own" + TAIL


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that all workers of this test share")


def configured(store: str, hot: str) -> dict[str, Any]:
    seen = {"id": "again", "when": {"viewed": {"path": "/known"}}, "show": {"html": "<b>again</b>"}}
    offer = {"id": "offer", "cap": {"max": 3, "within": "1h"}, "show": {"html": "<b>offer</b>"}}
    return {
        "version": 1,
        "store": store,
        "hot": hot,
        "site": {"consent": {"default": "granted"}},
        "slots": {
            "hero": {"match": {"path": "/{page}"}, "experiences": [seen]},
            "capped": {"match": {"path": "/", "element": "[data-slot=hero]"}, "experiences": [offer]},
        },
    }


class Site:
    """The middleware at work, and somebody who was there before."""

    def __init__(self, store: str, hot: str = "memory") -> None:
        self.app = PersonalizeMiddleware(Answer(PAGE), configured(store, hot))
        self.cookies: dict[str, str] = {}
        self.recorded = 0

    @property
    def observer(self) -> LogObserver:
        assert isinstance(self.app.observer, LogObserver)
        return self.app.observer

    async def page(self, path: str, cookies: dict[str, str] | None = None) -> bytes:
        """What stands in the slot. The rest of the page is the app's own, whatever is going on."""
        response = await call(self.app, path, cookies=cookies or {}, scheme="https")
        assert response.status == 200
        assert response.body.startswith(HEAD) and response.body.endswith(TAIL)
        self.recorded += 1
        if cookies is self.cookies:
            self.cookies |= response.cookies
        return response.body[len(HEAD) : -len(TAIL)]

    async def begin(self) -> None:
        await self.app.start()
        self.cookies |= (await call(self.app, "/known", scheme="https")).cookies
        self.recorded += 1
        await self.app.watcher.history.log.flush()
        async with asyncio.timeout(20):  # a page waits 50 ms for a profile, and a busy machine may need longer
            while await self.page("/known", self.cookies) != b"<b>again</b>":
                await asyncio.sleep(0.02)

    async def is_well(self) -> bool:
        """Does a page record again, and has the operator heard that all is well?"""
        await self.page("/other", self.cookies)
        states = self.observer.states
        return not any(state.startswith(("failing", "dropping")) for state in states.values())


@asynccontextmanager
async def locked(folder: Path, name: str = "log.db") -> AsyncIterator[None]:
    """Another program holds the file's write lock."""
    with closing(sqlite3.connect(folder / name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def damaged(folder: Path) -> AsyncIterator[None]:
    """All but the ends of the file is noise."""
    path = folder / "log.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    yield


@asynccontextmanager
async def removed(folder: Path) -> AsyncIterator[None]:
    """The file is gone."""
    for part in folder.glob("log.db*"):
        part.unlink()
    yield


@asynccontextmanager
async def full(folder: Path) -> AsyncIterator[None]:
    """No file of this process may grow any more, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


Fault = Callable[[Path], AbstractAsyncContextManager[None]]


@pytest.mark.parametrize("fault", [locked, damaged, removed, full], ids=lambda fault: fault.__name__)
async def test_pages_are_served_whatever_happens_to_the_file(fault: Fault, tmp_path: Path, soon: Any) -> None:
    """Each page comes whole, who is in memory goes on being known, and every event is stored in the end, or counted as
    dropped; a file that could not be read is kept."""
    site = Site(f"sqlite:///{tmp_path}/log.db")
    await site.begin()
    await site.app.watcher.history.log.flush()
    async with fault(tmp_path):
        for n in range(30):
            assert await site.page(f"/new{n}", {}) in (b"own", b"<b>again</b>")
            assert await site.page("/other", site.cookies) == b"<b>again</b>"
            await asyncio.sleep(0.01)
    await soon(site.is_well)
    await site.app.watcher.history.log.flush()
    counters = site.observer.counters
    assert counters["events.stored"] + counters["events.dropped"] == site.recorded
    await site.app.close()
    store = open_store(f"sqlite:///{tmp_path}/log.db", tmp_path)
    kept = [event for event in await store.read(0, 1000) if event.name == "Page Viewed"]
    await store.close()
    if fault in (locked, full):
        assert len(kept) == site.recorded and not counters["events.dropped"]
    else:
        assert kept
    if fault is damaged:
        assert list(tmp_path.glob("log.db.damaged-*"))


def through(url: str, proxy: Any) -> str:
    return urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{proxy.port}"))


@pytest.mark.parametrize("mode", ["drop", "hole"])
async def test_pages_are_served_while_the_database_server_is_away(
    mode: str, postgres: str, proxied: Any, soon: Any
) -> None:
    """PostgreSQL is reset or swallows everything, and comes back: pages are whole meanwhile, who is in memory is known,
    and what was recorded is in the log afterwards."""
    parts = urlsplit(postgres)
    async with proxied(parts.hostname or "127.0.0.1", parts.port or 5432) as proxy:
        site = Site(through(postgres, proxy))
        await site.begin()
        proxy.set(mode)
        for n in range(20):
            assert await site.page(f"/new{n}", {}) in (b"own", b"<b>again</b>")
            assert await site.page("/other", site.cookies) == b"<b>again</b>"
            await asyncio.sleep(0.02)
        stranger = {"__Host-pz": await a_known_visitor(site)}
        assert await site.page("/other", stranger) in (b"own", b"<b>again</b>")  # whose profile has to be read
        proxy.set("pass")
        await soon(site.is_well)
        await site.app.watcher.history.log.flush()
        counters = site.observer.counters
        assert counters["events.stored"] + counters["events.dropped"] == site.recorded
        store = open_store(postgres, Path())
        kept = [event for event in await store.read(0, 1000) if event.name == "Page Viewed"]
        await store.close()
        assert len(kept) >= site.recorded - counters["events.dropped"]
        await site.app.close()


async def a_known_visitor(site: Site) -> str:
    """A signed id that is in nobody's memory."""
    other = PersonalizeMiddleware(Answer(PAGE), configured("memory", "memory"))
    response = await call(other, "/known", scheme="https")
    await other.close()
    return next(iter(response.cookies.values()))


@pytest.mark.parametrize("mode", ["drop", "hole"])
async def test_pages_are_served_while_the_hot_state_is_away(
    mode: str, redis: str, tmp_path: Path, proxied: Any, soon: Any
) -> None:
    """Redis is reset or swallows everything, and comes back: pages are whole, and a worker keeps its caps by itself."""
    parts = urlsplit(redis)
    async with proxied(parts.hostname or "127.0.0.1", parts.port or 6379) as proxy:
        site = Site(f"sqlite:///{tmp_path}/log.db", through(redis, proxy))
        await site.begin()
        assert await site.page("/", site.cookies) == b"<b>offer</b>"
        proxy.set(mode)
        shown = [await site.page("/", site.cookies) for _ in range(6)]
        assert shown == 2 * [b"<b>offer</b>"] + 4 * [b"own"]
        assert site.observer.counters["hot.failed"] and site.observer.states["hot state"].startswith("failing")
        proxy.set("pass")

        async def back() -> bool:
            await site.page("/", site.cookies)
            return site.observer.states["hot state"].startswith("ok")

        await soon(back)
        assert await site.page("/", site.cookies) == b"own"
        await site.app.close()


async def test_pages_are_served_while_the_hot_state_is_locked(tmp_path: Path, soon: Any) -> None:
    """Another program holds the write lock of the file with the hot state, and gives it back: pages are whole, a worker
    keeps its caps by itself, what failed is counted and said, and that it is well again."""
    site = Site(f"sqlite:///{tmp_path}/log.db", f"sqlite:///{tmp_path}/hot.db")
    site.app.watcher.history.hot.patience = 1.0  # type: ignore[attr-defined]  # a busy machine reads slowly
    other = Company(tmp_path / "hot.db.workers")
    assert not other.is_alone()  # from now on somebody else is there, for whom what is shown is written
    await site.begin()
    assert await site.page("/", site.cookies) == b"<b>offer</b>"
    async with locked(tmp_path, "hot.db"):
        shown = [await site.page("/", site.cookies) for _ in range(6)]
        assert shown == 2 * [b"<b>offer</b>"] + 4 * [b"own"]
        states = site.observer.states
        assert site.observer.counters["hot.failed"] and states["hot state, writing"].startswith("failing")
        assert not states.get("hot state", "ok").startswith("failing")  # reading goes on

    async def back() -> bool:
        await site.page("/", {})  # somebody new sees the offer
        return states["hot state, writing"].startswith("ok")

    await soon(back)
    assert await site.page("/", site.cookies) == b"own"
    await site.app.close()
    other.leave()


async def test_a_person_is_known_while_nothing_can_be_written(tmp_path: Path) -> None:
    """A login that every worker has heard of joins two ids, also when the store that would keep it takes nothing."""
    store = open_store(f"sqlite:///{tmp_path}/log.db", tmp_path)
    login = Event("e1", "User Identified", 1.0, "a" * 32, {"$via": "server", "$ids": {"user_id": "7"}})
    await store.append([login, Event("e2", "Page Viewed", 2.0, "u:7", {"path": "/known"})])
    site = Site(f"sqlite:///{tmp_path}/log.db")
    async with locked(tmp_path):
        await site.app.start()
        profile = await site.app.watcher.history.load("a" * 32)
    assert profile is not None and [path for _, _, path in profile.views] == ["/known"]
    await site.app.close()
    await store.close()


async def test_a_long_log_keeps_no_server_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that has to be read from its beginning holds up the server's start for a few seconds at most; pages are
    served while the rest is read."""
    monkeypatch.setattr("personalize.middleware._STARTUP", 0.05)
    store = open_store(f"sqlite:///{tmp_path}/log.db", tmp_path)
    await store.append([Event(f"e{n}", "Product Viewed", 1.0 + n, f"v{n}", {"product_id": "p"}) for n in range(30_000)])
    await store.close()
    site = Site(f"sqlite:///{tmp_path}/log.db")
    said: list[str] = []
    asked: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def send(message: Any) -> None:
        said.append(message["type"])

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await Answer(PAGE)(scope, receive, send)
            return
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    site.app.app = lifespan
    await asked.put({"type": "lifespan.startup"})
    serving = asyncio.ensure_future(site.app({"type": "lifespan", "asgi": {"version": "3.0"}}, asked.get, send))
    async with asyncio.timeout(20):
        while not said:
            await asyncio.sleep(0.01)
    log = site.app.watcher.history.log
    assert said == ["lifespan.startup.complete"] and log.seq < 30_000
    assert await site.page("/other", {}) == b"own"
    async with asyncio.timeout(60):
        while log.seq < 30_000:
            await asyncio.sleep(0.05)
    await asked.put({"type": "lifespan.shutdown"})
    await serving
