"""What leaves real servers: C1, C3, C5, C29 to C33 over sockets, with uvicorn (h11, httptools) and hypercorn."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from personalize.testing import HTML, Answer

PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p>rest</p></body></html>'
DONE = PAGE.replace(b"old", b"<b>hi</b>")
Serve = Callable[..., int]
PATIENCE = 10.0


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """One request with the standard library's client, which holds a server to its Content-Length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def raw(port: int, request: bytes) -> bytes:
    """All bytes that come back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(request)
        got = b""
        while chunk := client.recv(65536):
            got += chunk
    return got


def test_c05_the_length_on_the_wire_is_true(served: Serve) -> None:
    """A whole page leaves with its new length, and exactly as many bytes."""
    response, body = ask(served(Answer(PAGE, length=True)))
    assert body == DONE
    assert response.getheader("content-length") == str(len(DONE))
    assert response.getheader("cache-control") == "private, no-store"


def test_c05_a_stream_on_the_wire_is_whole(served: Serve) -> None:
    """A page in several parts leaves without a length, chunked, and whole."""
    response, body = ask(served(Answer(PAGE[:30], PAGE[30:], length=True)))
    assert body == DONE
    assert response.getheader("content-length") is None


def test_c01_head_on_the_wire_has_no_body(served: Serve) -> None:
    """After HEAD the same connection serves the next request: no stray bytes were left on it."""
    port = served(Answer(PAGE, length=True))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for method, expected in (("HEAD", b""), ("GET", DONE), ("HEAD", b""), ("GET", DONE)):
        connection.request(method, "/")
        response = connection.getresponse()
        assert response.status == 200 and response.read() == expected
    connection.close()


def test_c03_no_response_is_split_by_a_304(served: Serve) -> None:
    """A 304 that comes in spite of all has no body, and the connection serves the next request."""
    seen: list[bytes | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await Answer()(scope, receive, send)
            return
        seen.append(dict(scope["headers"]).get(b"if-none-match"))
        status = 304 if scope["path"] == "/304" else 200
        page = Answer(b"" if status == 304 else PAGE, status=status, headers=[*HTML, (b"etag", b'"1"')])
        await page(scope, receive, send)

    connection = http.client.HTTPConnection("127.0.0.1", served(app), timeout=PATIENCE)
    for path, status, expected in (("/304", 304, b""), ("/", 200, DONE), ("/304", 304, b""), ("/", 200, DONE)):
        connection.request("GET", path, headers={"If-None-Match": '"1"'})
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, expected)
    connection.close()
    assert seen == [None] * 4


@pytest.mark.parametrize("chunks", [(PAGE,), (PAGE[:30], PAGE[30:])], ids=["whole", "parts"])
def test_c31_http_1_0_ends_by_its_length(served: Serve, chunks: tuple[bytes, ...]) -> None:
    """To HTTP/1.0 a page whose length the app told is sent with its new length, in parts or not."""
    got = raw(served(Answer(*chunks, length=True)), b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0]
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length: %d" % len(DONE) in head.lower()
    assert body == DONE


@pytest.mark.parametrize("chunks", [(PAGE,), (PAGE[:30], PAGE[30:])], ids=["whole", "parts"])
def test_c31_http_1_0_without_a_length_ends_as_the_bare_apps(served: Serve, chunks: tuple[bytes, ...]) -> None:
    """Where the app told no length the server ends the page in its own way (closing; uvicorn with httptools sends
    chunks to HTTP/1.0, to bare apps too)."""
    request = b" HTTP/1.0\r\nHost: localhost\r\n\r\n"
    port = served(Answer(*chunks), slots={"hero": {"match": {"path": "/"}, "default": {"html": "<b>hi</b>"}}})
    page, _, body = raw(port, b"GET /" + request).partition(b"\r\n\r\n")
    bare, _, _ = raw(port, b"GET /no-slots" + request).partition(b"\r\n\r\n")
    assert (b"transfer-encoding" in page.lower()) == (b"transfer-encoding" in bare.lower())
    assert (b"<b>hi</b>" in body) and (body == DONE or body.endswith(b"0\r\n\r\n"))


def test_bytes_before_the_slot_leave_at_once(served: Serve) -> None:
    """What the app sent before the first slot is on the wire while the app still works on the rest."""
    arrived = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await Answer()(scope, receive, send)
            return
        import asyncio

        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE[:28], "more_body": True})
        assert await asyncio.to_thread(arrived.wait, PATIENCE)
        await send({"type": "http.response.body", "body": PAGE[28:]})

    with socket.create_connection(("127.0.0.1", served(app)), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = b""
        while b"<body" not in got and b"<html>" not in got:
            got += client.recv(65536)
        assert b"</html>" not in got
        arrived.set()
        while chunk := client.recv(65536):
            got += chunk
    assert b"<b>hi</b>" in got and b"</html>" in got


def test_c30_an_error_in_the_middle_is_no_clean_end(served: Serve) -> None:
    """When the app fails in its page, the client can tell: the body is cut off."""
    app = Answer(PAGE[:30], PAGE[30:60], PAGE[60:], fail=ValueError("in the middle"), fail_at=2)
    got = raw(served(app), b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"<!doctype" in got
    assert not got.endswith(b"0\r\n\r\n")


def test_c29_an_error_before_the_body_is_the_servers_500(served: Serve) -> None:
    """When the app fails before its first byte, the visitor gets an error and no promised page."""
    got = raw(
        served(Answer(PAGE, fail=ValueError("before"), fail_at=0)),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    assert got.split(b"\r\n")[0].split()[1] == b"500"


def test_c32_the_app_hears_that_the_client_is_gone(served: Serve) -> None:
    """A client that hangs up in the middle of a page ends the app's work: it is told, or its send fails."""
    ended = threading.Event()
    said: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await Answer()(scope, receive, send)
            return
        import asyncio

        try:
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
            await send({"type": "http.response.body", "body": PAGE[:60], "more_body": True})
            said.append((await asyncio.wait_for(receive(), PATIENCE))["type"])
        finally:
            ended.set()

    with socket.create_connection(("127.0.0.1", served(app)), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while b"<!doctype" not in got:
            got += client.recv(65536)
    assert ended.wait(PATIENCE)
    assert said == ["http.disconnect"]


def test_c33_a_slow_client_slows_the_app(served: Serve) -> None:
    """While the client reads nothing, the app can get rid of no more than buffers hold; then all of it arrives."""
    made = 0
    chunk = b"<p>" + b"x" * 65_536 + b"</p>"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal made
        if scope["type"] != "http":
            await Answer()(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": list(HTML)})
        await send({"type": "http.response.body", "body": PAGE, "more_body": True})
        for _ in range(600):
            made += 1
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})

    with socket.create_connection(("127.0.0.1", served(app)), timeout=PATIENCE) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        got = client.recv(1000)
        before, stalled = -1, threading.Event()
        while made != before:  # until nothing moves any more
            before = made
            stalled.wait(0.3)
        assert made < 400
        size = len(got)
        while part := client.recv(1_000_000):
            size += len(part)
    assert made == 600 and size > 600 * len(chunk)
