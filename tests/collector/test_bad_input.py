"""Hostile and broken bodies: the rest of the batch is kept, and nothing but a clear answer comes out."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GOOD = '{"type": "track", "event": "good", "userId": "u1"}'
NOW = 1_790_000_000.0


async def send(site: Any, *events: str | bytes) -> Any:
    """A batch of these texts between two good events."""
    texts = [text.encode() if isinstance(text, str) else text for text in (GOOD, *events, GOOD)]
    return await site.server("/v1/batch", b'{"batch": [' + b",".join(texts) + b"]}")


def track(properties: str) -> str:
    return f'{{"type": "track", "event": "odd", "userId": "u1", "properties": {properties}}}'


ODD = {
    # name: (an event that is taken, what becomes of its properties)
    "nan": (track('{"a": NaN, "b": -Infinity, "c": 1}'), {"a": None, "b": None, "c": 1}),
    "1e999": (track('{"a": 1e999, "b": [-1e999]}'), {"a": None, "b": [None]}),
    "10**400": (track('{"a": 1' + "0" * 400 + "}"), {"a": None}),
    "2**64": (track('{"a": 18446744073709551616}'), {"a": 18446744073709551616.0}),
    "a million digits": (track('{"a": 1' + "0" * 30_000 + ', "b": 7}'), {"a": None, "b": 7}),
    "nul": (track(r'{"a": "x\u0000y", "\u0000": 1}'), {"a": "x�y", "�": 1}),
    "lone surrogate": (track(r'{"a": "x\ud800y", "\udfff": 1}'), {"a": "x�y", "�": 1}),
    "a pair is a character": (track(r'{"a": "\ud83d\ude00"}'), {"a": "\U0001f600"}),
    "raw control characters": (track('{"a": "x\n\ty"}'), {"a": "x\n\ty"}),
    "invalid utf-8": (track('{"a": "x?y"}').encode().replace(b"?", b"\xff\xc3"), {"a": "x��y"}),
    "same key twice": (track('{"a": 1, "a": 2}'), {"a": 2}),
    "no object": (track("[1, 2]"), {}),
    "null": (track("null"), {}),
    "empty key": (track('{"": 1}'), {"": 1}),
}


@pytest.mark.parametrize("name", ODD)
async def test_odd_values_are_made_plain(site: Any, name: str) -> None:
    """What JSON or a database cannot hold becomes null or U+FFFD; the event and its neighbours count."""
    text, expected = ODD[name]
    reply = await send(site, text)
    assert (reply.status, reply.json["accepted"]) == (200, 3)
    (event,) = await site.events("odd")
    assert {key: value for key, value in event.properties.items() if key != "$via"} == expected


REFUSED = {
    "a number": "7",
    "a text": '"x"',
    "null": "null",
    "a list": "[]",
    "a deep list": "[" * 5_000 + "]" * 5_000,
    "a deep object": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "deep properties": track("[" * 5_000 + "]" * 5_000),
    "no JSON inside": '{"type": track}',
    "mismatched brackets": '{"a": [1}]',
    "single quotes": "{'type': 'track'}",
    "trailing comma": '{"type": "track", "event": "x", "userId": "u",}',
    "a comment": '{/* */"type": "track"}',
    "bad escape": r'{"type": "\x"}',
    "bad number": '{"type": 01}',
    "no type": '{"userId": "u1"}',
    "odd type": '{"type": {"a": 1}, "userId": "u1"}',
    "no name": '{"type": "track", "userId": "u1"}',
    "nobody": '{"type": "track", "event": "x"}',
    "nobody but true": '{"type": "track", "event": "x", "userId": true}',
    "too large": track(json.dumps({"a": "x" * 33_000})),
    "too large in bytes": track(json.dumps({"a": "€" * 12_000}, ensure_ascii=False)),
    "too large a number of keys": track(json.dumps({f"key-{n}": n for n in range(10_000)})),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_one_bad_event_costs_itself_alone(site: Any, name: str) -> None:
    """It is refused, its neighbours are taken, and the answer is no error."""
    reply = await send(site, REFUSED[name])
    assert reply.status == 200
    assert (reply.json["accepted"], reply.json["refused"]) == (2, 1)
    assert {event.name for event in await site.events()} == {"good"}


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - {"a number", "a text", "null", "a list"}))
async def test_alone_at_its_address_too(site: Any, name: str) -> None:
    """Sent by itself: a success that says what was refused; 400 and 413 only where it is no JSON or too large."""
    text = REFUSED[name]
    reply = await site.server("/v1/track", text.encode())
    fine = name.startswith(("a deep", "deep", "no type", "odd type", "no name", "nobody"))
    assert reply.status == (200 if fine else 413 if "too large" in name else 400)


async def test_ten_thousand_keys_are_cut(site: Any) -> None:
    """An object of short keys fits into 32 KB: the first of them are kept."""
    few = json.dumps({format(n, "x"): 1 for n in range(2_800)}, separators=(",", ":"))
    assert (await send(site, track(few))).json["accepted"] == 3
    (event,) = await site.events("odd")
    assert len(event.properties) == 301


NO_BODY = [
    b"", b" ", b"null", b"7", b'"x"', b"[]", b"[{}]", b"{", b"}", b"{}}", b"{]", b'{"batch": [}', b'{"batch": [{]}',
    b'{"batch": [{},]}', b'{"batch": [,{}]}', b'{"batch": [{} {}]}', b'{"batch": {}}', b'{"batch": 5}',
    b'{"batch": "x"}', b'{"batch": [{"a": [1}]}', b'{"batch": [{}]} x',
    b'{"batch": [{}', b'{"batch": ["x]}', b'{"batch" [{}]}',
    b"\xff\xfe{\0", b"\0", b"'", b'"',
    b"{" * 90_000, b"[" * 90_000, b'{"a":' * 50_000, b'{"a": "' + b"\\" * 100_001, b"batch=1&x=2", b"<xml/>",
    b'{"batch": [], "x": ' + b"[" * 3_000 + b"]" * 3_000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("body", NO_BODY, ids=lambda body: repr(body[:24]))
async def test_what_cannot_be_parsed_is_400(site: Any, body: bytes) -> None:
    """And nothing of it is taken."""
    reply = await site.server("/v1/batch", body)
    assert (reply.status, reply.json["code"]) in ((400, "bad_json"), (400, "too_deep"))
    assert await site.events() == []


@pytest.mark.parametrize("body", [b"{}", b'{"batch": []}', b'{"batch":[ ]}', b' {"sentAt": 5, "batch" : [ ] } \n'])
async def test_an_empty_batch_is_fine(site: Any, body: bytes) -> None:
    """There was nothing to say."""
    assert (await site.server("/v1/batch", body)).json == {"success": True, "accepted": 0}


async def test_what_looks_like_a_batch_inside_a_text_is_none(site: Any) -> None:
    """Brackets and keys in strings cut nothing."""
    tricky = {
        "type": "track",
        "event": 'x"batch":[{',
        "userId": "u",
        "properties": {"batch": [{"type": "track"}], "\\": "]}"},
    }
    reply = await site.server("/v1/batch", {'\\"batch"': [1], 'x"batch': [{}], "x": '"batch": [', "batch": [tricky]})
    assert reply.json == {"success": True, "accepted": 1}
    (event,) = await site.events()
    assert event.properties["batch"] == [{"type": "track"}]


async def test_the_answer_names_the_place_of_each_refusal(site: Any) -> None:
    """Counted in the batch as it was sent: also where elements are no objects, and the first twenty."""
    good = json.loads(GOOD)
    batch = [good, 7, {"type": "track", "userId": "u"}, None, [], good, "x", {"type": "nothing"}]
    for body in (json.dumps({"batch": batch}), json.dumps({"batch": batch}, indent=1)):
        answer = (await site.server("/v1/batch", body.encode())).json
        assert (answer["accepted"], answer["refused"]) == (2, 6)
        told = {refusal["index"]: refusal["reason"] for refusal in answer["refusals"]}
        assert list(told) == [1, 2, 3, 4, 6, 7]
        assert (told[2], told[7]) == ("a track without the event's name", "no type that is known")
        assert {told[1], told[3], told[4], told[6]} == {"not an object of JSON"}
    answer = (await site.server("/v1/batch", {"batch": [{"a": 1}, 1] * 30})).json
    assert [refusal["index"] for refusal in answer["refusals"]] == list(range(20)) and answer["refused"] == 60


CODED = {
    "utf-8 with a mark": (lambda text: text.encode("utf-8-sig"), ""),
    "utf-16": (lambda text: text.encode("utf-16"), "application/json; charset=utf-16"),
    "utf-16, unsaid": (lambda text: text.encode("utf-16-le"), ""),
    "latin-1": (lambda text: text.encode("latin-1"), "text/plain; charset=ISO-8859-1"),
    "utf-8, said to be latin-1": (lambda text: text.encode(), "text/plain; charset=ISO-8859-1"),
    "windows-1254": (lambda text: text.encode("cp1254"), 'application/json; charset="windows-1254"'),
    "a charset there is not": (lambda text: text.encode(), "application/json; charset=klingon"),
    "not JSON at all, it says": (lambda text: text.encode(), "image/png"),
}


@pytest.mark.parametrize("name", CODED)
async def test_a_body_may_be_in_another_charset(site: Any, name: str) -> None:
    """By its byte order mark, or by what Content-Type says of bytes that are no UTF-8."""
    encode, kind = CODED[name]
    body = json.dumps({"batch": [{"event": "x", "userId": "u", "properties": {"a": "Gül"}}]}, ensure_ascii=False)
    reply = await site.server("/v1/batch", encode(body.replace("Gül", "Güven")), headers={"content-type": kind})
    assert (reply.status, reply.json["accepted"]) == (200, 1)
    (event,) = await site.events("x")
    assert event.properties["a"] == "Güven"


async def test_many_brackets_are_refused_as_a_whole(site: Any) -> None:
    """A body that would take long to cut."""
    reply = await site.server("/v1/batch", b'{"batch": [' + b",".join([b"[]"] * 60_000) + b"]}")
    assert (reply.status, reply.json["code"]) == (413, "too_complex")


async def test_much_beside_the_batch_is_refused(site: Any) -> None:
    """The events are what counts."""
    reply = await site.server("/v1/batch", {"batch": [], "x": "x" * 70_000})
    assert reply.status == 413


# --- codings -------------------------------------------------------------------------------------------


async def test_bombs_stop_at_the_cap(site: Any) -> None:
    """A hundred megabytes of zeros, and one in a bomb."""
    bomb = gzip.compress(b"0" * 100_000_000, 1)
    for data in (bomb, gzip.compress(b'{"batch": ["' + b"x" * 600_000 + b'"]}')):
        assert (await site.server("/v1/batch", data, headers={"content-encoding": "gzip"})).status == 413


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", b"{}"), ("gzip", b""), ("gzip", gzip.compress(b"{}")[:-5]), ("gzip", gzip.compress(b"{}") + b"x"),
        ("deflate", b"x"), ("gzip", b"\x1f\x8b"), ("deflate", zlib.compress(b"{}")[:-1]), ("deflate", b""),
        ("gzip", gzip.compress(b"") * 65), ("", b"\x1f\x8b"),
    ],
    ids=range(10),  # gzip writes the time into its head, and every worker must name the same tests
)  # fmt: skip
async def test_broken_codings_are_400(site: Any, coding: str, data: bytes) -> None:
    """Not what the header says, cut off, or with something behind it."""
    reply = await site.server("/v1/batch", data, headers={"content-encoding": coding})
    assert (reply.status, reply.json["code"]) == (400, "bad_encoding")


async def test_other_codings_are_415(site: Any) -> None:
    """Said plainly, so that a client's author sees why."""
    assert (await site.server("/v1/batch", b"{}", headers={"content-encoding": "br"})).status == 415


# --- clocks --------------------------------------------------------------------------------------------

CLOCKS = {
    "right": ({"timestamp": NOW - 60}, NOW, NOW - 60),
    "no time": ({}, None, NOW),
    "in 1970": ({"timestamp": "1970-01-01T00:00:10Z"}, None, NOW),
    "1970, with sentAt": ({"timestamp": "1970-01-01T00:00:10Z"}, "1970-01-01T00:01:10Z", NOW - 60),
    "a day ahead": ({"timestamp": NOW + 86_400}, None, NOW),
    "a day ahead, with sentAt": ({"timestamp": NOW + 86_400 - 30}, NOW + 86_400, NOW - 30),
    "a year behind, with sentAt": ({"timestamp": NOW - 31_536_000 - 30}, NOW - 31_536_000, NOW - 30),
    "milliseconds": ({"timestamp": (NOW - 60) * 1000}, None, NOW - 60),
    "original": ({"originalTimestamp": NOW - 400}, NOW - 300, NOW - 100),
    "both": ({"timestamp": NOW - 86_400, "originalTimestamp": NOW - 400}, NOW - 300, NOW - 86_400),
    "an order of last year": ({"timestamp": NOW - 31_536_000}, NOW, NOW - 31_536_000),
    "after its sending": ({"timestamp": NOW + 50}, NOW + 10, NOW),
    "year 9999": ({"timestamp": "9999-12-31T23:59:59Z"}, "9999-12-31T23:59:59Z", NOW),
    "year 0": ({"timestamp": "0000-00-00T00:00:00Z"}, None, NOW),
    "no date": ({"timestamp": {"a": 1}}, [], NOW),
    "true": ({"timestamp": True}, True, NOW),
    "huge": ({"timestamp": 10**400}, 10**400, NOW),
    "infinite": ({"timestamp": 1e308}, -1e308, NOW),
    "text of seconds": ({"timestamp": str(NOW - 60)}, None, NOW - 60),
    "text of milliseconds": ({"timestamp": str(int(NOW - 60) * 1000)}, None, NOW - 60),
    "microseconds": ({"timestamp": (NOW - 60) * 1e6}, None, NOW - 60),
    "nanoseconds": ({"timestamp": int(NOW - 60) * 10**9}, None, NOW - 60),
    "negative": ({"timestamp": -5}, None, NOW),
    "original is null": ({"timestamp": NOW - 60, "originalTimestamp": None}, None, NOW - 60),
    "sentAt is null": ({"timestamp": NOW - 360, "sentAt": None}, NOW - 300, NOW - 60),
    "as Ruby writes it": ({"timestamp": "2026-09-21 14:12:20 UTC"}, None, NOW - 60),
    "in small letters": ({"timestamp": " 2026-09-21t14:12:20z "}, None, NOW - 60),
    "of an e-mail": ({"timestamp": "Mon, 21 Sep 2026 14:12:20 GMT"}, None, NOW - 60),
    "of an e-mail, elsewhere": ({"timestamp": "Mon, 21 Sep 2026 17:12:20 +0300"}, None, NOW - 60),
    "no such day": ({"timestamp": "Mon, 31 Sep 2026 17:12:20 +0300"}, None, NOW),
    "words": ({"timestamp": "an hour ago"}, None, NOW),
    "another zone": ({"timestamp": "2026-09-21T17:12:20+03:00"}, None, NOW - 60),
}


@pytest.mark.parametrize("name", CLOCKS)
async def test_wrong_clocks_are_set_right(site: Any, name: str) -> None:
    """By when the sender says it sent; a time that cannot be is the time of receipt."""
    site.now[0] = NOW
    told, sent, expected = CLOCKS[name]
    envelope = {"batch": [{"type": "track", "event": "x", "userId": "u", **told}]}
    if sent is not None:
        envelope["sentAt"] = sent
    assert (await site.server("/v1/batch", envelope)).json["accepted"] == 1
    (event,) = await site.events()
    assert event.time == pytest.approx(expected, abs=0.01)


async def test_a_browsers_old_events_are_believed_for_a_month(site: Any) -> None:
    """What it kept while offline counts for when it happened; older times are taken for a wrong clock."""
    await site.visit()
    for days in (20, 40):
        await site.browser("/v1/t", {"event": "x", "timestamp": site.now[0] - days * 86_400})
    first, second = await site.events("x")
    assert (site.now[0] - first.time, site.now[0] - second.time) == (20 * 86_400, 0)


# --- whatever comes --------------------------------------------------------------------------------------

fields = st.sampled_from(
    ["type", "event", "userId", "anonymousId", "messageId", "timestamp", "properties", "traits", "context", "groupId",
     "previousId", "sentAt", "name", "originalTimestamp", "products", "items", "product_id", "path", "url", "page",
     "distinct_id", "uuid", "$set", "$current_url", "signed", "order_id", "provenance", "x"]
)  # fmt: skip
words = st.sampled_from(
    ["track", "identify", "page", "screen", "group", "alias", "t", "purchase", "view_item", "Order Completed",
     "$identify", "$pageview", "$set", "Product Added", "//[", "https://[", "2026-01-01", "", "\0", "\ud800"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields | st.text(max_size=3), inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(values, max_size=4), envelope=st.dictionaries(fields, values, max_size=2))
@pytest.mark.parametrize("path", ["/v1/batch", "/batch/", "/i/v1/analytics/events", "/v1/b"])
def test_whatever_a_batch_holds_the_answer_is_a_success(path: str, batch: list[Any], envelope: dict[str, Any]) -> None:
    """Any JSON inside a batch: 200, the log takes what is made of it, and gives it back unchanged."""

    async def run() -> None:
        from personalize import PersonalizeMiddleware

        app = PersonalizeMiddleware(
            _nothing, {"version": 1, "store": "memory", "site": {"consent": {"default": "granted"}}}
        )
        body = json.dumps({**envelope, "batch": [*batch, json.loads(GOOD) | {"distinct_id": "u"}]}).encode()
        status = await _post(app, path, body)
        history = app.engine.history
        recorded = await history.store.read(0, 1000)
        await app.close()
        assert status == 200
        assert "good" in {event.name for event in recorded}
        for event in recorded:
            assert event.visitor and event.id and event.name and event.time >= 946_684_800
            json.dumps(event.properties, allow_nan=False).encode()
            repr(event).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALIZE_WRITE_KEYS", "a-write-key-of-the-tests")
        asyncio.run(run())


@settings(max_examples=100)
@given(body=st.binary(max_size=300) | st.text(alphabet='{}[]",:\\batch1 ', max_size=60).map(str.encode))
def test_whatever_bytes_come_the_answer_is_plain(body: bytes) -> None:
    """Never anything but 200 and 400."""

    async def run() -> None:
        from personalize import PersonalizeMiddleware

        app = PersonalizeMiddleware(
            _nothing, {"version": 1, "store": "memory", "site": {"consent": {"default": "granted"}}}
        )
        for path in ("/v1/b", "/v1/t"):
            assert await _post(app, path, body) in (200, 400)
        await app.close()

    asyncio.run(run())


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


async def _post(app: Any, path: str, body: bytes) -> int:
    status = 0

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [(b"host", b"shop.example"), (b"authorization", b"Bearer a-write-key-of-the-tests")]
    scope = {"type": "http", "method": "POST", "path": f"/_personalize{path}", "query_string": b"", "scheme": "https",
             "headers": headers, "client": ("192.0.2.7", 1)}  # fmt: skip
    await app(scope, receive, send)
    return status


@pytest.mark.parametrize("of_server", [True, False])
async def test_an_event_is_no_larger_for_what_its_batch_shares(site: Any, of_server: bool) -> None:
    """The batch's own context is counted with each event that it is of; a small batch is not megabytes of the log."""
    send = site.server if of_server else site.browser
    for kept, size in ((3, 500), (3, 10_000), (2, 31_500), (0, 60_000)):
        batch = [{"type": "identify", "userId": f"u{size}", "traits": {"n": n}} for n in range(2)]
        batch.append({"type": "identify", "userId": f"u{size}", "traits": {"own": "آ" * 1_000}})
        reply = await send("/v1/batch", {"batch": batch, "context": {"traits": {"shared": "x" * size}}})
        assert reply.json["accepted"] == kept and len(reply.json.get("refusals", ())) == 3 - kept
    sizes = [len(json.dumps(event.properties, ensure_ascii=False).encode()) for event in await site.events()]
    assert len(sizes) == 8 and max(sizes) < 33_000


async def test_one_event_in_place_of_a_batch_is_no_larger(site: Any) -> None:
    """It is refused as in a batch, and with its own context it counts once."""
    event = {"type": "track", "userId": "u", "event": "X", "context": {"page": {"path": "/" + "x" * 20_000}}}
    assert (await site.server("/v1/batch", event)).json == {"success": True, "accepted": 1}
    for door, name in (("/v1/batch", "userId"), ("/batch/", "distinct_id")):
        large = {"type": "track", name: "u", "event": "X", "properties": {"text": "x" * 40_000}}
        reply = await site.server(door, large)
        assert reply.json["accepted"] == 0 and reply.json["refusals"][0]["reason"] == "larger than 32 KB"
    assert len(await site.events()) == 1
