"""Recorded page views decided again, under the config as it is and under a proposed one.

The two are compared with each other and not with what was recorded: so what the log does not hold is missing on both
sides. How often the present config comes to what was recorded is told beside it, as a measure of how far to trust.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .bandits import specs_of
from .engine import Engine, Route
from .learning import Replayed
from .model import PURPOSES, Choice, Consent, Event, Profile, Request, Visitor
from .profiles import Identity, apply_event, first_party
from .protocols import Store
from .routes import Match

_EXAMPLES: Final = 3  # of each kind of change
_ALL: Final = Consent(frozenset(PURPOSES))
_NO_ANALYTICS: Final = Consent(_ALL.granted - {"analytics_storage"})
_GPC: Final = Consent(_ALL.granted, gpc=True)
_KNOWN: Final = frozenset({"path", "params", "time", "consent"})  # of a request's facts, what the log holds

Shown = tuple[str | None, str | None, bool]  # experience, variant, held out


@dataclass(frozen=True, slots=True)
class Example:
    """One view that would change."""

    time: float
    visitor: str
    path: str


@dataclass(slots=True)
class Change:
    """Views of one slot that would show `after` in place of `before`."""

    slot: str
    before: str
    after: str
    views: int = 0
    visitors: set[str] = field(default_factory=set)
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class Replay:
    """Feed it the whole log, in order; views from `since` (Unix seconds) on are decided."""

    old: Engine
    new: Engine
    since: float
    store: Store
    views: int = 0  # decided
    visitors: set[str] = field(default_factory=set)
    changed_views: int = 0
    changed_visitors: set[str] = field(default_factory=set)
    changes: dict[tuple[str, str, str], Change] = field(default_factory=dict)
    shown: dict[str, Counter[str]] = field(default_factory=dict)  # slot -> what was shown, before
    would: dict[str, Counter[str]] = field(default_factory=dict)  # slot -> what would be
    recorded: int = 0  # slots of which the log says what they showed
    agreed: int = 0  # of these, as the present config decides again
    unknown: set[str] = field(default_factory=set)  # facts that rules ask for and the log does not hold
    _profiles: dict[str, Profile] = field(default_factory=dict)
    _identity: Identity = field(default_factory=Identity)
    _alike: dict[tuple[str, ...], bool] = field(default_factory=dict)  # slots -> whether both configs say the same
    _bandits: list[Replayed] = field(default_factory=list)

    def __post_init__(self) -> None:
        for engine in (self.old, self.new):
            specs = specs_of(engine.config)
            known = next((bandits for bandits in self._bandits if bandits.specs == specs), None)
            if specs and known is None:
                known = Replayed(specs)
                self._bandits.append(known)
            engine.history.learning.allocations = known or {}

    async def take(self, events: Iterable[Event]) -> None:
        """The next events of the log. A view is decided by what was known before it."""
        for event in events:
            if event.time >= self.since and event.name == "Page Viewed":
                self._decide(event)
            for bandits in self._bandits:
                bandits.apply(event)
            for person in self._identity.apply(event):
                await self._begin_anew(person, event.seq)
            person = self._identity.person(event.visitor)
            profile = self._profiles.get(person)
            if profile is None:
                profile = self._profiles[person] = Profile(person)
            if event.seq > profile.version:
                apply_event(profile, event, self.old.history.products)

    async def _begin_anew(self, person: str, seq: int) -> None:
        """Ids were joined or parted: the person's profile is made of other events than before."""
        profile = self._profiles[person] = Profile(person)
        members = self._identity.members(person)
        events = [e for m in members for e in await self.store.of_visitor(m.id) if m.after < e.seq <= min(m.upto, seq)]
        for event in sorted(events, key=lambda event: event.seq):
            apply_event(profile, event, self.old.history.products)

    def _decide(self, event: Event) -> None:
        path = event.properties.get("path")
        if not isinstance(path, str):
            return
        matches = self.old.match(path), self.new.match(path)
        if all(match is None or match.route is None for match in matches):
            return
        profile = self._profiles.get(self._identity.person(event.visitor))
        before = self._plan(self.old, matches[0], event, path, profile)
        after = before if self._same(matches) else self._plan(self.new, matches[1], event, path, profile)
        self.views += 1
        self.visitors.add(event.visitor)
        self._compare_with_log(event, before)
        if before == after:
            for slot, was in before.items():
                self._count(slot, name_of(was), name_of(was))
            return
        self.changed_views += 1
        self.changed_visitors.add(event.visitor)
        for slot in {**before, **after}:
            old, new = (name_of(plan[slot]) if slot in plan else "no such slot" for plan in (before, after))
            self._count(slot, old, new)
            if old != new:
                self._note(slot, old, new, event, path)

    def _same(self, matches: tuple[Match[Route] | None, Match[Route] | None]) -> bool:
        """Whether the configs say the same of all that this page's plan is made of: then one decision is enough."""
        one, other = (match.route if match is not None else None for match in matches)
        if one is None or other is None or one.slots != other.slots:
            return False
        if one.slots not in self._alike:
            old, new = self.old.config, self.new.config
            whole = ("segments", "goals", "holdout", "timezone", "parts")
            same = all(getattr(old, key) == getattr(new, key) for key in whole) and old.products == new.products
            tests = [
                e.experiment for name in one.slots for e in old.slots[name].experiences if e.experiment is not None
            ]
            self._alike[one.slots] = (
                same
                and not any(test.requires for test in tests)
                and all(old.slots[name] == new.slots[name] for name in one.slots)
            )
        return self._alike[one.slots]

    def _plan(
        self, engine: Engine, match: Match[Route] | None, event: Event, path: str, profile: Profile | None
    ) -> dict[str, Shown]:
        if match is None or match.route is None:
            return {}
        gpc = event.properties.get("gpc") is True
        consent = _GPC if gpc else _ALL if event.counted else _NO_ANALYTICS
        request = Request("GET", path, b"", "https", {}, match.params)
        if profile is not None and gpc:
            profile = first_party(profile)
        visitor = Visitor(event.visitor, consent)
        for name, _ in match.route.request_facts:
            if name not in _KNOWN:
                self.unknown.add(name)
        plan = engine.decide(match.route, request, visitor, profile, event.time).plan
        return {choice.slot: _shown(choice) for choice in plan.choices}

    def _compare_with_log(self, event: Event, before: Mapping[str, Shown]) -> None:
        for seen in event.exposures:
            slot = str(seen.get("slot"))
            if slot in before:
                self.recorded += 1
                self.agreed += before[slot] == (seen.get("experience"), seen.get("variant"), seen.get("held") is True)

    def _count(self, slot: str, before: str, after: str) -> None:
        self.shown.setdefault(slot, Counter())[before] += 1
        self.would.setdefault(slot, Counter())[after] += 1

    def _note(self, slot: str, before: str, after: str, event: Event, path: str) -> None:
        key = (slot, before, after)
        change = self.changes.get(key)
        if change is None:
            change = self.changes[key] = Change(slot, before, after)
        change.views += 1
        change.visitors.add(event.visitor)
        if len(change.examples) < _EXAMPLES:
            change.examples.append(Example(event.time, event.visitor, path))

    # --- what came of it -----------------------------------------------------------------------------

    def notes(self) -> list[str]:
        """What the reader has to know about the figures."""
        told = ["decided without pauses, and from what the log says of each visitor up to the view"]
        if self._bandits:
            told.append("bandits draw by the shares of each batch, worked out again from the log")
        if self.unknown:
            names = ", ".join(sorted(self.unknown))
            told.append(f"the log does not hold {names}: rules that ask for it were decided as if nothing was told")
        if self.recorded:
            share = 100 * self.agreed / self.recorded
            told.append(f"the present config, decided again, agrees with {share:.1f} % of what was recorded as shown")
        if self.old.history.lists or self.new.history.lists:
            told.append("lists of members are taken as they are now")
        return told

    def as_json(self) -> dict[str, Any]:
        """Plain values, ready for json.dumps; the largest changes first."""
        return {
            "since": self.since,
            "views": self.views,
            "visitors": len(self.visitors),
            "changed_views": self.changed_views,
            "changed_visitors": len(self.changed_visitors),
            "recorded": self.recorded,
            "agreed": self.agreed,
            "unknown_facts": sorted(self.unknown),
            "notes": self.notes(),
            "changes": [
                {
                    "slot": change.slot,
                    "before": change.before,
                    "after": change.after,
                    "views": change.views,
                    "visitors": len(change.visitors),
                    "examples": [{"time": e.time, "visitor": e.visitor, "path": e.path} for e in change.examples],
                }
                for change in self.largest()
            ],
            "experiences": [
                {"slot": slot, "shows": name, "before": self.shown[slot][name], "after": self.would[slot][name]}
                for slot in self.shown
                for name in sorted(self.shown[slot] | self.would[slot])
            ],
        }

    def largest(self) -> list[Change]:
        return sorted(self.changes.values(), key=lambda change: (-change.views, change.slot, change.before))


def _shown(choice: Choice) -> Shown:
    return choice.experience, choice.variant, choice.held


def name_of(shown: Shown) -> str:
    """ "winter", "winter/red", "default"; a held-out visitor's with " (held out)"."""
    experience, variant, held = shown
    name = "default" if experience is None else f"{experience}/{variant}" if variant else experience
    return f"{name} (held out)" if held else name
