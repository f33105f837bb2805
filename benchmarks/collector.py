"""What the collector takes, and what it costs the pages: `python -m benchmarks.collector [--seconds 2] [--rounds 7]`.

Over uvicorn with a log in SQLite (or `--store URL`): events per second in batches of 100 as fast as they are taken, and
the time of an accepted batch at a steady 3,000 events/s, alone and beside as many pages as the server can serve. Pages
per second beside that load and without it, in turn, with a second measurement without it (A/A) that shows the noise;
and beside the same bodies sent to an app that only reads them, which is what the requests alone take from the pages.
The clients are processes of their own (see `clients`); how much of a core they, the server's event loop and its other
threads took is printed, so that it can be seen who was the slowest. In process: the longest time that one body holds
the event loop.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import logging
import multiprocessing
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.asgi import Bare, free_port, wait_for
from benchmarks.clients import Asked, Client, ask_again, post
from benchmarks.pages import config
from personalize import PersonalizeMiddleware

KEY = "a-write-key-of-the-benchmark"
RATE = 3_000  # events per second beside the pages
BATCH = 100
MARK = "0123456789abcdef"  # stands in the ids until a batch is sent


def body(count: int = BATCH) -> bytes:
    """A batch as Segment's Python client sends it: about 400 bytes an event, every id new."""
    now = "2026-06-01T12:00:00.000+00:00"
    events = [
        {
            "type": "track",
            "event": "Product Viewed",
            "userId": f"user-{n * 7919 % 5000}",
            "messageId": f"{MARK}-{n:04d}",
            "timestamp": now,
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "integrations": {},
            "properties": {
                "product_id": f"p{n * 31 % 500}",
                "price": 9.9,
                "category": "garden",
                "name": "A copper lamp",
            },
        }
        for n in range(count)
    ]
    return json.dumps({"batch": events, "sentAt": now}).encode()


def fresh(data: bytes) -> bytes:
    """The same batch with new ids, so that the load costs the machine little."""
    return data.replace(MARK.encode(), uuid.uuid4().hex[: len(MARK)].encode())


def fresh_request() -> bytes:
    return fresh(_REQUEST)


def request(data: bytes, path: bytes = b"/_personalize/v1/batch") -> bytes:
    key = base64.b64encode(f"{KEY}:".encode())
    line = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % path
    return line + b"Authorization: Basic %s\r\nContent-Length: %d\r\n\r\n" % (key, len(data)) + data


_REQUEST = request(body())
_ONLY_READ = request(body(), b"/only-read")


def only_read_request() -> bytes:
    return fresh(_ONLY_READ)


class Reading(Bare):
    """The app of the pages, which also reads bodies and does nothing with them."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/only-read":
            await super().__call__(scope, receive, send)
            return
        parts: list[bytes] = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                break
        told = b'{"success":true,"length":%d}' % len(b"".join(parts))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(told))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})


PAGE = b"GET /shop/home HTTP/1.1\r\nHost: localhost\r\nCookie: consent=granted%s\r\nAccept: text/html\r\n\r\n"


def serve(store: str, port: int) -> None:
    import uvicorn

    logging.disable(logging.CRITICAL)
    os.environ["PERSONALIZE_WRITE_KEYS"] = KEY
    os.environ["PERSONALIZE_SECRET"] = "s" * 40
    made = config(store=store) | {"site": {"limits": {"server": 1e6}}}
    uvicorn.run(
        PersonalizeMiddleware(Reading(), made), host="127.0.0.1", port=port, log_level="critical", access_log=False,
        http="httptools", lifespan="on",
    )  # fmt: skip


# --- over uvicorn ----------------------------------------------------------------------------------------

ALONE, AGAIN, BESIDE = "alone", "alone, again", "beside 3,000 events/s"
ONLY_READ = "beside the same, only read"
_CONNECTIONS = 8  # that batches come by
_LEAD = 0.3  # seconds in which a load begins, and which do not count


@dataclass
class Turn:
    """One measurement: what the clients saw, and the processor time per second of the server's loop and its other
    threads."""

    pages: Asked | None
    events: Asked | None
    loop: float
    others: float


class Bench:
    """A server and its two clients."""

    def __init__(self, store: str) -> None:
        self.port = free_port()
        self.pages, self.events = Client(), Client()
        self.server = multiprocessing.Process(target=serve, args=(store, self.port), daemon=True)
        self.server.start()
        wait_for(self.port)

    def turn(self, seconds: float, pages: bool, every: float | None, make: Callable[[], bytes] = fresh_request) -> Turn:
        """Ask for pages, or send a batch `every` so many seconds (0.0: as fast as taken), or both."""
        if pages:
            self.pages.start(ask_again, self.port, seconds, PAGE, 16, lead=_LEAD)
        if every is not None:
            self.events.start(post, self.port, seconds, make, _CONNECTIONS, every, lead=_LEAD)
        time.sleep(_LEAD)
        began, before = time.perf_counter(), thread_times(self.server.pid)
        time.sleep(seconds)
        took, after = time.perf_counter() - began, thread_times(self.server.pid)
        return Turn(
            self.pages.result() if pages else None,
            self.events.result() if every is not None else None,
            (after[0] - before[0]) / took,
            (after[1] - before[1]) / took,
        )

    def close(self) -> None:
        for client in (self.pages, self.events):
            client.close()
        self.server.terminate()
        self.server.join()


def thread_times(pid: int | None) -> tuple[float, float]:
    """Seconds of processor time of a process's first thread and of all others; nan where there is no /proc."""
    first = rest = 0.0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
            if task.name == str(pid):
                first = seconds
            else:
                rest += seconds
    except OSError:
        return float("nan"), float("nan")
    return first, rest


def over_uvicorn(seconds: float, rounds: int, store: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(store or f"sqlite:///{folder}/log.db")
        try:
            bench.turn(0.5, True, None)
            fast = [bench.turn(seconds, False, 0.0) for _ in range(3)]
            turns: dict[str, list[Turn]] = {ALONE: [], BESIDE: [], ONLY_READ: [], AGAIN: []}
            for _ in track(range(rounds), description="pages and events", console=Console(stderr=True)):
                for kind, done in turns.items():
                    every = BATCH / RATE if kind in (BESIDE, ONLY_READ) else None
                    make = only_read_request if kind == ONLY_READ else fresh_request
                    done.append(bench.turn(seconds, True, every, make))
            steady = [bench.turn(seconds, False, BATCH / RATE) for _ in range(3)]
        finally:
            bench.close()
        rows = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    console = Console()
    console.print(batches_table(fast, steady, turns[BESIDE]))
    console.print(f"the log has {rows:.0f} MB" if store is None else f"the log is in {store.partition(':')[0]}")
    console.print(pages_table(turns))
    console.print(cost_of_an_event(turns))


def batches_table(fast: list[Turn], steady: list[Turn], beside: list[Turn]) -> Table:
    names = ("load", "events/s", "batches", "refused", "p50 ms", "p99 ms", "max ms", "loop", "threads", "clients")
    table = Table(*names, title="Batches of 100, and the share of a core that each part of it took")
    for name, turns in (
        ("8 connections, as fast as taken", fast), ("steady", steady), ("steady, beside pages", beside),
    ):  # fmt: skip
        told = [turn.events for turn in turns if turn.events is not None]
        took = sorted(t for events in told for t in events.took) or [0.0]
        shown = (1000 * took[int(len(took) * q)] for q in (0.5, 0.99, 0.999999))
        rate = statistics.median(BATCH * events.done / events.seconds for events in told)
        table.add_row(
            name, f"{rate:.0f}", str(len(took)), str(sum(events.refused for events in told)),
            *(f"{ms:.1f}" for ms in shown), *shares(turns),
        )  # fmt: skip
    return table


def pages_table(turns: dict[str, list[Turn]]) -> Table:
    """The share is the median over the rounds, each against its own measurement alone."""
    names = ("pages", "requests/s", "of alone", "least", "most", "loop", "threads", "clients")
    table = Table(*names, title="56 KB pages seen before, 16 connections, in turn")
    base = [rate_of(turn) for turn in turns[ALONE]]
    for kind, all_ in turns.items():
        rates = [rate_of(turn) for turn in all_]
        kept = [rate / alone for rate, alone in zip(rates, base, strict=True)]
        table.add_row(
            kind, f"{statistics.median(rates):.0f}", f"{statistics.median(kept):.3f}", f"{min(kept):.3f}",
            f"{max(kept):.3f}", *shares(all_),
        )  # fmt: skip
    return table


def cost_of_an_event(turns: dict[str, list[Turn]]) -> str:
    """From the processor times, which a busy machine disturbs less than the rates: what a page takes alone, and what
    is left for the events when that is taken off for the pages beside them."""

    def per_page(kind: str) -> tuple[float, float]:
        served = sum(rate_of(turn) for turn in turns[kind])
        return sum(turn.loop for turn in turns[kind]) / served, sum(turn.others for turn in turns[kind]) / served

    loop, others = per_page(ALONE)

    def per_event(kind: str) -> tuple[float, float]:
        beside = turns[kind]
        rate = sum(BATCH * turn.events.done / turn.events.seconds for turn in beside if turn.events is not None)
        rest_of_loop = sum(turn.loop - loop * rate_of(turn) for turn in beside)
        return rest_of_loop / rate, sum(turn.others - others * rate_of(turn) for turn in beside) / rate

    again, event, only_read = per_page(AGAIN), per_event(BESIDE), per_event(ONLY_READ)
    return (
        f"A page took {1e6 * loop:.0f} µs of the loop and {1e6 * others:.0f} of other threads"
        f" (again: {1e6 * again[0]:.0f} and {1e6 * again[1]:.0f});"
        f" an event beside them {1e6 * event[0]:.1f} and {1e6 * event[1]:.1f}, one that is only read"
        f" {1e6 * only_read[0]:.1f} and {1e6 * only_read[1]:.1f}."
    )


def rate_of(turn: Turn) -> float:
    return turn.pages.done / turn.pages.seconds if turn.pages is not None else 0.0


def shares(turns: list[Turn]) -> tuple[str, str, str]:
    """Of a core, in %: the server's loop, its other threads, and the clients."""
    clients = [
        sum(asked.busy / (asked.seconds or 1.0) for asked in (turn.pages, turn.events) if asked is not None)
        for turn in turns
    ]
    each = ([turn.loop for turn in turns], [turn.others for turn in turns], clients)
    loop, others, asking = (f"{100 * statistics.mean(values):.0f} %" for values in each)
    return loop, others, asking


# --- how long a body holds the loop ------------------------------------------------------------------------

WORST = {
    "100 events": lambda: body(),
    "1,200 events, 500 KB": lambda: body(1_200),
    "15 events of 32 KB, empty objects": lambda: _batch(b'{"a":[' + b",".join([b"{}"] * 10_500) + b"]}", 15),
    "15 events of 32 KB, short keys": lambda: _batch(
        json.dumps({format(n, "x"): 0 for n in range(2_900)}).encode(), 15
    ),
    "15 events of 32 KB, numbers": lambda: _batch(b'{"a":[' + b",".join([b"1.5"] * 8_000) + b"]}", 15),
    "5,000-digit numbers": lambda: _batch(b'{"a":[' + b",".join([b"1" * 5_000] * 6) + b"]}", 15),
    "500 KB of brackets": lambda: b'{"batch":[' + b"[" * 250_000 + b"]" * 250_000 + b"]}",
    "one text of 500 KB": lambda: b'{"batch":["' + b"x" * 500_000 + b'"]}',
    "escapes, 500 KB": lambda: b'{"batch":["' + b"\\u00e9" * 83_000 + b'"]}',
    "500 KB that never ends": lambda: b'{"batch":["' + b"\\" * 500_000,
    "half a megabyte of invalid UTF-8": lambda: b'{"batch":["' + b"\xff" * 500_000 + b'"]}',
    "a gzip bomb of 100 MB": lambda: gzip.compress(b"0" * 100_000_000, 1),
}


def _batch(event: bytes, count: int) -> bytes:
    return (
        b'{"batch":['
        + b",".join([b'{"type":"track","event":"x","userId":"u","properties":' + event + b"}"] * count)
        + b"]}"
    )


async def held(rounds: int = 5) -> dict[str, tuple[int, float, float]]:
    """For each body: the status, the whole time in ms, and the longest time between two turns of another task."""
    os.environ["PERSONALIZE_WRITE_KEYS"] = KEY
    app = PersonalizeMiddleware(Bare(), {"version": 1, "store": "memory", "site": {"limits": {"server": 1e9}}})
    await app.start()
    out: dict[str, tuple[int, float, float]] = {}
    for name, make in WORST.items():
        data = make()
        best: tuple[int, float, float] | None = None
        for _ in range(rounds):
            longest = 0.0

            async def tick() -> None:
                nonlocal longest
                last = time.perf_counter()
                while True:
                    await asyncio.sleep(0)
                    now = time.perf_counter()
                    longest, last = max(longest, now - last), now

            ticking = asyncio.create_task(tick())
            await asyncio.sleep(0)
            began = time.perf_counter()
            status = await _post(app, fresh(data), gzipped="gzip" in name)
            whole = time.perf_counter() - began
            await asyncio.sleep(0)
            ticking.cancel()
            if best is None or longest < best[2]:
                best = status, whole, longest
        assert best is not None
        out[name] = best[0], 1000 * best[1], 1000 * best[2]
    await app.close()
    return out


async def _post(app: Any, data: bytes, gzipped: bool) -> int:
    told: list[int] = []
    headers = [(b"host", b"shop.example"), (b"authorization", b"Bearer " + KEY.encode())]
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))

    async def receive() -> Any:
        return {"type": "http.request", "body": data, "more_body": False}

    async def reply(message: Any) -> None:
        told.append(message.get("status", 0))

    scope = {
        "type": "http", "method": "POST", "path": "/_personalize/v1/batch", "query_string": b"", "scheme": "https",
        "headers": headers, "client": ("127.0.0.1", 1), "http_version": "1.1",
    }  # fmt: skip
    await app(scope, receive, reply)
    return told[0]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=2.0, help="length of each measurement over uvicorn")
    arguments.add_argument("--rounds", type=int, default=7, help="how often pages are measured with and without events")
    arguments.add_argument("--store", help="the address of another store, which has to be empty")
    arguments.add_argument("--only", choices=("bodies", "uvicorn"), help="one half of it")
    told = arguments.parse_args()
    if told.only != "uvicorn":
        title = "How long a body holds the event loop (best of 5)"
        table = Table("body", "status", "whole, ms", "held, ms", title=title)
        for name, (status, whole, longest) in asyncio.run(held()).items():
            table.add_row(name, str(status), f"{whole:.1f}", f"{longest:.1f}")
        Console().print(table)
    if told.only != "bodies":
        over_uvicorn(told.seconds, told.rounds, told.store)


if __name__ == "__main__":
    main()
