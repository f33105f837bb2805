"""Behaviours of identity on real pages: logging in merges, logging out leaks nothing, all is erased together."""

from __future__ import annotations

from typing import Any

from personalize.model import Event

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
