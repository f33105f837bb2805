"""PostHog's messages: what only their format says."""

from __future__ import annotations

from typing import Any

import pytest

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
        message = read_capture(raw, 0.0, 0.0)
        assert not isinstance(message, Refusal)
        made = make_events(message, SITE)
        assert not isinstance(made, Refusal)
        (event,) = made
        assert (event.visitor, event.properties["$ids"]) == (visitor, ids)
    other = read_capture({**raw, "event": "clicked"}, 0.0, 0.0)
    assert not isinstance(other, Refusal) and other.anonymous_id == "42"


@pytest.mark.parametrize("cookie", [True, False])
async def test_one_browser_stays_one_when_it_is_identified(site: Any, cookie: bool) -> None:
    """Its client then tells the user's id as `distinct_id` and its own beside it: with the cookie or without, what
    follows goes where it went before, and the user is a claim."""
    if cookie:
        await site.visit()
    before = {"event": "a", "properties": {"distinct_id": "d-1", "$device_id": "d-1", "$is_identified": False}}
    after = {"event": "b", "properties": {"distinct_id": "42", "$device_id": "d-1", "n": 1, "token": "shop"}}
    assert (await site.browser("/e/", [before, after])).json["accepted"] == 2
    first, second = await site.events("a", "b")
    assert first.visitor == second.visitor == (site.cookies["__Host-pz"].partition(".")[0] if cookie else "a:d-1")
    assert "user_id" not in first.properties.get("$ids", {})
    assert second.properties["$ids"]["user_id"] == "42"
    assert {key for key in second.properties if not key.startswith("$")} == {"n"}


async def test_any_event_may_say_something_of_its_person(site: Any) -> None:
    """`$set`, `$set_once` and `$unset`, in the properties or beside them, are traits; what PostHog's clients write down
    for themselves is none."""
    own = await site.visit()
    said = [
        {"event": "clicked", "distinct_id": own, "properties": {"$set": {"tier": "gold", "$browser": "Chrome"}}},
        {"event": "$set_once", "distinct_id": own, "$set_once": {"since": 2020, "gone": 1}},
        {"event": "$pageview", "distinct_id": own, "$set": {"b": 2}, "properties": {"$set": {"c": 3}}},
        {"event": "$set", "distinct_id": own, "properties": {"$unset": ["gone"]}},
    ]
    timed = [{**one, "timestamp": 1_789_999_000 + n} for n, one in enumerate(said)]
    assert (await site.server("/batch/", {"batch": timed})).json["accepted"] == 4
    assert len(await site.events("clicked", "User Identified")) == 5
    profile = await site.app.engine.history.load(own)
    assert profile.traits == {"tier": "gold", "since": 2020, "b": 2, "c": 3}
    assert await site.events("$set_once", "$set") == []


async def test_what_an_event_of_a_browser_says_counts_as_a_browsers_word(site: Any) -> None:
    """It does not change what a server said."""
    own = await site.visit()
    await site.server("/batch/", {"batch": [{"event": "$set", "distinct_id": own, "$set": {"tier": "silver"}}]})
    await site.browser("/e/", {"event": "x", "properties": {"$set": {"tier": "gold", "likes": "tea"}}})
    profile = await site.app.engine.history.load(own)
    assert profile.traits == {"tier": "silver", "likes": "tea"}


async def test_how_long_ago_it_was_tells_the_time(site: Any) -> None:
    """Clients in browsers tell milliseconds before the sending, whatever their clock says."""
    await site.visit()
    events = [{"event": f"at {ago}", "properties": {}, "offset": ago} for ago in (90_000, 1e300, -5, True)]
    assert (await site.browser("/e/", events)).json["accepted"] == 4
    assert [round(site.now[0] - event.time) for event in (await site.events())[-4:]] == [90, 0, 0, 0]


async def test_an_older_clients_event_counts_once(site: Any) -> None:
    """Before there was a `uuid` it told an `$insert_id`."""
    await site.visit()
    for _ in range(2):
        await site.browser("/e/", [{"event": "x", "properties": {"$insert_id": "2qxxew4lc2u55p2f"}}])
    assert len(await site.events("x")) == 1


@pytest.mark.parametrize("person", ["$company_acme", "5f8e3c1a-made-up"])
async def test_what_is_told_of_a_group_makes_no_user(site: Any, person: str) -> None:
    """The id it is told under stands for the group, or was made up for it."""
    told = {"$group_type": "company", "$group_key": "acme", "$process_person_profile": False}
    await site.server("/batch/", {"batch": [{"event": "$groupidentify", "distinct_id": person, "properties": told}]})
    (event,) = await site.events("Group Joined")
    assert (event.visitor, event.properties["group_id"]) == (f"a:{person}", "acme")
