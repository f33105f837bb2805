"""The events that the middleware itself makes from a request and what was sent. Pure: ids and times are arguments.

Names and properties are those of Segment's ecommerce specification (https://segment.com/docs/connections/spec/
ecommerce/v2/) where it has them; "Segment Entered" and "Page Viewed" are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..model import Catalogue, Choice, Draw, Event, FillState, Profile

if TYPE_CHECKING:
    from ..config.models import Signal

_NAME: Final = re.compile(r"\{([^{}]+)\}")


def exposure_of(choice: Choice, how: FillState, draw: Draw | None = None, person: str = "") -> dict[str, Any]:
    """An experience was shown; or, with `held`, would have been shown to a visitor who is held out, which is
    written down in the same way so that the two groups stay comparable.

    It answers: what (slot, experience, variant, experiment, and the `levels` of parts that were drawn on their own),
    how it was made (`how`), and why (reason). Where a bandit chose: with which probability (`propensity`), in which
    `context`, by the shares of which `batch`, the number of the visitor's `draw`, and `until` when it holds; and
    whose it is, where the visitor is known to be one of the site's users (`person`), since the reward may be theirs.
    """
    told: dict[str, Any] = {
        "slot": choice.slot,
        "experience": choice.experience,
        "variant": choice.variant,
        "experiment": choice.experiment,
        "held": choice.held,
        "reason": choice.reason,
        "how": how,
    }
    if choice.levels:
        told["levels"] = dict(choice.levels)
    if draw is not None:
        told |= {"propensity": draw.propensity, "context": draw.context, "batch": draw.batch}
        told |= {"draw": draw.number, "until": draw.until}
        if person.startswith("u:"):
            told["person"] = person
    return told


def counted(exposures: Iterable[Mapping[str, Any]]) -> list[str]:
    """The exposures that caps count, each as "slot/experience": a fallback is none, for nobody saw the experience."""
    return [
        f"{seen['slot']}/{seen['experience']}"
        for seen in exposures
        if seen.get("slot") and seen.get("experience") and seen.get("how") != "fallback"
    ]


def make_page_view(
    id_: str, path: str, visitor: str, now: float, shown: list[dict[str, Any]], unread: bool = False
) -> Event:
    """A page was sent, with the exposures on it (see exposure_of), in the page's order: one line of the log for one
    page, since that is what costs. The query string is left out: sites put names, mails and tokens into it.

    `shown` may be shared between events and must not be changed afterwards. `unread`: it was decided by the id alone,
    since the profile could not be read in time; so what was drawn takes the place of nothing that was drawn before.
    """
    properties: dict[str, Any] = {"path": path, "shown": shown} if shown else {"path": path}
    if unread and shown:
        properties["unread"] = True
    return Event(id_, "Page Viewed", now, visitor, properties)


def segment_entered(id_: str, segment: str, visitor: str, now: float) -> Event:
    """The condition of a segment with `remember_for` held for this visitor."""
    return Event(id_, "Segment Entered", now, visitor, {"segment": segment})


def make_signal(
    id_: str,
    signal: Signal,
    params: Mapping[str, str],
    visitor: str,
    now: float,
    profile: Profile | None,
    products: Catalogue,
) -> Event:
    """An event read off the site's own traffic; `params` are what the signal's path captured.

    An event with an item carries Segment's `product_id`, and `price` and `quantity` where the name says that it was
    put into the cart. "Order Completed" carries `products` and `revenue` of the profile's cart, at the catalogue's
    prices; a visitor without a known cart leaves them out, and the profile's fold then takes the cart as it stands.
    """
    properties: dict[str, Any] = {}
    if signal.event == "Order Completed" and signal.item is None:
        if profile is not None and profile.cart:
            lines = [_line(item, quantity, price, products) for item, (quantity, price) in profile.cart.items()]
            revenue = round(sum(line["quantity"] * line["price"] for line in lines), 2)
            properties = {"products": lines, "revenue": revenue}
    elif signal.item is not None:
        item = _NAME.sub(lambda found: params.get(found[1], ""), signal.item)
        properties = {"product_id": item}
        if signal.event == "Product Added":
            properties = _line(item, 1, 0.0, products)
        elif signal.event == "Order Completed":
            line = _line(item, 1, 0.0, products)
            properties = {"products": [line], "revenue": line["price"]}
    return Event(id_, signal.event, now, visitor, properties)


def _line(item: str, quantity: int, price: float, products: Catalogue) -> dict[str, Any]:
    """One product of a cart or an order; `price` stands where the catalogue has none."""
    product = products.get(item)
    if product is not None:
        price = product.price if product.sale_price is None else product.sale_price
    return {"product_id": item, "quantity": quantity, "price": price}
