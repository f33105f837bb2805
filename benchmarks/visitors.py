"""Memory over millions of visitors: `python -m benchmarks.visitors [--visitors 5000000] [--svg FILE]`.

In one process, with the log in SQLite: batches of 100 events come through the collector, each event of a visitor that
was never there before (every tenth is told with an anonymous id that becomes one person with them), and beside each
thousand of them 50 newcomers ask for a page and 50 visitors come back for another one, whose profiles are read. The
resident size is read as it goes, and a row is printed for it at once. At the end new processes start on the log: one
with its snapshot, one without; they tell how long that took, what a profile costs, and for how long reading profiles
held the event loop. `--freeze` does what `site: {freeze_at_start: true}` does in a server. `--keep FOLDER` leaves the
log there, and `--start FOLDER` starts on one that was left.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import timeit
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.asgi import CONSENT, Bare, Message, receive, scope
from benchmarks.chart import curve
from benchmarks.memory import resident
from benchmarks.pages import config
from personalize import PersonalizeMiddleware
from personalize.history import History
from personalize.middleware import _STARTUP
from personalize.model import Event
from personalize.observe import LogObserver

KEY = "a-write-key-of-the-benchmark"
BATCH = 100
AT_ONCE = 8
NEWCOMERS = 50  # who ask for a page beside each thousand events, and as many who come back
ITEMS = 2_000
COOKIES = "cookies.txt"  # in the log's folder: of visitors who may come back
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


HEAD = "distinct visitors  resident, MiB  profiles in memory  MiB  collector, ms  log, MB  events/s"


class Step(NamedTuple):
    """One row."""

    visitors: int
    size: float  # MiB, resident
    profiles: int
    profiles_size: float  # MiB, by the estimate that bounds them
    collected: float  # ms of the longest pass of the garbage collector since the last row
    log: float  # MB on disk
    rate: float  # events a second since the last row

    def __str__(self) -> str:
        return (
            f"{self.visitors:17,}  {self.size:13.0f}  {self.profiles:18,}  {self.profiles_size:3.0f}"
            f"  {self.collected:13.1f}  {self.log:7,.0f}  {self.rate:8,.0f}"
        )


class Passes:
    """The longest pass of the garbage collector, in ms of this thread's own time."""

    def __init__(self) -> None:
        self.longest = self._began = 0.0
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self.longest = max(self.longest, 1000 * (time.thread_time() - self._began))

    def take(self) -> float:
        longest, self.longest = self.longest, 0.0
        return longest


def size_of(folder: str) -> float:
    """MB of all files in it."""
    return sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6


def leave(folder: str, cookies: Iterable[bytes]) -> None:
    Path(folder, COOKIES).write_bytes(b"\n".join(cookies))


def left(folder: str) -> list[bytes]:
    return Path(folder, COOKIES).read_bytes().splitlines()


async def measure(visitors: int, folder: str, freeze: bool) -> list[Step]:
    app = configured(folder)
    await app.start()
    if freeze:
        gc.collect()
        gc.freeze()
    history, chance, passes = app.watcher.history, random.Random(1), Passes()
    cookies: deque[bytes] = deque(maxlen=10_000)
    steps: list[Step] = []
    print(HEAD, flush=True)
    began, done, pages = time.perf_counter(), 0, 0
    for first in range(0, visitors + 1, 1_000):
        if first % max(1_000, visitors // 25) == 0:
            await history.log.flush()
            profiles, seconds = history.profiles, time.perf_counter() - began
            rate = (first - done) / seconds
            of_profiles = len(profiles), profiles.size / 2**20
            steps.append(Step(first + pages, resident(), *of_profiles, passes.take(), size_of(folder), rate))
            print(steps[-1], flush=True)
            began, done = time.perf_counter(), first
        if first >= visitors:
            break
        waiting = deque(range(first, first + 1_000, BATCH))

        async def send(waiting: deque[int] = waiting) -> None:
            while waiting:
                await post(app, body(waiting.popleft()))

        await asyncio.gather(*(send() for _ in range(AT_ONCE)))
        for n in range(NEWCOMERS):
            cookies.append(await look(app, f"/shop/{n % 20}", CONSENT[1]))
            pages += 1
        for _ in range(NEWCOMERS):
            await look(app, f"/shop/{chance.randrange(50)}", chance.choice(cookies))
    await app.close()
    leave(folder, cookies)
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


def microseconds(work: Callable[[], object]) -> float:
    """Of this thread's own time, at best."""
    return min(timeit.repeat(work, timer=time.thread_time, number=2_000, repeat=9)) / 2_000 * 1e6


def repack(history: History, name: str) -> None:
    """Read a profile that is packed, and pack it again."""
    history.profile(name)
    history.profiles._pack(name)


async def start(folder: str) -> None:
    """What a new process needs until it knows all that the log tells; and what reading profiles costs it."""
    before = resident()
    app = configured(folder)
    cookie = left(folder)[0]
    began = time.perf_counter()
    await app.watcher.start(patience=_STARTUP)  # as a server does
    told: dict[str, float] = {"before": before, "serves": time.perf_counter() - began}
    asked = time.perf_counter()
    while not len(app.watcher.history.profiles):  # a page waits 50 ms for a profile at most, and is served without it
        await look(app, "/shop/1", cookie)
    told["known"] = time.perf_counter() - asked
    await app.watcher.history.start()
    told |= {"seconds": time.perf_counter() - began, "size": resident()}
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
    told["warm"] = microseconds(lambda: history.profile(name))
    history.profiles._pack(name)
    told["packed"] = microseconds(lambda: repack(history, name))
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


def started(folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.visitors", "--in", folder]
    told: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return told


def tell(folder: str) -> None:
    """What starts on the log cost: with its snapshot, and without."""
    first = started(folder)
    for line in (
        "a new process on this log of {events:,} events let its server start after {serves:.2f} s, and knew a visitor"
        " who came back {known:.2f} s later; all was known after {seconds:.2f} s; {size:.0f} MiB resident ({before:.0f}"
        " before it began)",
        "a profile: {warm:.2f} µs from memory, {packed:.2f} µs where it is packed, {load:.2f} ms from the log (median"
        " of 1,000; the loop was held for at most {load_held:.1f} ms)",
        "somebody with 20,000 events: {first:,.0f} ms at first, {next:.0f} ms at the next worker (held for at most"
        " {first_held:.1f} and {next_held:.1f} ms)",
    ):
        print(line.format(**first), flush=True)
    with closing(sqlite3.connect(Path(folder, "log.db"))) as db:
        db.execute("DELETE FROM kept WHERE grp = 'folds'")
        db.execute("DELETE FROM stands WHERE grp = 'folds'")
        db.commit()
    print(
        "without a snapshot: its server started after {serves:.2f} s, and knew a visitor who came back {known:.2f} s"
        " later; all was known after {seconds:.1f} s; {size:.0f} MiB".format(**started(folder))
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--visitors", type=int, default=1_000_000)
    arguments.add_argument("--svg", type=Path, help="write the chart there")
    arguments.add_argument("--freeze", action="store_true", help="keep what is there at the start from the collector")
    arguments.add_argument("--keep", type=Path, help="a new folder for the log, which stays there")
    arguments.add_argument("--start", type=Path, help="measure starts on the log in this folder only")
    arguments.add_argument("--in", dest="inside", help=argparse.SUPPRESS)
    told = arguments.parse_args()
    if told.inside:
        asyncio.run(start(told.inside))
        return
    if told.start:
        tell(str(told.start))
        return
    with tempfile.TemporaryDirectory() as folder:
        if told.keep:
            told.keep.mkdir(parents=True)
        place = str(told.keep or folder)
        steps = asyncio.run(measure(told.visitors, place, told.freeze))
        tell(place)
    if told.svg:
        points = [(step.visitors, step.size) for step in steps]
        told.svg.write_text(curve("Resident size over distinct visitors", points, "million visitors", "MiB"))


if __name__ == "__main__":
    main()
