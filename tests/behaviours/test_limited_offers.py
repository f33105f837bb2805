"""A limited offer tells its true end, and is gone after it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from personalize.testing import call
from personalize.visitor import Preview

SITE = """
version: 1
timezone: Europe/Istanbul
store: memory
site: {consent: {default: granted}, signals: [{path: "/p/{product}", event: Product Viewed, item: "{product}"}]}
catalogue: {file: products.jsonl}
slots:
  hero:
    match: {path: ["/", "/p/{product}"], element: "[data-slot=hero]"}
    template: offer.html
    experiences:
      - id: acme
        when: {favourite: {brand: Acme}}
        schedule: {from: "2026-09-21 00:00", until: "2026-09-27 23:00"}
        show: {parts: {headline: Acme week}}
      - {id: endless, when: {query.all: "1"}, show: {parts: {headline: Always}}}
"""
OFFER = (
    "<h1>{{ headline }}</h1>{% if ends %}<time datetime=\"{{ ends_at }}\">{{ ends }}</time>"
    "<i>{{ ends_at|date('%d.%m. %H:%M') }}</i>{% endif %}"
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Istanbul")).timestamp()


async def test_b22_a_favourite_brands_offer_shows_its_true_end(
    site: Any, browser: Any, clock: Any, tmp_path: Path
) -> None:
    """The end on the page is the schedule's own, in the site's zone; to the second it is shown, and then it is gone."""
    await site(SITE, {"offer.html": OFFER})
    lines = [json.loads(line) for line in (tmp_path / "products.jsonl").read_text().splitlines()]
    brands = [line | {"brand": "Acme" if line["id"] == "p6" else "Other"} for line in lines]
    (tmp_path / "products.jsonl").write_text("\n".join(map(json.dumps, brands)))
    app = await site(SITE, {"offer.html": OFFER})
    clock.now = at("2026-09-22 10:00")
    fan, stranger = browser(app), browser(app)
    for _ in range(2):
        await fan.get("/p/p6")
        clock.now += 60
    page = await fan.get()
    assert b'Acme week</h1><time datetime="2026-09-27T23:00:00+03:00">2026-09-27 23:00</time>' in page.body
    assert b"<i>27.09. 23:00</i>" in page.body
    assert b"Acme" not in (await stranger.get()).body
    clock.now = at("2026-09-27 22:59") + 59.9
    assert b"Acme week" in (await fan.get()).body
    clock.now = at("2026-09-27 23:00")
    after = await fan.get()
    assert b"Welcome" in after.body and b"Acme" not in after.body and b"2026-09-27" not in after.body


async def test_b22_what_has_no_end_says_none(site: Any, browser: Any) -> None:
    """Without a schedule `ends` is empty, so that a template can leave the sentence out."""
    page = await browser(await site(SITE, {"offer.html": OFFER})).get(query="all=1")
    assert b"<h1>Always</h1></section>" in page.body


async def test_b22_a_preview_shows_the_true_end_too(site: Any, browser: Any, clock: Any) -> None:
    """Whoever looks at the offer beforehand, whatever its rules say, sees the end that visitors will see."""
    app = await site(SITE, {"offer.html": OFFER})
    clock.now = at("2026-09-01 10:00")
    token = app.engine.previews.make(Preview(variants=(("hero/acme", ""),)), clock.now, 60)
    page = await browser(app).get(query=f"personalize_preview={token}")
    assert b">2026-09-27 23:00<" in page.body


async def test_b22_an_app_hears_the_end_in_the_content(site: Any, clock: Any, monkeypatch: Any) -> None:
    """A decision's finished content has it as a page has."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", "key")
    app = await site(SITE.replace("when: {favourite: {brand: Acme}}", "when: everyone"), {"offer.html": OFFER})
    clock.now = at("2026-09-22 10:00")
    body = json.dumps({"userId": "ann", "url": "/"}).encode()
    answer = await call(app, "/_personalize/v1/decide", method="POST", headers=[(b"x-api-key", b"key")], body=body)
    assert "2026-09-27 23:00" in json.loads(answer.body)["slots"][0]["html"]


async def test_b22_no_cache_in_front_keeps_an_offer_beyond_its_end(site: Any, clock: Any) -> None:
    """A page that a cache may keep for ten minutes is kept for so long only as no schedule opens or closes."""
    shared = """
version: 1
timezone: Europe/Istanbul
site: {shared: {vary: [CF-IPCountry], for: 10m}}
store: memory
slots:
  hero:
    match: {path: "/"}
    shared: true
    consent: none
    experiences:
      - {id: week, schedule: {until: "2026-09-27 23:00"}, show: {html: Week}}
      - {id: late, schedule: {from: "2026-09-28", hours: "22:00-02:00"}, show: {html: Late}}
"""
    app = await site(shared)
    for moment, kept in (
        ("2026-09-27 10:00", 600), ("2026-09-27 22:55", 300), ("2026-09-27 22:59:50", 10), ("2026-09-27 23:00", 600),
        ("2026-09-28 01:58", 120), ("2026-09-28 21:59:30", 30), ("2026-09-28 22:00", 600), ("2026-09-28 12:00", 600),
    ):  # fmt: skip
        clock.now = at(moment)
        page = await call(app, "/", scheme="https")
        assert dict(page.headers)[b"cache-control"] == b"public, max-age=0, s-maxage=%d" % kept, moment
