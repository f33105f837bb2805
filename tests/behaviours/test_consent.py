"""Behaviours of consent: what each purpose gates, what Sec-GPC drops, and what the site declares."""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.model import Event
from personalize.reports import ExposureReport
from personalize.testing import Answer, call

CONFIG = """
version: 1
store: memory
site: {consent: {honour_gpc: false}}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - {id: rich, when: {traits.income: high}, show: {html: "<h1>Rich</h1>"}}
      - {id: gold, when: {traits.tier: gold}, show: {html: "<h1>Gold</h1>"}}
      - {id: greet, cap: {max: 2, within: 1d}, show: {html: "<h1>Hello</h1>"}}
"""
ONLY_PERSONAL = json.dumps({"personalization_storage": "granted"}, separators=(",", ":"))


async def counted(app: Any) -> int:
    report = ExposureReport()
    for event in await app.watcher.history.store.read(0, 1000):
        report.apply(event)
    return sum(row.exposures for row in report.rows())


@pytest.mark.parametrize(("consent", "expected"), [("granted", 1), ("personalization_storage", 0), (ONLY_PERSONAL, 0)])
async def test_b44_analytics_storage_gates_counting_and_nothing_else(
    site: Any, browser: Any, consent: str, expected: int
) -> None:
    """Without it a visitor is personalized, with caps that hold, and is in no report."""
    app = await site(CONFIG)
    visitor = browser(app, consent=consent)
    assert b"<h1>Hello</h1>" in (await visitor.get()).body
    assert await counted(app) == expected
    await visitor.get()
    assert b"<h1>Welcome</h1>" in (await visitor.get()).body, "the cap counts all the same"


async def test_b52_sec_gpc_drops_what_others_said(site: Any, browser: Any) -> None:
    """Where a site does not take Sec-GPC as a refusal, rules still see nothing of second and third parties with it."""
    app = await site(CONFIG)
    visitor = browser(app)
    await visitor.get()
    name = visitor.cookies["__Host-pz"].partition(".")[0]
    for number, (party, traits) in enumerate(
        [("third", {"income": "high"}), ("first", {"tier": "gold"}), ("second", {"miles": 9})]
    ):
        properties = {"traits": traits, "provenance": {"party": party, "source": "x"}}
        app.watcher.history.record(Event(f"t{number}", "User Identified", 1.0, name, properties))
    await app.watcher.history.log.flush()
    assert b"<h1>Rich</h1>" in (await visitor.get()).body
    assert b"<h1>Gold</h1>" in (await visitor.get(headers=((b"sec-gpc", b"1"),))).body
    profile = await app.watcher.history.profiles.load(name)
    assert profile.gpc and profile.traits["income"] == "high", "nothing is lost, it is left out"
    await visitor.get()
    assert not profile.gpc


@pytest.mark.parametrize("honoured", [True, False])
async def test_gpc_json_is_served_where_the_app_has_none(honoured: bool) -> None:
    """/.well-known/gpc.json says whether the site honours the signal; the app's own goes first; it can be left out."""

    def wrap(app: Any, **consent: Any) -> PersonalizeMiddleware:
        return PersonalizeMiddleware(app, {"version": 1, "store": "memory", "site": {"consent": consent}})

    async def ask(app: PersonalizeMiddleware) -> tuple[int, bytes]:
        response = await call(app, "/.well-known/gpc.json")
        return response.status, response.body

    none = wrap(Answer(b"not found", status=404), honour_gpc=honoured)
    status, body = await ask(none)
    assert (status, json.loads(body)) == (200, {"gpc": honoured})
    assert await ask(wrap(Answer(b"own", status=200), honour_gpc=honoured)) == (200, b"own")
    assert await ask(wrap(Answer(b"not found", status=404), gpc_json=False)) == (404, b"not found")


async def test_withdrawing_is_remembered_for_exports(site: Any, browser: Any, stored: Any) -> None:
    """Whoever refuses what was granted before is marked once, so that nothing more is exported."""
    app = await site(CONFIG.replace("honour_gpc: false", "honour_gpc: true"))
    visitor = browser(app)
    await visitor.get()
    cookie = visitor.cookies["__Host-pz"]
    for _ in range(3):
        visitor.cookies["__Host-pz"] = cookie
        await visitor.get(headers=((b"sec-gpc", b"1"),))
    (event,) = await stored(app, "Consent Withdrawn")
    assert event.properties == {"how": "gpc"} and event.visitor == cookie.partition(".")[0]
    assert (await app.watcher.history.profiles.load(event.visitor)).withdrawn == event.time
