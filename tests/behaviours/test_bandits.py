"""Bandits through the real middleware and the real log: what earns more is shown more, and the log says how likely."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.editor.preview import link
from personalize.explain import explain, read_url
from personalize.model import Event
from personalize.testing import call
from personalize.visitor import Preview

CONFIG = """
version: 1
store: sqlite
goals:
  signed: {event: Signed Up, window: 7d}
segments:
  phone: {all: [{device.type: mobile}]}
slots:
  hero:
    match: {path: "/"}
    experiences:
      - id: greeting
        experiment:
          key: hero-3
          allocate: thompson
          goal: signed
          bandit: {by: [phone], floor: 2%, every: 10m}
          variants:
            - {id: plain, show: page}
            - {id: loud, html: "<h1>LOUD</h1>"}
            - {id: kind, html: "<h1>kind</h1>"}
"""
DESKTOP = "Mozilla/5.0 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148"


@pytest.fixture(autouse=True)
def the_same_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are drawn alike in each run: what a visitor is shown depends on theirs, and no test on luck."""
    source = random.Random(20)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=source.getrandbits(128), version=4))


@pytest.fixture
def clock() -> Any:
    """Replay looks back from the real clock."""

    class Clock:
        now = time.time() // 600 * 600 - 86_400.0

        def __call__(self) -> float:
            return self.now

    return Clock()


async def visit(app: Any, browser: Any, clock: Any, n: int, likes: str, agent: str = DESKTOP) -> None:
    """So many newcomers, of whom those who see `likes` sign up."""
    for _ in range(n):
        clock.now += 1
        body = (await browser(app, agent=agent).get()).body
        saw = "loud" if b"LOUD" in body else "kind" if b"kind" in body else "plain"
        if saw == likes:
            id_ = (await app.watcher.history.store.read(0, 100_000))[-1].visitor
            app.watcher.history.record(Event(f"s{clock.now}", "Signed Up", clock.now, id_))


def shown(events: list[Any]) -> list[Any]:
    return [seen for event in events for seen in event.exposures]


async def test_b40_a_bandit_shows_more_of_what_earns_more_and_logs_how_likely(
    site: Any, browser: Any, stored: Any, clock: Any
) -> None:
    """Sixty desktops sign up for the kind greeting and sixty phones for the loud one; from the next batch on each kind
    of visitor mostly gets theirs, and every exposure carries the probability that it had."""
    app = await site(CONFIG)
    await visit(app, browser, clock, 60, "kind")
    await visit(app, browser, clock, 60, "loud", PHONE)
    first = shown(await stored(app, "Page Viewed"))
    assert {seen["propensity"] for seen in first} == {0.3333, 0.3334}
    assert {seen["context"] for seen in first} == {"", "phone"}
    clock.now += 600
    await visit(app, browser, clock, 1, "")  # the first exposure of a batch closes the one before
    await app.watcher.history.learning.refresh()
    await visit(app, browser, clock, 40, "")
    await visit(app, browser, clock, 40, "", PHONE)
    later = shown(await stored(app, "Page Viewed"))[121:]
    for context, liked in (("", "kind"), ("phone", "loud")):
        mine = [seen for seen in later if seen["context"] == context]
        assert sum(seen["variant"] == liked for seen in mine) > 20
        for seen in mine:
            assert seen["propensity"] > 0.8 if seen["variant"] == liked else 0.02 <= seen["propensity"] < 0.2
    assert len({seen["batch"] for seen in later}) == 1


async def learned(app: Any, browser: Any, clock: Any) -> None:
    """Desktops like the kind greeting, and the next batch knows it."""
    await visit(app, browser, clock, 60, "kind")
    clock.now += 600
    await visit(app, browser, clock, 1, "")
    await app.watcher.history.learning.refresh()


async def test_a_visitor_keeps_the_greeting_while_shares_move(site: Any, browser: Any, stored: Any, clock: Any) -> None:
    """Twelve visitors of the first batch come back in a later one, some in a new process: each sees what they saw, and
    the exposure says with which probability it was drawn then."""
    app = await site(CONFIG)
    visitors = [browser(app) for _ in range(12)]
    saw = [(await visitor.get()).body for visitor in visitors]
    await learned(app, browser, clock)
    assert [(await visitor.get()).body for visitor in visitors] == saw
    await app.close()
    app = await site(CONFIG)
    for visitor in visitors:
        visitor.app = app
    for id_ in {event.visitor for event in await stored(app, "Page Viewed")}:
        await app.watcher.history.load(id_)  # a page waits 50 ms for a profile, which a busy machine may need
    assert [(await visitor.get()).body for visitor in visitors] == saw
    for visitor in {event.visitor for event in (await stored(app, "Page Viewed"))[:12]}:
        events = [event for event in await stored(app, "Page Viewed") if event.visitor == visitor]
        draws = [{k: seen[k] for k in ("variant", "propensity", "batch", "draw", "until")} for seen in shown(events)]
        assert len(draws) == 3 and draws[0] == draws[1] == draws[2]
    clock.now += 7 * 86_400
    again = [(await visitor.get()).body for visitor in visitors]
    assert sum(b"kind" in body for body in again) >= 9  # the window is over: drawn by the shares of now
    assert {seen["draw"] for seen in shown((await stored(app, "Page Viewed"))[-12:])} == {2}


async def test_a_restarted_worker_goes_on_with_the_same_shares(site: Any, browser: Any, clock: Any) -> None:
    """All that is left is the log, and another worker on it comes to the same allocation."""
    app = await site(CONFIG)
    await learned(app, browser, clock)
    allocations = app.watcher.history.learning.allocations
    assert allocations["hero-3"].parts[""][2] > 8_000
    await app.close()
    again = await site(CONFIG)
    assert again.watcher.history.learning.allocations == allocations


async def test_b35_explain_says_with_which_probability_and_from_how_many(site: Any, browser: Any, clock: Any) -> None:
    """For a newcomer on this page, as a line of the tree."""
    app = await site(CONFIG)
    await learned(app, browser, clock)
    visitor = browser(app)
    await visitor.get()
    cookies = [f"{name}={value}" for name, value in visitor.cookies.items()]
    told = await explain(app.watcher.engine, read_url("https://shop.example/", (), cookies), clock.now + 86_400)
    (step,) = [s for e in told.slots[0].steps.inner for s in e.inner if s.what == "is in experiment hero-3"]
    assert " had probability 0." in step.saw and "and is kept for 6d more" in step.saw
    assert [inner.what.partition(" has ")[0] for inner in step.inner] == ["plain", "loud", "kind"]
    newcomer = await explain(app.watcher.engine, read_url("/"), clock.now, ["phone"])
    (step,) = [s for e in newcomer.slots[0].steps.inner for s in e.inner if s.what == "is in experiment hero-3"]
    assert step.saw.endswith("in phone, from 0 visitors")


async def test_b53_a_segment_of_whom_nothing_is_known_begins_with_what_others_like(
    site: Any, browser: Any, stored: Any, clock: Any
) -> None:
    """Desktops taught the bandit; the first phone is drawn by that, and not by equal shares."""
    app = await site(CONFIG)
    await learned(app, browser, clock)
    parts = app.watcher.history.learning.allocations["hero-3"].parts
    assert parts[""][2] > parts["phone"][2] > 5_000 > max(parts["phone"][:2])
    await visit(app, browser, clock, 1, "", PHONE)
    (seen,) = shown((await stored(app, "Page Viewed"))[-1:])
    assert seen["propensity"] == parts["phone"][["plain", "loud", "kind"].index(seen["variant"])] / 10_000


async def test_held_out_visitors_teach_nothing(site: Any, browser: Any, stored: Any, clock: Any) -> None:
    """They see the page as it is; the exposure says what it would have been, and the bandit passes it over."""
    app = await site(CONFIG.replace("- id: greeting", "- id: greeting\n        holdout: {percent: 100}"))
    await visit(app, browser, clock, 5, "plain")
    seen = shown(await stored(app, "Page Viewed"))
    assert [s["held"] for s in seen] == [True] * 5 and all(0 < s["propensity"] < 1 for s in seen)
    assert app.watcher.history.learning.bandits.ledgers["hero-3"].seen == 0


async def test_b30_a_preview_shows_any_variant_and_teaches_nothing(
    site: Any, browser: Any, stored: Any, clock: Any
) -> None:
    """Forced by the link, or drawn as a newcomer would be; no exposure either way."""
    app = await site(CONFIG)
    tokens = app.watcher.engine.previews
    for preview, body in ((Preview(variants=(("hero/greeting", "loud"),)), b"LOUD"), (Preview(), b"")):
        url = link("https://shop.example/", tokens.make(preview, clock.now, 60))
        response = await browser(app).get(query=url.partition("?")[2])
        assert response.status == 200 and body in response.body
    assert await stored(app, "Page Viewed") == []


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments])


async def test_b30_replay_draws_by_the_shares_of_each_batch(
    site: Any, browser: Any, clock: Any, tmp_path: Path
) -> None:
    """The same config agrees with what was recorded, in both batches; without the bandit many views would change."""
    app = await site(CONFIG)
    await learned(app, browser, clock)
    await visit(app, browser, clock, 40, "")
    file = str(tmp_path / "personalize.yaml")
    told = json.loads((await run("replay", file, file, "--json")).stdout)
    assert (told["views"], told["changed_views"]) == (101, 0)
    assert (
        told["recorded"] == 101 and told["agreed"] >= 100
    )  # the first view of a batch may be drawn before it is known
    assert "bandits draw by the shares of each batch, worked out again from the log" in told["notes"]
    (tmp_path / "new.yaml").write_text(CONFIG.replace("allocate: thompson", "allocate: weights"))
    told = json.loads((await run("replay", file, str(tmp_path / "new.yaml"), "--json")).stdout)
    assert told["changed_views"] > 10


async def test_b32_the_command_tells_what_was_learned_and_earned(
    site: Any, browser: Any, clock: Any, tmp_path: Path
) -> None:
    """From the log of the served pages: visitors, rewards, shares; and that sixty visitors are too few to judge by."""
    app = await site(CONFIG)
    await learned(app, browser, clock)
    told = json.loads((await run("bandit", str(tmp_path / "personalize.yaml"), "--json")).stdout)
    outside = {variant["variant"]: variant for variant in told["contexts"][1]["variants"]}
    assert outside["kind"]["rewarded"] >= outside["kind"]["visitors"] - 1 > 5  # the last one came to close the batch
    assert outside["plain"]["rewarded"] == outside["loud"]["rewarded"] == 0
    assert outside["kind"]["share"] > 0.8 and told["visitors"] == 61
    assert all(policy["refused"] for policy in told["policies"])
    counted = json.loads((await run("report", str(tmp_path / "personalize.yaml"), "--json")).stdout)
    assert counted["experiments"] == [] and len(counted["shown"]) == 3


async def test_a_change_of_the_file_is_learned_anew_while_the_site_runs(
    site: Any, browser: Any, clock: Any, tmp_path: Path
) -> None:
    """A higher floor goes live within seconds, with everything that was learned."""
    app = await site(CONFIG)
    await learned(app, browser, clock)
    (tmp_path / "personalize.yaml").write_text(CONFIG.replace("floor: 2%", "floor: 10%"))
    async with asyncio.timeout(20):
        while min(app.watcher.history.learning.allocations["hero-3"].parts[""]) != 1_000:
            await asyncio.sleep(0.1)
    told = app.watcher.history.learning.allocations["hero-3"]
    assert sum(told.visitors[""]) == 60 and told.parts[""][2] == 8_000


async def test_b33_what_an_app_shows_teaches_as_a_page_does(
    site: Any, stored: Any, clock: Any, monkeypatch: Any
) -> None:
    """An app asks for a decision and has it recorded; the user's order comes from the site's server: one visitor, one
    reward, with the probability in the log. Asking alone teaches nothing."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", "a-write-key")
    app = await site(CONFIG)

    async def tell(path: str, **body: Any) -> None:
        key = (b"authorization", b"Bearer a-write-key")
        sent = {"method": "POST", "headers": [key], "body": json.dumps(body).encode(), "host": "shop.example"}
        assert (await call(app, f"/_personalize/v1/{path}", **sent)).status == 200

    asked = {"consent": "granted", "url": "/"}
    await tell("decide", userId="ann", **asked)
    await tell("decide", userId="ann", record=True, **asked)
    await tell("track", userId="ann", event="Signed Up")
    (seen,) = shown(await stored(app, "Experience Viewed"))
    assert seen["propensity"] in (0.3333, 0.3334) and seen["draw"] == 1
    ledger = app.watcher.history.learning.bandits.ledgers["hero-3"]
    assert ledger.seen == 1
    clock.now += 600
    await tell("decide", userId="bob", record=True, **asked)  # a new batch
    await app.watcher.history.log.flush()
    assert sum(cell.wins for row in ledger.believed for cell in row) == 1
