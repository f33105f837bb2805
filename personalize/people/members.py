"""Who is in a segment, for e-mail and other channels: one person of the log after the other.

Rule 1  Who withdrew consent is left out until one of their browsers comes with consent again (an order at the till is
        none), and so is who objects to sharing (Sec-GPC).
Rule 2  Membership is what a page would find now, but for facts of the page's own request, which nobody makes here:
        they are unknown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine import Engine
from ..membership import memberships
from ..model import PURPOSES, Consent, Profile, Request, Visitor
from ..profiles import Identity, KnownPeople, Profiles
from .everybody import everybody

_NO_REQUEST = Request("GET", "/", b"", "https", {})
_AGREED = Consent(frozenset(PURPOSES))


@dataclass(frozen=True, slots=True)
class Member:
    """One person in the segment. `user` is the site's own user id, "" where it is not known; `ids` all their ids."""

    id: str
    user: str
    ids: Sequence[str]
    profile: Profile

    def row(self, traits: Sequence[str]) -> dict[str, Any]:
        """What is exported: ids, a few figures, and the traits that were asked for."""
        profile = self.profile
        spent = round(sum(revenue for _, revenue, _ in profile.orders), 2)
        return {
            "id": self.id,
            "user_id": self.user,
            "ids": list(self.ids),
            "first_seen": profile.first_seen,
            "last_seen": profile.last_seen,
            "visits": profile.visits,
            "orders": len(profile.orders),
            "spent": spent,
            **{name: profile.traits.get(name) for name in traits},
        }


async def members(
    engine: Engine, segment: str, now: float, progress: Callable[[int, int], None] = lambda done, of: None
) -> AsyncIterator[Member]:
    """Everybody in `segment` at `now`. The engine's store must be open. Raises StoreError."""
    store, products = engine.history.store, engine.history.products
    identity = Identity()
    ids = await everybody(store, identity)
    profiles = Profiles(store, products, room=0, people=KnownPeople(identity))
    # Lists know people by all their ids, as this log has them.
    engine.history.profiles = profiles
    await engine.history.lists.refresh()
    # Whoever signed out is found by the user's id alone: the browser is a stranger's by now.
    people = {identity.person(id_): id_ for id_ in (*ids, *identity.named())}
    for number, (person, id_) in enumerate(people.items()):
        timelines = identity.members(person)
        profile = await profiles.load(id_)
        progress(number + 1, len(people))
        if profile.gpc or not _may_be_exported(profile):
            continue
        visitor = Visitor(id_, _AGREED)
        if memberships(engine, (segment,), _NO_REQUEST, visitor, profile, now):
            user = person if person.startswith("u:") else ""
            known = tuple(dict.fromkeys(timeline.id for timeline in timelines))
            yield Member(user or id_, user.removeprefix("u:"), known, profile)


def _may_be_exported(profile: Profile) -> bool:
    return profile.withdrawn == float("-inf") or profile.consented > profile.withdrawn
