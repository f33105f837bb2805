"""Pictures for Plants & Garden."""

from __future__ import annotations

import math
from collections.abc import Callable

from .canvas import SANS, Canvas, at, dark, light
from .vessels import pot


def monstera(c: Canvas) -> str:
    def big(n: float, fill: str) -> str:
        blade = (
            f"M0,0 C{-n * 0.62:g},{-n * 0.1:g} {-n * 0.6:g},{-n * 0.8:g} 0,{-n:g} C{n * 0.6:g},{-n * 0.8:g} "
            f"{n * 0.62:g},{-n * 0.1:g} 0,0 Z"
        )
        cuts = "".join(
            c.path(
                f"M{s * n * (0.47 - abs(y - 0.5) * 0.35):g},{-n * y:g} q{-s * n * 0.2:g},{n * 0.02:g} "
                f"{-s * n * 0.3:g},{n * 0.08:g} q{s * n * 0.14:g},{n * 0.02:g} {s * n * 0.32:g},{n * 0.02:g} "
                "Z",
                "{shade}",
                None,
            )
            for s in (-1, 1)
            for y in (0.36, 0.54, 0.72)
        )
        veins = "".join(
            c.line(
                f"M0,{-n * y:g} Q{s * n * 0.16:g},{-n * (y + 0.1):g} {s * n * 0.3:g},{-n * (y + 0.12):g}",
                light(fill, 0.35),
                2,
                0.6,
            )
            for s in (-1, 1)
            for y in (0.22, 0.42, 0.6)
        )
        return (
            c.path(blade, fill, "soft")
            + veins
            + cuts.replace("{shade}", dark(fill, 0.45))
            + c.line(f"M0,0 V{-n * 0.9:g}", light(fill, 0.4), 3, 0.7)
        )

    stems = "".join(
        c.line(f"M0,-104 Q{x * 0.3:g},-190 {x},{y}", "#4c7a45", 6)
        for x, y in ((-78, -186), (74, -196), (-22, -236), (40, -160), (-60, -150))
    )
    leaves = (
        at(-78, -180, big(128, "#3f7f4c"), 1, -44)
        + at(74, -190, big(132, "#357245"), 1, 42)
        + at(-14, -222, big(140, "#4c9158"), 1, -4)
        + at(44, -150, big(90, "#5aa163"), 1, 84)
        + at(-56, -146, big(88, "#468a50"), 1, -94)
    )
    return stems + leaves + pot(c, "#c56f4a", 156, 128)


def snake_plant(c: Canvas) -> str:
    out = ""
    for x, n, turn, fill in (
        (-40, 220, -13, "#3d7350"),
        (44, 206, 13, "#3d7350"),
        (-16, 262, -4, "#4b8660"),
        (22, 240, 6, "#447c58"),
        (0, 190, 0, "#589a6c"),
    ):
        d = f"M-20,0 C-26,{-n * 0.5:g} -20,{-n * 0.8:g} 0,{-n:g} C20,{-n * 0.8:g} 26,{-n * 0.5:g} 20,0 Z"
        bands = "".join(
            c.line(f"M{-15 + k % 2 * 3},{-30 - k * 26} q15,-10 30,0", dark(fill, 0.4), 4, 0.4)
            for k in range(int(n / 34))
        )
        out += at(x, -100, c.path(d, "#d9c763") + at(0, 0, c.path(d, fill, "soft"), 0.84) + bands, 1, turn)
    return out + pot(c, "#e6ddcf", 150, 122, "#d9b25c")


def cacti(c: Canvas) -> str:
    def spines(points: tuple[tuple[int, int], ...]) -> str:
        return "".join(c.line(f"M{x - 5},{y} h10 M{x},{y - 5} v10", "#f4efdc", 1.8, 0.85) for x, y in points)

    tall = (
        c.box(-28, -218, 56, 150, "#4f8f63", 28, "round")
        + c.line("M24,-130 h26 v-40", "#4f8f63", 24)
        + spines(((-10, -190), (10, -168), (-8, -146), (12, -124), (-6, -104), (50, -160)))
    )
    bowl = (
        c.ball(0, -112, 50, "#6aa86a")
        + "".join(c.line(f"M{x},-152 Q{x * 1.7:g},-112 {x},-74", "#417a4b", 3, 0.5) for x in (-26, 0, 26))
        + "".join(c.leaf(0, -154, 24, t, "#e56a8a") for t in (-50, -20, 20, 50))
        + spines(((-14, -120), (14, -106), (0, -136)))
    )
    ears = (
        c.oval(0, -104, 38, 50, "#5b9a72", "ball")
        + at(20, -138, c.oval(0, -24, 22, 32, "#6bab80", "ball"), 1, 24)
        + at(-24, -132, c.oval(0, -20, 19, 27, "#4f8d66", "ball"), 1, -28)
        + spines(((-10, -110), (12, -96), (0, -126), (30, -166), (-34, -152)))
    )
    return (
        at(0, -26, tall + pot(c, "#e9b44c", 110, 84, "#fff3d6"), 1.02)
        + at(-112, 0, bowl + pot(c, "#d9795a", 108, 76, "#f6dccb"), 0.96)
        + at(110, 0, ears + pot(c, "#5f8aa0", 108, 76, "#dbe8ee"), 0.96)
    )


def olive_tree(c: Canvas) -> str:
    trunk = c.path("M-12,-110 C-22,-160 14,-190 -8,-240 H16 C30,-190 -2,-160 14,-110 Z", "#8d7355", "round")
    leaves = c.oval(0, -272, 84, 74, "#788e62", "ball")
    for k in range(64):
        angle, ring = k * 137.5 % 360, (k / 64) ** 0.5
        dx = ring * 108 * math.cos(angle * 0.01745)
        dy = ring * 96 * math.sin(angle * 0.01745)
        leaves += c.leaf(dx, -272 + dy, 44, angle + 60, ("#7f9468", "#93a77a", "#6a8058", "#a9b98e")[k % 4], 0.17)
    fruit = "".join(
        c.oval(x, y, 8, 11, "#454a2e", "ball")
        for x, y in ((-56, -236), (44, -250), (-8, -210), (68, -296), (-72, -300), (14, -318))
    )
    return trunk + leaves + fruit + pot(c, "#d0a276", 150, 124)


def basil(c: Canvas) -> str:
    stems = "".join(
        c.line(f"M0,-100 Q{x * 0.5:g},-150 {x},{y}", "#5f9a4c", 5)
        for x, y in ((-70, -190), (70, -190), (-34, -236), (36, -240), (0, -262))
    )
    leaves = "".join(
        c.leaf(x, y, n, t, f, 0.42)
        for x, y, n, t, f in (
            (-70, -176, 74, -72, "#4d9143"),
            (70, -176, 74, 70, "#4d9143"),
            (-56, -196, 78, -34, "#69ad55"),
            (58, -198, 78, 34, "#5da24c"),
            (-30, -150, 64, -84, "#5da24c"),
            (30, -150, 64, 84, "#69ad55"),
            (-26, -222, 80, -20, "#7bbd63"),
            (30, -226, 78, 20, "#69ad55"),
            (0, -242, 82, 0, "#86c56d"),
            (-16, -186, 66, -54, "#4d9143"),
            (18, -188, 66, 52, "#7bbd63"),
        )
    )
    return (
        stems
        + leaves
        + pot(c, "#c9764f", 148, 118)
        + c.box(-44, -66, 88, 40, "#f7efdd", 4, "soft")
        + c.text(0, -39, 22, "Basil", "#4a6a34", weight=600)
    )


def watering_can(c: Canvas) -> str:
    green = "#3f6f62"
    spout = c.path("M76,-40 L174,-232 L196,-226 L110,-20 Z", green, "soft") + at(
        188, -232, c.path("M-26,0 L-16,-24 H16 L26,0 Z", "#c9a24d", "soft"), 1, 28
    )
    handle = c.line("M-84,-150 C-204,-190 -190,-30 -92,-36", green, 15) + c.line(
        "M-58,-178 C-50,-270 66,-268 70,-178", dark(green, 0.15), 13
    )
    body = (
        c.path("M-104,-16 Q-104,0 -88,0 H88 Q104,0 104,-16 L90,-178 H-90 Z", green, "round")
        + c.oval(0, -178, 90, 15, dark(green, 0.35))
        + c.path("M-90,-178 A90,15 0 0 1 20,-192 L20,-178 Z", light(green, 0.15), "soft")
    )
    drops = "".join(
        c.path(f"M{x},{y} q9,14 0,18 q-9,-4 0,-18 Z", "#8fc3d6", "ball")
        for x, y in ((214, -204), (230, -176), (208, -166))
    )
    return at(-20, 0, handle + spout + body + c.line("M-99,-60 Q0,-46 99,-60", "#c9a24d", 5, 0.9) + drops, 0.94)


def terracotta(c: Canvas) -> str:
    return (
        at(-74, -20, pot(c, "#c56f4a", 190, 168))
        + at(88, -8, pot(c, "#d4835c", 150, 124))
        + at(-6, 6, pot(c, "#e09a73", 122, 96))
        + at(
            84,
            -128,
            c.leaf(-6, 0, 62, -24, "#6b9a5b") + c.leaf(4, 0, 78, 10, "#7fae6a") + c.leaf(8, 0, 54, 48, "#5a8a4e"),
        )
    )


def trowel(c: Canvas) -> str:
    blade = c.path(
        "M-44,-150 C-60,-80 -34,-20 0,0 C34,-20 60,-80 44,-150 Q0,-170 -44,-150 Z", "#b4bbbf", "soft"
    ) + c.path("M-6,-158 C-12,-90 -6,-30 0,-6 C6,-30 12,-90 6,-158 Z", "#8d959a", None, 0.6)
    neck = c.line("M0,-156 V-206", "#8d959a", 13)
    grip = (
        c.path("M-20,-200 Q-26,-290 -14,-334 Q0,-348 14,-334 Q26,-290 20,-200 Z", "#cf9a5f", "round")
        + c.box(-22, -212, 44, 20, "#8d959a", 5, "round")
        + c.line("M0,-334 q20,-20 4,-36 q-18,6 -4,36", "#a9483a", 5)
    )
    soil = c.path("M-150,8 C-110,-46 -60,-18 -20,-42 C30,-60 90,-30 150,8 Z", "#5c4232", "soft") + "".join(
        c.ball(x, y, 6, "#7a5a44") for x, y in ((-90, -8), (-30, -18), (60, -14), (104, -2))
    )
    return (
        at(16, -10, blade + neck + grip, 1, 16)
        + soil
        + at(-96, -26, c.leaf(0, 0, 44, -22, "#6fb05c") + c.leaf(0, 0, 40, 30, "#86c56d"))
    )


def seeds(c: Canvas) -> str:
    def packet(paper: str, ink: str, words: str, bloom: str) -> str:
        return (
            c.box(-72, -236, 144, 236, paper, 6, "soft")
            + c.path("M-72,-236 H72 V-204 H-72 Z", ink, "down")
            + c.box(-56, -186, 112, 122, "#fffaf0", 4)
            + f'<g transform="translate(0 -122)">{bloom}</g>'
            + c.text(0, -30, 21, words, ink, weight=600)
            + c.text(0, -214, 10, "GLASSHOUSE", "#fffaf0", SANS, 2)
        )

    poppy = (
        c.line("M0,8 V52", "#5d8a4a", 4)
        + "".join(c.leaf(0, 4, 40, t, "#d9493b", 0.5) for t in (-70, -24, 24, 70))
        + c.ball(0, -2, 9, "#33251f")
    )
    corn = (
        c.line("M0,8 V52", "#5d8a4a", 4)
        + "".join(c.leaf(0, 0, 38, t, "#4d6fc0", 0.24) for t in range(0, 360, 36))
        + c.ball(0, 0, 9, "#2e3f78")
    )
    daisy = (
        c.line("M0,8 V52", "#5d8a4a", 4)
        + "".join(c.leaf(0, 0, 38, t, "#f0e6cf", 0.2) for t in range(0, 360, 30))
        + c.ball(0, 0, 12, "#eeb035")
    )
    return (
        at(-92, -4, packet("#f0c9bb", "#a8392d", "Poppy", poppy), 1, -9)
        + at(94, -4, packet("#f3e2ac", "#8a6417", "Daisy", daisy), 1, 9)
        + at(0, 0, packet("#c9d6ec", "#33508f", "Cornflower", corn), 1.06)
    )


def bird_house(c: Canvas) -> str:
    front = c.path("M-98,0 V-180 L0,-270 L98,-180 V0 Z", "#cf9a5f", "soft") + "".join(
        c.line(f"M{x},{-4} V{-176 - (98 - abs(x)) * 0.9:g}", "#9a6a38", 2.5, 0.5) for x in (-60, -22, 22, 60)
    )
    roof = c.path("M-132,-158 L0,-288 L132,-158 L112,-138 L0,-246 L-112,-138 Z", "#6f7f6a", "soft")
    bird = (
        c.path("M-44,0 C-40,-40 10,-52 34,-30 L52,-24 L36,-14 C34,16 -10,26 -30,10 L-70,18 Z", "#4a86a8", "soft")
        + c.path("M-14,12 C6,20 32,8 34,-10 C20,-2 0,0 -14,12 Z", "#f2c7a0")
        + c.ball(24, -26, 4, "#1d2327", None)
    )
    return (
        front
        + c.ball(0, -140, 36, "#3a281b", None)
        + c.box(-7, -92, 14, 12, "#8a5a33")
        + c.oval(0, -84, 15, 8, "#8a5a33", "ball")
        + roof
        + at(96, -206, bird, 0.92)
        + c.box(-120, -12, 240, 18, "#a87341", 6, "down")
    )


def fern(c: Canvas) -> str:
    def frond(n: int, fill: str) -> str:
        out = c.line(f"M0,0 Q{n * 0.5},{-n * 0.5} {n},{n * 0.26:g}", fill, 3.5)
        for k in range(1, 15):
            t = k / 15
            x, y = 2 * (1 - t) * t * n * 0.5 + t * t * n, -2 * (1 - t) * t * n * 0.5 + t * t * n * 0.26
            size = 34 * (1 - t * 0.75)
            out += c.leaf(x, y, size, -18 + t * 80, fill, 0.2) + c.leaf(x, y, size, 168 - t * 20, fill, 0.2)
        return out

    back = "".join(
        at(0, -176, frond(n, f), 1, t, s)
        for n, t, s, f in (
            (150, -34, False, "#3f7d4a"),
            (150, -34, True, "#3f7d4a"),
            (120, -62, False, "#4c9158"),
            (120, -62, True, "#4c9158"),
        )
    )
    front = "".join(
        at(0, -172, frond(n, f), 1, t, s)
        for n, t, s, f in (
            (140, -6, False, "#5aa163"),
            (140, -6, True, "#5aa163"),
            (104, 14, False, "#6fb577"),
            (104, 14, True, "#6fb577"),
        )
    )
    cords = c.line("M-74,-170 L0,-384 L74,-170 M0,-384 V-420", "#d9c29a", 4)
    return (
        cords
        + back
        + at(
            0,
            -62,
            c.path("M-78,-110 Q-78,0 0,0 Q78,0 78,-110 Z", "#e8ded0", "round")
            + c.path("M-78,-108 Q-77,-70 -70,-56 Q0,-40 70,-56 Q77,-70 78,-108 Z", "#c9855f", "round", 0.9),
        )
        + front
    )


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "monstera": monstera,
    "snake-plant": snake_plant,
    "cactus-trio": cacti,
    "olive-tree": olive_tree,
    "basil-pot": basil,
    "watering-can": watering_can,
    "terracotta-set": terracotta,
    "hand-trowel": trowel,
    "flower-seeds": seeds,
    "bird-house": bird_house,
    "boston-fern": fern,
}
