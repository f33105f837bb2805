"""Rows of the table that a real server shows best: the bare app's bytes where nothing is to be changed (C2, C4, C9,
C12, C13, C17, C20, C21, C23), and C10, C15, C18, C19, C28, C35, C36, C39, C40 and C42, with uvicorn and hypercorn."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.middleware.gzip import GZipMiddleware

from personalize import PersonalizeMiddleware
from personalize.testing import HTML, Answer

from .conftest import make_config, serving
from .test_wire import DONE, PAGE, PATIENCE, ask, raw

PLAIN = b"<!doctype html><html><body><p>no slot</p></body></html>"
BOTH = [*HTML, (b"cache-control", b"public, max-age=60"), (b"etag", b'"1"')]
COOKIES = [(b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2")]
SAME = {
    "c02-204": Answer(status=204, headers=[(b"x-a", b"1")]),
    "c02-304": Answer(status=304, headers=[(b"etag", b'"1"')]),
    "c02-301": Answer(PAGE, status=301, headers=[*HTML, (b"location", b"/x")]),
    "c04-206": Answer(PAGE[:20], status=206, headers=[*HTML, (b"content-range", b"bytes 0-19/99")]),
    "c04-multipart": Answer(PAGE, status=206, headers=[(b"content-type", b"multipart/byteranges; boundary=x")]),
    "c09-no-slot": Answer(PLAIN, headers=[*BOTH, *COOKIES], length=True),
    "c09-marker-in-a-comment": Answer(b"<!-- " + PAGE + b" -->", headers=BOTH, length=True),
    "c12": Answer(PAGE, headers=[*HTML, (b"cache-control", b"no-transform")], length=True),
    "c13-stacked": Answer(PAGE, headers=[*HTML, (b"content-encoding", b"gzip, br")]),
    "c13-unknown": Answer(PAGE, headers=[*HTML, (b"content-encoding", b"x-mine")]),
    "c14-no-gzip-at-all": Answer(PAGE, headers=[*HTML, (b"content-encoding", b"gzip")]),
    "c17-utf-16": Answer("\ufeff".encode("utf-16-le") + PAGE.decode().encode("utf-16-le"), headers=HTML),
    "c20-json": Answer(b'{"html": "<div data-slot=hero>"}', headers=[(b"content-type", b"application/json")]),
    "c20-events": Answer(b"data: 1\n\n", b"data: 2\n\n", headers=[(b"content-type", b"text/event-stream")]),
    "c20-attachment": Answer(PAGE, headers=[*HTML, (b"content-disposition", b"attachment; filename=a.html")]),
    "c20-image": Answer(b"\x89PNG\r\n\x1a\n" + PAGE, headers=[(b"content-type", b"image/png")], length=True),
    "c21-streamed": Answer(PAGE[:9], PAGE[9:], headers=[(b"content-type", b"application/xhtml+xml")]),
    "c23-no-type": Answer(PLAIN, headers=[(b"x-a", b"1")]),
    "c23-called-html": Answer(b"\x89PNG\r\n\x1a\n\0\0", headers=HTML, length=True),
}


class ByPath:
    """Each path answers in its own way; HEAD and GET alike."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = self.answers.get(scope["path"].lstrip("/")) if scope["type"] == "http" else None
        await (app or Answer())(scope, receive, send)


@pytest.fixture(scope="module", params=["uvicorn-h11", "uvicorn-httptools", "hypercorn"])
def bare_and_wrapped(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """The ports of one app on one kind of server, without and with the middleware."""
    bare = ByPath(SAME)
    wrapped = PersonalizeMiddleware(bare, make_config())
    with serving(bare, request.param) as one, serving(wrapped, request.param) as other:
        yield one, other


def told(port: int, method: str, path: str) -> bytes:
    """All bytes of a response, with the parts that the clock writes left out."""
    request = f"{method} /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    return re.sub(rb"(?i)\r\ndate: [^\r]*", b"", raw(port, request))


# A head alone does not tell that there is no slot: it is that of a page that could vary.
_COULD_VARY = ("c09-no-slot", "c09-marker-in-a-comment", "c14-no-gzip-at-all", "c17-utf-16", "c21-streamed")
_COULD_VARY += ("c23-called-html",)


@pytest.mark.parametrize(
    ("method", "path"), [(m, p) for p in SAME for m in ("GET", "HEAD") if m == "GET" or p not in _COULD_VARY]
)
def test_c02_to_c23_what_is_not_to_be_changed_is_the_same_on_the_wire(
    bare_and_wrapped: tuple[int, int], method: str, path: str
) -> None:
    """Status, headers, framing and body are the bare app's, byte for byte."""
    bare, wrapped = bare_and_wrapped
    assert told(wrapped, method, path) == told(bare, method, path)


def test_c10_c28_the_default_is_private_and_every_cookie_is_there(served: Callable[..., int]) -> None:
    """A page that shows the default only is no less one visitor's; the app's cookies come first, in order."""
    port = served(Answer(PAGE, headers=[*BOTH, *COOKIES]), site={"consent": {"default": "granted"}})
    response, body = ask(port)
    assert body == DONE and response.getheader("cache-control") == "private, no-store"
    cookies = response.headers.get_all("set-cookie")
    assert cookies is not None and cookies[:2] == ["a=1", "b=2"] and len(cookies) == 3 and cookies[2].startswith("pz=")


def test_c13_c15_coded_pages_on_the_wire(served: Callable[..., int]) -> None:
    """A page that the app, or GZipMiddleware inside, has compressed is rewritten and compressed again."""
    for app in (
        Answer(gzip.compress(PAGE), headers=[*HTML, (b"content-encoding", b"gzip")], length=True),
        Answer(zlib.compress(PAGE), headers=[*HTML, (b"content-encoding", b"deflate")]),
        GZipMiddleware(Answer(PAGE[:30], PAGE[30:]), minimum_size=1),
    ):
        response, body = ask(served(app), accept_encoding="gzip, deflate")
        coding = response.getheader("content-encoding")
        assert (gzip.decompress(body) if coding == "gzip" else zlib.decompress(body)) == DONE


def test_c18_c19_only_the_true_slot_one_byte_at_a_time(served: Callable[..., int]) -> None:
    """Markers in comments, raw text, templates and values are none, however slowly the page comes."""
    marker = b'<i data-slot="hero">no</i>'
    before = b"<!-- %s --><script>'%s'</script><style>%s</style><textarea>%s</textarea><title>%s</title>" % (
        (marker,) * 5
    )
    before += b"<template>%s</template><noscript>%s</noscript><svg><![CDATA[%s]]></svg><p title='%s'></p>" % (
        (marker,) * 4
    )
    page = before + PAGE
    response, body = ask(served(Answer(*[page[i : i + 1] for i in range(len(page))])))
    assert body == before + DONE and response.status == 200


def test_c20_the_first_event_is_not_delayed(served: Callable[..., int]) -> None:
    """Of an event stream the first event arrives while the app has not made the second."""
    arrived = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await Answer()(scope, receive, send)
            return
        import asyncio

        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
        assert await asyncio.to_thread(arrived.wait, PATIENCE)
        await send({"type": "http.response.body", "body": b"data: two\n\n"})

    with socket.create_connection(("127.0.0.1", served(app)), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = b""
        while b"one" not in got:
            got += client.recv(65536)
        assert b"two" not in got
        arrived.set()
        while chunk := client.recv(65536):
            got += chunk
    assert b"two" in got


def test_c35_c36_bodies_and_background_work(served: Callable[..., int]) -> None:
    """What is posted to a page with slots comes whole; what the app does after its answer is done once."""
    done: list[bytes] = []
    after = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await Answer()(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE})
        done.append(body)
        after.set()

    sent = b"x" * 300_000
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(sent)
    got = raw(served(app), head + sent)
    assert got.endswith(PAGE) or PAGE in got
    assert after.wait(PATIENCE) and done == [sent]


def test_c39_twice_and_below_a_root_path_on_the_wire() -> None:
    """The middleware around itself changes nothing more, and rules match the path below which the app is mounted."""
    slots = {"hero": {"match": {"path": "/shop/p"}, "consent": "none", "default": {"html": "<b>hi</b>"}}}
    inner = PersonalizeMiddleware(Answer(PAGE, length=True), make_config(slots=slots))
    with serving(PersonalizeMiddleware(inner, make_config(slots=slots)), "uvicorn-h11") as port:
        response, body = ask(port, "/shop/p")
        assert body == DONE and response.getheader("content-length") == str(len(DONE))
        assert ask(port, "/p")[1] == PAGE


def test_c40_an_objection_gets_no_cookie_and_the_default(served: Callable[..., int]) -> None:
    """Sec-GPC: 1, or no consent: the default is shown, and nothing is stored in the browser."""
    slots = {
        "hero": {
            "match": {"path": "/**"},
            "default": {"html": "<b>hi</b>"},
            "experiences": [{"id": "all", "show": {"html": "<b>known</b>"}}],
        }
    }
    port = served(Answer(PAGE), slots=slots)
    for headers, shown in (({}, b"known"), ({"sec_gpc": "1"}, b"hi"), ({"cookie": "consent=denied"}, b"hi")):
        response, body = ask(port, **headers)
        assert shown in body
        assert (response.getheader("set-cookie") is None) == (shown == b"hi")


def test_c42_the_id_cookie_is_ours_alone(served: Callable[..., int]) -> None:
    """It is signed and believed, and a cookie of its name that was planted beside it hides nothing."""
    port = served(Answer(PAGE), site={"consent": {"default": "granted"}})
    first, _ = ask(port)
    ours = (first.getheader("set-cookie") or "").partition(";")[0]
    name, _, value = ours.partition("=")
    assert name == "pz" and value.count(".") >= 2
    again, _ = ask(port, cookie=f"{name}=planted.1.x; {ours}; {name}=other")
    assert again.getheader("set-cookie") is None
    forged, _ = ask(port, cookie=f"{name}=planted.1.x")
    assert (forged.getheader("set-cookie") or "").startswith("pz=")
