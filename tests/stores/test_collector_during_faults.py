"""What the collector answers while the log is away: 200 for what is written and for nothing else, and otherwise when to
try again. What was dropped is counted, and said once."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from personalize import PersonalizeMiddleware
from personalize.events import EventLog
from personalize.observe import LogObserver
from personalize.stores import open_store
from personalize.testing import Answer, call

from .test_pages_during_faults import PAGE, Fault, configured, damaged, full, locked, removed, through

KEY = "a-write-key-of-the-tests"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that all workers of this test share")
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    monkeypatch.setattr("personalize.events.collector._PATIENCE", 20.0)  # so that what can be written is acknowledged


@contextmanager
def briefly() -> Iterator[None]:
    """What can't be written is refused after a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("personalize.events.collector._PATIENCE", 0.3)
        yield


class Heard(LogObserver):
    """Keeps every change of state, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.said.append((part, state))
        super().changed(part, state, detail)


class Clients:
    """Servers that send batches, and remember which ids were acknowledged, and which were not."""

    def __init__(self, store: str, app: Any = None) -> None:
        self.observer = Heard()
        self.app = PersonalizeMiddleware(app or Answer(PAGE), configured(store, "memory"), observer=self.observer)
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.sent = 0

    async def send(self, ids: list[str] | None = None) -> int:
        """One batch of five; the status of its answer."""
        if ids is None:
            ids = [f"m{self.sent + n}" for n in range(5)]
            self.sent += 5
        events = [{"type": "track", "event": "x", "userId": "7", "messageId": id_} for id_ in ids]
        headers = [(b"authorization", b"Basic " + base64.b64encode(f"{KEY}:".encode()))]
        body = json.dumps({"batch": events}).encode()
        reply = await call(self.app, "/_personalize/v1/batch", method="POST", body=body, headers=headers)
        assert reply.status in (200, 429, 503)
        if reply.status == 200:
            self.acknowledged.update(ids)
            self.refused.difference_update(ids)
        else:
            self.refused.update(ids)
            assert int(reply.all("retry-after")[0]) >= 1
        return reply.status

    async def send_again(self) -> bool:
        """As clients do: what was refused comes again. Is nothing left?"""
        for id_ in sorted(self.refused):
            await self.send([id_])
        return not self.refused

    async def close(self) -> None:
        await self.app.close()


async def ids_in(url: str, base: Path = Path()) -> list[str]:
    store = open_store(url, base)
    await store.open()
    found = [event.id.removeprefix("w:") for event in await store.read(0, 100_000) if event.name == "x"]
    await store.close()
    return found


@pytest.mark.parametrize("fault", [locked, damaged, removed, full], ids=lambda fault: fault.__name__)
async def test_what_is_acknowledged_is_in_the_log_whatever_happens_to_the_file(
    fault: Fault, tmp_path: Path, soon: Any
) -> None:
    """While the file can't be written to, each batch is refused with the seconds to wait; what is sent again counts
    once; and that it failed, and that it is well again, is said once."""
    url = f"sqlite:///{tmp_path}/log.db"
    clients = Clients(url)
    await clients.app.start()
    await clients.send()
    before = set(clients.acknowledged)
    async with fault(tmp_path):
        with briefly():
            statuses = [await clients.send() for _ in range(4)]
        assert (await call(clients.app, "/known", scheme="https")).status == 200
    if fault in (locked, full):
        assert set(statuses) == {503} and not clients.observer.counters["events.dropped"]
    await soon(clients.send_again)
    assert await clients.send() == 200
    await clients.close()
    kept = await ids_in(url, tmp_path)
    lost = before if fault in (damaged, removed) else set()  # with the file, as far as it was
    assert clients.acknowledged - lost <= set(kept) and len(kept) == len(set(kept))
    said = [state for part, state in clients.observer.said if part == "store"]
    assert said in ({locked: [["failing", "ok"]], full: [["failing", "ok"]]}.get(fault, [["damaged"], []]))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 400 KB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_disk_that_is_full_and_has_room_again(small_disk: Path, soon: Any) -> None:
    """A real disk fills up while the site serves: pages are whole, batches are refused, and once there is room all that
    is sent again is acknowledged and in the log once."""
    url = f"sqlite:///{small_disk}/log.db"
    clients = Clients(url)
    await clients.app.start()
    await clients.send()
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 1024)
    statuses = []
    with briefly():
        async with asyncio.timeout(60):
            while statuses[-3:] != [503] * 3:  # pages of the file that are free already are used up first
                statuses.append(await clients.send())
                assert (await call(clients.app, "/known", scheme="https")).body.startswith(PAGE[:20])
    assert clients.observer.said.count(("store", "failing")) == 1
    ballast.unlink()
    await soon(clients.send_again)
    await clients.close()
    kept = await ids_in(url)
    assert clients.acknowledged == set(kept) and len(kept) == len(set(kept)) and not clients.refused


@pytest.mark.parametrize("mode", ["drop", "hole"])
async def test_what_is_acknowledged_is_in_the_log_while_the_database_server_is_away(
    mode: str, postgres: str, proxied: Any, soon: Any
) -> None:
    """PostgreSQL is reset or swallows everything, and comes back: nothing is acknowledged meanwhile, and what is sent
    again is in the log once."""
    parts = urlsplit(postgres)
    async with proxied(parts.hostname or "127.0.0.1", parts.port or 5432) as proxy:
        clients = Clients(through(postgres, proxy))
        await clients.app.start()
        async with asyncio.timeout(20):
            while await clients.send() != 200:
                await asyncio.sleep(0.05)
        proxy.set(mode)
        with briefly():
            assert {await clients.send() for _ in range(4)} == {503}
        assert (await call(clients.app, "/known", scheme="https")).status == 200
        proxy.set("pass")
        await soon(clients.send_again)
        await clients.close()
    kept = await ids_in(postgres)
    assert clients.acknowledged <= set(kept) and len(kept) == len(set(kept))


async def test_what_is_given_up_was_not_acknowledged(tmp_path: Path, soon: Any) -> None:
    """A store that stays away for longer than the log's patience: what waited is dropped, counted to the event, said
    once, and none of it had been answered with 200."""
    url = f"sqlite:///{tmp_path}/log.db"
    clients = Clients(url)
    clients.app.watcher.history.log._patience = 0.5
    await clients.app.start()
    await clients.send()
    async with locked(tmp_path):
        with briefly():
            assert {await clients.send() for _ in range(6)} == {503}
        async with asyncio.timeout(20):
            while not clients.observer.counters["events.dropped"]:
                await asyncio.sleep(0.05)
    await clients.app.watcher.history.log.flush()
    await clients.close()
    kept = await ids_in(url, tmp_path)
    assert clients.sent - len(kept) == clients.observer.counters["events.dropped"]
    assert clients.acknowledged <= set(kept)
    assert clients.observer.said.count(("event queue", "dropping")) == 1


class SaysSo(EventLog):
    """Planted bug: what is given up counts as written."""

    async def written(self) -> bool:
        await super().written()
        return True


@asynccontextmanager
async def ending(clients: Clients, folder: Path) -> AsyncIterator[asyncio.Task[int]]:
    """A batch under way when the server ends, and the log can't be written."""
    await clients.app.start()
    await clients.send()
    async with locked(folder):
        sending = asyncio.ensure_future(clients.send())
        await asyncio.sleep(0.2)
        await clients.close()
        yield sending


@pytest.mark.parametrize("planted", [False, True])
async def test_a_batch_under_way_when_the_server_ends_is_not_acknowledged(
    planted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log gives up what it could not write when it closes; whoever waits for it hears 503, so that it is sent to
    the next server."""
    monkeypatch.setattr("personalize.events.collector._PATIENCE", 30.0)
    if planted:
        monkeypatch.setattr("personalize.history.history.EventLog", SaysSo)
    clients = Clients(f"sqlite:///{tmp_path}/log.db")
    async with ending(clients, tmp_path) as sending:
        await sending
    kept = await ids_in(f"sqlite:///{tmp_path}/log.db", tmp_path)
    assert (clients.acknowledged <= set(kept)) is not planted
