"""C1 to C12, C27, C28: what happens to a response's head, through the real middleware."""

from __future__ import annotations

from typing import Any

import pytest

from personalize.testing import HTML, Answer, call

PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p>rest</p></body></html>'
DONE = PAGE.replace(b"old", b"<b>hi</b>")
PLAIN = b"<!doctype html><html><body><p>nothing to fill</p></body></html>"
PARTS = (PAGE[:30], PAGE[30:60], PAGE[60:])
CACHED = [(b"cache-control", b"public, max-age=600"), (b"expires", b"Thu, 01 Jan 2099 00:00:00 GMT")]
TYPE = b"content-type"


async def same(wrap: Any, *chunks: bytes, path: str = "/", method: str = "GET", **how: Any) -> None:
    """The middleware's messages are those of the bare app."""
    bare = await call(Answer(*chunks, **how), path, method=method)
    through = await call(wrap(Answer(*chunks, **how)), path, method=method)
    assert through.messages == bare.messages


async def test_c01_head_gets_gets_headers_and_no_body(wrap: Any) -> None:
    """HEAD's head is GET's, with the right Content-Length or none, and there is no body."""
    headers = [*HTML, *CACHED, (b"etag", b'"1"'), (b"x-a", b"1")]
    app = wrap(Answer(PAGE, headers=headers, length=True))
    got, head = await call(app), await call(app, method="HEAD")
    assert head.body == b"" and head.done
    without = [name for name, _ in got.headers if name not in (b"content-length", b"set-cookie")]
    assert [name for name, _ in head.headers if name not in (b"content-length", b"set-cookie")] == without
    assert head.header("content-length") in (None, got.header("content-length"))
    assert head.header("cache-control") == got.header("cache-control") == "private, no-store"


async def test_c01_head_records_no_exposure(wrap: Any) -> None:
    """A HEAD request showed nothing to anybody, so nothing is recorded; a GET is."""
    slot = {
        "match": {"path": "/**"},
        "experiences": [{"id": "all", "when": "everyone", "show": {"html": "<b>hi</b>"}}],
    }
    app = wrap(Answer(PAGE), slots={"hero": slot})
    await app.start()
    for method, shown in (("HEAD", []), ("GET", ["all"])):
        await call(app, method=method)
        await app.watcher.history.log.flush()
        events = await app.watcher.history.store.read()
        assert [exposure["experience"] for event in events for exposure in event.exposures] == shown


@pytest.mark.parametrize("status", [204, 304, 205])
async def test_c02_a_response_without_body_stays_without(wrap: Any, status: int) -> None:
    """204, 205 and 304 pass message for message, also where the app calls them HTML."""
    await same(wrap, b"", status=status, headers=[*HTML, (b"etag", b'"1"'), *CACHED])


async def test_c03_the_app_is_not_asked_conditionally(wrap: Any) -> None:
    """On a path with slots the app sees no validators and no Range; the server's own scope is not changed."""
    names = (b"If-None-Match", b"if-modified-since", b"if-range", b"range")
    conditions = [(name, b"x") for name in names]
    app = Answer(PAGE)
    given: dict[str, Any] = {}

    async def server(scope: Any, receive: Any, send: Any) -> None:
        given["scope"], given["headers"] = scope, list(scope["headers"])
        await middleware(scope, receive, send)

    middleware = wrap(app)
    got = await call(server, headers=[*conditions, (b"accept", b"*/*")])
    assert got.body == DONE
    assert [name for name, _ in app.scopes[0]["headers"]] == [b"host", b"accept"]
    assert given["scope"]["headers"] == given["headers"]
    assert app.scopes[0] is not given["scope"]


async def test_c03_a_304_that_still_comes_passes(wrap: Any) -> None:
    """An app that answers 304 by itself is passed on as it is."""
    await same(wrap, status=304, headers=[(b"etag", b'"1"'), (b"cache-control", b"public")])


async def test_c03_paths_without_slots_keep_their_conditions(wrap: Any) -> None:
    """Where no slot can be, the app gets the very scope that the server made."""
    app = Answer(PAGE)
    slots = {"hero": {"match": {"path": "/shop"}, "default": {"html": "x"}}}
    middleware = wrap(app, slots=slots)
    seen: list[Any] = []

    async def server(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await middleware(scope, receive, send)

    await call(server, "/other", headers=[(b"if-none-match", b'"1"')])
    assert app.scopes[0] is seen[0]


@pytest.mark.parametrize(
    "how",
    [
        {"status": 206, "headers": [*HTML, (b"content-range", b"bytes 0-9/99")]},
        {"status": 200, "headers": [*HTML, (b"Content-Range", b"bytes 0-9/99")]},
        {"status": 206, "headers": [(TYPE, b"multipart/byteranges; boundary=x")]},
    ],
)
async def test_c04_partial_content_passes(wrap: Any, how: dict[str, Any]) -> None:
    """Ranges and multipart ranges pass message for message."""
    await same(wrap, PAGE, **how)


async def test_c04_a_page_promises_no_ranges(wrap: Any) -> None:
    """A personalized page loses Accept-Ranges."""
    got = await call(wrap(Answer(PAGE, headers=[*HTML, (b"Accept-Ranges", b"bytes")])))
    assert got.body == DONE and got.header("accept-ranges") is None


async def test_c05_content_length_is_recomputed(wrap: Any) -> None:
    """A page known to its end gets its new length."""
    got = await call(wrap(Answer(PAGE, length=True)))
    assert got.header("content-length") == str(len(DONE)) and got.body == DONE


async def test_c05_content_length_of_a_stream_is_removed(wrap: Any) -> None:
    """A page that streams loses the length it had, for it is no longer true."""
    got = await call(wrap(Answer(*PARTS, length=True)))
    assert got.header("content-length") is None and got.body == DONE


@pytest.mark.parametrize("chunks", [(PAGE,), PARTS])
@pytest.mark.parametrize("etag", [b'"strong"', b'W/"weak"'])
async def test_c06_validators_are_removed(wrap: Any, chunks: tuple[bytes, ...], etag: bytes) -> None:
    """ETag and Last-Modified spoke of the app's page."""
    headers = [*HTML, (b"ETag", etag), (b"Last-Modified", b"Thu, 01 Jan 2026 00:00:00 GMT")]
    got = await call(wrap(Answer(*chunks, headers=headers)))
    assert got.body == DONE
    assert got.header("etag") is None and got.header("last-modified") is None


@pytest.mark.parametrize("name", ["Digest", "Content-MD5", "Repr-Digest", "Content-Digest", "Signature"])
async def test_c07_digests_and_signatures_are_removed(wrap: Any, name: str) -> None:
    """What was computed over the app's bytes goes when they change, and stays when they do not."""
    headers = [*HTML, (name.encode(), b"x")]
    assert (await call(wrap(Answer(PAGE, headers=headers)))).header(name) is None
    assert (await call(wrap(Answer(PLAIN, headers=headers)))).header(name) == "x"


@pytest.mark.parametrize(
    ("upstream", "option", "expected"),
    [
        (None, "no-store", "private, no-store"),
        (b"public, max-age=600, s-maxage=900", "no-store", "private, no-store"),
        (b"public, max-age=600", "no-cache", "private, no-cache"),
        (b"no-store", "no-cache", "private, no-store"),
        (b"NO-STORE, max-age=0", "no-cache", "private, no-store"),
    ],
)
@pytest.mark.parametrize("chunks", [(PAGE,), PARTS])
async def test_c08_the_page_is_private(
    wrap: Any, upstream: bytes | None, option: str, expected: str, chunks: tuple[bytes, ...]
) -> None:
    """No shared cache may keep the page, whatever the app said; an upstream no-store is never weakened."""
    headers = [*HTML, (b"Expires", b"x"), (b"Surrogate-Control", b"x"), (b"CDN-Cache-Control", b"x"), (b"Age", b"5")]
    if upstream is not None:
        headers.append((b"Cache-Control", upstream))
    got = await call(wrap(Answer(*chunks, headers=headers), site={"cache_control": option}))
    assert got.body == DONE
    assert got.all("cache-control") == [expected]
    assert [got.header(n) for n in ("expires", "surrogate-control", "cdn-cache-control")] == [None] * 3
    assert got.header("age") == "5"


async def test_c09_a_page_without_slots_is_the_same(wrap: Any) -> None:
    """A page where no slot is found passes message for message: cacheability, length and no Set-Cookie."""
    await same(wrap, PLAIN, headers=[*HTML, *CACHED, (b"etag", b'"1"')], length=True)


async def test_c09_a_page_without_slots_is_the_same_each_time(wrap: Any) -> None:
    """However often it comes, and however well it is known by then."""
    app = Answer(PLAIN, headers=[*HTML, *CACHED, (b"etag", b'"1"')], length=True)
    middleware = wrap(app)
    for _ in range(4):
        assert (await call(middleware)).messages == (await call(app)).messages


async def test_c10_the_default_is_private_too(wrap: Any) -> None:
    """A page where a slot could vary but shows its default must not be cached for everybody."""
    slot = {
        "match": {"path": "/**"},
        "default": "page",
        "experiences": [{"id": "never", "when": {"path": "/elsewhere"}, "show": {"html": "x"}}],
    }
    got = await call(wrap(Answer(PAGE, headers=[*HTML, *CACHED]), slots={"hero": slot}))
    assert got.body == PAGE
    assert got.header("cache-control") == "private, no-store" and got.header("expires") is None


@pytest.mark.parametrize("vary", [b"accept-encoding", b"*"])
async def test_c11_vary_is_kept(wrap: Any, vary: bytes) -> None:
    """A private page keeps the app's Vary as it is, `*` included."""
    got = await call(wrap(Answer(PAGE, headers=[*HTML, (b"vary", vary)])))
    assert got.body == DONE and got.all("vary") == [vary.decode()]


@pytest.mark.parametrize("chunks", [(PAGE,), PARTS])
async def test_c12_no_transform_is_obeyed(wrap: Any, chunks: tuple[bytes, ...]) -> None:
    """Cache-Control: no-transform passes message for message."""
    await same(wrap, *chunks, headers=[*HTML, (b"Cache-Control", b"max-age=60, no-transform")])


async def test_c27_headers_may_be_any_iterable_and_are_not_changed(wrap: Any) -> None:
    """Headers come as lists, tuples or generators, of pairs that may be lists; the app's own list stays as it was."""
    own = [[b"Content-Type", b"text/html"], [b"X-A", b"1"], [b"x-a", b"2"], [b"Content-Length", b"%d" % len(PAGE)]]
    before = [list(pair) for pair in own]

    def app_with(headers: Any) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": headers()})
            await send({"type": "http.response.body", "body": PAGE})

        return app

    for headers in (lambda: own, lambda: tuple(map(tuple, own)), lambda: (tuple(pair) for pair in own)):
        got = await call(wrap(app_with(headers)))
        assert got.body == DONE and got.all("x-a") == ["1", "2"]
        assert own == before


async def test_c27_headers_and_body_may_be_absent(wrap: Any) -> None:
    """Messages without `headers`, `body` or `more_body` are handled as ASGI's defaults say."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    bare, through = await call(app), await call(wrap(app))
    assert through.messages == bare.messages

    async def html(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "more_body": True})
        await send({"type": "http.response.body", "body": PAGE, "more_body": True})
        await send({"type": "http.response.body"})

    assert (await call(wrap(html))).body == DONE


async def test_c28_every_cookie_is_kept(wrap: Any) -> None:
    """The app's Set-Cookie lines stay, in order and apart, and ours comes last."""
    headers = [*HTML, (b"Set-Cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2, c; Path=/")]
    lines = (await call(wrap(Answer(PAGE, headers=headers)), scheme="https")).all("set-cookie")
    assert lines[:2] == ["a=1; Path=/", "b=2, c; Path=/"]
    assert len(lines) == 3 and lines[2].startswith("__Host-pz=")
