"""A cap counts what was shown, whichever worker showed it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.events import EventLog
from personalize.profiles import Underway
from personalize.stores.hot import Guarded
from personalize.testing import Answer, call

PAGE = b"<!doctype html><html><body><div data-slot='hero'>own</div></body></html>"


def config(tmp_path: Path, hot: str, store: str = "sqlite") -> dict[str, Any]:
    """`hot` "" leaves the key out."""
    return {
        "version": 1,
        "store": store.replace("sqlite", f"sqlite:////{tmp_path}/log.db", 1),
        **({"hot": hot.replace("sqlite", f"sqlite:////{tmp_path}/hot.db", 1)} if hot else {}),
        "site": {"consent": {"default": "granted"}},
        "slots": {
            "hero": {
                "match": {"path": "/"},
                "experiences": [{"id": "offer", "cap": {"max": 3, "within": "1h"}, "show": {"html": "<b>offer</b>"}}],
            }
        },
    }


async def shown(workers: Sequence[PersonalizeMiddleware], requests: int) -> int:
    """How many of a visitor's requests, one after the other and each to the next worker, show the offer."""
    cookies: dict[str, str] = {}
    count = 0
    for n in range(requests):
        response = await call(workers[n % len(workers)], "/", cookies=cookies, scheme="https")
        cookies |= response.cookies
        count += b"<b>offer</b>" in response.body
    return count


def patient(worker: PersonalizeMiddleware) -> None:
    """A page waits 50 ms for hot state; on a busy machine that is too short for a law."""
    hot = worker.watcher.history.hot
    if isinstance(hot, Guarded):
        hot.patience = 10.0


async def at_work(made: dict[str, Any], workers: int, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that all workers of this test share")
    several = [PersonalizeMiddleware(Answer(PAGE), made) for _ in range(workers)]
    for worker in several:
        patient(worker)
        await worker.start()
    try:
        return await shown(several, 24)
    finally:
        for worker in several:
            await worker.close()


@pytest.fixture(params=["", "sqlite", "redis"], ids=["beside the log", "sqlite", "redis"])
def hot(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    found: str = request.getfixturevalue("redis") if kind == "redis" else kind
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    found: str = request.getfixturevalue("postgres") if kind == "postgresql" else kind
    return found


async def test_a_cap_is_exact_across_workers(
    hot: str, log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One visitor's requests in a row, spread over four workers: the capped offer is shown exactly three times."""
    assert await at_work(config(tmp_path, hot, log), 4, monkeypatch) == 3


async def test_the_test_of_caps_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: with each worker's own memory, and a log that is a little late, four workers show the offer more
    often than the cap allows."""

    async def late(self: EventLog) -> None:
        await self._stopping.wait()

    monkeypatch.setattr(EventLog, "_next_write", late)
    assert await at_work(config(tmp_path, "memory"), 4, monkeypatch) > 3


async def test_one_worker_needs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process memory is enough: the cap is exact from one request to the next."""
    assert await at_work(config(tmp_path, "memory"), 1, monkeypatch) == 3


async def at_once(made: dict[str, Any]) -> tuple[int, int]:
    """How many of twelve pages that one visitor asks for at once show the offer, from an app that takes a while; and
    of twelve answers to an app's own question that are recorded, an hour later."""
    moments = iter(range(1, 10_000))
    hour = 0.0

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.01)
        await Answer(PAGE)(scope, receive, send)

    worker = PersonalizeMiddleware(slow, made, clock=lambda: 1_790_000_000.0 + hour + next(moments) / 1_000)
    patient(worker)
    await worker.start()
    try:
        first = await call(worker, "/", scheme="https")
        hour = 3_700.0
        place: dict[str, Any] = {"cookies": first.cookies, "scheme": "https", "host": "shop.example"}
        pages = await asyncio.gather(*(call(worker, "/", **place) for _ in range(12)))
        hour *= 2
        told: dict[str, Any] = {"method": "POST", "headers": [(b"sec-fetch-site", b"same-origin")]}
        told["body"] = b'{"record": true}'
        answers = await asyncio.gather(*(call(worker, "/_personalize/v1/decide", **told, **place) for _ in range(12)))
    finally:
        await worker.close()
    return sum(b"<b>offer" in page.body for page in pages), sum(b"<b>offer" in answer.body for answer in answers)


async def test_pages_asked_for_at_once_count_each_other(hot: str, tmp_path: Path) -> None:
    """A browser that opens its tabs again, or an app that asks twelve times at once, is shown the offer three times."""
    assert await at_once(config(tmp_path, hot)) == (3, 3)


async def test_the_test_of_pages_at_once_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: what is still on its way counts for nothing, and every page shows the offer."""
    monkeypatch.setattr(Underway, "of", lambda self, names: {})
    assert min(await at_once(config(tmp_path, "sqlite"))) > 3


async def test_a_page_that_fails_is_on_its_way_no_more(tmp_path: Path) -> None:
    """What an app did not finish was not shown, and holds back nothing: the offer still comes three times."""
    broken = True

    async def site(scope: Any, receive: Any, send: Any) -> None:
        if broken:
            raise RuntimeError("the site's own error")
        await Answer(PAGE)(scope, receive, send)

    worker = PersonalizeMiddleware(site, config(tmp_path, "memory"))
    await worker.start()
    broken = False
    cookies = (await call(worker, "/", scheme="https")).cookies
    broken = True
    for _ in range(4):
        with pytest.raises(RuntimeError, match="own error"):
            await call(worker, "/", cookies=cookies, scheme="https")
    broken = False
    pages = [await call(worker, "/", cookies=cookies, scheme="https") for _ in range(5)]
    assert [b"<b>offer" in page.body for page in pages] == [True, True, False, False, False]
    await worker.close()


@pytest.mark.parametrize("chunks", [2, 5])
async def test_a_page_in_pieces_counts_before_its_end(
    chunks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that streams is counted before its last byte leaves, as a page in one piece is."""
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that all workers of this test share")
    size = len(PAGE) // chunks + 1
    pieces = [PAGE[at : at + size] for at in range(0, len(PAGE), size)]
    several = [PersonalizeMiddleware(Answer(*pieces), config(tmp_path, "sqlite")) for _ in range(2)]
    for worker in several:
        patient(worker)
        await worker.start()
    assert await shown(several, 10) == 3
    for worker in several:
        await worker.close()


async def test_pages_are_served_while_hot_state_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody at Redis's address each page is served and personalized; the worker's own memory keeps the cap."""
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that all workers of this test share")
    worker = PersonalizeMiddleware(Answer(PAGE), config(tmp_path, "redis://127.0.0.1:1"))
    await worker.start()
    assert await shown([worker], 10) == 3
    assert worker.observer.counters["hot.failed"] >= 10  # type: ignore[attr-defined]
    assert worker.observer.states["hot state"].startswith("failing")  # type: ignore[attr-defined]
    await worker.close()
