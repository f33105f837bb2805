"""One event into one profile. Pure: the profile depends on the events and the catalogue, on no clock.

Event names and properties are those of Segment's ecommerce specification (https://segment.com/docs/connections/spec/
ecommerce/v2/). Properties come from the outside: whatever has the wrong type is passed over, never raised.
"""

from __future__ import annotations

import json
import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from ..model import ERASED, WITHDRAWN, Catalogue, Draw, Event, Profile, Provenance, Shown
from .drawing import draw_of, follows
from .erasing import erase
from .provenance import provenance_of
from .visits import be_active

# Experiments (or "experiment/part") with what was drawn, bandits' draws, and the keys of the exposures that were seen.
_Exposures = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, Draw], ...], tuple[str, ...]]

FORM: Final = 3  # another number where the same events now make another profile

# What one visitor may take up. Beyond it the oldest goes.
_VIEWS: Final = 200
_CART: Final = 100
_ORDERS: Final = 200
_ITEMS_OF_AN_ORDER: Final = 100
_TRAITS: Final = 100
_ANSWERS: Final = 50
_TRAIT_LENGTH: Final = 2000  # characters of JSON
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


def apply_event(profile: Profile, event: Event, products: Catalogue) -> None:
    """Fold one event into its visitor's profile, in place. `products` gives the price of an item that was put into
    the cart without one. Events come in the log's order. Their times need not be in order: what arrives late takes its
    own place among views, visits and orders, and neither empties a newer cart nor overrules what was said since."""
    profile.version = event.seq
    if event.name == ERASED:
        erase(profile, event.time)
    if event.time <= profile.erased:  # also an old event that is sent or imported again
        return
    if event.name not in _NO_ACTIVITY:
        be_active(profile, event.time)
        if event.time > profile.consented and event.properties.get("$via") in _OF_BROWSERS:
            profile.consented = event.time
    name = _text(event.name)
    _put(profile.happened, name, max(event.time, profile.happened.get(name, 0.0)), _HAPPENED)
    special = _FOLDS.get(event.name)
    if special is not None:
        special(profile, event, products)


def apply_before(profile: Profile, event: Event) -> None:
    """Fold in what one of the person's browsers was shown before it was signed out: the browser keeps its variants, and
    nothing else is taken over."""
    if event.name == ERASED:
        profile.before.pop(event.visitor, None)
    elif assigned := _read_exposures(event.exposures)[0]:
        _assign(profile.before, event, assigned)


# --- views --------------------------------------------------------------------------------------------


def _viewed(profile: Profile, event: Event, products: Catalogue) -> None:
    item, path = _item(event.properties), _text(event.properties.get("path"))
    views = profile.views
    if views and views[-1][0] == event.time:
        # A page view and the product view read off the same request are one view.
        _, seen, where = views[-1]
        if (not item or not seen) and (not path or not where or path == where):
            views[-1] = (event.time, item or seen, path or where)
            return
    _insert(views, (event.time, item, path), _VIEWS)


# --- cart and orders -----------------------------------------------------------------------------------


def _added(profile: Profile, event: Event, products: Catalogue) -> None:
    """What was put into the cart before the last order is not in it any more."""
    item = _item(event.properties)
    if not item or event.time < profile.happened.get("Order Completed", -math.inf):
        return
    before, price = profile.cart.get(item, (0, 0.0))
    product = products.get(item)
    if product is not None:
        price = product.price if product.sale_price is None else product.sale_price
    quantity = before + _quantity(event.properties.get("quantity"))
    _put(profile.cart, item, (quantity, _money(event.properties.get("price"), price)), _CART)


def _removed(profile: Profile, event: Event, products: Catalogue) -> None:
    """Without a quantity the whole line goes, as in Segment's own destinations."""
    item = _item(event.properties)
    before, price = profile.cart.get(item, (0, 0.0))
    left = before - _quantity(event.properties["quantity"]) if "quantity" in event.properties else 0
    if left > 0:
        profile.cart[item] = (left, price)
    else:
        profile.cart.pop(item, None)


def _ordered(profile: Profile, event: Event, products: Catalogue) -> None:
    """An order without products is the cart as it stands here in the log. One that arrives after newer additions was
    made of another cart, and leaves this one alone."""
    late = event.time < profile.happened.get("Product Added", -math.inf)
    products_given = event.properties.get("products", event.properties.get("items"))
    lines = list(_lines(products_given))
    if products_given is None and not late:
        lines = [(item, quantity, price) for item, (quantity, price) in profile.cart.items()]
    revenue = _money(event.properties.get("revenue"), _money(event.properties.get("total"), math.nan))
    if math.isnan(revenue):
        revenue = round(sum(quantity * price for _, quantity, price in lines), 2)
    items = tuple(dict.fromkeys(item for item, _, _ in lines))[:_ITEMS_OF_AN_ORDER]
    _insert(profile.orders, (event.time, revenue, items), _ORDERS)
    if not late:
        profile.cart.clear()


def _lines(products: object) -> Iterator[tuple[str, int, float]]:
    """Item, quantity and unit price of each line; a line may also be the item's id alone."""
    for line in products if isinstance(products, list | tuple) else ():
        if isinstance(line, Mapping) and (item := _item(line)):
            yield item, _quantity(line.get("quantity")), _money(line.get("price"), 0.0)
        elif item := _text(line):
            yield item, 1, 0.0


# --- what was said, shown, remembered ------------------------------------------------------------------


def _identified(profile: Profile, event: Event, products: Catalogue) -> None:
    traits = event.properties.get("traits")
    provenance = provenance_of(event)
    for name, value in traits.items() if isinstance(traits, Mapping) else ():
        known = profile.provenance.get(name)
        if known is not None and known.time > event.time:  # an old file that was imported today
            continue
        if value is None:
            profile.traits.pop(name, None)
            profile.provenance.pop(name, None)
        elif isinstance(name, str) and len(name) <= _TEXT and len(json.dumps(value)) <= _TRAIT_LENGTH:
            _put(profile.traits, name, value, _TRAITS)
            _put(profile.provenance, name, provenance, _TRAITS)


def _answered(profile: Profile, event: Event, products: Catalogue) -> None:
    """What the visitor answered, by the question, or else by the slot it was asked in: the trait `answers`, their own
    word. The newest answer to a question counts."""
    question = _text(event.properties.get("question")) or _text(event.properties.get("slot"))
    answer = _text(event.properties.get("answer"))
    before = profile.traits.get("answers")
    answers = dict(before) if isinstance(before, Mapping) else {}
    known = profile.provenance.get("answers")
    late = known is not None and known.time > event.time
    if not question or not answer or (late and question in answers):
        return
    _put(answers, question, answer, _ANSWERS)
    while len(json.dumps(answers)) > _TRAIT_LENGTH:
        del answers[next(iter(answers))]
    time = known.time if known is not None and late else event.time
    _put(profile.traits, "answers", answers, _TRAITS)
    _put(profile.provenance, "answers", Provenance("first", "visitor", time), _TRAITS)


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
        _assign(profile.assignments, event, assigned)
    if drawn:
        draws = _of_browser(profile.draws, event.visitor)
        for experiment, draw in drawn:
            if follows(draw, draws.get(experiment)):
                _put(draws, experiment, draw, _ASSIGNMENTS)
    time, exposures = event.time, profile.exposures
    for key in keys:
        times = exposures.pop(key, None)
        if times is None:
            times = []
        elif time < times[-1]:
            _insert(times, time, TIMES_OF_AN_EXPOSURE, time_of=float)
            exposures[key] = times
            continue
        times.append(time)
        if len(times) > TIMES_OF_AN_EXPOSURE:
            del times[0]
        exposures[key] = times  # the newest key
    while len(exposures) > _EXPOSURES:
        del exposures[next(iter(exposures))]


def _assign(assignments: dict[str, dict[str, str]], event: Event, assigned: Sequence[tuple[str, str]]) -> None:
    """What was drawn without knowing what was drawn before (`unread`) does not take its place."""
    kept = _of_browser(assignments, event.visitor)
    unread = event.properties.get("unread") is True
    for experiment, variant in assigned:
        if not unread or experiment not in kept:
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
        _put(profile.remembered, segment, max(event.time, profile.remembered.get(segment, 0.0)), _REMEMBERED)


def _withdrawn(profile: Profile, event: Event, products: Catalogue) -> None:
    profile.withdrawn = max(profile.withdrawn, event.time)


_FOLDS: Final[Mapping[str, Callable[[Profile, Event, Catalogue], None]]] = {
    "Page Viewed": _page_viewed,
    "Product Viewed": _viewed,
    "Product Added": _added,
    "Product Removed": _removed,
    "Order Completed": _ordered,
    "User Identified": _identified,
    "Answer Given": _answered,
    "Experience Viewed": _shown,
    "Segment Entered": _entered,
    WITHDRAWN: _withdrawn,
}


# --- bounded lists and mappings, and properties as they come -------------------------------------------


def _insert(kept: list[Any], value: Any, most: int, time_of: Callable[[Any], float] = itemgetter(0)) -> None:
    """Into a list sorted by time, newest last; an event that arrives late goes to its own place."""
    if not kept or time_of(value) >= time_of(kept[-1]):
        kept.append(value)
    else:
        kept.insert(bisect_right(kept, time_of(value), key=time_of), value)
    if len(kept) > most:
        del kept[0]


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
