"""Why, and what: decisions told to those who run the site, to apps and single pages, and to OpenFeature."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import Any

import pytest

from personalize.testing import Response, call
from personalize.visitor import Preview

KEY = "a-write-key"
SITE = """
version: 1
timezone: Europe/Istanbul
store: memory
site: {geo_headers: [CF-IPCountry]}
parts:
  headlines: {gold: Gold for you}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    template: hero.html
    experiences:
      - {id: gold, when: {custom.tier: gold}, show: {parts: {headline: headlines.gold}}, why: You have a gold card.}
      - {id: small, when: {device.type: mobile}, show: {html: "<h1>Small</h1>"}}
      - id: split
        when: {country: TR}
        experiment:
          key: colours
          variants:
            - {id: red, show: {html: "<h1>Red</h1>"}}
            - {id: blue, show: {html: "<h1>Blue</h1>"}}
  side:
    match: {path: "/p/{product}", element: "[data-slot=side]"}
    experiences:
      - {id: one, when: {params.product: p1}, show: {html: "<p>One</p>"}}
"""
TEMPLATES = {"hero.html": "<h1>{{ headline }}</h1>"}


@pytest.fixture
async def app(site: Any, monkeypatch: Any) -> Any:
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    return await site(SITE, TEMPLATES)


async def ask(app: Any, path: str, body: Any = None, query: str = "", **headers: str) -> tuple[int, Any, Response]:
    """POST where there is a body, else GET; the status, the JSON, and the response."""
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    text = b"" if body is None else json.dumps(body).encode()
    response = await call(
        app,
        f"/_personalize{path}",
        method="GET" if body is None else "POST",
        query=query.encode(),
        headers=sent,
        body=text,
        scheme="https",
        host="shop.example",
    )
    return response.status, json.loads(response.body) if response.body else None, response


async def server(app: Any, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    status, told, _ = await ask(app, path, body, authorization=f"Bearer {KEY}", **headers)
    return status, told


# --- why -----------------------------------------------------------------------------------------------


async def test_b35_a_page_says_in_its_header_why_to_who_holds_a_token(app: Any, browser: Any, clock: Any) -> None:
    """The request's own visitor, with a signed token in the header: the page is as ever, and says why; without a token,
    or with a wrong one, it does not."""
    token = app.engine.previews.make(Preview(), clock.now, 60).encode()
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
    visitor = browser(app, agent=agent)
    plain = await visitor.get()
    assert b"x-personalize-explain" not in dict(plain.headers)
    asked = await visitor.get(headers=((b"x-personalize-explain", token),))
    assert asked.body == plain.body and b"Small" in asked.body
    told = json.loads(dict(asked.headers)[b"x-personalize-explain"])
    assert told == {"slots": [{"slot": "hero", "experience": "small", "reason": "experience"}]}
    refused = await visitor.get(headers=((b"x-personalize-explain", token + b"x"),))
    assert b"x-personalize-explain" not in dict(refused.headers) and refused.body == plain.body


async def test_b35_the_whole_record_is_json_behind_a_token(app: Any, clock: Any, stored: Any) -> None:
    """/v1/explain gives every experience and gate with what it saw, as the preview says; nothing is recorded."""
    token = app.engine.previews.make(Preview(device="mobile"), clock.now, 60)
    status, told, response = await ask(app, "/v1/explain", query=f"url=/&personalize_preview={token}")
    assert status == 200 and dict(response.headers)[b"cache-control"] == b"private, no-store"
    (hero,) = told["slots"]
    assert (hero["experience"], hero["reason"]) == ("small", "experience")
    gold = next(step for step in hero["steps"]["inner"] if step["what"] == "experience gold")
    assert not gold["held"] and "custom.tier" in json.dumps(gold)
    status, told, _ = await ask(
        app, "/v1/explain", query="url=/", x_personalize_explain=token, cookie="consent=granted"
    )
    assert status == 200 and told["slots"][0]["experience"] is None, "the caller's own device"
    assert await stored(app, "Page Viewed") == []


@pytest.mark.parametrize("query", ["url=/", "url=/&personalize_preview=", "url=/&personalize_preview=abc.def.ghi"])
async def test_b49_reasons_are_told_to_nobody_without_a_token(app: Any, query: str) -> None:
    """Without a valid token it is 403, and nothing about the config is in the answer."""
    status, told, _ = await ask(app, "/v1/explain", query=query)
    assert status == 403 and "hero" not in json.dumps(told)


# --- decide --------------------------------------------------------------------------------------------


async def test_b33_a_server_asks_for_a_visitor_by_id_and_attributes(app: Any, stored: Any) -> None:
    """With a write key: id, attributes, consent and headers as given; the plan with content and parts comes back, and
    asking is no exposure."""
    asked = {"userId": "ann", "attributes": {"tier": "gold"}, "consent": "granted", "url": "https://shop.example/?x=1"}
    status, told = await server(app, "/v1/decide", asked)
    assert status == 200 and told["visitor"] == "u:ann" and told["recorded"] is False
    assert told["slots"] == [
        {
            "slot": "hero", "experience": "gold", "variant": None, "levels": {}, "experiment": None, "held": False,
            "reason": "experience", "why": "You have a gold card.", "html": "<h1>Gold for you</h1>", "state": "inline",
            "parts": {"headline": "Gold for you"},
        }
    ]  # fmt: skip
    assert await stored(app, "Experience Viewed") == []
    iphone = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604.1"}
    _, told = await server(app, "/v1/decide", {**asked, "attributes": {}, "headers": iphone})
    assert told["slots"][0]["html"] == "<h1>Small</h1>"
    _, told = await server(app, "/v1/decide", {**asked, "url": "/p/p1"})
    assert [slot["html"] for slot in told["slots"]] == ["<p>One</p>"]
    _, told = await server(app, "/v1/decide", {**asked, "consent": "denied"})
    assert told["slots"][0]["reason"] == "consent" and told["visitor"] is None


async def test_b33_an_exposure_is_recorded_on_request_only(app: Any, stored: Any) -> None:
    """`record: true` writes one exposure per slot that shows an experience, as a page would have; it then counts."""
    asked = {"userId": "ann", "attributes": {"tier": "gold"}, "consent": "granted", "record": True, "url": "/"}
    _, told = await server(app, "/v1/decide", asked)
    assert told["recorded"] is True
    (event,) = await stored(app, "Experience Viewed")
    assert event.visitor == "u:ann" and event.properties["experience"] == "gold"
    profile = await app.watcher.history.profiles.load("u:ann")
    assert list(profile.exposures) == ["hero/gold"]
    await server(app, "/v1/decide", {**asked, "consent": ["personalization_storage"]})
    assert [e.counted for e in await stored(app, "Experience Viewed")] == [True, False]


async def test_b33_a_single_page_app_is_known_by_its_cookie_alone(app: Any, browser: Any) -> None:
    """Without a key: the signed cookie and the consent cookie count, and nothing that the body says of the visitor."""
    body = {"url": "/", "userId": "ann", "attributes": {"tier": "gold"}, "consent": "granted"}
    status, told, response = await ask(app, "/v1/decide", body, cookie="consent=denied")
    assert status == 200 and told["slots"][0]["reason"] == "consent"
    status, told, response = await ask(app, "/v1/decide", body, cookie="consent=granted", cf_ipcountry="TR")
    assert told["slots"][0]["experience"] != "gold" and told["visitor"] is None
    assert b"set-cookie" not in dict(response.headers), "nothing was recorded of the newcomer"
    visitor = browser(app)
    await visitor.get()
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    first = await ask(app, "/v1/decide", {**body, "record": True}, cookie=cookie, sec_fetch_site="same-origin")
    assert first[0] == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({}, {"authorization": "Bearer wrong"}, 401),
        ({"userId": "a"}, {"authorization": f"Bearer {KEY}", "origin": "https://shop.example"}, 401),
        ({}, {"sec_fetch_site": "cross-site"}, 403),
        ({}, {"authorization": f"Bearer {KEY}"}, 400),
        ({"userId": ["x"]}, {"authorization": f"Bearer {KEY}"}, 400),
        ({"userId": "a", "consent": ["cookies"]}, {"authorization": f"Bearer {KEY}"}, 400),
        ([1], {}, 400),
        ({"url": "http://[broken"}, {}, 400),
        (None, {}, 405),
    ],
)
async def test_b49_what_is_wrong_is_refused(app: Any, body: Any, headers: dict[str, str], status: int) -> None:
    """A wrong key, a key in a browser, another site's page, nobody, too much, and what cannot be read."""
    got, told, _ = await ask(app, "/v1/decide", body, **headers)
    assert got == status and told["success"] is False


# --- OpenFeature ---------------------------------------------------------------------------------------


async def test_b40_flags_are_slots_experiences_and_experiments(app: Any) -> None:
    """One evaluation for each kind of flag; where nothing is shown there is no value, so the code's default counts."""
    context = {"targetingKey": "ann", "consent": "granted", "headers": {"cf-ipcountry": "TR"}, "tier": "none"}
    status, told = await server(app, "/ofrep/v1/evaluate/flags", {"context": context})
    by_key = {flag["key"]: flag for flag in told["flags"]}
    assert status == 200 and by_key.keys() == {
        "hero",
        "hero.headline",
        "hero/gold",
        "hero/small",
        "hero/split",
        "colours",
        "side",
        "side/one",
    }
    assert by_key["hero"]["value"] == "split" and by_key["hero/split"]["value"] is True
    assert by_key["colours"]["value"] in ("red", "blue") and by_key["colours"]["reason"] == "SPLIT"
    assert "value" not in by_key["side"] and by_key["side"]["reason"] == "DEFAULT"
    status, one = await server(app, "/ofrep/v1/evaluate/flags/colours", {"context": context})
    assert status == 200 and one == by_key["colours"], "the same visitor gets the same variant"
    status, missing = await server(app, "/ofrep/v1/evaluate/flags/colour", {"context": context})
    assert (status, missing["errorCode"], missing["key"]) == (404, "FLAG_NOT_FOUND", "colour")
    status, nobody = await server(app, "/ofrep/v1/evaluate/flags/colours", {"context": {}})
    assert (status, nobody["errorCode"]) == (400, "TARGETING_KEY_MISSING")
    assert "targetingKey" in nobody["errorDetails"], "in OpenFeature's own word"


async def test_b40_all_flags_carry_a_tag_that_saves_the_second_answer(app: Any) -> None:
    """A client that sends the tag back gets 304 while nothing changed."""
    body = {"context": {"targetingKey": "ann", "consent": "granted"}}
    _, _, first = await ask(app, "/ofrep/v1/evaluate/flags", body, x_api_key=KEY)
    tag = dict(first.headers)[b"etag"].decode()
    status, nothing, _ = await ask(app, "/ofrep/v1/evaluate/flags", body, x_api_key=KEY, if_none_match=tag)
    assert (status, nothing) == (304, None)
    changed = {"context": {**body["context"], "tier": "gold"}}
    assert (await ask(app, "/ofrep/v1/evaluate/flags", changed, x_api_key=KEY, if_none_match=tag))[0] == 200


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The app behind a real server on loopback."""
    uvicorn = pytest.importorskip("uvicorn")
    with closing(socket.socket()) as port:
        port.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[port])), daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.02)
        try:
            yield f"http://127.0.0.1:{port.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


async def test_b40_the_real_openfeature_client_reads_them(tmp_path: Any, monkeypatch: Any) -> None:
    """openfeature-sdk with its OFREP provider: a string, a boolean, the default, an unknown flag, a wrong key."""
    api = pytest.importorskip("openfeature.api")
    ofrep = pytest.importorskip("openfeature.contrib.provider.ofrep")
    context_of = pytest.importorskip("openfeature.evaluation_context").EvaluationContext
    from personalize import PersonalizeMiddleware

    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "hero.html").write_text(TEMPLATES["hero.html"])
    (tmp_path / "personalize.yaml").write_text(SITE)

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})

    def evaluate(url: str) -> None:
        api.set_provider(
            ofrep.OFREPProvider(f"{url}/_personalize", headers_factory=lambda: {"Authorization": f"Bearer {KEY}"})
        )
        client = api.get_client()
        gold = context_of("ann", {"tier": "gold", "consent": "granted"})
        told = client.get_string_details("hero", "nothing", gold)
        assert (told.value, str(told.reason)) == ("gold", "TARGETING_MATCH")
        assert client.get_boolean_value("hero/gold", False, gold) is True
        turkish = context_of("ann", {"consent": "granted", "headers": {"cf-ipcountry": "TR"}})
        split = client.get_string_details("colours", "none", turkish)
        assert split.value in ("red", "blue") and split.variant == split.value and str(split.reason) == "SPLIT"
        assert client.get_string_value("colours", "none", gold) == "none"
        assert str(client.get_string_details("nowhere", "x", gold).error_code) in (
            "FLAG_NOT_FOUND",
            "ErrorCode.FLAG_NOT_FOUND",
        )
        api.set_provider(ofrep.OFREPProvider(f"{url}/_personalize", headers_factory=lambda: {"X-API-Key": "wrong"}))
        assert api.get_client().get_string_details("hero", "x", gold).error_message == "unauthorized"

    with serving(PersonalizeMiddleware(nothing, tmp_path / "personalize.yaml")) as url:
        await asyncio.to_thread(evaluate, url)
