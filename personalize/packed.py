"""A table of small values by key in bounded memory, which the garbage collector need not look into.

Rule 1  Values are kept as bytes. A pass of Python's collector visits every container there is while the event loop
        waits, so a hundred thousand tuples would cost each pass milliseconds; texts and bytes cost none.
Rule 2  Above `room` bytes those not put for the longest are forgotten, some at once: the front of a dict is searched
        anew each time, past all that was taken out of it before.
Rule 3  What is forgotten depends on the values alone, in the order in which they were put: so a fold that keeps one
        comes to the same table again.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator
from typing import Any, Final

_PLACE: Final = 170  # bytes of an entry besides its value: measured, for a key of 32 letters
_FORM: Final = 2  # of marshal, without references: equal values are equal bytes, however they came to be
_AT_ONCE: Final = 128  # this part of the room is freed beyond what is too much


class Packed:
    """Keys are texts; values are made of None, booleans, numbers, texts, bytes, tuples, lists, dicts and sets. What is
    taken out is a copy. `forgotten` hears of what goes for want of room."""

    def __init__(self, room: int, forgotten: Callable[[str, Any], None] | None = None) -> None:
        self.room = room
        self._forgotten = forgotten
        self.size = 0  # bytes, about
        self._values: dict[str, bytes] = {}  # neither keys nor values are containers, and so neither is the dict

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> Any:
        """The value; None where there is none."""
        value = self._values.get(key)
        return None if value is None else marshal.loads(value)

    def pop(self, key: str) -> Any:
        """Take a value out; None where there was none."""
        value = self._values.pop(key, None)
        if value is None:
            return None
        self.size -= len(value) + _PLACE
        return marshal.loads(value)

    def put(self, key: str, value: Any) -> None:
        """Set a value and make it the newest. Raises ValueError for one that is made of something else."""
        packed = marshal.dumps(value, _FORM)
        before = self._values.pop(key, None)
        self._values[key] = packed
        self.size += len(packed) + _PLACE if before is None else len(packed) - len(before)
        if self.size > self.room:
            self.trim()

    def discard(self, key: str) -> None:
        """Forget a key, if it is there."""
        before = self._values.pop(key, None)
        if before is not None:
            self.size -= len(before) + _PLACE

    def items(self) -> Iterator[tuple[str, Any]]:
        """Keys and values, the longest not put first."""
        return ((key, marshal.loads(value)) for key, value in self._values.items())

    def trim(self) -> None:
        """Rule 2, also after `room` was made smaller."""
        if self.size <= self.room:
            return
        left, goal = self.size, self.room - self.room // _AT_ONCE
        gone: list[str] = []
        for key, value in self._values.items():
            if left <= goal:
                break
            left -= len(value) + _PLACE
            gone.append(key)
        self.size = left
        for key in gone:
            value = self._values.pop(key)
            if self._forgotten is not None:
                self._forgotten(key, marshal.loads(value))
