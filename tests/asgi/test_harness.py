"""personalize.testing: the caller that keeps messages apart, and holds apps to the rules."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from personalize.testing import HTML, Answer, BrokenRule, call, read_body


async def test_messages_are_kept_apart_with_their_times() -> None:
    """Each chunk is one message, in order, with a time that does not go back."""
    got = await call(Answer(b"a", b"", b"b", pause=0.001))
    assert got.status == 200 and got.chunks == [b"a", b"", b"b"] and got.body == b"ab" and got.text == "ab"
    assert [item.type for item in got.sent] == ["http.response.start"] + ["http.response.body"] * 3
    assert [item.at for item in got.sent] == sorted(item.at for item in got.sent)
    assert got.done and got.took >= got.sent[-1].at


async def test_headers_and_cookies_are_read_in_any_case() -> None:
    """Header helpers ignore case; repeated headers stay apart; cookies are read from every line."""
    headers = [(b"Set-Cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2"), (b"X-A", b"1"), (b"x-a", b"2")]
    got = await call(Answer(headers=headers))
    assert got.cookies == {"a": "1", "b": "2"}
    assert got.all("x-a") == ["1", "2"] and got.header("X-a") == "1, 2" and got.header("x-b") is None
    assert got.headers == headers


async def test_the_request_is_as_asked() -> None:
    """Method, path, query, cookies, body chunks, extensions and more reach the app."""
    app = Answer(b"x")
    how: dict[str, Any] = {"extensions": {"x.y": {}}, "http_version": "1.0", "root_path": "/r"}
    how["scope"] = {"client": None}
    await call(app, "/p", method="POST", query=b"q=1", cookies={"a": "1", "b": "2"}, body=[b"one", b"two"], **how)
    scope = app.scopes[0]
    assert (scope["method"], scope["path"], scope["root_path"], scope["query_string"]) == ("POST", "/r/p", "/r", b"q=1")
    assert (scope["http_version"], scope["client"], scope["extensions"]) == ("1.0", None, {"x.y": {}})
    assert (b"cookie", b"a=1; b=2") in scope["headers"]
    assert app.bodies == [b"onetwo"]


async def test_head_has_the_same_head_and_no_body() -> None:
    """An Answer to HEAD has the length of the body that it does not send."""
    got = await call(Answer(b"four", length=True), method="HEAD")
    assert got.header("content-length") == "4" and got.body == b"" and got.done


async def start(send: Any, *headers: tuple[bytes, bytes], status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def _twice(send: Any) -> None:
    await start(send)
    await start(send)


async def _body_first(send: Any) -> None:
    await send({"type": "http.response.body"})


async def _after_the_end(send: Any) -> None:
    await start(send)
    await send({"type": "http.response.body"})
    await send({"type": "http.response.body"})


async def _text_header(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})


async def _line_break(send: Any) -> None:
    await start(send, (b"a", b"b\r\nc: d"))


async def _too_short(send: Any) -> None:
    await start(send, (b"Content-Length", b"5"))
    await send({"type": "http.response.body", "body": b"four"})


async def _body_in_304(send: Any) -> None:
    await start(send, status=304)
    await send({"type": "http.response.body", "body": b"x"})


async def _no_end(send: Any) -> None:
    await start(send)
    await send({"type": "http.response.body", "more_body": True})


async def _nothing(send: Any) -> None:
    pass


@pytest.mark.parametrize(
    "bad",
    [_twice, _body_first, _after_the_end, _text_header, _line_break, _too_short, _body_in_304, _no_end, _nothing],
)
async def test_a_broken_rule_is_an_error(bad: Any) -> None:
    """An app that breaks the protocol, or promises another length than it sends, fails the test that called it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await bad(send)

    with pytest.raises(BrokenRule):
        await call(app)


async def test_an_error_is_raised_or_kept() -> None:
    """The app's exception is the caller's, unless it asked to keep it together with what was sent."""
    app = Answer(b"a", b"b", fail=ValueError("x"), fail_at=1)
    with pytest.raises(ValueError, match="x"):
        await call(app)
    got = await call(app, keep_error=True)
    assert isinstance(got.error, ValueError) and got.chunks == [b"a"] and not got.done


async def test_the_client_can_go_away() -> None:
    """After some messages, or some time, nothing more is kept, `receive` says so, and sending fails where asked."""
    got = await call(Answer(b"a", b"b", b"c"), gone_after=2)
    assert got.chunks == [b"a"] and got.error is None
    got = await call(Answer(b"a", b"b", b"c"), gone_after=2, send_fails=True, keep_error=True)
    assert isinstance(got.error, OSError)

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        assert await read_body(receive) == b""
        assert (await receive())["type"] == "http.disconnect"

    await call(waits, gone_in=0.005)
    await call(waits, gone_after=0)


async def test_an_app_that_hangs_ends_in_a_timeout() -> None:
    """A test does not hang with the app."""

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await call(hangs, within=0.01)


async def test_trailers_are_announced() -> None:
    """An Answer that sends trailers says so in its start."""
    got = await call(Answer(b"x", headers=HTML, after=[{"type": "http.response.trailers", "headers": []}]))
    assert got.start["trailers"] is True
