"""One visitor's one draw, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MOST_ORDERS: Final = 100  # of one trial
_LONGEST: Final = 200  # characters of an order's id
# Events that take a reward back, and the event that each of them undoes.
UNDOING: Final[Mapping[str, str]] = {"Order Refunded": "Order Completed", "Order Cancelled": "Order Completed"}


class Trial:
    """From the first exposure of a draw to the end of its window: a visitor counts once, however many pages they see.
    `draw` is its number among the visitor's draws (0: it was not told), `propensity` None where none was logged; `ids`
    are all ids by which the visitor is known to be the same person, the one that was exposed first."""

    __slots__ = ("amounts", "arm", "context", "counted", "draw", "ids", "number", "propensity", "time", "until")

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
        amounts: dict[str, float] | None = None,
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
        self.amounts = amounts  # order's (or event's) id -> what it brought

    def as_row(self) -> list[Any]:
        """What __init__ takes, as JSON can say it."""
        told = (self.number, self.ids, self.time, self.until, self.context, self.arm, self.draw, self.propensity)
        return [*told, self.counted, self.amounts]

    def add(self, id_: str, amount: float) -> None:
        """A rewarding event; one that is known already changes nothing."""
        if self.amounts is None:
            self.amounts = {}
        if len(self.amounts) < _MOST_ORDERS:
            self.amounts.setdefault(id_, amount)

    def take_back(self, id_: str, amount: float | None) -> None:
        """A refund of an order, or of `amount` of it. One that names no order is taken from the newest."""
        if not self.amounts:
            return
        if not id_:
            id_ = next(reversed(self.amounts))
        if id_ not in self.amounts:
            return  # an order of before this draw
        left = 0.0 if amount is None else self.amounts[id_] - amount
        if left > 0.0:
            self.amounts[id_] = left
        else:
            del self.amounts[id_]

    def reward(self, nth: int, revenue: bool) -> tuple[float, float]:
        """Whether it was a win (1.0 or 0.0), and what it brought: the events from the `nth` on."""
        if self.amounts is None or len(self.amounts) < nth:
            return 0.0, 0.0
        amount = sum(list(self.amounts.values())[nth - 1 :])
        return (1.0 if amount > 0.0 or not revenue else 0.0), amount


def order_id(properties: Mapping[str, Any]) -> str:
    """The order that an event is about; "" where it does not say."""
    told = properties.get("order_id")
    return str(told)[:_LONGEST] if isinstance(told, str | int) and not isinstance(told, bool) else ""


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
