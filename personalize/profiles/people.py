"""Which ids are one person, of everybody, in bounded memory: the rows of `identity`, kept in the store.

Rule 1  The rows stand at a seq and move in one transaction with it, from where they stand. So whichever worker comes
        first moves them on; the others find that it is done, and no event counts twice or is left out.
Rule 2  Who asks for a person is told as of the last event that this process heard of, or later.
Rule 3  An event that mentions the same ids as the last one that mentioned any of them, and is no older than what was
        heard of them, changes nothing, and is not looked at: a client that names its user with every event costs
        nothing more. One that is older may be of a part of a timeline that was cut since.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, cast

from ..errors import StoreError
from ..model import Event
from ..protocols import KeepingStore, Store
from .identity import Identity, Member
from .ids import CUT, LONGEST, MERGED, mentioned, parts, told_ids

GROUP: Final = "identity"
BEHIND: Final = 20_000  # events after which the rows are told to stand further on, though nothing changed
_BATCH: Final = 200  # events that change rows in one transaction
_MANY: Final = 1_000  # events that wait, from which on the log's reader waits too
_REMEMBERED: Final = 20_000  # ids of Rule 3
_REST: Final = 1.0  # seconds
_TRIES: Final = 50


@dataclass(frozen=True, slots=True)
class Person:
    """Who an id stands for: the timelines whose events are the person's, the first-linked first. `known` is the seq up
    to which it is certain that the log says no more."""

    name: str
    members: tuple[Member, ...]
    known: int = 0

    def is_alone(self, id_: str) -> bool:
        """Is this all of one id's timeline, and no other's?"""
        first = self.members[0]
        return len(self.members) == 1 and first.id == id_ and not first.after and first.upto == math.inf

    def holds(self, event: Event) -> bool:
        """Is it the person's, and not of somebody else who used the same browser before or since?"""
        return any(member.id == event.visitor and member.holds(event) for member in self.members)

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(member.id for member in self.members)

    @property
    def ended(self) -> frozenset[str]:
        """The ids of which some part ended: what happened in it may still be told."""
        return frozenset(member.id for member in self.members if member.upto != math.inf)

    @property
    def live(self) -> frozenset[str]:
        """The ids whose next events are the person's, too."""
        return frozenset(member.id for member in self.members if member.upto == math.inf)


def alone(id_: str) -> Person:
    """Somebody who is known by no other id."""
    return Person(id_, (Member(id_),))


class Persons(Protocol):
    """Whom Profiles asks."""

    def apply(self, event: Event) -> tuple[str, ...]:
        """Take one stored event; returns the ids whose persons may be others now."""

    async def of(self, id_: str) -> Person:
        """The person that an id stands for. Raises StoreError."""

    async def settle(self) -> None:
        """Finish what events left to do. Raises StoreError."""


class KnownPeople:
    """All links in memory: for commands that read the whole log anyway, and for stores that keep no values."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or Identity()

    def apply(self, event: Event) -> tuple[str, ...]:
        """Take one stored event."""
        return mentioned(event) if self.identity.apply(event) else ()

    async def of(self, id_: str) -> Person:
        """Raises nothing."""
        if CUT in id_:
            return alone(id_)
        name = self.identity.person(id_)
        return Person(name, self.identity.members(name))

    async def settle(self) -> None:
        """Nothing is left to do."""


class People:
    """The rows in the store. All methods are called on one event loop at a time; `store` must be one that keeps."""

    def __init__(self, store: Store, began: float | None = None) -> None:
        """No timeline was cut after `began` (Unix seconds; now) by an event that this process will not hear of."""
        self._store = cast(KeepingStore, store)
        self._pending: deque[Event] = deque()  # not in the rows yet, as far as is known
        # Id -> what the last event that mentioned it mentioned, "" for a late one, and the newest time heard of it.
        self._last: dict[str, tuple[str, float]] = {}
        self._newest = time.time() if began is None else began  # of any event
        self._late = self._newest  # nothing older is remembered of an id that is not in `_last`
        self._stands = 0
        self._heard = 0  # the last event's seq
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settling = asyncio.Lock()
        self._rest_until = 0.0  # monotonic seconds: a store that took nothing is not asked again before

    async def restore(self) -> int:
        """The seq up to which the store knows all links. Raises StoreError."""
        self._note((await self._store.kept(GROUP, ()))[0])
        self._heard = max(self._heard, self._stands)
        return self._stands

    def apply(self, event: Event) -> tuple[str, ...]:
        """Take one stored event; returns the ids whose persons may be others now."""
        self._heard = event.seq
        ids = mentioned(event)
        if not ids or self._is_known(event, ids):
            return ()
        if event.seq > self._stands:
            self._pending.append(event)
        return ids

    def _is_known(self, event: Event, ids: tuple[str, ...]) -> bool:
        """Rule 3."""
        self._newest = max(self._newest, event.time)
        if parts(event) or event.name == MERGED:
            self._forget()  # what was refused before may hold now
            return False
        told = CUT.join(ids)
        lasts = [self._last.get(id_) or ("", self._late) for id_ in ids]
        if all(last == told and event.time >= newest for last, newest in lasts):
            return True
        if len(self._last) > _REMEMBERED:
            self._forget()
            lasts = [("", self._late) for _ in ids]
        for id_, (_, newest) in zip(ids, lasts, strict=True):
            self._last[id_] = (told, event.time) if event.time >= newest else ("", newest)
        return False

    def _forget(self) -> None:
        self._last.clear()
        self._late = self._newest

    # --- asking ----------------------------------------------------------------------------------------

    async def of(self, id_: str) -> Person:
        """Rule 2. Raises StoreError where the store can't be read; one that can't be written to is no hindrance."""
        if CUT in id_ or len(id_) > LONGEST:
            return alone(id_)
        for _ in range(_TRIES):
            await self._try_to_settle()
            waiting = list(self._pending)
            ids = dict.fromkeys([id_, *(other for event in waiting for other in mentioned(event))])
            stands, graph, _ = await self._load(ids, whole=bool(waiting))
            for event in waiting:
                if event.seq > stands:
                    graph.apply(event)
            name, last = graph.person(id_), waiting[-1].seq if waiting else stands
            person = Person(name, graph.members(name), stands)
            if not any(person.ids.intersection(mentioned(event)) for event in self._pending if event.seq > last):
                return person
        raise StoreError(f"the person of {id_[:40]} changes all the time")

    async def _try_to_settle(self) -> None:
        if self._pending and time.monotonic() >= self._rest_until:
            try:
                await self.settle()
            except StoreError:  # whoever keeps things up hears of it
                self._rest_until = time.monotonic() + _REST

    # --- moving on -------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Bring the rows to the last event that was heard of. Raises StoreError; what is left is tried again."""
        if not self._pending:
            return
        async with self._lock():
            while self._pending:
                await self._move(list(islice(self._pending, _BATCH)))

    async def settle_if_many(self) -> None:
        """So that what waits is bounded, however fast the log is read. Raises StoreError."""
        if len(self._pending) >= _MANY:
            await self.settle()

    async def stand_on(self, least: int = BEHIND) -> None:
        """Where nothing changed for `least` events: say that the rows know them, for the next start. Raises
        StoreError."""
        await self.settle()
        heard = self._heard
        if heard - self._stands >= least and not self._pending:
            self._note((await self._store.kept(GROUP, ()))[0])
            if self._stands < heard and await self._store.keep(GROUP, self._stands, heard, {}):
                self._stands = heard

    async def _move(self, batch: list[Event]) -> None:
        ids = list(dict.fromkeys(id_ for event in batch for id_ in mentioned(event)))
        for _ in range(_TRIES):
            stands, graph, before = await self._load(ids, whole=True)
            left = [event for event in batch if event.seq > stands]
            for event in left:
                graph.apply(event)
            # Also where nothing changed they stand further on: else every start would look at what was refused.
            if not left or await self._keep(stands, left[-1].seq, _changes(before, graph)):
                for _ in batch:
                    self._pending.popleft()
                return
        raise StoreError("others change the links of people all the time")

    async def _keep(self, stands: int, upto: int, changed: Mapping[str, bytes | None]) -> bool:
        done = await self._store.keep(GROUP, stands, upto, changed)
        if done:
            self._stands = upto
        return done

    async def _load(self, ids: Collection[str], *, whole: bool) -> tuple[int, Identity, dict[str, bytes]]:
        """A graph with all rows that concern these ids, as of one seq, and those rows as they are kept; `whole`: so
        that events can be taken."""
        for _ in range(_TRIES):
            graph = Identity()
            try:
                stands, kept = await self._rows(f"i:{id_}" for id_ in ids)
                rows = _put(graph, kept)
                if not rows:
                    return stands, graph, kept
                chosen = (row[2] if whole else row[2][-1:] for row in rows.values())
                persons = dict.fromkeys(person for some in chosen for person in some if person)
                again, of_persons = await self._rows(f"p:{person}" for person in persons)
                nodes = (node for row in _put(graph, of_persons).values() for node in row[0])
                others = dict.fromkeys(f"i:{node.partition(CUT)[0]}" for node in nodes)
                last, of_others = await self._rows(key for key in others if key not in rows)
                _put(graph, of_others)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise StoreError(f"a link that is kept is damaged ({error!r}); `personalize rebuild` mends it")
            if stands == again == last:
                return stands, graph, kept | of_persons | of_others
        raise StoreError("others change the links of people all the time")

    async def _rows(self, keys: Iterable[str]) -> tuple[int, dict[str, bytes]]:
        asked = list(dict.fromkeys(keys))
        if not asked:
            return self._stands, {}
        stands, kept = await self._store.kept(GROUP, asked)
        self._note(stands)
        return stands, kept

    def _note(self, stands: int) -> None:
        if stands < self._stands:  # the store was lost, and its links with it
            self._forget()
        self._stands = stands

    def _lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._settling = loop, asyncio.Lock()
        return self._settling


async def erased_since(store: Store, events: Sequence[Event]) -> list[str]:
    """For each event the id that it tells of, its own or another, under which somebody erased what happened at that
    time; "" where there is none, or where the store keeps no values. Raises StoreError."""
    if not hasattr(store, "keep"):
        return [""] * len(events)
    ids = [[id_ for id_ in (event.visitor, *told_ids(event)) if len(id_) <= LONGEST] for event in events]
    keys = dict.fromkeys(f"i:{id_}" for some in ids for id_ in some)
    graph = Identity()
    _put(graph, (await cast(KeepingStore, store).kept(GROUP, list(keys)))[1])
    found = zip(events, ids, strict=True)
    return [next((id_ for id_ in some if graph.is_erased(id_, event.time)), "") for event, some in found]


def written(rows: Mapping[str, Any]) -> dict[str, bytes]:
    """A graph's rows as the store keeps them."""
    return {key: json.dumps(row, separators=(",", ":")).encode() for key, row in rows.items()}


def _put(graph: Identity, kept: Mapping[str, bytes]) -> dict[str, list[Any]]:
    rows = {key: json.loads(value) for key, value in kept.items()}
    graph.put(rows)
    return rows


def _changes(before: Mapping[str, bytes], graph: Identity) -> dict[str, bytes | None]:
    """What has to be written so that these rows become the graph's; None removes one."""
    if not graph.changed:
        return {}
    after = written(graph.rows())
    changes: dict[str, bytes | None] = {key: row for key, row in after.items() if before.get(key) != row}
    return changes | dict.fromkeys(before.keys() - after.keys())
