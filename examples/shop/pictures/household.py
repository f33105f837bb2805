"""Pictures for Household."""

from __future__ import annotations

from collections.abc import Callable

from .bath import mint
from .canvas import Canvas, at, dark
from .vessels import INK, bottle, jar, stack


def lemon(c: Canvas) -> str:
    return c.oval(0, 4, 27, 20, "#f6cf3f", "ball") + c.leaf(8, -12, 28, 58, "#5b9a58")


def lavender(c: Canvas) -> str:
    out = ""
    for x, t in ((-12, -14), (0, 0), (12, 14)):
        stalk = c.line("M0,30 V-24", "#6c8f62", 2.4) + "".join(
            c.oval(s * 5, -26 + k * 8, 5, 4.4, "#8d78c4", "ball") for k in range(5) for s in (-1, 1)
        )
        out += at(x, 4, stalk, 0.9, t)
    return out


def dryer_balls(c: Canvas) -> str:
    def wool(r: float, fill: str, turn: int) -> str:
        curls = "".join(
            c.line(
                f"M{-r * 0.7 + k * r * 0.28:g},{-r * 0.2 + (k % 3) * r * 0.24:g} q{r * 0.16:g},{-r * 0.2:g} "
                f"{r * 0.3:g},0",
                dark(fill, 0.25),
                2,
                0.4,
            )
            for k in range(5)
        )
        return c.ball(0, -r, r, fill) + at(0, -r, curls, 1, turn)

    return (
        at(-84, 0, wool(78, "#ece4d6", 10)) + at(78, 0, wool(84, "#b9b2a6", 40)) + at(4, -118, wool(76, "#dca98d", -20))
    )


def candle(c: Canvas) -> str:
    glow = c.gradient("c", (0, "#ffe2a0", 0.85), (0.4, "#ffc860", 0.3), (1, "#ffc860", 0))
    flame = (
        c.oval(0, -262, 96, 110, glow)
        + c.path("M0,-306 C22,-270 20,-238 0,-234 C-20,-238 -22,-270 0,-306 Z", "#ffb63e")
        + c.path("M0,-276 C10,-258 9,-240 0,-238 C-9,-240 -10,-258 0,-276 Z", "#fff3c8")
    )
    return (
        jar(
            c,
            "#c0762f",
            "#c0762f",
            "#f7eedb",
            INK,
            "Beeswax",
            "FORTY HOURS",
            c.path("M0,-20 L17,-10 V10 L0,20 L-17,10 V-10 Z", "#d9a441", "soft"),
            168,
            200,
        )
        + c.oval(0, -222, 66, 14, "#e9c077", "soft")
        + c.line("M0,-224 V-244", "#4a3520", 4)
        + flame
    )


def brush(c: Canvas) -> str:
    bristles = "".join(
        c.line(f"M{x},-62 L{x * 1.18:g},-4", "#e8d6ae" if k % 2 else "#d5bd8a", 9)
        for k, x in enumerate(range(-60, 66, 9))
    )
    head = bristles + c.path("M-72,-66 Q-72,-104 0,-108 Q72,-104 72,-66 Q0,-52 -72,-66 Z", "#c58f57", "soft")
    handle = (
        c.path("M-15,-96 L-11,-330 Q0,-350 11,-330 L15,-96 Z", "#d7a46a", "round")
        + c.oval(0, -324, 5, 8, "#8a5f33")
        + c.line("M0,-332 q18,-22 2,-40 q-18,10 -2,40", "#f3e9d6", 4)
    )
    return at(0, 0, handle, 1, 12) + at(0, 0, c.box(-14, -118, 28, 22, "#b7bcbf", 3, "round"), 1, 6) + head


def spray(c: Canvas) -> str:
    return bottle(
        c, "#cfe4e6", "#48606b", "#ffffff", "#2e5560", "Vinegar", "GLASS CLEANER", mint(c), 140, 220, "spray", True
    )


def paper_rolls(c: Canvas) -> str:
    def roll(fill: str) -> str:
        side = c.path("M-62,-178 V-14 A62,15 0 0 0 62,-14 V-178 Z", fill, "round") + "".join(
            c.line(f"M-61,{y} A62,15 0 0 0 61,{y}", "#c9bca6", 1.5, 0.6) for y in range(-140, 0, 42)
        )
        return side + c.oval(0, -178, 62, 15, "#fffaf0", "soft") + c.oval(0, -178, 24, 6.5, "#a58d6a")

    return (
        at(-70, -22, roll("#efe8da"))
        + at(72, -22, roll("#efe8da"))
        + at(0, 0, roll("#f7f1e5"))
        + at(0, -196, roll("#f3ecde"), 0.82)
    )


def basket(c: Canvas) -> str:
    blanket = c.path("M-104,-190 C-90,-250 -20,-236 0,-258 C30,-236 96,-246 106,-190 Z", "#7d9b93", "soft") + c.line(
        "M-70,-196 C-50,-226 10,-226 30,-198", "#5b7a72", 3, 0.6
    )
    body = "M-132,-190 Q-138,-80 -104,-14 Q-98,0 -84,0 H84 Q98,0 104,-14 Q138,-80 132,-190 Z"
    rows = ""
    for k in range(9):
        y, half = -182 + k * 21, 131 - k * k * 0.42
        for j in range(13):
            x = -half + (j + (k % 2) * 0.5) * (2 * half / 13)
            if x + 2 * half / 13 <= half + 3:
                rows += c.box(x, y, 2 * half / 13 - 2, 17, "#c79a5c" if (j + k) % 2 else "#d8b077", 7, "down")
    handles = "".join(
        c.line(f"M{s * 128},-168 C{s * 168},-176 {s * 166},-110 {s * 126},-118", "#a97c42", 12) for s in (-1, 1)
    )
    return handles + blanket + c.path(body, "#b5864a", "round") + rows + c.path(body, c.coat("round"))


def bucket(c: Canvas) -> str:
    handle = c.line("M-112,-216 C-96,-352 96,-352 112,-216", "#8e959a", 7) + c.box(
        -36, -326, 72, 22, "#c08a52", 10, "down"
    )
    body = c.path("M-120,-222 L-88,-14 Q-86,0 -70,0 H70 Q86,0 88,-14 L120,-222 Z", "#f6f2e8", "round")
    rim = (
        c.oval(0, -222, 122, 24, "#2f4f66")
        + c.oval(0, -222, 114, 19, "#dcd6c8")
        + c.path("M-114,-222 A114,19 0 0 1 114,-222 A114,10 0 0 0 -114,-222 Z", "#1b1410", None, 0.18)
    )
    return (
        handle
        + body
        + c.path("M-91,-30 L-88,-14 Q-86,0 -70,0 H70 Q86,0 88,-14 L91,-30 Z", "#2f4f66", "round")
        + rim
        + c.box(-8, -170, 0, 0, "#fff")
        + c.text(0, -98, 64, "10", "#2f4f66", weight=600)
    )


def bulb(c: Canvas) -> str:
    glow = c.gradient("c", (0, "#ffd88a", 0.9), (0.5, "#ffc65c", 0.28), (1, "#ffc65c", 0))
    glass = "M-34,-98 C-40,-138 -92,-168 -92,-232 A92,92 0 0 1 92,-232 C92,-168 40,-138 34,-98 Z"
    wire = "".join(
        c.line(f"M{x},-124 L{x * 2.3:g},-252 L{(x + 10) * 2.1:g},-150", "#ff9e2c", 3.2) for x in (-18, -6, 6)
    )
    screw = "".join(c.box(-33 + k, -98 + k * 20, 66 - 2 * k, 18, "#c9a24d", 8, "round") for k in range(4))
    return (
        c.oval(0, -226, 176, 170, glow)
        + c.path(glass, "#ffe7b4", None, 0.75)
        + wire
        + c.path(glass, c.coat("ball"))
        + c.line("M-66,-250 C-62,-282 -40,-300 -16,-304", "#ffffff", 8, 0.8)
        + screw
        + c.path("M-22,-18 H22 L10,0 H-10 Z", "#3a3531")
    )


def laundry(c: Canvas) -> str:
    d = "M-96,-20 Q-96,0 -76,0 H76 Q96,0 96,-20 V-150 Q96,-214 40,-226 L30,-250 H-46 L-50,-228 Q-96,-206 -96,-150 Z"
    hole = c.path(
        "M34,-196 Q74,-184 74,-132 Q74,-112 58,-112 Q46,-112 46,-130 Q46,-160 28,-172 Z", "#000000", None, 0.16
    )
    return (
        c.box(-50, -296, 84, 54, "#5b4a87", 8, "round")
        + c.path(d, "#b7a6d9", "round")
        + hole
        + at(
            -22,
            0,
            c.path("M-62,-150 H42 Q56,-60 42,-26 H-62 Z", "#fbf8ff", None, 0.94)
            + at(-10, -104, lavender(c), 1.05)
            + c.text(-10, -44, 21, "Lavender", "#4b3c78", weight=600),
        )
    )


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "laundry-liquid": laundry,
    "dryer-balls": dryer_balls,
    "beeswax-candle": candle,
    "dish-brush": brush,
    "dish-soap": lambda c: bottle(
        c, "#f3dc6a", "#f9f6ea", "#fffdf2", "#5d6a1f", "Lemon", "DISH SOAP", lemon(c), 130, 236, "pump", True
    ),
    "cotton-cloths": lambda c: stack(c, ("#c9876a", "#efe3cf", "#7f9c94", "#e6c27c", "#efe3cf"), 236, 44),
    "glass-cleaner": spray,
    "paper-towels": paper_rolls,
    "seagrass-basket": basket,
    "enamel-bucket": bucket,
    "warm-bulb": bulb,
}
