"""The usual message, read in one go, is what it is when it is read with care."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.events.plain import is_plain
from personalize.events.segment import Caller, make_events, read_message
from personalize.events.usual import usual_event
from personalize.model import Event

NOW = 1_750_000_000.0
ODD: Any = st.sampled_from(
    [None, "", " ", 0, 7, 1.5, True, [], {}, {"a": 1}, "x" * 300, "\0", "\ud800", "ü", "a\nb", 10**30, "12,50"]
)
NAMES = st.sampled_from(
    ["Product Viewed", "view_item", "Order Completed", "Order Seen", "Unverified Order Completed", "purchase",
     "page_view", "Visitor Erased", "Experience Viewed", "The Site's Own", " spaced ", "Experience Paused"]
)  # fmt: skip
KEYS = [
    "product_id",
    "item_id",
    "price",
    "value",
    "products",
    "order_id",
    "shown",
    "$via",
    "$ids",
    "k" * 201,
    "\0",
    "ü",
]
VALUES = ["p1", 9.9, 3, True, None, float("inf"), "4.5", {"deep": {"er": [1]}}, {"x": "y"}, [1, "2"]]
PROPERTIES = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES) | ODD, max_size=4)
MESSAGES = st.fixed_dictionaries(
    {"type": st.just("track") | st.sampled_from(["t", "page", "identify", None]), "userId": st.just("u-1") | ODD},
    optional={
        "event": NAMES | ODD,
        "messageId": st.just("m-1") | ODD,
        "properties": PROPERTIES | ODD,
        "anonymousId": st.just("a-1") | ODD,
        "sentAt": st.just("2025-06-15T12:00:00Z"),
        "timestamp": st.sampled_from(["2025-06-15T12:00:00.5+00:00", "2025-06-15", "1750000000", 1, "never", None]),
        "originalTimestamp": st.just("2025-06-14T12:00:00Z") | ODD,
        "traits": ODD,
        "context": st.fixed_dictionaries(
            {},
            optional={
                "library": st.just({"name": "x"}),
                "page": st.just({"path": "/p"}) | ODD,
                "consent": st.just({"categoryPreferences": {"a": True}}) | ODD,
                "consentManagement": ODD,
                "provenance": ODD,
            },
        )
        | ODD,
    },
)


def agree(raw: dict[str, Any], caller: Caller, usual: Any = usual_event) -> bool:
    """The law."""
    made = usual(raw, 2.0, caller)
    if made is None:
        return True
    message = read_message(raw, None, 2.0, NOW)
    return not isinstance(message, str) and make_events(message, caller) == [made]


@given(MESSAGES, st.booleans())
def test_both_ways_come_to_the_same(raw: dict[str, Any], trusted: bool) -> None:
    """Where the short one comes to anything; it is for callers with a write key alone."""
    caller = Caller(trusted, NOW, visitor="v1")
    assert agree(raw, caller)
    assert trusted or usual_event(raw, 2.0, caller) is None


def test_the_usual_one_is_read_in_one_go() -> None:
    """As Segment's client for Python sends it."""
    raw = {
        "type": "track", "event": "Product Viewed", "userId": "u-1", "messageId": "m-1", "integrations": {},
        "timestamp": "2025-06-15T12:00:00.000+00:00", "context": {"library": {"name": "analytics-python"}},
        "properties": {"product_id": "p1", "price": 9.9},
    }  # fmt: skip
    made = usual_event(raw, 0.0, Caller(True, NOW))
    properties = {"product_id": "p1", "price": 9.9, "$via": "server"}
    assert made == Event("w:m-1", "Product Viewed", 1_749_988_800.0, "u:u-1", properties)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("anonymousId", "a-1"),
        ("properties", {"item_id": "p1"}),
        ("context", {"page": {"path": "/p"}}),
        ("event", "Order Seen"),
    ],
)
def test_a_careless_reading_is_caught(key: str, value: Any) -> None:
    """Planted: it looks at nothing but what it needs."""

    def careless(raw: dict[str, Any], skew: float, caller: Caller) -> Event:
        properties = {**raw["properties"], "$via": caller.via}
        return Event("w:m-1", raw["event"], NOW, "u:u-1", properties)

    raw = {
        "type": "track",
        "event": "Product Viewed",
        "userId": "u-1",
        "messageId": "m-1",
        "properties": {"value": "12,50"},
    }
    raw |= {key: value}
    assert not agree(raw, Caller(True, NOW), careless)


@given(MESSAGES)
def test_what_is_said_to_be_plain_is(raw: dict[str, Any]) -> None:
    """Each event that comes out of a message is spared the look that others are given; it would pass."""
    message = read_message(raw, None, 0.0, NOW)
    made = [] if isinstance(message, str) else make_events(message, Caller(True, NOW))
    for event in made if isinstance(made, list) else ():
        assert event.plain
        told = Event(event.id, event.name, event.time, event.visitor, event.properties)
        assert is_plain(told) or not (event.id + event.name + event.visitor).isascii()
