"""Pictures for Snow & Outdoor."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import SANS, Canvas, at, dark, light


def knit(c: Canvas, x: float, y: float, w: float, rows: int, ink: str) -> str:
    """A band of small stitched diamonds, `rows` high."""
    out = ""
    for r in range(rows):
        step = 18
        for k in range(int(w / step)):
            cx, cy = x + (k + 0.5) * step, y + r * 15
            out += c.path(f"M{cx:g},{cy - 6:g} l6,6 l-6,6 l-6,-6 Z", ink, None, 0.9 if (k + r) % 2 else 0.35)
    return out


def flake(c: Canvas, x: float, y: float, r: float, ink: str, width: float = 4) -> str:
    arm = f"M0,0 V{-r:g} M0,{-r * 0.6:g} L{r * 0.26:g},{-r * 0.86:g} M0,{-r * 0.6:g} L{-r * 0.26:g},{-r * 0.86:g}"
    return at(x, y, "".join(at(0, 0, c.line(arm, ink, width), 1, t) for t in range(0, 360, 60)))


def sled(c: Canvas) -> str:
    runners = c.line("M-150,-10 H96 C150,-10 166,-60 150,-118", "#8a5a33", 15) + c.line(
        "M-150,-2 H98 C158,-4 176,-60 158,-122", "#9aa1a6", 5
    )
    posts = "".join(c.line(f"M{x},-12 L{x + 6},-84", "#b07a47", 12) for x in (-112, -26, 66))
    slats = "".join(
        c.path(f"M-150,{y} H118 L140,{y - 14} H-128 Z", f, "soft")
        for y, f in ((-78, "#c98f57"), (-96, "#dba86d"), (-114, "#e6bb84"))
    )
    rope = c.line("M150,-116 C190,-150 176,-230 110,-236 S40,-176 -8,-196", "#c9473b", 6)
    cushion = c.path("M-124,-118 Q-128,-150 -100,-152 H62 Q92,-150 88,-118 Z", "#c9473b", "down") + "".join(
        c.line(f"M{x},-150 V-120", "#f1e4cf", 6) for x in (-86, -60, 22, 48)
    )
    return runners + posts + slats + cushion + rope


def skis(c: Canvas) -> str:
    def ski(body: str, stripe: str) -> str:
        d = "M-21,0 V-318 C-21,-356 -10,-372 0,-376 C10,-372 21,-356 21,-318 V0 Q0,8 -21,0 Z"
        return (
            c.path(d, body, "round")
            + c.path("M-21,-250 L21,-290 V-250 L-21,-210 Z M-21,-190 L21,-230 V-212 L-21,-172 Z", stripe)
            + c.box(-19, -160, 38, 64, "#2e3338", 8, "round")
            + c.box(-24, -140, 48, 20, "#e0a03a", 6, "round")
            + c.text(0, -30, 20, "H", "#ffffff", weight=600)
        )

    def pole(lean: int) -> str:
        return (
            c.line("M0,0 V-300", "#565d62", 6)
            + c.box(-8, -332, 16, 46, "#2e3338", 7, "round")
            + c.oval(0, -26, 22, 6, "#c9473b", "soft")
        )

    return (
        at(-104, 0, pole(0), 1, -9)
        + at(110, 0, pole(0), 1, 10)
        + at(-30, 0, ski("#2f6c86", "#f1e6cf"), 0.98, -5)
        + at(34, 0, ski("#2f6c86", "#f1e6cf"), 0.98, 5)
    )


def goggles(c: Canvas) -> str:
    strap = c.path(
        "M-150,-132 C-184,-236 184,-236 150,-132 L132,-108 C150,-196 -150,-196 -132,-108 Z", "#27454f", "down"
    ) + c.text(0, -188, 17, "HOLLENFELS", "#f1e6cf", SANS, 5)
    d = (
        "M-150,-112 C-150,-166 -84,-172 0,-172 S150,-166 150,-112 C150,-52 122,-26 74,-26 "
        "C40,-26 28,-58 0,-58 S-40,-26 -74,-26 C-122,-26 -150,-52 -150,-112 Z"
    )
    lens = c.gradient("d", (0, "#ffd36b", 1), (0.35, "#f3784f", 1), (0.7, "#b13f77", 1), (1, "#4a3c86", 1))
    shine = c.path(
        "M-118,-118 C-112,-146 -74,-150 -34,-150 L-66,-50 C-100,-48 -120,-76 -118,-118 Z", "#ffffff", None, 0.28
    ) + c.path("M-14,-150 H8 L-22,-56 Q-34,-46 -46,-46 Z", "#ffffff", None, 0.2)
    ridge = c.path(
        "M-96,-60 L-50,-104 L-24,-80 L22,-124 L78,-64 C40,-50 20,-66 0,-66 S-60,-40 -96,-60 Z", "#3a2f66", None, 0.35
    )
    return strap + at(
        0,
        -8,
        c.path(d, "#f6f2ea", "down") + at(0, -14, at(0, -86, at(0, 86, c.path(d, lens)), 0.9) + ridge + shine, 0.96),
    )


def beanie(c: Canvas) -> str:
    body = "M-126,-78 C-130,-206 -70,-256 0,-256 S130,-206 126,-78 Z"
    ribs = "".join(
        c.line(f"M{x},-82 C{x * 0.98:g},-170 {x * 0.6:g},-236 {x * 0.16:g},-252", "#8e2f2b", 3, 0.45)
        for x in range(-112, 120, 22)
    )
    band = c.box(-140, -96, 280, 96, "#e9dcc4", 26, "round") + "".join(
        c.line(f"M{x},-90 V-6", "#b8a888", 3, 0.5) for x in range(-126, 132, 14)
    )
    fluff = "".join(
        c.ball(r * a, -286 + r * b, 24, "#f4ead6")
        for r, a, b in (
            (0, 0, 0),
            (30, 1, 0),
            (30, -1, 0),
            (30, 0.5, -0.8),
            (30, -0.5, -0.8),
            (26, 0, 0.9),
            (32, 0, -1),
        )
    )
    return c.path(body, "#b8433b", "round") + ribs + fluff + band


def mittens(c: Canvas) -> str:
    def one(main: str) -> str:
        d = "M-62,-86 V-196 C-62,-268 62,-268 62,-196 V-86 Z"
        thumb = c.path("M52,-118 C60,-168 108,-186 112,-148 C116,-110 92,-92 52,-84 Z", dark(main, 0.12), "round")
        cuff = c.box(-66, -92, 132, 92, "#f2e8d5", 18, "round") + knit(c, -64, -62, 128, 3, main)
        return thumb + c.path(d, main, "round") + flake(c, 0, -166, 42, "#f6efe0", 6) + cuff

    return at(-76, 0, one("#2f5d7a"), 0.98, -7, True) + at(76, 0, one("#2f5d7a"), 0.98, 7)


def jacket(c: Canvas) -> str:
    fill = "#d98d2b"
    sleeve = "M-70,-276 C-128,-258 -160,-160 -166,-66 Q-140,-52 -112,-62 C-104,-130 -92,-190 -78,-216 Z"
    arms = c.path(sleeve, fill, "soft") + at(0, 0, c.path(sleeve, dark(fill, 0.1), "soft"), 1, 0, True)
    lines = "".join(c.line(f"M{-148 + k * 10},{-104 - k * 50} q24,10 48,2", dark(fill, 0.35), 3, 0.5) for k in range(3))
    torso = "M-88,-276 Q0,-252 88,-276 Q104,-140 100,-8 Q0,8 -100,-8 Q-104,-140 -88,-276 Z"
    quilts = "".join(
        c.line(f"M-98,{y} Q-50,{y + 14} 0,{y + 2} Q50,{y + 14} 98,{y}", dark(fill, 0.35), 3, 0.55)
        for y in (-226, -180, -134, -88, -42)
    )
    hood = c.path("M-84,-270 C-80,-346 80,-346 84,-270 Q0,-230 -84,-270 Z", dark(fill, 0.14), "soft") + c.path(
        "M-52,-272 C-48,-316 48,-316 52,-272 Q0,-246 -52,-272 Z", "#4a3a2c"
    )
    zip_ = c.line("M0,-256 V-2", "#4a3a2c", 5) + c.box(-6, -226, 12, 22, "#e9dcc4", 4, "soft")
    return (
        arms
        + lines
        + at(0, 0, lines, 1, 0, True)
        + hood
        + c.path(torso, fill, "round")
        + quilts
        + zip_
        + c.box(34, -222, 38, 16, "#f6efe0", 3)
    )


def boots(c: Canvas) -> str:
    def boot(fill: str) -> str:
        shaft = c.path(
            "M-60,-226 L-54,-70 Q-56,-24 -60,-24 H118 Q122,-76 62,-92 Q44,-98 42,-120 L46,-226 Z", fill, "round"
        )
        fleece = "".join(c.ball(x, -232 + (x % 3) * 3, 19, "#f3ead9") for x in range(-58, 60, 19))
        sole = c.box(-66, -28, 190, 28, "#3a322d", 10, "down") + "".join(
            c.box(x, -7, 14, 8, "#1f1a17", 2) for x in range(-58, 112, 24)
        )
        toe = c.path("M52,-92 Q122,-78 118,-26 H34 Q34,-74 52,-92 Z", dark(fill, 0.28), "soft")
        laces = "".join(c.line(f"M2,{y} L44,{y - 12}", "#e9c46a", 6) for y in (-110, -138, -166, -194))
        return shaft + toe + laces + fleece + sole

    return at(-74, -16, boot("#7a5539"), 0.95) + at(34, 0, boot("#8c6444"))


def thermos(c: Canvas) -> str:
    cup = c.path("M-46,-88 L-38,-8 Q-36,0 -28,0 H28 Q36,0 38,-8 L46,-88 Z", "#c9d0d2", "round") + c.oval(
        0, -88, 46, 9, "#8a5a33", "soft"
    )
    steam = "".join(c.line(f"M{x},-112 q-12,-18 0,-34 t0,-32", "#ffffff", 6, 0.6) for x in (-14, 14))
    body = (
        c.box(-56, -262, 112, 262, "#3d6b5b", 18, "round")
        + c.box(-56, -190, 112, 10, "#e9dcc4", 0, "round")
        + c.box(-56, -172, 112, 5, "#e9dcc4", 0, "round")
    )
    ridge = c.path("M-40,-84 L-12,-128 L6,-104 L18,-120 L42,-84 Z", "#e9dcc4") + c.text(
        0, -58, 14, "NORTHLINE", "#e9dcc4", SANS, 2
    )
    return at(
        -26,
        0,
        body
        + ridge
        + c.box(-44, -284, 88, 24, "#9aa1a6", 4, "round")
        + c.box(-50, -344, 100, 62, "#c9d0d2", 12, "round"),
    ) + at(92, 0, cup + steam)


def tent(c: Canvas) -> str:
    glow = c.gradient("v", (0, "#ffe6a6", 1), (1, "#f2b04e", 1))
    left, right = "M-176,0 L-20,-232 L30,0 Z", "M-20,-232 L178,-8 L30,0 Z"
    door = c.path("M-92,0 L-20,-196 L2,0 Z", glow) + c.path("M-92,0 L-20,-196 L-62,0 Z", "#c9674a", "soft", 0.95)
    ropes = c.line("M-20,-232 L-204,4 M-20,-232 L206,4", "#8a7a63", 3)
    pegs = c.line("M-208,8 l10,-16 M210,8 l-10,-16", "#5f5346", 6)
    return (
        ropes
        + c.path(right, "#a94e38", "down")
        + c.path(left, "#d9795a", "soft")
        + door
        + c.line("M-20,-232 V-252", "#8a7a63", 6)
        + c.path("M-20,-254 l34,8 l-34,12 Z", "#2f6c86", "soft")
        + pegs
        + c.line("M-20,-232 L30,0", dark("#a94e38"), 3, 0.5)
    )


def backpack(c: Canvas) -> str:
    canvas = "#556b52"
    body = c.path("M-104,-24 Q-108,0 -84,0 H84 Q108,0 104,-24 L92,-214 Q0,-238 -92,-214 Z", canvas, "round")
    roll = c.path("M-96,-210 C-104,-270 104,-270 96,-210 Q0,-232 -96,-210 Z", dark(canvas, 0.1), "down") + c.box(
        -88, -284, 176, 34, light(canvas, 0.08), 17, "down"
    )
    straps = "".join(
        c.box(x, -292, 18, 186, "#9a6237", 6, "round")
        + c.box(x - 5, -134, 28, 28, "#d9b25c", 5, "soft")
        + c.box(x + 2, -127, 14, 14, "#9a6237", 2)
        for x in (-66, 48)
    )
    pocket = (
        c.box(-72, -104, 144, 92, light(canvas, 0.1), 16, "soft")
        + c.path("M-76,-106 H76 V-78 Q0,-58 -76,-78 Z", dark(canvas, 0.16), "down")
        + c.box(-9, -84, 18, 26, "#9a6237", 4, "soft")
    )
    side = c.box(98, -120, 26, 100, dark(canvas, 0.22), 12, "round")
    return c.line("M-30,-276 C-30,-330 30,-330 30,-276", "#9a6237", 12) + side + body + roll + pocket + straps


def lantern(c: Canvas) -> str:
    glow = c.gradient("c", (0, "#ffe1a0", 0.95), (0.45, "#ffc65c", 0.35), (1, "#ffc65c", 0))
    frame = "#39505a"
    out = c.line("M-70,-232 C-78,-352 78,-352 70,-232", frame, 7) + c.oval(0, -140, 180, 178, glow)
    out += (
        c.box(-64, -212, 128, 148, "#fff0c9", 22, None)
        + c.oval(0, -138, 36, 50, "#ffffff", None, 0.8)
        + c.box(-64, -212, 128, 148, c.coat("glass"), 22)
    )
    out += "".join(c.box(x, -214, 8, 150, frame, 3, "round") for x in (-68, -4, 60))
    out += c.path("M-84,-208 L-56,-254 H56 L84,-208 Z", frame, "soft") + c.box(
        -30, -272, 60, 20, dark(frame), 6, "round"
    )
    return (
        out
        + c.path("M-78,-68 H78 L92,-14 Q92,0 78,0 H-78 Q-92,0 -92,-14 Z", frame, "down")
        + c.ball(0, -32, 13, "#e0a03a")
        + c.line("M-62,-32 H-34 M34,-32 H62", "#e9dcc4", 3, 0.6)
    )


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "ash-sled": sled,
    "touring-skis": skis,
    "ski-goggles": goggles,
    "wool-beanie": beanie,
    "wool-mittens": mittens,
    "down-jacket": jacket,
    "snow-boots": boots,
    "steel-thermos": thermos,
    "two-person-tent": tent,
    "rolltop-backpack": backpack,
    "camp-lantern": lantern,
}
