"""A server that is killed (kill -9) again and again under load: `python -m proofs.kills [--times 200]`.

uvicorn with the middleware and its collector, the log in SQLite, as a process of its own. Clients send batches of
events and ask for pages; at a random moment the process gets SIGKILL, and the next one starts on the same file. After
each:

- every event of a batch that was answered with 200 is in the log;
- a page view, which nobody acknowledges, is in the log if the page was made more than 100 ms before (not counting the
  time in which the server was ready to run and had no processor, as Linux tells in /proc);
- the file passes PRAGMA integrity_check;
- what is kept beside the log, with the events after it, is what the whole log says (after every tenth).

Batches are sent again after the restart, as clients do that heard nothing: an id counts once. At the end the log is
copied onto itself three times, and folded again: nothing may change. Snapshots are written every 500 events here, so
that kills meet them too. Exits with 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from personalize import PersonalizeMiddleware
from personalize.observe import LogObserver
from personalize.stores import SqliteStore
from personalize.upkeep.copying import copy_log
from personalize.upkeep.rebuilding import rebuild, started

KEY = "a-write-key-of-this-proof"
BATCH = 20
UNACKNOWLEDGED = 0.1  # seconds of page views that may be lost
PAGE = b"<!doctype html><title>Shop</title><div data-slot=hero>own</div>"
CONFIG = {
    "version": 1,
    "site": {"consent": {"default": "granted"}, "limits": {"server": 1e6}, "signals": [
        {"path": "/p/{item}", "event": "Product Viewed", "item": "{item}"}
    ]},
    "slots": {"hero": {"match": {"path": "/p/{item}"}, "experiences": [{"id": "sale", "show": {"html": "<b>!</b>"}}]}},
}  # fmt: skip


# --- the server ------------------------------------------------------------------------------------------


def waited(pid: int | str = "self") -> float:
    """Seconds for which the threads of a process were ready to run so far, and had no processor; 0.0 where the system
    does not say."""
    total = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that has just ended
            total += int(file.read_text().split()[1])
    return total / 1e9


async def shop(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    made = b"%r %r" % (time.time(), waited())
    headers = [(b"content-type", b"text/html"), (b"x-made-at", made)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


def serve(folder: Path, port: int, planted: bool) -> None:
    """`planted`: a collector that answers before the log is written, to see that the proof would notice."""
    import uvicorn

    from personalize.events import snapshots

    snapshots.BEHIND = 500  # type: ignore[misc]
    if planted:
        from personalize.events import EventLog

        async def at_once(self: EventLog) -> bool:
            return True

        EventLog.written = at_once  # type: ignore[method-assign]
    app = PersonalizeMiddleware(shop, {**CONFIG, "store": f"sqlite:///{folder}/log.db"})
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False, lifespan="on")


def begin(folder: Path, port: int, planted: bool) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PERSONALIZE_WRITE_KEYS": KEY, "PERSONALIZE_SECRET": "s" * 40}
    options = ["--planted"] if planted else []
    command = [sys.executable, "-m", "proofs.kills", "--serve", str(folder), "--port", str(port), *options]
    with (folder / "server.err").open("ab") as said:
        return subprocess.Popen(command, env=environment, stderr=said)


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


# --- the clients -------------------------------------------------------------------------------------------


@dataclass
class Sent:
    """What clients sent to one process, and what they heard of it."""

    acknowledged: set[str] = field(default_factory=set)
    unheard: list[bytes] = field(default_factory=list)  # batches that nobody answered
    made: dict[str, tuple[float, float]] = field(default_factory=dict)  # path of an answered page -> when, and `waited`
    pages: dict[str, float] = field(default_factory=dict)  # path -> seconds in which its view could be written
    restart: float = 0.0  # seconds until the first answer


def batch(name: str) -> tuple[list[str], bytes]:
    now = "2026-06-01T12:00:00Z"
    ids = [f"{name}-{n}" for n in range(BATCH)]
    events = [
        {"type": "track", "event": "Product Viewed", "userId": f"user-{n % 7}", "anonymousId": f"{name}-{n % 3}",
         "messageId": id_, "timestamp": now, "properties": {"product_id": f"p{n}"}}
        for n, id_ in enumerate(ids)
    ]  # fmt: skip
    return ids, json.dumps({"batch": events, "sentAt": now}).encode()


async def ask(port: int, head: str, body: bytes = b"") -> tuple[int, dict[bytes, bytes]]:
    """One request on a connection of its own: status and headers. Raises OSError and EOFError where nobody answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        writer.write(f"{head}\r\nHost: localhost\r\nConnection: close\r\n{length}\r\n".encode() + body)
        answer = await reader.read()
        if b"\r\n\r\n" not in answer or not answer.startswith(b"HTTP/1.1 "):
            raise EOFError
        head_, _, told = answer.partition(b"\r\n\r\n")
        pairs = (line.partition(b":") for line in head_.lower().split(b"\r\n")[1:])
        headers = {name: value.strip() for name, _, value in pairs}
        if len(told) < int(headers.get(b"content-length", b"0")):
            raise EOFError
        return int(answer[9:12]), headers
    finally:
        writer.close()


async def post(port: int, body: bytes) -> bool:
    """Was it acknowledged? Raises OSError and EOFError where nobody said so."""
    key = base64.b64encode(f"{KEY}:".encode()).decode()
    status, _ = await ask(port, f"POST /_personalize/v1/batch HTTP/1.1\r\nAuthorization: Basic {key}", body)
    return status == 200


async def use(port: int, turn: int, before: Sent, seconds: float, server: subprocess.Popen[bytes]) -> Sent:
    """Load until the server is killed, `seconds` after its first answer; what it was sent before comes again first."""
    sent, began, gone = Sent(), time.monotonic(), asyncio.Event()
    async with asyncio.timeout(180):
        while True:
            try:
                await ask(port, "GET / HTTP/1.1")
                break
            except (OSError, EOFError):
                if server.poll() is not None:
                    raise RuntimeError(f"a server ended by itself, with {server.returncode}")
                await asyncio.sleep(0.01)
    sent.restart = time.monotonic() - began

    async def again() -> None:
        for body in before.unheard:
            await post(port, body)

    async def events(client: int) -> None:
        number = 0
        while not gone.is_set():
            ids, body = batch(f"k{turn}-{client}-{number}")
            number += 1
            try:
                if await post(port, body):
                    sent.acknowledged.update(ids)
            except (OSError, EOFError):
                sent.unheard.append(body)
                return
            await asyncio.sleep(random.uniform(0, 0.02))

    async def pages(client: int) -> None:
        number = 0
        while not gone.is_set():
            path = f"/p/{turn}-{client}-{number}"
            number += 1
            try:
                status, headers = await ask(port, f"GET {path} HTTP/1.1")
                if status == 200:
                    made, had_waited = headers[b"x-made-at"].split()
                    sent.made[path] = float(made), float(had_waited)
            except (OSError, EOFError):
                return
            await asyncio.sleep(random.uniform(0, 0.01))

    async def kill() -> tuple[float, float]:
        await asyncio.sleep(seconds)
        has_waited, killed = waited(server.pid), time.time()
        os.kill(server.pid, signal.SIGKILL)
        gone.set()
        return killed, has_waited

    resent = asyncio.ensure_future(again())
    death, *_ = await asyncio.gather(kill(), *(events(n) for n in range(4)), *(pages(n) for n in range(2)))
    assert death is not None
    for path, (made, had_waited) in sent.made.items():
        sent.pages[path] = (death[0] - made) - (death[1] - had_waited)
    await asyncio.wait((resent,))
    if resent.exception() is not None:  # it was killed before all was sent again
        sent.unheard += before.unheard
    return sent


# --- what is in the log --------------------------------------------------------------------------------------


@dataclass
class Found:
    """The sums over all kills."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0  # of those
    pages: int = 0
    unwritten: int = 0  # page views that are not in the log, of the last 100 ms before a kill
    oldest: float = 0.0  # seconds before the kill that the oldest of them was made
    late: int = 0  # page views missing that are older than that
    corrupt: int = 0
    twice: int = 0
    unlike: int = 0  # times that what is kept differed from what the log says
    restarts: list[float] = field(default_factory=list)
    events: int = 0
    changed: bool = False  # by copying the log onto itself three times

    @property
    def holds(self) -> bool:
        return not (self.lost or self.late or self.corrupt or self.twice or self.unlike or self.changed)


def check(path: Path, sent: Sent, found: Found) -> None:
    with closing(sqlite3.connect(path, timeout=30)) as db:
        found.corrupt += db.execute("PRAGMA integrity_check").fetchone() != ("ok",)
        db.execute("CREATE TEMP TABLE said (id TEXT PRIMARY KEY)")
        db.executemany("INSERT INTO said VALUES (?)", [(f"w:{id_}",) for id_ in sent.acknowledged])
        lost = "SELECT count(*) FROM said WHERE id NOT IN (SELECT id FROM events)"
        found.lost += db.execute(lost).fetchone()[0]
        paths = "SELECT json_extract(properties, '$.path') FROM events WHERE name = 'Page Viewed'"
        written = {path for (path,) in db.execute(paths)}
    found.kills += 1
    found.acknowledged += len(sent.acknowledged)
    found.pages += len(sent.pages)
    found.restarts.append(sent.restart)
    for page, age in sent.pages.items():
        if page not in written:
            found.late += age > UNACKNOWLEDGED
            found.unwritten += age <= UNACKNOWLEDGED
            found.oldest = max(found.oldest, age)


async def same_as_rebuilt(path: Path) -> tuple[bool, int, dict[str, str]]:
    """Does a start come to what the whole log says? With the number of events, and the states."""
    store = SqliteStore(path)
    try:
        anew = await rebuild(store, {}, LogObserver())
        start = await started(store, {}, LogObserver())
        return dict(anew.states) == dict(start.states), anew.events, dict(anew.states)
    finally:
        await store.close()


async def three_times(path: Path, found: Found) -> None:
    """The log told to itself three times counts once."""
    _, found.events, before = await same_as_rebuilt(path)
    for _ in range(3):
        one, other = SqliteStore(path), SqliteStore(path)
        await copy_log(one, other)
        await one.close()
        await other.close()
    like, events, after = await same_as_rebuilt(path)
    found.changed = not like or events != found.events or after != before
    with closing(sqlite3.connect(path)) as db:
        found.twice = db.execute("SELECT count(*) - count(DISTINCT id) FROM events").fetchone()[0]


def run(
    times: int,
    folder: Path,
    *,
    planted: bool = False,
    seed: int = 0,
    longest: float = 1.5,
    bar: Progress | None = None,
) -> Found:
    """`longest` is how many seconds a server lives at most after its first answer."""
    found, sent, chance = Found(), Sent(), random.Random(seed)
    path = folder / "log.db"
    task = bar.add_task("kills", total=times) if bar is not None else None
    for turn in range(times):
        port = free_port()  # a new one each time: somebody else may take the last one while nobody listens
        server = begin(folder, port, planted)
        try:
            sent = asyncio.run(use(port, turn, sent, chance.uniform(0.05, longest), server))
        except (RuntimeError, TimeoutError) as error:
            raise RuntimeError(f"kill {turn}: {error!r}\n{(folder / 'server.err').read_text()[-3000:]}")
        finally:
            server.kill()
            server.wait()
        check(path, sent, found)
        if turn % 10 == 9:
            found.unlike += not asyncio.run(same_as_rebuilt(path))[0]
        if bar is not None and task is not None:
            told = f"kills · {found.acknowledged:,} acknowledged, {found.lost} lost, {found.corrupt} corrupt"
            bar.update(task, advance=1, description=told)
    found.unlike += not asyncio.run(same_as_rebuilt(path))[0]
    asyncio.run(three_times(path, found))
    return found


def show(found: Found) -> Table:
    restarts = sorted(found.restarts)
    table = Table("", "", title=f"{found.kills} kills under load", show_header=False)
    for name, value in (
        ("events acknowledged", f"{found.acknowledged:,}"),
        ("acknowledged, and lost", f"{found.lost}"),
        ("pages answered", f"{found.pages:,}"),
        ("page views lost, made within 100 ms of the kill", f"{found.unwritten}"),
        ("page views lost, made earlier", f"{found.late}"),
        ("the oldest page view lost, before the kill", f"{1000 * found.oldest:.0f} ms"),
        ("corrupt files", f"{found.corrupt}"),
        ("events in the log", f"{found.events:,}"),
        ("ids that stand in it twice", f"{found.twice}"),
        ("changed by telling the log to itself three times", "yes" if found.changed else "no"),
        ("times that what is kept differed from the log", f"{found.unlike}"),
        ("until the first answer, median and longest", f"{restarts[len(restarts) // 2]:.1f} s, {restarts[-1]:.1f} s"),
    ):
        table.add_row(name, value)
    return table


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--times", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--planted", action="store_true", help="a collector that answers before it wrote")
    arguments.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--port", type=int, help=argparse.SUPPRESS)
    told = arguments.parse_args()
    if told.serve is not None:
        serve(told.serve, told.port, told.planted)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as bar:
        found = run(told.times, Path(folder), planted=told.planted, seed=told.seed, bar=bar)
    Console().print(show(found))
    sys.exit(0 if found.holds else 1)


if __name__ == "__main__":
    main()
