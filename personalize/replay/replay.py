"""Recorded page views decided again, under the config as it is and under a proposed one.

The two are compared with each other and not with what was recorded: so what the log does not hold is missing on both
sides. How often the present config comes to what was recorded is told beside it, as a measure of how far to trust.

Rule 1  A view is decided by what was known before it, of the person that its visitor is by then known to be.
Rule 2  What both configs say alike is decided once: facts that mean the same, and whole slots.
Rule 3  Several processes may share a log: each takes the people that are its own by their names, and reads of the other
        lines those that tell who is whom, or that bandits learn from; so that together they count what one would.
Rule 4  Where the proposed config shows something else, that is what its caps count from then on, and not what the
        log says was shown. Who was recorded in a variant stays in it; and with who turns out to be somebody else, what
        the log says is begun with again.
Rule 5  What operators paused, promoted and took back holds for both configs, from its line in the log on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zlib import crc32

from ..bandits import specs_of
from ..decision import Case
from ..decision.memo import Memo
from ..engine import Engine, Route
from ..events import exposure_of
from ..history.learning import Replayed as ReplayedBandits
from ..model import (
    DEMOTED,
    ERASED,
    OPERATOR,
    PAUSED,
    PROMOTED,
    PURPOSES,
    RESUMED,
    Consent,
    Event,
    Plan,
    Profile,
    Request,
    Visitor,
)
from ..model import Shown as Exposures
from ..profiles import Identity, Member, apply_before, apply_event, before_sign_out, behaviour_holds, bury, first_party
from ..profiles.ids import may_mention
from ..protocols import Line, Store
from ..stores.rows import event_of_line
from .copying import copied
from .replayed import Change, Replayed
from .sameness import Sameness

_ALL: Final = Consent(frozenset(PURPOSES))
_NO_ANALYTICS: Final = Consent(_ALL.granted - {"analytics_storage"})
_GPC: Final = Consent(_ALL.granted, gpc=True)
_KNOWN: Final = frozenset({"path", "params", "time", "consent"})  # of a request's facts, what the log holds
_PATHS: Final = 8_192
_OUTCOMES: Final = 16_384
_SWITCHING: Final = frozenset({PAUSED, RESUMED, PROMOTED, DEMOTED})
_LISTS: Final = 64  # of exposures beside one outcome

Shown = tuple[str | None, str | None, bool]  # experience, variant, held out


@dataclass(frozen=True, slots=True)
class Pair:
    """One set of slots under both configs: `old` decides all that is there now, `new` only the slots that it may decide
    in another way, and the others are the `same`. `slots` are those of both; `members_alike` says that the segments
    that `new` asks for are among those of `old`, and mean the same."""

    old: Route | None
    new: Route | None
    same: frozenset[str]
    slots: tuple[str, ...]
    members_alike: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One path under both configs; `facts_alike` says that facts of the one request hold for the other."""

    pair: Pair
    old: Request | None
    new: Request | None
    facts_alike: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What a view's recorded exposures come to, beside an outcome: how many are of slots that were decided again, how
    many of those came out the same, and what the proposed config would have recorded, where it counts."""

    exposures: Sequence[Mapping[str, Any]]
    again: int
    same: int
    instead: Exposures | None


@dataclass(slots=True)
class Outcome:
    """What a view comes to under both configs. It holds the plans' choices, so that their identities stay theirs."""

    plans: tuple[Any, Any]
    shown: Mapping[str, Shown]  # by slot, under the config as it is
    counts: tuple[tuple[str, str, str], ...]  # of every slot: what it shows, and would
    changes: tuple[tuple[str, str, str], ...]  # of these, where it is not the same
    counted: tuple[str, ...]  # slots whose caps and bandits have to know of the change
    seen: dict[int, Seen] = field(default_factory=dict)  # by the identity of what was recorded


class Replay:
    """Feed it the whole log, in order; views from `since` (Unix seconds) on are decided.

    With `of` processes, it counts the views of the people that fall to `number`.
    """

    def __init__(self, old: Engine, new: Engine, since: float, store: Store, number: int = 0, of: int = 1) -> None:
        self.old = old
        self.new = new
        self.store = store
        self._number, self._of = number, of
        self._bandits: list[ReplayedBandits] = []
        self._learn()
        self._sameness = Sameness(old, new)
        slots = tuple(dict.fromkeys((*old.config.slots, *new.config.slots)))
        lists = bool(old.history.lists or new.history.lists)
        self.told = Replayed(since, slots, bandits=bool(self._bandits), lists=lists)
        self.told.unknown_entries.update(self._sameness.newly_remembered)
        self._profiles: dict[str, Profile] = {}
        self._apart: dict[str, Profile] = {}  # Rule 4: people who would be known otherwise
        self._identity = Identity()
        self._pages: Memo[str, Page | None] = Memo(_PATHS)
        self._pairs: dict[tuple[tuple[str, ...], tuple[str, ...]], Pair] = {}
        self._outcomes: Memo[tuple[int, int, int], Outcome] = Memo(_OUTCOMES)

    def _learn(self) -> None:
        for engine in (self.old, self.new):
            specs = specs_of(engine.config)
            known = next((bandits for bandits in self._bandits if bandits.specs == specs), None)
            if specs and known is None:
                known = ReplayedBandits(specs)
                self._bandits.append(known)
            engine.history.learning.allocations = known or {}

    async def take(self, lines: Sequence[Line]) -> None:
        """The next lines of the log."""
        identity, profiles, since = self._identity, self._profiles, self.told.since
        alone, products, learning = self._of == 1, self.old.history.products, self._bandits
        for line in lines:
            seq, _, name, time, visitor, text = line
            if visitor == OPERATOR and name in _SWITCHING:
                self._switch(event_of_line(line))
                continue
            # What is told late may be of who sat there before a sign-out.
            person = identity.person_of(event_of_line(line)) if identity.is_cut(visitor) else identity.person(visitor)
            ours = alone or self._is_ours(person)
            mentions = may_mention(name, text)
            if not (ours or mentions or (learning and any(bandits.may_heed(name, text) for bandits in learning))):
                continue
            event, instead = event_of_line(line), None
            if ours and name == "Page Viewed" and time >= since:
                instead = self._decide(event, person, profiles.get(person))
            for bandits in learning:
                bandits.apply(event)
            if mentions and (changed := identity.apply(event)):
                for other in changed:
                    profiles.pop(other, None)
                    self._apart.pop(other, None)
                    if self._is_ours(other):
                        await self._begin_anew(other, seq)
                person = identity.person_of(event)
                if person in changed:
                    continue  # its profile was made anew, of all that is its own up to this line
                ours = self._is_ours(person)
            if ours:
                profile = profiles.get(person)
                if profile is None:
                    profile = profiles[person] = Profile(person)
                if name == ERASED:
                    self._apart.pop(person, None)
                    await self._begin_anew(person, seq)
                elif seq > profile.version:
                    members = identity.members(person) if profile.erased else ()
                    apply_event(profile, event, products, members)
                    if self._apart and (apart := self._apart.get(person)) is not None:
                        if instead is not None:
                            event = replace(event, properties={**event.properties, "shown": instead})
                        apply_event(apart, event, products, members)
                        apart.assignments = {**profile.assignments}
                        apart.draws = {**apart.draws, **profile.draws}

    def _switch(self, event: Event) -> None:
        """Rule 5."""
        for engine in (self.old, self.new):
            for held in (engine.history.pauses, engine.history.promotions):
                held.apply(event)
            engine.switch()
        # All of these hold what was decided by the old routes, or know it by its identity.
        self._pages.clear()
        self._pairs.clear()
        self._outcomes.clear()

    def _is_ours(self, person: str) -> bool:
        """Rule 3."""
        return self._of == 1 or crc32(person.encode("utf-8", "replace")) % self._of == self._number

    async def _begin_anew(self, person: str, seq: int) -> None:
        """Ids were joined, parted or erased: the person's profile is made of other events than before."""
        profile = self._profiles[person] = Profile(person)
        members = self._identity.members(person)
        for event in await self._events(before_sign_out(members), seq):
            apply_before(profile, event)
        events = await self._events(members, seq)
        for event in events:
            if event.name == ERASED:
                bury(profile, event)
        for event in events:
            apply_event(profile, event, self.old.history.products, members)

    async def _events(self, members: Sequence[Member], upto: int) -> list[Event]:
        of_all = [(m, await self.store.of_visitor(m.id)) for m in members]
        found = {e.seq: e for m, events in of_all for e in events if e.seq <= upto and m.holds(e)}
        return [found[seq] for seq in sorted(found)]

    # --- one view --------------------------------------------------------------------------------------

    def _decide(self, event: Event, person: str, profile: Profile | None) -> Exposures | None:
        """Count one view. What is returned is what the proposed config would have recorded as shown, where that
        counts."""
        path = event.properties.get("path")
        if not isinstance(path, str):
            self.told.without_path += 1
            return None
        try:
            page = self._pages[path]
        except KeyError:
            page = self._pages.keep(path, self._page(path))
        if page is None:
            return None
        pair = page.pair
        gpc = event.properties.get("gpc") is True
        apart = self._apart.get(person, profile) if self._apart else profile
        if gpc and profile is not None and apart is not None:
            profile, apart = first_party(profile), first_party(apart)
        visitor = Visitor(event.visitor, _GPC if gpc else _ALL if event.counted else _NO_ANALYTICS)
        known: dict[str, Any] = {}
        before = after = _NOTHING
        if pair.old is not None and page.old is not None:
            before = self._plan(self.old, pair.old, page.old, visitor, profile, event.time, known)
        if pair.new is not None and page.new is not None:
            if not page.facts_alike:
                known = {}
            elif not pair.members_alike:
                known.pop("segments", None)
            after = self._plan(self.new, pair.new, page.new, visitor, apart, event.time, known)
        key = (id(pair), id(before.choices), id(after.choices))
        outcome = self._outcomes.get(key) or self._outcomes.keep(key, self._outcome(pair, before, after))
        seen = self._seen(outcome, event.exposures, after)
        self._count(event, path, outcome, seen)
        if seen.instead is not None and person not in self._apart:
            self._apart[person] = Profile(person) if profile is None else copied(self._profiles[person])
        return seen.instead

    def _page(self, path: str) -> Page | None:
        """None where neither config has a slot."""
        one, other = self.old.match(path), self.new.match(path)
        old, new = (match.route if match is not None else None for match in (one, other))
        if old is None and new is None:
            return None
        requests = [
            Request("GET", path, b"", "https", {}, match.params) if match is not None else None
            for match in (one, other)
        ]
        alike = one is not None and other is not None and one.params == other.params and self._sameness.of_facts
        return Page(self._pair(old, new), requests[0], requests[1], alike)

    def _pair(self, old: Route | None, new: Route | None) -> Pair:
        slots = (old.slots if old is not None else (), new.slots if new is not None else ())
        known = self._pairs.get(slots)
        if known is None:
            same = self._sameness.of_slots(*slots)
            left = tuple(slot for slot in slots[1] if slot not in same)
            deciding = self.new.route_by(self.new.deciding, left) if left else None
            asked = deciding.segments if deciding is not None else frozenset()
            known = self._pairs[slots] = Pair(
                old=old,
                new=deciding,
                same=same,
                slots=tuple(dict.fromkeys((*slots[0], *slots[1]))),
                members_alike=asked <= (old.segments if old is not None else frozenset())
                and self._sameness.of_segments(asked),
            )
            for route in (known.old, known.new):
                facts = route.request_facts if route is not None else ()
                self.told.unknown.update(name for name, _ in facts if name not in _KNOWN)
        return known

    def _plan(
        self,
        engine: Engine,
        route: Route,
        request: Request,
        visitor: Visitor,
        profile: Profile | None,
        now: float,
        known: dict[str, Any],
    ) -> Plan:
        """What a config shows. `known` are facts that were worked out already; what is new is added."""
        for name, read in route.request_facts:
            if name not in known:
                known[name] = read(request, now, visitor)
        for name, of_profile in route.profile_facts:
            if name not in known:
                known[name] = of_profile(profile, now)
        for behaviour in route.behaviours:
            if behaviour.key not in known:
                known[behaviour.key] = behaviour_holds(behaviour, profile, now, engine.history.products)
        if route.segments and "segments" not in known:
            remembered = profile.remembered if profile is not None else {}
            listed = engine.history.listed(visitor.id)
            known["segments"] = engine.segments.memberships(route.segments, known, remembered, now, listed)
        return route.decider.decide(Case(known, visitor, profile, now, engine.history.learning.allocations))

    # --- what came of it -------------------------------------------------------------------------------

    def _outcome(self, pair: Pair, before: Plan, after: Plan) -> Outcome:
        shown = {choice.slot: (choice.experience, choice.variant, choice.held) for choice in before.choices}
        would = {slot: shown[slot] for slot in shown if slot in pair.same}
        would |= {choice.slot: (choice.experience, choice.variant, choice.held) for choice in after.choices}
        counts = tuple(
            (
                slot,
                name_of(shown[slot]) if slot in shown else "no such slot",
                name_of(would[slot]) if slot in would else "no such slot",
            )
            for slot in pair.slots
        )
        changes = tuple(count for count in counts if count[1] != count[2])
        counted = tuple(slot for slot, _, _ in changes if slot in self._sameness.counting)
        return Outcome((before.choices, after.choices), shown, counts, changes, counted)

    def _seen(self, outcome: Outcome, exposures: Sequence[Mapping[str, Any]], after: Plan) -> Seen:
        """Worked out once for a list that many views share."""
        known = outcome.seen.get(id(exposures))
        if known is not None and known.exposures is exposures and not after.draws:
            return known
        pairs = [
            (now, (seen.get("experience"), seen.get("variant"), seen.get("held") is True))
            for seen in exposures
            if (now := outcome.shown.get(str(seen.get("slot")))) is not None
        ]
        instead = None
        if outcome.counted:  # Rule 4
            instead = Exposures(dict(seen) for seen in exposures if seen.get("slot") not in outcome.counted)
            instead += [
                exposure_of(choice, "inline", after.draws.get(choice.experiment or ""))
                for choice in after.choices
                if choice.slot in outcome.counted and choice.experience is not None
            ]
        if len(outcome.seen) >= _LISTS:
            outcome.seen.clear()
        made = outcome.seen[id(exposures)] = Seen(exposures, len(pairs), sum(a == b for a, b in pairs), instead)
        return made

    def _count(self, event: Event, path: str, outcome: Outcome, seen: Seen) -> None:
        told, visitor = self.told, event.visitor
        told.views += 1
        told.visitors.add(visitor)
        told.recorded += seen.again
        told.agreed += seen.same
        counts = told.counts
        for key in outcome.counts:
            counts[key] += 1
        if outcome.changes:
            for key in outcome.changes:
                change = told.changes.get(key)
                if change is None:
                    change = told.changes[key] = Change(*key)
                change.note(event.seq, event.time, visitor, path)
            told.changed_views += 1
            told.changed_visitors.add(visitor)


_NOTHING: Final = Plan(())


def name_of(shown: Shown) -> str:
    """ "winter", "winter/red", "default"; a held-out visitor's with " (held out)"."""
    experience, variant, held = shown
    name = "default" if experience is None else f"{experience}/{variant}" if variant else experience
    return f"{name} (held out)" if held else name
