"""Replay is exact: it comes to what a plain loop comes to that knows no memory and no short cut."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.engine import Engine
from personalize.model import PURPOSES, Consent, Event, Profile, Request, Visitor
from personalize.profiles import Identity, apply_before, apply_event, before_sign_out, bury, first_party
from personalize.profiles.ids import may_mention, mentioned
from personalize.replay.replay import Replay, name_of
from personalize.replay.replayers import engine_of
from personalize.stores import MemoryStore
from personalize.stores.rows import event_of_line, row_of
from tests.behaviours.test_replaying_together import week

NOW = """
version: 1
holdout: {percent: 10}
segments:
  back: {all: [{visits: {gte: 2}}]}
  buyer: {all: [{bought: {within: 2d}}]}
  kept: {all: [{viewed: {path: "/p/{product}", within: 1h}}], remember_for: 1d}
slots:
  hero:
    match: {path: ["/", "/p/{product}"]}
    experiences:
      - {id: thanks, when: buyer, cool_down: {after: Order Completed, for: 1h}, show: {html: x}}
      - {id: split, when: back, experiment: {key: k1, coverage: 60%, variants: [{id: a, html: a}, {id: b, html: b}]}}
      - {id: known, when: kept, show: {html: x}}
  side:
    match: {path: "/"}
    consent: none
    experiences: [{id: evening, when: {time.hour: {gte: 12}}, show: {html: x}}]
"""
PROPOSED = {
    "a segment": NOW.replace("gte: 2", "gte: 3"),
    "the holdout": NOW.replace("percent: 10", "percent: 30"),
    "a path": NOW.replace('path: "/"}', 'path: "/p/{thing}"}'),
    "the time zone": NOW.replace("version: 1", "version: 1\ntimezone: Asia/Tokyo"),
    "a weight": NOW.replace("coverage: 60%", "coverage: 90%"),
    "a pause": NOW.replace("id: split, when", "id: split, status: paused, when"),
    "nothing": NOW,
}


def log(seed: int) -> list[Event]:
    """The week of other tests, with views that object (Sec-GPC) or are not counted, entered segments, and erasures."""
    dice, found = Random(seed), []
    for event in week(seed):
        if event.name == "Page Viewed" and (kind := dice.random()) < 0.3:
            told = {"gpc": True} if kind < 0.15 else {"counted": False}
            event = Event(event.id, event.name, event.time, event.visitor, {**event.properties, **told})
        found.append(event)
        if dice.random() < 0.1:
            name, more = ("Visitor Erased", {}) if dice.random() < 0.3 else ("Segment Entered", {"segment": "kept"})
            found.append(Event(f"x{event.id}", name, event.time + 1, event.visitor, more))
    return found


async def plainly(old: Engine, new: Engine, events: list[Event]) -> Counter[tuple[str, str, str]]:
    """Each view by itself: who it is, all that they did, and two whole decisions."""
    counts: Counter[tuple[str, str, str]] = Counter()
    identity = Identity()
    for event in events:
        if event.name == "Page Viewed":
            members = identity.members(identity.person(event.visitor))
            profile = None
            for past in events:
                if past.seq < event.seq and any(
                    m.id == past.visitor and m.after < past.seq <= m.upto for m in before_sign_out(members)
                ):
                    profile = profile or Profile("")
                    apply_before(profile, past)
            theirs = [
                past
                for past in events
                if past.seq < event.seq and any(m.id == past.visitor and m.after < past.seq <= m.upto for m in members)
            ]
            for past in theirs:
                profile = profile or Profile("")
                if past.name == "Visitor Erased":
                    bury(profile, past)
            for past in theirs:
                assert profile is not None
                apply_event(profile, past, {}, members)
            shown = []
            for engine in (old, new):
                told: dict[str, str] = {}
                match = engine.match(str(event.properties["path"]))
                if match is not None and match.route is not None:
                    gpc = event.properties.get("gpc") is True
                    purposes = set(PURPOSES) - ({"analytics_storage"} if not event.counted and not gpc else set())
                    visitor = Visitor(event.visitor, Consent(frozenset(purposes), gpc=gpc))
                    known = first_party(profile) if profile is not None and gpc else profile
                    request = Request("GET", str(event.properties["path"]), b"", "https", {}, match.params)
                    plan = engine.decide(match.route, request, visitor, known, event.time).plan
                    told = {c.slot: name_of((c.experience, c.variant, c.held)) for c in plan.choices}
                shown.append(told)
            for slot in shown[0].keys() | shown[1].keys():
                counts[slot, shown[0].get(slot, "no such slot"), shown[1].get(slot, "no such slot")] += 1
        identity.apply(event)
    return counts


async def both(folder: Path, proposed: str, seed: int, make: Any = Replay) -> tuple[Any, Any]:
    """What replay counts, and what the plain loop does."""
    (folder / "now.yaml").write_text(NOW)
    (folder / "new.yaml").write_text(proposed)
    store = MemoryStore()
    await store.open()
    await store.append(log(seed))
    replay = make(engine_of(folder / "now.yaml"), engine_of(folder / "new.yaml"), 0.0, store)
    lines = await store.lines(0, 10_000)
    for at in range(0, len(lines), 97):
        await replay.take(lines[at : at + 97])
    events = [event_of_line(line) for line in lines]
    return replay.told.counts, await plainly(engine_of(folder / "now.yaml"), engine_of(folder / "new.yaml"), events)


@pytest.mark.parametrize("what", PROPOSED)
async def test_b30_replay_counts_what_a_plain_loop_counts(what: str, tmp_path: Path) -> None:
    """Whatever is proposed: identities, objections, erasures, remembered segments and all."""
    quick, plain = await both(tmp_path, PROPOSED[what], seed=len(what))
    assert quick == plain and sum(plain.values()) > 300
    assert any(was != would for _, was, would in plain) == (what != "nothing")


class TakesAllForAlike(Replay):
    """Planted bug: a slot whose own lines are the same is decided once, whatever its segments mean."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sameness._alike = set(self.old.config.slots)


class KeepsFacts(Replay):
    """Planted bug: facts of the one config are taken for the other's."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sameness.of_facts = True


class Unlinked(Replay):
    """Planted bug: what is read tells of no identities."""

    async def take(self, lines: Any) -> None:
        await super().take([line for line in lines if not may_mention(line[2], line[5])])


@pytest.mark.parametrize(
    ("wrong", "what"), [(TakesAllForAlike, "a segment"), (KeepsFacts, "the time zone"), (Unlinked, "nothing")]
)
async def test_the_law_of_replay_catches(wrong: Any, what: str, tmp_path: Path) -> None:
    """A short cut too many shows."""
    quick, plain = await both(tmp_path, PROPOSED[what], 3, wrong)
    assert quick != plain


@pytest.mark.parametrize("seed", range(5))
def test_no_line_that_mentions_ids_is_passed_over(seed: int) -> None:
    """`may_mention` says yes to the text of every event that mentions ids."""
    for event in log(seed):
        assert not mentioned(event) or may_mention(event.name, row_of(event)[4])


# --- caps under the proposed config ------------------------------------------------------------------------

CAPPED = """
version: 1
store: sqlite
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences: [{id: all, show: {html: x}}]
"""


async def replayed(tmp_path: Path, proposed: str, *options: str) -> Any:
    (tmp_path / "new.yaml").write_text(proposed)
    files = (str(tmp_path / "personalize.yaml"), str(tmp_path / "new.yaml"))
    return await asyncio.to_thread(CliRunner().invoke, main, ["replay", *files, *options])


async def test_b30_a_proposed_cap_counts_what_would_have_been_shown(
    site: Any, browser: Any, clock: Any, tmp_path: Path
) -> None:
    """An experience that the log has never seen is shown twice, as its cap says, and not at all four views."""
    app = await site(CAPPED)
    visitor = browser(app)
    for _ in range(4):
        await visitor.get()
        clock.now += 60
    proposed = CAPPED.replace("id: all,", "id: offer, cap: {max: 2, within: 1d},")
    done = await replayed(tmp_path, proposed, "--json", "--since", "2000-01-01")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {(c["before"], c["after"], c["views"]) for c in told["changes"]} == {
        ("all", "offer", 2), ("all", "default", 2)
    }  # fmt: skip


async def test_b30_an_empty_log_and_a_wrong_config_are_told(site: Any, tmp_path: Path) -> None:
    """Nothing recorded is nothing changed; a mistake is shown with its place; an odd --since says what is meant."""
    await site(CAPPED)
    done = await replayed(tmp_path, CAPPED)
    assert done.exit_code == 0 and "0 of 0 views would change" in done.output
    done = await replayed(tmp_path, CAPPED.replace("[{id", "[{{id"))
    assert done.exit_code == 1 and "new.yaml" in done.output and "Traceback" not in done.output
    done = await replayed(tmp_path, CAPPED, "--since", "yesterday")
    assert done.exit_code == 2 and "2026-11-20" in done.output
