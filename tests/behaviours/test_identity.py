"""Behaviours of identity on real pages: logging in merges, logging out leaks nothing, all is erased together."""

from __future__ import annotations

from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.model import Event
from personalize.observe import LogObserver
from personalize.testing import Answer, call

CONFIG = """
version: 1
store: memory
site:
  signals:
    - {path: /logout, method: POST, event: Signed Out}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - {id: gold, when: {traits.tier: gold}, show: {html: "<h1>Gold</h1>"}}
      - {id: greet, show: {html: "<h1>Hello</h1>"}}
"""


def of(visitor: Any) -> str:
    name: str = visitor.cookies["__Host-pz"].partition(".")[0]
    return name


async def test_b07_login_merges_and_logout_leaks_nothing(site: Any, browser: Any) -> None:
    """What the shop's CRM knows of a user shows on the page after the login, on each of their devices, and no longer
    after the logout."""
    app = await site(CONFIG)
    log = app.watcher.history.log
    phone, laptop = browser(app), browser(app)
    await phone.get()
    await laptop.get()
    log.record(Event("crm", "User Identified", 1.0, "u:7", {"$via": "import", "traits": {"tier": "gold"}}))
    for number, device in enumerate((phone, laptop)):
        told = {"$via": "server", "$ids": {"user_id": "7"}}
        log.record(Event(f"login{number}", "Signed In", 2.0, of(device), told))
    await log.flush()
    assert b"<h1>Gold</h1>" in (await phone.get()).body and b"<h1>Gold</h1>" in (await laptop.get()).body
    await phone.get("/logout", method="POST")
    assert b"<h1>Hello</h1>" in (await phone.get()).body, "the next to use this phone sees nothing of it"
    assert b"<h1>Gold</h1>" in (await laptop.get()).body


async def test_b08_a_browser_cannot_claim_a_user(site: Any, browser: Any) -> None:
    """A script that names somebody's user id does not get into that profile."""
    app = await site(CONFIG)
    log = app.watcher.history.log
    thief = browser(app)
    await thief.get()
    log.record(Event("crm", "User Identified", 1.0, "u:7", {"$via": "import", "traits": {"tier": "gold"}}))
    claim = {"$via": "browser", "$ids": {"user_id": "7"}}
    log.record(Event("claim", "User Identified", 2.0, of(thief), claim))
    await log.flush()
    assert b"<h1>Hello</h1>" in (await thief.get()).body


async def test_b45_erasing_reaches_every_id_of_the_person(site: Any, browser: Any) -> None:
    """What the user's other ids brought is erased with it, and a replay does not bring it back."""
    app = await site(CONFIG)
    history = app.watcher.history
    phone = browser(app)
    await phone.get()
    history.record(Event("crm", "User Identified", 1.0, "u:7", {"$via": "import", "traits": {"tier": "gold"}}))
    login = Event("login", "Signed In", 2.0, of(phone), {"$via": "server", "$ids": {"user_id": "7"}})
    history.record(login)
    await history.log.flush()
    assert (await history.profiles.load("u:7")).visits
    await history.erase(Event("erase", "Visitor Erased", 2e9, of(phone)))
    for id_ in ("u:7", of(phone)):
        profile = await history.profiles.load(id_)
        assert (profile.visits, profile.traits, profile.views) == (0, {}, [])


@pytest.mark.parametrize(("host", "scheme", "said"), [
    ("192.168.1.5:8000", "http", "unkept"), ("[fe80::1]", "http", "unkept"), ("laptop:8000", "http", "unkept"),
    ("0.0.0.0:8000", "http", "unkept"), ("localhost:8000", "http", "insecure"), ("127.0.0.1", "http", "insecure"),
    ("shop.example", "http", ""), ("laptop:8000", "https", ""),
])  # fmt: skip
async def test_who_tries_it_over_plain_http_hears_what_browsers_do(host: str, scheme: str, said: str) -> None:
    """An id cookie that a browser would drop is told in the log, where no proxy can be in front; a public name's https
    may end at one."""
    slots = {"hero": {"match": {"path": "/"}, "experiences": [{"id": "a", "show": {"html": "x"}}]}}
    app = PersonalizeMiddleware(Answer(b"<p data-slot=hero></p>"), {"version": 1, "store": "memory", "slots": slots})
    await call(app, "/", host=host, scheme=scheme, cookies={"consent": "granted"})
    assert isinstance(app.observer, LogObserver)
    assert app.observer.states.get("id cookie over plain http", "").partition(" ")[0] == said
    await app.close()


async def test_b45_erasing_takes_nothing_of_who_used_the_browser_later(site: Any, browser: Any, stored: Any) -> None:
    """Two users log in at one computer, one after the other. The first erases everything from a phone: what they did at
    the computer goes too; what the second did there, and their login, stay."""
    app = await site(CONFIG)
    history = app.watcher.history
    computer, phone = browser(app), browser(app)
    await computer.get()
    log_in = lambda id_, visitor, user: history.record(
        Event(id_, "Signed In", 1_790_000_000.0, of(visitor), {"$via": "server", "$ids": {"user_id": user}})
    )
    log_in("first", computer, "7")
    await computer.get("/logout", method="POST")
    await computer.get()
    log_in("second", computer, "8")
    history.record(Event("crm", "User Identified", 1.0, "u:8", {"$via": "import", "traits": {"tier": "gold"}}))
    await phone.get()
    log_in("other", phone, "7")
    await history.log.flush()
    assert (await history.profiles.load("u:7")).views
    assert await history.erase(Event("erase", "Visitor Erased", 1_790_000_001.0, of(phone)))
    assert (await history.profiles.load("u:7")).views == []
    second = await history.profiles.load(of(computer))
    assert (second.visitor, len(second.views), second.traits) == ("u:8", 1, {"tier": "gold"})
    assert b"<h1>Gold</h1>" in (await computer.get()).body
    left = [event.visitor for event in await stored(app, "Page Viewed")]
    assert left == [of(computer)] * 2, "of the first user no line is left"


async def test_b07_what_servers_tell_late_is_whose_it_was_and_is_erased_with_it(
    site: Any, browser: Any, stored: Any, clock: Any
) -> None:
    """A view that a server tells after the logout of before it is the first user's, on their other device too; the next
    one never sees it. Whoever erases loses their own lines, late ones too, and nobody else's."""
    app = await site(CONFIG)
    history = app.watcher.history
    computer = browser(app)
    await computer.get()
    told = lambda id_, name, time, **more: history.record(
        Event(id_, name, 1_790_000_000.0 + time, of(computer), {"$via": "server", **more})
    )
    told("in1", "Signed In", 0, **{"$ids": {"user_id": "7"}})
    clock.now += 10
    await computer.get("/logout", method="POST")
    clock.now += 10
    await computer.get()
    told("in2", "Signed In", 21, **{"$ids": {"user_id": "8"}})
    told("late", "Product Viewed", 5, product_id="p1")
    told("own", "Product Viewed", 22, product_id="p2")
    await history.log.flush()
    items = lambda profile: [item for _, item, _ in profile.views if item]
    assert items(await history.profiles.load("u:7")) == ["p1"]
    assert items(await history.profiles.load(of(computer))) == ["p2"]
    assert await history.erase(Event("erase8", "Visitor Erased", 1_790_000_030.0, of(computer)))
    assert [event.id for event in await stored(app, "Product Viewed")] == ["late"], "the other's line stays"
    assert items(await history.profiles.load("u:7")) == ["p1"]
    assert await history.erase(Event("erase7", "Visitor Erased", 1_790_000_040.0, "u:7"))
    assert await stored(app, "Product Viewed") == [] and items(await history.profiles.load("u:7")) == []
