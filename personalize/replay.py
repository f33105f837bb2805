"""Recorded page views decided again, under the config as it is and under a proposed one.

The two are compared with each other and not with what was recorded: so what the log does not hold is missing on both
sides. How often the present config comes to what was recorded is told beside it, as a measure of how far to trust.

Rule 1  A view is decided by what was known before it, of the person that its visitor is by then known to be.
Rule 2  What both configs say alike is decided once: facts that mean the same, and whole slots.
Rule 3  Several processes may share a log: each takes the people that are its own by their names, and knows who is whom
        from the whole log, so that together they count what one would.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from .bandits import specs_of
from .decision import Case
from .engine import Engine, Route
from .learning import Replayed as ReplayedBandits
from .model import PURPOSES, Choice, Consent, Event, Profile, Request, Visitor
from .profiles import Identity, Member, apply_before, apply_event, before_sign_out, behaviour_holds, first_party
from .protocols import Store
from .replayed import Change, Example, Replayed

_ALL: Final = Consent(frozenset(PURPOSES))
_NO_ANALYTICS: Final = Consent(_ALL.granted - {"analytics_storage"})
_GPC: Final = Consent(_ALL.granted, gpc=True)
_KNOWN: Final = frozenset({"path", "params", "time", "consent"})  # of a request's facts, what the log holds
_MOST_NAMES: Final = 100_000

Shown = tuple[str | None, str | None, bool]  # experience, variant, held out


@dataclass(frozen=True, slots=True)
class Pair:
    """One page under both configs: `old` decides all that is there now, `new` only the slots that it may decide in
    another way, and the others are the `same`. `slots` are those of both; `members_alike` says that the segments that
    `new` asks for are among those of `old`, and mean the same."""

    old: Route | None
    new: Route | None
    same: tuple[str, ...]
    slots: tuple[str, ...]
    members_alike: bool


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
        slots = tuple(dict.fromkeys((*old.config.slots, *new.config.slots)))
        lists = bool(old.history.lists or new.history.lists)
        self.told = Replayed(since, slots, bandits=bool(self._bandits), lists=lists)
        self._profiles: dict[str, Profile] = {}
        self._identity = Identity()
        self._alike = _alike(old, new)
        self._facts_alike = _facts_alike(old, new)
        self._pairs: dict[tuple[tuple[str, ...], tuple[str, ...]], Pair] = {}
        self._names: dict[int, tuple[Choice, Shown, str]] = {}  # by a choice's identity

    def _learn(self) -> None:
        for engine in (self.old, self.new):
            specs = specs_of(engine.config)
            known = next((bandits for bandits in self._bandits if bandits.specs == specs), None)
            if specs and known is None:
                known = ReplayedBandits(specs)
                self._bandits.append(known)
            engine.history.learning.allocations = known or {}

    async def take(self, events: Sequence[Event]) -> None:
        """The next events of the log."""
        identity, profiles, since = self._identity, self._profiles, self.told.since
        for event in events:
            person = identity.person(event.visitor)
            if event.name == "Page Viewed" and event.time >= since and self._is_ours(person):
                self._decide(event, profiles.get(person))
            for bandits in self._bandits:
                bandits.apply(event)
            if changed := identity.apply(event):
                for other in changed:
                    profiles.pop(other, None)
                    if self._is_ours(other):
                        await self._begin_anew(other, event.seq)
                person = identity.person(event.visitor)
            if self._is_ours(person):
                profile = profiles.get(person)
                if profile is None:
                    profile = profiles[person] = Profile(person)
                if event.seq > profile.version:
                    apply_event(profile, event, self.old.history.products)

    def _is_ours(self, person: str) -> bool:
        """Rule 3."""
        return self._of == 1 or crc32(person.encode("utf-8", "replace")) % self._of == self._number

    async def _begin_anew(self, person: str, seq: int) -> None:
        """Ids were joined or parted: the person's profile is made of other events than before."""
        profile = self._profiles[person] = Profile(person)
        members = self._identity.members(person)
        for event in await self._events(before_sign_out(members), seq):
            apply_before(profile, event)
        for event in await self._events(members, seq):
            apply_event(profile, event, self.old.history.products)

    async def _events(self, members: Sequence[Member], upto: int) -> list[Event]:
        of_all = [(m, await self.store.of_visitor(m.id)) for m in members]
        found = [e for m, events in of_all for e in events if m.after < e.seq <= min(m.upto, upto)]
        return sorted(found, key=lambda event: event.seq)

    # --- one view --------------------------------------------------------------------------------------

    def _decide(self, event: Event, profile: Profile | None) -> None:
        path = event.properties.get("path")
        if not isinstance(path, str):
            return
        one, other = self.old.match(path), self.new.match(path)
        old, new = (match.route if match is not None else None for match in (one, other))
        if old is None and new is None:
            return
        pair = self._pair(old, new)
        gpc = event.properties.get("gpc") is True
        if profile is not None and gpc:
            profile = first_party(profile)
        visitor = Visitor(event.visitor, _GPC if gpc else _ALL if event.counted else _NO_ANALYTICS)
        known: dict[str, Any] = {}
        before: dict[str, Choice] = {}
        if pair.old is not None and one is not None:
            request = Request("GET", path, b"", "https", {}, one.params)
            before = self._choices(self.old, pair.old, request, visitor, profile, event.time, known)
        after = {slot: before[slot] for slot in pair.same}
        if pair.new is not None and other is not None:
            request = Request("GET", path, b"", "https", {}, other.params)
            if one is None or one.params != other.params or not self._facts_alike:
                known = {}
            elif not pair.members_alike:
                known.pop("segments", None)
            after |= self._choices(self.new, pair.new, request, visitor, profile, event.time, known)
        self._compare(event, path, pair, before, after)

    def _pair(self, old: Route | None, new: Route | None) -> Pair:
        slots = (old.slots if old is not None else (), new.slots if new is not None else ())
        known = self._pairs.get(slots)
        if known is None:
            same = tuple(slot for slot in slots[0] if slot in slots[1] and slot in self._alike)
            left = tuple(slot for slot in slots[1] if slot not in same)
            deciding = self.new.route_by(self.new.config, left) if left else None
            asked = deciding.segments if deciding is not None else frozenset()
            known = self._pairs[slots] = Pair(
                old=old,
                new=deciding,
                same=same,
                slots=tuple(dict.fromkeys((*slots[0], *slots[1]))),
                members_alike=self.old.config.segments == self.new.config.segments
                and asked <= (old.segments if old is not None else frozenset()),
            )
            for route in (known.old, known.new):
                facts = route.request_facts if route is not None else ()
                self.told.unknown.update(name for name, _ in facts if name not in _KNOWN)
        return known

    def _choices(
        self,
        engine: Engine,
        route: Route,
        request: Request,
        visitor: Visitor,
        profile: Profile | None,
        now: float,
        known: dict[str, Any],
    ) -> dict[str, Choice]:
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
        plan = route.decider.decide(Case(known, visitor, profile, now, engine.history.learning.allocations))
        return {choice.slot: choice for choice in plan.choices}

    def _compare(
        self, event: Event, path: str, pair: Pair, before: Mapping[str, Choice], after: Mapping[str, Choice]
    ) -> None:
        told = self.told
        told.views += 1
        told.visitors.add(event.visitor)
        for seen in event.exposures:
            choice = before.get(str(seen.get("slot")))
            if choice is not None:
                told.recorded += 1
                shown = seen.get("experience"), seen.get("variant"), seen.get("held") is True
                told.agreed += self._named(choice)[1] == shown
        changed = False
        for slot in pair.slots:
            was = self._named(before[slot])[2] if slot in before else "no such slot"
            would = self._named(after[slot])[2] if slot in after else "no such slot"
            told.counts[slot, was, would] += 1
            if was != would:
                changed = True
                key = (slot, was, would)
                change = told.changes.get(key)
                if change is None:
                    change = told.changes[key] = Change(*key)
                change.note(Example(event.seq, event.time, event.visitor, path))
        if changed:
            told.changed_views += 1
            told.changed_visitors.add(event.visitor)

    def _named(self, choice: Choice) -> tuple[Choice, Shown, str]:
        """What a choice shows, and its name. Held with the choice, so that its identity is not given again."""
        known = self._names.get(id(choice))
        if known is None:
            shown = choice.experience, choice.variant, choice.held
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            known = self._names[id(choice)] = choice, shown, name_of(shown)
        return known


def name_of(shown: Shown) -> str:
    """ "winter", "winter/red", "default"; a held-out visitor's with " (held out)"."""
    experience, variant, held = shown
    name = "default" if experience is None else f"{experience}/{variant}" if variant else experience
    return f"{name} (held out)" if held else name


# --- what two configs say alike ----------------------------------------------------------------------------


def _facts_alike(old: Engine, new: Engine) -> bool:
    """Whether a fact means the same to both."""
    one, other = old.config, new.config
    return one.site == other.site and one.timezone == other.timezone and old.history.products == new.history.products


def _alike(old: Engine, new: Engine) -> Collection[str]:
    """The slots that both decide in the same way, whatever the facts."""
    one, other = old.config, new.config
    whole = ("segments", "goals", "holdout", "parts")
    if not _facts_alike(old, new) or any(getattr(one, key) != getattr(other, key) for key in whole):
        return frozenset()
    return frozenset(
        name
        for name, slot in one.slots.items()
        if other.slots.get(name) == slot
        and not any(e.experiment is not None and e.experiment.requires for e in slot.experiences)
    )
