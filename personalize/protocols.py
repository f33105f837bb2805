"""The interfaces between floors, and the doors for plugins. Built-in parts come through the same doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from .model import Ask, Event, Fragment, Refund, Sale

Line = tuple[int, str, str, float, str, str]  # of the log: seq, id, name, time, visitor, properties as JSON


class Observer(Protocol):
    """What operators see. Calls never raise and never block."""

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter, such as "events.dropped"."""

    def changed(self, part: str, state: str, detail: str = "") -> None:
        """Say once that a part changed state, such as ("source cms", "open", "5 failures")."""

    def failed(self, where: str, error: BaseException) -> None:
        """An error that was caught at one of the places that stand in for the visitor."""


class Source(Protocol):
    """Where a slot's content comes from. `key` names exactly what the content depends on, and the function
    that makes the content receives nothing else, so that one visitor's content cannot reach another."""

    def key(self, ask: Ask) -> Hashable:
        """Everything the content depends on, as a tuple of plain values."""

    def ready(self, key: Hashable) -> Fragment | None:
        """The content if it can be made at once from memory, else None. Must not block."""

    async def fetch(self, key: Hashable) -> Fragment:
        """Make the content. Raises ContentError; called outside the request, never cancelled."""

    async def close(self) -> None:
        """Give back what is held (connections)."""


class Fold(Protocol):
    """State that is a pure function of the log's events, in order. One that most events do not change may name those
    that it needs, as `heeds: frozenset[str]`, and is given no others."""

    def apply(self, event: Event) -> None:
        """Take one stored event (its `seq` is set). The same event is never given twice."""


class SavedFold(Fold, Protocol):
    """A fold whose state can be written down and taken up again, so that it need not begin with the first event."""

    form: int
    """Another number means that what was saved can't be loaded, or that the same events now teach something else."""

    def save(self) -> Iterator[Any]:
        """The state in pieces that JSON can say, each about a millisecond's work. No event is applied meanwhile."""

    def load(self, pieces: Iterator[Any]) -> Iterator[None]:
        """Begin anew with what `save` gave; with nothing, as a new fold. Yields after each piece, and the state
        changes after the last. Raises LookupError, TypeError or ValueError for what `save` did not give."""


class Recommender(Fold, Protocol):
    """A recommendation engine that learns event by event."""

    def recommend(
        self,
        strategy: str,
        limit: int,
        *,
        items: Sequence[str] = (),
        weights: Sequence[float] = (),
        now: float = 0.0,
        exclude: frozenset[str] = frozenset(),
    ) -> list[str]:
        """At most `limit` product ids, best first; `items` are what the visitor saw or has, newest last, and `weights`,
        where given, say how much each of them counts."""


class Store(Protocol):
    """The event log. All methods are called on the event loop and must not block it."""

    async def open(self) -> None:
        """Make ready, migrating if need be. Raises StoreError."""

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        """Store the events whose id was not seen yet, in one transaction. Returns how many were new, and the seq of
        the last of them: the new ones have the seqs before it without a gap, in their order."""

    async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
        """Events with seq > after, in order, at most `limit`."""

    async def lines(self, after: int = 0, limit: int = 1000) -> list[Line]:
        """The same as plain columns, for readers of a whole log who need few of its events: seq, id, name, time,
        visitor, and the properties as the text of a JSON object."""

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events of one visitor with seq > after, in order, at most `limit` (None: all)."""

    async def last(self) -> int:
        """The highest seq, 0 for an empty log."""

    async def close(self) -> None:
        """Finish what was accepted and give back what is held."""


class ForgettingStore(Protocol):
    """What a Store can do besides, so that erased visitors leave no lines in the log."""

    async def forget(self, visitor: str, after: int = 0, upto: int | None = None) -> int:
        """Remove everything that the visitor's events with after < seq <= upto (None: all after it) say, but for each
        "Visitor Erased", and return how many were removed. Their seqs are not given again, and where the store
        can tell, their ids are not taken again."""


class TrimmingStore(Protocol):
    """What a Store can do besides, so that events are kept only as long as the config's `retention` says."""

    async def trim(self, after: int, upto: int, before: Mapping[str, float]) -> int:
        """Of the events with after < seq <= upto, remove those whose name is in `before` and whose time is earlier than
        what stands there. Returns how many. Their seqs are not given again. Raises StoreError."""


class KeepingStore(Protocol):
    """What a Store can do besides, so that folds need not begin with the whole log: it keeps values beside the log, in
    groups. A group stands at a number that only its own writers understand, mostly the seq of the last event that its
    values know. Keys have at most 500 characters."""

    async def kept(self, group: str, keys: Sequence[str] | None = None) -> tuple[int, dict[str, bytes]]:
        """Where the group stands (0 at first), and the values that it has of `keys` (None: all), both as they were at
        one moment. Raises StoreError."""

    async def keep(
        self, group: str, before: int, upto: int, values: Mapping[str, bytes | None], *, alone: bool = False
    ) -> bool:
        """In one transaction: where the group stands at `before`, put the values (None removes one; with `alone` all
        others go, too) and let it stand at `upto`. False, and nothing changed, where it stands elsewhere: somebody else
        was faster. Raises StoreError."""


class HotState(Protocol):
    """What visitors were shown in the last minutes, known to every worker at once. It bridges the moment that the log's
    tail needs, so that a cap counts what another worker has just shown. Losing it loses no event."""

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        """Each of `keys` ("slot/experience") was shown at `time` (Unix seconds). Raises StoreError."""

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        """Key -> the times it was shown, sorted, exactly as they were remembered; each once, at least those of the last
        ten minutes, or the last 100 showings. Raises StoreError."""

    async def close(self) -> None:
        """Give back what is held."""


class SegmentLookup(Protocol):
    """Membership that lives elsewhere (a CRM, a warehouse)."""

    def members(self, segment: str) -> AsyncIterator[str]:
        """The ids in a segment, as an async generator gives them: a browser's own, "u:42" or "42" for a user, an e-mail
        address, "loyalty:12". May raise; the list then stays as it was."""


class Returns(Protocol):
    """How orders, and what came back of them, are read: by one set of rules for all who count money."""

    def sale_of(self, event: Event) -> Sale:
        """What an "Order Completed" says was sold."""

    def refund_of(self, event: Event) -> Refund:
        """What an "Order Refunded" or "Order Cancelled" says came back."""

    def kept(self, sales: Sequence[Sale], refunds: Iterable[Refund]) -> list[float]:
        """Which share of its money each order kept, in the order given; 0 also where all of it came back."""
