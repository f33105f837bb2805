"""What servers tell after a sign-out of the time before it counts for who it was then, and for nobody else."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from personalize.model import Event
from personalize.profiles import Identity, Profiles
from personalize.profiles.identity import Member
from personalize.stores import MemoryStore

BROWSER, USERS = "a" * 32, ("u:1", "u:2", "u:3")


def log_of(dice: Random) -> tuple[list[Event], dict[str, list[str]]]:
    """A browser that users share, with an event a second, some told late; and by hand, whose each view is: of whoever
    signs in between two sign-outs, by the time that servers tell, or else by when it came."""
    events: list[Event] = []
    parts = [""]  # between two sign-outs: the user who signed in
    ended: list[float] = []
    views: list[tuple[str, int]] = []

    def say(name: str, time: float, **told: Any) -> None:
        events.append(Event(f"e{len(events)}", name, time, BROWSER, told))

    for second in range(1, 80):
        what = dice.random()
        if what < 0.1 and not parts[-1]:
            parts[-1] = dice.choice(USERS)
            say("Signed In", second, **{"$via": "server", "$ids": {"user_id": parts[-1][2:]}})
        elif what < 0.2 and parts[-1]:
            say("Signed Out", second)
            parts.append("")
            ended.append(second)
        elif what < 0.7:
            via = dice.choice(["server", "browser", "import"])
            time = dice.choice([second, dice.randint(1, second)]) + 0.5
            say("Product Viewed", time, **{"$via": via, "product_id": f"p{second}"})
            then = sum(end <= time for end in ended)
            views.append((f"p{second}", len(ended) if via == "browser" else then))
    whose: dict[str, list[str]] = {user: [] for user in USERS}
    for item, part in views:
        whose.get(parts[part], []).append(item)
    return events, whose


async def holds(seed: int) -> None:
    """The law: in memory as events come, read anew, and in reports, each view is the one's whose it was."""
    events, whose = log_of(Random(seed))
    dice = Random(seed)
    store = MemoryStore()
    await store.open()
    warm, cold, identity = Profiles(store, {}, ready=2), Profiles(store, {}), Identity()
    for event in events:
        await store.append([event])
        warm.apply((await store.read(await store.last() - 1))[0])
        if dice.random() < 0.4:
            await warm.load(dice.choice([*USERS, BROWSER]))
    counted: dict[str, list[str]] = {user: [] for user in USERS}
    for event in await store.read():
        cold.apply(event)
        identity.apply(event)
    for event in await store.read():
        if event.name == "Product Viewed":
            counted.get(identity.person_of(event), []).append(event.properties["product_id"])
    assert counted == whose
    for user in USERS:
        for profiles in (warm, cold):
            assert sorted(item for _, item, _ in (await profiles.load(user)).views) == sorted(whose[user])


@pytest.mark.parametrize("seed", range(40))
async def test_b07_each_view_is_whose_it_was(seed: int) -> None:
    """Forty logs by chance, with three users at one browser."""
    await holds(seed)


def _by_arrival(member: Member, event: Event) -> bool:
    return member.after < event.seq <= member.upto


def _also_of_browsers(member: Member, event: Event) -> bool:
    if event.seq <= member.after:
        return False
    return event.time >= member.begins if event.seq <= member.upto else member.begins <= event.time < member.ends


def _twice(member: Member, event: Event) -> bool:
    return _by_arrival(member, event) or (event.seq > member.upto and member.begins <= event.time < member.ends)


@pytest.mark.parametrize("planted", [_by_arrival, _also_of_browsers, _twice])
async def test_the_law_catches_planted_mistakes(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails where the arrival decides, where a browser's word on the time does, and where both persons get it."""
    monkeypatch.setattr(Member, "holds", planted)
    with pytest.raises(AssertionError):
        for seed in range(40):
            await holds(seed)
