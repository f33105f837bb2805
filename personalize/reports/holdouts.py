"""What personalization adds: held-out visitors against those who saw it, for each goal, counted as experiments are.

A holdout is an experiment with two arms. Its exposures are written down in the same way for both, so each page view
becomes one that says in which arm of which holdout its visitor is, and `Effects` counts these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ..model import Event
from .effects import Tested

if TYPE_CHECKING:
    from ..config.models import Config, Goal

EVERYTHING: Final = "all personalization"
_PART, _HELD, _SHOWN = "holdout", "held out", "shown"


@dataclass(frozen=True, slots=True)
class Holdouts:
    """The holdouts of a config: names "slot/experience" -> percent; `percent` is that of everything, None without
    one. `held_from_all` tells of a visitor's id whether that one has it."""

    single: Mapping[str, float]
    percent: float | None
    held_from_all: Callable[[str], bool]

    def tested(self, config: Config) -> Iterator[list[Tested]]:
        """Each goal's comparisons; where there is no goal, those that only count visitors."""
        names = ([] if self.percent is None else [(EVERYTHING, self.percent)]) + list(self.single.items())
        goals: Mapping[str, Goal | None] = config.goals or {"": None}
        for goal_name, goal in goals.items():
            yield [
                Tested(name, {_PART: (_HELD, _SHOWN)}, {_PART: (held / 100, 1 - held / 100)}, goal_name, goal)
                for name, held in names
                if 0 < held < 100
            ]

    def arms(self, event: Event) -> Event:
        """The same event; a page view with the arms of its visitor in place of what it showed."""
        exposures = event.exposures
        if not exposures:
            return event
        told = {**event.properties, "shown": self._arms(event, exposures)}
        return replace(event, name="Page Viewed", properties=told)

    def _arms(self, event: Event, exposures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        told: dict[str, bool] = {}
        from_all = False
        for shown in exposures:
            name = f"{shown.get('slot')}/{shown.get('experience')}"
            held = shown.get("held") is True
            # Of somebody who is held out of all, an experience's own holdout says nothing.
            if held and (name not in self.single or (self.percent is not None and self.held_from_all(event.visitor))):
                from_all = True
            elif name in self.single:
                told[name] = held
        if self.percent is not None:
            told[EVERYTHING] = from_all
        return [
            {"experiment": name, "levels": {_PART: _HELD if held else _SHOWN}, "held": False}
            for name, held in told.items()
        ]


def holdouts_in(config: Config, held_from_all: Callable[[str], bool]) -> Holdouts:
    """The holdouts that a config names."""
    single = {
        f"{name}/{experience.id}": experience.holdout.percent
        for name, slot in config.slots.items()
        for experience in slot.experiences
        if experience.holdout is not None
    }
    return Holdouts(single, None if config.holdout is None else config.holdout.percent, held_from_all)
