"""What was made lately: bounded by bytes, least recently used goes first, times on a monotonic clock.

An entry is fresh, then stale while it is made again (RFC 5861, stale-while-revalidate), then stale only if that
fails (stale-if-error), then kept as "last good" until its room is needed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from zlib import crc32

from ..model import Fragment

V = TypeVar("V")
Age = Literal["fresh", "revalidate", "if_error", "last_good"]
_PER_ENTRY = 300  # bytes that the dictionary, the tuple and the entry's own objects cost, roughly
_JITTER = 0.1  # lifetimes lie between 90 % and 100 % of what was asked, so that keys made together do not end together


def weigh(value: object) -> int:
    """About how many bytes a plain value holds: text and bytes by length, containers by their parts."""
    total = 0
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str | bytes):
            total += 50 + len(item)
        elif isinstance(item, Mapping):
            total += 100
            todo.extend(item.keys())
            todo.extend(item.values())
        elif isinstance(item, tuple | list | set | frozenset):
            total += 60 + 8 * len(item)
            todo.extend(item)
        else:
            total += 32
    return total


class Bounded(Generic[V]):
    """A mapping that holds at most `limit` bytes, by the sizes it is told; the least recently used goes first."""

    __slots__ = ("_entries", "_limit", "size")

    def __init__(self, limit: int) -> None:
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._limit = limit
        self.size = 0

    def get(self, key: Hashable) -> V | None:
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Keep `value` (about `size` bytes with its key); what is larger than an eighth of the room is not kept."""
        self.drop(key)
        size += _PER_ENTRY
        if size > self._limit // 8:
            return
        self._entries[key] = (value, size)
        self.size += size
        while self.size > self._limit:
            self.size -= self._entries.popitem(last=False)[1][1]

    def items(self) -> list[tuple[Hashable, V, int]]:
        """Keys, values and the sizes they were put with, the least recently used first."""
        return [(key, value, size - _PER_ENTRY) for key, (value, size) in self._entries.items()]

    def drop(self, key: Hashable) -> None:
        if (old := self._entries.pop(key, None)) is not None:
            self.size -= old[1]

    def __len__(self) -> int:
        return len(self._entries)


@dataclass(frozen=True, slots=True)
class Entry:
    """One fragment and the moments (monotonic seconds) at which it turns."""

    fragment: Fragment
    fresh_until: float
    revalidate_until: float
    if_error_until: float

    def age(self, now: float) -> Age:
        if now < self.fresh_until:
            return "fresh"
        if now < self.revalidate_until:
            return "revalidate"
        return "if_error" if now < self.if_error_until else "last_good"


class Cache:
    """Fragments by (source name, that source's key). The key is a tuple and is compared as one: parts are never
    joined to text, so ("ab", "c") and ("a", "bc") are two."""

    __slots__ = ("_entries",)

    def __init__(self, limit: int = 32 * 1024 * 1024) -> None:
        self._entries: Bounded[Entry] = Bounded(limit)

    def get(self, source: str, key: Hashable) -> Entry | None:
        return self._entries.get((source, key))

    def put(
        self,
        source: str,
        key: Hashable,
        fragment: Fragment,
        now: float,
        *,
        fresh: float,
        revalidate: float,
        if_error: float,
    ) -> None:
        """Keep a fragment for `fresh` seconds (less a share that depends on the key alone), then the two stale times,
        both counted from the end of `fresh`."""
        ends = now + fresh * (1 - _JITTER * jitter((source, key)))
        entry = Entry(fragment, ends, ends + revalidate, ends + if_error)
        self._entries.put((source, key), entry, weigh(key) + weigh(fragment.html or "") + weigh(fragment.values))

    def take(self, older: Cache, source: str) -> None:
        """Take over another cache's entries of one source, in their order."""
        for key, entry, size in older._entries.items():
            if isinstance(key, tuple) and key[0] == source:
                self._entries.put(key, entry, size)

    @property
    def size(self) -> int:
        """Bytes held, about."""
        return self._entries.size


def jitter(key: Any) -> float:
    """A share in [0, 1) that depends on the key alone."""
    return crc32(repr(key).encode("utf-8", "surrogatepass")) / 2**32
