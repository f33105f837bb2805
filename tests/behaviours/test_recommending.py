"""Behaviours of recommending: what a visitor is shown next, from what they and others did, on the site's own pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from personalize.model import Event

DAY = 86_400.0
CONFIG = """
version: 1
store: memory
catalogue: {file: products.jsonl}
site:
  signals:
    - {path: "/p/{product}", event: Product Viewed, item: "{product}"}
slots:
  carousel:
    match: {path: ["/", "/p/{product}"], element: "[data-slot=carousel]"}
    template: carousel.html
    experiences:
      - id: recommended
        show: {source: recommendations, SHOWN}
"""
CAROUSEL = {"carousel.html": "{% for p in items %}<a href='{{ p.link }}'>{{ p.reason.text }}</a>{% endfor %}"}


@pytest.fixture
def shop(site: Any) -> Any:
    """Makes the shop with one carousel that shows what is written."""

    async def make(shown: str) -> Any:
        return await site(CONFIG.replace("SHOWN", shown), CAROUSEL)

    return make


def of(visitor: Any) -> str:
    """The id in the visitor's cookie."""
    name: str = visitor.cookies["__Host-pz"].partition(".")[0]
    return name


async def order(app: Any, visitor: str, *items: str, time: float) -> None:
    number = (await app.watcher.history.store.last()) + 1
    products = [{"product_id": item, "quantity": 1, "price": 2.0} for item in items]
    app.watcher.history.record(Event(f"o{number}", "Order Completed", time, visitor, {"products": products}))
    await app.watcher.history.log.flush()


async def buyers(app: Any, baskets: Sequence[Sequence[str]], time: float) -> None:
    """Each basket is somebody else's."""
    for number, basket in enumerate(baskets):
        await order(app, f"{number:032x}", *basket, time=time)


def seen(response: Any) -> list[str]:
    """Products in the carousel, in their order."""
    return re.findall(r"<a href='/p/(p\d)'>", response.body.decode())


async def test_b02_a_first_visit_shows_what_is_popular_and_each_signal_changes_it(
    shop: Any, browser: Any, clock: Any
) -> None:
    """A newcomer gets what everybody likes; a view, and then an order, move the row."""
    app = await shop("strategy: next_product, limit: 3")
    await buyers(app, [("p9",)] * 6 + [("p1", "p2")] * 3 + [("p3", "p4")] * 3, clock.now - DAY)
    visitor = browser(app)
    first = seen(await visitor.get())
    assert first[0] == "p9"
    await visitor.get("/p/p1")
    second = seen(await visitor.get())
    assert second[0] == "p2" and second != first
    await order(app, of(visitor), "p2", "p3", time=clock.now)
    third = seen(await visitor.get())
    assert third[0] == "p4" and "p2" not in third


async def test_b03_whoever_buys_what_others_bought_sees_first_what_they_bought_too(
    shop: Any, browser: Any, clock: Any
) -> None:
    """Eight of ten buyers of p1 and p2 bought p3: who bought those two sees p3 first, with the reason."""
    app = await shop("strategy: next_product, limit: 2")
    await buyers(app, [("p1", "p2", "p3")] * 8 + [("p1", "p2", "p4")] * 2 + [("p5", "p6")] * 9, clock.now - DAY)
    visitor = browser(app)
    await visitor.get()
    await order(app, of(visitor), "p1", "p2", time=clock.now)
    page = await visitor.get()
    assert seen(page)[0] == "p3"
    assert re.search(r"<a href='/p/p3'>Who bought Product [12] bought this too</a>", page.body.decode())


async def test_b04_two_histories_give_two_rows_on_the_same_page(shop: Any, browser: Any, clock: Any) -> None:
    """The same address, at the same moment, for two visitors with different pasts."""
    app = await shop("strategy: next_product, limit: 1")
    await buyers(app, [("p1", "p2")] * 5 + [("p3", "p4")] * 5, clock.now - DAY)
    one, other = browser(app), browser(app)
    await one.get("/p/p1")
    await other.get("/p/p3")
    assert seen(await one.get()) == ["p2"] and seen(await other.get()) == ["p4"]


async def test_b14_what_runs_out_is_offered_at_the_visitors_own_interval(shop: Any, browser: Any, clock: Any) -> None:
    """Bought every four weeks: nothing after two of them, and from the 23rd day on it is there, with the interval."""
    app = await shop("strategy: replenishment, limit: 3")
    visitor = browser(app)
    await visitor.get()
    began = clock.now
    for month in range(3):
        await order(app, of(visitor), "p0", time=began + month * 28 * DAY)
    clock.now = began + (56 + 14) * DAY
    assert seen(await visitor.get()) == []
    clock.now = began + (56 + 24) * DAY
    page = await visitor.get()
    assert seen(page) == ["p0"] and b"You buy this every 4 weeks" in page.body


async def test_b16_people_alike_bring_something_outside_ones_own_categories(
    shop: Any, browser: Any, clock: Any
) -> None:
    """Buyers of soap took boat trips: a third of the places is for what is not in the visitor's own categories."""
    app = await shop("strategy: next_product, limit: 3, novelty: 0.34")
    history = app.watcher.history
    soaps = {name: replace(history.products["p2"], id=name, link=f"/p/{name}") for name in ("p1", "p4", "p5")}
    history.follow({**history.products, **soaps})  # all of them soaps
    await buyers(app, [("p2", "p1", "p4", "p5", "p3")] * 4 + [("p6", "p7")] * 9, clock.now - DAY)
    visitor = browser(app)
    await visitor.get("/p/p2")
    row = seen(await visitor.get())
    assert row[-1] == "p3" and set(row[:2]) < {"p1", "p4", "p5"}


async def test_b28_who_clicked_several_and_bought_none_gets_a_related_set(
    site: Any, browser: Any, clock: Any
) -> None:
    """After three different products and no order the row is what goes with them, not what everybody likes."""
    config = CONFIG.replace("show: {source: recommendations, SHOWN}", "when: {viewed: {items: {gte: 3}}}\n"
        "        show: {source: recommendations, strategy: next_product, limit: 3}")  # fmt: skip
    app = await site(config, CAROUSEL)
    await buyers(app, [("p0", "p4"), ("p1", "p5"), ("p2", "p6")] * 4 + [("p9",)] * 6, clock.now - DAY)
    visitor = browser(app)
    for item in ("p0", "p1"):
        assert b"plain list" in (await visitor.get(f"/p/{item}")).body
    await visitor.get("/p/p2")
    assert sorted(seen(await visitor.get())) == ["p4", "p5", "p6"]


async def test_b44_b45_recommendations_know_nothing_of_who_refuses_or_was_erased(
    shop: Any, browser: Any, clock: Any
) -> None:
    """Without consent the page is its own, and nothing is learned from it; whoever was erased starts as a newcomer, and
    what they do then makes no pair with what they did before."""
    app = await shop("strategy: next_product, limit: 2")
    history = app.watcher.history
    await buyers(app, [("p1", "p2")] * 3 + [("p9",)] * 9, clock.now - DAY)
    learned = history.recommender.revision
    refused = browser(app, consent="denied")
    for item in ("p1", "p3"):
        assert b"plain list" in (await refused.get(f"/p/{item}")).body
    assert history.recommender.revision == learned

    visitor = browser(app)
    await visitor.get("/p/p1")
    assert seen(await visitor.get())[0] == "p2"
    await order(app, of(visitor), "p1", time=clock.now)
    clock.now += 60
    assert await history.erase(Event("gone", "Visitor Erased", clock.now, of(visitor)))
    clock.now += 60
    assert seen(await visitor.get())[0] == "p9"
    await order(app, of(visitor), "p7", time=clock.now)
    found = history.recommender.recommend("related", 3, items=["p7"])
    reasons = history.recommender.reasons("related", found, items=["p7"])
    assert {reason.kind for reason in reasons} == {"popular"}


RULES = """
version: 1
store: memory
catalogue: {file: products.jsonl}
site:
  signals:
    - {path: "/p/{product}", event: Product Viewed, item: "{product}"}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - id: reminder
        when: {all: [{viewed: {item: p6, within: 14d}}], not: [{bought: {item: p6}}]}
        show: {html: "<h1>Still thinking of the cup?</h1>"}
      - id: weekly
        when: {bought: {item: p8, times: {gte: 3}, within: 30d}}
        show: {html: "<h1>A tea on us</h1>"}
      - id: come-back
        when: {all: [{bought: {category: soap, times: {gte: 3}}}], not: [{bought: {within: 30d}}]}
        cap: {max: 2, within: 30d}
        show: {html: "<h1>We miss you</h1>"}
"""


async def test_b11_what_was_viewed_and_not_bought_is_remembered_until_it_is_bought(
    site: Any, browser: Any, clock: Any
) -> None:
    """A view brings the reminder; the purchase ends it, for good."""
    app = await site(RULES)
    visitor = browser(app)
    assert b"Welcome" in (await visitor.get()).body
    await visitor.get("/p/p6")
    assert b"Still thinking" in (await visitor.get()).body
    await order(app, of(visitor), "p6", time=clock.now)
    for _ in range(3):
        clock.now += 5 * DAY
        await visitor.get("/p/p6")
        assert b"Still thinking" not in (await visitor.get()).body


async def test_b20_what_is_bought_every_week_earns_a_coupon(site: Any, browser: Any, clock: Any) -> None:
    """Tea in three weeks of a month brings one on the house; twice does not, nor does a habit of long ago."""
    app = await site(RULES)
    visitor = browser(app)
    await visitor.get()
    seen_after = []
    for _ in range(3):
        await order(app, of(visitor), "p8", time=clock.now)
        seen_after.append(b"A tea on us" in (await visitor.get()).body)
        clock.now += 7 * DAY
    clock.now += 30 * DAY
    assert seen_after == [False, False, True]
    assert b"A tea on us" not in (await visitor.get()).body


async def test_b21_who_buys_no_more_gets_a_capped_offer(site: Any, browser: Any, clock: Any) -> None:
    """Somebody who bought soap again and again, and nothing for a month, is asked back, twice at most; whoever buys is
    not asked."""
    app = await site(RULES)
    visitor = browser(app)
    await visitor.get()
    for _ in range(3):
        await order(app, of(visitor), "p2", time=clock.now)
        clock.now += 10 * DAY
    assert b"We miss you" not in (await visitor.get()).body
    clock.now += 25 * DAY
    assert [b"We miss you" in (await visitor.get()).body for _ in range(4)] == [True, True, False, False]
    clock.now += 31 * DAY
    await order(app, of(visitor), "p1", time=clock.now)
    assert b"We miss you" not in (await visitor.get()).body
