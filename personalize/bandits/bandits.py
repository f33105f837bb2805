"""All bandits of a config, as one fold over the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..model import ERASED, Event
from .ledger import Ledger
from .trials import UNDOING

# An event -> the ids that it says are one person's, and the id that it takes out of its person; nothing, for most.
Links = Callable[[Event], tuple[tuple[str, ...], str]]


class Bandits:
    """Fits protocols.SavedFold. `seq` is the last event's; `ledgers` are by their experiments' keys."""

    form = 3

    def __init__(self, links: Links) -> None:
        self.seq = 0
        self.ledgers: dict[str, Ledger] = {}
        self._links = links
        self._rewarding: dict[str, list[Ledger]] = {}
        self._texts: list[str] = []  # what every exposure of one of them has in its JSON

    def apply(self, event: Event) -> None:
        """Take one stored event."""
        self.seq = event.seq
        if not self.ledgers:
            return
        if event.name == ERASED:
            for ledger in self.ledgers.values():
                ledger.forget(event.visitor, event.time)
            return
        ids, apart = self._links(event)
        for ledger in self.ledgers.values() if ids or apart else ():
            if ids:
                ledger.link(ids, event.time)
            ledger.part(apart)
        if not event.counted:
            return
        for seen in event.exposures:
            if (exposed := self.ledgers.get(str(seen.get("experiment")))) is not None:
                exposed.expose(event, seen)
        for ledger in self._rewarding.get(event.name, ()):
            ledger.reward(event)

    def may_heed(self, name: str, properties: str) -> bool:
        """Whether a line, its properties still JSON, may be more to `apply` than an event that is passed over; what
        links ids aside, which whoever gave `links` can tell."""
        return name == ERASED or name in self._rewarding or any(text in properties for text in self._texts)

    def take(self, ledgers: Mapping[str, Ledger]) -> None:
        """From now on these are the bandits."""
        self.ledgers = dict(ledgers)
        self._texts = [json.dumps(key)[1:-1] for key in ledgers]
        self._rewarding = {}
        for ledger in ledgers.values():
            event = ledger.spec.event
            for name in (event, *(undoing for undoing, undone in UNDOING.items() if undone == event)):
                self._rewarding.setdefault(name, []).append(ledger)

    def save(self) -> Iterator[Any]:
        """Each piece with the bandit's key and all its settings."""
        yield self.seq
        for key, ledger in list(self.ledgers.items()):
            for piece in ledger.save():
                yield [key, repr(ledger.spec), piece]

    def load(self, pieces: Iterator[Any]) -> Iterator[None]:
        """See protocols.SavedFold. A bandit whose settings are not those that were saved is left out: what it would
        know can be told from the log only."""
        seq = next(pieces, 0)
        known: dict[str, Ledger] = {}
        for key, spec, piece in pieces:
            here = self.ledgers.get(key)
            if here is not None and repr(here.spec) == spec:
                known.setdefault(key, Ledger(here.spec, here.returns)).take(piece)
            yield
        self.take(known if seq else {key: Ledger(of.spec, of.returns) for key, of in self.ledgers.items()})
        self.seq = int(seq)
