"""From an event to a changed page, with four workers: `python -m benchmarks.workers [--store URL] [--hot URL]`.

A real `uvicorn --workers 4`. A visitor is known to all workers; an event about them goes to the collector at one of
them, and then their page is asked for at each of the four until it has changed. Told are the times from sending the
event, for the worker that took it and for the others, in quiet and beside a load of events and pages. And a slot with a
cap of three: each visitor asks twelve times in a row, each time at the next worker, and sees the offer three times.

The store is SQLite in a folder of its own, and so is the hot state, unless told: `--store postgresql://... --hot redis://...`
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.asgi import free_port, wait_for
from personalize import PersonalizeMiddleware

KEY = "a-write-key-of-the-benchmark"
WORKERS = 4
CAP = 3
PAGE = b"<!doctype html><title>Shop</title><div data-slot=hero>own</div><div data-slot=offer>own</div>"
PATIENCE = 20.0  # seconds after which a page that has not changed is given up


async def shop(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/html"), (b"x-worker", b"%d" % os.getpid())]
        headers.append((b"content-length", b"%d" % len(PAGE)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})


def configured(store: str, hot: str) -> dict[str, Any]:
    changed = {"id": "changed", "when": {"viewed": {"item": "magic"}}, "show": {"html": "<b>changed</b>"}}
    offer = {"id": "offer", "cap": {"max": CAP, "within": "1h"}, "show": {"html": "<b>offer</b>"}}
    return {
        "version": 1,
        "store": store,
        "hot": hot,
        "site": {"consent": {"default": "granted"}, "limits": {"server": 1e6}},
        "slots": {
            "hero": {"match": {"path": "/"}, "experiences": [changed]},
            "offer": {"match": {"path": "/capped"}, "experiences": [offer]},
        },
    }


if "BENCHMARK_STORE" in os.environ:  # in the workers
    app = PersonalizeMiddleware(shop, configured(os.environ["BENCHMARK_STORE"], os.environ["BENCHMARK_HOT"]))


class Line:
    """One connection that is kept open, and so one worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.worker = ""

    async def ask(self, head: str, body: bytes = b"") -> tuple[dict[str, str], bytes]:
        self.writer.write(f"{head}\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        top = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {"status": top[9:12]}
        for line in top.split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return headers, await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def page(self, path: str, cookie: str) -> tuple[str, bytes]:
        """The cookie to come back with, and the page."""
        told = f"\r\nCookie: {cookie}" if cookie else ""
        headers, body = await self.ask(f"GET {path} HTTP/1.1{told}")
        return headers.get("set-cookie", cookie).partition(";")[0], body


@contextlib.asynccontextmanager
async def lines(port: int) -> AsyncIterator[list[Line]]:
    """A connection to each worker: whichever worker takes a new one is asked who it is."""
    found: dict[str, Line] = {}
    spare: list[Line] = []
    async with asyncio.timeout(60):
        while len(found) < WORKERS:
            made = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(8)]
            told = await asyncio.gather(*(line.ask("GET /who HTTP/1.1") for line in made))
            for line, (headers, _) in zip(made, told, strict=True):
                line.worker = headers["x-worker"]
                spare += [line] if line.worker in found else []
                found.setdefault(line.worker, line)
    try:
        yield list(found.values())
    finally:
        for line in (*found.values(), *spare):
            line.writer.close()


async def changes(several: list[Line], turn: int) -> tuple[float, list[float]]:
    """Seconds from sending an event until the page changed at the worker that took it, and at each other one."""
    cookie, _ = await several[0].page("/", "")
    for line in several[1:]:
        await line.page("/", cookie)
    visitor = cookie.partition("=")[2].partition(".")[0]
    event = {"type": "track", "event": "Product Viewed", "anonymousId": visitor, "messageId": uuid.uuid4().hex,
             "properties": {"product_id": "magic"}}  # fmt: skip
    taker = several[turn % len(several)]
    key = base64.b64encode(f"{KEY}:".encode()).decode()
    began = time.perf_counter()

    async def until_changed(line: Line) -> float:
        while time.perf_counter() - began < PATIENCE:
            _, body = await line.page("/", cookie)
            if b"<b>changed</b>" in body:
                break
            await asyncio.sleep(0.005)
        return time.perf_counter() - began

    async def take() -> float:
        head = f"POST /_personalize/v1/batch HTTP/1.1\r\nAuthorization: Basic {key}"
        headers, _ = await taker.ask(head, json.dumps({"batch": [event]}).encode())
        if headers["status"] != "200":
            raise RuntimeError(f"the event was refused with {headers['status']}")
        return await until_changed(taker)

    own, *others = await asyncio.gather(take(), *(until_changed(line) for line in several if line is not taker))
    return own, list(others)


async def shown(several: list[Line], turn: int, requests: int = 12) -> int:
    """How often one visitor sees the offer."""
    cookie, count = "", 0
    for n in range(requests):
        cookie, body = await several[(turn + n) % len(several)].page("/capped", cookie)
        count += b"<b>offer</b>" in body
    return count


async def load(port: int, gone: asyncio.Event) -> None:
    """About 1,000 events and 100 pages a second, until told."""
    key = base64.b64encode(f"{KEY}:".encode()).decode()
    several = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(2)]
    while not gone.is_set():
        began = time.perf_counter()
        batch = [
            {"type": "track", "event": "Product Viewed", "userId": f"user-{n}", "messageId": uuid.uuid4().hex,
             "properties": {"product_id": f"p{n}"}}
            for n in range(100)
        ]  # fmt: skip
        head = f"POST /_personalize/v1/batch HTTP/1.1\r\nAuthorization: Basic {key}"
        await several[0].ask(head, json.dumps({"batch": batch}).encode())
        for _ in range(10):
            await several[1].page("/", "")
        await asyncio.sleep(max(0.0, 0.1 - (time.perf_counter() - began)))
    for line in several:
        line.writer.close()


async def measure(port: int, trials: int) -> tuple[dict[str, list[float]], list[int]]:
    times: dict[str, list[float]] = {}
    async with lines(port) as several:
        for beside in ("", ", beside a load"):
            gone = asyncio.Event()
            loading = asyncio.ensure_future(load(port, gone)) if beside else None
            for turn in track(range(trials), description=f"events{beside}", console=Console(stderr=True)):
                own, others = await changes(several, turn)
                times.setdefault(f"at the worker that took it{beside}", []).append(own)
                times.setdefault(f"at each other worker{beside}", []).extend(others)
            gone.set()
            if loading is not None:
                await loading
        capped = track(range(trials), description="caps", console=Console(stderr=True))
        counts = [await shown(several, turn) for turn in capped]
    return times, counts


def serve(store: str, hot: str, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "BENCHMARK_STORE": store, "BENCHMARK_HOT": hot, "PERSONALIZE_WRITE_KEYS": KEY,
        "PERSONALIZE_SECRET": "s" * 40,
    }  # fmt: skip
    command = [sys.executable, "-m", "uvicorn", "benchmarks.workers:app", "--port", str(port), "--lifespan", "on"]
    options = ["--workers", str(WORKERS), "--log-level", "critical", "--no-access-log"]
    return subprocess.Popen([*command, *options], env=environment)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--store", help="the address of another store")
    arguments.add_argument("--hot", help="the address of another hot state")
    arguments.add_argument("--trials", type=int, default=100)
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        store, hot = told.store or f"sqlite:///{folder}/log.db", told.hot or f"sqlite:///{folder}/hot.db"
        server = serve(store, hot, port)
        try:
            wait_for(port)
            times, counts = asyncio.run(measure(port, told.trials))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    names = [address.partition(":")[0] for address in (store, hot)]
    title = f"From an event to the changed page, {WORKERS} workers, the log in {names[0]}"
    table = Table("the page has changed", "n", "p50 ms", "p99 ms", "longest ms", title=title)
    for name, all_ in times.items():
        ordered = sorted(all_)
        figures = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1])
        table.add_row(name, str(len(ordered)), *(f"{1000 * seconds:.0f}" for seconds in figures))
    console = Console()
    console.print(table)
    exact = sum(count == CAP for count in counts)
    console.print(
        f"a cap of {CAP}, hot state in {names[1]}: {len(counts)} visitors asked 12 times in a row, workers in turn."
        f" {exact} saw the offer exactly {CAP} times (all of them {min(counts)} to {max(counts)} times)"
    )


if __name__ == "__main__":
    main()
