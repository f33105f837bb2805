"""Who erases loses what they did under the ids that are theirs then, for good, and nobody else loses anything: random
lives of browsers and users against a plain reference, in memory and read anew, copied, and told again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from personalize.history import History, history
from personalize.model import ERASED, Event
from personalize.observe import LogObserver
from personalize.profiles import KnownPeople, Member, Profiles, erasing, fold
from personalize.profiles.ids import is_trusted
from personalize.stores import MemoryStore
from personalize.upkeep.copying import copy_log

A, B = "a" * 32, "b" * 32
BROWSERS, USERS = [A, B], ["u:1", "u:2"]
IDS = [*BROWSERS, *USERS, "loyalty:9"]
BEGIN = 1_700_000_000.0
Step = tuple[str, str, Any]

one_id, browser = st.sampled_from(IDS), st.sampled_from(BROWSERS)
views = st.tuples(st.just("view"), one_id, st.sampled_from([None, "browser", "server"]))
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        views,
        views,
        st.tuples(st.just("late"), one_id, st.integers(1, 15)),  # a server tells it so many steps later
        st.tuples(st.just("again"), st.just(""), st.integers(0, 20)),  # an earlier event is sent once more
        st.tuples(st.just("login"), browser, st.sampled_from("12")),
        st.tuples(st.just("logout"), browser, st.none()),
        st.tuples(st.just("card"), st.sampled_from(USERS), st.none()),
        st.tuples(st.just("erase"), one_id, st.none()),
    ),
    max_size=25,
)


class WithoutForgetting:
    """A store of somebody's own that can take no line out of its log."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    def __getattr__(self, name: str) -> Any:
        if name == "forget":
            raise AttributeError(name)
        return getattr(self._store, name)


class Lives:
    """A site's history, and beside it all that was ever told and whatever was erased, as it happened."""

    def __init__(self, forgets: bool) -> None:
        self.store: Any = MemoryStore() if forgets else WithoutForgetting()
        self.history = History(self.store, {}, LogObserver())
        self.told: list[Event] = []  # with the seq that each has in the log
        self.erasures: list[tuple[int, float, tuple[Member, ...]]] = []  # after which seq, when, and of which timelines

    async def take(self, number: int, step: Step) -> None:
        what, who, more = step
        now = BEGIN + 10.0 * number
        if what == "erase":
            person = await self.history.profiles.people.of(who)
            self.erasures.append((await self.store.last(), now, person.members))
            await self.history.erase(Event(f"e{number}", ERASED, now, who))
            return
        told: dict[str, Any] = {"$via": "server", "product_id": f"p{number}"}
        event = Event(f"e{number}", "Product Viewed", now, who, told)
        if what == "view":
            told["$via"] = more
        elif what == "late":
            event = Event(event.id, event.name, max(BEGIN, now - 10.0 * more + 5.0), who, told)
        elif what == "again" and self.told:
            old = self.told[more % len(self.told)]
            event = Event(event.id, old.name, old.time, old.visitor, old.properties)
        elif what in ("login", "card"):
            told["$ids"] = {"user_id": more} if what == "login" else {"loyalty": "9"}
        elif what == "logout":
            event = Event(event.id, "Signed Out", now, who, {})
        if not event.visitor or (what == "again" and event.name == "Signed Out"):
            return
        self.history.record(event)
        await self.history.log.flush()
        self.told.append((await self.store.read(await self.store.last() - 1))[0])

    def is_gone(self, event: Event) -> bool:
        """Was it the erasing person's when they erased? Or is it told since, and had happened by then?"""
        for seq, time, members in self.erasures:
            for member in members:
                if event.visitor != member.id:
                    continue
                if event.seq <= seq:
                    gone = member.holds(event)
                else:
                    gone = event.time <= time and event.time < member.ends
                    gone &= not is_trusted(event) or member.begins <= event.time
                if gone:
                    return True
        return False

    async def holds(self) -> bool:
        """Does each id's profile say what the reference says, for those who lived through it and those who read it?"""
        gone = {event.properties.get("product_id") for event in self.told if self.is_gone(event)}
        gone -= {event.properties.get("product_id") for event in self.told if not self.is_gone(event)}
        others = [self.history.profiles, Profiles(self.store, {})]
        if isinstance(self.store, WithoutForgetting):  # else links that were erased left the log
            others.append(Profiles(self.store, {}, people=KnownPeople()))
            for stored in await self.store.read(0, 1000):
                others[-1].apply(stored)
        copied = MemoryStore()
        await copied.open()
        await copy_log(self.store, copied)
        copy = Profiles(copied, {})
        for stored in await copied.read(0, 1000):
            copy.apply(stored)
        for id_ in IDS:
            person = await self.history.profiles.people.of(id_)
            left = sorted(
                event.properties["product_id"]
                for event in self.told
                if event.name == "Product Viewed" and person.holds(event) and not self.is_gone(event)
            )
            for profiles in others:
                if items(await profiles.load(id_)) != left:
                    return False
            if gone.intersection(items(await copy.load(id_))):
                return False
        return True


async def test_a_link_that_was_erased_is_not_told_again() -> None:
    """A login of before the erasure, sent once more, makes one person of nobody; one of after it does."""
    site = Lives(forgets=True)
    for number, step in enumerate([("login", A, "1"), ("erase", "u:1", None), ("again", "", 0)]):
        await site.take(number, step)
    people = site.history.profiles.people
    assert (await people.of(A)).ids == {A} and (await people.of("u:1")).ids == {"u:1"}
    await site.take(3, ("login", A, "1"))
    assert (await people.of(A)).ids == {A, "u:1"}
    await site.history.close()


def items(profile: Any) -> list[str]:
    return sorted(item for _, item, _ in profile.views)


def holds(steps: list[Step], forgets: bool = True) -> bool:
    async def run() -> bool:
        lives = Lives(forgets)
        for number, step in enumerate(steps):
            await lives.take(number, step)
            if number % 3 == 0:
                await lives.history.profiles.load(IDS[number % len(IDS)])
        found = await lives.holds()
        await lives.history.close()
        return found

    return asyncio.run(run())


LIFE: dict[str, list[Step]] = {
    "an id that joins later": [
        ("view", B, None), ("view", A, None), ("erase", A, None), ("login", B, "1"), ("login", A, "1"),
        ("view", B, None),
    ],
    "told again": [("view", A, None), ("login", A, "1"), ("erase", A, None), ("again", "", 0), ("view", A, None)],
    "told again of before a sign-out": [
        ("view", A, "server"), ("login", A, "1"), ("logout", A, None), ("erase", "u:1", None), ("again", "", 0),
        ("again", "", 1), ("view", A, None),
    ],
    "told again to whoever sits there now": [
        ("view", A, None), ("login", A, "1"), ("logout", A, None), ("view", A, None), ("erase", "u:1", None),
        ("again", "", 0),
    ],
    "told again to who sat there since": [
        ("view", A, None), ("erase", A, None), ("logout", A, None), ("again", "", 0), ("login", A, "1"),
        ("logout", A, None),
    ],
    "two at one browser": [
        ("login", A, "1"), ("view", A, None), ("logout", A, None), ("login", A, "2"), ("view", A, None),
        ("erase", "u:2", None), ("late", A, 4), ("login", A, "1"), ("view", A, None),
    ],
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, forgets=st.booleans())
@example(steps=LIFE["two at one browser"], forgets=False)
def test_b45_who_erases_loses_their_own_for_good_and_nobody_elses(steps: list[Step], forgets: bool) -> None:
    """Whatever joins and parts before and after, in whatever order it is told, and whether or not the store can forget:
    of each profile there is left what was not erased."""
    assert holds(steps, forgets)


@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("life", LIFE)
def test_the_lives_that_bugs_are_hunted_with_hold(life: str, forgets: bool) -> None:
    """Without a planted bug, the law holds in each."""
    assert holds(LIFE[life], forgets)


def _of_the_person(profile: Any, event: Event, members: Any) -> bool:
    """Planted bug: a tombstone of one id counts for all that are the person's now."""
    return any(event.time <= time for kept in profile.erased.values() for _, time, _ in kept)


def _once(tombstone: tuple[int, float, bool], event: Event, part: Member) -> bool:
    """Planted bug: what is told again comes back."""
    return event.seq < tombstone[0] and part.after < tombstone[0] <= part.upto


def _everywhere(tombstone: tuple[int, float, bool], event: Event, part: Member) -> bool:
    """Planted bug: what another person did at the same browser before a sign-out is taken along."""
    return event.seq < tombstone[0] or event.time <= tombstone[1]


def _here(tombstone: tuple[int, float, bool], event: Event, part: Member) -> bool:
    """Planted bug: a browser's old event becomes that of whoever signs in there later."""
    seq, time, past = tombstone
    here = part.begins <= time < part.ends if past else part.after < seq <= part.upto
    return here and (event.seq < seq or event.time <= time)


def _of_now(erased: Event, members: Any) -> Any:
    """Planted bug: no tombstone stands at a browser that was signed out before."""
    return erasing.tombstones(erased, [member for member in members if member.upto == float("inf")])


@pytest.mark.parametrize(
    ("module", "name", "wrong", "life"),
    [
        (fold, "is_gone", _of_the_person, "an id that joins later"),
        (erasing, "_covers", _once, "told again"),
        (erasing, "_covers", _everywhere, "two at one browser"),
        (erasing, "_covers", _here, "told again to whoever sits there now"),
        (history, "tombstones", _of_now, "told again to whoever sits there now"),
    ],
)
def test_the_law_of_erasing_catches(module: Any, name: str, wrong: Any, life: str, monkeypatch: Any) -> None:
    """Each planted mistake brings something back, or takes too much."""
    monkeypatch.setattr(module, name, wrong)
    assert not holds(LIFE[life], forgets=False)
