"""Recorded views decided again: `python -m benchmarks.replay [--views 1000000] [--processes 1 2] [--folder FOLDER]`.

Makes a log of that many page views over a week in SQLite: a tenth as many visitors, who come for four views at a time,
250 of them at once, with product views, orders and log-ins among them. Then runs `personalize replay` on it as one
would, and prints how long it took, how much processor time of all processes together, the most memory that any of
them had, and what came of it. The proposed config changes rules on every page, so both are decided.

With `--folder` the log is kept there and taken again; with `--only-write` that is all that is done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.timing import additions
from personalize.stores.sqlite import SqliteStore

WEEK = 7 * 86_400.0
INSERT = "INSERT INTO events (id, name, time, visitor, properties) VALUES (?, ?, ?, ?, ?)"
ACTIVE, VIEWS_OF_A_VISIT = 250, 4
NOW_CONFIG = """
version: 1
store: sqlite:///log.db
holdout: {{percent: 5}}
segments:
  back: {{all: [{{visits: {{gte: 2}}}}]}}
  looked: {{all: [{{viewed: {{path: "/p/{{product}}", within: 3d}}}}]}}
  bought: {{all: [{{bought: {{within: 30d}}}}]}}
  big-basket: {{any: [{{cart.value: {{gte: 60}}}}, {{orders.average: {{gte: 50}}}}]}}
slots:
  hero:
    match: {{path: ["/", "/c/{{category}}"]}}
    cap: {{max: 20, within: 1d}}
    experiences:
      - {{id: thanks, when: bought, cap: {{max: 3, within: 1d}}, show: {{html: "<h1>Thank you</h1>"}}}}
      - {{id: basket, when: big-basket, cool_down: {{after: Order Completed, for: 12h}}, show: {{html: "<h1>Go</h1>"}}}}
      - id: back
        when: {back}
        experiment:
          key: back-1
          variants: [{{id: control, show: page}}, {{id: points, html: "<h1>Points</h1>"}}]
      - {{id: evening, when: {{time.hour: {{gte: 18}}}}, show: {{html: "<h1>Good evening</h1>"}}}}
  carousel:
    match: {{path: ["/", "/p/{{product}}"]}}
    experiences:
      - {{id: again, when: looked, delay: 30m, expire: {expire}, show: {{html: "<p>Again</p>"}}}}
      - id: tried
        when: {{path: {{regex: "^/p/p-[0-4]"}}}}
        experiment: {{key: tried-1, coverage: 50%, variants: [{{id: a, html: a}}, {{id: b, html: b}}]}}
      - {{id: others, when: {{not: [back]}}, show: {{html: "<p>New here</p>"}}}}
  proof:
    match: {{path: "/p/{{product}}"}}
    consent: none
    experiences:
      - {{id: many, when: {{path: {{regex: "[02468]$"}}}}, show: {{html: "<p>Many</p>"}}}}
"""


def events(views: int, dice: Random) -> Iterator[tuple[str, str, float, str, str]]:
    """The log's rows in order: id, name, time, visitor, properties."""
    people = max(1, views // 10)
    began = time.time() - WEEK
    shown = [
        json.dumps([{"slot": "hero", "experience": e, "variant": v, "experiment": k, "held": False,
                     "reason": "experience", "how": "inline"}], separators=(",", ":"))
        for e, v, k in (("back", "points", "back-1"), ("back", "control", "back-1"), ("evening", None, None))
    ]  # fmt: skip
    users: dict[int, str] = {}
    visiting = [dice.randrange(people) for _ in range(ACTIVE)]
    for n in range(views):
        seat = dice.randrange(ACTIVE)
        person = visiting[seat]
        if dice.random() < 1 / VIEWS_OF_A_VISIT:
            visiting[seat] = dice.randrange(people)
        at = began + (WEEK - 120) * n / views
        visitor = f"{person * 0x9E3779B97F4A7C15 % 2**128:032x}"
        kind = dice.random()
        if kind < 0.4:
            path = "/"
        elif kind < 0.6:
            path = f"/c/{dice.randrange(9)}"
        else:
            path = f"/p/p-{dice.randrange(500)}"
        what = f',"shown":{shown[person % 3]}' if kind < 0.6 else ""
        yield f"v{n}", "Page Viewed", at, visitor, f'{{"path":"{path}"{what}}}'
        if kind > 0.6:
            yield f"p{n}", "Product Viewed", at, visitor, f'{{"product_id":"{path[3:]}"}}'
        if kind > 0.97:
            yield f"a{n}", "Product Added", at + 1, visitor, f'{{"product_id":"{path[3:]}","price":{n % 60}}}'
        if kind > 0.985:
            yield f"o{n}", "Order Completed", at + 2, visitor, "{}"
        if kind < 0.002 and person not in users:
            users[person] = f"u:{person}"
            told = f'{{"traits":{{}},"$ids":{{"anonymous_id":"{visitor}"}},"$via":"server"}}'
            yield f"i{n}", "User Identified", at + 3, users[person], told


def fill(path: Path, views: int) -> int:
    """Write the log, unless it is there; returns how many lines it has."""
    import sqlite3

    async def open_once() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.close()

    asyncio.run(open_once())
    db = sqlite3.connect(path)
    count = int(db.execute("SELECT count(*) FROM events").fetchone()[0])
    if count:
        db.close()
        return count
    with db:
        waiting = []
        for row in track(events(views, Random(7)), total=int(views * 1.44), description="writing", transient=True):
            waiting.append(row)
            if len(waiting) == 20_000:
                db.executemany(INSERT, waiting)
                count += len(waiting)
                waiting.clear()
        db.executemany(INSERT, waiting)
    db.close()
    return count + len(waiting)


def processor_time() -> float:
    """Seconds of processor time that all processes begun from here have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--views", type=int, default=1_000_000)
    arguments.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--only-write", action="store_true")
    given = arguments.parse_args()
    console = Console()
    console.print(f"This machine, now: a million additions in a plain loop take {additions() * 1000:.0f} ms.")
    folder = given.folder or Path(tempfile.mkdtemp(prefix="replay-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        log = folder / "log.db"
        lines = fill(log, given.views)
        now, new = folder / "personalize.yaml", folder / "new.yaml"
        now.write_text(NOW_CONFIG.format(back="back", expire="3d"))
        new.write_text(NOW_CONFIG.format(back='{visits: {gte: 3}}', expire="1d"))
        console.print(f"A log of {lines:,} lines, {log.stat().st_size / 1e6:,.0f} MB.")
        if given.only_write:
            return
        table = Table(title="personalize replay")
        titles = ("views", "processes", "seconds", "of a processor", "largest, MB", "views changed", "visitors")
        for name in titles:
            table.add_column(name, justify="right")
        answers = set()
        since = datetime.fromtimestamp(time.time() - 30 * 86_400, UTC).isoformat()
        for processes in given.processes:
            # A moment and not a duration, so that every run decides the same views, however long the others took.
            command = [sys.executable, "-m", "personalize", "replay", str(now), str(new), "--since", since, "--json"]
            began, before = time.perf_counter(), processor_time()
            done = subprocess.run([*command, "--processes", str(processes)], stdout=subprocess.PIPE, check=True)
            took = time.perf_counter() - began
            told = json.loads(done.stdout)
            answers.add(done.stdout)
            largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            used = processor_time() - before
            cells = (f"{told['views']:,}", str(processes), f"{took:.1f}", f"{used:.1f}", f"{largest:,.0f}")
            table.add_row(*cells, f"{told['changed_views']:,}", f"{told['changed_visitors']:,}")
        console.print(table)
        console.print("All answers are the same." if len(answers) == 1 else "THE ANSWERS DIFFER.")
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
