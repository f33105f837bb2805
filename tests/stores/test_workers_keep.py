"""Several processes on one log keep one state beside it: links and snapshots, whoever writes them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from personalize.observe import LogObserver
from personalize.stores import open_store
from personalize.upkeep.rebuilding import rebuild, started

WORKER = """
import asyncio, random, sys
from pathlib import Path
from personalize.events import snapshots
from personalize.history import History
from personalize.model import Event
from personalize.observe import LogObserver

snapshots.BEHIND = 60

async def main(url, folder, worker, each, workers):
    chance = random.Random(worker)
    history = History.at(url, Path(folder), {}, LogObserver())
    await history.start()
    for n in range(each):
        browser, user, other = "%032x" % chance.randrange(12), f"u:{chance.randrange(5)}", f"a:{chance.randrange(6)}"
        visitor = chance.choice([browser, user, other])
        told = {"user_id": str(chance.randrange(5))} if chance.random() < 0.4 else {"loyalty": str(chance.randrange(4))}
        name = chance.choice(["Product Viewed", "Product Viewed", "Order Completed", "Signed Out", "Visitor Erased"])
        if name == "Visitor Erased" and chance.random() < 0.8:
            name = "Page Viewed"
        properties = {"$via": "server", "$ids": told, "product_id": f"p{chance.randrange(9)}", "path": "/"}
        history.record(Event(f"{worker}-{n}", name, 1e9 + 50.0 * n, visitor, properties))
        if n % 7 == 0:
            await history.load(visitor)
        if n % 20 == 0:
            await asyncio.sleep(0.02)
            await history.snapshots.save_if_due()
    async with asyncio.timeout(60):
        while history.log.seq < each * workers:
            await asyncio.sleep(0.02)
    await history.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    found: str = request.getfixturevalue("postgres") if kind == "postgresql" else kind
    return found


def test_what_workers_keep_is_what_the_log_says(url: str, tmp_path: Path) -> None:
    """Three processes write, link, sign out, erase and take snapshots at once: a start finds what the whole log folded
    from its first line comes to."""
    each, workers = 300, 3
    running = [
        subprocess.Popen([sys.executable, "-c", WORKER, url, str(tmp_path), str(n), str(each), str(workers)])
        for n in range(workers)
    ]
    assert [worker.wait(100) for worker in running] == [0] * workers

    async def compare() -> None:
        store = open_store(url, tmp_path)
        anew = await rebuild(store, {}, LogObserver())
        start = await started(store, {}, LogObserver())
        assert anew.events == each * workers and dict(anew.states) == dict(start.states)
        assert (await store.kept("identity"))[1] and (await store.kept("folds"))[0] > 0  # type: ignore[attr-defined]
        await store.close()

    asyncio.run(compare())
