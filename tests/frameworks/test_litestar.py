"""Litestar: around the app, in its middleware list, and with its own compression."""

from __future__ import annotations

from typing import Any

import pytest

litestar = pytest.importorskip("litestar")


def make(html: str, **how: Any) -> Any:
    from litestar import Litestar, get

    @get("/page", media_type="text/html")
    async def page() -> str:
        return html

    @get("/other", media_type="text/html")
    async def other() -> str:
        return html

    return Litestar([page, other], **how)


async def test_litestar(html: str, wrap: Any, shows: Any) -> None:
    """A Litestar page has its slot filled."""
    await shows(wrap(make(html)))


async def test_litestar_in_its_middleware_list(html: str, config: Any, shows: Any) -> None:
    """DefineMiddleware(PersonalizeMiddleware, config=...) works as Litestar documents."""
    from litestar.middleware import DefineMiddleware

    from personalize import PersonalizeMiddleware

    await shows(make(html, middleware=[DefineMiddleware(PersonalizeMiddleware, config=config)]))


async def test_litestar_with_its_own_compression(html: str, wrap: Any, shows: Any) -> None:
    """What Litestar compressed is filled and compressed again."""
    from litestar.config.compression import CompressionConfig

    await shows(wrap(make(html, compression_config=CompressionConfig("gzip", minimum_size=10))), coding="gzip")
