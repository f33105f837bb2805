"""page.headers: which responses may be rewritten, and what their head becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.page.headers import judge, personalized, request_scope, return_scope

HTML = (b"content-type", b"text/html; charset=utf-8")
Pair = tuple[bytes, bytes]


@pytest.mark.parametrize(
    ("headers", "charset"),
    [
        ([HTML], "utf-8"),
        ([(b"Content-Type", b"TEXT/HTML")], None),
        ([(b"CONTENT-TYPE", b'text/html;Charset="Shift_JIS"')], "Shift_JIS"),
        ([(b"content-type", b'text/html; x="; charset=utf-16"; charset=koi8-r')], "koi8-r"),
        ([(b"content-type", b"application/xhtml+xml ; charset = latin1")], "latin1"),
        ([(b"content-type", b"text/html; charset=")], None),
        ([HTML, HTML], "utf-8"),
        ([HTML, (b"content-disposition", b'inline; filename="a.html"')], "utf-8"),
        ([HTML, (b"cache-control", b"public, max-age=60, x-no-transformers")], "utf-8"),
    ],
)
def test_an_html_page_may_be_rewritten(headers: list[Pair], charset: str | None) -> None:
    """HTML and XHTML are rewritten, and the header's charset is read as browsers read it, in any case of letters."""
    verdict = judge("GET", 200, headers)
    assert verdict.rewrite and not verdict.sniff
    assert verdict.charset == charset
    assert verdict.coding == "identity"


REFUSED: list[tuple[str, str, int, list[Pair]]] = [
    ("post", "POST", 200, [HTML]),
    ("informational", "GET", 103, [HTML]),
    ("no content", "GET", 204, [HTML]),
    ("reset content", "GET", 205, [HTML]),
    ("not modified", "GET", 304, [HTML]),
    ("partial", "GET", 206, [HTML]),
    ("delta", "GET", 226, [HTML]),
    ("redirect", "GET", 302, [HTML, (b"location", b"/")]),
    ("content-range", "GET", 200, [HTML, (b"Content-Range", b"bytes 0-1/2")]),
    ("json", "GET", 200, [(b"content-type", b"application/json")]),
    ("events", "GET", 200, [(b"content-type", b"text/event-stream")]),
    ("ndjson", "GET", 200, [(b"content-type", b"application/x-ndjson")]),
    ("plain text", "GET", 200, [(b"content-type", b"text/plain")]),
    ("multipart", "GET", 200, [(b"content-type", b"multipart/byteranges; boundary=text/html")]),
    ("two types", "GET", 200, [HTML, (b"content-type", b"image/png")]),
    ("two charsets", "GET", 200, [HTML, (b"content-type", b"text/html; charset=koi8-r")]),
    ("no type, no sniffing", "GET", 200, [(b"x-content-type-options", b"nosniff")]),
    ("attachment", "GET", 200, [HTML, (b"Content-Disposition", b"ATTACHMENT; filename=a.html")]),
    ("odd disposition", "GET", 200, [HTML, (b"content-disposition", b"form-data")]),
    ("no-transform", "GET", 200, [HTML, (b"Cache-Control", b"public, No-Transform")]),
    ("no-transform, second line", "GET", 200, [HTML, (b"cache-control", b"a"), (b"cache-control", b"no-transform")]),
    ("unknown coding", "GET", 200, [HTML, (b"content-encoding", b"dcb")]),
    ("stacked codings", "GET", 200, [HTML, (b"content-encoding", b"gzip, br")]),
    ("stacked over lines", "GET", 200, [HTML, (b"content-encoding", b"gzip"), (b"Content-Encoding", b"gzip")]),
    ("digest in a trailer", "GET", 200, [HTML, (b"trailer", b"Expires, Repr-Digest")]),
    ("given to nginx", "GET", 200, [HTML, (b"X-Accel-Redirect", b"/file")]),
]


@pytest.mark.parametrize(("method", "status", "headers"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_refused(method: str, status: int, headers: list[Pair]) -> None:
    """What is no whole HTML page for a person to see passes as it is, with a reason."""
    verdict = judge(method, status, iter(headers))
    assert not verdict.rewrite
    assert verdict.reason not in ("", "html")


@pytest.mark.parametrize(
    ("value", "coding"),
    [(b"gzip", "gzip"), (b"X-GZIP", "gzip"), (b"identity, deflate", "deflate"), (b"", "identity")],
)
def test_codings_that_are_undone(value: bytes, coding: str) -> None:
    """One known coding is named; identity says nothing."""
    verdict = judge("GET", 200, [HTML, (b"Content-Encoding", value)])
    assert verdict.rewrite and verdict.coding == coding


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_coding_is_unknown_without_its_library(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where brotli or zstandard is not installed, a response in that coding passes as it is."""
    from personalize.page import codings
    from personalize.page import headers as headers_module

    pytest.importorskip({"br": "brotli", "zstd": "zstandard"}[coding])
    headers = [HTML, (b"content-encoding", coding.encode())]
    assert judge("GET", 200, headers).rewrite

    def missing(name: str) -> object:
        raise ImportError(name)

    headers_module._judge_type.cache_clear()
    codings.available.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(codings, "import_module", missing)
        assert judge("GET", 200, headers).reason == "unknown coding"
    codings.available.cache_clear()
    headers_module._judge_type.cache_clear()


def test_without_a_content_type_only_a_slot_makes_it_a_page() -> None:
    """A response without Content-Type is a candidate that has to be sniffed."""
    assert judge("GET", 200, []).sniff
    assert judge("GET", 200, []).rewrite


@given(st.sampled_from([r[2:] for r in REFUSED] + [(200, [HTML]), (404, [HTML]), (200, [])]))
def test_head_is_judged_as_get(case: tuple[int, list[Pair]]) -> None:
    """HEAD's head changes exactly where GET's does."""
    assert judge("HEAD", *case) == judge("GET", *case)


def test_what_speaks_of_the_apps_bytes_is_removed() -> None:
    """Validators, digests, signatures, ranges and what feeds shared caches go; everything else stays in order."""
    names = b"""ETag Last-Modified Accept-Ranges Content-MD5 Digest Repr-Digest Content-Digest Signature Signature-Input
        Expires Surrogate-Control CDN-Cache-Control Cloudflare-CDN-Cache-Control Edge-Control X-Accel-Expires"""
    kept = [HTML, (b"X-A", b"1"), (b"age", b"5"), (b"vary", b"accept"), (b"link", b"</a>"), (b"X-A", b"2")]
    headers = [pair for at, name in enumerate(names.split()) for pair in [*kept[at : at + 1], (name, b'"v"')]]
    out = personalized(headers, length=None, set_cookie=None)
    assert out == [*kept, (b"cache-control", b"private, no-store")]


@pytest.mark.parametrize("etag", [b'"strong"', b'W/"weak"'])
def test_weak_and_strong_etags_go(etag: bytes) -> None:
    """The bytes are the visitor's, so no validator of the app's page is true of them."""
    assert b"etag" not in dict(personalized([(b"etag", etag)], length=1, set_cookie=None))


@pytest.mark.parametrize(
    ("headers", "length", "expected"),
    [
        ([(b"Content-Length", b"5"), (b"a", b"b")], 9, [(b"content-length", b"9"), (b"a", b"b")]),
        ([(b"content-length", b"5"), (b"a", b"b")], None, [(b"a", b"b")]),
        ([(b"content-length", b"5"), (b"content-length", b"5")], 9, [(b"content-length", b"9")]),
        ([(b"transfer-encoding", b"chunked")], 9, [(b"transfer-encoding", b"chunked")]),
    ],
)
def test_content_length_is_new_or_absent(headers: list[Pair], length: int | None, expected: list[Pair]) -> None:
    """A stale Content-Length never leaves; none is added where the app sent none."""
    assert personalized(headers, length=length, set_cookie=None)[:-1] == expected


@pytest.mark.parametrize(
    ("upstream", "option", "expected"),
    [
        ([], "no-store", b"private, no-store"),
        ([b"public, max-age=600"], "no-store", b"private, no-store"),
        ([b"public, max-age=600", b"s-maxage=9"], "no-cache", b"private, no-cache"),
        ([b"max-age=0, No-Store"], "no-cache", b"private, no-store"),
        ([b"private", b"no-store"], "no-cache", b"private, no-store"),
        ([b"x-no-store-y"], "no-cache", b"private, no-cache"),
    ],
)
def test_cache_control_is_private(upstream: list[bytes], option: str, expected: bytes) -> None:
    """One Cache-Control is left, private, and an upstream no-store is never weakened."""
    headers = [HTML, *((b"Cache-Control", value) for value in upstream), (b"x", b"y")]
    out = personalized(headers, length=None, set_cookie=None, cache_control=option)
    assert [value for name, value in out if name.lower() == b"cache-control"] == [expected]
    assert [name.lower() for name, _ in out if name != b"x"] == [b"content-type", b"cache-control"]


def test_cookies_are_all_kept_and_ours_is_last() -> None:
    """Two Set-Cookie lines stay two, in order, and ours comes after them."""
    headers = ((b"Set-Cookie", b"a=1"), HTML, (b"set-cookie", b"b=2"))
    out = personalized(headers, length=None, set_cookie=b"pz=3")
    assert [value for name, value in out if name.lower() == b"set-cookie"] == [b"a=1", b"b=2", b"pz=3"]
    assert out[-1] == (b"set-cookie", b"pz=3")


@pytest.mark.parametrize("cookie", [b"a=1\r\nx: y", b"a\n", b"a\0"])
def test_a_cookie_with_a_line_break_is_refused(cookie: bytes) -> None:
    """Nothing that could end a header line is put into one."""
    with pytest.raises(ValueError, match="refused"):
        personalized([], length=None, set_cookie=cookie)


NAMES = st.sampled_from([b"x-a", b"X-B", b"set-cookie", b"vary", b"link", b"server", b"trailer"])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=8))))
def test_other_headers_pass_in_order_and_the_apps_list_is_not_changed(headers: list[Pair]) -> None:
    """Law: what is not about bytes, caches or length comes out as it went in; the app's own list stays as it was."""
    before = list(headers)
    out = personalized(headers, length=3, set_cookie=None)
    assert headers == before
    assert out is not headers
    assert out == [*headers, (b"cache-control", b"private, no-store")]


def test_the_scope_for_a_page_has_no_conditions() -> None:
    """The copy lacks validators, Range and ways past us; the server's scope stays as it was."""
    names = [b"If-None-Match", b"if-modified-since", b"accept", b"range", b"If-Range"]
    headers = [(name, b"x") for name in names]
    extensions = {"http.response.pathsend": {}, "http.response.zerocopysend": {}, "http.response.push": {}}
    scope = {"type": "http", "headers": headers, "extensions": extensions, "state": {}}
    copy = request_scope(scope, {name.lower() for name in names})
    assert copy["headers"] == [(b"accept", b"x")]
    assert copy["extensions"] == {"http.response.push": {}}
    assert copy["state"] is scope["state"]
    assert scope["headers"] is headers and len(headers) == 5
    assert scope["extensions"] is extensions and len(extensions) == 3


def test_a_scope_with_nothing_to_take_away_is_the_servers_own() -> None:
    """Most requests have no conditions and no ways past us: their scope is not copied. Extensions are optional."""
    for more in ({}, {"extensions": {}}, {"extensions": {"http.response.push": {}}}):
        scope = {"type": "http", "headers": [(b"a", b"b")], **more}
        assert request_scope(scope, [b"a"]) is scope


def test_what_the_app_left_in_its_scope_comes_back() -> None:
    """Routers write the route into the scope, and middleware outside reads it; conditions stay with the server."""
    scope = {"type": "http", "headers": [(b"range", b"x")], "path": "/"}
    copy = request_scope(scope, [b"range"])
    copy["endpoint"] = "home"
    copy["path_params"] = {"a": 1}
    return_scope(scope, copy)
    assert scope["endpoint"] == "home" and scope["path_params"] == {"a": 1}
    assert scope["headers"] == [(b"range", b"x")]
