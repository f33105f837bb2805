"""What the whole middleware adds: `python -m benchmarks.asgi [--seconds 3]`.

In process: microseconds added to a request for an unruled path, a page seen before, the same page unseen. Over
uvicorn: requests per second against the bare app, and where pages leave compressed against the bare app behind
starlette's GZipMiddleware; each with an A/A twin (the same app twice) that shows the noise.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from starlette.middleware.gzip import GZipMiddleware

from benchmarks.pages import config, documentation_page, page
from benchmarks.timing import additions, interleaved
from personalize import PersonalizeMiddleware

SIZE = 56_000
BODY = page(SIZE)
PARTS = BODY.split(b"</article>")
HEAD, *ROWS, TAIL = PARTS
CONSENT = (b"cookie", b"consent=granted")
Message = MutableMapping[str, Any]


class Bare:
    """An app that answers the page at once; under /fresh/ each answer is a page never seen before."""

    def __init__(self, body: bytes = BODY) -> None:
        self.serial = 0
        self.halves = body[: len(body) // 2], body[len(body) // 2 :]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        # New bytes each time, as any app makes them: two equal pages are never the same object.
        if "fresh" in scope["path"]:
            self.serial += 1  # another order of the articles: nothing a template of the page could know
            turn = self.serial * 7 % len(ROWS)
            body = b"</article>".join((HEAD, *ROWS[turn:], *ROWS[:turn], TAIL))
        else:
            body = b"".join(self.halves)
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def scope(path: str, cookie: bytes) -> dict[str, Any]:
    """A scope as uvicorn makes it for a browser's request."""
    headers = [
        (b"host", b"shop.example"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        (b"accept", b"text/html,application/xhtml+xml"), (b"accept-language", b"en-US,en;q=0.5"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"), (b"referer", b"https://search.example/"), (b"cookie", cookie),
        (b"sec-fetch-dest", b"document"), (b"sec-fetch-mode", b"navigate"), (b"dnt", b"1"),
    ]  # fmt: skip
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 443), "extensions": {},
    }  # fmt: skip


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def in_process() -> dict[str, float]:
    """Median microseconds of each kind of request, bare and wrapped."""
    bare, twin = Bare(), Bare()
    wrapped = PersonalizeMiddleware(Bare(), config())
    await wrapped.start()
    cookie = await signed_cookie(wrapped)

    async def send(message: Message) -> None:
        return

    def call(app: Callable[..., Awaitable[None]], path: str) -> Callable[[], Awaitable[None]]:
        made = scope(path, cookie)
        return lambda: app(made, receive, send)

    out = await interleaved(
        {
            "bare": call(bare, "/about"),
            "bare, twin": call(twin, "/about"),
            "unruled path": call(wrapped, "/about"),
            "seen page, 4 slots": call(wrapped, "/shop/home"),
            "bare, fresh page": call(bare, "/fresh/home"),
            "unseen page, 4 slots": call(wrapped, "/shop/fresh"),
        }
    )
    await wrapped.close()
    return out


async def signed_cookie(app: PersonalizeMiddleware) -> bytes:
    """The cookies of a visitor who consented and came before."""
    got: list[Message] = []

    async def send(message: Message) -> None:
        got.append(message)

    await app(scope("/shop/home", b"consent=granted"), receive, send)
    made = next(value for name, value in got[0]["headers"] if name == b"set-cookie")
    return b"consent=granted; " + bytes(made).partition(b";")[0]


# --- over uvicorn --------------------------------------------------------------------------------------


def serve(kind: str, port: int, folder: str, body: bytes) -> None:
    import uvicorn

    logging.disable(logging.CRITICAL)
    app: Any = Bare(body)
    if kind.startswith("GZipMiddleware"):
        app = GZipMiddleware(app)
    elif kind in ("wrapped", "compress: true"):
        app = PersonalizeMiddleware(app, config(compress=kind != "wrapped"))
    elif kind == "wrapped, log in SQLite":
        app = PersonalizeMiddleware(app, config(f"sqlite:///{folder}/log.db"))
    uvicorn.run(
        app, host="127.0.0.1", port=port, log_level="critical", access_log=False, http="httptools", lifespan="off"
    )


async def load(port: int, seconds: float, coding: bytes = b"identity", connections: int = 16) -> tuple[float, int]:
    """Requests per second over keep-alive connections, each asking again as soon as it was answered; and a body's
    bytes."""
    request = b"GET /shop/home HTTP/1.1\r\nHost: localhost\r\nCookie: consent=granted%s\r\nAccept: text/html\r\n"
    request += b"Accept-Encoding: " + coding + b"\r\n\r\n"
    end = time.perf_counter() + seconds
    done = length = 0

    async def one() -> None:
        nonlocal done, length
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        cookie = b""
        while time.perf_counter() < end:
            writer.write(request % cookie)
            head = await reader.readuntil(b"\r\n\r\n")
            if not cookie and b"set-cookie: " in head:
                cookie = b"; " + head.partition(b"set-cookie: ")[2].partition(b";")[0]
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
            done += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return done / (time.perf_counter() - began), length


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def over_uvicorn(
    kinds: Sequence[str], seconds: float, body: bytes = BODY, coding: bytes = b"identity", rounds: int = 5
) -> dict[str, tuple[float, float, int]]:
    """Median requests per second of each kind, taken in turn, microseconds of the server's processor time per request,
    and the bytes of a body. The client is Python too, on the other core: where it is the slower of the two, the rates
    look more alike than the servers' times."""
    with tempfile.TemporaryDirectory() as folder:
        ports = {kind: free_port() for kind in kinds}
        servers = {
            kind: multiprocessing.Process(target=serve, args=(kind, port, folder, body), daemon=True)
            for kind, port in ports.items()
        }
        for server in servers.values():
            server.start()
        rates: dict[str, list[float]] = {kind: [] for kind in ports}
        times: dict[str, list[float]] = {kind: [] for kind in ports}
        sizes: dict[str, int] = {}
        try:
            for port in ports.values():
                wait_for(port)
                asyncio.run(load(port, 0.3, coding))
            for _ in track(range(rounds), description="over uvicorn", transient=True):
                for kind, port in ports.items():
                    before = processor_time(servers[kind].pid)
                    rate, sizes[kind] = asyncio.run(load(port, seconds, coding))
                    rates[kind].append(rate)
                    times[kind].append((processor_time(servers[kind].pid) - before) / (rate * seconds) * 1e6)
        finally:
            for server in servers.values():
                server.terminate()
                server.join()
        return {kind: (statistics.median(rates[kind]), statistics.median(times[kind]), sizes[kind]) for kind in ports}


def processor_time(pid: int | None) -> float:
    """Seconds of processor time that a process has used; nan where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"no server on port {port}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=2.0, help="length of each uvicorn measurement")
    seconds: float = arguments.parse_args().seconds
    console = Console()
    console.print(f"This machine, now: a million additions in a plain loop take {additions() * 1000:.0f} ms.")
    t = asyncio.run(in_process())
    table = Table("request", "µs, whole", "µs added", title=f"In process, a {len(BODY) // 1000} KB page")
    for name, base in (
        ("bare, twin", "bare"),
        ("unruled path", "bare"),
        ("seen page, 4 slots", "bare"),
        ("unseen page, 4 slots", "bare, fresh page"),
    ):
        table.add_row(name, f"{t[name]:.1f}", f"{t[name] - t[base]:+.1f}")
    console.print(table)
    where = "Over uvicorn (httptools), 16 connections, a page seen before"
    r = over_uvicorn(("bare", "twin", "wrapped", "wrapped, log in SQLite"), seconds)
    rates = Table("app", "requests/s", "of bare", "server's µs a request", title=where)
    for kind, (rate, cpu, _) in r.items():
        rates.add_row(kind, f"{rate:.0f}", f"{rate / r['bare'][0]:.3f}", f"{cpu:.0f}")
    console.print(rates)
    console.print(compressed(seconds, f"{where}, for a client that takes gzip"))


def compressed(seconds: float, title: str) -> Table:
    """Pages that leave as gzip: a bare app behind GZipMiddleware with its defaults, and `compress: true`. Besides the
    page that is made by code, whose every row looks alike, one that was not made for this."""
    table = Table("page", "app", "requests/s", "times", "server's µs a request", "bytes sent", title=title)
    for name, body in (("made by code", BODY), ("of Python's documentation", documentation_page())):
        if body is None:
            continue
        r = over_uvicorn(("GZipMiddleware", "GZipMiddleware, twin", "compress: true"), seconds, body, b"gzip")
        for kind, (rate, cpu, size) in r.items():
            times = f"{rate / r['GZipMiddleware'][0]:.2f}"
            table.add_row(f"{len(body) // 1000} KB, {name}", kind, f"{rate:.0f}", times, f"{cpu:.0f}", f"{size:,}")
    return table


if __name__ == "__main__":
    main()
