"""What this process stored and its folds do not know yet: so it need not be read back from the log.

Rule 1  An event is given out only as the next one of the log: by its seq, which the store told when it took it.
Rule 2  To forget is always right, and costs a read: so it holds at most `most` events, and none that the log would give
        back otherwise than it was (see `plain`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..model import Event
from .plain import is_plain


class Ours:
    """Batches in the order in which they were stored."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._batches: deque[tuple[int, Sequence[Event]]] = deque()  # with the seq before the first of each
        self._count = 0

    def __len__(self) -> int:
        """How many batches."""
        return len(self._batches)

    def put(self, batch: Sequence[Event], new: int, last: int) -> bool:
        """What Store.append took, and what it answered. False where it has to be read from the log."""
        if new != len(batch) or not all(map(is_plain, batch)):
            return False
        if self._count + new > self._most:
            self.drop(len(self._batches))
        self._batches.append((last - new, batch))
        self._count += new
        return True

    def after(self, seq: int, limit: int) -> list[Event]:
        """The events that follow the one at `seq`, at most `limit`; none where others come between."""
        while self._batches:
            before, batch = self._batches[0]
            if before + len(batch) > seq:
                if before > seq:
                    break
                some = batch[seq - before : seq - before + limit]
                return [Event(e.id, e.name, e.time, e.visitor, e.properties, n) for n, e in enumerate(some, seq + 1)]
            self.drop(1)
        return []

    def missing(self, seq: int) -> int:
        """How many events there are at most between the one at `seq` and the first of these."""
        return max(0, self._batches[0][0] - seq) if self._batches else 0

    def drop(self, batches: int) -> None:
        """Forget so many of them, the first stored first."""
        for _ in range(min(batches, len(self._batches))):
            self._count -= len(self._batches.popleft()[1])
