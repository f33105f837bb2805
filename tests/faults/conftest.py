"""A backend on loopback that does as badly as it is told, and contents that ask it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from personalize.config.models import PAGE, Config, Content
from personalize.content import Contents, HttpSource
from personalize.model import Ask, Choice, Fill, Request

Reply = Callable[["Call"], Awaitable[None]]


class Call:
    """One request that reached the backend."""

    def __init__(self, target: str, head: bytes, writer: asyncio.StreamWriter) -> None:
        self.target = target
        self.head = head
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self,
        body: bytes = b"<p>good</p>",
        *,
        status: str = "200 OK",
        kind: str = "text/html",
        more: str = "",
        length: int | None = None,
    ) -> None:
        length = len(body) if length is None else length
        type_line = f"Content-Type: {kind}\r\n" if kind else ""
        await self.send(f"HTTP/1.1 {status}\r\n{type_line}Content-Length: {length}\r\n{more}\r\n".encode() + body)

    def reset(self) -> None:
        """Close with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def good(call: Call) -> None:
    await call.answer()


class Backend:
    """Answers each request with `reply`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.reply: Reply = good
        self.calls: list[Call] = []
        self.connections = 0
        self.released = asyncio.Event()  # set at the end: lets hanging replies go
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.released.set()
        if self._server is not None:
            self._server.close()

    @property
    def targets(self) -> list[str]:
        return [call.target for call in self.calls]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                call = Call(head.split()[1].decode(), head, writer)
                self.calls.append(call)
                await self.reply(call)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Remembering:
    """An Observer that keeps what it is told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.changes: list[tuple[str, str, str]] = []
        self.failures: list[tuple[str, BaseException]] = []

    def count(self, name: str, n: int = 1) -> None:
        self.counts[name] += n

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.changes.append((part, state, detail))

    def failed(self, where: str, error: BaseException) -> None:
        self.failures.append((where, error))


class Site:
    """Contents over one HTTP source, and a page that waits for them as the middleware does."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.observer = Remembering()
        self.now = 1000.0
        self.budget = 5.0
        self.fallback = Content(kind="html", html="<p>fallback</p>")
        self.content = Content(kind="source", source="cms")
        self.source: HttpSource | None = None
        self.contents: Contents | None = None
        (folder / "templates").mkdir(exist_ok=True)

    def build(self, wrap: Callable[[HttpSource], Any] = lambda s: s, **source: Any) -> Contents:
        """Contents with these source settings; the source's own timeout is out of the way unless it is named."""
        settings = {
            "use": "http",
            "url": f"http://127.0.0.1:{self.port}/f/{{path}}",
            "timeout": 5.0,
            "allow_private": True,
            **source,
        }
        config = Config.model_validate({"version": 1, "sources": {"cms": settings}})
        config._base = self.folder
        self.source = HttpSource("cms", config.sources["cms"], self.observer)
        self.contents = Contents(config, {"cms": wrap(self.source)}, self.observer, clock=lambda: self.now)
        return self.contents

    def ask(self, path: str = "/a", facts: dict[str, Any] | None = None, **request: Any) -> Ask:
        choice = Choice("hero", self.content, self.fallback, experience="e")
        return Ask(choice, Request("GET", path, b"", "https", {}, **request), facts or {}, None, 0.0)

    async def show(self, path: str = "/a", budget: float | None = None, **ask: Any) -> Fill:
        """What a page would show: begin, wait inside the budget, walk away."""
        assert self.contents is not None
        asked = self.ask(path, **ask)
        begun = self.contents.begin(asked)
        if isinstance(begun, Fill):
            return begun
        await asyncio.wait({begun}, timeout=self.budget if budget is None else budget)
        return begun.result() if begun.done() else self.contents.fallback(asked, "late")

    async def settled(self) -> None:
        """Wait until no fetch is under way."""
        while tasks := [t for t in asyncio.all_tasks() if t.get_name().startswith("personalize source")]:
            await asyncio.wait(tasks)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """A backend on loopback."""
    made = Backend()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def site(backend: Backend, tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose one source is the backend; call `build` first."""
    made = Site(tmp_path, backend.port)
    yield made
    await backend.stop()
    if made.contents is not None:
        await made.contents.close()


@pytest.fixture
def page() -> Content:
    """The page's own markup."""
    return PAGE
