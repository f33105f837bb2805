"""`compress: true`, through the real middleware: C1 to C31 where a page leaves in a coding that we chose."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.middleware.gzip import GZipMiddleware

from personalize.editor.preview import link
from personalize.page.codings import available, decoder
from personalize.testing import HTML, Answer, Response, call
from personalize.visitor import Preview

TEXT = b" ".join(b"Some words to compress, number %d, and then some more." % n for n in range(60))
PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p>' + TEXT + b"</p></body></html>"
DONE = PAGE.replace(b"old", b"<b>hi</b>")
PLAIN = b"<!doctype html><html><body><p>" + TEXT + b"</p></body></html>"
BROWSER = b"gzip, deflate, br, zstd"
PARTS = (PAGE[:40], PAGE[40:400], PAGE[400:])
needs_zstd = pytest.mark.skipif(not available("zstd"), reason="zstandard is not here")


def decoded(response: Response) -> bytes:
    """The body without its coding, which must have come to its end."""
    made = decoder(response.header("content-encoding") or "identity")
    out = b"".join(made.feed(response.body))
    assert made.complete
    return out


def is_stitched(response: Response) -> bool:
    """Whether the body was put together from pieces: then a short fill stands in it as it is."""
    return b"<b>hi</b>" in response.body


@pytest.fixture
def compressing(wrap: Any) -> Any:
    """The middleware with `compress: true` around an app."""
    return lambda app, **changes: wrap(app, site={"compress": True, **changes.pop("site", {})}, **changes)


async def ask(app: Any, accept: bytes | None = b"gzip", times: int = 1, **how: Any) -> Response:
    """The last of several equal requests."""
    for _ in range(times):
        got = await call(app, headers=[] if accept is None else [(b"accept-encoding", accept)], **how)
    return got


@pytest.mark.parametrize("chunks", [(PAGE,), PARTS], ids=["whole", "parts"])
@pytest.mark.parametrize("accept", [b"gzip", b"x-gzip;q=0.5, identity;q=0.1", BROWSER, b"br", b"deflate", b"*"])
async def test_a_page_leaves_in_a_coding_that_the_client_takes(compressing: Any, chunks: Any, accept: bytes) -> None:
    """Whole or in parts, the first time and later, the decoded page is the personalized one."""
    if accept == b"br" and not available("br"):
        pytest.skip("brotli is not here")
    app = compressing(Answer(*chunks, length=True))
    for _ in range(3):
        got = await ask(app, accept)
        coding = got.header("content-encoding")
        assert coding is not None and (coding == "gzip" or coding.encode() in accept)
        assert decoded(got) == DONE
        assert got.header("vary") == "Accept-Encoding"
        assert len(got.body) < len(DONE)


@pytest.mark.parametrize("accept", [None, b"", b"identity", b"gzip;q=0", b"*;q=0", b"identity, gzip;q=0.5", b"exi"])
async def test_whoever_does_not_take_it_gets_the_plain_page(compressing: Any, accept: bytes | None) -> None:
    """Without a coding that is wanted the page is plain; that it varies is said all the same."""
    for chunks in ((PAGE,), PARTS):
        got = await ask(compressing(Answer(*chunks)), accept, times=2)
        assert got.body == DONE
        assert got.header("content-encoding") is None and got.header("vary") == "Accept-Encoding"


async def test_nothing_is_compressed_unasked(wrap: Any) -> None:
    """Without `compress: true` pages leave as they did."""
    got = await ask(wrap(Answer(PAGE)), BROWSER, times=3)
    assert got.body == DONE and got.header("content-encoding") is None and got.header("vary") is None


async def test_a_page_seen_before_is_stitched(compressing: Any) -> None:
    """From the second time on gzip is stitched, also for a client that takes others as well."""
    app = compressing(Answer(PAGE, length=True))
    assert not is_stitched(await ask(app, b"gzip"))
    for accept in (b"gzip", BROWSER, b"gzip;q=0.2"):
        got = await ask(app, accept)
        assert is_stitched(got) and got.header("content-encoding") == "gzip"
        assert gzip.decompress(got.body) == DONE


@needs_zstd
async def test_a_page_never_seen_takes_what_is_cheapest(compressing: Any) -> None:
    """A client that likes gzip and zstd alike gets zstd for a new page; one that likes gzip better gets gzip."""
    assert (await ask(compressing(Answer(PAGE)), BROWSER)).header("content-encoding") == "zstd"
    assert (await ask(compressing(Answer(PAGE)), b"gzip, zstd;q=0.9")).header("content-encoding") == "gzip"


@pytest.mark.parametrize("kind", [bytes, bytearray])
async def test_a_page_with_holes_is_stitched(compressing: Any, kind: Any) -> None:
    """A page that differs in a token each time is known by its template, and every version is right; also from an app
    that sends its bytes in a form that can change."""
    turn = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Answer(kind(version(turn)))(scope, receive, send)

    def version(number: int) -> bytes:
        token = b'<input type="hidden" name="csrf" value="%032x">' % (number * 7919**8)
        return PAGE.replace(b"<body>", b"<body>" + token).replace(b"</p>", b"</p>%b<p>%d</p>" % (token, number))

    middleware = compressing(app)
    for turn in range(10**6, 10**6 + 8):
        got = await ask(middleware, b"gzip")
        assert decoded(got) == version(turn).replace(b"old", b"<b>hi</b>")
    assert is_stitched(got)


async def test_whatever_is_done_at_its_slots_a_page_is_stitched(compressing: Any) -> None:
    """Slots that replace, remove, insert and set attributes, at every match too: later bodies are put together."""
    row = b'<p class="x">one</p><a href="/old">a</a><i>gone</i>'
    match = {"path": "/**"}
    slots = {
        "hero": {"match": match, "default": {"html": "<b>hi</b>"}},
        "rows": {"match": {**match, "element": "p.x", "do": "before", "all": True}, "default": {"html": "<hr>"}},
        "link": {
            "match": {**match, "element": "a", "do": "set_attribute", "attribute": "href"},
            "default": {"html": "/new?a=1"},
        },
        "gone": {"match": {**match, "element": "i", "do": "remove"}, "default": "empty"},
    }
    page = PAGE + row * 3
    plain = await ask(compressing(Answer(page), slots=slots), None)
    assert plain.body == DONE + (b"<hr>" + row).replace(b"/old", b"/new?a=1").replace(b"<i>gone</i>", b"") + (
        b"<hr>" + row
    ) * 2
    app = compressing(Answer(page), slots=slots)
    for turn in range(3):
        got = await ask(app)
        assert decoded(got) == plain.body and is_stitched(got) is (turn > 0)


async def test_c01_head_says_that_the_page_varies(compressing: Any) -> None:
    """HEAD has no body and promises no length of one; the coding, which only the page's making tells, is left out."""
    app = compressing(Answer(PAGE, length=True))
    got = await ask(app, b"gzip", times=2, method="HEAD")
    assert got.body == b"" and got.done
    assert got.header("content-length") is None and got.header("content-encoding") is None
    assert got.header("vary") == "Accept-Encoding" and got.header("cache-control") == "private, no-store"


@pytest.mark.parametrize("status", [204, 205, 304, 302])
async def test_c02_a_response_without_a_page_is_the_same(compressing: Any, status: int) -> None:
    """What has no body gets none, and no coding."""
    app = Answer(b"", status=status, headers=[*HTML, (b"etag", b'"1"')])
    assert (await ask(compressing(app))).messages == (await ask(app)).messages


async def test_c02_an_empty_page_is_the_same(compressing: Any) -> None:
    """An empty body stays empty, in one message or several."""
    for chunks in ((b"",), (b"", b"")):
        app = Answer(*chunks, length=True)
        got = await ask(compressing(app))
        assert decoded(got) == b""
    app = Answer(b"", length=True)
    assert (await ask(compressing(app))).messages == (await ask(app)).messages


@pytest.mark.parametrize("times", [1, 3])
async def test_c05_the_length_is_that_of_the_coded_body(compressing: Any, times: int) -> None:
    """Content-Length counts the bytes that are sent; where the app told none, or the page streams, there is none."""
    got = await ask(compressing(Answer(PAGE, length=True)), times=times)
    assert got.header("content-length") == str(len(got.body))
    for app in (Answer(PAGE), Answer(*PARTS, length=True)):
        assert (await ask(compressing(app), times=times)).header("content-length") is None


async def test_c06_c07_c08_what_spoke_of_the_apps_bytes_goes(compressing: Any) -> None:
    """ETag, digests and public caching go as they do without compression."""
    headers = [*HTML, (b"ETag", b'"1"'), (b"Digest", b"x"), (b"Last-Modified", b"x"), (b"Cache-Control", b"public")]
    got = await ask(compressing(Answer(PAGE, headers=headers)), times=2)
    assert [got.header(name) for name in ("etag", "digest", "last-modified")] == [None] * 3
    assert got.header("cache-control") == "private, no-store" and decoded(got) == DONE


async def test_c09_a_page_without_slots_is_the_same(compressing: Any) -> None:
    """Where no slot is found nothing is compressed, message for message the app's own."""
    app = Answer(PLAIN, headers=[*HTML, (b"etag", b'"1"'), (b"cache-control", b"public")], length=True)
    middleware = compressing(app)
    for _ in range(3):
        assert (await ask(middleware)).messages == (await ask(app)).messages


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [
        ([], ["Accept-Encoding"]),
        ([(b"Vary", b"Cookie")], ["Cookie, Accept-Encoding"]),
        ([(b"Vary", b"Cookie"), (b"VARY", b"Origin")], ["Cookie", "Origin, Accept-Encoding"]),
        ([(b"vary", b"accept-encoding, Cookie")], ["accept-encoding, Cookie"]),
        ([(b"vary", b"*")], ["*"]),
        ([(b"vary", b"Cookie, *")], ["Cookie, *"]),
        ([(b"vary", b"")], ["Accept-Encoding"]),
    ],
)
async def test_c11_vary_is_merged(compressing: Any, upstream: Any, expected: list[str]) -> None:
    """Accept-Encoding is added to what the app's page varies by already; `*` and what is there stay."""
    app = Answer(PAGE, headers=[*HTML, *upstream])
    got = await ask(compressing(app))
    assert got.all("vary") == expected and decoded(got) == DONE


async def test_c12_no_transform_is_the_same(compressing: Any) -> None:
    """What nobody may transform is not compressed."""
    app = Answer(PAGE, headers=[*HTML, (b"cache-control", b"no-transform")], length=True)
    assert (await ask(compressing(app))).messages == (await ask(app)).messages


@pytest.mark.parametrize("times", [1, 3])
async def test_c13_the_apps_own_coding_stays(wrap: Any, compressing: Any, times: int) -> None:
    """A body that the app coded leaves in the app's coding, whoever asked for what; it is stitched where it is gzip,
    with `compress` and without."""
    for coding, made in (("gzip", gzip.compress(PAGE)), ("deflate", zlib.compress(PAGE))):
        app = Answer(made, headers=[*HTML, (b"content-encoding", coding.encode())], length=True)
        for put in (wrap, compressing):
            got = await ask(put(app), b"zstd", times=times)
            assert got.all("content-encoding") == [coding] and got.header("vary") is None
            assert decoded(got) == DONE and got.header("content-length") == str(len(got.body))
            assert is_stitched(got) is (coding == "gzip" and times > 1)


async def test_c13_a_page_that_says_identity_is_left_plain(compressing: Any) -> None:
    """An app that must not have a page compressed, for secrets in it, says so with Content-Encoding: identity."""
    for chunks in ((PAGE,), PARTS):
        app = Answer(*chunks, headers=[*HTML, (b"Content-Encoding", b"identity")])
        got = await ask(compressing(app), times=2)
        assert got.body == DONE and got.all("content-encoding") == ["identity"]


@pytest.mark.parametrize("times", [1, 3])
async def test_c14_a_truncated_body_gets_no_end(compressing: Any, times: int) -> None:
    """A coded body that was cut short stays cut short, however well its page is known."""
    whole, cut = gzip.compress(PAGE), gzip.compress(PAGE)[:-4]  # every byte of the page, and no proper end
    headers = [*HTML, (b"content-encoding", b"gzip")]
    turns = [whole] * times + [cut]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Answer(turns.pop(0), headers=headers)(scope, receive, send)

    got = await ask(compressing(app), times=times + 1)
    made = decoder("gzip")
    assert b"".join(made.feed(got.body)) == DONE and not made.complete


@pytest.mark.parametrize("chunks", [(PAGE,), PARTS], ids=["whole", "parts"])
async def test_c15_no_middleware_compresses_twice(compressing: Any, chunks: Any) -> None:
    """With GZipMiddleware inside or outside, and with a second of our own, there is one coding and the same page."""
    apps = [
        compressing(GZipMiddleware(Answer(*chunks), minimum_size=10)),
        GZipMiddleware(compressing(Answer(*chunks)), minimum_size=10),
        compressing(compressing(Answer(*chunks))),
    ]
    for app in apps:
        for accept in (b"gzip", BROWSER):
            got = await ask(app, accept, times=2)
            assert len(got.all("content-encoding")) == 1 and decoded(got) == DONE


async def test_c15_outside_gzip_middleware_compresses_the_rest(compressing: Any) -> None:
    """Pages without a slot, and what is no page, are compressed by a GZipMiddleware outside as without us."""
    for app in (Answer(PLAIN), Answer(TEXT, headers=[(b"content-type", b"application/json")])):
        got, bare = await ask(GZipMiddleware(compressing(app))), await ask(GZipMiddleware(app))
        assert got.messages == bare.messages and got.header("content-encoding") == "gzip"


async def test_c16_a_page_keeps_its_encoding(compressing: Any) -> None:
    """Characters are written in the page's own encoding before its bytes are compressed."""
    page = ('<meta charset=koi8-r><p>ж</p><div data-slot="hero">old</div>' + "слова и слова " * 60).encode("koi8-r")
    slots = {"hero": {"match": {"path": "/**"}, "default": {"html": "é ж"}}}
    app = compressing(Answer(page, headers=[(b"content-type", b"text/html")]), slots=slots)
    for _ in range(3):
        assert decoded(await ask(app)) == page.replace(b"old", "é ж".encode("koi8-r", "xmlcharrefreplace"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(PAGE)), max_size=6), accept=st.sampled_from([b"gzip", BROWSER, b"br"]))
async def test_c18_every_split_gives_the_same_page(compressing: Any, cuts: list[int], accept: bytes) -> None:
    """Law: wherever the app cuts its page, the decoded page is the same."""
    marks = [0, *sorted(cuts), len(PAGE)]
    app = compressing(Answer(*(PAGE[a:b] for a, b in pairwise(marks))))
    assert decoded(await ask(app, accept, times=2)) == DONE


@pytest.mark.parametrize("accept", [b"gzip", BROWSER, b"br"])
async def test_c18_each_chunk_can_be_read_at_once(compressing: Any, accept: bytes) -> None:
    """What the app sent before the slot is decoded by the client before the app sends more."""
    made: Any = None
    read = b""
    arrived = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE[:28], "more_body": True})
        async with asyncio.timeout(30):
            await arrived.wait()
        await send({"type": "http.response.body", "body": PAGE[28:]})

    async def note(message: Any) -> None:
        nonlocal made, read
        if message["type"] == "http.response.start":
            made = decoder(dict(message["headers"])[b"content-encoding"].decode())
        else:
            read += b"".join(made.feed(message["body"]))
            if PAGE[:22] in read:
                arrived.set()

    await ask(compressing(app), accept, on_send=note)
    assert read == DONE and made.complete


@pytest.mark.parametrize("type_", [b"text/event-stream", b"application/json", b"image/png", b"text/plain"])
async def test_c20_what_is_no_page_is_the_same(compressing: Any, type_: bytes) -> None:
    """Other types pass message for message."""
    app = Answer(PAGE, headers=[(b"content-type", type_)], length=True)
    assert (await ask(compressing(app))).messages == (await ask(app)).messages


async def test_c21_a_broken_xhtml_page_is_the_same(compressing: Any) -> None:
    """Where the content would break an XHTML page, the app's page passes uncompressed; else it is compressed."""
    body = b'<body><div data-slot="hero">old</div><p>' + TEXT + b"</p></body>"
    page = b'<html xmlns="http://www.w3.org/1999/xhtml">' + body + b"</html>"
    for html, whole in (("<br>", False), ("<br/>", True)):
        app = Answer(page, headers=[(b"content-type", b"application/xhtml+xml")], length=True)
        slots = {"hero": {"match": {"path": "/**"}, "default": {"html": html}}}
        got = await ask(compressing(app, slots=slots), times=3)
        if whole:
            assert decoded(got) == page.replace(b"old", html.encode()) and got.header("content-encoding") == "gzip"
        else:
            assert got.messages == (await ask(app)).messages


async def test_c22_small_fragments_are_left_plain(compressing: Any) -> None:
    """Under 500 bytes, counted with what the slots show, a page is not compressed."""
    small = b'<div data-slot="hero">old</div>'
    for html, coding in (("<b>hi</b>", None), ("<p>words</p>" * 100, "gzip")):
        slots = {"hero": {"match": {"path": "/**"}, "default": {"html": html}}}
        got = await ask(compressing(Answer(small, length=True), slots=slots), times=3)
        assert got.header("content-encoding") == coding
        assert decoded(got) == small.replace(b"old", html.encode())


async def test_c30_an_error_in_the_middle_is_no_clean_end(compressing: Any) -> None:
    """When the app fails in its page, the coded body has no end either."""
    app = Answer(*PARTS, fail=ValueError("in the middle"), fail_at=2)
    got = await ask(compressing(app), keep_error=True)
    made = decoder("gzip")
    out = b"".join(made.feed(got.body))
    assert isinstance(got.error, ValueError) and not got.done
    assert DONE.startswith(out) and out and not made.complete


@pytest.mark.parametrize("chunks", [(PAGE,), PARTS], ids=["whole", "parts"])
async def test_c31_http_1_0_gets_what_it_asked_for(compressing: Any, chunks: Any) -> None:
    """A proxy that speaks HTTP/1.0 and passes Accept-Encoding on gets a coded body with its length."""
    app = compressing(Answer(*chunks, length=True))
    for _ in range(3):
        got = await ask(app, http_version="1.0")
        assert decoded(got) == DONE and got.header("content-length") == str(len(got.body))


async def test_c34_a_large_page_streams_in_its_coding(compressing: Any) -> None:
    """A page beyond what is judged as a whole is coded as it passes."""
    page = b'<div data-slot="hero">old</div>' + b"<p>some words</p>" * 400_000
    got = await ask(compressing(Answer(page, length=True)), BROWSER)
    assert decoded(got) == page.replace(b"old", b"<b>hi</b>")


async def test_a_slot_that_takes_its_time_is_stitched_too(compressing: Any) -> None:
    """A known page whose content comes from elsewhere, or not in time, is stitched once it is there."""
    late = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await late.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<b>hi</b>")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    source = {"use": "http", "url": url, "allow_private": True, "timeout": "5s", "fresh": 0, "trust": "trusted",
              "stale_while_revalidate": 0}  # fmt: skip
    slots = {"hero": {"match": {"path": "/**"}, "consent": "none", "default": {"source": "cms"}}}
    app = compressing(Answer(PAGE, length=True), site={"budget": "5s"}, sources={"cms": source}, slots=slots)
    try:
        late.set()
        await ask(app)
        late.clear()
        running = asyncio.ensure_future(ask(app))
        await asyncio.sleep(0.05)
        assert not running.done()
        late.set()
        got = await running
        assert decoded(got) == DONE and is_stitched(got)
    finally:
        server.close()


async def test_a_preview_is_compressed_as_its_page_is(compressing: Any) -> None:
    """A preview is any other page: coded where the client takes it."""
    app = compressing(Answer(PAGE))
    await app.start()
    token = app.engine.previews.make(Preview(), time.time(), 60)
    query = link("/", token).partition("?")[2].encode()
    got = await ask(app, query=query)
    assert got.header("x-robots-tag") == "noindex, nofollow" and got.header("content-encoding") == "gzip"
    assert decoded(got) == DONE
