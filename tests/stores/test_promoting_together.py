"""Winners that sites on one PostgreSQL find by themselves."""

from __future__ import annotations

import asyncio
import time

import pytest

from personalize import PersonalizeMiddleware
from personalize.model import DEMOTED, OPERATOR, PROMOTED, Event
from tests.behaviours.conftest import Browser, shop

DAY = 86_400.0


def site(url: str, number: int) -> PersonalizeMiddleware:
    experiment = {
        "key": "hero-1", "goal": "order",
        "promote": {"probability": 0.95, "min_visitors": 40, "min_days": 7, "approval": "none"},
        "variants": [{"id": "control", "html": "<h1>one</h1>"}, {"id": "points", "html": "<h1>two</h1>"}],
    }  # fmt: skip
    slot = {"match": {"path": "/"}, "experiences": [{"id": "winter", "experiment": experiment}]}
    told = {"consent": {"default": "granted"}, "cookie": {"name": f"pz{number}"}}
    goals = {"order": {"event": "Order Completed", "value": "revenue", "window": "14d"}}
    return PersonalizeMiddleware(
        shop, {"version": 1, "store": url, "site": told, "goals": goals, "slots": {"hero": slot}}
    )


def past(days: float) -> list[Event]:
    """Of a hundred visitors as many order whichever variant they saw, and with "points" for twice as much. One order
    of "control" was far larger, and came back."""
    began, events = time.time() - days * DAY, []
    for variant, money in (("control", 10.0), ("points", 20.0)):
        for n in range(50):
            who = f"{variant}{n:025}"
            seen = {"slot": "hero", "experience": "winter", "variant": variant, "experiment": "hero-1", "held": False}
            events.append(Event(f"v{who}", "Page Viewed", began, who, {"path": "/", "shown": [seen]}))
            if n < 30:
                told = {"order_id": who, "revenue": 5_000.0 if (variant, n) == ("control", 0) else money + n % 3}
                events.append(Event(f"o{who}", "Order Completed", began + 60, who, {**told, "$via": "server"}))
    first = f"control{0:025}"
    back = Event("r", "Order Refunded", began + 90, first, {"order_id": first, "$via": "server"})
    return [events[0], back, *events[1:]]


async def lines(app: PersonalizeMiddleware, name: str) -> list[Event]:
    return [event for event in await app.watcher.history.store.of_visitor(OPERATOR) if event.name == name]


async def everybody_sees(app: PersonalizeMiddleware, text: bytes) -> None:
    async with asyncio.timeout(10):
        while not all([text in (await Browser(app).get()).body for _ in range(8)]):
            await asyncio.sleep(0.05)


async def test_two_sites_on_one_postgresql_promote_once(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both look at once and again and again: one line, which both act on; who takes it back has the last word."""
    monkeypatch.setenv("PERSONALIZE_SECRET", "s" * 40)
    apps = [site(postgres, 1), site(postgres, 2)]
    for app in apps:
        await app.start()
    try:
        histories = [app.watcher.history for app in apps]
        for event in past(8.0):
            histories[0].record(event)
        await histories[0].log.flush()
        await asyncio.gather(*(history.promoter.look(history.record) for history in histories))
        await asyncio.gather(*(history.log.flush() for history in histories))
        (line,) = await lines(apps[1], PROMOTED)
        assert (line.properties["by"], line.properties["variant"]) == ("results", "points")
        assert "points is the best by value" in line.properties["why"]
        for app in apps:
            await everybody_sees(app, b"<h1>two</h1>")
        histories[1].record(Event("d", DEMOTED, time.time(), OPERATOR, {"target": "hero-1", "by": "ann"}))
        for app in apps:
            await everybody_not_only(app, b"<h1>one</h1>")
        monkeypatch.setattr("personalize.operators.promoter._EVERY", 0.0)
        for history in histories:
            await history.promoter.look(history.record)
            await history.log.flush()
        assert len(await lines(apps[0], PROMOTED)) == 1
    finally:
        for app in apps:
            await app.close()


async def everybody_not_only(app: PersonalizeMiddleware, text: bytes) -> None:
    """Newcomers are drawn again: some see this."""
    async with asyncio.timeout(10):
        while text not in (await Browser(app).get()).body:
            await asyncio.sleep(0.05)


async def test_one_that_is_too_young_is_left(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the config asks for seven days."""
    monkeypatch.setenv("PERSONALIZE_SECRET", "s" * 40)
    app = site(postgres, 1)
    await app.start()
    try:
        for event in past(3.0):
            app.watcher.history.record(event)
        await app.watcher.history.log.flush()
        await app.watcher.history.promoter.look(app.watcher.history.record)
        await app.watcher.history.log.flush()
        assert await lines(app, PROMOTED) == []
    finally:
        await app.close()


