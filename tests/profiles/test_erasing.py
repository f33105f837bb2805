"""What a visitor had erased does not come back, and every trait knows where it is from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.history import History
from personalize.model import ERASED, Event, Profile
from personalize.observe import LogObserver
from personalize.profiles import Member, apply_event, bury, erasing, first_party, with_just_shown
from personalize.stores import MemoryStore

Apply = Callable[[Profile, Event, dict[str, Any]], None]
NAMES = ["Page Viewed", "Product Viewed", "Product Added", "Order Completed", "User Identified", "Consent Withdrawn"]
PAST = st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 100)), max_size=8)


def event(seq: int, name: str, time: float, **more: Any) -> Event:
    return Event(str(seq), name, time, "ann", {"product_id": "p", "path": "/", "traits": {"a": 1}, **more}, seq)


def forgets_the_time(profile: Profile, event: Event, products: dict[str, Any]) -> None:
    """Planted bug: the tombstone empties the profile and what is sent again fills it."""
    apply_event(profile, event, products)
    profile.erased = {}


def comes_back(apply: Apply, past: list[tuple[str, float]], late: list[tuple[str, float]]) -> bool:
    """Fold a past, an erasure at 100, and old events that arrive after it: is anything known?"""
    profile = Profile("ann")
    told = [*past, (ERASED, 100.0), *late]
    for seq, (name, time) in enumerate(told, 1):
        apply(profile, event(seq, name, time), {})
    return profile != Profile("ann", version=len(told), erased={"ann": [(len(past) + 1, 100.0, False)]})


@given(PAST, PAST)
def test_nothing_up_to_an_erasure_is_known_after_it(
    past: list[tuple[str, float]], late: list[tuple[str, float]]
) -> None:
    """Neither what was known nor what is sent again afterwards with an earlier time."""
    assert not comes_back(apply_event, past, late)


def test_a_tombstone_that_only_empties_is_caught() -> None:
    """Planted bug: the law above sees old events that come back."""
    assert comes_back(forgets_the_time, [], [("User Identified", 5.0)])


def test_what_was_just_shown_is_erased_too() -> None:
    """What other workers keep for a moment, so that caps hold, does not outlive the erasure."""
    profile = Profile("ann", erased={"ann": [(7, 100.0, False)]})
    assert with_just_shown(profile, "ann", {"hero/hello": [99.0, 100.0]}) is profile
    shown = with_just_shown(profile, "ann", {"hero/hello": [99.0, 101.0]})
    assert shown is not None and shown.exposures == {"hero/hello": [101.0]}


def test_a_new_life_begins_after_it() -> None:
    """What happens later is known again."""
    profile = Profile("ann")
    for seq, (name, time) in enumerate([("Order Completed", 1.0), (ERASED, 2.0), ("Product Viewed", 3.0)], 1):
        apply_event(profile, event(seq, name, time), {})
    assert (profile.visits, profile.orders, len(profile.views), profile.first_seen) == (1, [], 1, 3.0)


@pytest.mark.parametrize(("said", "party", "source"), [
    (None, "first", ""), ({"party": "second", "source": "airline"}, "second", "airline"),
    ({"party": "fourth"}, "third", ""),
    ({"source": 5}, "first", ""), ("text", "first", ""), ({"party": ["x"]}, "third", ""),
    ({"source": "s" * 999}, "first", "s" * 100),
])  # fmt: skip
def test_b52_every_trait_knows_where_it_is_from(said: Any, party: str, source: str) -> None:
    """Party and source as the event tells them; a party nobody knows is a third; nothing told is the site's own."""
    profile = Profile("ann")
    apply_event(profile, event(1, "User Identified", 1.0, provenance=said), {})
    got = profile.provenance["a"]
    assert (got.party, got.source, got.time) == (party, source, 1.0)


def test_b52_the_newest_word_counts_and_leaves_with_its_trait() -> None:
    """A correction takes the origin over, and a removed trait leaves none behind."""
    profile = Profile("ann")
    apply_event(profile, event(1, "User Identified", 1.0, provenance={"party": "third"}), {})
    assert first_party(profile).traits == {} and profile.traits == {"a": 1}
    apply_event(profile, event(2, "User Identified", 2.0, provenance={"party": "first", "source": "visitor"}), {})
    assert first_party(profile) is profile and profile.provenance["a"].source == "visitor"
    own = {"party": "first", "source": "visitor"}
    apply_event(profile, event(3, "User Identified", 3.0, traits={"a": None}, provenance=own), {})
    assert profile.provenance == {}


# --- who erases all day ----------------------------------------------------------------------------------

PARTS = [
    Member("ann", 0, 10, ends=10.0), Member("ann", 10, 20, begins=10.0, ends=20.0), Member("ann", 20, begins=20.0),
]  # fmt: skip
TOMBSTONES = st.lists(st.tuples(st.floats(0, 30), st.booleans()), min_size=1, max_size=28)
ORDERS = st.permutations(range(28))


def same_without_what_says_less(told: list[tuple[float, bool]], order: list[int], members: list[Member]) -> bool:
    """Is the same gone by the tombstones that are kept as by all of them, in whatever order they are read?"""
    marked = [{"$via": "erasure"} if past else {} for _, past in told]
    stones = [Event(f"e{n}", ERASED, time, "ann", marked[n], n + 1) for n, (time, _) in enumerate(told)]
    kept, every = Profile("ann"), Profile("ann")
    for number in [n for n in order if n < len(stones)]:
        bury(kept, stones[number], members)
    every.erased = {"ann": [(stone.seq, stone.time, bool(stone.properties)) for stone in stones]}
    for seq in range(1, 31):
        for time in range(31):
            for via in ("server", "browser"):
                one = event(seq, "Product Viewed", float(time), **{"$via": via})
                if erasing.is_gone(kept, one, members) != erasing.is_gone(every, one, members):
                    return False
    return True


@settings(max_examples=60, deadline=None)
@given(TOMBSTONES, ORDERS, st.sampled_from([PARTS, PARTS[1:], PARTS[::2], [Member("ann")]]))
def test_what_is_kept_of_tombstones_says_all_that_they_said(
    told: list[tuple[float, bool]], order: list[int], members: list[Member]
) -> None:
    """Of the parts of a timeline that are the person's, and of those that are not."""
    assert same_without_what_says_less(told, order, members)


def test_tombstones_that_are_kept_by_the_last_alone_are_caught(monkeypatch: Any) -> None:
    """Planted bug: the newest one stands for all, also for those before a sign-out."""
    monkeypatch.setattr(erasing, "_says_all_of", lambda one, other, parts: one[0] >= other[0])
    assert not same_without_what_says_less([(8.0, False)] * 15, list(range(28)), PARTS)


async def test_who_erases_all_day_takes_no_room() -> None:
    """One tombstone says what a thousand say, in the profile that follows the log and in one that is read anew."""
    history = History(MemoryStore(), {}, LogObserver())
    await history.start()
    for number in range(300):
        await history.erase(Event(f"e{number}", ERASED, 100.0 + number, "ann"))
        assert sum(map(len, (await history.profiles.load("ann")).erased.values())) == 1
    history.record(Event("late", "Product Viewed", 399.0, "ann", {"product_id": "p"}))
    await history.log.flush()
    assert (await history.profiles.load("ann")).views == []
    await history.close()
