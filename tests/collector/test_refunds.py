"""What came back of an order lowers what rules know of its buyer, from the next page on."""

from __future__ import annotations

from typing import Any

import pytest

BOUGHT = {
    "order_id": "o-1", "value": "1.060,00 €", "currency": "EUR",
    "items": [{"item_id": "lamp", "price": 1000, "quantity": 1}, {"item_id": "soap", "price": 30, "quantity": 2}],
}  # fmt: skip
SLOTS = {
    "hero": {
        "match": {"path": "/"},
        "experiences": [
            {"id": "big", "when": {"orders.total": {"gte": 1000}}, "show": {"html": "Big spender"}},
            {"id": "lamp", "when": {"bought": {"item": "lamp"}}, "show": {"html": "Bulbs"}},
            {"id": "again", "when": {"orders.count": {"gte": 1}}, "show": {"html": "Once more"}},
        ],
    }
}


async def seen(site: Any) -> str:
    body: bytes = (await site.ask("/", method="GET")).body
    return body.split(b"data-slot=hero>")[1].split(b"</div>")[0].decode()


@pytest.mark.parametrize("first", [True, False], ids=["order first", "refund first"])
@pytest.mark.parametrize(
    ("name", "told", "left"),
    [
        ("refund", {"transaction_id": "o-1", "value": "$100", "currency": "USD"}, "Big spender"),
        ("refund", {"transaction_id": "o-1", "value": "100"}, "Bulbs"),
        ("refund", {"transaction_id": "o-1", "items": [{"item_id": "lamp", "quantity": 1}]}, "Once more"),
        ("Order Refunded", {"order_id": "o-1"}, "plain"),
        ("Order Cancelled", {"order_id": "o-1", "total": 1060}, "plain"),
        ("Order Refunded", {"order_id": "another"}, "Big spender"),
    ],
)
async def test_a_refund_lowers_what_rules_know(
    make_site: Any, name: str, told: dict[str, Any], left: str, first: bool
) -> None:
    """In part or whole, by products or an amount, under GA4's names or Segment's, whichever arrives first, sent twice;
    and not of another visitor who is told to have sent it back."""
    site = make_site(slots=SLOTS)
    buyer = await site.visit()
    now = site.now[0]
    order = {"event": "purchase", "anonymousId": buyer, "properties": BOUGHT, "timestamp": now - 200}
    back = {"event": name, "anonymousId": buyer, "properties": told, "timestamp": now - 100}
    for message in (order, back, back) if first else (back, order, back):
        assert (await site.server("/v1/track", message)).json["accepted"] == 1
    assert left in await seen(site)
    site.cookies.clear()
    other = await site.visit()
    await site.server("/v1/track", {**order, "anonymousId": other, "properties": {**BOUGHT, "order_id": "o-2"}})
    await site.server("/v1/track", {**back, "anonymousId": other})
    assert await seen(site) == "Big spender", "it was no order of theirs"


async def test_a_browser_can_send_nothing_back(make_site: Any) -> None:
    """A refund of a browser is kept as unverified and changes nothing."""
    site = make_site(slots=SLOTS)
    buyer = await site.visit()
    await site.server("/v1/track", {"event": "purchase", "anonymousId": buyer, "properties": BOUGHT})
    await site.browser("/v1/t", {"event": "refund", "properties": {"transaction_id": "o-1"}})
    assert [event.name for event in await site.events("Order Refunded", "Unverified Order Refunded")] == [
        "Unverified Order Refunded"
    ]
    assert await seen(site) == "Big spender"
