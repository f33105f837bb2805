"""Stitched gzip bodies as other people's clients read them over real sockets: zlib, Python, curl, node, Chromium."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import socket
import subprocess
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from personalize.testing import HTML, Answer

SLOTS = {
    "short": {"html": "<b>hi</b>"},
    "long": {"html": "<p>Something for you, " + "and more of it, " * 80 + "é €</p>"},
    "none": {"content": None},
}
CONFIG: dict[str, Any] = {
    "site": {"compress": True},
    "slots": {
        name: {"match": {"path": "/**"}, "consent": "none", **({"default": shown} if "html" in shown else {})}
        for name, shown in SLOTS.items()
    },
}
ROWS = "".join(f"<tr><td>{n * n}</td><td>row {n:x} with its own words</td></tr>\n" for n in range(1500))
FORM = '<form><input type="hidden" name="csrf" value="{token:032x}"></form>'
TEMPLATE = (
    "<!doctype html><html><head><title>A page</title></head><body>" + FORM + '<div data-slot="short">old</div>'
    '<table>{rows}</table><div data-slot="long">old</div><p>é {token}</p><div data-slot="none">kept</div>'
    + FORM + "<table>{rows}</table></body></html>"
)  # fmt: skip
Serve = Callable[..., int]
PATIENCE = 20.0


class Site:
    """An app whose pages differ in a few tokens; /same is always the same."""

    def __init__(self) -> None:
        self.turn = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.turn += 1
            token = 0 if scope["path"] == "/same" else self.turn * 7919**7
            headers = [*HTML, (b"x-token", b"%d" % token)]
            await Answer(page(token).encode(), headers=headers, length=True)(scope, receive, send)
        else:
            await Answer()(scope, receive, send)


def page(token: int) -> str:
    return TEMPLATE.format(token=token, rows=ROWS)


def done(token: int) -> str:
    """The visitor's page."""
    text = page(token)
    for name in ("short", "long"):
        text = text.replace(f'"{name}">old', f'"{name}">{SLOTS[name]["html"]}')
    return text


def stitched(body: bytes) -> bool:
    return b"<b>hi</b>" in body  # a short fill stands in it as it is


@pytest.mark.parametrize("path", ["/same", "/tokens"])
def test_zlib_reads_every_body_to_its_end(served: Serve, path: str) -> None:
    """With each server, over one connection: one member of true CRC, size and length; stitched once it is known."""
    connection = http.client.HTTPConnection("127.0.0.1", served(Site(), **CONFIG), timeout=PATIENCE)
    bodies = []
    for _ in range(6):
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        bodies.append(body := response.read())
        assert response.getheader("content-encoding") == "gzip" and response.getheader("vary") == "Accept-Encoding"
        assert response.getheader("content-length") == str(len(body))
        reader = zlib.decompressobj(31)
        assert reader.decompress(body).decode() == done(int(response.getheader("x-token") or 0))
        assert reader.eof and not reader.unused_data
        assert gzip.decompress(body).decode() == done(int(response.getheader("x-token") or 0))
    connection.close()
    assert [stitched(body) for body in bodies[2:]] == [True] * 4


def test_c01_c31_head_and_http_1_0_on_the_wire(served: Serve) -> None:
    """HEAD leaves no stray bytes, and an HTTP/1.0 client gets a whole body that ends by its length or by closing."""
    port = served(Site(), **CONFIG)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for method in ("GET", "HEAD", "GET", "HEAD", "GET"):
        connection.request(method, "/same", headers={"Accept-Encoding": "gzip"})
        body = connection.getresponse().read()
        assert (gzip.decompress(body).decode() if method == "GET" else body.decode()) == ("" if not body else done(0))
    connection.close()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(b"GET /same HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
        got = b""
        while chunk := client.recv(65536):
            got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head.lower() and gzip.decompress(body).decode() == done(0)


one_server = pytest.mark.parametrize("served", ["uvicorn-httptools"], indirect=True)


@one_server
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_reads_them(served: Serve) -> None:
    """curl --compressed, which complains of a bad CRC or size, prints the page; also where it may choose br or zstd."""
    url = f"http://127.0.0.1:{served(Site(), **CONFIG)}/same"
    for accept in ("gzip", "gzip", "gzip", "gzip, br, zstd;q=0.1"):
        command = ["curl", "-sS", "--fail", "--compressed", "-H", f"Accept-Encoding: {accept}", url]
        out = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
        assert out.stdout.decode() == done(0)
    raw = subprocess.run(["curl", "-sS", "-H", "Accept-Encoding: gzip", url], capture_output=True, check=True).stdout
    assert stitched(raw)
    damaged = raw[:-6] + bytes([raw[-6] ^ 1]) + raw[-5:]  # so that the same check could fail
    refused = subprocess.run(["gzip", "-tc"], input=damaged, capture_output=True)
    assert refused.returncode != 0 and subprocess.run(["gzip", "-tc"], input=raw).returncode == 0


NODE = """
const zlib = require("zlib"), http = require("http"), url = process.argv[1];
const raw = () => new Promise((done, fail) => http.get(url, {headers: {"accept-encoding": "gzip"}}, (answer) => {
  const parts = []; answer.on("data", (part) => parts.push(part)); answer.on("end", () => done(Buffer.concat(parts)));
}).on("error", fail));
(async () => {
  const pages = [];
  for (let i = 0; i < 3; i++) {
    pages.push(zlib.gunzipSync(await raw()).toString());
    pages.push(await (await fetch(url, {headers: {"accept-encoding": "gzip"}})).text());
  }
  console.log(JSON.stringify(pages));
})();
"""


@one_server
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")
def test_node_reads_them(served: Serve) -> None:
    """node's zlib, which is strict about CRC and trailing bytes, and its fetch."""
    url = f"http://127.0.0.1:{served(Site(), **CONFIG)}/same"
    out = subprocess.run(["node", "-e", NODE, url], capture_output=True, check=True, timeout=PATIENCE).stdout
    assert json.loads(out) == [done(0)] * 6


@pytest.mark.browser
@one_server
def test_chromium_reads_them(served: Serve) -> None:
    """A real browser shows the page, and its fetch has every byte of it: of the same page, and of one with tokens."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not here")
    origin = f"http://127.0.0.1:{served(Site(), **CONFIG)}"
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            tab = browser.new_page()
            for turn in range(3):
                response = tab.goto(f"{origin}/same")
                # A page that never came may take zstd.
                assert response.headers["content-encoding"] in (("gzip", "zstd") if turn == 0 else ("gzip",))
                assert tab.inner_html("[data-slot=short]") == "<b>hi</b>"
                assert tab.inner_html("[data-slot=none]") == "kept"
                assert tab.locator("tr").count() == 3000
                told = tab.evaluate("async () => (await fetch('/same', {cache: 'no-store'})).text()")
                assert told == done(0)
            ask = "async () => { const r = await fetch('/tokens'); return [r.headers.get('x-token'), await r.text()] }"
            for _ in range(6):
                token, text = tab.evaluate(ask)
                assert text == done(int(token))
        finally:
            browser.close()
