"""What the shop sells: products.jsonl, read once, and its categories in the order of the file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FILE = Path(__file__).parent / "products.jsonl"
LINES = {  # a category's sentence
    "bath-care": "Quiet mornings, and things that last longer than the tube.",
    "household": "For the rooms that nobody photographs, and everybody lives in.",
    "kitchen": "Tools that get better with every supper.",
    "snow-outdoor": "Warm, dry, and out of the door before the first tracks.",
    "books": "For the train, the bath, and the hour after the children sleep.",
    "plants-garden": "Green things, and what keeps them green.",
    "desk-paper": "Good paper, honest light, a pen that starts at once.",
    "pantry": "The shelf you reach for every single day.",
}


@dataclass(frozen=True)
class Item:
    """One product. Prices are in euros; `price` is what it costs today."""

    id: str
    title: str
    description: str
    brand: str
    category: str
    kind: str
    full_price: float
    sale_price: float | None
    available: bool

    @property
    def price(self) -> float:
        return self.full_price if self.sale_price is None else self.sale_price

    @property
    def slug(self) -> str:
        return slug(self.category)


@dataclass(frozen=True)
class Category:
    slug: str
    name: str
    line: str
    items: tuple[Item, ...]


def slug(name: str) -> str:
    """ "Snow & Outdoor" -> "snow-outdoor"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


class Goods:
    """The shelves. `items` by id, `categories` by slug."""

    def __init__(self, file: Path = FILE) -> None:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        self.items = {row["id"]: self._item(row) for row in rows}

    @staticmethod
    def _item(row: dict[str, str]) -> Item:
        category, kind = row["product_type"].split(" > ")
        sale = float(row["sale_price"].split()[0]) if "sale_price" in row else None
        full = float(row["price"].split()[0])
        return Item(
            row["id"],
            row["title"],
            row["description"],
            row["brand"],
            category,
            kind,
            full,
            sale,
            row["availability"] == "in_stock",
        )

    @cached_property
    def categories(self) -> dict[str, Category]:
        shelves: dict[str, list[Item]] = {}
        for item in self.items.values():
            shelves.setdefault(item.category, []).append(item)
        return {
            slug(name): Category(slug(name), name, LINES[slug(name)], tuple(items)) for name, items in shelves.items()
        }

    def search(self, words: str) -> list[Item]:
        """Items whose title, brand, kind, category or description holds every word."""
        wanted = words.lower().split()
        return [
            i
            for i in self.items.values()
            if wanted and all(w in f"{i.title} {i.brand} {i.kind} {i.category} {i.description}".lower() for w in wanted)
        ]
