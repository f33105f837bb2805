# ruff: noqa: E501  (a shape stays on one line)

"""Pictures for Bath & Care and Household."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import SANS, Canvas, at, dark, light
from .vessels import bottle, jar, stack, tube

INK = "#2b2622"


def mint(c: Canvas) -> str:
    return c.leaf(-2, 22, 44, -38, "#4fa583") + c.leaf(2, 22, 50, 12, "#3d8d6e") + c.leaf(4, 22, 36, 62, "#6dbb9a")


def ember(c: Canvas) -> str:
    return c.path("M0,-26 C26,0 26,24 0,30 C-26,24 -26,0 0,-26 Z", "#3a3d42", "ball") + c.path("M0,-6 C12,8 12,20 0,24 C-12,20 -12,8 0,-6 Z", "#d9d4cb")


def strawberry(c: Canvas) -> str:
    seeds = "".join(c.oval(x, y, 2, 3, "#ffe9b8") for x, y in ((-12, -2), (0, 2), (12, -2), (-7, 12), (7, 12), (0, 22)))
    hat = "".join(c.leaf(0, -12, 17, t, "#5d9d55") for t in (-80, -40, 0, 40, 80))
    return c.path("M0,34 C-38,10 -30,-16 0,-14 C30,-16 38,10 0,34 Z", "#e2505a", "ball") + seeds + hat


def drop(c: Canvas, colour: str) -> str:
    return c.path("M0,-24 C22,4 20,22 0,24 C-20,22 -22,4 0,-24 Z", colour, "ball")


def lemon(c: Canvas) -> str:
    return c.oval(0, 4, 27, 20, "#f6cf3f", "ball") + c.leaf(8, -12, 28, 58, "#5b9a58")


def lavender(c: Canvas) -> str:
    out = ""
    for x, t in ((-12, -14), (0, 0), (12, 14)):
        stalk = c.line("M0,30 V-24", "#6c8f62", 2.4) + "".join(c.oval(s * 5, -26 + k * 8, 5, 4.4, "#8d78c4", "ball") for k in range(5) for s in (-1, 1))
        out += at(x, 4, stalk, 0.9, t)
    return out


def toothbrushes(c: Canvas) -> str:
    out = ""
    for x, turn, bristle in ((-16, -13, "#5fa08f"), (2, 2, "#f3ead9"), (20, 15, "#d98867")):
        stick = c.box(-9, -330, 18, 310, "#d6aa6c", 9, "round") + "".join(c.line(f"M-3,{-150 - k * 22} h7", "#b98a4e", 1.4, 0.5) for k in range(6))
        out += at(x, 0, stick + c.box(-27, -324, 20, 66, bristle, 5, "soft") + "".join(c.line(f"M-25,{-316 + k * 9} h16", "#1b1410", 1, 0.16) for k in range(7)), 1, turn)
    glass = c.path("M-72,-164 L-60,-12 Q-58,0 -46,0 H46 Q58,0 60,-12 L72,-164 Z", "#a9d0c8", None, 0.5) + c.path("M-72,-164 L-60,-12 Q-58,0 -46,0 H46 Q58,0 60,-12 L72,-164 Z", c.coat("glass"))
    return out + glass + c.oval(0, -164, 72, 12, "#ffffff", None, 0.4) + c.line("M-56,-140 L-48,-24", "#ffffff", 6, 0.6)


def floss(c: Canvas) -> str:
    out = c.path("M-64,-10 V-150 H64 V-10 A64,12 0 0 1 -64,-10 Z", "#cfe3dc", "round")
    out += c.box(-34, -124, 68, 92, "#f8f5ee", 30, "round") + "".join(c.line(f"M-32,{y} H32", "#cfc7b8", 2, 0.8) for y in range(-112, -44, 8))
    out += c.path("M-64,-10 V-150 H64 V-10 A64,12 0 0 1 -64,-10 Z", c.coat("glass")) + c.box(-68, -206, 136, 62, "#b9bec2", 8, "round")
    out += c.oval(0, -206, 68, 12, "#e4e7e9", "soft") + c.line("M18,-208 C34,-262 74,-238 88,-186 S112,-60 96,-4", "#fdfbf6", 4)
    return out + c.text(0, -166, 22, "Lumo", "#41575a", gap=2, weight=600)


def soap(c: Canvas) -> str:
    def bar(fill: str) -> str:
        return c.path("M-128,-22 V-62 Q-128,-84 -104,-88 L104,-88 Q128,-84 128,-62 V-22 Q128,0 104,0 H-104 Q-128,0 -128,-22 Z", fill, "down") + c.path("M-118,-72 Q-112,-96 -86,-98 H86 Q112,-96 118,-72 Q60,-80 0,-80 T-118,-72 Z", light(fill, 0.3), "soft")
    upper = bar("#a9b87a") + c.text(0, -28, 30, "OLD MILL", "#75854c", gap=6, weight=600)
    twig = "".join(c.leaf(x, -8 + abs(x) * 0.06, 44, t, "#6f8a55") for x, t in ((-40, -70), (-18, -48), (6, -22), (28, 12), (52, 48)))
    return bar("#d9cda0") + at(14, -92, upper, 0.92, -5) + at(36, -178, twig, 1, 14) + c.ball(62, -196, 17, "#5c6b3a") + c.ball(88, -180, 15, "#6d7c44")


def towels(c: Canvas) -> str:
    return stack(c, ("#6f9a93", "#e9dfcd", "#d7a78c"), 262, 66) + at(62, -200, c.leaf(0, 0, 76, 60, "#7fa58a") + c.leaf(-4, 0, 62, 24, "#6b957a"))


def hand_cream(c: Canvas) -> str:
    petals = "".join(c.leaf(0, -98, 66, t, "#f0a23c", 0.22) for t in range(0, 360, 30)) + "".join(c.leaf(0, -98, 44, t + 15, "#f7bf5c", 0.24) for t in range(0, 360, 30))
    base = c.path("M-124,-26 V-66 H124 V-26 A124,30 0 0 1 -124,-26 Z", "#d6d0c2", "round")
    lid = at(112, -8, c.oval(0, -98, 98, 98, "#efe6d2", "soft") + c.oval(0, -98, 84, 84, "#f9f2e2") + petals + c.ball(0, -98, 17, "#9a5a24"))
    return lid + at(-40, 0, base + c.oval(0, -66, 124, 32, "#e9e3d5", "soft") + c.oval(0, -64, 110, 26, "#fdf7e9") + c.path("M-70,-66 C-30,-92 10,-46 44,-66 S90,-70 92,-62 C60,-44 -40,-40 -70,-66 Z", "#f4ead2", "soft"))


def wipes(c: Canvas) -> str:
    out = c.path("M-150,-10 Q-158,-62 -142,-118 Q0,-134 142,-118 Q158,-62 150,-10 Q0,8 -150,-10 Z", "#d7e9ec", "down")
    out += c.path("M-74,-122 Q0,-130 74,-122 L66,-82 Q0,-74 -66,-82 Z", "#5fa3ad", "soft") + c.path("M-40,-116 C-60,-170 -10,-160 4,-196 C14,-160 60,-176 44,-114 Z", "#ffffff", "soft")
    out += c.text(-46, -36, 32, "Water", "#2d6670", weight=600) + c.text(62, -38, 12, "60 WIPES", "#2d6670", SANS, 2)
    daisy = "".join(c.leaf(0, 0, 17, t, "#ffffff", 0.3) for t in range(0, 360, 45)) + c.ball(0, 0, 6, "#f3c14b")
    return out + at(112, -72, daisy) + at(-116, -76, daisy, 0.8)


def razor(c: Canvas) -> str:
    grip = c.box(-13, -250, 26, 250, "#aeb4b8", 12, "round") + "".join(c.line(f"M-12,{y} L12,{y - 12}", "#6d757a", 2, 0.55) for y in range(-20, -150, -9))
    head = c.box(-86, -284, 172, 32, "#c9ced1", 14, "down") + c.box(-92, -262, 184, 9, "#edf0f1", 3, "soft") + c.box(-18, -254, 36, 22, "#9da4a9", 6, "round")
    stand = c.path("M-92,-18 Q-92,0 -74,0 H74 Q92,0 92,-18 Q60,-40 0,-40 T-92,-18 Z", "#3e4347", "down")
    return stand + at(0, -16, grip + head, 1.02)


def dryer_balls(c: Canvas) -> str:
    def wool(r: float, fill: str, turn: int) -> str:
        curls = "".join(c.line(f"M{-r * 0.7 + k * r * 0.28:g},{-r * 0.2 + (k % 3) * r * 0.24:g} q{r * 0.16:g},{-r * 0.2:g} {r * 0.3:g},0", dark(fill, 0.25), 2, 0.4) for k in range(5))
        return c.ball(0, -r, r, fill) + at(0, -r, curls, 1, turn)
    return at(-84, 0, wool(78, "#ece4d6", 10)) + at(78, 0, wool(84, "#b9b2a6", 40)) + at(4, -118, wool(76, "#dca98d", -20))


def candle(c: Canvas) -> str:
    glow = c.gradient("c", (0, "#ffe2a0", 0.85), (0.4, "#ffc860", 0.3), (1, "#ffc860", 0))
    flame = c.oval(0, -262, 96, 110, glow) + c.path("M0,-306 C22,-270 20,-238 0,-234 C-20,-238 -22,-270 0,-306 Z", "#ffb63e") + c.path("M0,-276 C10,-258 9,-240 0,-238 C-9,-240 -10,-258 0,-276 Z", "#fff3c8")
    return jar(c, "#c0762f", "#c0762f", "#f7eedb", INK, "Beeswax", "FORTY HOURS", c.path("M0,-20 L17,-10 V10 L0,20 L-17,10 V-10 Z", "#d9a441", "soft"), 168, 200) + c.oval(0, -222, 66, 14, "#e9c077", "soft") + c.line("M0,-224 V-244", "#4a3520", 4) + flame


def brush(c: Canvas) -> str:
    bristles = "".join(c.line(f"M{x},-62 L{x * 1.18:g},-4", "#e8d6ae" if k % 2 else "#d5bd8a", 9) for k, x in enumerate(range(-60, 66, 9)))
    head = bristles + c.path("M-72,-66 Q-72,-104 0,-108 Q72,-104 72,-66 Q0,-52 -72,-66 Z", "#c58f57", "soft")
    handle = c.path("M-15,-96 L-11,-330 Q0,-350 11,-330 L15,-96 Z", "#d7a46a", "round") + c.oval(0, -324, 5, 8, "#8a5f33") + c.line("M0,-332 q18,-22 2,-40 q-18,10 -2,40", "#f3e9d6", 4)
    return at(0, 0, handle, 1, 12) + at(0, 0, c.box(-14, -118, 28, 22, "#b7bcbf", 3, "round"), 1, 6) + head


def spray(c: Canvas) -> str:
    return bottle(c, "#cfe4e6", "#48606b", "#ffffff", "#2e5560", "Vinegar", "GLASS CLEANER", mint(c), 140, 220, "spray", True)


def paper_rolls(c: Canvas) -> str:
    def roll(fill: str) -> str:
        side = c.path("M-62,-178 V-14 A62,15 0 0 0 62,-14 V-178 Z", fill, "round") + "".join(c.line(f"M-61,{y} A62,15 0 0 0 61,{y}", "#c9bca6", 1.5, 0.6) for y in range(-140, 0, 42))
        return side + c.oval(0, -178, 62, 15, "#fffaf0", "soft") + c.oval(0, -178, 24, 6.5, "#a58d6a")
    return at(-70, -22, roll("#efe8da")) + at(72, -22, roll("#efe8da")) + at(0, 0, roll("#f7f1e5")) + at(0, -196, roll("#f3ecde"), 0.82)


def basket(c: Canvas) -> str:
    blanket = c.path("M-104,-190 C-90,-250 -20,-236 0,-258 C30,-236 96,-246 106,-190 Z", "#7d9b93", "soft") + c.line("M-70,-196 C-50,-226 10,-226 30,-198", "#5b7a72", 3, 0.6)
    body = "M-132,-190 Q-138,-80 -104,-14 Q-98,0 -84,0 H84 Q98,0 104,-14 Q138,-80 132,-190 Z"
    rows = ""
    for k in range(9):
        y, half = -182 + k * 21, 131 - k * k * 0.42
        for j in range(13):
            x = -half + (j + (k % 2) * 0.5) * (2 * half / 13)
            if x + 2 * half / 13 <= half + 3:
                rows += c.box(x, y, 2 * half / 13 - 2, 17, "#c79a5c" if (j + k) % 2 else "#d8b077", 7, "down")
    handles = "".join(c.line(f"M{s * 128},-168 C{s * 168},-176 {s * 166},-110 {s * 126},-118", "#a97c42", 12) for s in (-1, 1))
    return handles + blanket + c.path(body, "#b5864a", "round") + rows + c.path(body, c.coat("round"))


def bucket(c: Canvas) -> str:
    handle = c.line("M-112,-216 C-96,-352 96,-352 112,-216", "#8e959a", 7) + c.box(-36, -326, 72, 22, "#c08a52", 10, "down")
    body = c.path("M-120,-222 L-88,-14 Q-86,0 -70,0 H70 Q86,0 88,-14 L120,-222 Z", "#f6f2e8", "round")
    rim = c.oval(0, -222, 122, 24, "#2f4f66") + c.oval(0, -222, 114, 19, "#dcd6c8") + c.path("M-114,-222 A114,19 0 0 1 114,-222 A114,10 0 0 0 -114,-222 Z", "#1b1410", None, 0.18)
    return handle + body + c.path("M-91,-30 L-88,-14 Q-86,0 -70,0 H70 Q86,0 88,-14 L91,-30 Z", "#2f4f66", "round") + rim + c.box(-8, -170, 0, 0, "#fff") + c.text(0, -98, 64, "10", "#2f4f66", weight=600)


def bulb(c: Canvas) -> str:
    glow = c.gradient("c", (0, "#ffd88a", 0.9), (0.5, "#ffc65c", 0.28), (1, "#ffc65c", 0))
    glass = "M-34,-98 C-40,-138 -92,-168 -92,-232 A92,92 0 0 1 92,-232 C92,-168 40,-138 34,-98 Z"
    wire = "".join(c.line(f"M{x},-124 L{x * 2.3:g},-252 L{(x + 10) * 2.1:g},-150", "#ff9e2c", 3.2) for x in (-18, -6, 6))
    screw = "".join(c.box(-33 + k, -98 + k * 20, 66 - 2 * k, 18, "#c9a24d", 8, "round") for k in range(4))
    return c.oval(0, -226, 176, 170, glow) + c.path(glass, "#ffe7b4", None, 0.75) + wire + c.path(glass, c.coat("ball")) + c.line("M-66,-250 C-62,-282 -40,-300 -16,-304", "#ffffff", 8, 0.8) + screw + c.path("M-22,-18 H22 L10,0 H-10 Z", "#3a3531")


def laundry(c: Canvas) -> str:
    d = "M-96,-20 Q-96,0 -76,0 H76 Q96,0 96,-20 V-150 Q96,-214 40,-226 L30,-250 H-46 L-50,-228 Q-96,-206 -96,-150 Z"
    hole = c.path("M34,-196 Q74,-184 74,-132 Q74,-112 58,-112 Q46,-112 46,-130 Q46,-160 28,-172 Z", "#000000", None, 0.16)
    return c.box(-50, -296, 84, 54, "#5b4a87", 8, "round") + c.path(d, "#b7a6d9", "round") + hole + at(-22, 0, c.path("M-62,-150 H42 Q56,-60 42,-26 H-62 Z", "#fbf8ff", None, 0.94) + at(-10, -104, lavender(c), 1.05) + c.text(-10, -44, 21, "Lavender", "#4b3c78", weight=600))


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "mint-toothpaste": lambda c: tube(c, "#f2f7f2", "#3f8f76", "#23584a", "Lumo", mint(c), "#9ed2bd"),
    "charcoal-toothpaste": lambda c: tube(c, "#4a4f55", "#d8d2c6", "#f3eee4", "Lumo", ember(c), "#2d3136"),
    "strawberry-toothpaste": lambda c: tube(c, "#fbd7d6", "#e2606b", "#8f2b3a", "Lumo", strawberry(c), "#f29aa0", 268),
    "bamboo-toothbrush": toothbrushes, "dental-floss": floss, "olive-soap": soap, "hand-cream": hand_cream,
    "oat-shampoo": lambda c: bottle(c, "#e6d5b8", "#8a6d4a", "#fffaf0", INK, "Oat Milk", "SHAMPOO", c.leaf(-2, 20, 40, -24, "#c8a25e", 0.22) + c.leaf(2, 20, 46, 20, "#b88f49", 0.22), 142, 236, "pump"),
    "linen-towels": towels, "baby-wipes": wipes, "safety-razor": razor,
    "laundry-liquid": laundry, "dryer-balls": dryer_balls, "beeswax-candle": candle, "dish-brush": brush,
    "dish-soap": lambda c: bottle(c, "#f3dc6a", "#f9f6ea", "#fffdf2", "#5d6a1f", "Lemon", "DISH SOAP", lemon(c), 130, 236, "pump", True),
    "cotton-cloths": lambda c: stack(c, ("#c9876a", "#efe3cf", "#7f9c94", "#e6c27c", "#efe3cf"), 236, 44),
    "glass-cleaner": spray, "paper-towels": paper_rolls, "seagrass-basket": basket, "enamel-bucket": bucket, "warm-bulb": bulb,
}  # fmt: skip
