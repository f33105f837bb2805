"""Whose browser it is, told to the site at a login: from the signed cookie, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.testing import Answer, call

CONFIG: dict[str, Any] = {
    "version": 1, "site": {"consent": {"default": "granted"}},
    "slots": {"hero": {"match": {"path": "/"}, "experiences": [{"id": "all", "show": {"html": "hello"}}]}},
}  # fmt: skip


def login(cookie: str, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    headers = [(b"host", b"shop.example"), (b"cookie", cookie.encode()), *more]
    return {"type": "http", "method": "POST", "path": "/login", "scheme": "https", "headers": headers}


async def test_a_login_learns_the_browser_from_its_signed_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    """The id that a page gave is told on any path; a forged, a missing or a refused one is none."""
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that is long enough for signing")
    app = PersonalizeMiddleware(Answer(b"<html><body><div data-slot=hero>own</div>"), CONFIG)
    page = await call(app, "/", scheme="https")
    ((name, value),) = page.cookies.items()
    id_, _, signed = value.partition(".")
    assert app.visitor_id(login(f"{name}={value}")) == id_
    assert app.visitor_id(login(f"{name}={'f' * 32}.{signed}")) is None
    assert app.visitor_id(login("")) is None
    assert app.visitor_id(login(f"{name}={value}", (b"sec-gpc", b"1"))) is None
    await app.close()
