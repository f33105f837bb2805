"""PostHog's messages: what only their format says."""

from __future__ import annotations

from personalize.events.posthog import read_capture
from personalize.events.segment import Caller, Refusal, make_events

SITE = Caller(True, 1_790_000_000.0, via="posthog", keys=())


def test_the_id_before_a_sign_in_is_linked() -> None:
    """`$identify` tells the browser's id in `$anon_distinct_id`: the event is the browser's, and names the user; on
    other events the property means nothing."""
    cookie = "a" * 32
    for anonymous, visitor, ids in (
        (cookie, cookie, {"user_id": "42"}), ("0x-1", "u:42", {"anonymous_id": "0x-1"}),
    ):  # fmt: skip
        raw = {"event": "$identify", "distinct_id": "42", "properties": {"$anon_distinct_id": anonymous}}
        message = read_capture(raw, 0.0)
        assert not isinstance(message, Refusal)
        made = make_events(message, SITE)
        assert not isinstance(made, Refusal)
        (event,) = made
        assert (event.visitor, event.properties["$ids"]) == (visitor, ids)
    other = read_capture({**raw, "event": "clicked"}, 0.0)
    assert not isinstance(other, Refusal) and other.anonymous_id == "42"
