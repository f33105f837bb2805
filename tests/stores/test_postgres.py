"""What several machines, a network and a failing server may do to the log in PostgreSQL, and what must not follow."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from personalize.errors import StoreError
from personalize.events import EventLog
from personalize.model import Event
from personalize.protocols import Store
from personalize.stores import PostgresStore

Proxied = Callable[[str, int], AbstractAsyncContextManager[Any]]
Soon = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


class Heard:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.said: list[tuple[str, str]] = []

    def count(self, name: str, n: int = 1) -> None:
        self.counted[name] += n

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.said.append((part, state))

    def failed(self, where: str, error: BaseException) -> None:
        raise AssertionError(where) from error


def batch(name: str, size: int = 5) -> list[Event]:
    return [Event(f"{name}-{n}", "X", 1.0, "ann") for n in range(size)]


async def sql(url: str, statement: str) -> Any:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return await (connection.fetch if statement.startswith("SELECT") else connection.execute)(statement)
    finally:
        await connection.close()


def through(url: str, proxy: Any) -> str:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}"))


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 5432


# --- the order of the log ----------------------------------------------------------------------------------


class Drawn(PostgresStore):
    """Planted bug: seq is drawn from a sequence, so that transactions may commit in another order."""

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        async def work(connection: Any) -> tuple[int, int]:
            async with connection.transaction():
                last = 0
                for event in events:
                    last = await connection.fetchval("SELECT nextval('drawn')")
                    await connection.execute(
                        "INSERT INTO personalize_events VALUES ($1, $2, 'X', 1, 'ann', '{}')", last, event.id
                    )
                    await asyncio.sleep(0.001)
            return len(events), last

        return await self._writer.run(work)


async def followed(make: Callable[[], Store], writers: int, batches: int) -> tuple[list[str], list[str]]:
    """What a reader that follows the log saw while several wrote, and what the log holds in the end."""
    stores = [make() for _ in range(writers)]
    reader = make()
    seen: list[str] = []
    done = asyncio.Event()

    async def follow() -> None:
        after = 0
        while True:
            last_look = done.is_set()
            while page := await reader.read(after, 7):
                seen.extend(event.id for event in page)
                after = page[-1].seq
            if last_look:
                return
            await asyncio.sleep(0)

    async def write(n: int) -> None:
        for b in range(batches):
            await stores[n].append([*batch(f"w{n}-b{b}", 3), Event(f"shared-{b}", "X", 1.0, "all")])

    following = asyncio.create_task(follow())
    await asyncio.gather(*map(write, range(writers)))
    done.set()
    await following
    held = [event.id for event in await reader.read(0, 100_000)]
    for store in (*stores, reader):
        await store.close()
    return seen, held


async def test_a_reader_that_follows_misses_nothing(postgres: str) -> None:
    """While eight connections append, a reader who goes on after the last seq it saw sees every event, once, in the
    order of the log, and the log has no gap."""
    seen, held = await followed(lambda: PostgresStore(postgres, patience=30.0), writers=8, batches=20)
    assert seen == held and len(held) == 8 * 20 * 3 + 20
    (row,) = await sql(postgres, "SELECT min(seq), max(seq), count(*) FROM personalize_events")
    assert row[0] == 1 and row[1] == row[2]


async def test_the_test_of_order_can_fail(postgres: str) -> None:
    """Planted bug: with seqs drawn from a sequence, the following reader misses events."""
    store = PostgresStore(postgres)
    await store.open()
    await store.close()
    await sql(postgres, "CREATE SEQUENCE drawn")

    class Unshared(Drawn):
        async def append(self, events: Sequence[Event]) -> tuple[int, int]:
            return await super().append([event for event in events if event.visitor == "ann"])

    seen, held = await followed(lambda: Unshared(postgres), writers=8, batches=20)
    assert sorted(seen) != sorted(held)


async def test_many_open_a_new_database_at_once(postgres: str) -> None:
    """Workers that start together on an empty schema make the tables once, and all get them."""
    stores = [PostgresStore(postgres, patience=30.0) for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.append(batch(f"s{n}")) for n, store in enumerate(stores)))
    assert await stores[0].last() == 40
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_newer_log_is_left_alone(postgres: str) -> None:
    """Tables of a later version are refused with a message and not touched."""
    store = PostgresStore(postgres)
    await store.append(batch("a"))
    await store.close()
    await sql(postgres, "UPDATE personalize_log SET version = 99")
    with pytest.raises(StoreError, match="newer version"):
        await PostgresStore(postgres).open()


async def test_a_database_of_careful_isolation(postgres: str) -> None:
    """Where a role's or database's transactions are serializable unless told, appends still see what was committed."""
    careful = f"{postgres}%20-cdefault_transaction_isolation%3Dserializable"
    store, other = PostgresStore(careful, patience=30.0), PostgresStore(careful, patience=30.0)
    await asyncio.gather(*((store, other)[n % 2].append(batch(f"b{n // 2}")) for n in range(40)))
    assert await store.last() == 100
    await store.close()
    await other.close()


async def test_what_only_libpq_knows_is_left_out_of_an_address(postgres: str) -> None:
    """Hosts give out addresses with libpq's own settings: they work; what would be less safe without is refused."""
    store = PostgresStore(f"{postgres}&connect_timeout=5&keepalives_idle=30&channel_binding=prefer")
    await store.open()
    assert await store.last() == 0
    await store.close()
    with pytest.raises(ValueError, match="verify-full"):
        PostgresStore(f"{postgres}&channel_binding=require")


async def test_a_role_without_rights_is_told_which(postgres: str) -> None:
    """A role that may not create anything hears so at the first start; with rights on the tables it works."""
    schema = postgres.rpartition("%3D")[2]
    role = f"{schema}_weak"
    weak = postgres.replace("//root@", f"//{role}@", 1)
    if weak == postgres:
        pytest.skip("the server is reached by another role")
    await sql(postgres, f"CREATE ROLE {role} LOGIN")
    await sql(postgres, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    try:
        store = PostgresStore(weak)
        with pytest.raises(StoreError, match="needs CREATE on the schema"):
            await store.open()
        owner = PostgresStore(postgres)
        await owner.open()
        await owner.close()
        with pytest.raises(StoreError, match="rights on them"):
            await store.open()
        await sql(postgres, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
        assert await store.append(batch("a")) == (5, 5)
        assert await store.keep("g", 0, 5, {"k": b"v"}) and await store.forget("nobody") == 0
        await store.close()
    finally:
        await sql(postgres, f"DROP OWNED BY {role}")
        await sql(postgres, f"DROP ROLE {role}")


async def test_a_missing_schema_is_said(postgres: str) -> None:
    """A search_path without a schema that exists is told as such."""
    url = postgres.partition("?")[0]
    with pytest.raises(StoreError, match="no schema"):
        await PostgresStore(f"{url}?options=-csearch_path%3Dpersonalize_test_not_there").open()


async def test_a_log_made_anew_goes_on_beyond_the_old_one(postgres: str) -> None:
    """When the tables were dropped under a running worker, the new log's seqs lie beyond all old ones."""
    store = PostgresStore(postgres)
    await store.append(batch("a", 10))
    assert await store.keep("folds", 0, 10, {"a": b"1"})
    await sql(postgres, "DROP TABLE personalize_events, personalize_log; DROP FUNCTION personalize_append")
    with pytest.raises(StoreError):
        await store.append(batch("b"))
    assert (await store.append(batch("b")))[0] == 5
    found = [event for event in await store.read() if event.id.startswith("b")]
    assert len(found) == 5 and found[0].seq > 10
    assert await store.kept("folds") == (0, {})  # what was kept stood for the old log
    await store.close()


async def test_tables_of_the_first_version_are_brought_up_to_date(postgres: str) -> None:
    """A worker that finds the tables of an older version changes them at its first connection; events stay."""
    old = PostgresStore(postgres)
    await old.append(batch("a", 10))
    await old.close()
    await sql(
        postgres,
        "DROP TABLE personalize_stands, personalize_kept; DROP FUNCTION personalize_keep;"
        "UPDATE personalize_log SET version = 1",
    )
    workers = [PostgresStore(postgres, patience=30.0) for _ in range(4)]
    assert sum(await asyncio.gather(*(worker.keep("folds", 0, 10, {"a": b"1"}) for worker in workers))) == 1
    assert await workers[0].kept("folds") == (10, {"a": b"1"})
    assert len(await workers[1].read()) == 10
    for worker in workers:
        await worker.close()


# --- a server that is slow, gone, and back -----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["drop", "hole"])
async def test_gone_and_back(postgres: str, proxied: Proxied, soon: Soon, mode: str) -> None:
    """While the server is reset or swallows everything, every call ends with a StoreError in bounded time and soon
    costs nothing; when it is back, so is the log, with what was acknowledged and nothing twice."""
    async with proxied(*address(postgres)) as proxy:
        store = PostgresStore(through(postgres, proxy), patience=0.3)
        await store.append(batch("before"))
        proxy.set(mode)
        for n in range(4):
            with pytest.raises(StoreError):
                await store.append(batch(f"during{n}"))
        accepted = proxy.accepted
        for _ in range(50):
            with pytest.raises(StoreError, match="left alone"):
                await store.of_visitor("ann")
        assert proxy.accepted == accepted  # the breaker is open: nobody knocked
        proxy.set("pass")

        async def back() -> bool:
            try:
                await store.append(batch("after"))
            except StoreError:
                return False
            return True

        await soon(back)
        ids = [event.id for event in await store.read()]
        assert len(ids) == len(set(ids))
        assert {event.id for event in batch("before") + batch("after")} <= set(ids)
        await store.close()


async def test_a_cancelled_command_drops_its_connection(postgres: str, proxied: Proxied) -> None:
    """A caller that gives up while the answer is on its way takes the connection with it: the next call gets its own
    answer, not the late one."""
    async with proxied(*address(postgres)) as proxy:
        store = PostgresStore(through(postgres, proxy), patience=5.0, readers=1)
        await store.append([Event("a", "X", 1.0, "ann"), Event("b", "X", 1.0, "bob")])
        await store.of_visitor("ann")
        before = proxy.accepted
        proxy.set("hole")
        asking = asyncio.create_task(store.of_visitor("ann"))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        proxy.set("pass")
        assert [event.id for event in await store.of_visitor("bob")] == ["b"]
        assert proxy.accepted > before
        await store.close()


async def test_a_held_lock_is_waited_for_in_bounded_time(postgres: str) -> None:
    """While somebody else holds the log's row, an append ends with a StoreError and reads go on."""
    import asyncpg

    store = PostgresStore(postgres)
    await store.append(batch("a"))
    other = await asyncpg.connect(postgres)
    async with other.transaction():
        await other.execute("SELECT * FROM personalize_log FOR UPDATE")
        with pytest.raises(StoreError, match="lock"):
            await store.append(batch("b"))
        assert len(await store.read()) == 5
    await other.close()
    assert (await store.append(batch("b")))[0] == 5
    await store.close()


async def test_what_is_dropped_is_counted_and_said(postgres: str, proxied: Proxied, soon: Soon) -> None:
    """Off and on again under a running event log: what the server took too long to come back for is dropped, counted
    and said once; what is stored and what is dropped add up to what was recorded; then all is well."""
    async with proxied(*address(postgres)) as proxy:
        heard = Heard()
        log = EventLog(PostgresStore(through(postgres, proxy), patience=0.5), heard, interval=0.01)
        await log.start()
        recorded = 0
        for name, mode in (("before", "pass"), ("during", "hole"), ("later", "drop"), ("after", "pass")):
            proxy.set(mode)
            log._patience = 30.0 if mode == "pass" else 1.5  # what can be stored is, however busy the machine is
            for event in batch(name, 20):
                log.record(event)
                recorded += 1
            if mode == "pass":

                async def written() -> bool:
                    return log.waiting == 0

                await soon(written)
            else:
                await log.flush()
        await log.close()
        held = await sql(postgres, "SELECT id FROM personalize_events")
        ids = {row[0] for row in held}
        assert {f"before-{n}" for n in range(20)} | {f"after-{n}" for n in range(20)} <= ids
        # An append whose answer was lost may have been stored all the same: dropped says "not known to be stored".
        assert heard.counted["events.stored"] + heard.counted["events.dropped"] == recorded
        assert heard.counted["events.dropped"] >= 20
        assert heard.said.count(("event queue", "dropping")) == 1 and heard.said.count(("event queue", "ok")) == 1
        assert ("store", "failing") in heard.said and heard.said[-1][1] == "ok"


# --- loops and processes -----------------------------------------------------------------------------------


def test_each_event_loop_has_its_own_connections(postgres: str) -> None:
    """A store that was used on one event loop goes on on the next (test clients make one per request)."""
    store = PostgresStore(postgres)
    for n in range(3):
        assert asyncio.run(store.append(batch(f"loop{n}"))) == (5, 5 * n + 5)
    asyncio.run(store.close())


def test_a_fork_gets_its_own_connection(postgres: str) -> None:
    """A store that was opened before a fork writes from parent and child; neither disturbs the other."""
    store = PostgresStore(postgres)
    with asyncio.Runner() as runner:
        runner.run(store.append(batch("before")))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if asyncio.run(store.append(batch("child")))[0] == 5 else 2
            finally:
                os._exit(code)
        deadline = time.monotonic() + 20
        done, status = os.waitpid(child, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            time.sleep(0.02)
            done, status = os.waitpid(child, os.WNOHANG)
        assert done and status == 0
        assert runner.run(store.append(batch("after")))[0] == 5
        assert runner.run(store.last()) == 15
        runner.run(store.close())
