"""Manners over a long time: caps and cool-downs hold on every page, and thin data falls back step by step."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.model import Event
from personalize.profiles.profiles import Profiles
from personalize.testing import call

KEY = "a-write-key"
CAPS = """
version: 1
store: memory
site:
  consent: {default: granted}
  cap: {max: 12, within: 1d}
  signals: [{path: "/buy", method: POST, event: Order Completed}]
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    cap: {max: 4, within: 6h}
    experiences:
      - {id: loud, cap: {max: 1, within: 1h}, cool_down: {after: Order Completed, for: 2h}, show: {html: Loud}}
      - {id: calm, cap: {max: 2, within: 3h}, show: {html: Calm}}
      - {id: still, show: {html: Still}}
  carousel:
    match: {path: "/", element: "[data-slot=carousel]"}
    experiences: [{id: more, cap: {max: 2, within: 2h}, show: {html: More}}]
"""
HOUR = 3_600.0
# What counts together, how often at most, and in how many hours.
LIMITS = (("", 12, 24), ("hero/", 4, 6), ("hero/loud", 1, 1), ("hero/calm", 2, 3), ("carousel/more", 2, 2))


def exceeded(shown: Iterable[tuple[float, str]], orders: Iterable[float]) -> list[str]:
    """The limits that a visitor's exposures, in their order, broke."""
    seen, ordered = list(shown), list(orders)
    broken = []
    for prefix, most, hours in LIMITS:
        times = [time for time, key in seen if key.startswith(prefix)]
        if any(sum(end - hours * HOUR < time <= end for time in times) > most for end in times):
            broken.append(prefix)
    if any(key == "hero/loud" and any(0 <= time - o < 2 * HOUR for o in ordered) for time, key in seen):
        broken.append("cool_down")
    return broken


async def walk(app: Any, browser: Any, clock: Any, stored: Any, steps: int = 120) -> tuple[list[Any], list[float], int]:
    """A visitor's long day: pages, recorded decisions and orders at odd times. What was shown, and when they bought."""
    dice, visitor, orders = Random(4), browser(app), []
    await visitor.get()
    for _ in range(steps):
        clock.now += dice.choice([0.0, 1.0, 60.0, 600.0, 2_000.0, 4_000.0, 9_000.0])
        what = dice.choice(["page", "page", "decide", "buy"])
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items()).encode()
        place = {"scheme": "https", "host": "shop.example", "headers": [(b"cookie", cookie)]}
        if what == "page":
            await visitor.get()
        elif what == "buy":
            orders.append(clock.now)
            await visitor.get("/buy", method="POST")
        else:
            body = json.dumps({"url": "/", "record": True}).encode()
            await call(app, "/_personalize/v1/decide", method="POST", body=body, **place)
    events = [*await stored(app, "Page Viewed"), *await stored(app, "Experience Viewed")]
    shown = [(e.time, f"{seen['slot']}/{seen['experience']}") for e in events for seen in e.exposures]
    return sorted(shown), orders, len({key for _, key in shown})


async def test_b43_no_visitor_ever_exceeds_a_cap_or_a_cool_down(
    site: Any, browser: Any, clock: Any, stored: Any
) -> None:
    """Of an experience, a slot and the site, on pages and in recorded decisions alike: the log has no window with more
    than was allowed, and none of what was allowed was lost on the way."""
    shown, orders, kinds = await walk(await site(CAPS), browser, clock, stored)
    assert exceeded(shown, orders) == []
    assert kinds == 4 and len(shown) > 25 and len(orders) > 10


@pytest.mark.parametrize("bug", ["what was shown is forgotten", "what happened is forgotten"])
async def test_the_law_of_caps_catches(
    site: Any, browser: Any, clock: Any, stored: Any, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    """Planted bugs: a profile that forgets exposures, or events."""
    whole = Profiles.get

    def forgetful(self: Profiles, visitor: str) -> Any:
        profile = whole(self, visitor)
        if profile is not None:
            getattr(profile, "exposures" if "shown" in bug else "happened").clear()
        return profile

    app = await site(CAPS)

    async def nothing(visitor: str) -> dict[str, Any]:
        return {}

    if "shown" in bug:
        monkeypatch.setattr(app.watcher.history.hot, "recall", nothing)
    monkeypatch.setattr(Profiles, "get", forgetful)
    shown, orders, _ = await walk(app, browser, clock, stored)
    assert exceeded(shown, orders)


@pytest.mark.parametrize(
    "copy",
    [
        "We saw you looking at shoes", "we know where you live", "While you were away, prices fell",
        "You are near our shop", "We're watching you", "We have been watching", "Your exact location is Izmir",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["why", "html", "part"])
async def test_b43_creepy_copy_is_flagged_wherever_it_stands(tmp_path: Any, copy: str, place: str) -> None:
    """The linter warns of words that make people feel watched, in sentences, content and parts, with the line."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.html").write_text("{{ headline }}")
    text = {"why": "Because you like tea", "html": "Tea", "part": "Tea"} | {place: copy}
    (tmp_path / "p.yaml").write_text(
        f"""version: 1
parts: {{headlines: {{one: "{text["part"]}"}}}}
slots:
  hero:
    match: {{path: "/"}}
    template: t.html
    experiences:
      - {{id: a, when: {{country: TR}}, show: {{html: "{text["html"]}"}}, why: "{text["why"]}"}}
      - {{id: b, show: {{parts: {{headline: headlines.one}}}}}}
"""
    )
    result = CliRunner().invoke(main, ["check", str(tmp_path / "p.yaml"), "--format", "json"])
    told = json.loads(result.output)
    found = [problem for problem in told if problem["code"] == "PZ405"]
    assert len(found) == 1 and found[0]["line"] == (2 if place == "part" else 8)


LADDER = """
version: 1
store: memory
site:
  consent: {default: granted}
  geo_headers: [CF-IPCountry]
  signals: [{path: "/p/{product}", event: Product Viewed, item: "{product}"}]
catalogue: {file: products.jsonl}
segments:
  turks: {all: [{country: TR}]}
  regulars: {all: [{visits: {gte: 2}}]}
slots:
  hero:
    match: {path: ["/", "/p/{product}"], element: "[data-slot=hero]"}
    experiences:
      - {id: own, when: {viewed: {items: {gte: 2}, within: 30d}}, show: {html: Your own}}
      - {id: micro, when: [turks, regulars], show: {html: Micro-segment}}
      - {id: segment, when: turks, show: {html: Segment}}
      - {id: all, show: {html: Everyone}}
"""


async def test_b53_thin_data_falls_from_visitor_to_micro_segment_to_segment_to_everyone(
    site: Any, browser: Any, clock: Any
) -> None:
    """Each step needs less to be known; the more becomes known, the higher a visitor stands, and when it is too old
    they stand lower again."""
    app = await site(LADDER)
    turk = ((b"cf-ipcountry", b"TR"),)
    visitor = browser(app)

    async def sees(text: bytes, *headers: Any) -> bool:
        return text in (await visitor.get(headers=headers)).body

    assert await sees(b"Everyone")
    assert await sees(b"Segment", *turk), "one thing known: the country"
    clock.now += 86_400
    assert await sees(b"Micro-segment", *turk), "the second visit begins with this page"
    await visitor.get("/p/p1")
    assert await sees(b"Micro-segment", *turk), "one view is thin"
    await visitor.get("/p/p2")
    assert await sees(b"Your own", *turk)
    assert await sees(b"Your own")
    clock.now += 31 * 86_400
    assert await sees(b"Micro-segment", *turk), "what was viewed is too old"
    assert await sees(b"Everyone")


async def test_b53_an_app_gets_the_same_step(site: Any, monkeypatch: Any, clock: Any) -> None:
    """A decision for a user falls as a page does."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    app = await site(LADDER)
    for n, item in enumerate(("p1", "p2")):
        event = Event(f"e{n}", "Product Viewed", clock.now - 60 + n, "u:ann", {"product_id": item})
        app.watcher.history.record(event)
    await app.watcher.history.log.flush()
    for user, headers, step in (
        ("ann", {"cf-ipcountry": "TR"}, "own"), ("bob", {"cf-ipcountry": "TR"}, "segment"), ("bob", {}, "all"),
    ):  # fmt: skip
        body = json.dumps({"userId": user, "consent": "granted", "url": "/", "headers": headers}).encode()
        answer = await call(
            app, "/_personalize/v1/decide", method="POST", body=body, headers=[(b"x-api-key", KEY.encode())]
        )
        assert json.loads(answer.body)["slots"][0]["experience"] == step
