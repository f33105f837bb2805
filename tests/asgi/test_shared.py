"""C11: pages of which a cache in front keeps one copy for everybody with the same segment, country or the like."""

from __future__ import annotations

import asyncio
import http.client
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize import PersonalizeMiddleware, shared, visit
from personalize.model import Consent, Visitor
from personalize.testing import HTML, Answer, Response, call
from personalize.visitor import Preview

PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p data-slot="note">rest</p></body></html>'
SITE: dict[str, Any] = {
    "geo_headers": ["CF-IPCountry"],
    "consent": {"default": "granted"},
    "shared": {"vary": ["CF-IPCountry", "X-Segment"], "segments": "X-Segment", "for": "10m"},
}
SEGMENTS: dict[str, Any] = {"gold": {"all": [{"orders.total": {"gte": 1000}}]}}
SLOTS: dict[str, Any] = {
    "hero": {
        "match": {"path": "/**"},
        "shared": True,
        "consent": "none",
        "experiences": [
            {"id": "gold", "when": "gold", "show": {"html": "<b>gold</b>"}},
            {"id": "turks", "when": {"country": "TR"}, "show": {"html": "<b>merhaba</b>"}},
        ],
        "default": {"html": "<b>hello</b>"},
    },
}
NOTE: dict[str, Any] = {"match": {"path": "/mine/**"}, "default": {"html": "mine"}}


@pytest.fixture
async def site(wrap: Any) -> Any:
    return wrap(Answer(PAGE), site=SITE, segments=SEGMENTS, slots={**SLOTS, "note": NOTE})


def shows(got: Response, text: bytes) -> bool:
    return got.body == PAGE.replace(b"old", text)


async def test_c11_a_copy_is_kept_for_each_declared_segment(site: Any) -> None:
    """The page follows the segment and the country that the cache names, and says what it varies by and how long."""
    plain = await call(site, "/")
    assert shows(plain, b"<b>hello</b>")
    assert plain.header("cache-control") == "public, max-age=0, s-maxage=600"
    assert plain.header("vary") == "CF-IPCountry, X-Segment" and plain.header("set-cookie") is None
    assert shows(await call(site, "/", headers=[(b"cf-ipcountry", b"TR")]), b"<b>merhaba</b>")
    assert shows(await call(site, "/", headers=[(b"x-segment", b"silver, gold")]), b"<b>gold</b>")
    assert shows(await call(site, "/", headers=[(b"x-segment", b"goldish")]), b"<b>hello</b>")


async def one_copy(put: Callable[..., Any], headers: list[tuple[bytes, bytes]], country: bytes) -> bool:
    """The law: whoever asks, with the same values of the declared headers, gets the same response to the last byte."""
    site = put(Answer(PAGE), site=SITE, segments=SEGMENTS, slots=SLOTS)
    declared = [(b"cf-ipcountry", country)]
    first = await call(site, "/", headers=declared)
    second = await call(site, "/", headers=[*headers, *declared])
    await site.close()
    return [m.message for m in first.sent] == [m.message for m in second.sent]


PERSONAL = st.sampled_from(
    [
        (b"cookie", b"consent=granted; __Host-pz=abc.def"), (b"cookie", b"pz=x"), (b"sec-gpc", b"1"),
        (b"user-agent", b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)"), (b"user-agent", b"Googlebot/2.1"),
        (b"accept-language", b"tr-TR,tr;q=0.9"), (b"referer", b"https://t.co/x"), (b"authorization", b"Bearer x"),
        (b"x-forwarded-for", b"10.0.0.1"), (b"if-none-match", b'"1"'), (b"range", b"bytes=0-3"),
    ]
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(PERSONAL, max_size=5), st.sampled_from([b"TR", b"DE", b""]))
def test_c11_not_one_byte_belongs_to_a_single_visitor(headers: list[tuple[bytes, bytes]], country: bytes) -> None:
    """Cookies, browsers, languages, consent and objections change nothing, neither in the page nor in its head."""
    put = lambda app, **more: PersonalizeMiddleware(app, {"version": 1, "store": "memory", **more})
    assert asyncio.run(one_copy(put, headers, country))


async def test_c11_the_law_catches_a_view_that_holds_more(monkeypatch: pytest.MonkeyPatch, wrap: Any) -> None:
    """A request that is passed on with all its headers, and a visitor with their own id, each break it."""
    other = [(b"cookie", b"consent=granted")]
    assert await one_copy(wrap, other, b"TR")
    with monkeypatch.context() as planted:
        planted.setattr(shared.SharedPages, "segments", lambda self, v: {"gold"} if b"cookie" in v.headers else set())
        assert await one_copy(wrap, other, b"TR")  # what reads more is given no more
        planted.setattr(shared.SharedPages, "view", lambda self, request: request)
        assert not await one_copy(wrap, other, b"TR")
    ids = iter(range(9))
    with monkeypatch.context() as planted:
        planted.setattr(
            visit.Visit, "_decide_for_all", lambda self, route, send: _with_own_cookie(self, route, send, next(ids))
        )
        assert not await one_copy(wrap, [], b"TR")


def _with_own_cookie(self: Any, route: Any, send: Any, number: int) -> Any:
    self.visitor = Visitor(None, Consent(), set_cookie=b"pz=%d" % number)
    decision = self.engine.decide(route, self.request, self.visitor, None, self.now)
    made = (self.request, self.visitor, None, decision, self.now, send, self.record_page)
    return visit.Exchange(self.engine, route, *made)


@pytest.mark.parametrize(
    ("sent", "vary"),
    [
        ([(b"Vary", b"Cookie")], "Cookie, CF-IPCountry, X-Segment"),
        ([(b"vary", b"cf-ipcountry"), (b"vary", b"Accept")], "cf-ipcountry, Accept, X-Segment"),
        ([(b"vary", b"*")], "*"),
        ([(b"vary", b"")], "CF-IPCountry, X-Segment"),
    ],
)
async def test_c11_vary_is_merged(wrap: Any, sent: list[tuple[bytes, bytes]], vary: str) -> None:
    """What the app's page varies by stays, the declared headers are added once, and * stays *."""
    got = await call(wrap(Answer(PAGE, headers=[*HTML, *sent]), site=SITE, segments=SEGMENTS, slots=SLOTS))
    assert got.header("vary") == vary


@pytest.mark.parametrize(
    ("sent", "control"),
    [
        ([(b"cache-control", b"private")], "private, no-store"),
        ([(b"cache-control", b"no-store")], "private, no-store"),
        ([(b"cache-control", b"max-age=60")], "public, max-age=0, s-maxage=60"),
        ([(b"cache-control", b"public, max-age=60, s-maxage=30")], "public, max-age=0, s-maxage=30"),
        ([(b"cache-control", b"public, max-age=86400"), (b"etag", b'"1"')], "public, max-age=0, s-maxage=600"),
        ([(b"set-cookie", b"session=1")], "private, no-store"),
    ],
)
async def test_c11_the_app_has_the_last_word(wrap: Any, sent: list[tuple[bytes, bytes]], control: str) -> None:
    """A page that the app sends with a cookie or as private is kept by nobody, and none longer than the app says."""
    got = await call(wrap(Answer(PAGE, headers=[*HTML, *sent]), site=SITE, segments=SEGMENTS, slots=SLOTS))
    assert got.header("cache-control") == control and got.header("etag") is None
    assert got.all("set-cookie") == [value.decode() for name, value in sent if name == b"set-cookie"]


async def test_c11_one_slot_that_is_not_shared_makes_the_page_private(site: Any) -> None:
    """Where a slot may know the visitor, the page is the visitor's."""
    got = await call(site, "/mine/x")
    assert got.header("cache-control") == "private, no-store" and "mine" in got.text
    assert got.header("set-cookie") is not None


async def test_c11_nobody_is_recorded(wrap: Any, tmp_path: Path) -> None:
    """A cache would hide most of them: no page view and no exposure of a shared page comes to the log."""
    config = {"version": 1, "store": f"sqlite:///{tmp_path}/log.db", "site": SITE, "segments": SEGMENTS}
    site = wrap(Answer(PAGE), {**config, "slots": {**SLOTS, "note": NOTE}})
    for path in ("/", "/x", "/mine/x", "/"):
        await call(site, path)
    await site.close()
    with sqlite3.connect(tmp_path / "log.db") as log:
        told = [json.loads(row[0]) for row in log.execute("select properties from events where name = 'Page Viewed'")]
    assert [view["path"] for view in told] == ["/mine/x"]


async def test_c11_reasons_are_never_kept(site: Any) -> None:
    """Who holds a preview's token is told why, in a response that no cache keeps."""
    token = site.engine.previews.make(Preview(), time.time(), 60).encode()
    got = await call(site, "/", headers=[(b"x-personalize-explain", token)])
    assert got.header("x-personalize-explain") and got.header("cache-control") == "private, no-store"


def test_c11_on_the_wire(served: Callable[..., int]) -> None:
    """Two visitors, one copy, over real servers: the same page and the same head but for the date."""
    port = served(Answer(PAGE, length=True), site=SITE, segments=SEGMENTS, slots=SLOTS)
    copies = []
    for cookie in ("consent=granted", "consent=denied; pz=1"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/", headers={"Cookie": cookie, "CF-IPCountry": "TR"})
        response = connection.getresponse()
        head = [pair for pair in response.getheaders() if pair[0].lower() != "date"]
        copies.append((head, response.read()))
        connection.close()
    assert copies[0] == copies[1] and b"merhaba" in copies[0][1]
