"""An experiment and the log-ins of its visitors, through the real middleware and the real log."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.explain import explain, read_url
from personalize.model import Event
from personalize.testing import call
from personalize.visitor import Preview

HERO = """
version: 1
store: sqlite
site:
  signals:
    - {path: /logout, method: POST, event: Signed Out}
goals:
  order: {event: Order Completed, value: revenue, window: 14d}
slots:
  carousel:
    match: {path: "/about", element: "[data-slot=carousel]"}
    experiences: [{id: note, show: {html: "<p>About us</p>"}}]
  hero:
    match: {path: "/"}
    experiences:
      - id: test
        experiment:
          key: hero-1
          goal: order
          variants:
            - {id: a, weight: WEIGHT_A, html: "<h1>one</h1>"}
            - {id: b, weight: WEIGHT_B, html: "<h1>two</h1>"}
"""
KEY = "k" * 32
NOW = 1_790_000_000.0  # what the clock says


def hero(a: int, b: int) -> str:
    return HERO.replace("WEIGHT_A", str(a)).replace("WEIGHT_B", str(b))


def id_of(visitor: Any) -> str:
    return str(visitor.cookies["__Host-pz"].partition(".")[0])


async def log_in(app: Any, visitor: Any, user: str, time: float) -> None:
    """What the site's server says when somebody logs in."""
    told = {"$via": "server", "$ids": {"user_id": user}}
    app.watcher.history.record(Event(f"login-{time}-{id_of(visitor)}", "Signed In", time, id_of(visitor), told))
    await app.watcher.history.log.flush()
    await recalled(visitor)


async def sees(visitor: Any) -> str:
    found = re.search(rb"<h1>(\w+)</h1>", (await visitor.get()).body)
    assert found is not None
    return found[1].decode()


async def command(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments])


async def ask(app: Any, path: str, body: dict[str, Any]) -> Any:
    headers = [(b"x-api-key", KEY.encode()), (b"content-type", b"application/json")]
    sent = json.dumps(body).encode()
    response = await call(app, f"/_personalize{path}", method="POST", headers=headers, body=[sent], scheme="https")
    assert response.status == 200, response.body
    return json.loads(response.body)


async def recalled(*devices: Any) -> None:
    """Wait until they are in memory: a page waits 50 ms for that, and a busy machine may need longer."""
    for device in devices:
        await device.app.watcher.history.load(id_of(device))


@pytest.fixture
async def split(site: Any, browser: Any, monkeypatch: Any) -> Any:
    """A phone that was shown "one" and a laptop that was shown "two"; by now newcomers are shown "two" only."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    app = await site(hero(100, 0))
    phone, laptop = browser(app), browser(app)
    assert await sees(phone) == "one"
    await app.close()
    app = phone.app = laptop.app = await site(hero(0, 100))
    assert await sees(laptop) == "two"
    await recalled(phone)
    return app, phone, laptop


async def test_b40_logging_in_changes_no_variant(site: Any, browser: Any, split: Any, tmp_path: Path) -> None:
    """Both devices log in as one user: each goes on showing what it showed, in a new process and after a rebuild too; a
    third that had shown nothing shows what the user saw first."""
    app, phone, laptop = split
    tablet = browser(app)
    await tablet.get("/about")
    for number, device in enumerate((phone, laptop, tablet)):
        await log_in(app, device, "7", NOW + number)
    await recalled(phone, laptop, tablet)
    for _ in range(2):
        assert [await sees(device) for device in (phone, laptop, tablet)] == ["one", "two", "one"]
    await app.close()
    assert (await command("rebuild", str(tmp_path / "personalize.yaml"))).exit_code == 0
    app = await site(hero(0, 100))
    for device in (phone, laptop, tablet):
        device.app = app
    await recalled(phone, laptop, tablet)
    assert [await sees(device) for device in (tablet, laptop, phone)] == ["one", "two", "one"]
    assert await sees(browser(app)) == "two", "a newcomer"


async def test_b40_logging_out_changes_no_variant_and_tells_nothing(site: Any, browser: Any, split: Any) -> None:
    """After the logout, and when somebody else logs in, the phone shows what it showed; what the next one can read of
    what is known does not say so, nor anything else of before."""
    app, phone, laptop = split
    for number, device in enumerate((phone, laptop)):
        await log_in(app, device, "7", NOW + number)
    await phone.get("/logout", method="POST")
    await recalled(phone, laptop)
    told = (await phone.get("/_personalize/me/data.json")).body.decode()
    assert "hero-1" not in told and json.loads(told)["profile"]["assignments"] == {}
    assert await sees(phone) == "one"
    await log_in(app, phone, "8", NOW + 9)
    desktop = browser(app)
    assert await sees(desktop) == "two"
    await log_in(app, desktop, "8", NOW + 10)
    assert (await sees(phone), await sees(desktop), await sees(laptop)) == ("one", "two", "two")
    known = json.loads((await desktop.get("/_personalize/me/data.json")).body)
    assert len(known["profile"]["assignments"]) == 2, "what the phone showed to user 7 is not told to user 8"
    assert not any(id_of(laptop) in json.dumps(event) for event in known["events"])


async def test_b40_an_undone_merge_changes_no_variant(split: Any, tmp_path: Path) -> None:
    """The phone is taken out of the user again: both devices go on showing what they showed."""
    app, phone, laptop = split
    for number, device in enumerate((phone, laptop)):
        await log_in(app, device, "7", NOW + number)
    undone = await command("identity", str(tmp_path / "personalize.yaml"), "--unlink", id_of(phone))
    assert undone.exit_code == 0, undone.output
    history = app.watcher.history
    async with asyncio.timeout(30):
        while history.log.seq < await history.store.last():
            await asyncio.sleep(0.02)
    await recalled(phone, laptop)
    assert (await sees(phone), await sees(laptop)) == ("one", "two")


async def test_b40_apps_that_ask_by_the_users_id_get_what_the_user_saw_first(split: Any) -> None:
    """Decide and OpenFeature know the user through the devices; asking shows nothing and keeps nothing."""
    app, phone, laptop = split
    for number, device in enumerate((phone, laptop)):
        await log_in(app, device, "7", NOW + number)
    for _ in range(2):
        told = await ask(app, "/v1/decide", {"userId": "7", "consent": "granted", "url": "/"})
        assert told["slots"][0]["variant"] == "a"
        context = {"targetingKey": "7", "consent": "granted"}
        flag = await ask(app, "/ofrep/v1/evaluate/flags/hero-1", {"context": context})
        assert flag["value"] == "a"
    assert (await sees(phone), await sees(laptop)) == ("one", "two")


async def test_b40_the_report_counts_a_person_once_and_says_who_saw_several(
    browser: Any, split: Any, tmp_path: Path
) -> None:
    """Two devices that were drawn before they were linked are one visitor, who counts as the first; what was bought
    under either belongs there. After a logout somebody else is there."""
    app, phone, laptop = split
    log = app.watcher.history.log
    for number, device in enumerate((phone, laptop)):
        await log_in(app, device, "7", NOW + number)
    log.record(Event("order", "Order Completed", NOW + 60, id_of(laptop), {"revenue": 20, "order_id": "1"}))
    await sees(browser(app))
    await phone.get("/logout", method="POST")
    await recalled(phone)
    assert await sees(phone) == "one"
    await log.flush()
    told = json.loads((await command("report", str(tmp_path / "personalize.yaml"), "--json")).output)
    (effects,) = told["experiments"]
    counts = {row["level"]: (row["visitors"], row["reached"]) for row in effects["levels"]}
    assert counts == {"a": (2, 1), "b": (1, 0)} and effects["saw_several"] == 1
    assert any("1 of 3 visitors saw more than one variant" in note for note in effects["notes"])
    shown = {row["variant"]: row["visitors"] for row in told["shown"] if row["slot"] == "hero"}
    assert shown == {"a": 2, "b": 2}, "what was shown counts each where it was shown"


@pytest.mark.impatient
async def test_b40_a_log_that_is_slow_moves_nobody_for_good(site: Any, browser: Any, monkeypatch: Any) -> None:
    """A page that could not wait for the profile is decided by the id alone, and its line says so, as do the reasons
    that an editor asks for, and the report: the next one shows what the browser showed before. A newcomer's first page
    counts as it is."""
    app = await site(hero(100, 0))
    phone = browser(app)
    assert await sees(phone) == "one"
    await app.close()
    app = phone.app = await site(hero(0, 100))
    read, awake = app.watcher.history.store.of_visitor, asyncio.Event()

    async def slowly(*asked: Any) -> Any:
        await awake.wait()
        return await read(*asked)

    monkeypatch.setattr(app.watcher.history.store, "of_visitor", slowly)
    assert await sees(phone) == "two"
    token = ((b"x-personalize-explain", app.engine.previews.make(Preview(), NOW, 60).encode()),)
    (warning,) = json.loads((await phone.get(headers=token)).header("x-personalize-explain"))["warnings"]
    assert "decided by the id alone" in warning
    asyncio.get_running_loop().call_later(0.5, awake.set)
    cookies = [f"{name}={value}" for name, value in phone.cookies.items()]
    told = await explain(app.engine, read_url("https://shop.example/", cookies=cookies), NOW)
    (late,) = [step for step in told.identity.inner if "in time" in step.what]
    assert not late.held and "decided by the id alone" in late.saw
    await recalled(phone)
    assert await sees(phone) == "one"
    views = [event for event in await app.watcher.history.store.read() if event.name == "Page Viewed"]
    assert [event.properties.get("unread", False) for event in views] == [False, True, True, False]
    file = str(app.engine.config.base / "personalize.yaml")
    said = (await asyncio.to_thread(CliRunner().invoke, main, ["report", file])).output
    assert "2 of 4 exposures were decided by the id alone" in " ".join(said.split())
