"""Pictures for Bath & Care."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import SANS, Canvas, at, light
from .vessels import INK, bottle, stack, tube


def mint(c: Canvas) -> str:
    return c.leaf(-2, 22, 44, -38, "#4fa583") + c.leaf(2, 22, 50, 12, "#3d8d6e") + c.leaf(4, 22, 36, 62, "#6dbb9a")


def ember(c: Canvas) -> str:
    return c.path("M0,-26 C26,0 26,24 0,30 C-26,24 -26,0 0,-26 Z", "#3a3d42", "ball") + c.path(
        "M0,-6 C12,8 12,20 0,24 C-12,20 -12,8 0,-6 Z", "#d9d4cb"
    )


def strawberry(c: Canvas) -> str:
    seeds = "".join(c.oval(x, y, 2, 3, "#ffe9b8") for x, y in ((-12, -2), (0, 2), (12, -2), (-7, 12), (7, 12), (0, 22)))
    hat = "".join(c.leaf(0, -12, 17, t, "#5d9d55") for t in (-80, -40, 0, 40, 80))
    return c.path("M0,34 C-38,10 -30,-16 0,-14 C30,-16 38,10 0,34 Z", "#e2505a", "ball") + seeds + hat


def toothbrushes(c: Canvas) -> str:
    out = ""
    for x, turn, bristle in ((-16, -13, "#5fa08f"), (2, 2, "#f3ead9"), (20, 15, "#d98867")):
        stick = c.box(-9, -330, 18, 310, "#d6aa6c", 9, "round") + "".join(
            c.line(f"M-3,{-150 - k * 22} h7", "#b98a4e", 1.4, 0.5) for k in range(6)
        )
        out += at(
            x,
            0,
            stick
            + c.box(-27, -324, 20, 66, bristle, 5, "soft")
            + "".join(c.line(f"M-25,{-316 + k * 9} h16", "#1b1410", 1, 0.16) for k in range(7)),
            1,
            turn,
        )
    glass = c.path("M-72,-164 L-60,-12 Q-58,0 -46,0 H46 Q58,0 60,-12 L72,-164 Z", "#a9d0c8", None, 0.5) + c.path(
        "M-72,-164 L-60,-12 Q-58,0 -46,0 H46 Q58,0 60,-12 L72,-164 Z", c.coat("glass")
    )
    return out + glass + c.oval(0, -164, 72, 12, "#ffffff", None, 0.4) + c.line("M-56,-140 L-48,-24", "#ffffff", 6, 0.6)


def floss(c: Canvas) -> str:
    out = c.path("M-64,-10 V-150 H64 V-10 A64,12 0 0 1 -64,-10 Z", "#cfe3dc", "round")
    out += c.box(-34, -124, 68, 92, "#f8f5ee", 30, "round") + "".join(
        c.line(f"M-32,{y} H32", "#cfc7b8", 2, 0.8) for y in range(-112, -44, 8)
    )
    out += c.path("M-64,-10 V-150 H64 V-10 A64,12 0 0 1 -64,-10 Z", c.coat("glass")) + c.box(
        -68, -206, 136, 62, "#b9bec2", 8, "round"
    )
    out += c.oval(0, -206, 68, 12, "#e4e7e9", "soft") + c.line(
        "M18,-208 C34,-262 74,-238 88,-186 S112,-60 96,-4", "#fdfbf6", 4
    )
    return out + c.text(0, -166, 22, "Lumo", "#41575a", gap=2, weight=600)


def soap(c: Canvas) -> str:
    def bar(fill: str) -> str:
        return c.path(
            "M-128,-22 V-62 Q-128,-84 -104,-88 L104,-88 Q128,-84 128,-62 V-22 Q128,0 104,0 H-104 Q-128,0 -128,-22 Z",
            fill,
            "down",
        ) + c.path(
            "M-118,-72 Q-112,-96 -86,-98 H86 Q112,-96 118,-72 Q60,-80 0,-80 T-118,-72 Z", light(fill, 0.3), "soft"
        )

    upper = bar("#a9b87a") + c.text(0, -28, 30, "OLD MILL", "#75854c", gap=6, weight=600)
    twig = "".join(
        c.leaf(x, -8 + abs(x) * 0.06, 44, t, "#6f8a55")
        for x, t in ((-40, -70), (-18, -48), (6, -22), (28, 12), (52, 48))
    )
    return (
        bar("#d9cda0")
        + at(14, -92, upper, 0.92, -5)
        + at(36, -178, twig, 1, 14)
        + c.ball(62, -196, 17, "#5c6b3a")
        + c.ball(88, -180, 15, "#6d7c44")
    )


def towels(c: Canvas) -> str:
    return stack(c, ("#6f9a93", "#e9dfcd", "#d7a78c"), 262, 66) + at(
        62, -200, c.leaf(0, 0, 76, 60, "#7fa58a") + c.leaf(-4, 0, 62, 24, "#6b957a")
    )


def hand_cream(c: Canvas) -> str:
    petals = "".join(c.leaf(0, -98, 66, t, "#f0a23c", 0.22) for t in range(0, 360, 30)) + "".join(
        c.leaf(0, -98, 44, t + 15, "#f7bf5c", 0.24) for t in range(0, 360, 30)
    )
    base = c.path("M-124,-26 V-66 H124 V-26 A124,30 0 0 1 -124,-26 Z", "#d6d0c2", "round")
    lid = at(
        112,
        -8,
        c.oval(0, -98, 98, 98, "#efe6d2", "soft")
        + c.oval(0, -98, 84, 84, "#f9f2e2")
        + petals
        + c.ball(0, -98, 17, "#9a5a24"),
    )
    return lid + at(
        -40,
        0,
        base
        + c.oval(0, -66, 124, 32, "#e9e3d5", "soft")
        + c.oval(0, -64, 110, 26, "#fdf7e9")
        + c.path("M-70,-66 C-30,-92 10,-46 44,-66 S90,-70 92,-62 C60,-44 -40,-40 -70,-66 Z", "#f4ead2", "soft"),
    )


def wipes(c: Canvas) -> str:
    out = c.path("M-150,-10 Q-158,-62 -142,-118 Q0,-134 142,-118 Q158,-62 150,-10 Q0,8 -150,-10 Z", "#d7e9ec", "down")
    out += c.path("M-74,-122 Q0,-130 74,-122 L66,-82 Q0,-74 -66,-82 Z", "#5fa3ad", "soft") + c.path(
        "M-40,-116 C-60,-170 -10,-160 4,-196 C14,-160 60,-176 44,-114 Z", "#ffffff", "soft"
    )
    out += c.text(-46, -36, 32, "Water", "#2d6670", weight=600) + c.text(62, -38, 12, "60 WIPES", "#2d6670", SANS, 2)
    daisy = "".join(c.leaf(0, 0, 17, t, "#ffffff", 0.3) for t in range(0, 360, 45)) + c.ball(0, 0, 6, "#f3c14b")
    return out + at(112, -72, daisy) + at(-116, -76, daisy, 0.8)


def razor(c: Canvas) -> str:
    grip = c.box(-13, -250, 26, 250, "#aeb4b8", 12, "round") + "".join(
        c.line(f"M-12,{y} L12,{y - 12}", "#6d757a", 2, 0.55) for y in range(-20, -150, -9)
    )
    head = (
        c.box(-86, -284, 172, 32, "#c9ced1", 14, "down")
        + c.box(-92, -262, 184, 9, "#edf0f1", 3, "soft")
        + c.box(-18, -254, 36, 22, "#9da4a9", 6, "round")
    )
    stand = c.path("M-92,-18 Q-92,0 -74,0 H74 Q92,0 92,-18 Q60,-40 0,-40 T-92,-18 Z", "#3e4347", "down")
    return stand + at(0, -16, grip + head, 1.02)


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "mint-toothpaste": lambda c: tube(c, "#f2f7f2", "#3f8f76", "#23584a", "Lumo", mint(c), "#9ed2bd"),
    "charcoal-toothpaste": lambda c: tube(c, "#4a4f55", "#d8d2c6", "#f3eee4", "Lumo", ember(c), "#2d3136"),
    "strawberry-toothpaste": lambda c: tube(c, "#fbd7d6", "#e2606b", "#8f2b3a", "Lumo", strawberry(c), "#f29aa0", 268),
    "bamboo-toothbrush": toothbrushes,
    "dental-floss": floss,
    "olive-soap": soap,
    "hand-cream": hand_cream,
    "oat-shampoo": lambda c: bottle(
        c,
        "#e6d5b8",
        "#8a6d4a",
        "#fffaf0",
        INK,
        "Oat Milk",
        "SHAMPOO",
        c.leaf(-2, 20, 40, -24, "#c8a25e", 0.22) + c.leaf(2, 20, 46, 20, "#b88f49", 0.22),
        142,
        236,
        "pump",
    ),
    "linen-towels": towels,
    "baby-wipes": wipes,
    "safety-razor": razor,
}
