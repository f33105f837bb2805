"""Which ids are one person: joined by logins, parted by sign-outs and conflicts, and the same on every rebuild."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.model import Event
from personalize.profiles import Identity, Profiles, external_id
from personalize.stores import MemoryStore

PHONE, LAPTOP = "a" * 32, "b" * 32


def event(
    seq: int, visitor: str, name: str = "Product Viewed", via: str = "server", at: float | None = None, **ids: str
) -> Event:
    told: dict[str, Any] = {"$via": via, "$ids": ids, "product_id": f"p{seq}"}
    return Event(str(seq), name, float(seq) if at is None else at, visitor, told, seq)


def known(*events: Event) -> Identity:
    identity = Identity()
    for one in events:
        identity.apply(one)
    return identity


def test_a_login_joins_what_the_site_says_is_one() -> None:
    """Devices, cards and addresses that the site's servers name with a user become that user's person."""
    identity = known(
        event(1, PHONE, user_id="7"), event(2, LAPTOP, user_id="7"), event(3, "u:7", loyalty="12", email="A@x.org ")
    )
    for id_ in (PHONE, LAPTOP, "loyalty:12", external_id("email", "a@X.org")):
        assert identity.person(id_) == identity.user(id_) == "u:7"
    assert "x.org" not in str(identity.members("u:7"))
    assert set(identity.resolved()) == {PHONE, LAPTOP, "loyalty:12", external_id("email", "a@x.org")}


@pytest.mark.parametrize("via", ["browser", None])
def test_a_browsers_claim_joins_nothing(via: str) -> None:
    """A page's script may say any user id; nobody's profile opens by that."""
    assert known(event(1, PHONE, via=via, user_id="7")).user(PHONE) is None


def test_two_users_are_never_joined_by_a_card() -> None:
    """A card that two users name is refused for the second and kept as a conflict; an operator may decide otherwise."""
    told = [event(1, "u:7", loyalty="12"), event(2, "u:8", loyalty="12"), event(3, "u:8", previous_id="zz")]
    identity = known(*told)
    assert identity.person("loyalty:12") == "u:7" and identity.person("a:zz") == "u:8"
    (conflict,) = identity.conflicts
    assert (identity.refused, conflict.seq, conflict.users) == (1, 2, ("u:8", "u:7"))
    merged = known(*told, event(4, "u:7", "Identity Merged", user_id="8"))
    assert merged.person("u:8") == merged.person("u:7")


def test_a_link_can_be_undone() -> None:
    """An id taken out is alone again, what only it held together falls apart, and it is not joined again."""
    told = [event(1, PHONE, loyalty="12"), event(2, LAPTOP, loyalty="12"), event(3, LAPTOP, user_id="7")]
    identity = known(*told)
    assert identity.user(PHONE) == "u:7"
    identity.apply(Event("4", "Identity Unlinked", 4.0, "", {"$via": "operator", "id": "loyalty:12"}, 4))
    assert identity.user(PHONE) is None and identity.user(LAPTOP) == "u:7"
    identity.apply(event(5, PHONE, loyalty="12"))
    assert identity.user(PHONE) is None


async def load(events: list[Event], visitor: str) -> list[str]:
    store = MemoryStore()
    await store.open()
    await store.append(events)
    profiles = Profiles(store, {})
    for one in await store.read():
        profiles.apply(one)
    return [item for _, item, _ in (await profiles.load(visitor)).views]


async def test_b07_one_profile_after_login_and_a_strangers_after_logout() -> None:
    """What was done before the login, on the other device and under the user id is one profile; after signing out the
    browser knows nothing of it; and another user who signs in at the same browser gets only their own."""
    told = [event(1, PHONE), event(2, "u:7"), event(3, LAPTOP), event(4, PHONE, user_id="7"),
            event(5, LAPTOP, user_id="7"), event(6, PHONE)]  # fmt: skip
    assert await load(told, PHONE) == await load(told, "u:7") == ["p1", "p2", "p3", "p4", "p5", "p6"]
    out = [*told, event(7, PHONE, "Signed Out"), event(8, PHONE)]
    assert await load(out, PHONE) == ["p8"]
    assert await load(out, LAPTOP) == ["p1", "p2", "p3", "p4", "p5", "p6"]
    other = [*told, event(7, PHONE, user_id="8"), event(8, PHONE)]
    assert await load(other, PHONE) == ["p7", "p8"] and "p8" not in await load(other, "u:7")


async def test_b07_what_arrives_late_signs_nobody_in() -> None:
    """A server's client sends a moment later what the user did before the logout, or before another logged in: it
    counts for that user; the browser stays the stranger's, or the other user's."""
    out = [event(1, PHONE), event(2, "u:7"), event(3, PHONE, "Signed Out"), event(4, PHONE, at=2.5, user_id="7"),
           event(5, PHONE)]  # fmt: skip
    identity = known(*out)
    assert identity.user(PHONE) is None, "the phone is a stranger's"
    assert await load(out, "u:7") == ["p1", "p2", "p4"] and await load(out, PHONE) == ["p5"]
    assert known(*out, event(6, PHONE, user_id="7")).user(PHONE) == "u:7", "and a login is one"
    other = [event(1, PHONE, user_id="7"), event(2, PHONE, user_id="8"), event(3, PHONE, at=1.5, user_id="7"),
             event(4, PHONE, at=1.7, user_id="8"), event(5, PHONE, at=1.8, user_id="9")]  # fmt: skip
    identity = known(*other)
    assert identity.user(PHONE) == "u:8" and identity.user("u:7") == "u:7"
    assert [conflict.users for conflict in identity.conflicts] == [("u:7", "u:9")]


LINKS = [
    (PHONE, {"user_id": "1"}), (LAPTOP, {"user_id": "1"}), ("u:1", {"loyalty": "9"}), ("u:1", {"email": "a@x.org"}),
    ("c" * 32, {"email": "a@x.org"}), ("a:app", {"device": "d1"}), ("u:1", {"device": "d1"}), ("d" * 32, {"crm": "5"}),
    ("u:2", {"crm": "5"}), ("e" * 32, {"crm": "5"}), ("f" * 32, {"loyalty": "7"}), ("a:x", {"loyalty": "7"}),
]  # fmt: skip


def people(kind: type[Identity], order: list[int]) -> set[frozenset[str]]:
    """Who is one, after these links were told in this order."""
    identity = kind()
    for seq, place in enumerate(order, 1):
        visitor, ids = LINKS[place]
        identity.apply(event(seq, visitor, **ids))
    found: dict[str, set[str]] = {}
    for id_ in {m.id for visitor, _ in LINKS for m in identity.members(identity.person(visitor))}:
        found.setdefault(identity.person(id_), set()).add(id_)
    return {frozenset(ids) for ids in found.values()}


class Hasty(Identity):
    """Planted bug: a link counts only where one of the two is known already, so that chains must come in order."""

    def _join(self, one: str, other: str, changed: set[str]) -> None:
        if not self._nodes or one in self._nodes or other in self._nodes:
            super()._join(one, other, changed)


@given(st.permutations(range(len(LINKS))), st.permutations(range(len(LINKS))))
def test_b07_people_do_not_depend_on_the_order_of_links(one: list[int], other: list[int]) -> None:
    """Chains of browsers, apps, cards, addresses and users that do not conflict come to the same people."""
    assert people(Identity, one) == people(Identity, other)
    assert sorted(map(len, people(Identity, one))) == [3, 4, 8]


def test_an_order_that_counts_is_caught() -> None:
    """The law above sees a graph that needs its links in order."""
    last_first = list(range(len(LINKS)))[::-1]
    assert people(Hasty, last_first) != people(Hasty, last_first[::-1])


STEPS = st.lists(
    st.tuples(
        st.sampled_from([PHONE, LAPTOP, "c" * 32, "u:1", "u:2", "a:x", "loyalty:9"]),
        st.sampled_from(["Product Viewed", "Product Viewed", "Signed Out", "Visitor Erased", "Identity Unlinked"]),
        st.sampled_from(["server", "server", "browser"]),
        st.dictionaries(
            st.sampled_from(["user_id", "anonymous_id", "loyalty"]), st.sampled_from(["1", "2", "x", PHONE]), max_size=2
        ),
        st.sampled_from([0, 0, 0, 2, 7]),
    ),
    max_size=25,
)


def made(steps: list[Any]) -> list[Event]:
    events = [
        event(seq, visitor, name, via, at=float(seq - late), **ids)
        for seq, (visitor, name, via, ids, late) in enumerate(steps, 1)
    ]
    for one in events:
        one.properties["id"] = one.visitor  # type: ignore[index]
    return events


class Careless(Identity):
    """Planted bug: joins whatever is named together."""

    def _user_of(self, person: str) -> str:
        return ""


def users_apart(kind: type[Identity], events: list[Event]) -> bool:
    identity = kind()
    for one in events:
        identity.apply(one)
    return identity.person("u:1") != identity.person("u:2")


@settings(max_examples=150)
@given(steps=STEPS)
def test_no_order_of_events_joins_two_users(steps: list[Any]) -> None:
    """Whatever is told by whom, two users stay two persons."""
    assert users_apart(Identity, made(steps))


def test_joining_two_users_is_caught() -> None:
    """Planted bug: the law above sees a graph that joins everything."""
    assert not users_apart(Careless, [event(1, "u:1", loyalty="9"), event(2, "u:2", loyalty="9")])


@settings(max_examples=100)
@given(steps=STEPS, begin=st.integers(0, 25))
def test_a_profile_followed_equals_one_rebuilt(steps: list[Any], begin: int) -> None:
    """Profiles that lived through joins, cuts and erasures equal those made of the finished log, and every event is in
    exactly one person's."""
    asyncio.run(_followed_equals_rebuilt(made(steps), begin))


async def _followed_equals_rebuilt(events: list[Event], begin: int) -> None:
    store = MemoryStore()
    await store.open()
    live, ids = Profiles(store, {}), sorted({e.visitor for e in events})
    for number, one in enumerate(events):
        await store.append([one])
        for stored in await store.read(number):
            live.apply(stored)
        if number >= begin:
            for id_ in ids:
                await live.load(id_)
    rebuilt = Profiles(store, {})
    for stored in await store.read(0, 100):
        rebuilt.apply(stored)
    for id_ in ids:
        assert await live.load(id_) == await rebuilt.load(id_)
    identity = known(*events)
    for one in events:
        owners = {p for id_ in ids for p in (identity.person(id_),) for m in identity.members(p)
                  if m.id == one.visitor and m.after < one.seq <= m.upto}  # fmt: skip
        assert len(owners) <= 1


async def test_who_is_joined_during_a_load_is_loaded_again() -> None:
    """A login that arrives while the profile is being read is not lost, and nobody gets the half of it."""

    class Slow(MemoryStore):
        gate = asyncio.Event()

        async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
            found = await super().of_visitor(visitor, after, limit)
            await self.gate.wait()
            return found

    store = Slow()
    await store.open()
    await store.append([event(1, PHONE), event(2, "u:7")])
    profiles = Profiles(store, {})
    loading = asyncio.ensure_future(profiles.load(PHONE))
    await asyncio.sleep(0)
    await store.append([event(3, PHONE, user_id="7")])
    for stored in await store.read():
        profiles.apply(stored)
    store.gate.set()
    profile = await loading
    assert [item for _, item, _ in profile.views] == ["p1", "p2", "p3"] and profiles.get("u:7") is profile
