"""The smallest example does what its docstring says."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

httpx = pytest.importorskip("httpx")


@pytest.fixture
def app() -> Any:
    return importlib.import_module("examples.hello.app").app


async def ask(app: Any, path: str, cookie: str = "") -> str:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return str((await client.get(path, headers={"cookie": cookie} if cookie else {})).text)


async def test_hello_greets_by_campaign(app: Any) -> None:
    """Who follows the campaign and consents is greeted by it; everybody else sees the page as it is."""
    assert "Hello, world" in await ask(app, "/")
    assert "Hello, world" in await ask(app, "/?utm_campaign=spring", "consent=denied")
    assert "Hello, world" in await ask(app, "/?utm_campaign=autumn", "consent=granted")
    assert "Hello, spring" in await ask(app, "/?utm_campaign=spring", "consent=granted")
    await app.close()
