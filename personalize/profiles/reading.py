"""One person's profile as the log tells it: from what was written down of it, or else from their first event on.

Rule 1  A person of several ids is read up to one seq that was the log's last when the reading began, so that no id's
        events are ahead of another's.
Rule 2  A tombstone takes what its id did before, and that may be folded already. Then all is read once more, with the
        tombstones known. It is rare: whoever erases has the lines removed from the log as well.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from ..model import ERASED, Catalogue, Event, Profile
from ..protocols import Store
from .erasing import bury
from .fold import apply_before, apply_event
from .identity import Member, before_sign_out
from .ids import is_of_the_past
from .people import Person
from .saved import LEAST, Saved
from .timeline import PAGE, timeline


class Reading:
    """`epoch` is the seq at which lines last left the log: what was written down before that is not used."""

    def __init__(self, store: Store, saved: Saved, products: Catalogue, person: Person, epoch: int) -> None:
        self._store = store
        self._saved = saved
        self._products = products
        self._person = person
        self._epoch = epoch
        self._alone = len(person.members) == 1 and person.is_alone(person.members[0].id)
        self._profile = Profile(person.name)
        self._folded: set[str] = set()  # ids of which something is in it
        self._missed = False  # was some of that erased?
        self._again = False

    async def read(self, page: Sequence[Event] | None = None) -> tuple[Profile, bool]:
        """The profile, and whether it took so long that it is worth to be written down. `page` are the first events,
        where they are known. Raises StoreError."""
        upto = await self._store.last() if len(self._person.ids) > 1 else math.inf
        while True:
            long = await self._read(upto, page)
            if not self._missed:
                return self._profile, long
            self._profile = Profile(self._person.name, erased=self._profile.erased)
            self._folded, self._missed, self._again = set(), False, True

    async def _read(self, upto: float, page: Sequence[Event] | None) -> bool:
        members, found = self._person.members, 0
        before = before_sign_out(members)
        async for events in timeline(self._store, [*before, *_earlier(members)]):
            for event in events:
                if event.name == ERASED or any(m.id == event.visitor and m.holds(event) for m in before):
                    apply_before(self._profile, event)
        if page is not None:
            found = await self._fold(page)
            if found < PAGE:
                return False
        if found < LEAST:
            pages = timeline(self._store, members, self._profile.version, upto, tombstones=True)
            async with aclosing(pages):
                async for events in pages:
                    found += await self._fold(events)
                    if found >= LEAST:
                        break
                else:
                    return False
        saved = None if self._again else await self._saved.of(self._person, self._epoch)
        if saved is not None and saved.version > self._profile.version:
            self._profile, self._folded, self._missed, found = saved, set(self._person.ids), False, 0
        erased = self._profile.erased
        async for events in timeline(self._store, members, self._profile.version, upto, tombstones=True):
            found += await self._fold(events)
        return found >= LEAST or self._profile.erased != erased

    async def _fold(self, events: Sequence[Event]) -> int:
        profile = self._profile
        for event in events:
            if event.name == ERASED and (not self._alone or is_of_the_past(event)):
                self._missed |= bury(profile, event, self._person.members) and event.visitor in self._folded
                profile.version = event.seq
            else:
                apply_event(profile, event, self._products, self._person.members)
                self._folded.add(event.visitor)
        await asyncio.sleep(0)
        return len(events)


def _earlier(members: Sequence[Member]) -> Iterator[Member]:
    """What stands under the same ids before the first part that is the person's, of those that have ended. A tombstone
    there holds on: what is told again of before it came to whoever sat there."""
    firsts: dict[str, Member] = {}
    for member in sorted(members, key=lambda member: member.after):
        firsts.setdefault(member.id, member)
    for first in firsts.values():
        if first.upto < math.inf and first.since < first.after:
            yield Member(first.id, first.since, first.after, ends=-math.inf)
