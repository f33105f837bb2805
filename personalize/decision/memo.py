"""A bounded memory of answers; when it is full, the oldest go."""

from __future__ import annotations

from itertools import islice
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_AT_ONCE: Final = 64  # this part goes: the front of a dict is searched anew each time, past all that has gone before


class Memo(dict[K, V], Generic[K, V]):
    """A dict that keeps at most `limit` entries when filled with `keep`."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def keep(self, key: K, value: V) -> V:
        if len(self) >= self._limit:
            for old in list(islice(self, 1 + self._limit // _AT_ONCE)):
                del self[old]
        self[key] = value
        return value
