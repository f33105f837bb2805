"""Memory over millions of visitors: `python -m benchmarks.visitors [--visitors 5000000] [--svg FILE]`.

In one process, with the log in SQLite: batches of 100 events come through the collector, each event of a visitor that
was never there before (every tenth is told with an anonymous id that becomes one person with them), and beside each
thousand of them 20 newcomers ask for a page and 20 visitors come back for another one, whose profiles are read. The
resident size is read as it goes. At the end a new process starts on the log, and tells how long that took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.asgi import CONSENT, Bare, Message, receive, scope
from benchmarks.chart import curve
from benchmarks.memory import resident
from benchmarks.pages import config
from personalize import PersonalizeMiddleware

KEY = "a-write-key-of-the-benchmark"
BATCH = 100
AT_ONCE = 8
ITEMS = 2_000
NAMES = ("Product Viewed", "Product Viewed", "Product Added", "Product Viewed", "Order Completed")


def configured(folder: str) -> PersonalizeMiddleware:
    os.environ["PERSONALIZE_SECRET"] = "s" * 40
    os.environ["PERSONALIZE_WRITE_KEYS"] = KEY
    made = config(f"sqlite:///{folder}/log.db")
    return PersonalizeMiddleware(Bare(), made | {"site": made.get("site", {}) | {"limits": {"server": 1e9}}})


def body(first: int) -> bytes:
    events: list[dict[str, Any]] = []
    for n in range(first, first + BATCH):
        item = {"product_id": f"p{n * n % ITEMS}", "price": 9.9, "quantity": 1}
        event: dict[str, Any] = {
            "type": "track", "event": NAMES[n % len(NAMES)], "userId": f"user-{n}", "messageId": f"m-{n}",
            "timestamp": "2026-06-01T12:00:00Z",
            "properties": {"order_id": f"o-{n}", "products": [item]} if n % len(NAMES) == 4 else item,
        }  # fmt: skip
        if n % 10 == 0:
            event["anonymousId"] = f"anonymous-{n}"
        events.append(event)
    return json.dumps({"batch": events}).encode()


async def post(app: Any, data: bytes) -> None:
    async def given() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    async def reply(message: Message) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"refused with {message['status']}")

    headers = [(b"host", b"shop.example"), (b"authorization", b"Bearer " + KEY.encode())]
    await app({**scope("/_personalize/v1/batch", b""), "method": "POST", "headers": headers}, given, reply)


async def look(app: Any, path: str, cookie: bytes) -> bytes:
    """Ask for a page; the cookie that came with it, or the one that was sent."""
    got = cookie

    async def reply(message: Message) -> None:
        nonlocal got
        for name, value in message.get("headers", ()):
            if name == b"set-cookie":
                got = CONSENT[1] + b"; " + value.partition(b";")[0]

    await app(scope(path, cookie), receive, reply)
    return got


class Step(NamedTuple):
    visitors: int
    size: float  # MiB, resident
    profiles: int
    profiles_size: float  # MiB, by the estimate that bounds them
    log: float  # MB on disk
    rate: float  # events a second since the last step


def size_of(folder: str) -> float:
    """MB of all files in it."""
    return sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6


async def measure(visitors: int, folder: str, bar: Progress) -> list[Step]:
    app = configured(folder)
    await app.start()
    history, chance = app.watcher.history, random.Random(1)
    cookies: deque[bytes] = deque(maxlen=10_000)
    steps: list[Step] = []
    task = bar.add_task("visitors", total=visitors)
    began, done, pages = time.perf_counter(), 0, 0
    for first in range(0, visitors + 1, 1_000):
        if first % max(1_000, visitors // 20) == 0:
            await history.log.flush()
            profiles, seconds = history.profiles, time.perf_counter() - began
            on_disk = size_of(folder)
            rate = (first - done) / seconds
            steps.append(Step(first + pages, resident(), len(profiles), profiles.size / 2**20, on_disk, rate))
            began, done = time.perf_counter(), first
        if first >= visitors:
            break
        waiting = deque(range(first, first + 1_000, BATCH))

        async def send(waiting: deque[int] = waiting) -> None:
            while waiting:
                await post(app, body(waiting.popleft()))

        await asyncio.gather(*(send() for _ in range(AT_ONCE)))
        for n in range(20):
            cookies.append(await look(app, f"/shop/{n}", CONSENT[1]))
            pages += 1
        for _ in range(20):
            await look(app, f"/shop/{chance.randrange(50)}", chance.choice(cookies))
        bar.update(task, completed=first + 1_000)
    await app.close()
    return steps


async def start(folder: str) -> None:
    """What a new process needs until it knows all that the log tells."""
    before = resident()
    app = configured(folder)
    began = time.perf_counter()
    await app.start()
    ready = time.perf_counter() - began
    history = app.watcher.history
    read = []
    for n in range(200):
        asked = time.perf_counter()
        await history.load(f"u:user-{n * 9973 % 100_000}")
        read.append(time.perf_counter() - asked)
    told = {
        "seconds": ready, "size": resident(), "before": before, "events": await history.store.last(),
        "load": 1000 * sorted(read)[100],
    }  # fmt: skip
    print(json.dumps(told))
    await app.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--visitors", type=int, default=1_000_000)
    arguments.add_argument("--svg", type=Path, help="write the chart there")
    arguments.add_argument("--start", help=argparse.SUPPRESS)
    told = arguments.parse_args()
    if told.start:
        asyncio.run(start(told.start))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory() as folder:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            steps = asyncio.run(measure(told.visitors, folder, bar))
        command = [sys.executable, "-m", "benchmarks.visitors", "--start", folder]
        started = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    table = Table("distinct visitors", "resident, MiB", "profiles in memory", "MiB", "log, MB", "events/s")
    for step in steps:
        table.add_row(
            f"{step.visitors:,}", f"{step.size:.0f}", f"{step.profiles:,}", f"{step.profiles_size:.1f}",
            f"{step.log:,.0f}", f"{step.rate:,.0f}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(
        f"a new process on this log of {started['events']:,} events was ready after {started['seconds']:.2f} s"
        f" with {started['size']:.0f} MiB resident ({started['before']:.0f} before it began); a profile that is not in"
        f" memory took {started['load']:.2f} ms (median of 200)"
    )
    if told.svg:
        points = [(step.visitors, step.size) for step in steps]
        told.svg.write_text(curve("Resident size over distinct visitors", points, "million visitors", "MiB"))


if __name__ == "__main__":
    main()
