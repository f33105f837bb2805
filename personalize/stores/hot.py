"""Hot state: what visitors were shown in the last minutes. In memory; and guarded, for a page that must not wait.

`open_hot_state` turns the config's `hot:` (or, without one, its `store:`) into a HotState. See protocols.HotState for
what it is for.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ..config.storage import POSTGRES, REDIS, is_plugin
from ..errors import StoreError
from ..packed import Packed
from ..patience import within
from ..protocols import HotState, Observer
from .company import Company
from .plugged import plugged

KEPT_FOR: Final = 600.0  # seconds; the log's tail needs a quarter of one, a failing log is tried again for 30
MOST: Final = 100  # (key, time) pairs of one visitor
_ROOM: Final = 16 * 1024 * 1024  # bytes: some 60,000 visitors
_PATIENCE: Final = 0.05  # seconds that a page waits
_STARTING: Final = 1.0


class MemoryHotState:
    """For one process: those who were shown something last, in `room` bytes."""

    def __init__(self, room: int = _ROOM) -> None:
        self._shown = Packed(room)  # visitor -> (time, key) pairs, sorted

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        pairs: list[tuple[float, str]] = self._shown.get(visitor) or []
        pairs += {(time, str(key)) for key in keys}.difference(pairs)
        pairs.sort()
        if pairs:
            self._shown.put(visitor, pairs[-MOST:])

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        return by_key(self._shown.get(visitor) or ())

    async def close(self) -> None:
        """What was remembered stays until the object goes."""


class Guarded:
    """A shared hot state that a page can ask: it never raises, and answers within `patience` seconds. What this process
    showed is remembered here too, and is what counts while the shared one fails; that is said once. Who asks for nobody
    (""), as a process does that starts, is no page, and waits as long as connecting takes. While there is no `company`
    to share with, nothing is."""

    def __init__(
        self,
        shared: HotState,
        observer: Observer | None = None,
        *,
        patience: float = _PATIENCE,
        company: Company | None = None,
    ) -> None:
        self._shared = shared
        self._company = company
        self._own = MemoryHotState()
        self._observer = observer
        self.patience = patience
        self._failing: set[str] = set()  # reading, or writing: that one works says nothing of the other

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        await self._own.remember(visitor, keys, time)
        if self._company is not None and self._company.is_alone():
            self._well("hot state, writing")  # what failed is needed by nobody
            return
        try:
            async with within(self.patience):
                await self._shared.remember(visitor, keys, time)
        except (StoreError, TimeoutError) as error:
            self._failed("hot state, writing", error)
        else:
            self._well("hot state, writing")

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        own = await self._own.recall(visitor)
        if self._company is not None and self._company.is_alone():
            self._well("hot state")
            return own
        try:
            async with within(self.patience if visitor else max(self.patience, _STARTING)):
                shared = await self._shared.recall(visitor)
        except (StoreError, TimeoutError) as error:
            self._failed("hot state", error)
            return own
        self._well("hot state")
        return merged(own, shared)

    async def close(self) -> None:
        if self._company is not None:
            self._company.leave()
        await self._shared.close()

    def _failed(self, what: str, error: Exception) -> None:
        if self._observer is not None:
            self._observer.count("hot.failed")
            if what not in self._failing:
                why = str(error) or f"no answer within {self.patience * 1000:g} ms"
                self._observer.changed(what, "failing", why)
        self._failing.add(what)

    def _well(self, what: str) -> None:
        if what in self._failing and self._observer is not None:
            self._observer.changed(what, "ok")
        self._failing.discard(what)


def beside(store: str) -> str:
    """The hot state of a log that has none named: in the same place, so that who shares the one shares the other."""
    if is_plugin(store):
        return "sqlite"
    if not store.startswith("sqlite:"):
        return store
    path, suffix = posixpath.splitext(store)
    return f"{path}-hot{suffix}"


def open_hot_state(url: str, base: Path, observer: Observer | None = None) -> HotState:
    """The hot state that `url` names: "memory", "sqlite" (`.personalize/hot.db` under `base`), "sqlite:///path",
    "postgresql://user@host/database", "redis://host:6379/0" (also rediss, valkey, unix; `?prefix=` begins its keys), or
    "package.module:Name", which is made with the config's folder and fits protocols.HotState. Nothing is opened yet.
    Raises ValueError, with a message for the config's author, for anything else."""
    scheme, _, rest = url.partition("://")
    if is_plugin(url):
        made: HotState = plugged(url, base, ("remember", "recall", "close"))
        return Guarded(made, observer)
    if url == "memory":
        return MemoryHotState()
    if scheme == "sqlite" and (url == "sqlite" or rest.strip("/")):
        from .hot_sqlite import SqliteHotState

        path = base / ".personalize" / "hot.db" if url == "sqlite" else base / rest[1:]
        return Guarded(SqliteHotState(path), observer, company=Company(path.with_name(f"{path.name}.workers")))
    if scheme in POSTGRES and rest:
        from .hot_postgres import PostgresHotState

        return Guarded(PostgresHotState(url), observer)
    if scheme in REDIS and rest:
        from .redis import RedisHotState

        return Guarded(RedisHotState(url), observer)
    known = "memory, sqlite, sqlite:///path, postgresql://user@host/database or redis://host:6379/0"
    raise ValueError(f'"{scheme}" names no hot state; use {known}')


def by_key(pairs: Sequence[tuple[float, str]]) -> dict[str, list[float]]:
    """Key -> times, of (time, key) pairs that are sorted."""
    found: dict[str, list[float]] = {}
    for time, key in pairs:
        found.setdefault(key, []).append(time)
    return found


def merged(one: Mapping[str, Sequence[float]], other: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The times of both, each once: what both saw is one showing, for its time is the same to the bit."""
    return {key: sorted({*one.get(key, ()), *other.get(key, ())}) for key in one.keys() | other.keys()}
