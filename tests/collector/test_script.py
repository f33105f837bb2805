"""Our own script: small, and in a real Chromium it tells views, clicks and answers to the collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import personalize

SCRIPT = Path(personalize.__file__).parent / "events" / "p.js"
HOME = b"""<!doctype html><title>Home</title><div data-slot="hero"></div>
<div class="more"><a id="more" href="#more">More</a></div><a id="else" href="#else">Else</a>
<script src="/_personalize/p.js" async></script>"""
DOCS = b"""<!doctype html><title>Docs</title><p>No slot here.</p><script src="/_personalize/p.js" defer></script>"""
SLOTS = {
    "hero": {
        "match": {"path": "/"},
        "experiences": [
            {"id": "sale", "show": {"html": '<a id="a" href="#sale">Sale</a>'
             '<button id="b" data-pz-answer="not relevant"><i id="i">No</i></button>'}}
        ],
    },
    "more": {"match": {"path": "/", "element": ".more"}, "default": "page"},
}  # fmt: skip


def test_it_is_small() -> None:
    """At most 1.5 KB, before any compression."""
    assert SCRIPT.stat().st_size <= 1536


async def test_it_is_served_with_an_etag(site: Any) -> None:
    """A browser that has it is told so; HEAD gives the same head without the body."""
    got = await site.ask("/_personalize/p.js", method="GET")
    assert got.status == 200 and got.body.startswith(b"/*")
    assert got.headers["content-type"].startswith("text/javascript")
    known = {"if-none-match": f'"x", W/{got.headers["etag"]}'}
    again = await site.ask("/_personalize/p.js", method="GET", headers=known)
    assert (again.status, again.body) == (304, b"")
    head = await site.ask("/_personalize/p.js", method="HEAD")
    assert (head.status, head.body, head.headers) == (200, b"", got.headers)
    assert (await site.ask("/_personalize/p.js", b"x")).status == 405


async def test_it_knows_slots_that_are_found_by_a_selector(make_site: Any) -> None:
    """Only these: a slot that the page marks itself needs no selector."""
    site = make_site()
    assert b"(document, location, {})" in (await site.ask("/_personalize/p.js", method="GET")).body


@pytest.mark.browser
def test_a_real_browser_tells_views_clicks_and_answers(serve_pages: Any, chromium: Any) -> None:
    """Under a strict CSP, with a cookie that no script can read: the page without slots is counted once, the one with
    slots by the middleware alone; clicks carry the slot and the experience; an answer carries what was said."""
    with serve_pages({"/": HOME, "/docs": DOCS}, slots=SLOTS) as server:
        page = chromium.new_page()
        page.goto(f"{server.origin}/")
        own = {cookie["name"]: cookie["value"] for cookie in chromium.cookies()}["pz"].partition(".")[0]
        server.events("Page Viewed")
        page.click("#a")
        page.click("#more")
        page.click("#else")
        page.click("#i")
        page.goto(f"{server.origin}/docs")
        views = server.events("Page Viewed", least=2)
        assert [(view.visitor, view.properties["path"]) for view in views] == [(own, "/"), (own, "/docs")]
        clicks = server.events("Experience Clicked", least=2)
        assert {click.properties["slot"]: click.properties["experience"] for click in clicks} == {
            "hero": "sale", "more": None,
        }  # fmt: skip
        (answer,) = server.events("Answer Given")
        assert answer.visitor == own
        assert (answer.properties["slot"], answer.properties["answer"]) == ("hero", "not relevant")


@pytest.mark.browser
def test_a_newcomer_on_a_page_without_slots_gets_an_id(serve_pages: Any, chromium: Any) -> None:
    """Where no page gave a cookie, the first event does, if the visitor consents."""
    with serve_pages({"/docs": DOCS}) as server:
        chromium.new_page().goto(f"{server.origin}/docs")
        (view,) = server.events("Page Viewed")
        assert [cookie["value"].partition(".")[0] for cookie in chromium.cookies()] == [view.visitor]


@pytest.mark.browser
def test_nothing_is_kept_of_a_visitor_who_refused(serve_pages: Any, chromium: Any) -> None:
    """Without consent the script's events are thrown away, and there is no cookie."""
    with serve_pages({"/": HOME, "/docs": DOCS}, consent="denied", slots=SLOTS) as server:
        page = chromium.new_page()
        with page.expect_response("**/v1/b") as answered:
            page.goto(f"{server.origin}/docs")
        assert answered.value.status == 200
        assert server.events(least=0) == []
        assert chromium.cookies() == []


APP = b"""<!doctype html><title>Home</title><div data-slot="hero"></div>
<a id="tea" href="/tea">Tea</a><a id="same" href="#x">Same</a>
<script src="/app.js"></script><script src="/_personalize/p.js" async></script>"""
APP_JS = b"""document.addEventListener('click', (e) => {
  if (!e.target.host || e.target.id == 'same' || e.target.id == 'a') return;
  e.preventDefault(); history.pushState({}, '', e.target.href); document.title = e.target.textContent;
});"""


@pytest.mark.browser
def test_an_app_that_changes_pages_without_requests_is_counted(serve_pages: Any, chromium: Any) -> None:
    """Each page that a client framework navigates to is one view, also one with slots, which no request told of; going
    back is one, and what stays on its page is none. Clicks in slots still carry slot and experience."""
    slots = {**SLOTS, "hero": {**SLOTS["hero"], "match": {"path": "/**"}}}
    with serve_pages({"/": APP, "/app.js": APP_JS}, slots=slots) as server:
        page = chromium.new_page()
        page.goto(f"{server.origin}/")
        server.events("Page Viewed")
        page.click("#tea")
        views = server.events("Page Viewed", least=2)
        assert views[1].properties["path"] == "/tea" and views[1].properties["title"] == "Tea"
        page.click("#same")
        page.click("#a")
        page.go_back()
        page.go_back()
        page.go_back()
        views = server.events("Page Viewed", least=3)
        assert [view.properties["path"] for view in views] == ["/", "/tea", "/"]
        (click,) = server.events("Experience Clicked")
        assert (click.properties["slot"], click.properties["experience"]) == ("hero", "sale")


@pytest.mark.browser
def test_where_a_click_leads_tells_no_address_of_a_person(serve_pages: Any, chromium: Any) -> None:
    """A link's path is told, without its query; of mailto: and tel: nothing."""
    links = '<a id=q href="/tea?mail=a@x.org#me">T</a><a id=m href="mailto:a@x.org">M</a><a id=t href="tel:1">C</a>'
    hero = {"match": {"path": "/"}, "experiences": [{"id": "sale", "show": {"html": links}}]}
    with serve_pages({"/": APP, "/app.js": APP_JS}, slots={"hero": hero}) as server:
        page = chromium.new_page()
        page.goto(f"{server.origin}/")
        for link in ("#m", "#t", "#q"):
            page.click(link)
        clicks = server.events("Experience Clicked", least=3)
        assert sorted(click.properties["to"] for click in clicks) == ["", "", "/tea"]
        assert "x.org" not in str(server.events())
