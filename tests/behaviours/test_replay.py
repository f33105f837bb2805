"""Replay: what a proposed config would have changed, decided from the log alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.model import DEMOTED, OPERATOR, PAUSED, PROMOTED, RESUMED, Event

NOW = """
version: 1
store: sqlite
segments:
  back: {all: [{visits: {gte: 2}}]}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - {id: back, when: back, show: {html: "<h1>Again</h1>"}, cap: {max: 1, within: 1d}}
      - {id: new, when: {new: true}, show: {html: "<h1>Hello</h1>"}}
"""

SWITCHED = """
version: 1
store: sqlite
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - {id: winter, show: {html: "<h1>Winter</h1>"}}
      - {id: summer, show: {html: "<h1>Summer</h1>"}}
  carousel:
    match: {path: "/", element: "[data-slot=carousel]"}
    experiences:
      - id: test
        experiment: {key: k, goal: order, variants: [{id: a, html: "<b>a"}, {id: b, html: "<b>b"}]}
goals:
  order: {event: Order Completed}
"""


@pytest.fixture
def clock() -> Any:
    """Replay looks back from the real clock."""
    import time

    class Clock:
        now = time.time() - 86_400 * 2

        def __call__(self) -> float:
            return self.now

    return Clock()


async def command(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments])


async def replayed(tmp_path: Path, proposed: str, *options: str) -> Any:
    (tmp_path / "new.yaml").write_text(proposed)
    done = await command("replay", str(tmp_path / "personalize.yaml"), str(tmp_path / "new.yaml"), "--json", *options)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
async def history(site: Any, browser: Any, clock: Any) -> Any:
    """Three visitors: each comes once; two come back an hour later, and see the capped greeting, then the page."""
    app = await site(NOW)
    visitors = [browser(app) for _ in range(3)]
    for visitor in visitors:
        await visitor.get()
    clock.now += 7200
    for visitor in visitors[:2]:
        assert b"Again" in (await visitor.get()).body
        clock.now += 5
        assert b"Welcome" in (await visitor.get()).body
    return app


async def test_b30_the_same_config_changes_nothing_and_agrees_with_the_log(history: Any, tmp_path: Path) -> None:
    """Decided again under the config that served, all is as it was recorded, caps and visits included."""
    told = await replayed(tmp_path, NOW)
    assert (told["views"], told["visitors"], told["changed_views"]) == (7, 3, 0)
    assert told["recorded"] == told["agreed"] == 5
    assert told["changes"] == [] and told["unknown_facts"] == []
    assert {(e["shows"], e["before"], e["after"]) for e in told["experiences"]} == {
        ("new", 3, 3), ("back", 2, 2), ("default", 2, 2)
    }  # fmt: skip


async def test_b30_a_time_without_page_views_is_said_to_be_one(history: Any, tmp_path: Path) -> None:
    """So that "0 of 0 views would change" is not read as a change that changes nothing."""
    told = await replayed(tmp_path, SWITCHED, "--since", "2100-01-01")
    assert told["views"] == 0
    assert told["notes"] == ["the log has no page views in that time, so nothing was compared"]


async def test_b30_what_would_change_is_counted_with_examples(history: Any, tmp_path: Path) -> None:
    """An experience renamed, a cap lifted, a slot added: each change by views and visitors; the log stays as it is."""
    store = history.watcher.history.store
    before = await store.last()
    told = await replayed(tmp_path, NOW.replace("id: new", "id: newer"))
    (change,) = told["changes"]
    assert (change["before"], change["after"], change["views"], change["visitors"]) == ("new", "newer", 3, 3)
    assert change["examples"][0]["path"] == "/" and len(change["examples"]) == 3
    told = await replayed(tmp_path, NOW.replace(", cap: {max: 1, within: 1d}", ""))
    assert [(c["before"], c["after"], c["views"], c["visitors"]) for c in told["changes"]] == [
        ("default", "back", 2, 2)
    ]
    assert (told["changed_views"], told["changed_visitors"]) == (2, 2)
    added = NOW + '  side:\n    match: {path: "/", element: aside}\n'
    told = await replayed(tmp_path, added)
    assert [(c["slot"], c["before"], c["views"]) for c in told["changes"]] == [("side", "no such slot", 7)]
    assert await store.last() == before


async def test_b30_a_change_beside_the_slot_is_seen_too(history: Any, tmp_path: Path) -> None:
    """The slot's own lines are the same, but the segment it asks for, or the holdout, is another."""
    told = await replayed(tmp_path, NOW.replace("gte: 2", "gte: 3"))
    assert [(c["before"], c["after"], c["views"]) for c in told["changes"]] == [("back", "default", 2)]
    told = await replayed(tmp_path, NOW + "holdout: {percent: 100}\n")
    assert told["changed_views"] == 7


async def test_b30_what_the_log_does_not_hold_is_said(history: Any, tmp_path: Path) -> None:
    """A rule that asks for the campaign or the device can't be answered from the log, and the notes say so."""
    told = await replayed(
        tmp_path, NOW.replace("when: {new: true}", "when: {utm.campaign: winter, device.type: mobile}")
    )
    assert told["unknown_facts"] == ["device", "utm"]
    assert any("does not hold device, utm" in note for note in told["notes"])


async def test_b30_only_the_views_since_then_are_decided(history: Any, tmp_path: Path) -> None:
    """Views before --since are not counted, and still make the visitor's past."""
    told = await replayed(tmp_path, NOW, "--since", "47h")
    assert (told["views"], told["visitors"]) == (4, 2)
    assert told["recorded"] == told["agreed"] == 2


async def test_b30_a_table_and_a_picture_say_the_same(history: Any, tmp_path: Path) -> None:
    """The table's head, its rows and notes; an SVG that is well-formed, with a bar for each."""
    (tmp_path / "new.yaml").write_text(NOW.replace("id: new", "id: newer"))
    files = (str(tmp_path / "personalize.yaml"), str(tmp_path / "new.yaml"))
    done = await command("replay", *files, "--svg", str(tmp_path / "replay.svg"))
    assert done.exit_code == 0 and "3 of 7 views would change, for 3 of 3 visitors" in done.output
    assert "newer" in done.output and "note: " in done.output
    root = ElementTree.parse(tmp_path / "replay.svg").getroot()
    assert "3 of 7 views" in (root[0].text or "")
    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) == 1 + 2 * 4
    (tmp_path / "new.yaml").write_text(NOW.replace("when: back", "when: bakc"))
    assert (await command("replay", *files)).exit_code == 1


async def test_b30_pauses_and_promotions_are_those_of_each_views_time(
    site: Any, browser: Any, clock: Any, tmp_path: Path
) -> None:
    """What served while something was paused or promoted is decided so again, before and after it is not; and what an
    operator had stopped would have been stopped under the proposed config, too."""
    app = await site(SWITCHED)
    visitors = [browser(app) for _ in range(20)]
    log = app.watcher.history

    async def all_come(*switches: tuple[str, dict[str, str]]) -> set[bytes]:
        """After these lines of an operator; what they saw."""
        for name, told in switches:
            log.record(Event(f"{name}-{clock.now}", name, clock.now, OPERATOR, told))
        await log.log.flush()
        bodies = [(await visitor.get()).body for visitor in visitors]
        clock.now += 60
        texts = (b"Winter", b"Summer", b"<b>a", b"<b>b", b"plain list")
        return {text for text in texts for body in bodies if text in body}

    assert await all_come() >= {b"Winter", b"<b>a", b"<b>b"}
    assert b"Summer" in await all_come((PAUSED, {"target": "hero/winter"}))
    assert b"<b>a" not in await all_come((PROMOTED, {"target": "k", "variant": "b"}))
    assert await all_come((PAUSED, {"target": "*"})) == {b"plain list"}
    assert b"<b>b" in await all_come((RESUMED, {"target": "*"}))
    assert b"<b>a" in await all_come((DEMOTED, {"target": "k"}))
    assert b"Winter" in await all_come((RESUMED, {"target": "hero/winter"}))
    told = await replayed(tmp_path, SWITCHED)
    assert (told["views"], told["changed_views"]) == (140, 0)
    assert told["recorded"] == told["agreed"] == 240  # on all views but those of a page that was the site's own
    shown = {(e["slot"], e["shows"]): e["after"] for e in told["experiences"]}
    assert (shown["hero", "winter"], shown["hero", "summer"], shown["hero", "default"]) == (40, 80, 20)
    assert shown["carousel", "test/b"] >= 40
    changed = SWITCHED.replace("id: summer", "id: sun")
    told = await replayed(tmp_path, changed)
    assert [(c["before"], c["after"], c["views"]) for c in told["changes"]] == [("summer", "sun", 80)]
    assert {**await replayed(tmp_path, changed, "--processes", "2"), "since": told["since"]} == told
