"""What consent means for events that scripts and servers tell: counting, and its withdrawal."""

from __future__ import annotations

from typing import Any

import pytest


async def test_b44_a_withdrawal_that_a_script_brings_first_is_written_down(site: Any) -> None:
    """The answer to the script takes the id cookie away, so no page could tell any more; exports hear of it."""
    visitor = await site.visit()
    site.cookies["consent"] = "denied"
    reply = await site.browser("/v1/t", {"event": "Newsletter Opened"})
    assert reply.json["accepted"] == 0 and site.cookies["__Host-pz"] == ""
    (event,) = await site.events("Consent Withdrawn")
    assert (event.visitor, event.properties) == (visitor, {"how": "consent"})
    assert not await site.events("Newsletter Opened")


async def test_who_never_had_an_id_withdraws_nothing(site: Any) -> None:
    """Somebody without a cookie, and somebody with a forged one, leave nothing in the log."""
    site.cookies["consent"] = "denied"
    await site.browser("/v1/t", {"event": "Newsletter Opened"})
    site.cookies["__Host-pz"] = "0" * 32 + ".1.abcdef"
    await site.browser("/v1/t", {"event": "Newsletter Opened"})
    assert await site.events() == []


@pytest.mark.parametrize(("consent", "counted"), [("granted", True), ("personalization_storage", False)])
async def test_analytics_storage_gates_counting_of_what_scripts_tell(site: Any, consent: str, counted: bool) -> None:
    """Without it an event serves the visitor's own profile and is marked, as a page view is."""
    site.cookies["consent"] = consent
    await site.visit()
    await site.browser("/v1/t", {"event": "Signed Up", "properties": {"counted": True}})
    (event,) = await site.events("Signed Up")
    assert event.counted is counted


CATEGORIES = {"Personal": ["personalization_storage"], "Analytics": ["analytics_storage"], "Ads": ["ad_storage"]}
SEGMENT, RUDDER = "consent", "consentManagement"


def told(how: str, **answers: Any) -> dict[str, Any]:
    """The answers in a message's context, as one of the clients writes them."""
    if how == SEGMENT:
        return {"context": {"consent": {"categoryPreferences": answers}}}
    allowed = [name for name, yes in answers.items() if yes is True]
    denied = [name for name in answers if name not in allowed]
    return {"context": {how: {"provider": "custom", "allowedConsentIds": allowed, "deniedConsentIds": denied}}}


@pytest.mark.parametrize("how", [SEGMENT, RUDDER])
@pytest.mark.parametrize("of_server", [True, False])
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"Personal": True, "Analytics": True}, [True]),
        ({"Personal": True, "Analytics": False}, [False]),
        ({"Personal": True}, [False]),
        ({"Personal": False, "Analytics": True}, []),
        ({"Analytics": True, "Ads": True}, []),
        ({"personalization_storage": True, "analytics_storage": True}, [True]),
        ({"Ads": False}, []),
        ({"C17": False}, [True]),
        ({}, [True]),
    ],
)
async def test_b44_what_clients_tell_of_consent_is_kept_to(
    make_site: Any, how: str, of_server: bool, answers: dict[str, Any], expected: list[bool]
) -> None:
    """What is absent is denied; a refused event costs itself; categories that the config does not know say nothing."""
    site = make_site(consent="granted", slots=None, categories=CATEGORIES)
    visitor = await site.visit()
    batch = [{"type": "track", "event": "Signed Up", "anonymousId": visitor, **told(how, **answers)}]
    batch.append({"type": "track", "event": "Other", "anonymousId": visitor})
    send = site.server if of_server else site.browser
    reply = (await send("/v1/batch" if of_server else "/v1/b", {"batch": batch})).json
    assert [event.counted for event in await site.events("Signed Up")] == expected
    assert len(await site.events("Other")) == 1
    if not expected:
        assert reply["refusals"] == [
            {"index": 0, "reason": "told with a consent that does not allow personalization"}
        ]


@pytest.mark.parametrize(
    "odd", ["yes", [], {"categoryPreferences": [1]}, {"categoryPreferences": {"Personal": "true"}}]
)
async def test_odd_answers_are_no_yes(make_site: Any, odd: Any) -> None:
    """Of another type they are no answers, or no yes; nothing fails."""
    site = make_site(categories=CATEGORIES)
    message = {"event": "Signed Up", "anonymousId": "x", "context": {"consent": odd, "consentManagement": odd}}
    assert (await site.server("/v1/track", message)).status == 200
    refused = isinstance(odd, dict) and isinstance(odd["categoryPreferences"], dict)
    assert len(await site.events("Signed Up")) == (0 if refused else 1)


@pytest.mark.parametrize("of_server", [True, False])
async def test_b44_consent_told_for_a_whole_batch_holds_for_each_event(make_site: Any, of_server: bool) -> None:
    """A batch may have a context of its own (Segment's batch method): an event's own answers go before it."""
    site = make_site(categories=CATEGORIES)
    visitor = await site.visit()
    no = {"consent": {"categoryPreferences": {"Personal": False}}, "page": {"path": "/all"}}
    yes = {"consent": {"categoryPreferences": {"Personal": True, "Analytics": True}}}
    common = {"type": "track", "anonymousId": visitor}
    batch = [{**common, "event": "A"}, {**common, "event": "B", "context": yes}, {**common, "event": "C", "context": 7}]
    send = site.server if of_server else site.browser
    reply = await send("/v1/batch" if of_server else "/v1/b", {"batch": batch, "context": no})
    assert (reply.json["accepted"], reply.json["refused"]) == (1, 2)
    (event,) = await site.events("A", "B", "C")
    assert (event.name, event.properties["path"], event.counted) == ("B", "/all", True)
    for odd in ("no", [], None, 7):
        reply = await send("/v1/batch" if of_server else "/v1/b", {"batch": batch[:1], "context": odd})
        assert reply.json["accepted"] == 1
