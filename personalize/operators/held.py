"""What operators did and have not taken back, as a fold over the log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from ..model import OPERATOR, Event

T = TypeVar("T")


class Held(ABC, Generic[T]):
    """What holds now, by target. `changed` is called with each line that changed it."""

    done: ClassVar[str]  # the event that makes something hold
    undone: ClassVar[str]  # the one that ends it

    def __init__(self) -> None:
        self.heeds = frozenset({self.done, self.undone})  # see protocols.Fold
        self.held: Mapping[str, T] = {}
        self.ended: frozenset[str] = frozenset()  # targets that were taken back at some time
        self.changed: Callable[[Event], None] | None = None
        self._seq = 0

    def recall(self, events: Sequence[Event]) -> None:
        """Take what operators did before, and tell of the last of it only."""
        taken = [event for event in events if self._take(event)]
        if taken and self.changed is not None:
            self.changed(taken[-1])

    def apply(self, event: Event) -> None:
        """Take one stored event; one that is known already changes nothing."""
        if self._take(event) and self.changed is not None:
            self.changed(event)

    def _take(self, event: Event) -> bool:
        if event.visitor != OPERATOR or event.name not in (self.done, self.undone) or event.seq <= self._seq:
            return False
        self._seq = event.seq
        target = said(event, "target")
        held = {name: each for name, each in self.held.items() if name != target}
        if event.name == self.done:
            held[target] = self._made(target, event)
        else:
            self.ended |= {target}
        self.held = held
        return True

    @abstractmethod
    def _made(self, target: str, event: Event) -> T:
        """What holds from this line on."""


def said(event: Event, word: str) -> str:
    """One word of an operator's line; "" where it was not said."""
    return str(event.properties.get(word, ""))
