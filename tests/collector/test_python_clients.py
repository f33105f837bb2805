"""The real, unmodified Python clients of Segment, RudderStack and PostHog send to the collector."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

ORDER = {"order_id": "o-1", "revenue": 30.5, "products": [{"product_id": "soap", "price": 30.5, "quantity": 1}]}
VISITOR = "0123456789abcdef0123456789abcdef"


def errors_of() -> tuple[list[Any], Any]:
    heard: list[Any] = []
    return heard, lambda error, batch: heard.append(error)


@pytest.mark.parametrize("gzip", [False, True])
def test_segments_client_is_understood(server: Any, write_key: str, gzip: bool) -> None:
    """segment-analytics-python: every kind of call arrives under its canonical name, plain and compressed."""
    analytics = pytest.importorskip("segment.analytics")
    heard, on_error = errors_of()
    client = analytics.Client(write_key, host=server.host, gzip=gzip, on_error=on_error, max_retries=0)
    client.identify("u1", {"plan": "gold"})
    client.track("u1", "Product Added", {"product_id": "soap", "quantity": 2})
    client.track(None, "purchase", ORDER, anonymous_id=VISITOR)
    client.page("u1", "Docs", "Pricing", {"url": "https://shop.example/pricing?token=1"})
    client.screen("u1", "App", "Home")
    client.group("u1", "g1", {"name": "Team"})
    client.alias("old", "u1")
    client.shutdown()
    assert heard == []
    events = {event.name: event for event in server.events(least=7)}
    assert events["User Identified"].properties["traits"] == {"plan": "gold"}
    assert events["Product Added"].visitor == "u:u1"
    assert events["Order Completed"].visitor == VISITOR
    assert events["Order Completed"].properties["products"] == ORDER["products"]
    assert events["Page Viewed"].properties["path"] == "/pricing"
    assert "token" not in str(events["Page Viewed"].properties)
    assert events["Screen Viewed"].properties["name"] == "Home"
    assert events["Group Joined"].properties["group_id"] == "g1"
    assert events["Identity Aliased"].properties["$ids"] == {"previous_id": "old"}


def test_segments_client_hears_of_a_wrong_key(server: Any) -> None:
    """segment-analytics-python: a wrong write key reaches on_error with the reason."""
    analytics = pytest.importorskip("segment.analytics")
    heard, on_error = errors_of()
    client = analytics.Client("not-the-key", host=server.host, on_error=on_error, max_retries=0)
    client.track("u1", "Product Added", {"product_id": "soap"})
    client.shutdown()
    assert [error.code for error in heard] == ["unauthorized"]


def test_rudderstacks_client_is_understood(server: Any, write_key: str) -> None:
    """rudder-sdk-python: its compressed batches arrive, and a time in the past is kept."""
    analytics = pytest.importorskip("rudderstack.analytics")
    heard, on_error = errors_of()
    client = analytics.Client(write_key, host=server.host, on_error=on_error)
    then = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    client.track("u1", "Order Completed", ORDER, timestamp=then)
    client.identify("u1", {"plan": "gold"})
    client.flush()
    client.join()
    assert heard == []
    events = {event.name: event for event in server.events(least=2)}
    assert events["Order Completed"].time == then.timestamp()
    assert events["User Identified"].visitor == "u:u1"


@pytest.mark.parametrize(("mode", "gzip"), [("v0", False), ("v0", True), ("v1", True)])
def test_posthogs_client_is_understood(server: Any, write_key: str, mode: str, gzip: bool) -> None:
    """posthog: captures, page views, persons and aliases arrive in both of its wire protocols."""
    posthog = pytest.importorskip("posthog")
    heard, on_error = errors_of()
    try:
        client = posthog.Posthog(write_key, host=server.host, gzip=gzip, on_error=on_error, capture_mode=mode)
    except TypeError:
        pytest.skip("this version of posthog knows one protocol")
    client.capture("view_item", distinct_id=VISITOR, properties={"items": [{"item_id": "soap"}], "$lib_x": 1})
    client.capture("$pageview", distinct_id="u1", properties={"$current_url": "https://shop.example/sale?mail=a@b"})
    client.set(distinct_id="u1", properties={"plan": "gold"})
    client.alias("old", "u1")
    client.shutdown()
    assert heard == []
    events = {event.name: event for event in server.events(least=4)}
    assert events["Product Viewed"].visitor == VISITOR
    assert events["Product Viewed"].properties["product_id"] == "soap"
    assert events["Page Viewed"].properties["path"] == "/sale"
    assert events["User Identified"].properties["traits"] == {"plan": "gold"}
    assert events["Identity Aliased"].properties["$ids"] == {"previous_id": "old"}
    assert not any(key.startswith("$lib") for key in events["Product Viewed"].properties)


def test_posthogs_client_hears_of_a_wrong_key(server: Any) -> None:
    """posthog: a wrong key reaches on_error with the reason."""
    posthog = pytest.importorskip("posthog")
    heard, on_error = errors_of()
    client = posthog.Posthog("phc_wrong", host=server.host, on_error=on_error, max_retries=0)
    client.capture("x", distinct_id="u1")
    client.shutdown()
    assert [error.status for error in heard] == [401]
