"""What the site itself knows of a request, passed in the ASGI scope, as facts."""

from __future__ import annotations

from typing import Any

import pytest

CONFIG = """
version: 1
store: memory
slots:
  hero:
    match: {path: "/"}
    experiences:
      - {id: pro, when: {custom.plan: pro}, show: {html: pro}}
      - {id: deep, when: {custom.account.seats: {gte: 10}}, show: {html: many seats}}
      - {id: tags, when: {custom.tags: {any: [beta]}}, show: {html: beta}}
"""


def passing(app: Any, attributes: Any) -> Any:
    """The site's own code outside the middleware, which knows something of the request."""

    async def site(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "personalize.attributes": attributes}, receive, send)

    site.watcher = app.watcher  # type: ignore[attr-defined]
    return site


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ({"plan": "pro"}, b">pro<"),
        ({"plan": "free", "account": {"seats": 12}}, b"many seats"),
        ({"account": {"seats": 9}, "tags": ["alpha", "beta"]}, b"beta"),
        ({"account": {"seats": 9}}, b"Welcome"),
        ({"plan": object()}, b"Welcome"),
        ({}, b"Welcome"),
        (None, b"Welcome"),
        (["plan", "pro"], b"Welcome"),
    ],
)
async def test_what_the_site_passes_in_the_scope_is_a_fact(
    site: Any, browser: Any, attributes: Any, shown: bytes
) -> None:
    """Rules ask about custom attributes as about any fact; what is no mapping says nothing."""
    app = await site(CONFIG)
    response = await browser(passing(app, attributes)).get()
    assert response.status == 200 and shown in response.body


async def test_attributes_of_one_request_reach_no_other(site: Any, browser: Any) -> None:
    """A remembered plan is told apart by the attributes it was made from: true is not 1, and absent is neither."""
    app = await site(CONFIG.replace("{custom.plan: pro}", "{custom.plan: {eq: true}}"))
    visitor = browser(app)
    seen = []
    for attributes in ({"plan": True}, {"plan": 1}, {}, {"plan": True}):
        visitor.app = passing(app, attributes)
        seen.append(b">pro<" in (await visitor.get()).body)
    assert seen == [True, False, False, True]
