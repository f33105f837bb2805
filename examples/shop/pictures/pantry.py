"""Pictures for Pantry."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import SANS, Canvas, at, dark
from .vessels import INK, bottle, carton, jar, pouch, tin


def chocolate(c: Canvas) -> str:
    squares = "".join(
        c.box(-86 + i * 58, -316 + j * 50, 54, 46, "#4d2e1f", 5, "soft")
        + c.box(-76 + i * 58, -307 + j * 50, 34, 28, "#5b3827", 4, "down")
        for i in range(3)
        for j in range(3)
    )
    foil = c.path(
        "M-98,-196 L-80,-214 L-60,-192 L-38,-212 L-14,-190 L10,-210 L34,-190 L58,-212 L78,-192 L98,-206 V-150 H-98 Z",
        "#e6dccb",
        "soft",
    )
    paper = (
        c.box(-98, -178, 196, 178, "#2f4b52", 4, "soft")
        + c.box(-78, -146, 156, 106, "#f4ead8", 4)
        + c.text(0, -94, 30, "Dark 72", INK, weight=600)
        + c.text(0, -66, 11, "SEA SALT", INK, SANS, 3)
    )
    return at(
        0, 0, squares + foil + paper + "".join(c.line(f"M-98,{y} H98", "#d9a441", 2.5) for y in (-162, -24)), 1, -5
    )


def sardines(c: Canvas) -> str:
    fish = (
        c.path("M-86,0 C-50,-34 30,-34 62,0 L92,-22 V22 L62,0 C30,34 -50,34 -86,0 Z", "#f6efe0")
        + c.ball(-56, -6, 5, "#27424d", None)
        + "".join(c.line(f"M{x},-14 q10,14 0,28", "#27424d", 2.4, 0.6) for x in (-26, 0, 26))
    )
    side = c.box(-156, -112, 312, 112, "#c9ced1", 46, "down") + c.box(-156, -84, 312, 56, "#d8843f", 0, "soft")
    back = at(
        0,
        -112,
        c.box(-150, -178, 300, 190, "#cfd4d6", 70, "down")
        + c.box(-134, -164, 268, 162, "#27647a", 60, "soft")
        + at(0, -92, fish, 1.1)
        + c.text(0, -34, 20, "SARDINES", "#f6efe0", gap=5, weight=600),
        0.92,
    )
    return back + side + c.text(0, -48, 24, "Casa Piera", "#fff6e6", weight=600, gap=1)


def bananas(c: Canvas) -> str:
    one = "M0,-8 C64,30 112,118 92,206 Q90,222 76,218 C78,140 30,66 -34,26 Z"

    def banana(fill: str) -> str:
        return (
            c.path(one, fill, "soft")
            + c.path("M-8,6 C56,52 92,130 82,216 Q76,222 76,218 C78,140 30,66 -34,26 Z", dark(fill, 0.2), None, 0.45)
            + c.path("M92,200 Q94,224 74,220 Q76,208 78,200 Z", "#5a4326")
        )

    bunch = (
        at(0, 0, banana("#efc23c"), 1, 44)
        + at(-2, 0, banana("#f6d04d"), 1.04, 24)
        + at(-6, 2, banana("#f9da66"), 1.06, 3)
        + at(-12, 6, banana("#f4cb45"), 1, -18, True)
    )
    return at(20, -246, bunch, 1.02) + at(
        16,
        -250,
        c.path("M-30,20 L-20,-30 Q0,-44 22,-30 L26,18 Q0,34 -30,20 Z", "#b99a3a", "round")
        + c.box(-20, -44, 40, 22, "#6b5530", 6, "round"),
    )


def apricot(c: Canvas) -> str:
    return c.ball(-10, 4, 20, "#f0923c") + c.ball(14, 8, 17, "#f5ab57") + c.leaf(-2, -12, 26, 44, "#5d9b52")


def bee(c: Canvas) -> str:
    wings = c.oval(-10, -12, 9, 15, "#cfe3ea", "soft") + c.oval(8, -12, 9, 15, "#dcecf2", "soft")
    return (
        wings
        + c.oval(0, 6, 23, 15, "#eeb035", "ball")
        + "".join(c.box(x, -7, 6, 26, "#3a2b1a", 3) for x in (-9, 3))
        + c.ball(23, 4, 8, "#3a2b1a")
    )


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "coffee-beans": lambda c: pouch(
        c,
        "#34545a",
        "#f5ead6",
        INK,
        "Harbour",
        "BLEND No. 7",
        c.path("M-26,8 L0,-26 V8 Z M6,8 V-18 L26,8 Z M-30,14 H30 L20,28 H-20 Z", "#34545a"),
        window="#5b3a26",
    ),
    "earl-grey": lambda c: tin(
        c,
        "#4f6a8f",
        "#d6b264",
        "#f6f0e2",
        "#2f4464",
        "Earl Grey",
        "WHOLE LEAF",
        c.leaf(-3, 18, 40, -30, "#6f8a55") + c.leaf(3, 18, 46, 22, "#5a7847"),
    ),
    "forest-honey": lambda c: jar(c, "#b8651b", "#e9dcc0", "#fdf4df", "#6b3d12", "Honey", "FROM THE FOREST", bee(c)),
    "olive-oil": lambda c: bottle(
        c,
        "#6b7a35",
        "#c79a62",
        "#f7f1de",
        "#4a5522",
        "Olio",
        "EARLY HARVEST",
        c.ball(-12, 6, 13, "#7d8c3f") + c.ball(10, 12, 12, "#5c6b2c") + c.leaf(0, -4, 34, 40, "#5c7a3c", 0.2),
        118,
        236,
        "cork",
    ),
    "dark-chocolate": chocolate,
    "apricot-jam": lambda c: jar(c, "#ee9136", "#c9553d", "#fff6e6", "#8a3f14", "Apricot", "JAM", apricot(c), 178, 168),
    "bronze-pasta": lambda c: pouch(
        c,
        "#d98f4e",
        "#fff7e8",
        "#7a3a17",
        "Rigatoni",
        "BRONZE CUT",
        "".join(c.box(x, -16 + k * 5, 14, 36, "#f0c878", 6, "round") for k, x in enumerate((-32, -8, 16))),
        window="#efc676",
    ),
    "honey-granola": lambda c: pouch(
        c,
        "#8fa878",
        "#fbf6e8",
        "#3f5a2e",
        "Granola",
        "HONEY ALMOND",
        "".join(
            c.path(f"M{x},{y} q12,-20 20,2 q-8,16 -20,-2 Z", "#c8935a", "ball")
            for x, y in ((-30, 4), (-6, -8), (14, 8), (-12, 18))
        ),
        window="#d9a864",
    ),
    "sardines": sardines,
    "bananas": bananas,
    "oat-drink": lambda c: carton(
        c,
        "#f2e4c9",
        "#7a9aa8",
        "#39525e",
        "Oat",
        "BARISTA",
        c.leaf(-12, 30, 58, -22, "#c79a52", 0.2)
        + c.leaf(0, 32, 66, 4, "#d9ad66", 0.2)
        + c.leaf(12, 30, 56, 28, "#b98a42", 0.2),
    ),
}
