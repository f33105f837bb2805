"""What a replay came to: views that would change, per slot and experience, and how far to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

_EXAMPLES: Final = 3  # of each kind of change


@dataclass(frozen=True, slots=True, order=True)
class Example:
    """One view that would change; `seq` is its place in the log."""

    seq: int
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
    examples: list[Example] = field(default_factory=list)  # the first in the log

    def note(self, seq: int, time: float, visitor: str, path: str) -> None:
        self.views += 1
        self.visitors.add(visitor)
        if len(self.examples) < _EXAMPLES:
            self.examples.append(Example(seq, time, visitor, path))

    def add(self, other: Change) -> None:
        self.views += other.views
        self.visitors |= other.visitors
        self.examples = sorted([*self.examples, *other.examples])[:_EXAMPLES]


@dataclass(slots=True)
class Replayed:
    """Everything that was counted. `slots` are the slots of both configs, in their order."""

    since: float  # Unix seconds
    slots: tuple[str, ...]
    views: int = 0  # decided
    visitors: set[str] = field(default_factory=set)
    changed_views: int = 0
    changed_visitors: set[str] = field(default_factory=set)
    changes: dict[tuple[str, str, str], Change] = field(default_factory=dict)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # slot, shown before, would be shown
    recorded: int = 0  # slots of which the log says what they showed
    agreed: int = 0  # of these, as the present config decides again
    without_path: int = 0  # page views that can't be decided
    unknown: set[str] = field(default_factory=set)  # facts that rules ask for and the log does not hold
    unknown_entries: set[str] = field(default_factory=set)  # segments of whose entries the log does not know
    bandits: bool = False
    lists: bool = False

    def add(self, other: Replayed) -> None:
        """Take over what another process counted of other people."""
        self.views += other.views
        self.visitors |= other.visitors
        self.changed_views += other.changed_views
        self.changed_visitors |= other.changed_visitors
        for key, change in other.changes.items():
            self.changes.setdefault(key, Change(*key)).add(change)
        self.counts.update(other.counts)
        self.recorded += other.recorded
        self.agreed += other.agreed
        self.without_path += other.without_path
        self.unknown |= other.unknown
        self.unknown_entries |= other.unknown_entries

    def rows(self) -> list[tuple[str, str, int, int]]:
        """Slot, what it shows, how many views show it now, and how many would; in the configs' order."""
        before, after = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for (slot, was, would), views in self.counts.items():
            before[slot, was] += views
            after[slot, would] += views
        place = {slot: n for n, slot in enumerate(self.slots)}
        keys = sorted(before.keys() | after.keys(), key=lambda key: (place[key[0]], key[1]))
        return [(*key, before[key], after[key]) for key in keys]

    def largest(self) -> list[Change]:
        return sorted(self.changes.values(), key=lambda c: (-c.views, c.slot, c.before, c.after))

    def notes(self) -> list[str]:
        """What the reader has to know about the figures."""
        if not self.views and not self.without_path:
            return ["the log has no page views in that time, so nothing was compared"]
        told = ["decided from what the log says of each visitor, of pauses and of promotions up to the view"]
        if self.bandits:
            told.append("bandits draw by the shares of each batch, worked out again from the log")
        if self.unknown:
            names = ", ".join(sorted(self.unknown))
            told.append(f"the log does not hold {names}: rules that ask for it were decided as if nothing was told")
        if self.recorded:
            share = 100 * self.agreed / self.recorded
            told.append(f"the present config, decided again, agrees with {share:.1f} % of what was recorded as shown")
        if self.unknown_entries:
            names = ", ".join(sorted(self.unknown_entries))
            told.append(f"the log does not hold who entered {names}, which only the proposed config remembers so")
        if self.without_path:
            told.append(f"{self.without_path:,} page views without a path were left out")
        if self.lists:
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
            "without_path": self.without_path,
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
                {"slot": slot, "shows": name, "before": before, "after": after}
                for slot, name, before, after in self.rows()
            ],
        }


def merged(parts: Iterable[Replayed]) -> Replayed:
    """What several processes counted, each of other people, as if one had counted it all."""
    first, *others = parts
    for other in others:
        first.add(other)
    return first
