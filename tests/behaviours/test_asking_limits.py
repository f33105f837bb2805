"""The doors that hand out decisions, asked too much, too big and by other clients of OpenFeature."""

from __future__ import annotations

import json
from typing import Any

import pytest

from personalize.testing import Response, call

KEY = "a-write-key"
SITE = """
version: 1
store: memory
site: {limits: {server: 1, visitor: 0.5, address: 0.2}}
parts:
  offers: {star: {kind: challenge, points: 50}}
slots:
  hero:
    match: {path: "/"}
    template: hero.html
    experiences:
      - id: gold
        when: {custom.tier: gold}
        show: {parts: {headline: Gold, offer: offers.star}, vars: {points: 50, share: 0.5, big: true}}
  side:
    match: {path: "/"}
    experiences: [{id: one, when: {custom.account.seats: {gte: 10}}, show: {html: one}}]
"""
FOR_FANS = """
version: 1
store: memory
slots:
  hero: {match: {path: "/"}, experiences: [{id: fan, when: {traits.tier: gold}, show: {html: fan}}]}
"""
FLAGS = "/ofrep/v1/evaluate/flags"
ANN = {"targetingKey": "ann", "consent": "granted"}


@pytest.fixture
async def app(site: Any, monkeypatch: Any) -> Any:
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    return await site(SITE, {"hero.html": "<h1>{{ headline }}</h1>"})


@pytest.fixture
async def roomy(site: Any, monkeypatch: Any) -> Any:
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    return await site(FOR_FANS)


async def ask(app: Any, path: str, body: Any, key: str | None = KEY, **headers: str) -> Response:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if key is not None:
        sent.append((b"x-api-key", key.encode()))
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    place = {"scheme": "https", "host": "shop.example"}
    return await call(app, f"/_personalize{path}", method="POST", headers=sent, body=text, **place)


# --- too much ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/decide", FLAGS, f"{FLAGS}/hero"])
async def test_b49_who_asks_too_much_is_told_when_to_come_back(app: Any, clock: Any, path: str) -> None:
    """Ten seconds' worth may come at once; then 429 with Retry-After, in the protocol's own words, until that time."""
    body = {"userId": "ann", "context": ANN}
    answers = [await ask(app, path, body) for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert dict(answers[-1].headers)[b"retry-after"] == b"1"
    told = json.loads(answers[-1].body)
    if path == "/v1/decide":
        assert told["code"] == "too_many"
    else:
        assert told["errorCode"] == "GENERAL" and told.get("key") == (None if path == FLAGS else "hero")
    clock.now += 1
    assert (await ask(app, path, body)).status == 200


async def test_b49_one_caller_has_one_bucket_at_all_doors(app: Any) -> None:
    """Events, decisions and flags of one write key are counted together, and apart from everybody else's."""
    event = {"userId": "ann", "event": "Looked"}
    for _ in range(4):
        assert (await ask(app, "/v1/track", event, None, authorization=f"Bearer {KEY}")).status == 200
        assert (await ask(app, "/v1/decide", {"userId": "ann"})).status == 200
    assert (await ask(app, FLAGS, {"context": ANN})).status == 200
    assert (await ask(app, "/v1/decide", {"userId": "ann"})).status == 200
    assert (await ask(app, "/v1/track", event, None, authorization=f"Bearer {KEY}")).status == 429
    assert (await ask(app, "/v1/decide", {}, None)).status == 200, "a browser is somebody else"


async def test_b49_browsers_pay_by_their_cookie_and_strangers_by_their_address(app: Any, browser: Any) -> None:
    """Without a cookie the address pays, also for keys that are wrong; a known visitor has a bucket of their own."""
    visitor = browser(app)
    await visitor.get()
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    assert (await ask(app, "/v1/decide", {}, "wrong")).status == 401
    assert (await ask(app, "/v1/decide", {}, None)).status == 200
    assert (await ask(app, "/v1/decide", {}, None)).status == 429
    assert (await ask(app, "/v1/decide", {}, "wrong")).status == 429
    known = [(await ask(app, "/v1/decide", {}, None, cookie=cookie)).status for _ in range(6)]
    assert known == [200] * 5 + [429]


@pytest.mark.parametrize("path", ["/v1/decide", f"{FLAGS}/hero"])
@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b'{"a":"' + b"x" * 33_000 + b'"}', {}, 413, ("too_large", "GENERAL")),
        (b"{}", {"content_length": "1000000"}, 413, ("too_large", "GENERAL")),
        (b"[" * 5_000, {}, 400, ("too_deep", "PARSE_ERROR")),
        (b"not json", {}, 400, ("bad_json", "PARSE_ERROR")),
        (b"\xff\xfe", {}, 400, ("bad_json", "PARSE_ERROR")),
        (b"{}", {"content_encoding": "gzip"}, 400, ("bad_encoding", "PARSE_ERROR")),
        (b"{}", {"content_encoding": "br"}, 415, ("unsupported_encoding", "GENERAL")),
    ],
)
async def test_b49_what_is_too_big_or_cannot_be_read_is_refused(
    app: Any, path: str, body: bytes, headers: dict[str, str], status: int, code: tuple[str, str]
) -> None:
    """A body is as long as an event at most; what fails names the flag that was asked for, as OFREP wants it."""
    answer = await ask(app, path, body, **headers)
    told = json.loads(answer.body)
    assert answer.status == status
    if path == "/v1/decide":
        assert told["code"] == code[0]
    else:
        assert (told["errorCode"], told["key"]) == (code[1], "hero") and told["errorDetails"]


# --- what clients of OpenFeature send, and what they take ----------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"context": {}}, 400, "TARGETING_KEY_MISSING"),
        ({}, 400, "TARGETING_KEY_MISSING"),
        (b"", 400, "TARGETING_KEY_MISSING"),
        ({"context": None}, 400, "TARGETING_KEY_MISSING"),  # Go's client without a context
        ({"context": []}, 400, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": ["a"]}}, 400, "INVALID_CONTEXT"),
        ({"context": {**ANN, "consent": 7}}, 400, "INVALID_CONTEXT"),
        ({"context": {**ANN, "url": "http://[broken"}}, 400, "INVALID_CONTEXT"),
        ({"context": {**ANN, "targetingKey": 7}}, 200, None),
    ],
)
async def test_b40_errors_are_the_protocols_own(app: Any, body: Any, status: int, code: str | None) -> None:
    """One flag and all flags: the status and errorCode of the protocol's OpenAPI; for one flag the key is named."""
    one, all_flags = await ask(app, f"{FLAGS}/hero", body), await ask(app, FLAGS, body)
    assert (one.status, all_flags.status) == (status, status)
    if code is not None:
        told, of_all = json.loads(one.body), json.loads(all_flags.body)
        assert (told["errorCode"], told["key"]) == (code, "hero")
        assert of_all["errorCode"] == code and "key" not in of_all


async def test_b40_values_have_types(app: Any) -> None:
    """A text, a number, true, an object: each as the config has it, in the shape that the protocol's OpenAPI says."""
    context = {**ANN, "tier": "gold"}
    told = json.loads((await ask(app, FLAGS, {"context": context})).body)["flags"]
    values = {flag["key"]: flag["value"] for flag in told if "value" in flag}
    assert values == {
        "hero": "gold", "hero/gold": True, "hero.headline": "Gold", "hero.offer": {"kind": "challenge", "points": 50},
        "hero.points": 50, "hero.share": 0.5, "hero.big": True, "side/one": False,
    }  # fmt: skip
    for flag in told:
        assert isinstance(flag["key"], str) and isinstance(flag["variant"], str)
        assert flag["reason"] in ("TARGETING_MATCH", "SPLIT", "DEFAULT")
        assert all(isinstance(value, str | bool | int | float) for value in flag["metadata"].values())
    nothing = json.loads((await ask(app, f"{FLAGS}/hero.points", {"context": ANN})).body)
    assert "value" not in nothing and nothing["reason"] == "DEFAULT", "the default in the code counts"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
async def test_b40_nested_contexts_and_any_content_type_are_read(app: Any, content_type: str) -> None:
    """JavaScript's clients add a charset, others name no type; nested values are there to conditions as custom.*."""
    context = {**ANN, "account": {"seats": 12}}
    told = json.loads((await ask(app, f"{FLAGS}/side", {"context": context}, content_type=content_type)).body)
    assert told["value"] == "one"


async def test_b40_a_key_may_hold_anything(app: Any) -> None:
    """A key is the rest of the path, decoded: with a slash, as Python's client sends it; one that is nothing is told
    back as it came."""
    told = await ask(app, f"{FLAGS}/hero/gold", {"context": {**ANN, "tier": "gold"}})
    assert json.loads(told.body)["value"] is True
    for odd in ("çok özel", "a b", "a?b", "..", "hero/", "<script>"):
        answer = await ask(app, f"{FLAGS}/{odd}", {"context": ANN})
        assert answer.status == 404 and dict(answer.headers)[b"content-type"] == b"application/json"
        assert json.loads(answer.body)["errorCode"] == "FLAG_NOT_FOUND"
        assert json.loads(answer.body)["key"] == odd


@pytest.mark.parametrize("told", ["{tag}", "W/{tag}", '"other", {tag}', '"other",W/{tag}', "*"])
async def test_b40_a_tag_is_compared_as_http_says(app: Any, told: str) -> None:
    """One of a list, weakened by a proxy, or any: 304 without a body."""
    first = await ask(app, FLAGS, {"context": ANN})
    tag = dict(first.headers)[b"etag"].decode()
    again = await ask(app, FLAGS, {"context": ANN}, if_none_match=told.format(tag=tag))
    assert (again.status, again.body, dict(again.headers)[b"etag"].decode()) == (304, b"", tag)
    other = await ask(app, FLAGS, {"context": {**ANN, "tier": "gold"}}, if_none_match=tag)
    assert other.status == 200


async def test_b49_other_origins_get_no_permission(app: Any) -> None:
    """A page of another site is refused, and a preflight allows it nothing: it asks its own server."""
    refused = await ask(app, FLAGS, {"context": ANN}, None, origin="https://elsewhere.example")
    assert refused.status == 403
    preflight = await call(
        app, f"/_personalize{FLAGS}", method="OPTIONS", headers=[(b"origin", b"https://elsewhere.example")]
    )
    assert preflight.status == 405 and dict(preflight.headers)[b"allow"] == b"POST"
    for answer in (refused, preflight):
        assert not any(name.startswith(b"access-control-") for name, _ in answer.headers)


async def test_b40_a_browsers_client_is_known_by_its_cookie(app: Any, browser: Any) -> None:
    """The web provider on the site's own pages sends a context of its choice; its cookie says who it is."""
    context = {"targetingKey": "somebody-else", "tier": "gold"}
    told = await ask(app, FLAGS, {"context": context}, None, cookie="consent=granted", origin="https://shop.example")
    by_key = {flag["key"]: flag for flag in json.loads(told.body)["flags"]}
    assert told.status == 200 and "value" not in by_key["hero"], "attributes from a browser are not believed"


async def test_b33_what_the_site_says_of_its_own_request_counts(app: Any) -> None:
    """Attributes that the site's own code put into the scope are its word, for a decision of a browser too."""

    async def site(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "personalize.attributes": {"tier": "gold"}}, receive, send)

    told = await ask(site, "/v1/decide", {"url": "/", "attributes": {"tier": "none"}}, None, cookie="consent=granted")
    assert json.loads(told.body)["slots"][0]["experience"] == "gold"


# --- misspelt ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("url", 5, "url is a text"),
        ("slots", "hero", "slots is a list"),
        ("record", "yes", "record is true or false"),
        ("headers", ["user-agent"], "headers is an object"),
        ("attributes", "gold", "attributes is an object"),
    ],
)
async def test_b49_a_question_of_the_wrong_shape_is_refused(app: Any, name: str, value: Any, said: str) -> None:
    """An app that asks wrongly is told so: it never gets another page's slots, nor an answer that was not recorded."""
    answer = await ask(app, "/v1/decide", {"userId": "ann", "consent": "granted", name: value})
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "bad_context")
    assert said in json.loads(answer.body)["message"]
    assert (await ask(app, "/v1/decide", {"userId": "ann", "consent": "granted", name: None})).status == 200


# --- who is meant --------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["ann", " ann ", "x" * 150, "x" * 300, "a\0b", "\ud800", "\u0639\u0644\u06cc", 42])
@pytest.mark.parametrize("name", ["userId", "anonymousId"])
async def test_b33_who_is_asked_for_is_who_the_collector_was_told_of(roomy: Any, user: Any, name: str) -> None:
    """An id is read in one way, also one that is very long or holds what no database takes."""
    who = {name: user, "consent": "granted"}
    told = {name: user, "traits": {"tier": "gold"}}
    assert (await ask(roomy, "/v1/identify", told, None, authorization=f"Bearer {KEY}")).status == 200
    answer = json.loads((await ask(roomy, "/v1/decide", {**who, "record": True})).body)
    assert [slot["experience"] for slot in answer["slots"]] == ["fan"]
    history = roomy.watcher.history
    viewed = [event for event in await history.store.read() if event.name == "Experience Viewed"]
    assert [event.visitor for event in viewed] == [answer["visitor"]]
    assert "\0" not in answer["visitor"] and len(answer["visitor"]) <= 130


@pytest.mark.parametrize("text", ["\ud800", "\0", "\r\n", "\u0639", "x" * 5_000])
@pytest.mark.parametrize("name", ["user-agent", "cookie", "\ud800", "accept-language"])
async def test_b33_headers_may_hold_anything(roomy: Any, name: str, text: str) -> None:
    """What is told of a request is read like what a request says: an answer, never an error of the server."""
    body = {"userId": "ann", "url": "/", "consent": "granted", "headers": {name: text}, "attributes": {text: text}}
    assert (await ask(roomy, "/v1/decide", body)).status == 200
    assert (await ask(roomy, FLAGS, {"context": {"targetingKey": "ann", **body}})).status == 200
