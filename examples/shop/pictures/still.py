"""A product's picture: its drawing on a small stage (wall, floor, something behind it), lit from the left."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from . import bath, books, desk, garden, household, kitchen, outdoor, pantry
from .canvas import Canvas, at, dark, light, mix

# In this order, because a product's wall and what stands behind it come from its place.
SHELVES = (bath, household, kitchen, pantry, outdoor, garden, books, desk)
DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    name: draw for shelf in SHELVES for name, draw in shelf.DRAWINGS.items()
}
WALLS = ("#dfeae3", "#f1e3d6", "#d5e3e6", "#f3ead2", "#e8dfe9", "#e3e8d4", "#f4dfd3", "#dde3ee")
PROPS = ("arch", "sun", "window", "plinth", "steps", "plain")


def wall(c: Canvas, colour: str, prop: str) -> str:
    """Wall, floor and one thing behind; 640 by 640, the floor's line at y = 470, things stand at y = 544."""
    deep = dark(colour, 0.13)
    out = c.box(0, 0, 640, 640, c.gradient("d", (0, light(colour, 0.35), 1), (1, mix(colour, deep, 0.35), 1)))
    if prop == "arch":
        out += c.path("M130,480 V250 A190,190 0 0 1 510,250 V480 Z", deep, "soft", 0.55)
    elif prop == "sun":
        out += c.ball(
            320, 270, 208, c.gradient("v", (0, light(colour, 0.75), 0.95), (1, light(colour, 0.2), 0.5)), None
        )
    elif prop == "window":
        out += "".join(
            c.path(f"M{x},{y} l150,-40 v150 l-150,40 Z", light(colour, 0.7), None, 0.55)
            for x in (150, 316)
            for y in (110, 276)
        )
    elif prop == "steps":
        out += c.box(64, 330, 130, 150, deep, 0, "soft", 0.55) + c.box(450, 250, 126, 230, deep, 0, "soft", 0.4)
    floor = mix(colour, "#8a6f55", 0.13)
    out += c.box(
        0, 470, 640, 170, c.gradient("v", (0, dark(floor, 0.06), 1), (0.2, floor, 1), (1, light(floor, 0.3), 1))
    )
    if prop == "plinth":
        out += (
            c.shadow(320, 612, 270, 0.3)
            + c.path("M100,546 V604 A220,30 0 0 0 540,604 V546 Z", light(colour, 0.35), "round")
            + c.oval(320, 546, 220, 30, light(colour, 0.6), "soft")
        )
    return out


@lru_cache(maxsize=128)
def product_picture(product: str) -> str:
    """The SVG of one product's still life. Raises KeyError for an unknown product."""
    place = list(DRAWINGS).index(product)
    c = Canvas()
    body = wall(c, WALLS[(place * 3 + place // 11) % len(WALLS)], PROPS[(place * 5 + place // 6) % len(PROPS)])
    body += c.shadow(320, 546, 230) + at(320, 544, DRAWINGS[product](c), 1.36)
    return c.svg(640, 640, body)
