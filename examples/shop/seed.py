"""A month in the life of the shop: some hundred shoppers' views and orders, relative to now. Deterministic."""

from __future__ import annotations

import random
from collections.abc import Iterator

from personalize.model import Event

from .goods import Goods

HOUR, DAY = 3600.0, 86_400.0
SHOPPERS = 340
# What goes together in people's lives; orders and visits are drawn from these.
MOODS: tuple[tuple[str, ...], ...] = (
    ("mint-toothpaste", "bamboo-toothbrush", "dental-floss", "olive-soap", "safety-razor"),
    ("oat-shampoo", "hand-cream", "linen-towels", "olive-soap", "beeswax-candle"),
    ("baby-wipes", "strawberry-toothpaste", "book-paper-boats", "bananas", "cotton-cloths"),
    ("laundry-liquid", "dryer-balls", "dish-soap", "dish-brush", "paper-towels", "cotton-cloths"),
    ("coffee-beans", "french-press", "stoneware-mug", "oat-drink", "honey-granola"),
    ("earl-grey", "stoneware-mug", "forest-honey", "book-tea-house", "beeswax-candle"),
    ("chef-knife", "oak-board", "iron-pan", "olive-oil", "pepper-mill"),
    ("bronze-pasta", "olive-oil", "sardines", "salad-bowl", "basil-pot"),
    ("enamel-pot", "utensil-set", "pepper-mill", "book-slow-bread"),
    ("ash-sled", "wool-mittens", "wool-beanie", "steel-thermos", "snow-boots"),
    ("touring-skis", "ski-goggles", "down-jacket", "steel-thermos", "book-mountain-huts"),
    ("rolltop-backpack", "camp-lantern", "steel-thermos", "dark-chocolate", "book-night-trains"),
    ("monstera", "snake-plant", "watering-can", "terracotta-set", "boston-fern"),
    ("olive-tree", "terracotta-set", "hand-trowel", "flower-seeds", "book-small-gardens"),
    ("bird-house", "book-city-birds", "flower-seeds", "watering-can"),
    ("linen-notebook", "fountain-pen", "letter-set", "desk-lamp", "washi-tape"),
    ("pencil-cup", "sketchbook", "steel-scissors", "washi-tape", "mantel-clock"),
    ("book-lighthouse", "book-winter-swims", "earl-grey", "desk-lamp", "dark-chocolate"),
    ("book-star-atlas", "warm-bulb", "camp-lantern", "book-mushrooms", "dark-chocolate"),
    ("bananas", "oat-drink", "honey-granola", "apricot-jam", "coffee-beans"),
)


def shop_life(now: float) -> list[Event]:
    """The shoppers' events of the last thirty days, oldest first; about 2,500."""
    dice = random.Random(20_261_101)
    prices = {item.id: item.price for item in Goods().items.values()}
    events: list[Event] = []
    for number in range(SHOPPERS):
        events += _shopper(f"shopper-{number:03d}", dice, prices, now)
    return sorted(events, key=lambda e: (e.time, e.id))


def _shopper(name: str, dice: random.Random, prices: dict[str, float], now: float) -> Iterator[Event]:
    moods = dice.sample(MOODS, 2)
    for _ in range(dice.randint(1, 3)):
        # Half of all visits fall on the last day, so that "bought today" has something to count.
        ago = dice.uniform(0.3 * HOUR, 20 * HOUR) if dice.random() < 0.5 else dice.uniform(DAY, 30 * DAY)
        start = now - ago
        mood = dice.choice(moods)
        seen = dice.sample(mood, min(len(mood), dice.randint(2, 4)))
        if dice.random() < 0.25:
            seen.append(dice.choice(sorted(prices)))
        for step, item in enumerate(seen):
            yield viewed(name, item, start + step * 40)
        if dice.random() < 0.62:
            yield ordered(name, {item: prices[item] for item in seen[: dice.randint(1, 3)]}, start + 400)


def viewed(visitor: str, item: str, time: float) -> Event:
    return _event("Product Viewed", visitor, time, {"product_id": item, "path": f"/p/{item}"})


def page_viewed(visitor: str, path: str, time: float) -> Event:
    return _event("Page Viewed", visitor, time, {"path": path})


def ordered(visitor: str, lines: dict[str, float], time: float) -> Event:
    """One of each; `lines` are prices by product."""
    products = [{"product_id": item, "quantity": 1, "price": price} for item, price in lines.items()]
    return _event("Order Completed", visitor, time, {"products": products, "revenue": round(sum(lines.values()), 2)})


def segment_entered(visitor: str, segment: str, time: float) -> Event:
    return _event("Segment Entered", visitor, time, {"segment": segment})


def _event(name: str, visitor: str, time: float, properties: dict[str, object]) -> Event:
    return Event(f"seed:{visitor}:{name}:{time:.0f}", name, time, visitor, properties)
