"""Whose event it is: cookies, consent, anonymous ids, and what forgers get."""

from __future__ import annotations

from typing import Any

import pytest

from personalize import sign_order

TRACK = {"event": "Product Added", "properties": {"product_id": "soap", "price": 2, "quantity": 1}}
ORDER = {"order_id": "o-1", "revenue": 30.5, "products": [{"product_id": "soap", "price": 30.5, "quantity": 1}]}


async def test_a_browsers_event_goes_to_the_visitor_of_its_cookie(site: Any) -> None:
    """Whatever ids the message claims; what it claimed is kept beside it."""
    own = await site.visit()
    await site.browser("/v1/t", {**TRACK, "userId": "somebody", "anonymousId": "f" * 32})
    (event,) = await site.events("Product Added")
    assert event.visitor == own
    assert event.properties["$ids"] == {"user_id": "somebody", "anonymous_id": "f" * 32}


async def test_the_next_page_knows_it(site: Any) -> None:
    """Events reach the profile that rules read."""
    own = await site.visit()
    await site.browser("/v1/t", TRACK)
    profile = await site.app.engine.history.load(own)
    assert profile.cart == {"soap": (1, 2.0)}


async def test_b49_a_browser_says_nothing_against_what_a_server_said(site: Any) -> None:
    """A trait from the site's server stays, whatever a script in the browser sends; one that only scripts send changes
    with them."""
    own = await site.visit()
    told = {"type": "identify", "userId": "7", "anonymousId": own, "traits": {"tier": "silver"}}
    await site.server("/v1/batch", {"batch": [told]})
    await site.browser("/v1/i", {"traits": {"tier": "gold", "likes": "tea"}})
    await site.browser("/v1/i", {"traits": {"likes": "coffee"}})
    profile = await site.app.engine.history.load(own)
    assert profile.traits == {"tier": "silver", "likes": "coffee"}


FORGED = ["{victim}", "a:{victim}", "b:{victim}", " {victim} ", "{victim}\0", "{VICTIM}"]


async def visitors_written_to(site: Any, forge: str) -> tuple[str, list[str]]:
    """A victim's id, and whose profiles a forger reaches by naming it in every way there is."""
    victim = await site.visit()
    site.cookies.clear()
    claim = forge.format(victim=victim, VICTIM=victim.upper())
    for ids in ({"anonymousId": claim}, {"userId": claim}, {"userId": claim, "anonymousId": claim}):
        for path in ("/v1/t", "/v1/b"):
            site.cookies.clear()
            await site.browser(path, {**TRACK, **ids} if path == "/v1/t" else {"batch": [{**TRACK, **ids}]})
    await site.visit()
    await site.browser("/v1/t", {**TRACK, "anonymousId": claim, "userId": claim})
    return victim, [event.visitor for event in await site.events("Product Added")]


@pytest.mark.parametrize("forge", FORGED)
async def test_nobody_writes_to_another_visitors_profile(site: Any, forge: str) -> None:
    """Not by an anonymousId or userId that equals a cookie's id, with or without a cookie of one's own."""
    victim, written = await visitors_written_to(site, forge)
    assert len(written) == 7
    assert victim not in written


@pytest.mark.parametrize(
    "wrong",
    [
        lambda message, caller: message.anonymous_id or caller.visitor,
        lambda message, caller: message.user_id or caller.visitor,
        lambda message, caller: message.anonymous_id if caller.fresh and message.anonymous_id else caller.visitor,
        lambda message, caller: f"a:{message.anonymous_id}".removeprefix("a:a:") or caller.visitor,
    ],
)
async def test_the_law_finds_planted_mistakes(site: Any, monkeypatch: Any, wrong: Any) -> None:
    """Believing a browser's ids in any of these ways is caught by one of the forgeries."""
    monkeypatch.setattr("personalize.events.segment._visitor", wrong)
    reached = [await visitors_written_to(site, forge) for forge in FORGED]
    assert any(victim in written for victim, written in reached)


@pytest.mark.parametrize("value", ["{victim}.20000.AAAA", "{victim}", "x" * 60_000, "{good}x"])
async def test_a_forged_cookie_is_a_strangers(make_site: Any, value: str) -> None:
    """It is counted, and believed nothing."""
    counted: list[str] = []

    class Heard:
        def count(self, name: str, n: int = 1) -> None:
            counted.append(name)

        def failed(self, where: str, error: BaseException) -> None: ...
        def changed(self, part: str, state: str, detail: str = "") -> None: ...

    site = make_site(observer=Heard())
    victim = await site.visit()
    site.cookies = {"__Host-pz": value.format(victim=victim, good=site.cookies["__Host-pz"])}
    await site.browser("/v1/t", TRACK)
    (event,) = await site.events("Product Added")
    assert event.visitor != victim
    assert "visitors.forged" in counted


async def test_nobody_can_use_up_anothers_message_id(site: Any) -> None:
    """Ids are told apart by who sends them, so an order that is yet to come can't be shut out."""
    await site.visit()
    for claim in ("order-77", "w:order-77", "o:77"):
        await site.browser("/v1/t", {**TRACK, "messageId": claim})
    site.cookies.clear()
    await site.visit()
    await site.browser("/v1/t", {**TRACK, "messageId": "order-77"})
    order = {"event": "Order Completed", "userId": "u", "messageId": "order-77", "properties": {"order_id": "77"}}
    await site.server("/v1/track", order)
    assert len(await site.events("Product Added")) == 4
    assert len(await site.events("Order Completed")) == 1


async def test_the_same_message_counts_once(site: Any) -> None:
    """A client that sends again after a lost answer changes nothing."""
    await site.visit()
    for _ in range(3):
        await site.browser("/v1/t", {**TRACK, "messageId": "m1"})
        await site.server("/v1/track", {**TRACK, "userId": "u", "messageId": "m1"})
    assert len(await site.events("Product Added")) == 2


# --- consent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"cookie": "consent=denied"}, {"sec-gpc": "1"}, {"user-agent": "Googlebot/2.1"}])
async def test_without_consent_nothing_is_kept(site: Any, headers: dict[str, str]) -> None:
    """The answer is a success, since the page must not mind; the log stays empty."""
    reply = await site.browser("/v1/t", {**TRACK, "anonymousId": "a1"}, headers=headers)
    assert (reply.status, reply.json["accepted"]) == (200, 0)
    assert "set-cookie" not in reply.headers
    assert await site.events() == []


async def test_withdrawn_consent_takes_the_cookie_away(make_site: Any) -> None:
    """The next event after it is thrown away, and the browser is told to forget the id."""
    site = make_site()
    await site.visit()
    before = len(await site.events())
    site.cookies["consent"] = "denied"
    reply = await site.browser("/v1/t", TRACK)
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert [event.name for event in (await site.events())[before:]] == ["Consent Withdrawn"]


async def test_a_newcomer_gets_a_cookie_only_if_it_is_used(site: Any) -> None:
    """With an anonymousId the events go to that name, and no second id is made."""
    reply = await site.browser("/v1/t", {**TRACK, "anonymousId": "a1"})
    assert "set-cookie" not in reply.headers
    reply = await site.browser("/v1/t", TRACK)
    assert "HttpOnly" in reply.headers["set-cookie"]
    first, second = await site.events("Product Added")
    assert first.visitor == "a:a1"
    assert second.visitor == site.cookies["__Host-pz"].partition(".")[0]


# --- orders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Order Completed", "purchase", "order_completed", "ORDER  COMPLETED", "Completed Order"]
)
async def test_a_browsers_word_is_no_order(site: Any, name: str) -> None:
    """However it is written: it is kept as unverified, and neither orders nor cart change."""
    own = await site.visit()
    await site.browser("/v1/t", TRACK)
    await site.browser("/v1/t", {"event": name, "properties": ORDER})
    (event,) = await site.events("Unverified Order Completed")
    assert event.visitor == own
    profile = await site.app.engine.history.load(own)
    assert profile.orders == [] and profile.cart


async def test_a_signed_order_counts_once_for_the_visitor_who_sends_it(site: Any) -> None:
    """What was signed counts, and nothing that was written beside it."""
    own = await site.visit()
    signed = sign_order(ORDER)
    lie = {"revenue": 9_999, "order_id": "o-2", "signed": signed}
    for message in ("m1", "m2"):
        await site.browser("/v1/t", {"event": "Order Completed", "messageId": message, "properties": lie})
    (event,) = await site.events("Order Completed")
    assert event.visitor == own
    assert event.properties["revenue"] == 30.5 and event.properties["order_id"] == "o-1"
    profile = await site.app.engine.history.load(own)
    assert [(revenue, items) for _, revenue, items in profile.orders] == [(30.5, ("soap",))]


@pytest.mark.parametrize("change", ["key", "text", "cut", "none"])
async def test_a_wrongly_signed_order_does_not_count(site: Any, change: str) -> None:
    """Signed with another key, altered, cut off or of another type."""
    await site.visit()
    good = sign_order(ORDER)
    signed: Any = {
        "key": sign_order(ORDER, "no-key-of-this-site"), "text": "A" + good[1:], "cut": good[:-1], "none": ["x"],
    }[change]  # fmt: skip
    await site.browser("/v1/t", {"event": "Order Completed", "properties": {**ORDER, "signed": signed}})
    assert await site.events("Order Completed") == []
    assert len(await site.events("Unverified Order Completed")) == 1


async def test_an_order_from_server_and_browser_counts_once(site: Any) -> None:
    """By its order_id, whichever comes first."""
    await site.visit()
    await site.browser("/v1/t", {"event": "Order Completed", "properties": {"signed": sign_order(ORDER)}})
    await site.server("/v1/track", {"event": "Order Completed", "userId": "u1", "properties": ORDER})
    assert len(await site.events("Order Completed")) == 1


# --- what only the middleware says -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Experience Viewed", "Segment Entered", "User Identified", "Visitor Erased"])
async def test_browsers_cannot_say_what_the_middleware_says(site: Any, name: str) -> None:
    """A forged exposure would change caps and reports."""
    await site.visit()
    before = await site.events(name)
    forged = {"slot": "hero", "experience": "sale", "segment": "vip", "traits": {"vip": True}}
    reply = await site.browser("/v1/t", {"event": name, "properties": forged})
    assert reply.json["refusals"][0]["reason"] == "a name that only the middleware uses"
    assert await site.events(name) == before


@pytest.mark.parametrize("message", [{"type": "page"}, {"type": "track", "event": "page_view"}])
async def test_a_page_view_cannot_carry_exposures(site: Any, message: dict[str, Any]) -> None:
    """Neither from a browser nor from a server."""
    forged = {"path": "/x", "shown": [{"slot": "hero", "experience": "sale"}], "$via": "server", "$ids": {"a": "b"}}
    await site.browser("/v1/b", {"batch": [{**message, "properties": forged}]})
    await site.server("/v1/batch", {"batch": [{**message, "userId": "u", "properties": forged}]})
    for event, via in zip(await site.events("Page Viewed"), ("browser", "server"), strict=True):
        assert event.properties == {"path": "/x", "$via": via}


async def test_traits_from_a_browser_say_so(site: Any) -> None:
    """Their provenance is the browser, whatever the message claims."""
    own = await site.visit()
    await site.browser("/v1/i", {"traits": {"plan": "gold"}, "context": {"provenance": {"source": "crm"}}})
    profile = await site.app.engine.history.load(own)
    assert profile.traits == {"plan": "gold"}
    assert (profile.provenance["plan"].party, profile.provenance["plan"].source) == ("first", "browser")


async def test_page_views_that_the_middleware_recorded_are_not_counted_twice(site: Any) -> None:
    """On a path with slots the page itself was counted; elsewhere the browser's word is the only one."""
    await site.visit()
    await site.browser("/v1/p", {"properties": {"path": "/"}})
    await site.browser("/v1/p", {"properties": {"path": "/docs"}})
    assert [event.properties["path"] for event in await site.events("Page Viewed")] == ["/", "/docs"]


@pytest.mark.parametrize("told", ["sentAt", "nothing"])
async def test_b07_a_slow_clock_puts_nobodys_events_on_the_one_before(site: Any, told: str) -> None:
    """A server's clock is 30 s slow. Right after one user signed out another signs in at the same browser: what they do
    is theirs where the server says when it sent it, and else nobody's until its clock is beyond the sign-out."""
    own = await site.visit()

    async def tell(name: str, user: str, **more: Any) -> None:
        slow = site.now[0] - 30
        event = {"type": "track", "event": name, "userId": user, "anonymousId": own, "timestamp": slow}
        event["properties"] = more
        await site.server("/v1/batch", {"batch": [event]} | ({"sentAt": slow} if told == "sentAt" else {}))

    async def viewed(user: str) -> list[str]:
        return [item for _, item, _ in (await site.app.engine.history.load(user)).views if item]

    await tell("Signed In", "7")
    site.now[0] += 100
    await tell("Product Viewed", "7", product_id="p7")
    site.now[0] += 100
    await site.browser("/v1/t", {"event": "Signed Out"})
    site.now[0] += 10
    await tell("Signed In", "8")
    await tell("Product Viewed", "8", product_id="soon")
    site.now[0] += 60
    await tell("Product Viewed", "8", product_id="later")
    assert await viewed("u:7") == ["p7"]
    assert await viewed("u:8") == (["soon", "later"] if told == "sentAt" else ["later"])
    assert await viewed(own) == await viewed("u:8")


async def test_history_of_more_than_a_day_is_whose_it_was(site: Any) -> None:
    """What a server tells of long before a sign-out, without saying when it sent it, counts for who it was then."""
    own = await site.visit()
    site.now[0] += 10
    day, now = 86_400, site.now[0]
    for name, time in (("Signed In", now - 9 * day), ("Signed Out", now - 5 * day), ("Product Viewed", now - 7 * day)):
        event = {"type": "track", "event": name, "anonymousId": own, "timestamp": time, "properties": {"sku": "p"}}
        if name == "Signed In":
            event["userId"] = "7"
        await site.server("/v1/batch", {"batch": [event]})
    assert [item for _, item, _ in (await site.app.engine.history.load("u:7")).views if item] == ["p"]
