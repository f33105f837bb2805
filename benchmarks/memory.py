"""What stays in memory: `python -m benchmarks.memory [--urls 100000]`.

Every request is another URL with a page never seen before, from a newcomer who consents: what strangers could do. The
resident size of the process is read as it goes; what is remembered of pages stays under its own limit.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.asgi import Message, receive, scope
from benchmarks.pages import config, page
from personalize import PersonalizeMiddleware

BODY = page(20_000)


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = BODY.replace(b"Shop 0", scope["path"].encode(), 1)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": body})


def resident() -> float:
    """Resident size of this process, in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def measure(urls: int) -> list[tuple[int, float, float]]:
    """(URLs so far, resident MiB, MiB of remembered pages) ten times on the way."""
    folder = tempfile.TemporaryDirectory()
    os.environ["PERSONALIZE_SECRET"] = "a secret for this benchmark alone"
    wrapped = PersonalizeMiddleware(app, config(f"sqlite:///{folder.name}/log.db"))
    await wrapped.start()

    async def send(message: Message) -> None:
        return

    rows = []
    for number in track(range(urls + 1), description="asking"):
        await wrapped(scope(f"/shop/{number}", b"consent=granted"), receive, send)
        if number % 100 == 0:
            await asyncio.sleep(0)
        if number % (urls // 10) == 0:
            await wrapped.watcher.history.log.flush()
            rows.append((number, resident(), wrapped.engine.shapes.used / 2**20))
    await wrapped.close()
    folder.cleanup()
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--urls", type=int, default=100_000)
    rows = asyncio.run(measure(arguments.parse_args().urls))
    table = Table("distinct URLs and visitors", "resident, MiB", "pages remembered, MiB")
    for number, size, shapes in rows:
        table.add_row(f"{number:,}", f"{size:.0f}", f"{shapes:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
