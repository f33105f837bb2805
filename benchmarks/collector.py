"""What the collector takes, and what it costs the pages: `python -m benchmarks.collector [--seconds 3]`.

Over uvicorn with a log in SQLite: events per second in batches of 100 as fast as they are taken, and the time of an
accepted batch at a steady 3,000 events/s. Pages per second beside that load and without it, in turn, with a second
measurement without it (A/A) that shows the noise. In process: the longest time that one body holds the event loop.
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
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.asgi import Bare, free_port, load, wait_for
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


def request(data: bytes) -> bytes:
    key = base64.b64encode(f"{KEY}:".encode())
    line = b"POST /_personalize/v1/batch HTTP/1.1\r\nHost: localhost\r\n"
    return line + b"Authorization: Basic %s\r\nContent-Length: %d\r\n\r\n" % (key, len(data)) + data


def serve(folder: str, port: int) -> None:
    import uvicorn

    logging.disable(logging.CRITICAL)
    os.environ["PERSONALIZE_WRITE_KEYS"] = KEY
    os.environ["PERSONALIZE_SECRET"] = "s" * 40
    made = config(store=f"sqlite:///{folder}/log.db") | {"site": {"limits": {"server": 1e6}}}
    uvicorn.run(
        PersonalizeMiddleware(Bare(), made), host="127.0.0.1", port=port, log_level="critical", access_log=False,
        http="httptools", lifespan="on",
    )  # fmt: skip


# --- sending events --------------------------------------------------------------------------------------


async def send(port: int, seconds: float, connections: int, rate: float | None) -> tuple[int, list[float], int]:
    """Events accepted, the seconds that each accepted batch took, and how many batches were refused. With a `rate`
    (events/s, over all connections) each batch has its time, and waiting for a late one counts to its own."""
    took: list[float] = []
    refused = 0
    began = time.perf_counter()

    async def one(number: int) -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        made, turn = request(body()), number
        while True:
            data = fresh(made)
            due = time.perf_counter()
            if rate is not None:
                due = began + turn * BATCH / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if time.perf_counter() - began > seconds:
                break
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
            if head.startswith(b"HTTP/1.1 200"):
                took.append(time.perf_counter() - due)
            else:
                refused += 1
                await asyncio.sleep(0.1)
            turn += connections
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return len(took) * BATCH, took, refused


def keep_sending(port: int, running: Flag, told: Any) -> None:
    """The steady load beside the pages, from a process of its own, while the flag is set; tells each batch's time."""
    while True:
        running.wait()
        _, took, refused = asyncio.run(send(port, 1.0, 4, RATE))
        told.put((took, refused))


def over_uvicorn(seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server = multiprocessing.Process(target=serve, args=(folder, port), daemon=True)
        server.start()
        wait_for(port)
        asyncio.run(load(port, 0.5))
        fast = [asyncio.run(send(port, seconds, 8, None)) for _ in range(3)]
        running, told = multiprocessing.Event(), multiprocessing.Queue()  # type: ignore[var-annotated]
        sender = multiprocessing.Process(target=keep_sending, args=(port, running, told), daemon=True)
        sender.start()
        pages: dict[str, list[float]] = {
            "pages alone": [],
            "pages alone, again": [],
            "pages, 3,000 events/s beside": [],
        }
        for _ in range(rounds):
            for kind, rates in pages.items():
                if "beside" in kind:
                    running.set()
                    time.sleep(0.2)
                rates.append(asyncio.run(load(port, seconds))[0])
                running.clear()
                time.sleep(1.2)  # the sender's last second
        beside = _drain(told)
        running.set()
        time.sleep(2 * seconds)
        running.clear()
        time.sleep(1.2)
        alone = _drain(told)
        sender.terminate()
        server.terminate()
        server.join()
        rows = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    _show(fast, seconds, pages, beside, alone, rows)


def _drain(told: Any) -> tuple[list[float], int]:
    took: list[float] = []
    refused = 0
    while not told.empty():
        some, no = told.get()
        took += some
        refused += no
    return took, refused


def _show(fast: Any, seconds: float, pages: Any, beside: Any, alone: Any, megabytes: float) -> None:
    console = Console()
    table = Table(
        "load", "events/s", "batches", "refused", "p50 ms", "p99 ms", "max ms", title="Batches of 100 into SQLite"
    )
    everything = [t for _, took, _ in fast for t in took]
    rate = statistics.median(count / seconds for count, _, _ in fast)
    for name, per_second, took, refused in (
        ("8 clients, as fast as taken", rate, everything, sum(no for *_, no in fast)),
        ("steady", RATE, *alone),
        ("steady, beside pages", RATE, *beside),
    ):
        took = sorted(took) or [0.0]
        shown = (1000 * took[int(len(took) * q)] for q in (0.5, 0.99, 0.9999))
        table.add_row(name, f"{per_second:.0f}", str(len(took)), str(refused), *(f"{ms:.1f}" for ms in shown))
    console.print(table)
    console.print(f"the log has {megabytes:.0f} MB")
    base = statistics.median(pages["pages alone"])
    rates = Table("pages", "requests/s", "of alone", title="56 KB pages seen before, 16 connections, in turn")
    for kind, all_ in pages.items():
        rates.add_row(kind, f"{statistics.median(all_):.0f}", f"{statistics.median(all_) / base:.3f}")
    console.print(rates)


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
    arguments.add_argument("--seconds", type=float, default=3.0, help="length of each measurement over uvicorn")
    arguments.add_argument("--rounds", type=int, default=5, help="how often pages are measured with and without events")
    told = arguments.parse_args()
    table = Table("body", "status", "whole, ms", "held, ms", title="How long a body holds the event loop (best of 5)")
    for name, (status, whole, longest) in asyncio.run(held()).items():
        table.add_row(name, str(status), f"{whole:.1f}", f"{longest:.1f}")
    Console().print(table)
    over_uvicorn(told.seconds, told.rounds)


if __name__ == "__main__":
    main()
