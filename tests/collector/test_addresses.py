"""Which addresses take what, who is let in, and what is answered."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

TRACK = {"type": "track", "event": "Product Viewed", "userId": "u1", "properties": {"product_id": "soap"}}
KINDS = {
    "track": "Product Viewed", "identify": "User Identified", "page": "Page Viewed", "screen": "Screen Viewed",
    "group": "Group Joined", "alias": "Identity Aliased",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_has_an_address_for_servers_and_one_for_browsers(site: Any, kind: str) -> None:
    """POST /v1/track with the key, and /v1/t from a page: the same event, from two callers."""
    message = {"event": "Product Viewed", "userId": "u1", "anonymousId": "a1", "name": "Home"}
    assert (await site.server(f"/v1/{kind}", message)).json == {"success": True, "accepted": 1}
    assert (await site.browser(f"/v1/{kind[0]}", message)).json == {"success": True, "accepted": 1}
    server, browser = await site.events()
    assert server.name == browser.name == KINDS[kind]
    assert (server.properties["$via"], browser.properties["$via"]) == ("server", "browser")
    assert (server.visitor, browser.visitor) == ("u:u1", "a:a1")


@pytest.mark.parametrize("kind", ["page", "screen"])
async def test_a_category_stands_beside_the_properties_or_in_them(site: Any, kind: str) -> None:
    """Clients for servers tell it in the one place, those in browsers in both."""
    beside = {"type": kind.upper(), "userId": "u1", "name": "Pricing", "category": "Docs"}
    within = {**beside, "category": "x", "properties": {"category": "Help"}}
    await site.server("/v1/batch", {"batch": [beside, within]})
    assert [event.properties["category"] for event in await site.events()] == ["Docs", "Help"]


async def test_a_batch_is_taken_whole_in_any_chunks_and_codings(site: Any) -> None:
    """Plain, gzip (in several members too) and deflate (both ways of it), in one message or in many."""
    body = json.dumps({"batch": [{**TRACK, "messageId": f"m{n}"} for n in range(50)]}).encode()
    coded = {"": body, "gzip": gzip.compress(body), "deflate": zlib.compress(body)}
    raw = zlib.compressobj(wbits=-15)
    coded["deflate "] = raw.compress(body) + raw.flush()  # without its head, as some understand it
    coded["gzip "] = gzip.compress(body[:999]) + gzip.compress(body[999:])
    for coding, data in coded.items():
        for chunks in (1, 7, 200):
            headers = {"content-encoding": coding} if coding else {}
            assert (await site.server("/v1/batch", data, headers=headers, chunks=chunks)).json["accepted"] == 50
    assert (await site.server("/v1/batch", coded["gzip"])).json["accepted"] == 50  # a proxy took the header away
    assert len(await site.events()) == 50  # sent sixteen times, once counted


@pytest.mark.parametrize("body", [{**TRACK}, {"batch": [TRACK]}])
async def test_a_batchs_address_takes_a_slash_and_an_event_alone(site: Any, body: Any) -> None:
    """As some clients are configured, and as people try it out: nothing is lost without a word."""
    for path in ("/v1/batch", "/v1/batch/"):
        assert (await site.server(path, body)).json == {"success": True, "accepted": 1}


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/", "/v1/batch//", "/v1/x", "/", "/v1/projects/k", "/p.js.m"])
async def test_unknown_addresses_answer_404_in_json(site: Any, path: str) -> None:
    """Nothing below the prefix falls through to the app."""
    for method in ("GET", "POST"):
        reply = await site.ask(f"/_personalize{path}", b"{}", method=method)
        assert (reply.status, reply.json["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "allow"), [("/v1/batch", "POST"), ("/v1/t", "POST"), ("/batch/", "POST"), ("/p.js", "GET, HEAD")]
)
async def test_other_methods_answer_405(site: Any, path: str, allow: str) -> None:
    """With what is allowed; a preflight of another origin gets no permission either."""
    for method in {"GET", "POST", "PUT", "DELETE", "OPTIONS"} - set(allow.split(", ")):
        reply = await site.ask(f"/_personalize{path}", method=method)
        assert (reply.status, reply.headers["allow"]) == (405, allow)
        assert not any(name.startswith("access-control") for name in reply.headers)


async def test_the_prefix_is_the_configs(make_site: Any) -> None:
    """Another prefix moves every address, and what was one is the app's."""
    site = make_site(prefix="/shop/-pz")
    assert (await site.ask("/shop/-pz/p.js", method="GET")).status == 200
    assert b"plain" in (await site.ask("/_personalize/p.js", method="GET")).body
    told = (await site.ask("/shop/-pz/v1/projects/k/settings", method="GET")).json
    assert told["integrations"]["Segment.io"]["apiHost"] == "shop.example/shop/-pz/v1"


@pytest.mark.parametrize("name", ["shop", 'a"b', "<script>", "\u2028", "__proto__"])
async def test_settings_as_a_script_hold_the_name_as_a_text(site: Any, name: str) -> None:
    """PostHog's client asks for a script that has its settings under the name that stands for its key."""
    reply = await site.ask(f"/_personalize/array/{name}/config.js", method="GET")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.body.isascii()
    told = json.loads(reply.body.partition(b"||{},")[2].removesuffix(b")"))
    assert list(told) == [name] and told[name]["config"]["supportedCompression"] == ["gzip", "gzip-js"]


# --- who is let in -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "wrong", "a-write-key-of-the-test", "a-write-key-of-the-tests2", "\xff", None])
async def test_servers_need_a_write_key(site: Any, key: str | None) -> None:
    """Without a right one nothing is taken, and it is counted."""
    reply = await site.ask("/_personalize/v1/track", TRACK, key=key)
    assert reply.status == 401
    assert "www-authenticate" in reply.headers
    assert await site.events() == []


async def test_any_of_the_write_keys_will_do(site: Any) -> None:
    """So that keys can be exchanged one client at a time."""
    assert (await site.ask("/_personalize/v1/track", TRACK, key="another-key-of-the-tests")).status == 200


async def test_the_config_may_name_write_keys_from_the_environment(make_site: Any, monkeypatch: Any) -> None:
    """`${NAME}` in site.write_keys; a key in the file itself is refused."""
    from personalize import ConfigError

    monkeypatch.setenv("SHOP_KEY", "the-shop-key-0123456789")
    site = make_site(write_keys=["${SHOP_KEY}"])
    assert (await site.ask("/_personalize/v1/track", TRACK, key="the-shop-key-0123456789")).status == 200
    with pytest.raises(ConfigError) as refused:
        make_site(write_keys=["the-shop-key-0123456789"])
    assert [problem.code for problem in refused.value.problems] == ["PZ323"]
    assert "the-shop-key" not in str(refused.value)


@pytest.mark.parametrize(
    "authorization", ["Basic", "Basic !!!", "Basic w6k=", "Digest x", "Bearer x", "Basic " + "A" * 9000]
)
async def test_broken_authorizations_are_refused(site: Any, authorization: str) -> None:
    """Whatever stands there, it is 401."""
    reply = await site.ask("/_personalize/v1/track", TRACK, headers={"authorization": authorization})
    assert reply.status == 401


async def test_the_key_may_stand_in_the_body(site: Any) -> None:
    """As some of Segment's and all of PostHog's clients send it."""
    body = {"writeKey": "a-write-key-of-the-tests", "batch": [TRACK]}
    assert (await site.ask("/_personalize/v1/batch", body)).json["accepted"] == 1
    assert (await site.ask("/_personalize/v1/batch", {**body, "writeKey": ["x"]})).status == 401


async def test_a_write_key_that_a_browser_sends_is_lost(make_site: Any) -> None:
    """It is refused and said: whoever reads the page has it."""
    heard: list[tuple[str, str]] = []

    class Heard:
        def count(self, name: str, n: int = 1) -> None: ...
        def failed(self, where: str, error: BaseException) -> None: ...
        def changed(self, part: str, state: str, detail: str = "") -> None:
            heard.append((part, state))

    site = make_site(observer=Heard())
    reply = await site.server("/v1/track", TRACK, headers={"origin": "https://shop.example"})
    assert reply.status == 401
    assert ("write key", "insecure") in heard


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "", "origin": "https://shop.example"},
    ],
)
async def test_pages_of_other_sites_are_refused(site: Any, headers: dict[str, str]) -> None:
    """A beacon from somewhere else cannot write into a visitor's profile."""
    await site.visit()
    reply = await site.browser("/v1/t", TRACK, headers=headers)
    assert (reply.status, reply.json["code"]) == (403, "other_origin")


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://shop.example", 200), ("http://shop.example", 200), ("https://evil.example", 403),
     ("https://shop.example.evil.example", 403), ("null", 403), ("https://shop.example:8443", 403)],
)  # fmt: skip
async def test_older_browsers_are_known_by_their_origin(site: Any, origin: str, status: int) -> None:
    """Where Sec-Fetch-Site is missing, Origin has to name this host."""
    reply = await site.ask("/_personalize/v1/t", TRACK, headers={"origin": origin})
    assert reply.status == status


# --- how much ------------------------------------------------------------------------------------------


async def test_a_large_event_costs_only_itself(site: Any) -> None:
    """Above 32 KB it is refused by its place; the rest of the batch is taken."""
    large = {**TRACK, "properties": {"text": "x" * 33_000}}
    reply = await site.server("/v1/batch", {"batch": [TRACK, large, TRACK]})
    assert (reply.status, reply.json["accepted"]) == (200, 2)
    assert reply.json["refusals"] == [{"index": 1, "reason": "larger than 32 KB"}]


@pytest.mark.parametrize("coding", ["", "gzip"])
async def test_a_large_body_is_refused_as_a_whole(site: Any, coding: str) -> None:
    """Above 500 KB, declared or not, compressed or not."""
    body = json.dumps({"batch": [{**TRACK, "properties": {"text": "x" * 30_000}} for _ in range(18)]}).encode()
    data, headers = (gzip.compress(body), {"content-encoding": "gzip"}) if coding else (body, {})
    assert (await site.server("/v1/batch", data, headers=headers, chunks=20)).status == 413
    assert (await site.server("/v1/batch", b"{}", headers={"content-length": "512001"})).status == 413
    assert await site.events() == []


async def test_a_browser_that_sends_too_much_is_told_when_to_come_again(make_site: Any) -> None:
    """429 with Retry-After; another visitor is not touched; after that time it is let in."""
    site = make_site(limits={"visitor": 2, "address": 1000, "server": 1000})
    await site.visit()
    batch = {"batch": [{"type": "track", "event": "x"}] * 15}
    assert (await site.browser("/v1/b", batch)).status == 200
    refused = await site.browser("/v1/b", batch)
    assert (refused.status, refused.headers["retry-after"]) == (429, "5")
    mine = dict(site.cookies)
    site.cookies.clear()
    await site.visit()
    assert (await site.browser("/v1/b", batch)).status == 200
    site.cookies = mine
    site.now[0] += 5
    assert (await site.browser("/v1/b", batch)).status == 200


async def test_strangers_share_the_bucket_of_their_address(make_site: Any) -> None:
    """Whoever throws the cookie away gains nothing by it."""
    site = make_site(limits={"address": 1})
    seen = []
    for _ in range(12):
        site.cookies.clear()
        seen.append((await site.browser("/v1/t", {"event": "x"})).status)
    assert seen == [200] * 10 + [429] * 2


async def test_when_the_log_is_behind_everybody_waits(site: Any) -> None:
    """Before the queue is full, so that the pages' own events still find room."""
    log = site.app.engine.history.log
    await site.visit()
    from personalize.model import Event

    for n in range(15_000):
        log.record(Event(f"x{n}", "x", 0.0, "v"))
    for reply in (await site.server("/v1/track", TRACK), await site.browser("/v1/t", TRACK)):
        assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (429, "busy", "1")
    assert (await site.ask("/", method="GET")).status == 200
    await log.flush()
    assert (await site.server("/v1/track", TRACK)).status == 200


async def test_an_answer_of_200_means_written(make_site: Any, tmp_path: Any) -> None:
    """The event is in the file when the answer comes; a second process would see it."""
    import sqlite3

    site = make_site(store=f"sqlite:///{tmp_path}/log.db")
    for n in range(5):
        assert (await site.server("/v1/track", {**TRACK, "messageId": f"m{n}"})).status == 200
        with sqlite3.connect(tmp_path / "log.db") as db:
            assert db.execute("SELECT count(*) FROM events").fetchone() == (n + 1,)


async def test_what_cannot_be_written_is_not_acknowledged(make_site: Any, tmp_path: Any, monkeypatch: Any) -> None:
    """503 with Retry-After while another process holds the database; sent again, it counts once."""
    import sqlite3

    monkeypatch.setattr("personalize.events.collector._PATIENCE", 0.2)
    site = make_site(store=f"sqlite:///{tmp_path}/log.db")
    await site.server("/v1/track", TRACK)
    blocker = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    message = {**TRACK, "messageId": "once"}
    refused = await site.server("/v1/track", message)
    assert (refused.status, refused.json["code"]) == (503, "not_written")
    assert "retry-after" in refused.headers
    blocker.execute("ROLLBACK")
    blocker.close()
    monkeypatch.setattr("personalize.events.collector._PATIENCE", 20.0)
    assert (await site.server("/v1/track", message)).status == 200
    assert len([event for event in await site.events() if event.id == "w:once"]) == 1


async def test_a_closed_log_acknowledges_nothing(site: Any) -> None:
    """What can't be queued is not said to be taken."""
    await site.server("/v1/track", TRACK)
    await site.app.engine.history.log.close()
    assert (await site.server("/v1/track", TRACK)).status == 503


async def test_a_client_that_leaves_is_not_answered(site: Any) -> None:
    """Its half of a body counts for nothing."""
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b'{"batch": [', "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/_personalize/v1/b", "query_string": b"", "scheme": "https",
             "headers": [(b"host", b"shop.example")], "client": None}  # fmt: skip
    await site.app(scope, receive, send)
    assert sent == []


async def test_an_engine_that_was_replaced_is_not_kept(site: Any) -> None:
    """What the collector made for it goes with it, however often the config is edited."""
    import gc
    import weakref

    await site.server("/v1/track", TRACK)
    watcher = site.app.watcher
    old = weakref.ref(watcher.engine)
    await watcher.engine.close()
    watcher.engine = watcher._make(watcher.engine.config)
    gc.collect()
    assert old() is None
    assert (await site.server("/v1/track", TRACK)).status == 200
