"""Events to folds, where most folds want few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..model import Event
from ..protocols import Fold, Observer

_Taker = tuple[str, Callable[[Event], None]]  # a fold's name, and what it takes an event by


class Takers:
    """Which of these folds, each with its name and in their order, an event is for: those that name its own among what
    they `heed`, and those that name nothing and get all."""

    def __init__(self, folds: Iterable[tuple[str, Fold]], observer: Observer) -> None:
        told = [(name, fold.apply, getattr(fold, "heeds", None)) for name, fold in folds]
        events = {event for _, _, heeds in told if heeds is not None for event in heeds}
        self._observer: Final = observer
        self._rest: Final[tuple[_Taker, ...]] = tuple((name, apply) for name, apply, heeds in told if heeds is None)
        self._by_name: Final[dict[str, tuple[_Taker, ...]]] = {
            event: tuple((name, apply) for name, apply, heeds in told if heeds is None or event in heeds)
            for event in events
        }

    def give(self, event: Event) -> None:
        """Give it to those whom it is for. A fold that fails is told of."""
        for name, apply in self._by_name.get(event.name, self._rest):
            try:
                apply(event)
            except Exception as error:  # one fold's bug must not keep events from the others
                self._observer.failed(f"fold {name}", error)
