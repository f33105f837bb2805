"""A bounded memory of answers; when it is full, the oldest goes."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V], Generic[K, V]):
    """A dict that keeps at most `limit` entries when filled with `keep`."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def keep(self, key: K, value: V) -> V:
        if len(self) >= self._limit:
            self.pop(next(iter(self)), None)
        self[key] = value
        return value
