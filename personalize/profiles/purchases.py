"""Orders, what came back of them, and the cart: each a function of the events' times and not of their arrival. Pure.

Rule 1  An order counts with what was not given back of it. One that was cancelled, or came back whole, counts nowhere:
        neither in a sum nor as bought.
Rule 2  A refund may arrive before its order, and one that arrives twice counts once. One that names no order is taken
        from the newest order before it; of an order that this visitor did not make, nothing.
Rule 3  The cart is what was put into it and not taken out since the newest order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from ..model import CartChange, Catalogue, Line, Profile, Refund, Sale

_CART: Final = 100
_CHANGES: Final = 300
_ORDERS: Final = 200
_ITEMS_OF_AN_ORDER: Final = 100
_TIME_OF: Final = itemgetter(0)
_ALL: Final = 0  # for a quantity: the whole line


# --- orders --------------------------------------------------------------------------------------------


def add_sale(profile: Profile, sale: Sale, products: Catalogue) -> None:
    """An order; and what it leaves in the cart."""
    newest = _place(profile.sales, sale, _ORDERS)
    if profile.refunds or not newest:
        profile.orders = _remaining(profile.sales, profile.refunds, products)
    else:
        profile.orders.append((sale.time, sale.revenue, _items(line.item for line in sale.lines)))
        del profile.orders[:-_ORDERS]
    if newest:
        left = [change for change in profile.cart_changes if change.time > sale.time]
        profile.cart_changes, profile.cart = left, _cart_of(left)


def add_refund(profile: Profile, refund: Refund, products: Catalogue) -> None:
    if put_refund(profile.refunds, refund):
        profile.orders = _remaining(profile.sales, profile.refunds, products)


def put_refund(refunds: list[Refund], refund: Refund) -> bool:
    """Among the others, in the order of their times. False where it is known already."""
    known = [other for other in refunds if _same(other, refund)]
    if known and known[0].time <= refund.time:
        return False
    for other in known:
        refunds.remove(other)
    _place(refunds, refund, _ORDERS)
    return True


def _same(one: Refund, other: Refund) -> bool:
    return one.id == other.id and one.order == other.order if one.id else one == other


def _remaining(
    sales: Sequence[Sale], refunds: Iterable[Refund], products: Catalogue
) -> list[tuple[float, float, tuple[str, ...]]]:
    left = (sale for sale in left_of(sales, refunds, products) if sale is not None)
    return [(sale.time, sale.revenue, _items(line.item for line in sale.lines)) for sale in left]


def left_of(sales: Sequence[Sale], refunds: Iterable[Refund], products: Catalogue) -> list[Sale | None]:
    """Rules 1 and 2: of each order, in the order of their times, what did not come back; None where that is nothing."""
    of_sale: dict[int, list[Refund]] = {}
    named = {sale.id: place for place, sale in enumerate(sales) if sale.id}
    for refund in refunds:
        place = named.get(refund.order) if refund.order else bisect_right(sales, refund.time, key=_TIME_OF) - 1
        if place is not None and place >= 0:
            of_sale.setdefault(place, []).append(refund)
    return [_after(sale, of_sale[n], products) if n in of_sale else sale for n, sale in enumerate(sales)]


def _after(sale: Sale, refunds: Sequence[Refund], products: Catalogue) -> Sale | None:
    """What is left of an order; None where that is nothing."""
    quantities: dict[str, int] = {}
    prices: dict[str, float] = {}
    for line in sale.lines:
        quantities[line.item] = quantities.get(line.item, 0) + line.quantity
        prices.setdefault(line.item, line.price)
    back = spared = 0.0
    for refund in refunds:
        if refund.whole:
            return None
        comparable = not refund.currency or not sale.currency or refund.currency == sale.currency
        worth = 0.0
        for line in refund.lines:
            there = quantities.get(line.item, 0)
            number = there if line.quantity == _ALL else min(there, line.quantity)
            quantities[line.item] = there - number
            price = line.price if comparable and line.price else prices.get(line.item, 0.0)
            if not price and (product := products.get(line.item)) is not None:
                price = product.price if product.sale_price is None else product.sale_price
            worth += number * price
        if comparable and refund.amount is not None:
            worth = refund.amount
            spared += 0.0 if refund.lines else worth
        back += worth
    kept = tuple(line for line in sale.lines if quantities[line.item] > 0)
    if (sale.lines and not kept) or (spared and back >= sale.revenue - 0.005):
        return None
    return sale._replace(revenue=max(0.0, round(sale.revenue - back, 2)), lines=kept)


def _items(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))[:_ITEMS_OF_AN_ORDER]


# --- the cart ------------------------------------------------------------------------------------------


def change_cart(profile: Profile, change: CartChange) -> None:
    """Something put in (a quantity above 0), taken out (below), or the whole line taken out (0)."""
    if profile.sales and change.time < profile.sales[-1].time:
        return
    newest = _place(profile.cart_changes, change, _CHANGES)
    if newest and len(profile.cart_changes) < _CHANGES:
        _change(profile.cart, change)
    else:
        profile.cart = _cart_of(profile.cart_changes)


def cart_at(profile: Profile, time: float) -> tuple[Line, ...]:
    """What the cart held then, of an order that does not say what was in it."""
    if profile.sales and time < profile.sales[-1].time:
        return ()  # of the carts before the newest order nothing is known
    cart = profile.cart
    if profile.cart_changes and profile.cart_changes[-1].time > time:
        cart = _cart_of(change for change in profile.cart_changes if change.time <= time)
    return tuple(Line(item, quantity, price) for item, (quantity, price) in cart.items())


def _cart_of(changes: Iterable[CartChange]) -> dict[str, tuple[int, float]]:
    cart: dict[str, tuple[int, float]] = {}
    for change in changes:
        _change(cart, change)
    return cart


def _change(cart: dict[str, tuple[int, float]], change: CartChange) -> None:
    """Nothing falls below zero. What was put in last stands last, and above the bound the first goes."""
    before, price = cart.get(change.item, (0, 0.0))
    left = before + change.quantity if change.quantity else 0
    if left <= 0:
        cart.pop(change.item, None)
    elif change.quantity < 0:
        cart[change.item] = (left, price)
    else:
        cart.pop(change.item, None)
        cart[change.item] = (left, price if change.price is None else change.price)
        if len(cart) > _CART:
            del cart[next(iter(cart))]


# --- lists by time -------------------------------------------------------------------------------------


def _place(kept: list[Any], value: Any, most: int) -> bool:
    """Into a list sorted by time, of which the newest stay. Whether it is the newest."""
    newest = not kept or value[0] >= kept[-1][0]
    if newest:
        kept.append(value)
    else:
        kept.insert(bisect_right(kept, value[0], key=_TIME_OF), value)
    if len(kept) > most:
        del kept[0]
    return newest


# --- as plain values ----------------------------------------------------------------------------------


def to_rows(profile: Profile) -> dict[str, list[tuple[Any, ...]]]:
    """A profile's lists made of lists, tuples, texts and numbers alone."""
    return {
        "sales": [(*sale[:-1], [tuple(line) for line in sale.lines]) for sale in profile.sales],
        "refunds": [(*refund[:-1], [tuple(line) for line in refund.lines]) for refund in profile.refunds],
        "cart_changes": [tuple(change) for change in profile.cart_changes],
    }


def from_rows(told: Mapping[str, Any]) -> dict[str, Any]:
    """What `to_rows` was given; also from JSON, which knows no tuples."""
    return {
        "sales": [Sale(time, id_, revenue, unit, _lines(lines)) for time, id_, revenue, unit, lines in told["sales"]],
        "refunds": [
            Refund(time, order, id_, whole, amount, unit, _lines(lines))
            for time, order, id_, whole, amount, unit, lines in told["refunds"]
        ],
        "cart_changes": [CartChange(*row) for row in told["cart_changes"]],
    }


def _lines(rows: Iterable[Sequence[Any]]) -> tuple[Line, ...]:
    return tuple(Line(*row) for row in rows)
