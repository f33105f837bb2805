"""Memory over millions of visitors: `python -m benchmarks.visitors [--visitors 5000000] [--svg FILE]`.

In one process, with the log in SQLite: batches of 100 events come through the collector, each event of a visitor that
was never there before (every tenth is told with an anonymous id that becomes one person with them), and beside each
thousand of them 20 newcomers ask for a page and 20 visitors come back for another one, whose profiles are read. The
resident size is read as it goes. At the end a new process starts on the log, and tells how long that took, what a
profile costs, and for how long reading profiles held its event loop.
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
import timeit
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
from personalize.history import History
from personalize.model import Event
from personalize.observe import LogObserver

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
    """Send until it is taken: a busy machine may take longer to write than an answer waits, and an id counts once."""
    status = 0

    async def given() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    async def reply(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [(b"host", b"shop.example"), (b"authorization", b"Bearer " + KEY.encode())]
    while status != 200:
        await app({**scope("/_personalize/v1/batch", b""), "method": "POST", "headers": headers}, given, reply)
        if status not in (200, 429, 503):
            raise RuntimeError(f"refused with {status}")
        if status != 200:
            await asyncio.sleep(0.5)


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


class Held:
    """The longest that one step held the event loop, in ms of this thread's own time: other programs do not count."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Held:
        self._ticking = asyncio.ensure_future(self._tick())
        await asyncio.sleep(0)
        self.longest = 0.0
        return self

    async def __aexit__(self, *error: object) -> None:
        self._ticking.cancel()

    async def _tick(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest, last = max(self.longest, 1000 * (now - last)), now


async def start(folder: str) -> None:
    """What a new process needs until it knows all that the log tells; and what reading profiles costs it."""
    before = resident()
    app = configured(folder)
    began = time.perf_counter()
    await app.start()
    told: dict[str, float] = {"seconds": time.perf_counter() - began, "size": resident(), "before": before}
    history = app.watcher.history
    told["events"] = await history.store.last()
    read = []
    async with Held() as held:
        for n in range(1_000):
            asked = time.perf_counter()
            await history.load(f"u:user-{n * 9973 % 100_000}")
            read.append(1000 * (time.perf_counter() - asked))
    told |= {"load": sorted(read)[len(read) // 2], "load_held": held.longest}
    name = "u:user-0"
    await history.load(name)
    told["warm"] = min(timeit.repeat(lambda: history.profile(name), number=20_000, repeat=9)) / 20_000 * 1e6
    for n in range(0, 20_000, 1_000):
        some = range(n, n + 1_000)
        await history.store.append(
            [Event(f"many-{m}", NAMES[m % 5], 1e9 + 60.0 * m, "b" * 32, {"product_id": f"p{m % 50}"}) for m in some]
        )
    other = History.at(f"sqlite:///{folder}/log.db", Path(folder), {}, LogObserver())
    for worker, name in ((history, "first"), (other, "next")):
        async with Held() as held:
            asked = time.perf_counter()
            await worker.load("b" * 32)
            told |= {name: 1000 * (time.perf_counter() - asked), f"{name}_held": held.longest}
        await asyncio.sleep(0.5)  # until it was written down
    await other.store.close()
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
    for line in (
        "a new process on this log of {events:,} events was ready after {seconds:.2f} s, {size:.0f} MiB resident"
        " ({before:.0f} before it began)",
        "a profile: {warm:.2f} µs from memory, {load:.2f} ms from the log (median of 1,000; the loop was held for at"
        " most {load_held:.1f} ms)",
        "somebody with 20,000 events: {first:,.0f} ms at first, {next:.0f} ms at the next worker (held for at most"
        " {first_held:.1f} and {next_held:.1f} ms)",
    ):
        console.print(line.format(**started))
    if told.svg:
        points = [(step.visitors, step.size) for step in steps]
        told.svg.write_text(curve("Resident size over distinct visitors", points, "million visitors", "MiB"))


if __name__ == "__main__":
    main()
