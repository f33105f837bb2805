"""Exclusive groups on real pages: one offer at a time, whichever slots could show one."""

from __future__ import annotations

from typing import Any

SITE = """
version: 1
store: memory
site: {consent: {default: granted}}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - {id: sale, exclusive_group: offers, when: {query.sale: "1"}, cap: {max: 1, within: 1d}, show: {html: Sale}}
  carousel:
    match: {path: "/", element: "[data-slot=carousel]"}
    experiences:
      - {id: coupon, exclusive_group: offers, show: {html: Coupon}}
      - {id: news, show: {html: News}}
"""


async def test_b43_a_page_shows_one_offer_of_a_group(site: Any, browser: Any, stored: Any) -> None:
    """The first slot takes the group and the second shows what comes next; where the first has nothing to show, or its
    cap is reached, the second may have it. What was not shown is no exposure."""
    visitor = browser(await site(SITE))
    both = await visitor.get(query="sale=1")
    assert b"Sale" in both.body and b"Coupon" not in both.body and b"News" in both.body
    capped = await visitor.get(query="sale=1")
    assert b"Welcome" in capped.body and b"Coupon" in capped.body and b"News" not in capped.body
    other = await browser(visitor.app).get()
    assert b"Welcome" in other.body and b"Coupon" in other.body
    views = await stored(visitor.app, "Page Viewed")
    assert [[seen["experience"] for seen in view.exposures] for view in views] == [
        ["sale", "news"], ["coupon"], ["coupon"],
    ]  # fmt: skip


async def test_b43_a_paused_offer_frees_its_group(site: Any, browser: Any) -> None:
    """A draft, paused or archived experience takes nothing from the others."""
    app = await site(SITE.replace("id: sale,", "id: sale, status: paused,"))
    page = await browser(app).get(query="sale=1")
    assert b"Welcome" in page.body and b"Coupon" in page.body


async def test_b27_a_preview_shows_what_it_names_whatever_group_it_is_of(site: Any, browser: Any, clock: Any) -> None:
    """`--variant` asks for an experience: nothing on the page holds it back."""
    from personalize.visitor import Preview

    app = await site(SITE)
    token = app.engine.previews.make(Preview(variants=(("carousel/coupon", ""),)), clock.now, 60)
    page = await browser(app).get(query=f"sale=1&personalize_preview={token}")
    assert b"Sale" in page.body and b"Coupon" in page.body
