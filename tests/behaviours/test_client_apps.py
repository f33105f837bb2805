"""A slot that a client framework draws over: said in the log, in explanations and on the command line."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from personalize import PersonalizeMiddleware, client_apps
from personalize.cli import main
from personalize.page.hydration import hydrations
from personalize.testing import Answer, call
from personalize.visitor import Preview

PAGE = (
    b'<!doctype html><html><body><div id="__next"><h1 data-slot="hero">old</h1></div><p data-slot="offer">own</p>'
    b'<script id="__NEXT_DATA__" type="application/json">{"n":%d}</script></body></html>'
)
CONFIG: dict[str, Any] = {
    "version": 1,
    "store": "memory",
    "slots": {s: {"match": {"path": "/**"}, "consent": "none", "default": {"html": s}} for s in ("hero", "offer")},
}
SAID = (
    "Next.js takes over #__next when the page loads, and slot hero lies in it: what stands there is drawn anew. "
    "Put it outside; or give its element suppressHydrationWarning and dangerouslySetInnerHTML; "
    "or have the app ask for the decision (/v1/decide)."
)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a page was looked at for client frameworks."""
    counted: list[int] = []
    monkeypatch.setattr(client_apps, "hydrations", lambda page, spans: counted.append(1) or hydrations(page, spans))
    return counted


async def test_the_log_says_it_once_for_a_route(caplog: pytest.LogCaptureFixture, looked: list[int]) -> None:
    """One warning, however many pages of the route come; the page itself is served all the same."""
    site = PersonalizeMiddleware(Answer(PAGE % 1), CONFIG)
    with caplog.at_level(logging.WARNING, "personalize"):
        for n in range(30):
            site.app = Answer(PAGE % (n // 3))
            got = await call(site, "/p")
            assert b'<h1 data-slot="hero">hero</h1>' in got.body
            await asyncio.sleep(0)
    said = [r.getMessage() for r in caplog.records if "Next.js" in r.getMessage()]
    assert said == [f"slot hero under Next.js: hydrated ({SAID})"]
    await site.close()


async def test_a_page_that_is_known_is_not_looked_at_again(looked: list[int]) -> None:
    """Looking is for a page's first time; a route with ever new pages is looked at ever more rarely."""
    site = PersonalizeMiddleware(Answer(PAGE % 1), CONFIG)
    for _ in range(20):
        await call(site, "/p")
    await asyncio.sleep(0)
    assert len(looked) == 1
    for n in range(200):
        site.app = Answer(b'<h1 data-slot="hero">old</h1>' + b"<p>%d</p>" % n * (n + 1))
        await call(site, "/p")
        await asyncio.sleep(0)
    assert len(looked) <= 8 + 5
    await site.close()


async def test_reasons_tell_of_it_too() -> None:
    """The explanation's JSON, and the response's header for who holds a preview's token, once such a page was seen."""
    site = PersonalizeMiddleware(Answer(PAGE % 1), CONFIG)
    await call(site, "/p")
    await asyncio.sleep(0)
    token = site.engine.previews.make(Preview(), time.time(), 60).encode()
    asked = [(b"x-personalize-explain", token)]
    page = await call(site, "/p", headers=asked)
    assert json.loads(page.header("x-personalize-explain") or "")["warnings"] == [SAID]
    record = await call(site, "/_personalize/v1/explain", query=b"url=/p", headers=asked)
    assert json.loads(record.body)["warnings"] == [SAID]
    await site.close()


def test_the_command_line_reads_a_page(tmp_path: Path) -> None:
    """`explain --page` says which slots are in a page, and what a framework draws over; - reads it from a pipe."""
    config, page = tmp_path / "personalize.yaml", tmp_path / "page.html"
    config.write_text(json.dumps(CONFIG))
    page.write_bytes((PAGE % 1).replace(b' data-slot="offer"', b""))
    drawn = CliRunner().invoke(main, ["explain", str(config), "/", "--page", str(page)])
    assert drawn.exit_code == 0 and SAID in drawn.output and drawn.output.count("the page has no such slot") == 1
    piped = CliRunner().invoke(main, ["explain", str(config), "/", "--page", "-", "--json"], input=page.read_bytes())
    told = json.loads(piped.output)
    assert told["found"] == ["hero"] and told["warnings"] == [SAID]
    bare = json.loads(CliRunner().invoke(main, ["explain", str(config), "/", "--json"]).output)
    assert bare["found"] is None and bare["warnings"] == []
    missing = CliRunner().invoke(main, ["explain", str(config), "/", "--page", str(tmp_path / "none.html")])
    assert missing.exit_code == 2 and "No such file" in missing.output
