"""One event into one profile. Pure: the profile depends on the events and the catalogue, on no clock.

Event names and properties are those of Segment's ecommerce specification (https://segment.com/docs/connections/spec/
ecommerce/v2/). Properties come from the outside: whatever has the wrong type is passed over, never raised.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from ..model import (
    ERASED,
    WITHDRAWN,
    CartChange,
    Catalogue,
    Draw,
    Event,
    Line,
    Profile,
    Refund,
    Sale,
    Shown,
)
from .drawing import draw_of, follows
from .erasing import bury, empty, is_gone
from .identity import Member
from .ids import is_of_the_past
from .provenance import provenance_of
from .purchases import add_refund, add_sale, cart_at, change_cart
from .visits import be_active
from .words import allow, answer_question, say

# Experiments (or "experiment/part") with what was drawn, bandits' draws, and the keys of the exposures that were seen.
_Exposures = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, Draw], ...], tuple[str, ...]]

FORM: Final = 6  # another number where the same events now make another profile

# What one visitor may take up. Beyond it the oldest goes.
_VIEWS: Final = 200
_LINES: Final = 200  # of an order or a refund
_TEXT: Final = 500  # characters of an id, a path, a name
_EXPOSURES: Final = 200
TIMES_OF_AN_EXPOSURE: Final = 50
_HAPPENED: Final = 200
_REMEMBERED: Final = 200
_ASSIGNMENTS: Final = 200  # of each id
_BROWSERS: Final = 50  # ids that were shown an experiment

# Said about a visitor, not done by one: no sign that somebody is there.
_NO_ACTIVITY: Final = frozenset({"User Identified", "Segment Entered", WITHDRAWN})
# How the events came that are written with the browser's consent only: by the middleware itself, by a script.
_OF_BROWSERS: Final = frozenset({None, "browser"})


def apply_event(profile: Profile, event: Event, products: Catalogue, members: Sequence[Member] = ()) -> None:
    """Fold one event into its visitor's profile, in place. `products` gives the price of an item that was put into
    the cart without one. `members` are the timelines of whom the profile is of. A tombstone that was not buried before
    empties the profile, which is right where all of it is of that one id.

    Events come in the log's order. Their times need not be in order: the same events make the same profile in whatever
    order they arrive, but for what lies beyond the bounds above, was erased or allowed again, or was shown as two
    variants; and an order without products is the cart as it is known when that arrives."""
    profile.version = event.seq
    if event.name == ERASED:
        if bury(profile, event, members or (Member(event.visitor),)) and not is_of_the_past(event):
            empty(profile)
        return
    if profile.erased and is_gone(profile, event, members):
        return
    if event.name not in _NO_ACTIVITY:
        be_active(profile, event.time)
        if event.time > profile.consented and event.properties.get("$via") in _OF_BROWSERS:
            profile.consented = event.time
    name = _text(event.name)
    _latest(profile.happened, name, event.time, _HAPPENED)
    special = _FOLDS.get(event.name)
    if special is not None:
        special(profile, event, products)


def apply_before(profile: Profile, event: Event) -> None:
    """Fold in what one of the person's browsers was shown before it was signed out: the browser keeps its variants, and
    nothing else is taken over."""
    if event.name == ERASED:
        bury(profile, event)
        if not is_of_the_past(event):
            profile.before.pop(event.visitor, None)
    elif assigned := _read_exposures(event.exposures)[0]:
        _assign(profile.before, event, assigned)


# --- views --------------------------------------------------------------------------------------------


def _viewed(profile: Profile, event: Event, products: Catalogue) -> None:
    item, path = _item(event.properties), _text(event.properties.get("path"))
    time, views = event.time, profile.views
    if views and views[-1][0] >= time:
        place = bisect_left(views, time, key=itemgetter(0))
        while place < len(views) and views[place][0] == time:
            # A page view and the product view read off the same request are one view.
            _, seen, where = views[place]
            if (not item or not seen) and (not path or not where or path == where):
                views[place] = (time, item or seen, path or where)
                return
            place += 1
        views.insert(place, (time, item, path))
    else:
        views.append((time, item, path))
    if len(views) > _VIEWS:
        del views[0]


# --- cart and orders -----------------------------------------------------------------------------------


def _added(profile: Profile, event: Event, products: Catalogue) -> None:
    item = _item(event.properties)
    if not item:
        return
    product, price = products.get(item), None
    if product is not None:
        price = product.price if product.sale_price is None else product.sale_price
    told = _money(event.properties.get("price"), math.nan)
    quantity = _quantity(event.properties.get("quantity"))
    change_cart(profile, CartChange(event.time, item, quantity, price if math.isnan(told) else told))


def _removed(profile: Profile, event: Event, products: Catalogue) -> None:
    """Without a quantity the whole line goes, as in Segment's own destinations."""
    item = _item(event.properties)
    if item:
        told = event.properties.get("quantity")
        change_cart(profile, CartChange(event.time, item, 0 if told is None else -_quantity(told)))


def _ordered(profile: Profile, event: Event, products: Catalogue) -> None:
    """An order without products is the cart as it was then."""
    add_sale(profile, sale_of(event, cart_at(profile, event.time)), products)


def _refunded(profile: Profile, event: Event, products: Catalogue) -> None:
    add_refund(profile, refund_of(event), products)


def sale_of(event: Event, cart: tuple[Line, ...] = ()) -> Sale:
    """An order as its event tells it; `cart` is what was bought where it does not say."""
    told = event.properties
    given = told.get("products", told.get("items"))
    lines = cart if given is None else tuple(_lines(given, 1))
    revenue = _amount(told)
    if revenue is None:
        revenue = round(sum(line.quantity * line.price for line in lines), 2)
    return Sale(event.time, order_of(told), revenue, _currency(told), lines)


def refund_of(event: Event) -> Refund:
    """With products it is those, else an amount, and where neither is told the whole order. Who cancels an order
    describes it, so there an amount alone is the whole."""
    told = event.properties
    given = told.get("products", told.get("items"))
    lines = tuple(_lines(given, 0))
    amount = _amount(told)
    whole = not lines and (amount is None or event.name == "Order Cancelled")
    return Refund(event.time, order_of(told), _text(told.get("refund_id")), whole, amount, _currency(told), lines)


def order_of(properties: Mapping[str, Any]) -> str:
    """The order that an event is about; "" where it does not say."""
    return _text(properties.get("order_id")) or _text(properties.get("transaction_id"))


def _lines(products: object, otherwise: int) -> Iterator[Line]:
    """A line may also be the item's id alone. `otherwise` stands where no quantity is told."""
    for line in products[:_LINES] if isinstance(products, list | tuple) else ():
        if isinstance(line, Mapping) and (item := _item(line)):
            told = line.get("quantity")
            quantity = otherwise if told is None else _quantity(told)
            yield Line(item, quantity, _money(line.get("price"), 0.0))
        elif item := _text(line):
            yield Line(item, otherwise, 0.0)


def _amount(properties: Mapping[str, Any]) -> float | None:
    amounts = (_money(properties.get(name), math.nan) for name in ("revenue", "total", "value"))
    return next((amount for amount in amounts if not math.isnan(amount)), None)


def _currency(properties: Mapping[str, Any]) -> str:
    return sys.intern(_text(properties.get("currency"))[:10].strip().upper())


# --- what was said, shown, remembered ------------------------------------------------------------------


def _identified(profile: Profile, event: Event, products: Catalogue) -> None:
    traits = event.properties.get("traits")
    provenance = provenance_of(event)
    for name, value in traits.items() if isinstance(traits, Mapping) else ():
        if isinstance(name, str) and len(name) <= _TEXT:
            say(profile, name, value, provenance)
    allowed = event.properties.get("allowed")
    for name in allowed if isinstance(allowed, list | tuple) else ():
        if isinstance(name, str):
            allow(profile, name, provenance)


def _answered(profile: Profile, event: Event, products: Catalogue) -> None:
    """What the visitor answered, by the question, or else by the slot it was asked in: the trait `answers`, their own
    word. The newest answer to a question counts."""
    question = _text(event.properties.get("question")) or _text(event.properties.get("slot"))
    answer = _text(event.properties.get("answer"))
    if question and answer:
        answer_question(profile, question, answer, event.time)


def _shown(profile: Profile, event: Event, products: Catalogue) -> None:
    """A held-out visitor's would-have-been exposure counts alike, so that caps stop both groups at the same point.
    A fallback does not: the experience was not seen."""
    shown = event.properties.get("shown")
    if shown.__class__ is not Shown:
        read = _read_exposures(event.exposures)
    elif (read := shown.known) is None:
        read = shown.known = _read_exposures(event.exposures)
    assigned, drawn, keys = read
    if assigned:
        _assign(profile.assignments, event, assigned, event.time < profile.last_seen)
    if drawn:
        draws = _of_browser(profile.draws, event.visitor)
        for experiment, draw in drawn:
            if follows(draw, draws.get(experiment)):
                _put(draws, experiment, draw, _ASSIGNMENTS)
    time, exposures = event.time, profile.exposures
    for key in keys:
        times = exposures.get(key)
        if times is None:
            exposures[key] = [time]
        else:
            if time >= times[-1]:
                times.append(time)
            else:
                insort(times, time)
            if len(times) > TIMES_OF_AN_EXPOSURE:
                del times[0]
    while len(exposures) > _EXPOSURES:
        del exposures[min(exposures, key=lambda key: exposures[key][-1])]


def _assign(
    assignments: dict[str, dict[str, str]], event: Event, assigned: Sequence[tuple[str, str]], late: bool = False
) -> None:
    """What was drawn without knowing what was drawn before (`unread`), or arrives late, does not take its place."""
    kept = _of_browser(assignments, event.visitor)
    late = late or event.properties.get("unread") is True
    for experiment, variant in assigned:
        if not late or experiment not in kept:
            _put(kept, experiment, variant, _ASSIGNMENTS)


def _of_browser(kept: dict[str, dict[str, Any]], browser: str) -> dict[str, Any]:
    """An id keeps its place: what was seen first in any browser goes before what others saw."""
    found = kept.get(browser)
    if found is None:
        found = {}
        _put(kept, browser, found, _BROWSERS)
    return found


def _read_exposures(exposures: Sequence[Mapping[str, Any]]) -> _Exposures:
    assigned: list[tuple[str, str]] = []
    drawn: list[tuple[str, Draw]] = []
    keys: list[str] = []
    for shown in exposures:
        experiment, variant = _text(shown.get("experiment")), _text(shown.get("variant"))
        levels = shown.get("levels")
        if experiment and isinstance(levels, Mapping) and levels:  # each part is assigned on its own
            for part, level in levels.items():
                if _text(part) and _text(level):
                    assigned.append((f"{experiment}/{_text(part)}", _text(level)))
        elif experiment and variant:  # also where the content failed: the visitor was drawn
            assigned.append((experiment, variant))
            if "draw" in shown and (draw := draw_of(shown, variant)) is not None:
                drawn.append((experiment, draw))
        slot, experience = _text(shown.get("slot")), _text(shown.get("experience"))
        if slot and experience and shown.get("how") != "fallback":
            keys.append(sys.intern(f"{slot}/{experience}"))
    return tuple(assigned), tuple(drawn), tuple(keys)


def _page_viewed(profile: Profile, event: Event, products: Catalogue) -> None:
    if event.time >= profile.happened["Page Viewed"]:
        profile.gpc = event.properties.get("gpc") is True
    _viewed(profile, event, products)
    _shown(profile, event, products)


def _entered(profile: Profile, event: Event, products: Catalogue) -> None:
    segment = _text(event.properties.get("segment"))
    if segment:
        _latest(profile.remembered, segment, event.time, _REMEMBERED)


def _withdrawn(profile: Profile, event: Event, products: Catalogue) -> None:
    profile.withdrawn = max(profile.withdrawn, event.time)


_FOLDS: Final[Mapping[str, Callable[[Profile, Event, Catalogue], None]]] = {
    "Page Viewed": _page_viewed,
    "Product Viewed": _viewed,
    "Product Added": _added,
    "Product Removed": _removed,
    "Order Completed": _ordered,
    "Order Refunded": _refunded,
    "Order Cancelled": _refunded,
    "User Identified": _identified,
    "Answer Given": _answered,
    "Experience Viewed": _shown,
    "Segment Entered": _entered,
    WITHDRAWN: _withdrawn,
}


# --- bounded mappings, and properties as they come -------------------------------------------


def _latest(kept: dict[str, float], key: str, time: float, most: int) -> None:
    """The last time of each key; above `most`, the one whose last time is the oldest goes."""
    before = kept.get(key)
    if before is None or time > before:
        kept[key] = time
        if len(kept) > most:
            del kept[min(kept, key=kept.__getitem__)]


def _put(kept: dict[str, Any], key: str, value: Any, most: int) -> None:
    """Set a key and make it the newest; above `most`, the one not set for the longest goes."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]


def _item(properties: Mapping[str, Any]) -> str:
    for name in ("product_id", "item", "sku"):
        if name in properties and (item := _text(properties[name])):
            return item
    return ""


def _text(value: object) -> str:
    """Ids also come as numbers. Interned: thousands of profiles name the same products and pages."""
    if isinstance(value, str):
        return sys.intern(value[:_TEXT])
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _quantity(value: object) -> int:
    number = _money(value, 1.0)
    return max(1, min(int(number), 1_000_000))


def _money(value: object, otherwise: float) -> float:
    """A finite number that is not negative, also where it was sent as text; else `otherwise`."""
    if isinstance(value, str) and len(value) <= 30:
        try:
            value = float(value)
        except ValueError:
            return otherwise
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
        return float(value)
    return otherwise
