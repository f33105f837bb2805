"""The small examples do what their first lines say."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager, nullcontext

import pytest

from personalize.testing import call

CASES = {
    "fastapi": ("fastapi", "examples.fastapi_app.app:app", {b"accept-language": b"tr"}, "", "Merhaba"),
    "django": ("django", "examples.django_site.site:application", {}, "utm_source=newsletter", "for our readers"),
    "source": ("starlette", "examples.custom_source.app:app", {b"cf-ipcountry": b"NO"}, "", "-4 °C in Oslo today"),
    "no weather": ("starlette", "examples.custom_source.app:app", {b"cf-ipcountry": b"DE"}, "", "Coats for every"),
}


@pytest.mark.parametrize(("needs", "where", "headers", "query", "text"), CASES.values(), ids=CASES)
async def test_an_example_fills_its_slot(
    needs: str, where: str, headers: dict[bytes, bytes], query: str, text: str
) -> None:
    """Each example's page holds what its config says, for the visitor it names."""
    pytest.importorskip(needs)
    module, _, name = where.partition(":")
    app = getattr(importlib.import_module(module), name)
    sent = [*headers.items(), (b"cookie", b"consent=granted")]
    with _its_own_settings(module) if needs == "django" else nullcontext():
        response = await call(app, "/", query=query.encode(), headers=sent, scheme="https")
    assert response.status == 200 and text in response.text
    if hasattr(app, "close"):  # FastAPI keeps the middleware inside
        await app.close()


def _its_own_settings(module: str) -> AbstractContextManager[object]:
    """Django's settings are one for a process, in which other tests have other sites."""
    from django.test import override_settings

    return override_settings(ROOT_URLCONF=module, ALLOWED_HOSTS=["*"])
