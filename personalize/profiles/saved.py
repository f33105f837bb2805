"""Profiles of those who did much, written down in the store, so that their load need not read all they ever did.

Rule 1  It is only a shorter way to what the log says: it is made of the person's events up to its `version`, of the
        same timelines, by the same fold, and after lines last left the log. Else it is passed over.
Rule 2  Nothing waits for it to be written.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import zlib
from collections.abc import Coroutine, Iterable
from dataclasses import asdict, fields
from typing import Any, Final, cast

from ..errors import StoreError
from ..model import ERASED, EXPIRED, OPERATOR, Draw, Profile, Provenance
from ..protocols import KeepingStore, Store
from .fold import FORM
from .ids import LONGEST
from .people import Person
from .purchases import from_rows

GROUP: Final = "profiles"
LEAST: Final = 200  # events that are worth it
_FIELDS: Final = [FORM, *(field.name for field in fields(Profile))]


class Saved:
    """For one store; with one that keeps no values nothing is written down."""

    def __init__(self, store: Store) -> None:
        self._log = store
        self._store = cast(KeepingStore, store) if hasattr(store, "keep") else None
        self._writing: set[asyncio.Task[None]] = set()

    async def of(self, person: Person, epoch: int) -> Profile | None:
        """What was written down of the person after `epoch`, if it still holds. Raises StoreError."""
        if self._store is None or len(person.name) > LONGEST:
            return None
        key = person.name
        _, kept = await self._store.kept(GROUP, (key,))
        if key not in kept:
            return None
        try:
            made_by, members, told = json.loads(zlib.decompress(kept[key]))
            if made_by != _FIELDS or members != _members(person) or told["version"] <= epoch:
                return None
            return _profile(told)
        except (AttributeError, LookupError, TypeError, ValueError, zlib.error):  # damaged: the log has it all
            return None

    def put(self, person: Person, profile: Profile) -> None:
        """Write it down, some time soon."""
        if self._store is None or len(person.name) > LONGEST:
            return
        text = json.dumps([_FIELDS, _members(person), _told(profile)], separators=(",", ":"))
        self._begin(self._put(person, profile.version, zlib.compress(text.encode(), 1)))

    def clear(self) -> None:
        """Remove everything that was written down, some time soon."""
        if self._store is not None:
            self._begin(self._clear())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _clear(self) -> None:
        assert self._store is not None
        try:
            await self._store.keep(GROUP, 0, 0, {}, alone=True)
        except StoreError:  # it is passed over by its version; the next walk clears it
            pass

    async def _put(self, person: Person, version: int, value: bytes) -> None:
        assert self._store is not None
        key = person.name
        try:
            await self._store.keep(GROUP, 0, 0, {key: value})
            for id_ in (*person.ids, OPERATOR):  # whoever removes what is here does so after these are in the log
                since = await self._log.of_visitor(id_, version)
                if any(event.name in (ERASED, EXPIRED) for event in since):
                    await self._store.keep(GROUP, 0, 0, {key: None})
        except StoreError:  # the next load reads more; of a store that fails others tell
            pass

    async def forget(self, names: Iterable[str]) -> None:
        """Remove what was written down of these persons. Raises StoreError."""
        if self._writing:
            await asyncio.wait(self._writing)
        if self._store is not None:
            await self._store.keep(GROUP, 0, 0, dict.fromkeys(name for name in names if len(name) <= LONGEST))


def _members(person: Person) -> list[list[Any]]:
    return [[m.id, m.after, None if m.upto == math.inf else m.upto] for m in person.members]


def _told(profile: Profile) -> dict[str, Any]:
    told = {field.name: getattr(profile, field.name) for field in fields(profile)}
    for who in ("provenance", "removed"):
        told[who] = {name: asdict(provenance) for name, provenance in told[who].items()}
    told["draws"] = {id_: {k: asdict(d) for k, d in draws.items()} for id_, draws in profile.draws.items()}
    return told


def _profile(told: dict[str, Any]) -> Profile:
    """JSON has no tuples; and texts are shared between profiles."""
    text = sys.intern
    told["views"] = [(time, text(item), text(path)) for time, item, path in told["views"]]
    told["cart"] = {text(item): (quantity, price) for item, (quantity, price) in told["cart"].items()}
    told["orders"] = [(time, revenue, tuple(map(text, items))) for time, revenue, items in told["orders"]]
    told["earlier_visits"] = tuple((begin, end) for begin, end in told["earlier_visits"])
    told |= from_rows(told)
    told["erased"] = {id_: [(seq, time, past) for seq, time, past in kept] for id_, kept in told["erased"].items()}
    for who in ("provenance", "removed"):
        told[who] = {name: Provenance(**provenance) for name, provenance in told[who].items()}
    told["draws"] = {id_: {text(k): Draw(**d) for k, d in draws.items()} for id_, draws in told["draws"].items()}
    for mapping in ("exposures", "happened", "remembered"):
        told[mapping] = {text(key): value for key, value in told[mapping].items()}
    for mapping in ("assignments", "before"):
        told[mapping] = {
            id_: {text(key): text(variant) for key, variant in kept.items()} for id_, kept in told[mapping].items()
        }
    return Profile(**told)
