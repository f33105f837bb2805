"""A click is counted for the experience that was on its own page, whatever other tabs show by now."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.config.models import PAGE
from personalize.events import Marks
from personalize.model import OPERATOR, PAUSED, RESUMED, Choice, Event
from personalize.testing import call

HERO = {
    "match": {"path": "/**"},
    "experiences": [
        {"id": "sale", "when": {"query.see": "sale"}, "show": {"html": '<a id="a" href="#sale">Sale</a>'}},
        {"id": "news", "when": {"query.see": "news"}, "show": {"html": '<a id="a" href="#news">News</a>'}},
        {"id": "secret_offer", "when": {"query.see": "secret"}, "show": {"html": '<a id="a" href="#x">For you</a>'}},
    ],
    "default": {"html": '<a id="a" href="#all">All</a>'},
}
HOME = b"""<!doctype html><title>Home</title><div data-slot="hero"></div>
<script src="/_personalize/p.js" async></script>"""


async def page(scope: Any, receive: Any, send: Any) -> None:
    """One page, with a header of its own that scripts read, too."""
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"server-timing", b"db;dur=3")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'<i data-slot="hero"></i>'})


def site(**changes: Any) -> PersonalizeMiddleware:
    told = {"version": 1, "store": "memory", "site": {"consent": {"default": "granted"}}, "slots": {"hero": HERO}}
    return PersonalizeMiddleware(page, {**told, **changes})


def marks_in(answer: Any) -> str:
    """What a browser reads of our own metric."""
    (own,) = [value for value in answer.all("server-timing") if value.startswith("pz;")]
    return str(own.split('"')[1])


class Tabs:
    """One browser; `see` opens a page and gives its marks, `click` tells of a click as our script does."""

    def __init__(self, app: PersonalizeMiddleware) -> None:
        self.app = app
        self.cookie = b""

    async def see(self, what: str) -> str:
        headers = [(b"cookie", self.cookie)] if self.cookie else []
        answer = await call(self.app, "/", scheme="https", query=f"see={what}".encode(), headers=headers)
        for cookie in answer.all("set-cookie"):
            self.cookie = cookie.split(";")[0].encode()
        await self.app.watcher.history.log.flush()
        return marks_in(answer)

    async def click(self, on: str | None, event: str = "Experience Clicked") -> Event:
        told = {"slot": "hero", "to": "/"} | ({} if on is None else {"on": on})
        body = json.dumps({"batch": [{"type": "track", "event": event, "properties": told}]}).encode()
        sent = [(b"cookie", self.cookie), (b"sec-fetch-site", b"same-origin")]
        path = "/_personalize/v1/b"
        assert (await call(self.app, path, method="POST", scheme="https", headers=sent, body=body)).status == 200
        history = self.app.watcher.history
        await history.log.flush()
        visitor = self.cookie.partition(b"=")[2].decode().partition(".")[0]
        return [e for e in await history.store.of_visitor(visitor) if e.name == event][-1]


async def test_each_of_two_pages_has_its_own_click() -> None:
    """The older tab's click is counted for what it shows, the default's for nothing; the mark itself is not kept."""
    tabs = Tabs(site())
    sale, news, default = await tabs.see("sale"), await tabs.see("news"), await tabs.see("nothing")
    for on, expected in ((sale, "sale"), (news, "news"), (default, None), (sale, "sale")):
        click = await tabs.click(on)
        assert click.properties["experience"] == expected
        assert "on" not in click.properties


async def test_who_tells_no_marks_clicks_what_was_shown_last() -> None:
    """Where the browser can't read them, or a proxy took the header away, or the keys were changed."""
    tabs = Tabs(site())
    await tabs.see("news")
    await tabs.see("sale")
    for told in (None, "", "abcdef.", "." * 9_000):
        assert (await tabs.click(told)).properties["experience"] == "sale"


async def test_a_click_where_the_slot_is_paused_is_of_no_experience() -> None:
    """The page there is the app's own and tells nothing: what was shown before the pause was not clicked. The click of
    a page that was open before, which tells its marks, still counts."""
    tabs = Tabs(site())
    sale = await tabs.see("sale")
    log = tabs.app.watcher.history.log
    for name, expected in ((PAUSED, None), (RESUMED, "sale")):
        log.record(Event(f"k-{name}", name, 1_800_000_000.0, OPERATOR, {"target": "*", "by": "ann"}))
        await log.flush()
        assert (await tabs.click("")).properties["experience"] == expected
        assert (await tabs.click(sale)).properties["experience"] == "sale"


async def test_the_newest_mark_of_a_page_counts() -> None:
    """A page that asked again, as an app in the browser does, tells all its answers; the last one is on the screen."""
    tabs = Tabs(site())
    sale, news = await tabs.see("sale"), await tabs.see("news")
    assert (await tabs.click(news + sale)).properties["experience"] == "sale"
    assert (await tabs.click(sale + news)).properties["experience"] == "news"


async def test_an_answer_to_an_app_in_the_browser_tells_its_marks_too() -> None:
    """What was asked for and recorded stands on the page from then on; what was only asked for does not."""
    app = site()
    tabs = Tabs(app)
    sale = await tabs.see("sale")
    sent = [(b"cookie", tabs.cookie), (b"sec-fetch-site", b"same-origin")]
    place: dict[str, Any] = {"method": "POST", "scheme": "https", "headers": sent}
    asked = await call(app, "/_personalize/v1/decide", body=b'{"url": "/?see=news", "record": true}', **place)
    assert (await tabs.click(sale + marks_in(asked))).properties["experience"] == "news"
    asked = await call(app, "/_personalize/v1/decide", body=b'{"url": "/?see=news"}', **place)
    assert asked.all("server-timing") == []


async def test_a_forged_mark_is_believed_nothing() -> None:
    """Who was not shown an experience clicks none, and answers for none, by somebody else's mark; by a made-up one, it
    is what they saw last."""
    app = site()
    one, other = Tabs(app), Tabs(app)
    secret = await one.see("secret")
    await other.see("sale")
    for event in ("Experience Clicked", "Answer Given"):
        assert (await other.click(secret, event)).properties["experience"] is None
    guessed = hmac.new(b"", b"shown:hero/secret_offer", hashlib.sha256).hexdigest()[:6]
    assert (await other.click(guessed)).properties["experience"] == "sale"


async def test_the_header_tells_no_name_and_leaves_the_app_its_own() -> None:
    """An experience's id may say what a visitor is taken for; who is not known is told no marks at all."""
    app = site()
    answer = await call(app, "/", scheme="https", query=b"see=secret")
    assert b"secret" not in b"".join(value for _, value in answer.headers)
    assert answer.all("server-timing")[0] == "db;dur=3"
    refused = await call(app, "/", scheme="https", headers=[(b"cookie", b"consent=denied")])
    assert refused.all("server-timing") == ["db;dur=3"]


async def test_the_copy_that_a_cache_keeps_tells_what_that_copy_shows() -> None:
    """It is the same for everybody, of whom nothing is recorded: so a click is believed, and an answer is not."""
    shared = {
        "match": {"path": "/**"}, "shared": True, "consent": "none", "default": "page",
        "experiences": [{"id": "tr", "when": {"locale": "tr"}, "show": {"html": "Merhaba"}}],
    }  # fmt: skip
    told = {"consent": {"default": "granted"}, "shared": {"vary": ["Accept-Language"], "for": "5m"}}
    app = site(site=told, slots={"hero": shared})
    turkish = [(b"accept-language", b"tr")]
    one, other = [await call(app, "/", scheme="https", headers=turkish) for _ in range(2)]
    assert marks_in(one) == marks_in(other) and not one.all("set-cookie")
    plain = await call(app, "/", scheme="https")
    assert marks_in(plain) != marks_in(one)
    tabs = Tabs(app)
    body = b'{"batch": [{"type": "track", "event": "Hello"}]}'
    sent = [(b"sec-fetch-site", b"same-origin")]
    hello = await call(app, "/_personalize/v1/b", method="POST", scheme="https", headers=sent, body=body)
    tabs.cookie = hello.all("set-cookie")[0].split(";")[0].encode()
    assert (await tabs.click(marks_in(one))).properties["experience"] == "tr"
    assert (await tabs.click(marks_in(plain))).properties["experience"] is None
    assert (await tabs.click(marks_in(one), "Answer Given")).properties["experience"] is None


def test_marks_are_read_under_older_keys_too() -> None:
    """A page that was loaded before the secret was changed."""
    old, new = Marks(["a" * 40]), Marks(["b" * 40, "a" * 40])
    _, header = old.header([Choice("hero", PAGE, PAGE, "sale"), Choice("footer", PAGE, PAGE)])
    told = header.decode().split('"')[1]
    assert new.find(told, "hero", ["sale"]) == ("sale",)
    assert new.find(told, "footer", ["sale"]) == (None,)
    assert new.find(told, "aside", ["sale"]) is None
    assert Marks(["b" * 40]).find(told, "hero", ["sale"]) is None


@pytest.mark.browser
def test_two_tabs_of_a_real_browser(serve_pages: Any, chromium: Any) -> None:
    """The tab that was opened first is clicked last."""
    with serve_pages({"/": HOME}, slots={"hero": HERO}) as server:
        first, second = chromium.new_page(), chromium.new_page()
        first.goto(f"{server.origin}/?see=sale")
        second.goto(f"{server.origin}/?see=news")
        third = chromium.new_page()
        third.goto(f"{server.origin}/")
        server.events("Page Viewed", least=3)
        for number, tab in enumerate((second, first, third), 1):
            tab.bring_to_front()
            tab.click("#a")
            clicks = server.events("Experience Clicked", least=number)
        assert [click.properties["experience"] for click in clicks] == ["news", "sale", None]
