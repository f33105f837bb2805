"""Events to folds, where most folds want few of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ..model import Event
from ..protocols import Fold

Taker = tuple[str, Callable[[Event], None]]  # a fold's name, and what it takes an event by


class Takers:
    """Which of these folds, in their order, an event is for: those that name its own among what they `heed`, and those
    that name nothing and get all."""

    def __init__(self, folds: Mapping[str, Fold]) -> None:
        heeded = {name: getattr(fold, "heeds", None) for name, fold in folds.items()}
        self._rest: Final[tuple[Taker, ...]] = tuple(
            (name, fold.apply) for name, fold in folds.items() if heeded[name] is None
        )
        events = {event for names in heeded.values() if names is not None for event in names}
        self._by_name: Final[dict[str, tuple[Taker, ...]]] = {
            event: tuple(
                (name, fold.apply) for name, fold in folds.items() if (of := heeded[name]) is None or event in of
            )
            for event in events
        }

    def of(self, name: str) -> tuple[Taker, ...]:
        """By the event's name."""
        return self._by_name.get(name, self._rest)
