"""What came back of the orders that a report counts: by the same rules as profiles have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

from ..model import Refund, Sale
from .fold import refund_of, sale_of
from .purchases import left_of, put_refund


class Returns:
    """Orders and refunds of one visitor at a time. Prices are those that the events tell."""

    sale_of = staticmethod(sale_of)
    refund_of = staticmethod(refund_of)

    @staticmethod
    def kept(sales: Sequence[Sale], refunds: Iterable[Refund]) -> list[float]:
        """Which share of its money each order kept, in the order given."""
        known: list[Refund] = []
        for refund in refunds:
            put_refund(known, refund)
        by_time = sorted(enumerate(sales), key=lambda numbered: numbered[1].time)
        left = left_of(list(map(itemgetter(1), by_time)), known, {})
        shares = [1.0] * len(sales)
        for (place, sale), rest in zip(by_time, left, strict=True):
            shares[place] = 0.0 if rest is None else rest.revenue / sale.revenue if sale.revenue else 1.0
        return shares
