"""How much a caller may send and ask for: token buckets. Pure; `now` is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

from ..errors import CollectError

if TYPE_CHECKING:
    from ..config.models import Limits
    from ..model import Visitor

_BURST: Final = 10  # seconds' worth that may come at once
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


class Callers:
    """One bucket for each caller, whichever of the doors for outsiders it comes to: by write key, by the visitor of a
    signed cookie, else by address. Each `charge` raises CollectError (429) where the tokens are not there."""

    def __init__(self, limits: Limits) -> None:
        self._servers = Buckets(limits.server, limits.server * _BURST)
        self._visitors = Buckets(limits.visitor, limits.visitor * _BURST)
        self._addresses = Buckets(limits.address, limits.address * _BURST)

    def charge_server(self, key: str, tokens: int, now: float) -> None:
        _charge(self._servers, key, tokens, now)

    def charge_browser(self, visitor: Visitor, address: str, tokens: int, now: float) -> None:
        """A newcomer can become another one with every request, and who has no id is nobody: their address counts."""
        if visitor.id is None or visitor.fresh:
            self.charge_address(address, tokens, now)
        else:
            _charge(self._visitors, visitor.id, tokens, now)

    def charge_address(self, address: str, tokens: int, now: float) -> None:
        _charge(self._addresses, address, tokens, now)


def _charge(buckets: Buckets, caller: Hashable, tokens: int, now: float) -> None:
    wait = buckets.take(caller, max(1, tokens), now)
    if wait:
        raise CollectError(429, "too_many", "too much at once; try again", wait)
