"""Behaviours about what is kept of a visitor: consent, forged ids, exposures, thin data."""

from __future__ import annotations

from typing import Any

from personalize.model import Event

CONFIG = """
version: 1
store: memory
catalogue: {file: products.jsonl}
sources: {recs: {use: recommendations}}
site:
  signals:
    - {path: "/p/{product}", event: Product Viewed, item: "{product}"}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences: [{id: greet, show: {html: "<h1>Hello again</h1>"}}]
  carousel:
    match: {path: "/", element: "[data-slot=carousel]"}
    template: list.html
    default: {source: recs, strategy: popular, limit: 3}
    experiences:
      - id: next
        when: {viewed: {items: {gte: 1}, within: 7d}}
        show: {source: recs, strategy: related, limit: 3}
        exclude: [in_cart]
"""
TEMPLATES = {"list.html": "{% for p in items %}<a href='{{ p.link }}'>{{ p.id }}</a>{% endfor %}"}


async def test_b35_every_exposure_is_stored_in_order(site: Any, browser: Any, clock: Any, stored: Any) -> None:
    """The log tells who saw what, when, how and why, in the order it happened."""
    app = await site(CONFIG, TEMPLATES)
    visitor = browser(app)
    for _ in range(3):
        await visitor.get()
        clock.now += 60
    got = await stored(app, "Page Viewed")
    assert [e.time for e in got] == [clock.now - 180, clock.now - 120, clock.now - 60]
    assert len({e.visitor for e in got}) == 1 and [e.seq for e in got] == sorted(e.seq for e in got)
    for e in got:
        (hero,) = (shown for shown in e.exposures if shown["slot"] == "hero")
        told = (e.properties["path"], hero["experience"], hero["how"], hero["reason"], hero["held"])
        assert told == ("/", "greet", "inline", "experience", False)


async def test_b35_what_the_visitor_did_not_get_is_no_exposure(site: Any, browser: Any, stored: Any) -> None:
    """HEAD requests, bots and pages without the slot count nowhere."""
    app = await site(CONFIG, TEMPLATES)
    await browser(app).get(method="HEAD")
    await browser(app, agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)").get()
    await browser(app).get("/p/p1")
    views = await stored(app, "Page Viewed")
    assert [e.exposures for e in views] == []


async def test_b44_denied_consent_means_the_default_and_no_profile(site: Any, browser: Any, stored: Any) -> None:
    """Refused, absent or withdrawn consent, and Sec-GPC: default content, no cookie, nothing written."""
    app = await site(CONFIG, TEMPLATES)
    for visitor, headers in (
        (browser(app, consent="denied"), ()),
        (browser(app, consent=None), ()),
        (browser(app), ((b"sec-gpc", b"1"),)),
    ):
        response = await visitor.get(headers=headers)
        assert b"<h1>Welcome</h1>" in response.body and b"Hello again" not in response.body
        assert not any(name == b"set-cookie" for name, _ in response.headers)
    assert [e.name for e in await app.watcher.history.store.read()] == ["Config Live"], "nothing of any visitor"


async def test_b44_withdrawing_consent_takes_effect_on_the_next_request(site: Any, browser: Any) -> None:
    """A visitor known until now is unknown as soon as the consent cookie says so, and loses the id."""
    app = await site(CONFIG, TEMPLATES)
    visitor = browser(app)
    assert b"Hello again" in (await visitor.get()).body
    before = await app.watcher.history.store.last()
    visitor.cookies["consent"] = "denied"
    response = await visitor.get()
    assert b"Hello again" not in response.body and visitor.cookies["__Host-pz"] == ""
    for _ in range(3):
        await visitor.get()
    (only,) = await app.watcher.history.store.read(before)
    assert only.name == "Consent Withdrawn", "so that exports leave the visitor out; nothing else is written"


async def test_b49_a_forged_cookie_is_refused_and_logged(site: Any, browser: Any, caplog: Any) -> None:
    """A changed id cookie gives a newcomer's page with a new id, and one line in the log."""
    app = await site(CONFIG, TEMPLATES)
    victim = browser(app)
    await victim.get()
    stolen = victim.cookies["__Host-pz"]
    thief = browser(app)
    thief.cookies["__Host-pz"] = stolen[:-1] + ("A" if stolen[-1] != "A" else "B")
    for _ in range(3):
        forged = browser(app)
        forged.cookies["__Host-pz"] = thief.cookies["__Host-pz"]
        await forged.get()
        assert forged.cookies["__Host-pz"].partition(".")[0] != stolen.partition(".")[0]
    assert app.observer.counters["visitors.forged"] == 3
    assert sum("forged" in r.getMessage() for r in caplog.records) == 1


async def test_b53_thin_data_falls_from_the_visitor_to_everyone(site: Any, browser: Any, clock: Any) -> None:
    """Without data of their own a visitor gets what is related, and without that what is popular."""
    app = await site(CONFIG, TEMPLATES)
    log = app.watcher.history.log
    for n in range(6):  # p4 is popular with everyone; p1 and p2 are looked at together
        for k, item in enumerate(("p4",) if n < 4 else ("p1", "p2")):
            log.record(Event(f"e{n}{k}", "Product Viewed", clock.now - 1000 + n, f"other{n}", {"product_id": item}))
    await log.flush()
    newcomer = browser(app)
    first = (await newcomer.get()).body
    assert b"'/p/p4'" in first, "nothing known: what is popular"
    await newcomer.get("/p/p1")
    second = (await newcomer.get()).body
    assert second.index(b"/p/p2") < second.index(b"/p/p4"), "one view known: related first, popular fills up"


async def test_b01_a_warm_page_with_three_slots_is_made_in_memory(site: Any, browser: Any) -> None:
    """A warm page asks no backend and no store: everything it needs is in memory.

    (How long that takes is a benchmark, benchmarks/asgi.py; this shows that nothing slow is in its way.)
    """
    app = await site(
        CONFIG.replace(
            "  carousel:", '  extra: {match: {path: "/", element: "footer"}, default: {html: hi}}\n  carousel:'
        ),
        TEMPLATES,
    )
    visitor = browser(app)
    await visitor.get()
    await visitor.get()  # the second page reads the profile, once
    store = app.watcher.history.store
    calls: list[str] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(store, name)

    app.watcher.history.profiles._store = Watched()
    response = await visitor.get()
    assert response.status == 200 and response.body.count(b"hi</footer>") == 1
    assert calls == []


async def test_an_order_read_off_the_sites_traffic_teaches_what_goes_together(
    site: Any, browser: Any, clock: Any, stored: Any
) -> None:
    """A checkout on a path without slots is an order with its products and revenue, and teaches what goes together."""
    signals = """
    - {path: "/cart/add/{product}", method: POST, event: Product Added, item: "{product}"}
    - {path: "/checkout", method: POST, event: Order Completed}
"""
    config = CONFIG.replace('item: "{product}"}\n', 'item: "{product}"}' + signals, 1)
    config = config.replace("strategy: popular, limit: 3", "strategy: bought_together, item: p1, limit: 1")
    app = await site(config, TEMPLATES)
    buyer = browser(app)
    await buyer.get()
    for step in ("/p/p1", "/p/p9", "/p/p9", "/p/p1"):
        await buyer.get(step)
    for item in ("p1", "p6"):
        await buyer.get(f"/cart/add/{item}", method="POST")
    await buyer.get("/checkout", method="POST")
    (order,) = await stored(app, "Order Completed")
    assert [line["product_id"] for line in order.properties["products"]] == ["p1", "p6"]
    assert order.properties["revenue"] == 7.0
    assert b"'/p/p6'" in (await browser(app).get()).body, "bought with p1, though p9 was looked at more"
