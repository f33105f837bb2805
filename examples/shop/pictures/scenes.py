"""Wide pictures for heroes and banners, 1600 by 720: the subject stands on the right, words have the left."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from .canvas import Canvas, at, dark, light, mix
from .outdoor import flake
from .still import DRAWINGS

W, H = 1600, 720
Placed = tuple[str, float, float, float]  # product, x, y of its foot, scale


def things(c: Canvas, placed: tuple[Placed, ...]) -> str:
    """Drawings with their shadows, back to front."""
    return "".join(c.shadow(x, y + 2, 150 * s, 0.3) + at(x, y, DRAWINGS[name](c), s) for name, x, y, s in placed)


def room(c: Canvas, wall: str, floor: str, placed: tuple[Placed, ...], behind: str = "") -> str:
    """A still life on a table: wall, what hangs on it, table, things."""
    out = (
        c.box(0, 0, W, H, c.gradient("h", (0, light(wall, 0.18), 1), (0.55, wall, 1), (1, dark(wall, 0.1), 1))) + behind
    )
    out += c.box(
        0, 560, W, 160, c.gradient("v", (0, dark(floor, 0.1), 1), (0.14, floor, 1), (1, light(floor, 0.22), 1))
    )
    return out + c.box(0, 556, W, 6, light(floor, 0.35), 0, None, 0.6) + things(c, placed)


def window(c: Canvas, x: float, y: float, sky: str, land: str) -> str:
    """An arched window with a morning behind it, and its light on the wall."""
    frame = f"M{x},{y + 400} V{y + 150} A150,150 0 0 1 {x + 300},{y + 150} V{y + 400} Z"
    inside = c.path(frame, c.gradient("v", (0, sky, 1), (1, light(sky, 0.7), 1)))
    hills = c.path(
        f"M{x},{y + 400} V{y + 310} Q{x + 90},{y + 250} {x + 170},{y + 306} T{x + 300},{y + 280} V{y + 400} Z",
        land,
        "soft",
        0.9,
    )
    bars = (
        c.line(f"M{x + 150},{y} V{y + 400} M{x},{y + 220} H{x + 300}", "#fffaf0", 9)
        + f'<path d="{frame}" fill="none" stroke="#fffaf0" stroke-width="14"/>'
    )
    return inside + c.ball(x + 214, y + 150, 40, "#fff4cf", None) + hills + bars


def morning(c: Canvas) -> str:
    beam = c.path("M900,0 L1250,0 L760,720 L330,720 Z", "#ffffff", None, 0.16)
    return room(
        c,
        "#e9d8c3",
        "#c99a68",
        (
            ("olive-tree", 1470, 600, 0.98),
            ("enamel-pot", 1236, 606, 0.86),
            ("gooseneck-kettle", 1010, 616, 0.84),
            ("stoneware-mug", 838, 650, 0.62),
            ("bananas", 1372, 668, 0.62),
            ("forest-honey", 1120, 670, 0.6),
        ),
        window(c, 1000, 70, "#a9cfdc", "#7d9b72") + beam,
    )


def pine(c: Canvas, x: float, y: float, s: float, fill: str) -> str:
    tiers = "".join(
        c.path(
            f"M{-66 + k * 14},{-30 - k * 52} L0,{-130 - k * 52} L{66 - k * 14},{-30 - k * 52} Q0,{-14 - k * 52} "
            f"{-66 + k * 14},{-30 - k * 52} Z",
            fill,
            "soft",
        )
        for k in range(3)
    )
    snow = "".join(
        c.path(
            f"M{-26 + k * 5},{-88 - k * 52} L0,{-132 - k * 52} L{26 - k * 5},{-88 - k * 52} Q0,{-72 - k * 52} "
            f"{-26 + k * 5},{-88 - k * 52} Z",
            "#f7fbff",
            None,
            0.92,
        )
        for k in range(3)
    )
    return at(x, y, c.box(-9, -36, 18, 38, "#5a4636") + tiers + snow, s)


def snow(c: Canvas) -> str:
    sky = c.box(
        0, 0, W, H, c.gradient("v", (0, "#24406b", 1), (0.5, "#6a86b0", 1), (0.78, "#e8b9a2", 1), (1, "#f6d9bd", 1))
    )
    stars = "".join(c.ball((k * 173) % W, (k * 61) % 240, 1.4 + k % 3 * 0.6, "#ffffff", None) for k in range(46))
    far = c.path(
        "M0,470 L220,290 L330,370 L520,220 L700,380 L860,270 L1040,400 L1230,200 L1400,340 L1600,240 V720 H0 Z",
        "#7f93b8",
        "down",
    )
    caps = c.path(
        "M520,220 L470,264 L506,280 L530,262 L560,282 L580,272 Z M1230,200 L1172,268 L1210,280 "
        "L1236,258 L1270,286 L1304,272 Z M220,290 L180,322 L214,334 L250,316 Z M860,270 L826,296 "
        "L858,306 L888,294 Z",
        "#f4f6fb",
    )
    mid = c.path("M0,520 Q260,420 560,500 T1080,470 T1600,500 V720 H0 Z", "#c6d3e8", "soft")
    near = c.path("M0,610 Q400,520 820,590 T1600,560 V720 H0 Z", "#f3f7fc", "down")
    cabin = (
        c.box(-70, -80, 140, 80, "#7a4a30", 0, "soft")
        + c.path("M-96,-74 L0,-160 L96,-74 Z", "#f7fbff", "soft")
        + c.path("M-84,-74 L0,-146 L84,-74 Z", "#54331f")
        + c.box(-46, -56, 34, 30, "#ffd98a", 3)
        + c.box(16, -62, 32, 62, "#ffd98a", 3)
        + c.box(38, -160, 22, 46, "#54331f")
        + c.line("M49,-170 q-22,-24 0,-46 t0,-44", "#ffffff", 12, 0.35)
    )
    glow = c.oval(930, 520, 190, 90, c.gradient("c", (0, "#ffd98a", 0.5), (1, "#ffd98a", 0)))
    trees = "".join(
        pine(c, x, y, s, f)
        for x, y, s, f in (
            (660, 520, 0.7, "#3f6470"),
            (740, 528, 0.95, "#345662"),
            (1060, 520, 0.9, "#345662"),
            (1130, 516, 0.66, "#3f6470"),
            (1560, 580, 1.2, "#2b4954"),
            (600, 530, 0.5, "#4c7280"),
        )
    )
    falling = "".join(
        flake(c, (k * 211 + 60) % W, (k * 137) % 600, 5 + k % 4 * 3, "#ffffff", 1.8) for k in range(26)
    ) + "".join(c.ball((k * 97) % W, (k * 59) % 640, 2.4, "#ffffff", None) for k in range(60))
    return (
        sky
        + stars
        + far
        + caps
        + mid
        + glow
        + at(930, 540, cabin, 0.8)
        + trees
        + near
        + things(
            c, (("touring-skis", 1420, 640, 1.0), ("ash-sled", 1204, 664, 0.96), ("steel-thermos", 986, 676, 0.56))
        )
        + falling
    )


def fresh(c: Canvas) -> str:
    tiles = "".join(c.line(f"M{x},0 V560", "#ffffff", 3, 0.55) for x in range(0, W + 1, 100)) + "".join(
        c.line(f"M0,{y} H{W}", "#ffffff", 3, 0.55) for y in range(60, 560, 100)
    )
    mirror = (
        c.ball(1180, 250, 214, "#b98a57", "soft")
        + c.ball(1180, 250, 196, c.gradient("d", (0, "#f4fbf9", 1), (1, "#b9d6d2", 1)), None)
        + c.path("M1040,330 L1240,110 L1300,150 L1090,390 Z", "#ffffff", None, 0.35)
    )
    leaves = "".join(
        c.leaf(x, y, n, t, f)
        for x, y, n, t, f in (
            (1560, 0, 190, 196, "#4f9d7c"),
            (1500, -10, 150, 170, "#6dbb9a"),
            (1600, 60, 170, 236, "#3d8d6e"),
            (1430, -20, 120, 188, "#7fc7a8"),
        )
    )
    return room(
        c,
        "#c8e2da",
        "#eef0ea",
        (
            ("linen-towels", 1476, 608, 0.84),
            ("bamboo-toothbrush", 1330, 618, 0.86),
            ("mint-toothpaste", 1160, 634, 1.14),
            ("oat-shampoo", 950, 618, 0.82),
            ("dental-floss", 1042, 668, 0.56),
            ("olive-soap", 800, 664, 0.6),
        ),
        tiles + mirror + leaves,
    )


def market(c: Canvas) -> str:
    stripes = "".join(
        c.path(f"M{x},0 H{x + 80} V110 A40,34 0 0 1 {x},110 Z", "#c9553d" if (x // 80) % 2 else "#fbf1de", "down")
        for x in range(0, W, 80)
    )
    lamps = c.line("M0,190 Q400,270 800,200 T1600,200", "#6b4a3a", 3) + "".join(
        c.oval(x, y + 22, 60, 60, c.gradient("c", (0, "#ffe2a0", 0.8), (1, "#ffe2a0", 0)))
        + c.ball(x, y + 20, 12, "#fff0c4", None)
        for x, y in ((110, 208), (300, 232), (500, 232), (700, 206), (900, 196), (1100, 208), (1300, 220), (1500, 206))
    )
    crate = c.box(0, 0, 420, 110, "#b98654", 4, "down") + "".join(
        c.box(6, y, 408, 26, "#d4a774", 3, "soft") for y in (8, 42, 76)
    )
    return room(
        c,
        "#f0cfa0",
        "#a8744a",
        (
            ("salad-bowl", 1450, 590, 0.8),
            ("utensil-set", 1262, 590, 0.8),
            ("cotton-cloths", 1070, 590, 0.72),
            ("camp-lantern", 1540, 690, 0.6),
            ("apricot-jam", 1370, 694, 0.6),
            ("cactus-trio", 1160, 694, 0.66),
            ("oat-drink", 960, 690, 0.66),
            ("washi-tape", 820, 696, 0.5),
        ),
        stripes + lamps + at(900, 500, crate) + at(1240, 500, crate),
    )


def evening(c: Canvas) -> str:
    lamp = c.oval(1300, 330, 460, 360, c.gradient("c", (0, "#ffd98a", 0.5), (0.5, "#ffc46a", 0.16), (1, "#ffc46a", 0)))
    shelf = (
        c.box(760, 330, 470, 16, "#7a4a30", 2, "down")
        + at(820, 330, DRAWINGS["book-star-atlas"](c), 0.56)
        + at(950, 330, DRAWINGS["book-night-trains"](c), 0.6)
        + at(1080, 330, DRAWINGS["book-tea-house"](c), 0.56)
        + at(1190, 330, DRAWINGS["snake-plant"](c), 0.5)
    )
    return room(
        c,
        "#5b5568",
        "#6d4a36",
        (
            ("desk-lamp", 1330, 612, 1.1),
            ("beeswax-candle", 1530, 640, 0.7),
            ("earl-grey", 1150, 622, 0.74),
            ("stoneware-mug", 1000, 652, 0.62),
            ("linen-notebook", 830, 660, 0.6),
        ),
        shelf + lamp,
    )


def thanks(c: Canvas) -> str:
    confetti = "".join(
        at(
            (k * 7919 + k * k * 31) % W,
            (k * 104729 + k * k * 17) % 500,
            c.box(-7, -4, 14, 8, ("#c9553d", "#e9b44c", "#4f8f7a", "#5f8aa0", "#b98ab5")[k % 5], 2),
            1,
            k * 37,
        )
        for k in range(70)
    )
    parcel = (
        c.box(-150, -190, 300, 190, "#cfa06a", 6, "soft")
        + c.box(-24, -190, 48, 190, "#c9553d", 0, "round")
        + c.box(-160, -214, 320, 44, "#dcb27e", 6, "soft")
        + c.box(-24, -214, 48, 44, "#c9553d", 0, "round")
        + c.leaf(0, -210, 96, -62, "#c9553d", 0.4)
        + c.leaf(0, -210, 96, 62, "#c9553d", 0.4)
        + c.ball(0, -214, 18, "#a63f2c")
    )
    return room(
        c,
        "#dfe6d6",
        "#d9c2a0",
        (("monstera", 1480, 612, 0.9), ("stoneware-mug", 930, 640, 0.5)),
        confetti + c.shadow(1180, 624, 220),
    ) + at(1180, 622, parcel, 1.1)


SHELVES: dict[str, tuple[str, str, tuple[str, str, str, str]]] = {  # category slug -> wall, table, four products
    "bath-care": ("#cfe2dc", "#eeeae0", ("mint-toothpaste", "bamboo-toothbrush", "oat-shampoo", "linen-towels")),
    "household": ("#f0dcbd", "#c99a68", ("laundry-liquid", "seagrass-basket", "beeswax-candle", "enamel-bucket")),
    "kitchen": ("#ecd0c0", "#b5784e", ("pepper-mill", "enamel-pot", "gooseneck-kettle", "oak-board")),
    "snow-outdoor": ("#c9dbea", "#f2f5f8", ("ash-sled", "down-jacket", "snow-boots", "camp-lantern")),
    "books": ("#d9cfe2", "#8a5f48", ("book-night-trains", "book-lighthouse", "book-mushrooms", "book-mountain-huts")),
    "plants-garden": ("#d6e3c6", "#c58f63", ("monstera", "watering-can", "cactus-trio", "olive-tree")),
    "desk-paper": ("#d6dbe8", "#d9b98c", ("pencil-cup", "desk-globe", "mantel-clock", "desk-lamp")),
    "pantry": ("#f4dca4", "#a9703f", ("coffee-beans", "olive-oil", "forest-honey", "bananas")),
}


def shelf(slug: str) -> Callable[[Canvas], str]:
    """A category's scene: four of its products in a row, something round behind them."""
    colour, table, names = SHELVES[slug]

    def draw(c: Canvas) -> str:
        back = c.ball(1130, 300, 270, mix(colour, "#ffffff", 0.5), None) + c.ball(
            760, 140, 90, mix(colour, "#ffffff", 0.3), None
        )
        row = tuple(
            (name, 810 + k * 208 + math.sin(k * 2) * 12, 632 + (k % 2) * 26, 0.92 + (k % 2) * 0.08)
            for k, name in enumerate(names)
        )
        return room(c, colour, table, row, back)

    return draw


SCENES: dict[str, Callable[[Canvas], str]] = {
    "morning": morning,
    "snow": snow,
    "fresh": fresh,
    "market": market,
    "evening": evening,
    "thanks": thanks,
    **{slug: shelf(slug) for slug in SHELVES},
}


@lru_cache(maxsize=32)
def scene(name: str) -> str:
    """The SVG of one wide scene. Raises KeyError for an unknown name."""
    c = Canvas()
    return c.svg(W, H, SCENES[name](c))
