"""When to stop asking a source that fails. A state machine without a clock: time is an argument, in seconds
of one monotonic clock.

Rule 1. Closed: every call is allowed. `failures` failures in a row open it.
Rule 2. Open: no call is allowed until `open_for` is over; then one call is let through as a probe.
Rule 3. The probe's success closes; its failure (or silence) means another `open_for`.
Rule 4. At most one change of state a second, so that a flapping source cannot flood the log.
Rule 5. A source that asked for a pause (Retry-After) is not asked before it is over, whatever the state.

Method: M. Nygard, "Release It!", circuit breaker.
"""

from __future__ import annotations

from typing import Literal

State = Literal["closed", "open"]
SETTLE = 1.0  # seconds between two changes of state (rule 4)
LONGEST_PAUSE = 60.0  # seconds; a longer Retry-After is cut to this


class Breaker:
    """One per source. `allows` before each call, then exactly one of `succeeded` and `failed`, which return the
    new state when it changed and None otherwise."""

    __slots__ = ("_changed", "_failures", "_in_a_row", "_next", "_open_for", "state")

    def __init__(self, failures: int, open_for: float) -> None:
        self._failures = failures
        self._open_for = open_for
        self._in_a_row = 0
        self._next = float("-inf")  # no call before this time
        self._changed = float("-inf")
        self.state: State = "closed"

    def allows(self, now: float) -> bool:
        """May a call be made now? While open, a True is the probe: the next comes only after `open_for`."""
        if now < self._next:
            return False
        if self.state == "open":
            self._next = now + self._open_for
        return True

    def succeeded(self, now: float) -> State | None:
        self._in_a_row = 0
        if self.state == "closed":
            return None
        if now - self._changed < SETTLE:
            self._next = self._changed + SETTLE
            return None
        self._next = now
        return self._change("closed", now)

    def failed(self, now: float, pause: float = 0.0) -> State | None:
        """A call failed; `pause` is how long the source asked to be left alone, in seconds."""
        self._in_a_row += 1
        opens = pause > 0 or self._in_a_row >= self._failures
        if pause > 0:
            self._next = max(self._next, now + min(pause, LONGEST_PAUSE))
        if self.state == "open":
            self._next = max(self._next, now + (0 if pause > 0 else self._open_for))
            return None
        if not opens or now - self._changed < SETTLE:
            return None
        self._next = max(self._next, now + (0 if pause > 0 else self._open_for))
        return self._change("open", now)

    def _change(self, state: State, now: float) -> State:
        self.state = state
        self._changed = now
        return state
