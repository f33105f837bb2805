"""Five people who walk into the shop: what their browser says, and what they did here before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from personalize.model import Event

from .goods import Goods
from .seed import DAY, HOUR, ordered, page_viewed, segment_entered, viewed

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)


@dataclass(frozen=True)
class Persona:
    """`consent` is the consent cookie's value; `visitor` an id that has a history (None: nobody the shop knows);
    `agent` a browser to play; `landing` the first page."""

    id: str
    name: str
    title: str
    story: str
    look: str
    consent: str
    visitor: str | None = None
    agent: str | None = None
    landing: str = "/"
    history: Callable[[str, float], list[Event]] = lambda visitor, now: []


def _mert(visitor: str, now: float) -> list[Event]:
    """Two visits through the winter letter; looked at a sled and mittens."""
    return [
        page_viewed(visitor, "/", now - 9 * DAY),
        segment_entered(visitor, "winter-letter", now - 9 * DAY),
        viewed(visitor, "ash-sled", now - 9 * DAY + 60),
        page_viewed(visitor, "/", now - 2 * DAY),
        viewed(visitor, "wool-mittens", now - 2 * DAY + 50),
        viewed(visitor, "steel-thermos", now - 2 * DAY + 95),
    ]


def _ines(visitor: str, now: float) -> list[Event]:
    """Toothpaste about every thirty days, last time 28 days ago; coffee and the rest in rhythms of their own."""
    prices = {item.id: item.price for item in Goods().items.values()}
    rhythms = {
        "mint-toothpaste": (30, 28),
        "coffee-beans": (21, 20),
        "oat-drink": (14, 12),
        "baby-wipes": (28, 27),
        "bananas": (7, 7),
    }
    orders: dict[int, list[str]] = {}
    for item, (every, last) in rhythms.items():
        for back in range(4):
            orders.setdefault(last + back * every, []).append(item)
    return [
        event
        for days, items in sorted(orders.items(), reverse=True)
        for event in (
            page_viewed(visitor, "/", now - days * DAY - 300),
            ordered(visitor, {item: prices[item] for item in items}, now - days * DAY),
        )
    ]


def _bo(visitor: str, now: float) -> list[Event]:
    """Looks at what is reduced, compares, sleeps on it."""
    events = [page_viewed(visitor, "/sale", now - days * DAY) for days in (6, 4, 1)]
    looked = ("iron-pan", "salad-bowl", "desk-lamp", "cotton-cloths", "camp-lantern")
    return events + [viewed(visitor, item, now - DAY + (n + 1) * 0.02 * HOUR) for n, item in enumerate(looked)]


PERSONAS: tuple[Persona, ...] = (
    Persona(
        "new", "Nora", "Here for the first time",
        "Said yes to cookies a moment ago. The shop knows nothing about her yet.",
        "A welcome in the ribbon, and what everybody likes. Let her look at a few things, then go home again.",
        "granted",
    ),
    Persona(
        "mobile", "Mert", "Back on his phone, from a campaign",
        "Third visit. He opened the winter letter and tapped its link.",
        "A snowy hero for his segment, in one of three variants, and the ribbon keeps the letter's promise.",
        "granted", "mert", PHONE, "/?utm_source=letter&utm_medium=email&utm_campaign=winter-2026", _mert,
    ),
    Persona(
        "toothpaste", "Ines", "Her toothpaste is running low",
        "Buys the mint one about every thirty days. The last tube was twenty-eight days ago.",
        "A reminder in the hero, and a row of everything that is due, in her own rhythm.",
        "granted", "ines", history=_ines,
    ),
    Persona(
        "bargain", "Bo", "Likes a good price",
        "Three times on the page of reduced things this week, ordered nothing so far.",
        "The market stall comes first, then things close to what he looked at.",
        "granted", "bo", history=_bo,
    ),
    Persona(
        "refused", "Ada", "Said no",
        "Refused to be remembered. That is the whole story, and it stays that way.",
        "The plain shop, byte for byte, and no cookie from us. Only content about no one, like the season's banner.",
        "denied",
    ),
)  # fmt: skip
