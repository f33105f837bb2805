"""Replay by several processes: together they count what one would, whoever turns out to be whom on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from personalize.model import Event
from personalize.profiles import Identity
from personalize.replay.replay import Replay
from personalize.replay.replayed import Replayed, merged
from personalize.replay.replayers import engine_of, replay_log
from personalize.stores import open_store

CONFIG = """
version: 1
store: sqlite:///log.db
holdout: {percent: 10}
goals: {order: {event: Order Completed, window: 1d}}
segments:
  back: {all: [{visits: {gte: BACK}}]}
  looked: {all: [{viewed: {path: "/p/{product}", within: 3d}}]}
slots:
  hero:
    match: {path: ["/", "/p/{product}"]}
    experiences:
      - {id: thanks, when: {bought: {within: 2d}}, cap: {max: 2, within: 1d}, show: {html: x}}
      - {id: split, when: back, experiment: {key: k1, variants: [{id: a, html: a}, {id: b, html: b}]}}
      - id: learns
        when: looked
        experiment:
          key: k2
          allocate: thompson
          goal: order
          bandit: {every: 1h}
          variants: [{id: x, html: x}, {id: y, html: y}]
  side:
    match: {path: "/"}
    experiences: [{id: evening, when: {time.hour: {gte: 12}}, show: {html: x}}]
"""
BEGAN = 1_790_000_000.0


def week(seed: int = 3) -> list[Event]:
    """Some forty people on a hundred ids over three days: they look, buy, log in, sign out, are taken apart."""
    dice = Random(seed)
    browsers = [f"{n:032x}" for n in range(90)]
    found: list[Event] = []

    def happened(name: str, visitor: str, **properties: Any) -> None:
        found.append(Event(f"e{len(found)}", name, BEGAN + 400.0 * len(found), visitor, properties))

    for _ in range(650):
        browser = dice.choice(browsers)
        user = f"u:{int(browser, 16) % 40}"
        kind = dice.random()
        if kind < 0.55:
            variant = dice.choice("xy")
            shown = {"slot": "hero", "experience": "learns", "variant": variant, "experiment": "k2", "held": False,
                     "how": "inline", "propensity": 0.5, "draw": 1}  # fmt: skip
            happened("Page Viewed", browser, path=dice.choice(["/", "/p/1"]), shown=[shown] if kind < 0.1 else [])
        elif kind < 0.7:
            happened("Order Completed", dice.choice([browser, user]), revenue=10)
        elif kind < 0.9:
            happened("User Identified", user, **{"$ids": {"anonymous_id": browser}, "$via": "server", "traits": {}})
        elif kind < 0.95:
            happened("Signed Out", browser)
        else:
            happened("Identity Unlinked", user, id=browser, **{"$via": "operator"})
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    """A log, the config that it belongs to, and a proposed one."""
    folder: Path = tmp_path_factory.mktemp("replay")
    (folder / "personalize.yaml").write_text(CONFIG.replace("BACK", "2"))
    (folder / "new.yaml").write_text(CONFIG.replace("BACK", "3"))

    async def fill() -> None:
        store = open_store("sqlite:///log.db", folder)
        await store.open()
        await store.append(week())
        await store.close()

    asyncio.run(fill())
    return folder


def walked(folder: Path, make: Any, of: int) -> list[Replayed]:
    """What each of so many counts, one after the other in this process."""

    async def walk() -> list[Replayed]:
        store = open_store("sqlite:///log.db", folder)
        await store.open()
        try:
            told = []
            for number in range(of):
                one = make(
                    engine_of(folder / "personalize.yaml"), engine_of(folder / "new.yaml"), 0.0, store, number, of
                )
                await one.take(await store.lines(0, 10_000))
                told.append(one.told)
            return told
        finally:
            await store.close()

    return asyncio.run(walk())


def test_b30_those_who_share_the_people_count_what_one_would(folder: Path) -> None:
    """Alone, by two and by five: the same answer to the last example; and each of them has some of the views."""
    (alone,) = walked(folder, Replay, 1)
    assert alone.views > 300 and alone.changed_views > 20 and len(alone.changes) >= 3 and alone.bandits
    for of in (2, 5):
        parts = walked(folder, Replay, of)
        assert sum(part.views for part in parts) == alone.views and all(part.views for part in parts)
        assert merged(parts).as_json() == alone.as_json()


class Strangers(Identity):
    """Knows nobody to be anybody else."""

    def person(self, id_: str) -> str:
        return id_


class ByBrowser(Replay):
    """Shares by ids and not by people."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._identity = Strangers() if self._of > 1 else Identity()


class Forgets(Replay):
    """Does not begin a profile anew when ids are joined."""

    async def _begin_anew(self, person: str, seq: int) -> None:
        if self._of == 1:
            await super()._begin_anew(person, seq)


class LearnsFromItsOwn(Replay):
    """Lets bandits see only what its own people did."""

    async def take(self, lines: Any) -> None:
        await super().take([line for line in lines if self._is_ours(self._identity.person(line[4]))])


@pytest.mark.parametrize("wrong", [ByBrowser, Forgets, LearnsFromItsOwn])
def test_the_law_of_sharing_catches(folder: Path, wrong: Any) -> None:
    """Who is whom, what they did under their other ids, and what bandits learned of all: leave one out and it shows."""
    (alone,) = walked(folder, wrong, 1)
    assert merged(walked(folder, wrong, 3)).as_json() != alone.as_json()


def test_b30_processes_of_their_own_come_to_the_same(folder: Path) -> None:
    """Two real processes on one log, and a progress that only grows and ends with the log."""
    files = folder / "personalize.yaml", folder / "new.yaml"
    seen: list[tuple[int, int]] = []
    alone = replay_log(*files, 0.0, 1, lambda *at: seen.append(at))
    assert seen == [(650, 650)]
    seen.clear()
    together = replay_log(*files, 0.0, 2, lambda *at: seen.append(at))
    assert together.as_json() == alone.as_json()
    assert seen == sorted(seen) and seen[-1] == (650, 650)


def test_a_log_that_cannot_be_read_is_told(folder: Path, tmp_path: Path) -> None:
    """Whoever shares the work, the trouble is said once, by name."""
    from personalize.errors import StoreError

    (tmp_path / "log.db").write_bytes(b"SQLite format 3\0" + b"\0" * 5000)
    for name in ("personalize.yaml", "new.yaml"):
        (tmp_path / name).write_text((folder / name).read_text())
    files = tmp_path / "personalize.yaml", tmp_path / "new.yaml"
    try:
        told = replay_log(*files, 0.0, 2, lambda *at: None)
    except StoreError:
        return
    assert told.views == 0
