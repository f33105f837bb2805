"""Pictures for Kitchen."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import Canvas, at, dark, light


def knife(c: Canvas) -> str:
    blade = c.path("M-22,-120 L-26,-372 C10,-330 30,-240 30,-120 Z", "#d3d8db", "soft") + c.path(
        "M6,-120 C8,-230 -4,-320 -26,-372 C10,-330 30,-240 30,-120 Z", "#f4f6f7", None, 0.7
    )
    handle = (
        c.box(-24, -122, 54, 18, "#9aa1a6", 3, "round")
        + c.path("M-22,-106 H28 Q34,-40 24,-4 Q4,8 -18,-4 Q-16,-60 -22,-106 Z", "#5a3a26", "round")
        + "".join(c.ball(3, y, 5, "#c9a86a") for y in (-84, -54, -26))
    )
    block = c.path("M-104,0 L-72,-66 H120 L104,0 Z", "#b98654", "down") + c.path(
        "M-72,-66 L-58,-82 H128 L120,-66 Z", "#d4a774", "soft"
    )
    return at(18, -20, blade + handle, 0.86, 14) + block


def pan(c: Canvas) -> str:
    egg = c.path(
        "M-60,-6 C-70,-44 -10,-56 16,-42 C56,-48 70,-2 40,14 C10,34 -50,30 -60,-6 Z", "#fffaf0", "soft"
    ) + c.ball(-6, -10, 22, "#f5ac32")
    face = c.oval(0, 0, 138, 132, "#3c4043", "soft") + c.oval(0, 2, 116, 110, "#2b2e31", "ball") + at(-6, 12, egg, 1.12)
    handle = c.path("M-19,-118 L-24,-236 Q0,-262 24,-236 L19,-118 Z", "#34383b", "round") + c.oval(
        0, -226, 9, 12, "#e8dccb"
    )
    return at(-14, -140, at(0, 0, handle, 1, 42) + face)


def stew_pot(c: Canvas) -> str:
    body = "M-134,-136 V-36 Q-134,0 -98,0 H98 Q134,0 134,-36 V-136 Z"
    ears = "".join(
        c.line(f"M{s * 128},-116 q{s * 44},0 {s * 40},26 q{s * -4},14 {s * -40},8", "#a63f2c", 15) for s in (-1, 1)
    )
    lid = (
        c.path("M-140,-138 Q-130,-192 0,-200 Q130,-192 140,-138 Z", "#c9553d", "soft")
        + c.box(-142, -146, 284, 16, "#b3452f", 8, "round")
        + c.oval(0, -206, 26, 15, "#d8b06a", "ball")
        + c.box(-8, -204, 16, 12, "#a98345", 2)
    )
    steam = "".join(c.line(f"M{x},-240 q-16,-24 0,-46 t0,-44", "#ffffff", 7, 0.45) for x in (-34, 6, 46))
    return (
        steam
        + ears
        + c.path(body, "#c44f38", "round")
        + c.path("M-134,-60 V-36 Q-134,0 -98,0 H98 Q134,0 134,-36 V-60 Q0,-40 -134,-60 Z", "#9d3a28", None, 0.5)
        + lid
        + c.text(0, -74, 20, "Hearthside", "#f3cdbb", weight=600, gap=2)
    )


def mug(c: Canvas) -> str:
    handle = c.line("M92,-160 C176,-168 172,-52 90,-52", "#7e97a0", 24) + c.line(
        "M92,-160 C176,-168 172,-52 90,-52", "#a9bec4", 8, 0.6
    )
    body = "M-104,-206 V-40 Q-104,0 -64,0 H64 Q104,0 104,-40 V-206 Z"
    glaze = "M-104,-206 V-96 C-80,-74 -60,-112 -34,-92 S10,-66 40,-90 S88,-76 104,-100 V-206 Z"
    dots = "".join(c.oval((k * 47) % 190 - 95, -14 - (k * 29) % 74, 2.6, 2.2, "#6b5a48", None, 0.5) for k in range(26))
    steam = "".join(c.line(f"M{x},-232 q-15,-22 0,-42 t0,-40", "#ffffff", 7, 0.5) for x in (-28, 16))
    return (
        steam
        + handle
        + c.path(body, "#e4d6c0", "round")
        + dots
        + c.path(glaze, "#7e97a0", "round")
        + c.oval(0, -206, 104, 20, "#9db3ba", "soft")
        + c.oval(0, -203, 92, 15, "#4c2f1e")
        + c.oval(-20, -204, 38, 5, "#7b5238", None, 0.7)
    )


def board(c: Canvas) -> str:
    d = (
        "M-96,-252 Q-96,-276 -72,-276 H-34 Q-24,-276 -24,-290 V-322 Q-24,-346 0,-346 Q24,-346 "
        "24,-322 V-290 Q24,-276 34,-276 H72 Q96,-276 96,-252 V-22 Q96,0 74,0 H-74 Q-96,0 -96,-22 "
        "Z"
    )
    grain = "".join(
        c.line(f"M{x},-268 C{x + 14},-190 {x - 12},-90 {x + 4},-6", "#a3703a", 2, 0.35) for x in range(-78, 90, 22)
    )
    tomato = c.ball(0, -42, 44, "#d94f3b") + "".join(c.leaf(0, -80, 24, t, "#4f8a4a") for t in (-100, -50, 0, 50, 100))
    return (
        at(-26, 0, c.path(d, "#cf9a5f", "soft") + grain + c.oval(0, -318, 9, 11, "#f1ddd0"), 1, -4)
        + at(92, 0, tomato)
        + at(28, 2, c.ball(0, -26, 27, "#e5a33c"))
    )


def salad_bowl(c: Canvas) -> str:
    greens = "".join(
        c.leaf(x, -118, n, t, f, 0.4)
        for x, n, t, f in (
            (-96, 96, -44, "#5d9b52"),
            (-60, 118, -22, "#7cb45f"),
            (-20, 126, -6, "#4c8a4c"),
            (24, 122, 14, "#8cc06a"),
            (66, 112, 30, "#5d9b52"),
            (100, 90, 52, "#7cb45f"),
        )
    )
    extras = "".join(
        c.ball(x, y, r, f)
        for x, y, r, f in (
            (-52, -148, 21, "#d94f3b"),
            (40, -152, 19, "#e56a4c"),
            (0, -158, 17, "#f1c14e"),
            (84, -138, 15, "#d94f3b"),
        )
    )
    body = "M-150,-128 Q-146,-20 -56,0 H56 Q146,-20 150,-128 Z"
    dots = "".join(
        c.oval(((k * 61) % 240) - 120, -104 + (k * 37) % 84, 2.8, 2.2, "#5f6f78", None, 0.55)
        for k in range(30)
        if abs(((k * 61) % 240) - 120) < 116 - ((k * 37) % 84) * 0.8
    )
    return (
        greens
        + extras
        + c.path(body, "#ece6da", "round")
        + dots
        + c.path(
            "M-150,-128 Q-149,-106 -146,-96 Q0,-70 146,-96 Q149,-106 150,-128 Q0,-98 -150,-128 Z", "#8aa5ad", "round"
        )
        + c.path("M-56,0 L-46,12 H46 L56,0 Z", "#cfc6b6")
    )


def mill(c: Canvas) -> str:
    wood = "#7a4a2b"
    body = "M-46,0 Q-60,-6 -58,-30 C-52,-80 -28,-110 -32,-160 H32 C28,-110 52,-80 58,-30 Q60,-6 46,0 Z"
    head = "M-36,-176 C-66,-210 -50,-272 0,-274 C50,-272 66,-210 36,-176 Z"
    corns = "".join(
        c.ball(x, -7, r, f)
        for x, r, f in (
            (-118, 8, "#3a332e"),
            (-98, 7, "#6b3b2a"),
            (92, 8, "#3a332e"),
            (112, 7, "#9a8f7c"),
            (128, 8, "#54463b"),
            (76, 6, "#6b3b2a"),
        )
    )
    return (
        c.path(body, wood, "round")
        + c.path(head, light(wood, 0.1), "round")
        + c.box(-36, -178, 72, 20, "#c8a765", 6, "round")
        + c.ball(0, -288, 18, "#c8a765")
        + c.line("M-48,-46 Q0,-34 48,-46", dark(wood, 0.4), 3, 0.5)
        + corns
    )


def carafe(c: Canvas) -> str:
    d = "M-84,-20 Q-84,0 -64,0 H64 Q84,0 84,-20 V-120 C84,-176 36,-186 36,-236 H-36 C-36,-186 -84,-176 -84,-120 Z"
    water = "M-80,-20 Q-80,-4 -64,-4 H64 Q80,-4 80,-20 V-116 H-80 Z"
    glass = c.path(
        "M-46,-290 V-226 H46 V-290 Q46,-302 34,-302 H-34 Q-46,-302 -46,-290 Z", "#cfe4e8", None, 0.6
    ) + c.path("M-46,-290 V-226 H46 V-290 Q46,-302 34,-302 H-34 Q-46,-302 -46,-290 Z", c.coat("glass"))
    slice_ = (
        c.ball(26, -44, 25, "#f6d655", None)
        + c.ball(26, -44, 20, "#fbe99a", None)
        + "".join(
            c.line(f"M26,-44 l{dx},{dy}", "#f6d655", 3)
            for dx, dy in ((18, 0), (9, 16), (-9, 16), (-18, 0), (-9, -16), (9, -16))
        )
    )
    return (
        c.path(d, "#d6e8ea", None, 0.7)
        + c.path(water, "#9cc9d4", None, 0.75)
        + slice_
        + c.leaf(-34, -10, 60, -14, "#5b9a6a")
        + c.path(d, c.coat("glass"))
        + c.oval(0, -116, 80, 8, "#ffffff", None, 0.4)
        + glass
        + c.line("M-66,-110 V-30", "#ffffff", 7, 0.6)
    )


def kettle(c: Canvas) -> str:
    steel = "#3f5a56"
    spout = c.line("M70,-60 C150,-70 96,-196 158,-214", steel, 20) + c.line(
        "M72,-66 C140,-76 90,-196 152,-216", light(steel, 0.4), 4, 0.5
    )
    handle = c.line("M-92,-196 C-186,-208 -176,-56 -104,-48", "#7a4f30", 19) + c.line(
        "M-96,-200 C-176,-204 -176,-72 -112,-54", "#a9774c", 5, 0.6
    )
    body = c.path(
        "M-76,-198 C-90,-120 -112,-60 -112,-20 Q-112,0 -92,0 H92 Q112,0 112,-20 C112,-60 90,-120 76,-198 Z",
        steel,
        "round",
    )
    return (
        spout
        + handle
        + body
        + c.path("M-80,-196 Q-70,-226 0,-228 Q70,-226 80,-196 Z", light(steel, 0.08), "soft")
        + c.ball(0, -238, 16, "#7a4f30")
        + c.box(-112, -14, 224, 14, dark(steel, 0.3), 7, "round")
    )


def utensils(c: Canvas) -> str:
    spoon = c.box(-8, -250, 16, 190, "#c18c52", 8, "round") + c.oval(0, -276, 30, 42, "#c9975c", "ball")
    spatula = c.box(-8, -240, 16, 190, "#a87341", 8, "round") + c.path(
        "M-28,-322 Q0,-334 30,-318 L22,-230 H-18 Z", "#b57f4a", "soft"
    )
    slotted = (
        c.box(-8, -250, 16, 190, "#cf9f66", 8, "round")
        + c.oval(0, -280, 32, 44, "#d8ab73", "ball")
        + "".join(c.box(x, -300, 5, 40, "#8c6236", 3) for x in (-14, -3, 8))
    )
    crock = (
        c.path("M-84,-150 L-76,-14 Q-74,0 -60,0 H60 Q74,0 76,-14 L84,-150 Z", "#e7ddcb", "round")
        + c.path("M-84,-150 L-81,-100 Q0,-84 81,-100 L84,-150 Z", "#a44f38", "round")
        + c.oval(0, -150, 84, 15, "#7f3a29", "soft")
    )
    return at(-30, -20, spoon, 1, -15) + at(4, -26, spatula, 1, 1) + at(38, -16, slotted, 1, 16) + crock


def french_press(c: Canvas) -> str:
    glass = "M-72,-222 V-14 Q-72,-4 -62,-4 H62 Q72,-4 72,-14 V-222 Z"
    coffee = "M-70,-150 V-14 Q-70,-6 -62,-6 H62 Q70,-6 70,-14 V-150 Z"
    frame = "".join(c.box(x, -226, 9, 226, "#b98a4a", 4, "round") for x in (-76, -4, 67)) + "".join(
        c.box(-78, y, 156, 9, "#c99a58", 4, "round") for y in (-228, -64, -8)
    )
    handle = c.line("M76,-198 C152,-200 150,-58 76,-58", "#3a2b22", 17)
    lid = (
        c.path("M-80,-228 Q-76,-262 0,-264 Q76,-262 80,-228 Z", "#c99a58", "soft")
        + c.box(-3, -318, 6, 60, "#9aa1a6")
        + c.ball(0, -324, 17, "#3a2b22")
    )
    return (
        handle
        + c.path(glass, "#e2ecec", None, 0.55)
        + c.path(coffee, "#4a2c1b", "round")
        + c.oval(0, -150, 70, 10, "#8a5a38", "soft")
        + c.path(glass, c.coat("glass"))
        + frame
        + lid
    )


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "chef-knife": knife,
    "iron-pan": pan,
    "enamel-pot": stew_pot,
    "stoneware-mug": mug,
    "oak-board": board,
    "salad-bowl": salad_bowl,
    "pepper-mill": mill,
    "glass-carafe": carafe,
    "gooseneck-kettle": kettle,
    "utensil-set": utensils,
    "french-press": french_press,
}
