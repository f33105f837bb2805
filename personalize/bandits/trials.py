"""One visitor's one draw, and what came of it, in whatever order that was told."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from ..model import Line, Refund, Sale
from ..protocols import Returns

_MOST: Final = 100  # orders of one trial, and refunds; beyond it the latest are not taken
# Events that take a reward back, and the event that each of them undoes.
UNDOING: Final[Mapping[str, str]] = {"Order Refunded": "Order Completed", "Order Cancelled": "Order Completed"}


class Reward(NamedTuple):
    """One rewarding event. `key` is its order's id, or else its own; `value` is what it adds up to."""

    time: float
    key: str
    value: float
    sale: Sale

    @property
    def place(self) -> tuple[float, str, float]:
        return self[:3]


class Trial:
    """From the first exposure of a draw to the end of its window: a visitor counts once, however many pages they see.
    `draw` is its number among the visitor's draws (0: it was not told), `propensity` None where none was logged; `ids`
    are all ids by which the visitor is known to be the same person, the one that was exposed first."""

    __slots__ = (
        "arm", "context", "counted", "draw", "ids", "number", "propensity", "refunds", "rewards", "time", "until",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        ids: tuple[str, ...],
        time: float,
        until: float,
        context: int,
        arm: int,
        draw: int,
        propensity: float | None,
        counted: bool = False,
        rewards: list[Reward] | None = None,
        refunds: list[Refund] | None = None,
    ) -> None:
        self.number = number  # in the order of their beginning
        self.ids = ids
        self.time = time
        self.until = until
        self.context = context
        self.arm = arm
        self.draw = draw
        self.propensity = propensity
        self.counted = counted  # whether it is in the sums
        self.rewards = rewards or []  # in the order of their times
        self.refunds = refunds or []

    def as_row(self) -> list[Any]:
        """What `from_row` takes, as JSON can say it."""
        told = (self.number, self.ids, self.time, self.until, self.context, self.arm, self.draw, self.propensity)
        rewards = [(*reward[:3], (*reward.sale[:-1], _plain(reward.sale.lines))) for reward in self.rewards]
        refunds = [(*refund[:-1], _plain(refund.lines)) for refund in self.refunds]
        return [*told, self.counted, rewards, refunds]

    @classmethod
    def from_row(cls, row: list[Any]) -> Trial:
        rewards = [
            Reward(time, key, value, Sale(*of, _lines(lines)))  # type: ignore[call-arg]
            for time, key, value, (*of, lines) in row[-2]
        ]
        refunds = [Refund(*of, _lines(lines)) for *of, lines in row[-1]]  # type: ignore[call-arg]
        return cls(row[0], tuple(row[1]), *row[2:-2], rewards, refunds)  # type: ignore[call-arg]

    def add(self, reward: Reward) -> None:
        """A rewarding event. Of several that tell of one order the earliest counts."""
        known = next((other for other in self.rewards if other.key == reward.key), None)
        if known is not None:
            if known.place <= reward.place:
                return
            self.rewards.remove(known)
        self.rewards.insert(bisect_left(self.rewards, reward.place, key=attrgetter("place")), reward)
        del self.rewards[_MOST:]

    def take_back(self, refund: Refund) -> None:
        """Of an order that is told already, or still will be."""
        if len(self.refunds) < _MOST:
            self.refunds.append(refund)

    def reward(self, nth: int, revenue: bool, returns: Returns) -> tuple[float, float]:
        """Whether it was a win (1.0 or 0.0), and what it brought: the events from the `nth` on, less what came back.
        An order that came back whole is none."""
        values = [reward.value for reward in self.rewards]
        if values and self.refunds:
            kept = returns.kept([reward.sale for reward in self.rewards], self.refunds)
            values = [value * share for value, share in zip(values, kept, strict=True) if share > 0.0]
        if len(values) < nth:
            return 0.0, 0.0
        amount = sum(values[nth - 1 :])
        return (1.0 if amount > 0.0 or not revenue else 0.0), amount


def _plain(lines: tuple[Line, ...]) -> list[tuple[Any, ...]]:
    return [tuple(line) for line in lines]


def _lines(rows: list[Any]) -> tuple[Line, ...]:
    return tuple(Line(*row) for row in rows)


def money(value: Any) -> float | None:
    """A finite number above 0, also where it was sent as text; None for anything else."""
    if isinstance(value, str) and len(value) <= 30:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12:
        return float(value)
    return None
