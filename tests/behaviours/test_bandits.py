"""Bandits through the real middleware and the real log: what earns more is shown more, and the log says how likely."""

from __future__ import annotations

from typing import Any

from personalize.model import Event

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


async def test_b22_a_bandit_shows_more_of_what_earns_more_and_logs_how_likely(
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
        assert sum(seen["variant"] == liked for seen in mine) >= 30
        for seen in mine:
            assert seen["propensity"] > 0.8 if seen["variant"] == liked else 0.02 <= seen["propensity"] < 0.2
    assert len({seen["batch"] for seen in later}) == 1
