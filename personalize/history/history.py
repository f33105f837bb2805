"""The log and its folds: what a process has learned. It outlives a change of config; the engine reads from it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, cast

from ..errors import StoreError
from ..events import EventLog, Retention, Snapshots
from ..model import EXPIRED, OPERATOR, Catalogue, Choice, Event, Product, Profile
from ..operators.complaints import Complaints
from ..operators.pauses import Pauses
from ..operators.promoter import Promoter
from ..operators.promotions import Promotions
from ..profiles import Member, Profiles, Underway, is_unsure, tombstones, with_just_shown
from ..protocols import Fold, ForgettingStore, HotState, Observer, SavedFold, Store
from ..recommend import Embedded, ProofCounts
from ..stores import MemoryHotState, MemoryStore, beside, merged, open_hot_state, open_store
from .ending import end
from .keeping import Keeping
from .learning import Learning
from .lists import Lists

_NOT_LISTED: Final[frozenset[str]] = frozenset()


def _others(visitor: str, profile: Profile | None) -> tuple[str, ...]:
    """Under what name, besides the id that came, it is told what somebody was shown: the person whose id it is known to
    be, so that one cap holds for all their devices, and for those who ask with a user's id."""
    return () if profile is None or profile.visitor == visitor else (profile.visitor,)


class History:
    """One event log with its folds. `products` is one dict whose content follows the catalogue; `hot` is what visitors
    were just shown, and `keep` how many seconds events of a kind stay in the log."""

    def __init__(
        self,
        store: Store,
        products: Catalogue,
        observer: Observer,
        hot: HotState | None = None,
        keep: Mapping[str, float] | None = None,
    ) -> None:
        self.products: dict[str, Product] = dict(products)
        self.store = store
        self.observer = observer
        self.profiles = Profiles(store, self.products)
        self.recommender = Embedded(self.products)
        self.proof = ProofCounts()
        self.underway = Underway()
        self.pauses = Pauses()
        self.promotions = Promotions()
        self.complaints = Complaints(observer)
        self.promoter = Promoter(store, observer, self.promotions)
        self.lists = Lists(observer)
        self.learning = Learning(store, observer)
        bandits = self.learning.bandits
        switches: tuple[Fold, ...] = (self.pauses, self.promotions)
        self.folds: tuple[Fold, ...] = (*switches, self.profiles, self.recommender, self.proof, bandits)
        learned: dict[str, SavedFold] = {"recommend": self.recommender, "proof": self.proof, "bandits": bandits}
        self.snapshots = Snapshots(None if isinstance(store, MemoryStore) else store, learned, observer)
        self._keeping = Keeping(self.profiles.people, self.snapshots, observer)
        following: tuple[Fold, ...] = (*switches, self.profiles, self.snapshots, self.complaints)
        self.log = EventLog(store, observer, folds=following, keeper=self._keeping)
        self.hot: HotState = hot or MemoryHotState()
        self.retention = Retention(store, observer, keep or {}, known=self._keeping.known)
        self._starting: asyncio.Task[None] | None = None
        self._trimming: asyncio.Task[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._acting: asyncio.Task[None] | None = None
        self._promoting: asyncio.Task[None] | None = None

    @classmethod
    def at(
        cls,
        url: str,
        base: Path,
        products: Catalogue,
        observer: Observer,
        hot: str | None = None,
        keep: Mapping[str, float] | None = None,
    ) -> History:
        """By the config's `store`, `hot` and `retention`. Raises ValueError where an address names nothing."""
        shown = open_hot_state(beside(url) if hot is None else hot, base, observer)
        return cls(open_store(url, base, observer), products, observer, shown, keep)

    def start(self) -> asyncio.Task[None]:
        """Begin to open the log and replay it, once per event loop (test clients make one per request); pages are
        served meanwhile. The task never raises."""
        loop = asyncio.get_running_loop()
        if self._starting is None or self._starting.get_loop() is not loop:
            self._starting = loop.create_task(self._start(), name="personalize history")
            self._trimming = loop.create_task(self.retention.follow(), name="personalize retention")
            self._saving = loop.create_task(self._keeping.follow(self._starting), name="personalize snapshots")
        self.lists.start()
        self.learning.start()
        return self._starting

    async def _start(self) -> None:
        try:
            await self._recall_operators()
            await self.hot.recall("")  # so that it is connected before the first page asks
            if self._starting is not asyncio.current_task():  # closed meanwhile: nothing may begin any more
                return
            await self.log.start()
            await self.learning.refresh()
            if self._starting is not asyncio.current_task():
                return
            acting = self.complaints.act(self.record, lambda: self.pauses.held)
            self._acting = asyncio.get_running_loop().create_task(acting, name="personalize complaints")
            promoting = self.promoter.act(self.record)
            self._promoting = asyncio.get_running_loop().create_task(promoting, name="personalize promotions")
        except Exception as error:  # a site stays up without its log
            self.observer.failed("history", error)

    async def _recall_operators(self) -> None:
        """What is paused or promoted stays so, and what left stays away, while a long log is still being read."""
        try:
            await self.log.open()
            told = await self.store.of_visitor(OPERATOR)
            self.pauses.recall(told)
            self.promotions.recall(told)
            self.profiles.lines_left(max((event.seq for event in told if event.name == EXPIRED), default=0))
        except StoreError as error:
            self.observer.failed("history", error)  # the log tries again, and its tail brings the pauses

    def record(self, event: Event) -> None:
        self.log.record(event)

    async def write(self, events: Sequence[Event]) -> None:
        """Record what somebody waits for; returns when it is in the log and in the folds. Raises StoreError where it is
        not, or not all of it."""
        waiting = self.log.waiting
        self.log.record_all(events)
        if self.log.waiting - waiting < len(events) or not await self.log.written():
            raise StoreError("the log could not be written")
        await self.log.flush()

    def profile(self, visitor: str) -> Profile | None:
        """The visitor's profile if it is in memory."""
        return self.profiles.get(visitor)

    async def load(self, visitor: str) -> Profile | None:
        """The visitor's profile, read from the log if need be; None (and said) where the log can't be read."""
        try:
            return await self.profiles.load(visitor)
        except StoreError as error:
            self.observer.failed("profile", error)
            return None

    async def with_just_shown(self, visitor: str, profile: Profile | None) -> Profile | None:
        """The visitor's profile, with what they were shown so lately that the log has not brought it here yet."""
        names = (visitor, *_others(visitor, profile))
        shown: Mapping[str, Sequence[float]] = self.underway.of(names)  # a page may end while the hot state is read
        for name in names:
            shown = merged(shown, await self.hot.recall(name))
        return with_just_shown(profile, visitor, merged(shown, self.underway.of(names)))

    def showing(
        self, visitor: str, profile: Profile | None, choices: Iterable[Choice], time: float
    ) -> AbstractContextManager[None]:
        """Around a page or an answer that counts towards caps, from its decision on."""
        keys = [f"{choice.slot}/{choice.experience}" for choice in choices if choice.experience is not None]
        return self.underway.showing((visitor, *_others(visitor, profile)), keys, time)

    async def remember_shown(self, visitor: str, profile: Profile | None, keys: Sequence[str], time: float) -> None:
        """Tell every worker at once that these ("slot/experience") were shown, at the time of the log's own event."""
        for name in (visitor, *_others(visitor, profile)) if keys else ():
            await self.hot.remember(name, keys, time)

    def listed(self, visitor: str | None) -> frozenset[str]:
        """The segments whose lists of members, kept elsewhere, have this visitor under any of their ids."""
        if visitor is None or not self.lists:
            return _NOT_LISTED
        return self.lists.of(self.profiles.ids(visitor))

    async def events_of(self, visitor: str) -> list[Event]:
        """Every event of one person, by any of their ids, with what was recorded just now. Raises StoreError."""
        await self.log.flush()
        return await self.profiles.events(visitor)

    async def erase(self, tombstone: Event) -> bool:
        """Begin the profile of this "Visitor Erased" event's person anew, under each id that is theirs now, on every
        worker and in every replay, and remove the lines before it where the store can. False (and said) where the lines
        stay. Of a browser that was signed out since, only what was the person's goes: what came after is another's.
        Raises StoreError where it is not known who that is, or it could not be written down: then nothing is gone."""
        person = await self.profiles.people.of(tombstone.visitor)
        await self.write(list(tombstones(tombstone, person.members)))
        try:
            await self.profiles.people.settle()
            await self.profiles.forget([person.name, tombstone.visitor, *person.live])
            if not hasattr(self.store, "forget"):
                return False
            for member in person.members:
                await self._forget_part(cast(ForgettingStore, self.store), member)
        except StoreError as error:
            self.observer.failed("erase", error)
            return False
        return True

    async def _forget_part(self, store: ForgettingStore, member: Member) -> None:
        """Its lines, also those that were told late; but none that are of who sat there before, told since."""
        after, upto = member.after, None if member.upto == math.inf else int(member.upto)
        if member.begins != -math.inf or upto is not None:  # somebody signed out there
            for event in await self.store.of_visitor(member.id):
                if member.holds(event) and upto is not None and event.seq > upto:
                    await store.forget(member.id, event.seq - 1, event.seq)
                elif is_unsure(event) or member.holds(event):
                    continue
                elif after < event.seq and (upto is None or event.seq <= upto):
                    await store.forget(member.id, after, event.seq - 1)
                    after = event.seq
        await store.forget(member.id, after, upto)

    def follow(self, products: Catalogue) -> None:
        """Take over a changed catalogue, in place, so that every fold sees it."""
        if products != self.products:
            self.products.clear()
            self.products.update(products)

    async def close(self) -> None:
        starting, self._starting = self._starting, None
        await self.lists.close()
        await self.learning.close()
        await end(self._trimming, self._saving, self._acting, self._promoting)
        self._trimming = self._saving = self._acting = self._promoting = None
        await self.log.close()
        if starting is not None and starting.get_loop() is asyncio.get_running_loop():
            await asyncio.wait((starting,))
        await self.hot.close()
