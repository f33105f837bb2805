"""Behaviours of signals: what any channel tells of a visitor is used on their next page, and only with consent."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from personalize.imports.run import import_file
from personalize.imports.told import Told
from personalize.people.members import members
from personalize.testing import call

KEY = "a-write-key-of-this-shop"
CONFIG = """
version: 1
store: memory
catalogue: {file: products.jsonl}
site:
  signals:
    - {path: "/p/{product}", event: Product Viewed, item: "{product}"}
segments:
  ready-to-buy:
    all: [{viewed: {path: /pricing}}, {happened: {event: Social Followed}}, {traits.crm_stage: opportunity}]
  loyal-without-boats:
    all: [{bought: {category: soap, times: {gte: 3}, within: 90d}}, {traits.points: {gte: 100}}]
    not: [{bought: {category: boat}}]
slots:
  hero:
    match: {path: ["/", "/pricing", "/p/{product}"], element: "[data-slot=hero]"}
    experiences:
      - {id: ready, when: ready-to-buy, show: {html: "<h1>Talk to us</h1>"}}
      - {id: boats, when: loyal-without-boats, show: {html: "<h1>Try a boat</h1>"}}
      - id: at-the-shop
        when: {all: [{happened: {event: Shop Entered, within: 10m}}, {bought: {within: 7d}}]}
        show: {html: "<h1>Ready at the shop</h1>"}
      - {id: in-shop, when: {happened: {event: Shop Entered, within: 10m}}, show: {html: "<h1>In the shop</h1>"}}
      - {id: moved, when: {traits.city: Izmir}, show: {html: "<h1>Izmir</h1>"}}
      - {id: mailed, when: {happened: {event: Email Opened, within: 7d}}, show: {html: "<h1>Step two</h1>"}}
      - {id: no-ads, when: {traits.answers.hero: not relevant}, show: {html: "<h1>Something else</h1>"}}
      - {id: large, when: {traits.answers.size: L}, show: {html: "<h1>Size L</h1>"}}
      - {id: acme, when: {favourite: {brand: Acme, within: 30d}}, show: {html: "<h1>Acme until Sunday</h1>"}}
      - {id: paste, when: {favourite: {category: paste}}, show: {html: "<h1>Paste</h1>"}}
      - {id: clicked, when: {viewed: {item: p5}}, show: {html: "<h1>The lamp</h1>"}}
"""


@pytest.fixture(autouse=True)
def write_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)


def of(visitor: Any) -> str:
    """The id in the visitor's cookie."""
    name: str = visitor.cookies["__Host-pz"].partition(".")[0]
    return name


async def tell(app: Any, **message: Any) -> None:
    """A server of the site tells something, over HTTP; the answer comes once it is written."""
    key = base64.b64encode(f"{KEY}:".encode())
    answer = await call(
        app, "/_personalize/v1/batch", method="POST", headers=[(b"authorization", b"Basic " + key)],
        body=json.dumps({"batch": [{"type": "track", **message}]}).encode(), scheme="https", host="shop.example",
    )  # fmt: skip
    assert json.loads(answer.body) == {"success": True, "accepted": 1}
    await app.watcher.history.log.flush()


async def beacon(app: Any, visitor: Any, event: str, **properties: Any) -> int:
    """The visitor's browser tells something, as sendBeacon does: text/plain, with its cookies."""
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    answer = await call(
        app, "/_personalize/v1/b", method="POST", scheme="https", host="shop.example",
        headers=[
            (b"cookie", cookie.encode()), (b"user-agent", visitor.agent.encode()), (b"sec-fetch-site", b"same-origin"),
            (b"content-type", b"text/plain;charset=UTF-8"),
        ],
        body=json.dumps({"batch": [{"type": "track", "event": event, "properties": properties}]}).encode(),
    )  # fmt: skip
    await app.watcher.history.log.flush()
    accepted: int = json.loads(answer.body)["accepted"]
    return accepted


async def imported(app: Any, folder: Any, rows: list[dict[str, Any]], clock: Any) -> None:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    refused: list[Any] = []
    told = Told("UTC", clock.now, party="first", source="crm")
    store = app.watcher.history.store
    await import_file(store, path, told, folder, refuse=lambda line, why: refused.append((line, why)))
    assert not refused
    deadline = time.monotonic() + 30  # a running site hears of it by itself
    while app.watcher.history.log._seq < await store.last() and time.monotonic() < deadline:
        await app.watcher.history.log._follow()


async def hero(visitor: Any, path: str = "/") -> str:
    """What the page shows. A page waits 50 ms for a profile, which a busy machine may miss: so it is read before."""
    await visitor.app.watcher.history.load(of(visitor))
    body: bytes = (await visitor.get(path)).body
    return body.partition(b"<h1>")[2].partition(b"</h1>")[0].decode()


async def test_b05_one_segment_uses_site_social_network_and_crm(
    site: Any, browser: Any, clock: Any, tmp_path: Any
) -> None:
    """A pricing page, a follow elsewhere and a CRM's opportunity are one segment; it holds when all three do, and (B6)
    its members can be exported."""
    app = await site(CONFIG)
    ann, bob = browser(app), browser(app)
    for visitor in (ann, bob):
        await visitor.get("/pricing")
    await tell(app, event="Social Followed", anonymousId=of(ann), userId="7")
    assert await hero(ann) == "Welcome", "two of three"
    row = {"event": "User Identified", "time": clock.now - 60, "user_id": "7", "crm_stage": "opportunity"}
    await imported(app, tmp_path, [row], clock)
    assert (await hero(ann), await hero(bob)) == ("Talk to us", "Welcome")
    found = [member async for member in members(app.watcher.engine, "ready-to-buy", clock.now)]
    assert [(member.user, of(ann) in member.ids) for member in found] == [("7", True)]


async def test_b09_what_a_browser_tells_changes_the_next_page(site: Any, browser: Any) -> None:
    """A page view, a beacon's event and an answer to a widget are each in the profile before the next page."""
    app = await site(CONFIG)
    viewer, walker, asked, annoyed = (browser(app) for _ in range(4))
    for visitor in (viewer, walker, asked, annoyed):
        await visitor.get()
    await viewer.get("/p/p5")
    assert await hero(viewer) == "The lamp"
    assert await beacon(app, walker, "Shop Entered", shop="Kadikoy") == 1
    assert await hero(walker) == "In the shop"
    for size, shown in (("L", "Size L"), ("S", "Welcome")):  # the newest answer counts
        await beacon(app, asked, "Answer Given", slot="hero", question="size", answer=size)
        assert await hero(asked) == shown
    await beacon(app, annoyed, "Answer Given", slot="hero", question="", answer="not relevant")
    assert await hero(annoyed) == "Something else"


async def test_b17_an_order_is_ready_at_the_shop_for_who_consents(site: Any, browser: Any, clock: Any) -> None:
    """Consented location and an order: said on the next page, for ten minutes. Refused: nothing, and nothing kept."""
    app = await site(CONFIG)
    ann, denied = browser(app), browser(app)
    await ann.get()
    await tell(app, event="Order Completed", anonymousId=of(ann), properties={"order_id": "1", "products": ["p2"]})
    assert await hero(ann) == "Welcome"
    await beacon(app, ann, "Shop Entered", shop="Kadikoy")
    assert await hero(ann) == "Ready at the shop"
    clock.now += 601
    assert await hero(ann) == "Welcome"
    await denied.get()
    name = of(denied)
    denied.cookies["consent"] = "denied"
    assert await beacon(app, denied, "Shop Entered", shop="Kadikoy") == 0
    assert await hero(denied) == "Welcome"
    assert "Shop Entered" not in (await app.watcher.history.profiles.load(name)).happened


async def test_b18_loyalty_data_tells_what_is_not_bought(site: Any, browser: Any, clock: Any, tmp_path: Any) -> None:
    """What, how often, when and which category never, from a loyalty card's file, are a rule on the member's page."""
    app = await site(CONFIG)
    ann, sailor = browser(app), browser(app)
    rows: list[dict[str, Any]] = []
    for user, visitor, items in (("1", ann, ["p2"]), ("2", sailor, ["p2", "p3"])):
        await visitor.get()
        rows.append({"event": "User Identified", "time": clock.now - 9e5, "loyalty_id": f"L{user}", "points": 120})
        for week in range(3):
            when = clock.now - 86_400 * (10 * week + 1)
            rows.append({"event": "Order Completed", "time": when, "loyalty_id": f"L{user}", "products": items})
        link = {"event": "Signed In", "time": clock.now - 60, "anonymous_id": of(visitor), "loyalty_id": f"L{user}"}
        rows.append(link)
    await imported(app, tmp_path, rows, clock)
    assert (await hero(ann), await hero(sailor)) == ("Try a boat", "Welcome")
    clock.now += 80 * 86_400
    assert await hero(ann) == "Welcome", "three in ninety days, no more"


async def test_b22_a_favourite_is_what_was_viewed_and_bought_most(
    site: Any, browser: Any, clock: Any, tmp_path: Any
) -> None:
    """A brand or category counts as favourite once it was looked at or bought twice, and no other more often."""
    app = await site(CONFIG)
    lines = [json.loads(line) for line in (tmp_path / "products.jsonl").read_text().splitlines()]
    for line in lines:
        line["brand"] = "ACME" if line["id"] in ("p6", "p7") else "Other"
    (tmp_path / "products.jsonl").write_text("\n".join(map(json.dumps, lines)))
    app = await site(CONFIG)
    ann = browser(app)
    shown = []
    for item in ("p6", "p7", "p0", "p1", "p0"):
        clock.now += 60
        await ann.get(f"/p/{item}")
        shown.append(await hero(ann))
    assert shown == ["Welcome", "Acme until Sunday", "Acme until Sunday", "Acme until Sunday", "Paste"]


async def test_b34_moving_entering_a_shop_and_clicking_are_usable_at_once(site: Any, browser: Any) -> None:
    """Three signals from three doors, each on the visitor's next page."""
    app = await site(CONFIG)
    for event, door, expected in (
        ("Moved", "server", "Izmir"), ("Shop Entered", "beacon", "In the shop"), ("Product Viewed", "page", "The lamp"),
    ):  # fmt: skip
        visitor = browser(app)
        await visitor.get()
        if door == "server":
            await tell(app, type="identify", anonymousId=of(visitor), traits={"city": "Izmir"})
        elif door == "beacon":
            await beacon(app, visitor, event)
        else:
            await visitor.get("/p/p5")
        assert await hero(visitor) == expected, event


async def test_b36_an_email_already_seen_brings_the_next_step(
    site: Any, browser: Any, clock: Any, tmp_path: Any
) -> None:
    """What the e-mail system says was opened is not repeated on the site; after a week it is forgotten."""
    app = await site(CONFIG)
    ann, bob = browser(app), browser(app)
    for user, visitor in (("1", ann), ("2", bob)):
        await visitor.get()
        traits = {"email": f"{user}@x.org"}
        await tell(app, type="identify", anonymousId=of(visitor), userId=user, traits=traits)
    opened = {"event": "Email Opened", "time": clock.now - 3600, "email": "1@X.org", "campaign": "step-one"}
    await imported(app, tmp_path, [opened], clock)
    assert (await hero(ann), await hero(bob)) == ("Step two", "Welcome")
    clock.now += 7 * 86_400
    assert await hero(ann) == "Welcome"


WAITING = """
version: 1
store: memory
catalogue: {file: products.jsonl}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - id: goes-with-it
        when: {bought: {category: paste}}
        delay: 30m
        expire: 14d
        show: {html: "<h1>Goes well with it</h1>"}
  carousel:
    match: {path: "/", element: "[data-slot=carousel]"}
    experiences:
      - id: offer
        cool_down: {after: Products Searched, for: 10m}
        show: {html: "<p>An offer</p>"}
"""


async def test_b12_nobody_is_disturbed_right_after_an_order_or_long_after(site: Any, browser: Any, clock: Any) -> None:
    """An order brings nothing until the delay is over, its message then, and nothing after the expiry; a search keeps
    offers away for ten minutes."""
    app = await site(WAITING)
    visitor = browser(app)
    assert b"An offer" in (await visitor.get()).body
    await tell(app, event="Order Completed", anonymousId=of(visitor), properties={"products": [{"product_id": "p0"}]})
    await tell(app, event="Products Searched", anonymousId=of(visitor), properties={"query": "boat"})
    ordered, seen = clock.now, []
    for minutes in (0, 9, 11, 29, 31, 14 * 1440 - 1, 14 * 1440 + 1):
        clock.now = ordered + 60 * minutes
        page = (await visitor.get()).body
        seen.append((b"Goes well" in page, b"An offer" in page))
    nothing, offer, both = (False, False), (False, True), (True, True)
    assert seen == [nothing, nothing, offer, offer, both, both, offer]
