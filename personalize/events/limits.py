"""How many events a caller may send: token buckets. Pure; `now` is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_MOST: Final = 20_000  # callers remembered at once


class Buckets:
    """One bucket for each caller, filled at `rate` tokens a second up to `burst`.

    A caller who was not heard of for long has a full bucket, which is what an unknown one has too: so the one who
    asked least recently can be forgotten, and strangers can't make the memory grow.
    """

    def __init__(self, rate: float, burst: float, most: int = _MOST) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._known: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # tokens left, and when

    def take(self, caller: Hashable, tokens: float, now: float) -> float:
        """0.0 if the tokens were there (they are taken), else the seconds until they will be (nothing is taken). To
        ask for more than a whole bucket takes a full one and leaves a debt, so that no size is refused for good."""
        left, then = self._known.pop(caller, (self._burst, now))
        # A clock that went back fills nothing.
        left = min(self._burst, left + max(0.0, now - then) * self._rate)
        wait = max(0.0, (min(tokens, self._burst) - left) / self._rate)
        self._known[caller] = (left if wait else left - tokens, now)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return wait
