"""C13 to C23: codings, encodings, chunk splits and types, through the real middleware."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.middleware.gzip import GZipMiddleware

from personalize.page.codings import available, decoder
from personalize.testing import HTML, Answer, Response, call

TEXT = b"Some words to compress, and then some more of them. " * 60
PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p>' + TEXT + b"</p></body></html>"
DONE = PAGE.replace(b"old", b"<b>hi</b>")
PLAIN = b"<!doctype html><html><body><p>" + TEXT + b"</p></body></html>"
ACCEPT = (b"accept-encoding", b"gzip, deflate, br, zstd")
CODINGS = ["gzip", "deflate", "br", "zstd"]


def compress(coding: str, data: bytes) -> bytes:
    """A body as an app's own library makes it."""
    if not available(coding):
        pytest.skip(f"no library for {coding}")
    if coding == "gzip":
        return gzip.compress(data)
    if coding == "deflate":
        return zlib.compress(data)
    if coding == "br":
        return pytest.importorskip("brotli").compress(data)  # type: ignore[no-any-return]
    return pytest.importorskip("zstandard").ZstdCompressor().compress(data)  # type: ignore[no-any-return]


def decoded(response: Response) -> tuple[bytes, bool]:
    """The decoded body, and whether it came to its coding's proper end."""
    made = decoder(response.header("content-encoding") or "identity")
    return b"".join(made.feed(response.body)), made.complete


def coded_headers(coding: str) -> list[tuple[bytes, bytes]]:
    return [*HTML, (b"content-encoding", coding.encode())]


def split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1_000_000, 100, 7, 1])
async def test_c13_a_coded_page_is_rewritten(wrap: Any, coding: str, size: int) -> None:
    """A body in a known coding is decoded, rewritten and coded again, in one chunk or in many."""
    body = compress(coding, PAGE)
    got = await call(wrap(Answer(*split(body, size), headers=coded_headers(coding), length=True)))
    assert decoded(got) == (DONE, True)
    assert got.header("content-length") in ([str(len(got.body))] if size > len(body) else [None, str(len(got.body))])


@pytest.mark.parametrize("coding", CODINGS)
async def test_c13_a_coded_page_without_slots_is_the_same(wrap: Any, coding: str) -> None:
    """Where nothing changes, the coded bytes are the app's own."""
    app = Answer(compress(coding, PLAIN), headers=[*coded_headers(coding), (b"etag", b'"1"')], length=True)
    assert (await call(wrap(app))).messages == (await call(app)).messages


@pytest.mark.parametrize("coding", [b"dcb", b"compress", b"gzip, br", b"gzip, gzip"])
async def test_c13_unknown_and_stacked_codings_pass(wrap: Any, coding: bytes) -> None:
    """What cannot be undone passes message for message."""
    app = Answer(PAGE[:50], PAGE[50:], headers=[*HTML, (b"content-encoding", coding)])
    assert (await call(wrap(app))).messages == (await call(app)).messages


@pytest.mark.parametrize("coding", CODINGS)
async def test_c13_a_body_that_is_not_in_its_coding_passes(wrap: Any, coding: str) -> None:
    """A page that is labelled as coded but is not passes message for message."""
    compress(coding, b"")
    app = Answer(PAGE, headers=coded_headers(coding), length=True)
    assert (await call(wrap(app))).messages == (await call(app)).messages


@pytest.mark.parametrize("coding", CODINGS)
async def test_c13_each_flushed_chunk_leaves_at_once(wrap: Any, coding: str) -> None:
    """What the app flushed before the slot can be read before the app sends more."""
    from personalize.page.codings import encoder

    compress(coding, b"")
    made = encoder(coding)
    parts = [made.encode(PAGE[:40]), made.encode(PAGE[40:200]), made.encode(PAGE[200:], end=True)]
    got = await call(wrap(Answer(*parts, headers=coded_headers(coding))))
    back = decoder(coding)
    first = b"".join(piece for chunk in got.chunks[:1] for piece in back.feed(chunk))
    assert DONE.startswith(first) and len(first) >= 15
    assert decoded(got) == (DONE, True)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1_000_000, 50])
async def test_c14_a_truncated_body_gets_no_end(wrap: Any, coding: str, size: int) -> None:
    """Of a coded body that was cut short, the bytes so far pass, and no end is invented."""
    body = compress(coding, PAGE)[:-20]
    made = decoder(coding)
    there = b"".join(made.feed(body))
    got = await call(wrap(Answer(*split(body, size), headers=coded_headers(coding))))
    out, complete = decoded(got)
    assert not complete
    assert out == there.replace(b"old", b"<b>hi</b>")


async def test_c15_gzip_middleware_inside_and_outside(wrap: Any) -> None:
    """GZipMiddleware inside or outside: the decoded pages are equal."""
    pages = []
    for chunks in ((PAGE,), (PAGE[:100], PAGE[100:])):
        inside = wrap(GZipMiddleware(Answer(*chunks), minimum_size=10))
        outside = GZipMiddleware(wrap(Answer(*chunks)), minimum_size=10)
        for app in (inside, outside):
            got = await call(app, headers=[ACCEPT])
            assert got.header("content-encoding") == "gzip"
            pages.append(decoded(got))
    assert pages == [(DONE, True)] * 4


@pytest.mark.parametrize(
    ("charset", "page", "codec"),
    [
        ("; charset=iso-8859-1", '<p>é</p><div data-slot="hero">old</div>', "cp1252"),
        ("; charset=Shift_JIS", '<p>表示</p><div data-slot="hero">old</div>', "cp932"),
        ("", '<meta charset=koi8-r><p>ж</p><div data-slot="hero">old</div>', "koi8-r"),
        ("", '\ufeff<meta charset=koi8-r><p>ж</p><div data-slot="hero">old</div>', "utf-8"),
        ("; charset=koi8-r", '\ufeff<p>ж</p><div data-slot="hero">old</div>', "utf-8"),
        ("", '<p>ж</p><div data-slot="hero">old</div>', "utf-8"),
    ],
)
@pytest.mark.parametrize("size", [1_000_000, 1])
async def test_c16_the_page_keeps_its_encoding(wrap: Any, charset: str, page: str, codec: str, size: int) -> None:
    """Mark, header, meta, UTF-8: the fill is written in the page's own encoding, the rest as references."""
    body = page.encode(codec)
    slots = {"hero": {"match": {"path": "/**"}, "default": {"html": "é € ж"}}}
    headers = [(b"content-type", b"text/html" + charset.encode())]
    got = await call(wrap(Answer(*split(body, size), headers=headers), slots=slots))
    assert got.body == body.replace(b"old", "é € ж".encode(codec, "xmlcharrefreplace"))


MATCHES = [{"element": "[title^=Ürün]"}, {"element": ".yok, .\\dcrünler"}, {"comment": "köşe"}]


@pytest.mark.parametrize("match", MATCHES)
async def test_c16_slots_are_found_by_letters_of_the_pages_encoding(wrap: Any, match: dict[str, str]) -> None:
    """A selector or a comment's name with letters beyond ASCII finds its slot in windows-1254 as in UTF-8, when the
    page is new and when it comes again, whole or in parts; the same bytes in another encoding hold other letters."""
    page = '<p title="Ürünler" class="Ürünler">-</p>'
    if "comment" in match:
        page = "<!-- slot:köşe -->-<!-- /slot:köşe -->"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        size, written, label = scope["path"].strip("/").split("/")
        headers = [(b"content-type", b"text/html; charset=" + label.encode())]
        await Answer(*split(page.encode(written), int(size)), headers=headers)(scope, receive, send)

    slots = {"hero": {"match": {"path": "/**", **match}, "consent": "none", "default": {"html": "İŞ"}}}
    wrapped = wrap(app, slots=slots)
    for size in (1000, 1000, 1000, 7):
        for codec, label in (("utf-8", "utf-8"), ("cp1254", "windows-1254"), ("cp1254", "iso-8859-9")):
            got = await call(wrapped, f"/{size}/{codec}/{label}")
            assert got.body == page.replace(">-<", ">İŞ<").encode(codec)
        for codec, label in (("cp1254", "utf-8"), ("utf-8", "windows-1254")):
            assert (await call(wrapped, f"/{size}/{codec}/{label}")).body == page.encode(codec)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
async def test_c17_utf16_passes(wrap: Any, codec: str) -> None:
    """A page that cannot be scanned in bytes passes message for message."""
    headers = [(b"content-type", b"text/html; charset=" + codec.encode())]
    app = Answer(PAGE.decode().encode(codec), headers=headers, length=True)
    assert (await call(wrap(app))).messages == (await call(app)).messages


async def test_c17_invalid_bytes_outside_slots_stay(wrap: Any) -> None:
    """Bytes that are no UTF-8, NUL and half characters outside slots come out as they went in."""
    odd = b"\xff\xfe\x80\0\xed\xa0\x80\xc3"
    page = b"<p>" + odd + b'</p><div data-slot="hero">' + odd + b"</div>" + odd
    got = await call(wrap(Answer(page)))
    assert got.body == b"<p>" + odd + b'</p><div data-slot="hero"><b>hi</b></div>' + odd


SMALL = "<!doctype html><p>é</p><!-- a --><div title='>' data-slot=\"hero\">old</div><script>'<div>'</script>é".encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(SMALL)), max_size=8))
async def test_c18_every_split_gives_the_same_page(wrap: Any, cuts: list[int]) -> None:
    """Law: wherever the app cuts its page, also in a tag, a comment or a character, the visitor's page is the same."""
    marks = [0, *sorted(cuts), len(SMALL)]
    chunks = [SMALL[a:b] for a, b in pairwise(marks)]
    got = await call(wrap(Answer(*chunks)))
    assert got.body == SMALL.replace(b"old", b"<b>hi</b>")


async def test_c18_one_byte_at_a_time(wrap: Any) -> None:
    """The finest split of all, plain and gzipped."""
    got = await call(wrap(Answer(*split(SMALL, 1))))
    assert got.body == SMALL.replace(b"old", b"<b>hi</b>")
    coded = await call(wrap(Answer(*split(gzip.compress(SMALL), 1), headers=coded_headers("gzip"))))
    assert decoded(coded) == (SMALL.replace(b"old", b"<b>hi</b>"), True)


@pytest.mark.parametrize("kind", [memoryview, bytearray])
@pytest.mark.parametrize("size", [1_000_000, 40])
async def test_bodies_of_another_kind_are_pages_too(wrap: Any, kind: Any, size: int) -> None:
    """Starlette streams a memoryview as it is: the page is rewritten, when it is new and when it comes again."""
    app = wrap(Answer(*map(kind, split(PAGE, size))))
    assert [(await call(app)).body for _ in range(4)] == [DONE] * 4


@pytest.mark.parametrize("at", range(0, 60, 7))
@pytest.mark.parametrize("size", [1_000_000, 9, 1])
async def test_a_mistake_of_ours_costs_no_byte(wrap: Any, monkeypatch: pytest.MonkeyPatch, at: int, size: int) -> None:
    """If scanning fails on some page, at whatever chunk, the page's own bytes come out from there on, every one."""
    from personalize.page.scanner import Scanner

    honest, calls = Scanner.feed, 0

    def breaks(self: Scanner, *given: Any) -> None:
        nonlocal calls
        calls += 1
        honest(self, *given)
        if calls == at // size + 1:
            raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Scanner, "feed", breaks)
    page = b"<!doctype html><p>before</p><!-- a --><p title='>'>more text</p>" + SMALL
    app = wrap(Answer(*split(page, size)))
    got = await call(app)
    assert got.body == page and got.done
    assert app.observer.counters["failed.page"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"text/event-stream")],
        [(b"content-type", b"application/x-ndjson")],
        [(b"content-type", b"application/json")],
        [(b"content-type", b"image/png")],
        [(b"content-type", b"application/octet-stream")],
        [*HTML, (b"Content-Disposition", b"attachment; filename=page.html")],
    ],
    ids=lambda headers: headers[-1][1].decode(),
)
async def test_c20_other_types_pass_and_are_not_delayed(wrap: Any, headers: list[tuple[bytes, bytes]]) -> None:
    """What is no page passes message for message, each before the app makes the next."""
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        order.append("started")
        await send({"type": "http.response.body", "body": PAGE, "more_body": True})
        order.append("first")
        await send({"type": "http.response.body", "body": PAGE})

    async def note(message: Any) -> None:
        order.append(message["type"])

    bare = await call(app)
    order.clear()
    got = await call(wrap(app), on_send=note)
    assert got.messages == bare.messages
    assert order == ["http.response.start", "started", "http.response.body", "first", "http.response.body"]


XHTML = (
    b'<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
    b'"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"><html xmlns="http://www.w3.org/1999/xhtml"><body>'
    b'<div data-slot="hero">old&nbsp;<br/></div><p>rest</p></body></html>'
)
XML = [(b"content-type", b"application/xhtml+xml")]


async def test_c21_well_formed_content_goes_into_xhtml(wrap: Any) -> None:
    """An XHTML page takes content that leaves it well-formed."""
    got = await call(wrap(Answer(XHTML, headers=XML)))
    assert got.body == XHTML.replace(b"old&nbsp;<br/>", b"<b>hi</b>")
    assert got.header("cache-control") == "private, no-store"


@pytest.mark.parametrize("html", ["<b>hi", "a<br>b", "a & b", "<p x=1>hi</p>"])
async def test_c21_other_content_leaves_xhtml_as_it_is(wrap: Any, html: str) -> None:
    """Content that would leave the browser with an error page does not go in: the page passes message for message."""
    app = Answer(XHTML, headers=XML, length=True)
    slots = {"hero": {"match": {"path": "/**"}, "default": {"html": html}}}
    assert (await call(wrap(app, slots=slots))).messages == (await call(app)).messages


@pytest.mark.parametrize(
    "page",
    [
        XHTML.replace(b"old", b'<div class="empty"/>old'),
        XHTML.replace(b"<p>rest</p>", b"<p>rest"),
        XHTML.replace(b"<body>", b"<body><script src='a.js'/>"),
    ],
    ids=["an element closed in XML's way", "a broken page", "a script closed in XML's way"],
)
async def test_c21_xhtml_that_html_reads_otherwise_passes(wrap: Any, page: bytes) -> None:
    """Where HTML's rules would find the slot's end elsewhere than XML's, the page passes message for message."""
    app = Answer(page, headers=XML, length=True)
    assert (await call(wrap(app))).messages == (await call(app)).messages


async def test_c21_streamed_xhtml_passes(wrap: Any) -> None:
    """Nothing can be promised of a page that is not yet known to its end."""
    app = Answer(XHTML[:200], XHTML[200:], headers=[(b"content-type", b"application/xhtml+xml; charset=utf-8")])
    assert (await call(wrap(app))).messages == (await call(app)).messages


async def test_c22_a_fragment_is_a_page(wrap: Any) -> None:
    """A fragment without html or head, as htmx and Turbo ask for, has its slots filled and nothing else inserted."""
    fragment = b'<div data-slot="hero">old</div>'
    got = await call(wrap(Answer(fragment)), headers=[(b"hx-request", b"true")])
    assert got.body == b'<div data-slot="hero"><b>hi</b></div>'


@pytest.mark.parametrize("headers", [[], HTML])
@pytest.mark.parametrize("body", [b'{"a": "<div data-slot=hero"}', b"\x89PNG\r\n\x1a\n\0\0<di", b"", PLAIN])
async def test_c23_what_is_no_page_passes(wrap: Any, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Without a Content-Type, or with text/html on something else, nothing changes unless a slot is found."""
    app = Answer(body, headers=[*headers, (b"etag", b'"1"')], length=True)
    assert (await call(wrap(app))).messages == (await call(app)).messages


async def test_c23_head_without_a_type_passes(wrap: Any) -> None:
    """There is no body to find a slot in, so nothing says that it is a page."""
    app = Answer(PAGE, headers=[(b"etag", b'"1"')], length=True)
    assert (await call(wrap(app), method="HEAD")).messages == (await call(app, method="HEAD")).messages


async def test_c23_without_a_type_a_slot_makes_it_a_page(wrap: Any) -> None:
    """A slot that is found proves that it is a page."""
    got = await call(wrap(Answer(PAGE, headers=[(b"etag", b'"1"')], length=True)))
    assert got.body == DONE
    assert got.header("etag") is None and got.header("content-length") == str(len(DONE))
