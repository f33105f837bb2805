"""Preview and time travel: any page as anybody, at any moment, by a signed link that leaves no trace."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.editor import preview as previews
from personalize.editor import previewing
from personalize.testing import Response, call
from personalize.visitor import Preview, PreviewTokens

HERO = """
version: 1
timezone: Europe/Istanbul
store: sqlite
holdout: {percent: 100}
segments:
  back: {all: [{visits: {gte: 2}}]}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    default: {html: "<h1>Default</h1>"}
    experiences:
      - {id: tomorrow, status: draft, when: back, show: {html: "<h1>Draft</h1>"}}
      - {id: xmas, when: back, schedule: {from: "2026-12-24", until: "2026-12-27"}, show: {html: "<h1>Xmas</h1>"}}
      - {id: back, when: back, show: {html: "<h1>Good to see you again</h1>"}}
      - {id: small, when: {device.type: mobile}, show: {html: "<h1>Small</h1>"}}
      - id: split
        status: preview
        experiment:
          key: colours
          variants:
            - {id: red, show: {html: "<h1>Red</h1>"}}
            - {id: blue, show: {html: "<h1>Blue</h1>"}}
"""


@pytest.fixture
def clock() -> Any:
    """Links are made by the real clock, so the site goes by it too."""
    return time.time


async def command(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments])


@pytest.fixture
def follow(tmp_path: Path, browser: Any) -> Any:
    """Makes a link by the command line and opens it."""

    async def follow(app: Any, *options: str, visitor: Any = None, url: str = "https://shop.example/") -> Response:
        made = await command("preview", str(tmp_path / "personalize.yaml"), url, *options)
        assert made.exit_code == 0, made.output
        parts = urlsplit(made.output.strip())
        return await (visitor or browser(app)).get(parts.path, parts.query)

    return follow


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ([], b"<h1>Default</h1>"),
        (["--as", "back"], b"<h1>Good to see you again</h1>"),
        (["--as", "back", "--at", "2026-12-25 10:00"], b"<h1>Xmas</h1>"),
        (["--at", "2026-12-25 10:00"], b"<h1>Default</h1>"),
        (["--device", "mobile"], b"<h1>Small</h1>"),
        (["--device", "mobile", "--as", "back"], b"<h1>Good to see you again</h1>"),
        (["--variant", "split=blue"], b"<h1>Blue</h1>"),
        (["--variant", "hero/split=red", "--as", "back", "--device", "mobile"], b"<h1>Red</h1>"),
        (["--variant", "tomorrow"], b"<h1>Draft</h1>"),
        (["--with", "tomorrow"], b"<h1>Default</h1>"),
        (["--with", "tomorrow", "--as", "back"], b"<h1>Draft</h1>"),
        (["--with", "tomorrow", "--as", "back", "--consent", "none"], b"<h1>Default</h1>"),
        (["--as", "back", "--consent", "personalization_storage"], b"<h1>Good to see you again</h1>"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
async def test_b30_a_link_shows_the_page_as_anybody_at_any_moment(
    site: Any, follow: Any, options: list[str], seen: bytes
) -> None:
    """Segments, device, consent, variant, draft and moment, alone and combined; nobody is held out of a preview."""
    app = await site(HERO)
    response = await follow(app, *options)
    assert response.status == 200 and seen in response.body


async def test_b30_a_preview_leaves_no_trace(site: Any, browser: Any, follow: Any) -> None:
    """No event, no profile, no id cookie; not stored, not listed, and the address is sent to nobody. The same visitor's
    next page is as if nothing had been."""
    app = await site(HERO)
    await app.watcher.history.log.flush()
    before = await app.watcher.history.store.last()
    visitor = browser(app)
    for options in (["--as", "back"], ["--variant", "split=blue"], ["--device", "bot"], ["--consent", "none"]):
        response = await follow(app, *options, visitor=visitor)
        head = dict(response.headers)
        assert b"set-cookie" not in head
        assert head[b"cache-control"] == b"private, no-store"
        assert head[b"x-robots-tag"].startswith(b"noindex")
        assert head[b"referrer-policy"] == b"no-referrer"
    assert visitor.cookies == {"consent": "granted"}
    assert await app.watcher.history.store.last() == before
    assert b"<h1>Welcome</h1>" in (await visitor.get()).body, "held out, as everybody is who is no preview"


async def test_b49_only_a_link_that_was_signed_here_and_holds_is_shown(
    site: Any, browser: Any, follow: Any, tmp_path: Path
) -> None:
    """A changed token, one of another site or purpose, and one that has expired are refused with 403, and so are not
    taken for today's page."""
    app = await site(HERO)
    file = str(tmp_path / "personalize.yaml")
    good = urlsplit((await command("preview", file, "/", "--as", "back")).output.strip()).query
    old = urlsplit((await command("preview", file, "/", "--as", "back", "--expires", "0s")).output.strip()).query
    await asyncio.sleep(1.1)
    other = f"{previews.PARAMETER}={PreviewTokens(('another key',)).make(Preview(), time.time(), 60)}"
    visitor = browser(app)
    assert (await visitor.get("/", good)).status == 200
    swapped = good.replace("=", "=A", 1)
    for query in (old, other, swapped, good[:-1], f"{previews.PARAMETER}=", f"{previews.PARAMETER}=%ff"):
        response = await visitor.get("/", query)
        assert (response.status, dict(response.headers)[b"cache-control"]) == (403, b"private, no-store"), query
        assert b"<h1>" not in response.body


def test_b49_a_token_is_what_was_signed_and_only_while_it_holds() -> None:
    """Every field comes back; the clock decides, on both sides; a renewed key still reads what the old one signed."""
    shown = Preview(("a",), "mobile", (), (("hero/x", "red"),), ("hero/y",), 12.5)
    tokens = PreviewTokens(("old",))
    token = tokens.make(shown, 1000.0, 60)
    assert tokens.read(token, 1060.0, "/") == shown == PreviewTokens(("new", "old")).read(token, 1000.0, "/x")
    assert [tokens.read(token, now, "/") for now in (1061.5, 900.0)] == [None, None]
    assert PreviewTokens(("new",)).read(token, 1000.0, "/") is None
    assert tokens.read(tokens.make(Preview(), 1000.0, 60), 1000.0, "/") == Preview()
    bound = tokens.make(Preview(path="/a b"), 1000.0, 60)
    assert tokens.read(bound, 1000.0, "/a b") == Preview(path="/a b") and tokens.read(bound, 1000.0, "/") is None


async def test_b30_the_app_sees_the_device_and_never_the_token(site: Any, follow: Any) -> None:
    """The site's own page is asked for as the device would, with the rest of the query as it was."""
    app = await site(HERO)
    seen: list[Any] = []
    inner = app.app

    async def watching(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["query_string"], dict(scope["headers"])[b"user-agent"]))
        await inner(scope, receive, send)

    app.app = watching
    await follow(app, "--device", "mobile", url="https://shop.example/?q=1&x=%20")
    assert seen == [(b"q=1&x=%20", previews.AGENTS["mobile"])]


async def test_b30_a_preview_says_in_its_headers_what_it_shows(site: Any, follow: Any) -> None:
    """X-Personalize-Explain names each slot's experience, variant and reason."""
    app = await site(HERO)
    told = json.loads(dict((await follow(app, "--variant", "split=blue")).headers)[b"x-personalize-explain"])
    assert told == {"slots": [{"slot": "hero", "experience": "split", "variant": "blue", "reason": "experience"}]}


async def test_b30_a_draft_passes_the_linter_and_a_paused_experience_can_be_previewed(
    site: Any, browser: Any, follow: Any, tmp_path: Path
) -> None:
    """status: preview is no longer warned of; what is paused can be looked at before it is resumed."""
    app = await site(HERO)
    file = str(tmp_path / "personalize.yaml")
    checked = await command("check", file, "--format", "json")
    assert "preview" not in checked.output
    await command("pause", file, "back")
    await app.watcher.history.log.flush()
    assert b"<h1>Default</h1>" in (await follow(app, "--as", "back")).body
    assert b"again</h1>" in (await follow(app, "--as", "back", "--with", "back")).body


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--as", "bakc"], 'no segment "bakc"'),
        (["--variant", "split=green"], "red, blue"),
        (["--variant", "nothing"], 'no experience "nothing"'),
        (["--consent", "cookies"], "no purpose"),
        (["--at", "soon"], "is no time"),
        (["--expires", "soon"], "a duration such as"),
    ],
)
async def test_b30_a_wrong_word_is_told_before_a_link_is_made(
    site: Any, tmp_path: Path, options: list[str], said: str
) -> None:
    """What the config does not know makes no link."""
    await site(HERO)
    made = await command("preview", str(tmp_path / "personalize.yaml"), "/", *options)
    assert made.exit_code == 2 and said in " ".join(made.output.replace("│", " ").split())


async def test_b30_a_link_to_a_page_without_the_slot_says_so(site: Any, tmp_path: Path) -> None:
    """Beside the link, which is good for all else on that page; a page that has the slot is told nothing."""
    await site(HERO)
    file = str(tmp_path / "personalize.yaml")
    made = await command("preview", file, "/basket", "--variant", "split=red")
    assert made.exit_code == 0 and made.stdout.startswith("/basket?")
    assert made.stderr == "note: /basket shows no hero/split, for the slot hero is on /\n"
    assert not (await command("preview", file, "/", "--variant", "split=red")).stderr


# --- as somebody who means harm, or only did not think ---------------------------------------------------


async def test_b49_a_link_is_for_its_page_alone(site: Any, browser: Any, tmp_path: Path, clock: Any) -> None:
    """Its token shows no other page, tells no other page's reasons, and is refused there; one that was made for
    everywhere does. Encoded letters and other queries are the same page."""
    app = await site(HERO.replace('path: "/",', 'path: ["/", "/çok güzel", "/b"],'))
    file, visitor = str(tmp_path / "personalize.yaml"), browser(app)
    for url, options, opened in (
        ("https://shop.example/", [], {"/": 200, "/b": 403, "/çok güzel": 403}),
        ("https://shop.example", [], {"/": 200, "/b": 403}),
        ("/%C3%A7ok%20g%C3%BCzel?q=1", [], {"/": 403, "/çok güzel": 200}),
        ("/", ["--everywhere"], {"/": 200, "/b": 200, "/çok güzel": 200}),
    ):
        made = await command("preview", file, url, *options)
        query = urlsplit(made.output.strip()).query
        token = query.rpartition("=")[2]
        for path, status in opened.items():
            assert (await visitor.get(path, query)).status == status, (url, path)
            assert (await visitor.get(path, f"more=1&{query}")).status == status
            told = await visitor.get("/_personalize/v1/explain", f"url={path}&personalize_preview={token}")
            assert told.status == status
            header = ((b"x-personalize-explain", token.encode()),)
            assert (b"x-personalize-explain" in dict((await visitor.get(path, headers=header)).headers)) is (
                status == 200
            )


async def test_b49_no_cache_keeps_a_preview_whatever_the_app_says(site: Any, follow: Any) -> None:
    """Headers that only caches in front read are gone too, on pages without slots as well: such a cache may leave the
    query, and so the token, out of its key."""
    signals = 'site: {signals: [{path: "/elsewhere", event: Looked}]}'
    for path in ("/", "/elsewhere"):
        app = await site(HERO.replace("holdout: {percent: 100}", signals))
        inner = app.app
        wide = [
            (b"Cache-Control", b"public, max-age=600"), (b"CDN-Cache-Control", b"max-age=600"), (b"Expires", b"never"),
            (b"Surrogate-Control", b"max-age=600"), (b"Cloudflare-CDN-Cache-Control", b"max-age=600"),
            (b"X-Accel-Expires", b"600"), (b"ETag", b'"1"'), (b"Referrer-Policy", b"unsafe-url"),
        ]  # fmt: skip

        async def keeping(scope: Any, receive: Any, send: Any, inner: Any = inner, wide: Any = wide) -> None:
            async def told(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message["headers"], *wide]}
                await send(message)

            await inner(scope, receive, told)

        app.app = keeping
        head = [(name.lower(), value) for name, value in (await follow(app, url=path)).headers]
        about = {name: value for name, value in head if b"cache" in name or name.endswith((b"expires", b"control"))}
        assert about == {b"cache-control": b"private, no-store"}
        assert dict(head)[b"referrer-policy"] == b"no-referrer" and b"etag" not in dict(head)
        assert len([name for name, _ in head if name == b"cache-control"]) == 1


async def test_b49_what_scripts_of_a_previewed_page_tell_is_refused(site: Any, browser: Any) -> None:
    """Clicks, answers and views from a page whose address holds a token are nobody's; the same visitor's others count,
    and a server's word always does. Our own script says nothing there at all."""
    app = await site(HERO)
    visitor = browser(app, "granted")
    await visitor.get()
    script = (await visitor.get("/_personalize/p.js")).body
    assert b"personalize_preview=/.test(l.search)" in script.replace(b"[?&]", b"")
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items()).encode()
    page = {"path": "/", "search": "?a=1&personalize_preview=abc.def"}
    address = {"url": "https://shop.example/?personalize_preview=abc"}
    for message, taken in (
        ({"type": "track", "event": "Answer Given", "properties": {"slot": "hero"}, "context": {"page": page}}, 0),
        ({"type": "track", "event": "Looked", "properties": address}, 0),
        ({"type": "page", "properties": address}, 0),
        ({"type": "track", "event": "Looked", "properties": {"url": "https://shop.example/?q=1"}}, 1),
        ({"type": "track", "event": "Looked", "properties": {"url": 7, "search": None}}, 1),
    ):
        body = json.dumps({"batch": [message]}).encode()
        sent = [(b"cookie", cookie), (b"sec-fetch-site", b"same-origin")]
        place = {"scheme": "https", "host": "shop.example"}
        answer = await call(app, "/_personalize/v1/b", method="POST", headers=sent, body=body, **place)
        assert (answer.status, json.loads(answer.body)["accepted"]) == (200, taken), message


async def test_b49_a_preview_of_everything_at_once_leaves_no_trace(
    site: Any, browser: Any, follow: Any, stored: Any
) -> None:
    """Segment, device, consent, draft and moment in one link, opened by somebody who is known: their profile, caps and
    cookie are as before, and a signal on the page is not read."""
    config = HERO.replace("holdout: {percent: 100}", 'site: {signals: [{path: "/", event: Looked}]}')
    app = await site(config)
    visitor = browser(app)
    await visitor.get()
    cookies, seen = dict(visitor.cookies), await app.watcher.history.store.last()
    options = ["--as", "back", "--device", "mobile", "--with", "tomorrow", "--at", "2026-12-25 10:00"]
    page = await follow(app, *options, "--consent", "personalization_storage", visitor=visitor)
    assert b"<h1>Draft</h1>" in page.body
    await app.watcher.history.log.flush()
    assert visitor.cookies == cookies and await app.watcher.history.store.last() == seen
    assert len(await stored(app, "Looked")) == 1


def test_devices_of_the_command_are_those_of_previews() -> None:
    """One list of devices."""
    assert set(previewing.DEVICES) == set(previews.AGENTS)
