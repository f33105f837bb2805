"""Quart: around the app, whole pages and streams."""

from __future__ import annotations

from typing import Any

import pytest

quart = pytest.importorskip("quart")


def make(html: str, *, stream: bool) -> Any:
    app = quart.Quart("a_site")

    async def page() -> Any:
        async def parts() -> Any:
            for at in range(0, len(html), 9):
                yield html[at : at + 9].encode()

        return (parts(), {"content-type": "text/html; charset=utf-8"}) if stream else html

    app.add_url_rule("/page", "page", page)
    app.add_url_rule("/other", "other", page)
    return app


@pytest.mark.parametrize("stream", [False, True])
async def test_quart(html: str, wrap: Any, shows: Any, stream: bool) -> None:
    """A Quart page has its slot filled, whole or streamed."""
    await shows(wrap(make(html, stream=stream)))


async def test_quart_by_assigning_asgi_app(html: str, wrap: Any, shows: Any) -> None:
    """`app.asgi_app = PersonalizeMiddleware(app.asgi_app, ...)`, as Quart documents it."""
    app = make(html, stream=False)
    app.asgi_app = wrap(app.asgi_app)
    await shows(app)
