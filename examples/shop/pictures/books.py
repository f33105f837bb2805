"""Pictures for Books."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import Canvas, at, light
from .vessels import book


def bread(c: Canvas) -> str:
    loaf = c.path("M-78,-66 C-92,-130 -40,-152 0,-152 S92,-130 78,-66 Q0,-50 -78,-66 Z", "#c98a4b", "ball") + "".join(
        c.line(f"M{x},-128 q18,22 6,50", "#f3dcb4", 8) for x in (-44, -10, 24)
    )
    return book(
        c, "#f1e1c4", "#6b3d1c", ("Slow", "Bread"), "IDA BRANDT", loaf + c.line("M-80,-52 H80", "#6b3d1c", 2, 0.5)
    )


def night_train(c: Canvas) -> str:
    hills = c.path("M-105,-110 Q-50,-160 0,-124 T105,-140 V0 H-105 Z", "#22365c") + c.path(
        "M-105,-70 Q-30,-110 40,-80 T105,-84 V0 H-105 Z", "#182745"
    )
    train = (
        c.box(-84, -84, 160, 34, "#d9573f", 10)
        + "".join(c.box(x, -76, 20, 14, "#ffe3a0", 3) for x in (-70, -42, -14, 14, 42))
        + c.line("M-105,-46 H105", "#8fa3c9", 3)
    )
    stars = "".join(
        c.ball(x, y, 1.8, "#ffffff", None)
        for x, y in ((-70, -180), (-30, -200), (50, -176), (80, -204), (10, -168), (-88, -216))
    )
    return book(
        c,
        "#2c4372",
        "#fdf1d6",
        ("Night Trains", "of the North"),
        "TOMAS HALE",
        c.ball(56, -176, 20, "#fbe7b0", None) + stars + hills + train,
    )


def small_gardens(c: Canvas) -> str:
    art = "".join(
        at(
            x,
            -56,
            c.line(f"M0,0 V{-h}", "#3d6b44", 4)
            + c.leaf(0, -h * 0.4, 28, -58, "#5b9a5f")
            + c.leaf(0, -h * 0.5, 28, 56, "#5b9a5f")
            + "".join(c.leaf(0, -h, 24, t, f, 0.4) for t in range(0, 360, 60))
            + c.ball(0, -h, 7, "#f7d36b"),
        )
        for x, h, f in ((-62, 76, "#e0654f"), (-20, 108, "#f0a23c"), (24, 84, "#d96a95"), (66, 114, "#7d6fc0"))
    )
    return book(
        c,
        "#dfe9cf",
        "#2f5233",
        ("Small Gardens,", "Long Summers"),
        "MINA KAYA",
        art + c.box(-105, -60, 210, 16, "#b9825a", 0),
    )


def lighthouse(c: Canvas) -> str:
    beam = c.path("M6,-178 L105,-214 V-136 Z", "#fff0b8", None, 0.55)
    tower = (
        c.path("M-26,-58 L-14,-164 H22 L34,-58 Z", "#f6efe2", "round")
        + c.path("M-22,-92 L-18,-126 H26 L30,-92 Z", "#c9473b", "round")
        + c.box(-18, -190, 44, 26, "#ffe08a", 3)
        + c.path("M-24,-190 L4,-212 L32,-190 Z", "#c9473b")
    )
    sea = "".join(
        c.path(f"M-105,{y} q26,-14 52,0 t52,0 t52,0 t54,0 V0 H-105 Z", f)
        for y, f in ((-62, "#3d7f8c"), (-48, "#2f6a78"), (-34, "#245663"))
    )
    return book(c, "#7fb3b5", "#173a42", ("The Lighthouse", "Accounts"), "E. VARGA", beam + tower + sea, foot="#e9f4f2")


def winter_swims(c: Canvas) -> str:
    waves = "".join(
        c.path(f"M-105,{y} q26,-16 52,0 t52,0 t52,0 t54,0 V0 H-105 Z", f)
        for y, f in ((-150, "#a9d3de"), (-118, "#7ab6c8"), (-86, "#4f95ad"), (-54, "#34758f"))
    )
    head = (
        c.ball(-10, -128, 15, "#e9b48c")
        + c.path("M-26,-130 Q-10,-156 7,-130 Z", "#d9473b")
        + c.line("M2,-112 q34,-26 54,-4", "#e9b48c", 9)
    )
    return book(
        c,
        "#eef5f4",
        "#1f5368",
        ("A Year of", "Winter Swims"),
        "RUNA LIND",
        c.ball(58, -180, 22, "#f6c27a", None)
        + waves[: waves.index("<path", 8)]
        + head
        + waves[waves.index("<path", 8) :],
        foot="#eef7f8",
    )


def star_atlas(c: Canvas) -> str:
    points = ((-70, -190), (-38, -168), (-6, -178), (30, -150), (22, -108), (62, -92), (74, -132))
    web = c.line("M" + " L".join(f"{x},{y}" for x, y in points) + " L30,-150", "#e9c46a", 1.8, 0.9) + "".join(
        c.ball(x, y, 5, "#fff3c8", None) for x, y in points
    )
    dust = "".join(
        c.ball(((k * 53) % 200) - 100, -40 - (k * 71) % 190, 1.2 + k % 3 * 0.5, "#ffffff", None) for k in range(34)
    )
    ring = c.line("M-86,-130 a86,86 0 1,0 172,0 a86,86 0 1,0 -172,0", "#e9c46a", 1.4, 0.5)
    return book(c, "#1f2547", "#f3deb0", ("The Pocket", "Star Atlas"), "GREENBOOK", ring + dust + web)


def mushrooms(c: Canvas) -> str:
    def cap(fill: str, dots: bool) -> str:
        spots = (
            "".join(c.oval(x, y, 7, 5, "#fff6e6") for x, y in ((-24, -66), (4, -82), (28, -64), (-4, -58)))
            if dots
            else ""
        )
        return (
            c.path("M-14,0 Q-10,-40 -12,-52 H12 Q10,-40 14,0 Z", "#f3e6cf", "round")
            + c.path("M-50,-50 C-46,-106 46,-106 50,-50 Q0,-40 -50,-50 Z", fill, "ball")
            + spots
        )

    return book(
        c,
        "#f3ead6",
        "#5a2f22",
        ("Mushrooms,", "Mostly Edible"),
        "J. OKAFOR",
        at(-44, -48, cap("#c9873f", False), 0.86)
        + at(52, -46, cap("#a9754a", False), 0.66)
        + at(8, -44, cap("#d4473a", True), 1.18)
        + c.line("M-84,-44 H84", "#7d9b5f", 5),
    )


def paper_boats(c: Canvas) -> str:
    def boat(fill: str) -> str:
        return c.path("M-52,-26 L0,-78 L52,-26 Z", light(fill, 0.35), "soft") + c.path(
            "M-70,-34 L-38,0 H38 L70,-34 L0,-22 Z", fill, "soft"
        )

    waves = "".join(
        c.path(f"M-105,{y} q17,-12 35,0 t35,0 t35,0 t35,0 t35,0 t35,0 V0 H-105 Z", f)
        for y, f in ((-66, "#6fb7c9"), (-44, "#4f9db3"))
    )
    return book(
        c,
        "#ffe0a6",
        "#b5452f",
        ("Paper Boats",),
        "LITTLE HARBOUR",
        c.ball(-56, -206, 24, "#ffffff", None)
        + at(44, -120, boat("#5f8ac0"), 0.6)
        + at(-20, -62, boat("#e2654d"), 1.02)
        + waves,
        236,
        236,
        "#173a42",
    )


def city_birds(c: Canvas) -> str:
    bird = (
        c.path("M-52,6 C-44,-44 14,-56 36,-30 L62,-24 L40,-12 C38,22 -12,36 -36,14 L-82,26 Z", "#e0a03a", "soft")
        + c.path("M-34,4 C-20,-18 8,-20 20,0 C4,16 -20,18 -34,4 Z", "#a86a1c")
        + c.ball(26, -28, 4.5, "#1d2327", None)
        + c.line("M-6,26 l-4,20 M8,24 l2,22", "#6b4a1c", 3)
    )
    town = "".join(
        c.box(x, -h, w, h, f)
        for x, w, h, f in (
            (-105, 44, 84, "#3f5a66"),
            (-61, 36, 112, "#4d6b78"),
            (-25, 50, 70, "#395059"),
            (25, 38, 98, "#4d6b78"),
            (63, 42, 78, "#3f5a66"),
        )
    )
    lights = "".join(c.box(-96 + (k * 37) % 190, -60 + (k * 23) % 34, 6, 8, "#ffd98a") for k in range(14))
    return book(
        c,
        "#e7a895",
        "#33272a",
        ("Birds of the", "Inner City"),
        "GREENBOOK",
        town + lights + c.line("M-105,-128 H105", "#33272a", 2.5) + at(4, -174, bird),
        foot="#fbe3d8",
    )


def tea_house(c: Canvas) -> str:
    potd = (
        c.path("M-60,-70 C-74,-150 74,-150 60,-70 Q0,-50 -60,-70 Z", "#2f5d50", "ball")
        + c.line("M58,-96 q36,-6 40,-36", "#2f5d50", 13)
        + c.line("M-58,-116 C-104,-124 -100,-72 -58,-80", "#2f5d50", 10)
        + c.oval(0, -132, 30, 8, "#244a40")
        + c.ball(0, -144, 9, "#d9b25c")
    )
    steam = "".join(c.line(f"M{x},-160 q-12,-16 0,-32", "#ffffff", 5, 0.7) for x in (-12, 14))
    return book(
        c,
        "#d98d72",
        "#fff3e2",
        ("The Tea House", "Kitchen"),
        "LANTERN PRESS",
        c.ball(0, -110, 84, "#f0c9a8", None) + steam + potd,
    )


def mountain_huts(c: Canvas) -> str:
    peaks = c.path("M-105,-90 L-50,-190 L-10,-126 L34,-214 L105,-96 V0 H-105 Z", "#6f8aa3") + c.path(
        "M-50,-190 L-66,-160 L-48,-150 L-38,-164 L-30,-158 Z M34,-214 L14,-176 L32,-164 L46,-178 L58,-170 Z", "#ffffff"
    )
    front = (
        c.path("M-105,-66 Q-30,-104 105,-56 V0 H-105 Z", "#4f7a5a")
        + c.box(-22, -98, 56, 36, "#8a4f33")
        + c.path("M-32,-96 L6,-126 L44,-96 Z", "#c9473b", "soft")
        + c.box(0, -86, 13, 24, "#ffd98a")
    )
    return book(c, "#f3dcc4", "#2b3f50", ("Mountain", "Huts"), "SALT HOUSE", peaks + front, foot="#f3f0e2")


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "book-slow-bread": bread,
    "book-night-trains": night_train,
    "book-small-gardens": small_gardens,
    "book-lighthouse": lighthouse,
    "book-winter-swims": winter_swims,
    "book-star-atlas": star_atlas,
    "book-mushrooms": mushrooms,
    "book-paper-boats": paper_boats,
    "book-city-birds": city_birds,
    "book-tea-house": tea_house,
    "book-mountain-huts": mountain_huts,
}
