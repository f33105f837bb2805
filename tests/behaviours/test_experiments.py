"""Experiments through the real middleware and the real log: who saw a variant keeps it while the test changes."""

from __future__ import annotations

from typing import Any

HERO = """
version: 1
store: sqlite
slots:
  hero:
    match: {path: "/"}
    experiences:
      - id: test
        holdout: {percent: PERCENT}
        experiment:
          key: hero-1
          variants:
            - {id: a, weight: WEIGHT_A, html: "<h1>one</h1>"}
            - {id: b, weight: WEIGHT_B, html: "<h1>two</h1>"}
"""


def hero(a: int, b: int, percent: int = 0) -> str:
    return HERO.replace("WEIGHT_A", str(a)).replace("WEIGHT_B", str(b)).replace("PERCENT", str(percent))


async def test_b40_an_assigned_visitor_keeps_the_variant_when_weights_change(
    site: Any, browser: Any, stored: Any
) -> None:
    """Twelve visitors are split; the config turns the weights round; each sees on, newcomers get the new split."""
    app = await site(hero(100, 0))
    visitors = [browser(app) for _ in range(12)]
    for visitor in visitors:
        assert b"one" in (await visitor.get()).body
    await app.close()
    app = await site(hero(0, 100))  # a new process with a new config: all that is left is the log
    for visitor in visitors:
        visitor.app = app
        # A page waits 50 ms for a profile that is not in memory, and a busy machine may need longer.
        await app.watcher.history.load(visitor.cookies["__Host-pz"].partition(".")[0])
        assert b"one" in (await visitor.get()).body
    assert b"two" in (await browser(app).get()).body
    exposures = [shown for event in await stored(app, "Page Viewed") for shown in event.exposures]
    assert [(e["experiment"], e["variant"]) for e in exposures] == [("hero-1", "a")] * 24 + [("hero-1", "b")]


async def test_b37_the_holdout_of_an_experience_is_written_down_in_the_same_way(
    site: Any, browser: Any, stored: Any
) -> None:
    """The page is the site's own, and the exposure says what it would have been."""
    app = await site(hero(100, 0, percent=100))
    assert b"Welcome" in (await browser(app).get()).body
    (page,) = await stored(app, "Page Viewed")
    (shown,) = page.exposures
    told = {name: value for name, value in shown.items() if name != "how"}
    assert told == {
        "slot": "hero", "experience": "test", "variant": "a", "experiment": "hero-1", "held": True, "reason": "holdout",
    }  # fmt: skip
