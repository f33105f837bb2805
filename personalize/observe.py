"""What operators see: one log line per change of state, counters, and caught errors said without flooding."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

logger = logging.getLogger("personalize")

_BAD = frozenset({
    "open", "failing", "rejected", "dropping", "damaged", "forged", "insecure", "stale", "unread", "hydrated",
    "refused", "disliked", "unreached", "unkept",
})  # fmt: skip


class LogObserver:
    """The Observer every site gets: the logger "personalize", and counters to read in `counters`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counters: Counter[str] = Counter()
        self.states: dict[str, str] = {}
        self._said: dict[tuple[str, str], float] = {}
        self._clock = clock

    def count(self, name: str, n: int = 1) -> None:
        self.counters[name] += n

    def changed(self, part: str, state: str, detail: str = "") -> None:
        before = self.states.get(part, "")
        if before == f"{state} {detail}":
            return
        self.states[part] = f"{state} {detail}"
        # Whoever heard of the fault also hears of the mend.
        level = logging.WARNING if state in _BAD or before.partition(" ")[0] in _BAD else logging.INFO
        logger.log(level, "%s: %s%s", part, state, f" ({detail})" if detail else "")

    def failed(self, where: str, error: BaseException) -> None:
        """Counted each time, logged with its traceback at most once a minute per place and kind."""
        self.counters[f"failed.{where}"] += 1
        key, now = (where, type(error).__name__), self._clock()
        if now - self._said.get(key, -60.0) >= 60.0:
            self._said[key] = now
            logger.error("%s: %r; the page was served without it", where, error, exc_info=error)
