"""Django, which sends title-case header names and knows no lifespan."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

django = pytest.importorskip("django")


@pytest.fixture(scope="module")
def site() -> Any:
    """A Django site of three pages in one module, with conditional requests."""
    from django.conf import settings
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path

    page = '<!doctype html><html><body><div data-slot="hero">old</div><p>merhaba dünya</p></body></html>'
    urls: Any = types.ModuleType("a_django_site_urls")

    def view(request: Any) -> HttpResponse:
        response = HttpResponse(page)
        response["X-If-None-Match"] = request.headers.get("If-None-Match", "none")
        return response

    async def streamed(request: Any) -> StreamingHttpResponse:
        async def parts() -> Any:
            for at in range(0, len(page), 9):
                yield page[at : at + 9]

        return StreamingHttpResponse(parts())

    urls.urlpatterns = [path("page", view), path("other", view), path("stream/page", streamed)]
    sys.modules[urls.__name__] = urls
    if not settings.configured:  # once in a process, and other tests have sites of their own
        settings.configure(SECRET_KEY="only a test")
    from django.core.asgi import get_asgi_application
    from django.test import override_settings

    django.setup()
    middleware = ["django.middleware.http.ConditionalGetMiddleware", "django.middleware.common.CommonMiddleware"]
    with override_settings(ROOT_URLCONF=urls.__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=middleware):
        yield get_asgi_application()


async def test_django(site: Any, wrap: Any, shows: Any) -> None:
    """A Django page has its slot filled; Content-Length, in title case, is true, and no ETag is left."""
    page = await shows(wrap(site))
    assert page.header("content-length") == str(len(page.body)) and page.header("etag") is None
    assert any(name == b"Content-Type" for name, _ in page.headers)


async def test_django_is_not_asked_conditionally(site: Any, wrap: Any) -> None:
    """Django's ConditionalGetMiddleware answers 304 to a bare request, and the page through us."""
    from personalize.testing import call

    etag = (await call(site, "/page")).header("etag")
    assert etag is not None
    headers = [(b"if-none-match", etag.encode())]
    assert (await call(site, "/page", headers=headers)).status == 304
    got = await call(wrap(site), "/page", headers=headers)
    assert got.status == 200 and "<b>hi</b>" in got.text and got.header("x-if-none-match") == "none"


async def test_django_streams(site: Any, config: Any) -> None:
    """A streamed Django page is filled too."""
    from personalize import PersonalizeMiddleware
    from personalize.testing import call

    config["slots"]["hero"]["match"]["path"] = "/stream/page"
    app = PersonalizeMiddleware(site, config)
    assert "<b>hi</b>" in (await call(app, "/stream/page")).text
    await app.close()


async def test_django_with_gzip(site: Any, wrap: Any, shows: Any) -> None:
    """Inside and outside of a compressing middleware the decoded pages are equal."""
    from starlette.middleware.gzip import GZipMiddleware

    await shows(wrap(GZipMiddleware(site, minimum_size=10)), coding="gzip")
    await shows(GZipMiddleware(wrap(site), minimum_size=10), coding="gzip")


async def test_django_keeps_its_log_without_lifespan(site: Any, wrap: Any) -> None:
    """Django refuses the lifespan scope; what visitors did is recorded all the same."""
    from personalize.testing import call

    app = wrap(site)

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None: ...

    with pytest.raises(ValueError, match="lifespan"):
        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    await call(app, "/page")
    await app.watcher.history.log.flush()
    assert [event.name for event in await app.watcher.history.store.read()] == ["Page Viewed"]
