"""The profiles of this process: the most recently seen visitors in memory, each kept up to date by the log's tail.
Those seen last are ready to be read; the others are packed (see ..packed), which takes a sixth of the room.

A profile is a person's: the events of every id that `people` knows to be the same one, in the log's order. It is what
the log says of them now: where lines left the log, it is read anew.

How a load and the tail meet without folding an event twice or missing one:
Rule 1  From the moment a load begins, the tail's events for its ids are put aside.
Rule 2  What the load reads is folded first, then what was put aside, then the profile is shown.
Rule 3  An event up to the last one that a profile knows, or that its load found in the log, is already in it.
Rule 4  Whoever is joined or parted, or had something erased, is loaded again, also during a load.
The log gives seq in the order of commits, so nothing older than what the load read can still come.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, Final

from ..errors import StoreError
from ..model import ERASED, EXPIRED, OPERATOR, Catalogue, Event, Profile
from ..packed import Packed
from ..protocols import Store
from .erasing import is_gone
from .fold import apply_event
from .ids import is_trusted, parts
from .packing import packed, unpacked
from .people import KnownPeople, People, Person, Persons, alone
from .reading import Reading
from .saved import Saved
from .size import size_of
from .timeline import PAGE, timeline

ROOM: Final = 32 * 1024 * 1024  # bytes of all profiles in memory, about
READY: Final = 1_000  # of them that are not packed, at most; and they take half of the room at most
LOADS: Final = 500  # under way at once: pages walk away from late ones, so a slow store would gather them without end
_ROUTE: Final = 120  # bytes of an id's place in the routes
_WEIGHED_AT: Final = 16  # every so many events of the log, whoever has one looks how large their profile has become


class _Load:
    """One that is under way. `stale`: its person was joined or parted meanwhile, and what it reads is wrong."""

    __slots__ = ("aside", "ids", "stale")

    def __init__(self) -> None:
        self.aside: list[Event] = []
        self.ids: set[str] = set()
        self.stale = False


class Profiles:
    """A fold over the log that keeps profiles of about `room` bytes. Used on one event loop at a time. `people` says
    who is whom; without it the store does, if it can keep values, or else this process's memory."""

    def __init__(
        self,
        store: Store,
        products: Catalogue,
        *,
        room: int = ROOM,
        ready: int = READY,
        people: Persons | None = None,
    ) -> None:
        self.people: Persons = people or (People(store) if hasattr(store, "keep") else KnownPeople())
        self._store = store
        self._saved = Saved(store)
        self._products = products
        self._room = room
        self._most_ready = ready
        # All by the person's name.
        self._ready: OrderedDict[str, Profile] = OrderedDict()  # the latest asked for last
        self._known: dict[str, int] = {}  # of those: the last seq that the profile needs no event of
        self._persons: dict[str, Person] = {}  # of those who have several ids, or parts of one
        self._sizes: dict[str, int] = {}
        self._size = 0  # bytes of those, about
        self._rest = Packed(room, self._forgotten)
        self._routes: dict[str, str] = {}  # every id whose next events are theirs -> the person's name
        self._ended: dict[str, dict[str, None]] = {}  # ids of which a part ended -> the names of whose it was
        self._stale: set[str] = set()  # those whose lines may have left the log
        self._tasks: dict[str, asyncio.Task[Profile | None]] = {}
        self._loads: dict[str, list[_Load]] = {}  # id -> the loads under way that read it
        self._epoch = 0  # the seq at which lines last left the log

    def __len__(self) -> int:
        """How many are in memory."""
        return len(self._ready) + len(self._rest)

    @property
    def size(self) -> int:
        """Bytes of all that are in memory, about."""
        return self._size + self._rest.size + _ROUTE * len(self._routes)

    # --- asking ----------------------------------------------------------------------------------------

    def get(self, visitor: str) -> Profile | None:
        """The profile if it is in memory; None says only that it is not loaded."""
        name = self._routes.get(visitor)
        if name is None or name in self._stale:
            return None
        if name in self._ready:
            self._ready.move_to_end(name)
            return self._ready[name]
        return self._unpack(name)

    def ids(self, visitor: str) -> Collection[str]:
        """All ids of the visitor's person, as far as memory has them: the visitor's own where it is not loaded."""
        name = self._routes.get(visitor)
        if name is None:
            return (visitor,)
        self._unpack(name)
        return self._persons[name].ids if name in self._persons else (name,)

    async def load(self, visitor: str) -> Profile:
        """The profile, read from the store if need be; empty for a visitor without events. Callers who ask at the
        same time share one read, and a caller who walks away does not end it. Raises StoreError, also where too many
        are being read already."""
        loop = asyncio.get_running_loop()
        while (profile := self.get(visitor)) is None:
            task = self._tasks.get(visitor)
            if task is None or task.done() or task.get_loop() is not loop:
                if len(self._tasks) >= LOADS:
                    self._tasks = {id_: at_work for id_, at_work in self._tasks.items() if at_work.get_loop() is loop}
                    if len(self._tasks) >= LOADS:
                        raise StoreError(f"{len(self._tasks)} profiles are being read already")
                task = self._tasks[visitor] = loop.create_task(self._load(visitor), name="personalize profile")
                task.add_done_callback(partial(self._loaded, visitor))
            profile = await asyncio.shield(task)
            if profile is not None:
                break
        return profile

    def _loaded(self, visitor: str, task: asyncio.Task[Profile | None]) -> None:
        if self._tasks.get(visitor) is task:
            del self._tasks[visitor]
        if not task.cancelled():
            task.exception()  # callers may all have walked away; then nobody else takes it, and asyncio would complain

    async def events(self, visitor: str) -> list[Event]:
        """Every stored event of the visitor's person, in the log's order, without what was erased. Raises
        StoreError."""
        profile, person = await self.load(visitor), await self.people.of(visitor)
        upto = await self._store.last() if len(person.ids) > 1 else math.inf
        pages = timeline(self._store, person.members, 0, upto)
        return [e async for events in pages for e in events if not is_gone(profile, e, person.members)]

    async def forget(self, ids: Iterable[str]) -> None:
        """Remove what was written down of these persons beside the log. Raises StoreError."""
        await self._saved.forget(ids)

    def lines_left(self, seq: int) -> None:
        """Up to the event at `seq` lines left the log: what was read before that is read anew."""
        if seq > self._epoch:
            self._epoch = seq
            self._stale = set(self._routes.values())
            for loads in self._loads.values():
                for load in loads:
                    load.stale = True

    # --- learning --------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Take one stored event. Visitors who are not in memory are left to their next load."""
        ids = self.people.apply(event)
        if ids or event.name == ERASED:
            self._touch(ids or (event.visitor,), parts(event))
        elif event.visitor == OPERATOR and event.name == EXPIRED:
            self.lines_left(event.seq)
            self._saved.clear()
        loads = self._loads.get(event.visitor)
        if loads is not None:
            for load in loads:
                load.aside.append(event)
        name = self._routes.get(event.visitor)
        if name is not None:
            self._fold_one(name, event)
        if event.visitor in self._ended and (event.name == ERASED or is_trusted(event)):  # perhaps of before a sign-out
            for other in list(self._ended[event.visitor]):
                if event.name == ERASED:
                    self._drop(other)
                elif other != name and (other in self._ready or other in self._rest):
                    self._fold_one(other, event)

    def _fold_one(self, name: str, event: Event) -> None:
        profile = self._unpack(name)
        if event.seq > self._known[name]:
            self._known[name] = event.seq
            person = self._persons.get(name)
            if person is None or person.holds(event):
                apply_event(profile, event, self._products, person.members if person is not None else ())
            if event.seq % _WEIGHED_AT == 0:
                self._weigh(name)

    def _touch(self, ids: tuple[str, ...], parting: bool) -> None:
        """Persons may be others now: but for ids that are one person's already, and are told to be so again. Of a
        timeline that was cut, an earlier part may be meant."""
        names = {name for id_ in ids if (name := self._routes.get(id_)) is not None}
        if parting or len(names) != 1 or any(id_ not in self._routes for id_ in ids) or self._is_cut(*names):
            for name in names:
                self._drop(name)
        for load in {id(load): load for id_ in ids for load in self._loads.get(id_, ())}.values():
            load.stale = True

    def _is_cut(self, name: str) -> bool:
        self._unpack(name)
        person = self._persons.get(name)
        return person is not None and any(member.after or member.upto < math.inf for member in person.members)

    # --- loading ---------------------------------------------------------------------------------------

    async def _load(self, visitor: str) -> Profile | None:
        """None where what was read is no longer all, or only, the person's."""
        load = _Load()
        try:
            self._await(load, (visitor,))
            # Both at once: most visitors have one id and did little, and then this is all that has to be read.
            person, page = await asyncio.gather(
                self.people.of(visitor), self._store.of_visitor(visitor, 0, PAGE)
            )
            if (found := self.get(visitor)) is not None:  # by another id of the same person
                return found
            self._await(load, person.ids)
            reading = Reading(self._store, self._saved, self._products, person, self._epoch)
            profile, long = await reading.read(page if person.is_alone(visitor) else None)
            known = max(person.known, profile.version)
            for event in load.aside:
                if event.seq > known:
                    known = event.seq
                    if person.holds(event):
                        apply_event(profile, event, self._products, person.members)
            if load.stale:
                return None
            self._keep(person, profile, known)
            if long:
                self._saved.put(person, profile)
            return profile
        finally:
            self._forget(load)

    # --- memory ----------------------------------------------------------------------------------------

    def _await(self, load: _Load, ids: Iterable[str]) -> None:
        for id_ in set(ids) - load.ids:
            load.ids.add(id_)
            self._loads.setdefault(id_, []).append(load)

    def _forget(self, load: _Load) -> None:
        for id_ in load.ids:
            loads = self._loads[id_]
            loads.remove(load)
            if not loads:
                del self._loads[id_]

    def _keep(self, person: Person, profile: Profile, known: int) -> None:
        name, live = person.name, person.live
        for other in {name, *(self._routes[id_] for id_ in live if id_ in self._routes)}:
            self._drop(other)
        self._routes.update(dict.fromkeys(live, name))
        for id_ in person.ended:
            self._ended.setdefault(id_, {})[name] = None
        self._get_ready(person, profile, known)

    def _get_ready(self, person: Person, profile: Profile, known: int) -> None:
        name = person.name
        self._ready[name] = profile
        self._known[name] = known
        if not person.is_alone(name):
            self._persons[name] = person
        self._sizes[name] = 0
        self._weigh(name)

    def _weigh(self, name: str) -> None:
        size = size_of(self._ready[name])
        self._size += size - self._sizes[name]
        self._sizes[name] = size
        self._trim()

    def _trim(self) -> None:
        """The one that was asked for last stays, however large."""
        while len(self._ready) > 1 and (len(self._ready) > self._most_ready or self._size > self._room // 2):
            self._pack(next(iter(self._ready)))
        self._rest.room = self._room - self._size - _ROUTE * len(self._routes)
        self._rest.trim()

    def _pack(self, name: str) -> None:
        self._rest.put(name, packed(*self._take(name)))

    def _unpack(self, name: str) -> Profile:
        """The profile of somebody who is in memory, ready to be read or written to."""
        profile = self._ready.get(name)
        if profile is None:
            person, profile, known = unpacked(self._rest.pop(name))
            self._get_ready(person, profile, known)
        return profile

    def _take(self, name: str) -> tuple[Person, Profile, int]:
        """Out of those that are ready."""
        self._size -= self._sizes.pop(name)
        return self._persons.pop(name, None) or alone(name), self._ready.pop(name), self._known.pop(name)

    def _drop(self, name: str) -> None:
        if name in self._ready:
            self._unroute(self._take(name)[0])
        elif name in self._rest:
            self._forgotten(name, self._rest.pop(name))

    def _forgotten(self, name: str, value: Any) -> None:
        self._unroute(unpacked(value)[0])

    def _unroute(self, person: Person) -> None:
        self._stale.discard(person.name)
        for id_ in person.live:
            if self._routes.get(id_) == person.name:
                del self._routes[id_]
        for id_ in person.ended:
            names = self._ended.get(id_)
            if names is not None and names.pop(person.name, 1) is None and not names:
                del self._ended[id_]
