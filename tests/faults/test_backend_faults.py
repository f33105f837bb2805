"""A sick backend: the slot holds fresh content, else stale content of the same key, else its fallback, and nobody waits
longer than the page's budget."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import tracemalloc
import zlib
from typing import Any

import pytest

FALLBACK = "<p>fallback</p>"


async def hang(call: Any) -> None:
    await asyncio.sleep(30)


def hang_until(event: asyncio.Event) -> Any:
    async def reply(call: Any) -> None:
        await event.wait()
        await call.answer()

    return reply


async def reset(call: Any) -> None:
    call.reset()


async def reset_in_body(call: Any) -> None:
    await call.answer(b"<p>ha", length=100)
    call.reset()


async def close_at_once(call: Any) -> None:
    call.writer.close()


async def garbage(call: Any) -> None:
    await call.send(b"\x00\x01 not http at all\r\n\r\n")
    call.writer.close()


async def truncated(call: Any) -> None:
    await call.answer(b"<p>half", length=100)
    call.writer.close()


async def truncated_chunks(call: Any) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<p>h\r\n")
    call.writer.close()


async def truncated_gzip(call: Any) -> None:
    await call.answer(gzip.compress(b"<p>whole</p>")[:-9], more="Content-Encoding: gzip\r\n")


def answers(*args: Any, **kwargs: Any) -> Any:
    async def reply(call: Any) -> None:
        await call.answer(*args, **kwargs)

    return reply


DEEP = b'{"a":' * 50 + b"1" + b"}" * 50
VERY_DEEP = b'{"html":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BAD_ANSWERS = {
    "reset": reset,
    "reset in the body": reset_in_body,
    "closed": close_at_once,
    "no HTTP": garbage,
    "truncated": truncated,
    "truncated chunks": truncated_chunks,
    "truncated gzip": truncated_gzip,
    "500": answers(status="500 Oops"),
    "502": answers(status="502 Bad Gateway"),
    "503": answers(status="503 Busy"),
    "429": answers(status="429 Slow down"),
    "403": answers(status="403 No"),
    "404": answers(status="404 Nothing"),
    "204": answers(b"", status="204 Nothing"),
    "206": answers(status="206 Part"),
    "301": answers(status="301 Moved", more="Location: /f/elsewhere\r\n"),
    "302 to inside": answers(status="302 Found", more="Location: http://169.254.169.254/\r\n"),
    "wrong type": answers(b"hello", kind="text/plain"),
    "no type": answers(b"<p>x</p>", kind=""),
    "a picture": answers(b"\x89PNG", kind="image/png"),
    "bad JSON": answers(b'{"html": ', kind="application/json"),
    "JSON that is a list": answers(b"[]", kind="application/json"),
    "NaN": answers(b'{"items": [], "a": NaN}', kind="application/json"),
    "html that is no text": answers(b'{"html": 5}', kind="application/json"),
    "items that are no list": answers(b'{"items": {}}', kind="application/json"),
    "deep JSON": answers(DEEP, kind="application/json"),
    "very deep JSON": answers(VERY_DEEP, kind="application/json"),
    "deep HTML": answers(b"<div>" * 20_000),
    "huge number": answers(b'{"a": ' + b"9" * 10_000 + b"}", kind="application/json"),
    "not UTF-8": answers(b"<p>\xff\xfe</p>"),
    "unknown charset": answers(b"<p>x</p>", kind="text/html; charset=klingon"),
    "unknown coding": answers(b"<p>x</p>", more="Content-Encoding: br\r\n"),
    "broken gzip": answers(b"<p>x</p>", more="Content-Encoding: gzip\r\n"),
    "too large": answers(b"x" * (256 * 1024 + 1)),
}


@pytest.mark.parametrize("fault", BAD_ANSWERS)
async def test_a_bad_answer_gives_the_fallback_and_is_not_cached(fault: str, backend: Any, site: Any) -> None:
    """Whatever is wrong with an answer, the slot shows its fallback with a reason, and later the next good answer."""
    site.build()
    backend.reply = BAD_ANSWERS[fault]
    fill = await site.show()
    assert (fill.html, fill.state) == (FALLBACK, "fallback")
    assert "cms" in fill.note
    assert not site.observer.failures
    asked = len(backend.calls)
    backend.reply = answers()
    site.now += 61
    assert (await site.show()).html == "<p>good</p>"
    assert len(backend.calls) == asked + 1 and "/f/elsewhere" not in backend.targets


@pytest.mark.parametrize("fault", BAD_ANSWERS)
async def test_a_bad_answer_leaves_stale_content_of_the_same_key(fault: str, backend: Any, site: Any) -> None:
    """What was good once is shown while it may be, and for its own key only."""
    site.build(fresh=1, stale_while_revalidate=0, stale_if_error=1000)
    assert (await site.show()).state == "fresh"
    site.now += 10
    backend.reply = BAD_ANSWERS[fault]
    fill = await site.show()
    assert (fill.html, fill.state) == ("<p>good</p>", "stale")
    assert (await site.show("/other")).html == FALLBACK
    site.now += 1001
    assert (await site.show()).html == FALLBACK


async def test_a_closed_port_gives_the_fallback(backend: Any, site: Any) -> None:
    """A refused connection is a fallback."""
    await backend.stop()
    site.build()
    assert (await site.show()).html == FALLBACK


async def test_a_black_hole_does_not_hold_the_page(site: Any) -> None:
    """A host that never answers the handshake costs the page its budget, and the fetch ends by its deadline."""
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(0)
    fillers = []
    for _ in range(4):  # fill the accept queue: the next handshakes are dropped
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(hole.getsockname())
        fillers.append(s)
    site.port = hole.getsockname()[1]
    site.build(deadline=0.3)
    assert (await site.show(budget=0.05)).note == "late"
    await site.settled()
    assert site.observer.counts["content.failures"] == 1
    for s in (*fillers, hole):
        s.close()


async def hang_after_headers(call: Any) -> None:
    await call.answer(b"", length=100)
    await asyncio.sleep(30)


async def drip(call: Any) -> None:
    await call.answer(b"", length=100_000)
    while True:
        await call.send(b"x")
        await asyncio.sleep(0.02)


async def drip_headers(call: Any) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await call.send(b"X-A: b\r\n")
        await asyncio.sleep(0.02)


async def endless_headers(call: Any) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await call.send(b"X-A: " + b"b" * 60_000 + b"\r\n")


@pytest.mark.parametrize("fault", [hang, hang_after_headers, drip, drip_headers, endless_headers])
async def test_a_slow_backend_is_left_by_the_deadline(fault: Any, backend: Any, site: Any) -> None:
    """The page walks away at its budget; the fetch ends by its own total deadline, however its bytes are spread."""
    site.build(deadline=1.0)
    backend.reply = fault
    fill = await site.show(budget=0.05)
    assert (fill.html, fill.state) == (FALLBACK, "fallback")
    await asyncio.wait_for(site.settled(), 30)
    assert site.observer.counts["content.failures"] == 1
    backend.reply = answers()
    assert (await site.show()).html == "<p>good</p>"


async def test_the_sources_own_timeout_ends_the_wait(backend: Any, site: Any) -> None:
    """A source may be given less than the page's budget."""
    site.build(timeout=0.02)
    backend.reply = hang
    fill = await site.show(budget=30)
    assert (fill.html, fill.note) == (FALLBACK, "no answer in 20 ms")


async def test_what_comes_late_fills_the_cache(backend: Any, site: Any) -> None:
    """A fetch that the page no longer waits for serves the next page."""
    go = asyncio.Event()
    site.build()
    backend.reply = hang_until(go)
    assert (await site.show(budget=0.01)).html == FALLBACK
    go.set()
    await site.settled()
    assert (await site.show()).html == "<p>good</p>"
    assert len(backend.calls) == 1


async def test_a_body_of_50_mb_is_refused_in_little_memory(backend: Any, site: Any) -> None:
    """Neither an honest length nor chunks without end fill the memory."""
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"

    async def chunks(call: Any) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(800):
            await call.send(chunk)

    site.build()
    tracemalloc.start()
    for reply in (chunks, answers(b"", length=50_000_000)):
        backend.reply = reply
        assert (await site.show(f"/{id(reply)}")).html == FALLBACK
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


async def test_a_gzip_bomb_is_refused_in_little_memory(backend: Any, site: Any) -> None:
    """A small body that inflates to 64 MB is inflated to the cap and no further."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(64)) + deflate.flush()
    site.build()
    backend.reply = answers(bomb, more="Content-Encoding: gzip\r\n")
    tracemalloc.start()
    fill = await site.show()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fill.html == FALLBACK and "256 KB" in fill.note
    assert peak < 8_000_000


async def test_gzip_that_was_not_asked_for_is_read(backend: Any, site: Any) -> None:
    """A backend that gzips in spite of `identity` is understood."""
    site.build()
    backend.reply = answers(gzip.compress(b"<p>small</p>"), more="Content-Encoding: gzip\r\n")
    assert (await site.show()).html == "<p>small</p>"
    assert b"accept-encoding: identity" in backend.calls[0].head


async def test_json_values_go_through_the_template(backend: Any, site: Any) -> None:
    """A backend may send values; the template escapes them."""
    (site.folder / "templates" / "c.html").write_text(
        "{% for i in items %}<li>{{ i.t }}</li>{% endfor %}{{ n }}", "utf-8"
    )
    site.content = site.content.model_copy(update={"template": "c.html"})
    site.build()
    backend.reply = answers(json.dumps({"items": [{"t": "<b>"}], "n": 3}).encode(), kind="application/json")
    assert (await site.show()).html == "<li>&lt;b&gt;</li>3"


@pytest.mark.parametrize(
    ("trust", "html"), [("sanitize", "<b>x</b>"), ("trusted", "<b onclick=x>x</b><script>1</script>")]
)
async def test_html_is_as_trusted_as_its_source(trust: str, html: str, backend: Any, site: Any) -> None:
    """Untrusted HTML goes through the allow-list, as text/html and as JSON."""
    site.build(trust=trust)
    raw = "<b onclick=x>x</b><script>1</script>"
    backend.reply = answers(raw.encode())
    assert (await site.show("/html")).html == html
    backend.reply = answers(json.dumps({"html": raw}).encode(), kind="application/json; charset=utf-8")
    assert (await site.show("/json")).html == html


async def test_nothing_of_the_visitor_but_the_key_reaches_the_backend(backend: Any, site: Any) -> None:
    """No cookie or header is passed on, and a cookie that the backend sets is not kept."""
    site.build(vary_by=["locale"])
    backend.reply = answers(more="Set-Cookie: session=of-the-first\r\n")
    for path in ("/a", "/b"):
        await site.show(path, facts={"locale": "tr-TR", "country": "TR"})
    for call in backend.calls:
        names = {line.split(b":")[0].lower() for line in call.head.split(b"\r\n")[1:] if line}
        assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}
    assert backend.targets == ["/f/a?locale=tr-TR", "/f/b?locale=tr-TR"]
