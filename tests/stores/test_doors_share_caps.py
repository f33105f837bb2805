"""A cap counts what was shown at every door: pages, decisions that an app records, and exposures that it reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.events import EventLog
from personalize.stores.hot import Guarded
from personalize.testing import Answer, call

PAGE = b"<!doctype html><html><body><div data-slot='hero'>own</div></body></html>"
KEY = "a-write-key"
ANN = {"userId": "ann", "consent": "granted", "url": "/"}


async def _worker(tmp_path: Path, hot: str, monkeypatch: pytest.MonkeyPatch) -> PersonalizeMiddleware:
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that all workers of this test share")
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    offer = {"id": "offer", "cap": {"max": 3, "within": "1h"}, "show": {"html": "<b>offer</b>"}}
    made = {
        "version": 1,
        "store": f"sqlite:////{tmp_path}/log.db",
        "hot": hot,
        "site": {"consent": {"default": "granted"}},
        "slots": {"hero": {"match": {"path": "/"}, "experiences": [offer]}},
    }
    worker = PersonalizeMiddleware(Answer(PAGE), made)
    hot_state = worker.watcher.history.hot
    if isinstance(hot_state, Guarded):
        hot_state.patience = 10.0  # on a busy machine 50 ms are too short for a law
    await worker.start()
    return worker


async def _late(log: EventLog) -> None:
    """The log's own turns never come, as on a machine where they come too late."""
    await log._stopping.wait()


@pytest.fixture(params=["sqlite", "redis"])
async def workers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three workers of one site; what one of them writes is not followed by the others."""
    hot = request.getfixturevalue("redis") if request.param == "redis" else f"sqlite:////{tmp_path}/hot.db"
    monkeypatch.setattr(EventLog, "_next_follow", _late)
    several = [await _worker(tmp_path, hot, monkeypatch) for _ in range(3)]
    yield several
    for worker in several:
        await worker.close()


async def post(worker: Any, path: str, body: Any, cookies: dict[str, str] | None = None) -> Any:
    head = [] if cookies is not None else [(b"authorization", f"Bearer {KEY}".encode())]
    made = {"method": "POST", "body": json.dumps(body).encode(), "headers": head, "scheme": "https"}
    response = await call(worker, f"/_personalize{path}", cookies=cookies or {}, **made)
    assert response.status == 200, response.body
    return json.loads(response.body)


async def shows(worker: Any, record: bool = True) -> bool:
    """Whether a decision for Ann shows the offer."""
    (slot,) = (await post(worker, "/v1/decide", {**ANN, "record": record}))["slots"]
    return bool(slot["experience"] == "offer")


async def test_decisions_that_are_recorded_count_on_every_worker(workers: Any) -> None:
    """Three recorded decisions, each asked of another worker, and the fourth shows nothing, wherever it is asked."""
    assert [await shows(workers[n % 3]) for n in range(6)] == [True, True, True, False, False, False]


async def test_a_decision_that_shows_nothing_counts_nothing(workers: Any) -> None:
    """An app may ask as often as it likes; flags are never exposures."""
    for n in range(6):
        assert await shows(workers[n % 3], record=False)
        context = {"targetingKey": "ann", "consent": "granted", "url": "/"}
        flag = await post(workers[n % 3], "/ofrep/v1/evaluate/flags/hero", {"context": context})
        assert flag["value"] == "offer"


async def test_exposures_that_an_app_reports_count_on_every_worker(workers: Any) -> None:
    """An "Experience Viewed", sent when the app really showed it, counts before it is answered; a fallback does not."""
    viewed = {"slot": "hero", "experience": "offer"}
    for n, how in enumerate(("inline", "fallback", "inline", "inline")):
        assert await shows(workers[(n + 1) % 3], record=False)
        told = {"type": "track", "event": "Experience Viewed", "userId": "ann", "properties": {**viewed, "how": how}}
        await post(workers[n % 3], "/v1/track", told)
    assert [await shows(worker, record=False) for worker in workers] == [False, False, False]


async def test_pages_and_decisions_of_one_browser_share_a_cap(workers: Any) -> None:
    """A page, a decision for the same cookie on another worker, a page: and that was three."""
    cookies: dict[str, str] = {}
    seen = []
    for n in range(6):
        if n % 2:
            told = await post(workers[n % 3], "/v1/decide", {"url": "/", "record": True}, cookies)
            seen.append(told["slots"][0]["experience"] == "offer")
        else:
            response = await call(workers[n % 3], "/", cookies=cookies, scheme="https")
            cookies |= response.cookies
            seen.append(b"offer" in response.body)
    assert seen == [True, True, True, False, False, False]


async def test_a_user_and_their_browser_share_a_cap(workers: Any) -> None:
    """Once a browser is known to be a user's, what it sees counts where the site's server asks for that user, and the
    other way round."""
    cookies = dict((await call(workers[0], "/", scheme="https")).cookies)
    await workers[0].watcher.history.log.flush()
    (viewed,) = await workers[0].watcher.history.store.read(0, 10)
    await post(workers[0], "/v1/identify", {"userId": "ann", "anonymousId": viewed.visitor, "traits": {}})
    for worker in workers:
        await worker.watcher.history.log.flush()
    seen = []
    for n in range(5):
        if n % 2:
            response = await call(workers[n % 3], "/", cookies=cookies, scheme="https")
            seen.append(b"offer" in response.body)
        else:
            seen.append(await shows(workers[n % 3]))
    assert seen == [True, True, False, False, False], "the first of three was the page at the beginning"


async def test_the_test_of_doors_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: with each worker's own memory, three workers decide for the offer more often than the cap allows."""
    monkeypatch.setattr(EventLog, "_next_write", _late)
    several = [await _worker(tmp_path, "memory", monkeypatch) for _ in range(3)]
    try:
        assert sum([await shows(several[n % 3]) for n in range(9)]) > 3
    finally:
        for worker in several:
            await worker.close()
