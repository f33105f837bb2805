"""Who belongs to which segment, now: by condition, or because it held not long ago."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .conditions import Behaviour, SegmentRules
from .model import Step

if TYPE_CHECKING:
    from .config.models import Config

ENTERED_EVERY = 3_600.0  # seconds between two "Segment Entered" events of one visitor and segment


class Segments:
    """A config's segments. Pure: what is known of the visitor and the time come as arguments.

    A segment with `remember_for` goes on holding for that long after its condition last held. That moment is
    `remembered[name]` (Unix seconds), a fold over "Segment Entered" events; `entered` says which to record."""

    def __init__(self, config: Config) -> None:
        self._rules = SegmentRules(config.segments)
        self._remember_for = {n: s.remember_for for n, s in config.segments.items() if s.remember_for is not None}
        self._listed = frozenset(n for n, s in config.segments.items() if s.members is not None)
        self._orders: dict[frozenset[str], tuple[str, ...]] = {}

    @property
    def remembering(self) -> frozenset[str]:
        """The segments with `remember_for`: those `entered` has to be asked about on every page."""
        return frozenset(self._remember_for)

    def needed(self, names: Iterable[str]) -> frozenset[str]:
        """The names, and every segment they are made of."""
        return frozenset(self._rules.order(names))

    def reads(self, names: Iterable[str]) -> frozenset[str]:
        """Facts (first words) and behaviours (keys) that memberships in `names` depend on, beside remembered ones."""
        return self._rules.reads(names)

    def behaviours(self, names: Iterable[str]) -> Mapping[str, Behaviour]:
        """The behaviours among them, by key."""
        return self._rules.behaviours(names)

    def memberships(
        self,
        names: Iterable[str],
        facts: Mapping[str, Any],
        remembered: Mapping[str, float],
        now: float,
        listed: frozenset[str] = frozenset(),
    ) -> frozenset[str]:
        """Which of `names`, and of the segments they are made of, the visitor is in; `listed` are the segments whose
        list of members has the visitor."""
        return frozenset(self._evaluate(names, facts, remembered, now, listed)[0])

    def entered(
        self,
        names: Iterable[str],
        facts: Mapping[str, Any],
        remembered: Mapping[str, float],
        now: float,
        listed: frozenset[str] = frozenset(),
    ) -> tuple[str, ...]:
        """Which of `names` want a "Segment Entered" event: they have remember_for, their condition holds now, and the
        last such event is an hour old or there is none."""
        wanted = [
            n for n in names if n in self._remember_for and now - remembered.get(n, float("-inf")) >= ENTERED_EVERY
        ]
        if not wanted:
            return ()
        held = self._evaluate(wanted, facts, remembered, now, listed)[1]
        return tuple(name for name in wanted if name in held)

    def explain(self, name: str, facts: Mapping[str, Any]) -> Step:
        """Why the visitor is in the segment or not; memberships as in facts["segments"]."""
        return self._rules.explain(name, facts)

    def _evaluate(
        self,
        names: Iterable[str],
        facts: Mapping[str, Any],
        remembered: Mapping[str, float],
        now: float,
        listed: frozenset[str],
    ) -> tuple[set[str], set[str]]:
        """Members, and those of them whose condition holds now."""
        key = names if isinstance(names, frozenset) else frozenset(names)
        if (order := self._orders.get(key)) is None:
            order = self._orders[key] = self._rules.order(sorted(key))
        members: set[str] = set()
        holding: set[str] = set()
        seen = {**facts, "segments": members}  # grows as inner segments are settled, before the outer ones
        for name in order:
            if (name in listed or name not in self._listed) and self._rules.test(name)(seen):
                holding.add(name)
                members.add(name)
            elif (
                (keep := self._remember_for.get(name)) and (at := remembered.get(name)) is not None and now - at < keep
            ):
                members.add(name)
        return members, holding
