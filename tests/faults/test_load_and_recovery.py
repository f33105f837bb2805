"""Many at once, on and off, and back again: breaker, bulkhead, single-flight, lifetimes."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

FALLBACK = "<p>fallback</p>"
GOOD = "<p>good</p>"


def answers(*args: Any, **kwargs: Any) -> Any:
    async def reply(call: Any) -> None:
        await call.answer(*args, **kwargs)

    return reply


def numbered() -> Any:
    """Each answer says the how-manieth it is."""
    count = 0

    async def reply(call: Any) -> None:
        nonlocal count
        count += 1
        await call.answer(f"<p>{count}</p>".encode())

    return reply


async def hang(call: Any) -> None:
    await asyncio.sleep(30)


FAILING = answers(status="500 Oops")


async def test_hung_fetches_lose_no_place_in_the_pool(backend: Any, site: Any) -> None:
    """Twenty pages walk away after 50 ms from a hung backend; every later request of the same pool succeeds."""
    site.build(deadline=1.0, concurrency=5, breaker={"failures": 1000, "open_for": 0.1})
    backend.reply = hang
    workers = [site.show(f"/{n}", budget=0.05) for n in range(20)]
    assert {fill.html for fill in await asyncio.gather(*workers)} == {FALLBACK}
    await site.settled()
    backend.reply = answers()
    later = [(await site.show(f"/later/{n}")).html for n in range(100)]
    assert later == [GOOD] * 100


async def test_the_breaker_opens_and_the_backend_is_left_alone(backend: Any, site: Any) -> None:
    """After the configured failures in a row nothing is asked any more, every page still has its fallback, and the
    operator reads one line; a good probe closes it with another."""
    site.build(breaker={"failures": 5, "open_for": 30})
    backend.reply = FAILING
    fills = [await site.show(f"/{n}") for n in range(50)]
    assert {fill.html for fill in fills} == {FALLBACK}
    assert len(backend.calls) == 5
    assert [change[:2] for change in site.observer.changes] == [("source cms", "open")]
    site.now += 29
    await site.show("/x")
    assert len(backend.calls) == 5
    site.now += 2
    await asyncio.gather(*(site.show(f"/probe/{n}") for n in range(10)))
    assert len(backend.calls) == 6  # one probe, which failed
    site.now += 31
    backend.reply = answers()
    assert (await site.show("/x")).html == GOOD
    assert (await site.show("/y")).html == GOOD
    assert [change[1] for change in site.observer.changes] == ["open", "closed"]


async def test_a_key_with_a_bad_answer_rests_for_a_second(backend: Any, site: Any) -> None:
    """Pages that ask for what just could not be used do not ask the backend again at once; others do."""
    site.build()
    backend.reply = answers(b"hello", kind="text/plain")
    for _ in range(20):
        assert (await site.show("/bad")).html == FALLBACK
    assert len(backend.calls) == 1
    backend.reply = answers()
    assert (await site.show("/other")).html == GOOD
    site.now += 1.1
    assert (await site.show("/bad")).html == GOOD


async def test_a_missing_fragment_is_no_sickness(backend: Any, site: Any) -> None:
    """A backend that has nothing for many paths is still asked for the others."""
    site.build(breaker={"failures": 2, "open_for": 30})
    backend.reply = answers(status="404 Nothing")
    for n in range(10):
        assert (await site.show(f"/{n}")).html == FALLBACK
    backend.reply = answers()
    assert (await site.show("/there")).html == GOOD
    assert site.observer.changes == []


@pytest.mark.parametrize(("asked", "honoured"), [("7", 7), ("3600", 60), ("Wed, 21 Oct 2099 07:28:00 GMT", 60)])
@pytest.mark.parametrize("status", ["429 Slow down", "503 Busy"])
async def test_retry_after_is_honoured_up_to_a_minute(
    asked: str, honoured: int, status: str, backend: Any, site: Any
) -> None:
    """A source that asks for a pause gets it, at most sixty seconds."""
    site.build()
    backend.reply = answers(status=status, more=f"Retry-After: {asked}\r\n")
    await site.show("/a")
    backend.reply = answers()
    site.now += honoured - 0.5
    assert (await site.show("/b")).html == FALLBACK
    assert len(backend.calls) == 1
    site.now += 1
    assert (await site.show("/b")).html == GOOD


async def test_flapping_changes_state_at_most_once_a_second(backend: Any, site: Any) -> None:
    """A backend that is on and off every 100 ms gives at most one line a second, and every page has content."""
    site.build(breaker={"failures": 1, "open_for": 0.05})
    for n in range(200):
        backend.reply = FAILING if n % 2 else answers()
        fill = await site.show(f"/{n}")
        assert fill.html in (GOOD, FALLBACK)
        site.now += 0.1
    states = [state for _, state, _ in site.observer.changes]
    assert 2 <= len(states) <= 21
    assert all(a != b for a, b in itertools.pairwise(states))


async def test_a_herd_makes_one_call(backend: Any, site: Any) -> None:
    """A thousand pages that want the same key at once, cold or at expiry, are one request to the backend."""
    site.build(fresh=10, stale_while_revalidate=0, stale_if_error=100)
    backend.reply = numbered()
    cold = await asyncio.gather(*(site.show() for _ in range(1000)))
    assert {fill.html for fill in cold} == {"<p>1</p>"} and len(backend.calls) == 1
    site.now += 11
    expired = await asyncio.gather(*(site.show() for _ in range(1000)))
    assert {fill.html for fill in expired} == {"<p>2</p>"} and len(backend.calls) == 2


async def test_stale_content_is_shown_while_it_is_made_again(backend: Any, site: Any) -> None:
    """Within stale_while_revalidate nobody waits: a thousand pages get the old content and start one refresh."""
    site.build(fresh=10, stale_while_revalidate=100)
    backend.reply = numbered()
    await site.show()
    site.now += 11
    fills = [site.contents.begin(site.ask()) for _ in range(1000)]
    assert {(fill.html, fill.state) for fill in fills} == {("<p>1</p>", "stale")}
    await site.settled()
    assert len(backend.calls) == 2
    assert site.contents.begin(site.ask()).html == "<p>2</p>"


async def test_keys_made_together_do_not_expire_together(backend: Any, site: Any) -> None:
    """Lifetimes are shortened by a share that depends on the key, at most a tenth, and never lengthened."""
    site.build(fresh=100, stale_while_revalidate=1000)
    for n in range(40):
        await site.show(f"/{n}")
    fresh = []
    for at in (89, 93, 96, 100.5):
        site.now = 1000 + at
        fresh.append(sum(site.contents._flights["cms"].look((f"{n}",)).age(site.now) == "fresh" for n in range(40)))
    assert fresh[0] == 40 and fresh[-1] == 0
    assert 40 > fresh[1] > fresh[2] > 0


async def test_the_bulkhead_refuses_at_once(backend: Any, site: Any) -> None:
    """When as many fetches as configured are under way, the next page has its fallback without waiting."""
    site.build(concurrency=3, deadline=0.3)
    backend.reply = hang
    waiting = [asyncio.ensure_future(site.show(f"/{n}", budget=0.1)) for n in range(3)]
    await asyncio.sleep(0)
    refused = site.contents.begin(site.ask("/next"))
    assert (refused.html, site.observer.counts["content.busy"]) == (FALLBACK, 1)
    await asyncio.gather(*waiting)
    await site.settled()


async def test_the_wall_clock_may_jump(backend: Any, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lifetimes run on the monotonic clock: a wall clock that jumps a day either way changes nothing."""
    site.build()
    await site.show()
    real = time.time
    for jump in (86_400, -86_400):
        monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        assert (await site.show()).state == "fresh"
    assert len(backend.calls) == 1


async def test_distinct_keys_do_not_grow_the_memory(backend: Any, site: Any) -> None:
    """Strangers who ask for ever new paths fill the cache to its bound and no further."""
    site.build()
    backend.reply = answers(b"<p>" + b"x" * 200_000 + b"</p>")
    cache = site.contents._flights["cms"]._cache
    for n in range(300):
        await site.show(f"/{n}")
        assert cache.size <= 32 * 1024 * 1024
    assert cache.size > 24 * 1024 * 1024


async def test_last_good_is_the_last_good_of_the_same_key(backend: Any, site: Any) -> None:
    """With `fallback: last_good` content is shown long after it may be served as stale, and only for its own key."""
    site.fallback = site.fallback.model_copy(update={"kind": "last_good", "html": None})
    site.build(fresh=1, stale_while_revalidate=1, stale_if_error=1)
    assert (await site.show("/a")).html == GOOD
    site.now += 86_400
    backend.reply = FAILING
    fill = await site.show("/a")
    assert (fill.html, fill.state) == (GOOD, "stale")
    assert (await site.show("/b")).html is None


async def test_a_source_that_keeps_no_deadline_is_given_up_on(backend: Any, site: Any) -> None:
    """A plugin that hangs for ever costs its waiters the deadline, and its places in the bulkhead only."""

    class Hangs:
        def __init__(self, inner: Any) -> None:
            self.key, self.close, self.ready = inner.key, inner.close, inner.ready

        async def fetch(self, key: Any) -> Any:
            await asyncio.sleep(3600)

    contents = site.build(Hangs, deadline=0.05, concurrency=2)
    fills = await asyncio.gather(*(site.show(f"/{n}", budget=5) for n in range(4)))
    assert {fill.html for fill in fills} == {FALLBACK}
    assert site.observer.counts["content.fetches"] == 2
    await contents.close()


async def test_a_plugins_own_mistake_is_told_and_falls_back(backend: Any, site: Any) -> None:
    """An exception that a source did not mean leaves the page whole and reaches the operator."""

    class Broken:
        def __init__(self, inner: Any) -> None:
            self.key, self.close, self.ready = inner.key, inner.close, inner.ready

        async def fetch(self, key: Any) -> Any:
            raise ZeroDivisionError("oops")

    site.build(Broken)
    assert (await site.show()).html == FALLBACK
    assert [where for where, _ in site.observer.failures] == ["source cms"]


async def test_another_event_loop_gets_connections_of_its_own(backend: Any, site: Any) -> None:
    """Contents made once serve from any loop (a test client, a server started twice), and none waits for another's."""
    site.build()
    assert (await site.show("/a")).html == GOOD

    def elsewhere() -> list[Any]:
        async def show() -> list[Any]:
            return [(await site.show(path)).html for path in ("/a", "/b", "/c")]

        return asyncio.run(show())

    assert await asyncio.to_thread(elsewhere) == [GOOD] * 3
    assert (await site.show("/d")).html == GOOD
    assert backend.connections == 2 and len(backend.calls) == 4


async def test_a_kept_connection_serves_many_fetches(backend: Any, site: Any) -> None:
    """Fetches one after another use one connection."""
    site.build()
    for n in range(20):
        assert (await site.show(f"/{n}")).html == GOOD
    assert backend.connections == 1


async def test_close_ends_what_is_under_way(backend: Any, site: Any) -> None:
    """Closing lets fetches end within a second, tells their waiters, and starts nothing new."""
    contents = site.build(deadline=30)
    backend.reply = hang
    begun = contents.begin(site.ask())
    await asyncio.sleep(0.05)
    await contents.close()
    assert (await begun).html == FALLBACK
    assert contents.begin(site.ask("/b")).html == FALLBACK
