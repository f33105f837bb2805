"""Mix and match: parts combine in one template, and an experiment draws each of them on its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.model import Event
from personalize.testing import call

MIX = """
version: 1
store: sqlite
parts:
  headlines: {points: Earn points all week, low: Running low?}
  offers: {star: One star on us}
goals:
  order: {event: Order Completed, value: revenue, window: 14d}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    template: hero.html
    experiences:
      - id: mix
        why: You came back.
        show: {parts: {foot: Until Sunday}}
        experiment:
          key: hero-mix
          goal: order
          parts:
            headline:
              - {id: points, part: headlines.points}
              - {id: low, part: headlines.low}
            offer:
              - {id: none, part: ""}
              - {id: star, part: offers.star}
"""
TEMPLATE = {"hero.html": "<h1>{{ headline }}</h1><p>{{ offer }}</p><small>{{ foot }}</small>"}
SHOWN = {
    (headline, offer): f"<h1>{text}</h1><p>{star}</p><small>Until Sunday</small>".encode()
    for headline, text in (("points", "Earn points all week"), ("low", "Running low?"))
    for offer, star in (("none", ""), ("star", "One star on us"))
}
KEY = "k" * 32


@pytest.fixture
def clock() -> Any:
    """Links are made by the real clock, so the site goes by it too."""
    return time.time


async def command(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments])


def levels_on(body: bytes) -> tuple[str, str]:
    """The combination that a page shows."""
    return next(levels for levels, html in SHOWN.items() if html in body)


async def ask(app: Any, path: str, body: dict[str, Any]) -> Any:
    headers = [(b"x-api-key", KEY.encode()), (b"content-type", b"application/json")]
    sent = json.dumps(body).encode()
    response = await call(app, f"/_personalize{path}", method="POST", headers=headers, body=[sent], scheme="https")
    return json.loads(response.body)


async def test_b27_each_part_is_drawn_on_its_own(site: Any, browser: Any, stored: Any) -> None:
    """All combinations come up in one template, and the exposure names the level of each part that was on the page."""
    app = await site(MIX, TEMPLATE)
    seen = Counter([levels_on((await browser(app).get()).body) for _ in range(40)])
    assert seen.keys() == SHOWN.keys()
    shown = [view.properties["shown"][0] for view in await stored(app, "Page Viewed")]
    assert Counter((s["levels"]["headline"], s["levels"]["offer"]) for s in shown) == seen
    assert {s["variant"] for s in shown} == {f"headline={h},offer={o}" for h, o in SHOWN}
    assert {s["experiment"] for s in shown} == {"hero-mix"}


async def test_b27_a_visitor_keeps_each_level_whatever_happens_to_the_parts(
    site: Any, browser: Any, tmp_path: Path
) -> None:
    """Weights, coverage and a part that is added later move nobody who saw the page before."""
    app = await site(MIX, TEMPLATE)
    visitors = [browser(app) for _ in range(12)]
    first = [levels_on((await visitor.get()).body) for visitor in visitors]
    before = [levels_on((await visitor.get()).body) for visitor in visitors]  # and now their profiles are in memory
    assert before == first
    changed = MIX.replace("part: headlines.low}", "part: headlines.low, weight: 99}").replace(
        "goal: order", "coverage: 0%"
    )
    changed += (
        "            foot:\n              - {id: a, part: Until Sunday}\n              - {id: b, part: Until Sunday}\n"
    )
    changed = changed.replace("        show: {parts: {foot: Until Sunday}}\n", "")
    (tmp_path / "personalize.yaml").write_text(changed)
    async with asyncio.timeout(30):
        while b"<small>" in (await browser(app).get()).body:
            await asyncio.sleep(0.05)
    assert app.watcher.rejected is None and b"<h1>Welcome" in (await browser(app).get()).body, "newcomers are kept out"
    assert [levels_on((await visitor.get()).body) for visitor in visitors] == before


async def test_b27_explain_names_each_level_and_why(site: Any, browser: Any, tmp_path: Path) -> None:
    """The tree says of each part what it was drawn as and by which hash, or that it was seen before."""
    app = await site(MIX, TEMPLATE)
    visitor = browser(app)
    headline, offer = levels_on((await visitor.get()).body)
    cookies = [f"--cookie={name}={value}" for name, value in visitor.cookies.items()]
    told = await command("explain", str(tmp_path / "personalize.yaml"), "https://shop.example/", *cookies)
    assert told.exit_code == 0, told.output
    assert re.search(rf"✓ headline is {headline} \(seen before\)", told.output), told.output
    assert re.search(rf"✓ offer is {offer} \(seen before\)", told.output)
    newcomer = await command(
        "explain", str(tmp_path / "personalize.yaml"), "/", "--cookie", "consent=granted", "--json"
    )
    assert re.search(r"headline is (points|low)", newcomer.output) and re.search(r'"saw": "hash 0\.', newcomer.output)


@pytest.mark.parametrize(
    ("variant", "levels"),
    [
        ("headline=low,offer=star", {("low", "star")}),
        ("offer=star,headline=points", {("points", "star")}),
        ("offer=none", {("points", "none"), ("low", "none")}),
    ],
)
async def test_b27_a_preview_shows_any_combination(
    site: Any, browser: Any, tmp_path: Path, variant: str, levels: set[tuple[str, str]], stored: Any
) -> None:
    """A link names the levels of all parts, or of some; nothing is recorded."""
    app = await site(MIX, TEMPLATE)
    file = str(tmp_path / "personalize.yaml")
    made = await command("preview", file, "https://shop.example/", "--variant", f"mix={variant}")
    assert made.exit_code == 0, made.output
    _, _, query = made.output.strip().partition("?")
    assert levels_on((await browser(app).get("/", query)).body) in levels
    assert await stored(app, "Page Viewed") == []
    wrong = await command("preview", str(tmp_path / "personalize.yaml"), "/", "--variant", "mix=offer=stars")
    assert wrong.exit_code == 2 and "offer=none|star" in wrong.output


async def test_b27_apps_get_the_levels_and_the_parts(site: Any, monkeypatch: Any) -> None:
    """`/v1/decide` gives levels and texts; each part is an OpenFeature flag of its own."""
    monkeypatch.setitem(os.environ, "PERSONALIZE_WRITE_KEYS", KEY)
    app = await site(MIX, TEMPLATE)
    told = await ask(app, "/v1/decide", {"userId": "ann", "consent": "granted", "url": "/"})
    (hero,) = told["slots"]
    levels = hero["levels"]
    assert hero["html"].encode() == SHOWN[levels["headline"], levels["offer"]]
    assert hero["parts"]["foot"] == "Until Sunday" and hero["parts"]["headline"] in hero["html"]
    context = {"targetingKey": "ann", "consent": "granted"}
    flags = {f["key"]: f for f in (await ask(app, "/ofrep/v1/evaluate/flags", {"context": context}))["flags"]}
    assert flags["hero-mix"]["value"] == hero["variant"]
    assert {part: flags[f"hero-mix/{part}"]["value"] for part in levels} == levels
    assert flags["hero-mix/offer"]["reason"] == "SPLIT"


async def test_b27_who_is_held_out_is_written_down_with_levels(site: Any, browser: Any, stored: Any) -> None:
    """A held-out visitor sees the page's own markup; the would-have-been exposure names the levels in the same way."""
    app = await site(MIX + "holdout: {percent: 100}\n", TEMPLATE)
    assert b"<h1>Welcome" in (await browser(app).get()).body
    (view,) = await stored(app, "Page Viewed")
    (shown,) = view.properties["shown"]
    assert shown["held"] and shown["levels"].keys() == {"headline", "offer"} and shown["experiment"] == "hero-mix"


async def test_b27_the_report_tells_each_parts_effect(site: Any, browser: Any, tmp_path: Path) -> None:
    """Who saw the star bought, whatever the headline: the report says so of the offer, and nothing of the headline."""
    app = await site(MIX, TEMPLATE)
    for _ in range(60):
        visitor = browser(app)
        _, offer = levels_on((await visitor.get()).body)
        if offer == "star":
            id_ = (await app.watcher.history.store.read())[-1].visitor
            bought = Event(f"order-{id_}", "Order Completed", time.time(), id_, {"revenue": 20})
            app.watcher.history.record(bought)
    await app.watcher.history.log.flush()
    told = await command("report", str(tmp_path / "personalize.yaml"), "--json")
    (effects,) = json.loads(told.output)["experiments"]
    rows = {(row["part"], row["level"]): row for row in effects["levels"]}
    star = rows["offer", "star"]
    assert star["share"]["estimate"] == 1.0 and rows["offer", "none"]["share"]["estimate"] == 0.0
    assert star["lift"]["low"] > 0.5 and star["value"] == 20 * star["reached"]
    assert rows["headline", "low"]["lift"]["low"] < 0 < rows["headline", "low"]["lift"]["high"]
    assert rows["headline", "points"]["lift"] is None, "the control"
    assert effects["combinations"]["possible"] == 4 and len(effects["combinations"]["seen"]) == 4
    drawn = await command("report", str(tmp_path / "personalize.yaml"))
    assert "What hero-mix did" in drawn.output and re.search(r"star .*\+100\.00 pp", drawn.output)
