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

from personalize import preview as previews
from personalize import previewing
from personalize.cli import main
from personalize.testing import Response
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
    assert tokens.read(token, 1060.0) == shown == PreviewTokens(("new", "old")).read(token, 1000.0)
    assert [tokens.read(token, now) for now in (1061.5, 900.0)] == [None, None]
    assert PreviewTokens(("new",)).read(token, 1000.0) is None
    assert tokens.read(tokens.make(Preview(), 1000.0, 60), 1000.0) == Preview()


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


def test_devices_of_the_command_are_those_of_previews() -> None:
    """One list of devices."""
    assert set(previewing.DEVICES) == set(previews.AGENTS)
