"""Several workers on one log: each folds what all of them wrote, in the same order."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

WORKER = """
import asyncio, json, sys
from pathlib import Path
from personalize.events import EventLog
from personalize.model import Event
from personalize.stores import SqliteStore

class Silent:
    def count(self, name, n=1): pass
    def changed(self, part, state, detail=""): pass
    def failed(self, where, error): raise error

class Kept:
    def __init__(self): self.seen = []
    def apply(self, event): self.seen.append((event.seq, event.id))

async def main(path, worker, each, workers):
    kept = Kept()
    log = EventLog(SqliteStore(Path(path)), Silent(), folds=[kept], interval=0.005)
    await log.start()
    for n in range(each):
        log.record(Event(f"{worker}-{n}", "X", 1.0, worker))
        log.record(Event(f"shared-{n}", "X", 1.0, "all"))  # every worker sends it, with the same id
        if n % 20 == 0:
            await asyncio.sleep(0.005)
    async with asyncio.timeout(60):
        while len(kept.seen) < each * (workers + 1):
            await asyncio.sleep(0.02)
    await log.close()
    print(json.dumps(kept.seen))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


def test_workers_fold_the_same_log(tmp_path: Path) -> None:
    """Three processes record at once, each also what the others record: every one of them folds all events, once, in
    one and the same order."""
    each, workers = 200, 3
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path / "log.db"), f"w{n}", str(each), str(workers)],
            stdout=subprocess.PIPE, text=True,
        )
        for n in range(workers)
    ]  # fmt: skip
    seen = [json.loads(worker.communicate()[0]) for worker in running]
    assert seen[0] == seen[1] == seen[2]
    assert sorted(id_ for _, id_ in seen[0]) == sorted(
        [f"w{w}-{n}" for w in range(workers) for n in range(each)] + [f"shared-{n}" for n in range(each)]
    )


async def test_a_late_worker_catches_up(tmp_path: Path) -> None:
    """A worker that starts later replays what was there and follows what others write after that."""
    from personalize.events import EventLog
    from personalize.model import Event
    from personalize.stores import SqliteStore

    class Silent:
        def count(self, name: str, n: int = 1) -> None: ...

        def changed(self, part: str, state: str, detail: str = "") -> None: ...

        def failed(self, where: str, error: BaseException) -> None:
            raise error

    class Kept:
        def __init__(self) -> None:
            self.ids: list[str] = []

        def apply(self, event: Event) -> None:
            self.ids.append(event.id)

    first = EventLog(SqliteStore(tmp_path / "log.db"), Silent())
    await first.start()
    for n in range(700):
        first.record(Event(f"e{n}", "X", 1.0, "ann"))
    await first.flush()
    kept = Kept()
    second = EventLog(SqliteStore(tmp_path / "log.db"), Silent(), folds=[kept])
    await second.start()
    assert kept.ids == [f"e{n}" for n in range(700)]
    first.record(Event("later", "X", 1.0, "ann"))
    async with asyncio.timeout(20):
        while len(kept.ids) < 701:
            await asyncio.sleep(0.02)
    assert kept.ids[-1] == "later"
    await first.close()
    await second.close()
