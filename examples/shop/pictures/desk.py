"""Pictures for Desk & Paper."""

from __future__ import annotations

from collections.abc import Callable

from .canvas import SANS, Canvas, at, dark, light, mix


def notebook(c: Canvas) -> str:
    out = c.box(-100, -290, 210, 290, "#f2ead9", 8) + "".join(
        c.line(f"M{106 + k},-284 V-6", "#cfc2a6", 1) for k in (0, 3)
    )
    out += c.box(-110, -294, 208, 294, "#7e3f47", 10, "soft") + c.box(-110, -294, 34, 294, "#5f2c34", 8, "round")
    weave = "".join(c.line(f"M-72,{y} H94", "#ffffff", 1, 0.08) for y in range(-288, -2, 6))
    return (
        out
        + weave
        + c.box(-30, -212, 86, 52, "#f5ead6", 3, "soft")
        + c.line("M-14,-192 H40 M-14,-178 H26", "#7e3f47", 2, 0.7)
        + c.box(74, -294, 11, 294, "#39292c", 0, "round")
        + c.path("M22,0 V34 L32,24 L42,34 V0 Z", "#d9a441", "down")
    )


def fountain_pen(c: Canvas) -> str:
    barrel = c.path("M-17,-36 V-196 Q-17,-214 0,-214 Q17,-214 17,-196 V-36 Z", "#24505a", "round")
    nib = (
        c.path("M-15,-36 H15 L8,-10 Q4,14 0,34 Q-4,14 -8,-10 Z", "#d9b25c", "soft")
        + c.line("M0,-18 V26", "#7a5c1c", 1.8)
        + c.ball(0, -18, 3.6, "#7a5c1c", None)
    )
    cap = (
        c.path("M-21,0 V-124 Q-21,-146 0,-146 Q21,-146 21,-124 V0 Z", "#24505a", "round")
        + c.box(-21, -14, 42, 12, "#d9b25c", 2, "round")
        + c.box(12, -130, 8, 88, "#d9b25c", 4, "round")
    )
    ink = c.line("M-128,-10 C-100,-40 -84,18 -58,-12 S-22,-30 6,-10", "#24505a", 4)
    pen = barrel + c.box(-18, -46, 36, 12, "#d9b25c", 2, "round") + nib
    return (
        c.path("M-164,4 L-134,-30 H150 L176,4 Z", "#fbf6ea", "soft")
        + ink
        + at(22, -44, pen, 1.12, 32)
        + at(118, -4, cap, 0.98, 0)
    )


def lamp(c: Canvas) -> str:
    glow = c.gradient("v", (0, "#ffe9b0", 0.85), (1, "#ffe9b0", 0))
    arm = c.line("M-66,-14 V-232 C-66,-330 20,-346 62,-296", "#c9a24d", 9)
    shade = c.path("M-64,0 C-58,-62 58,-62 64,0 Z", "#2f5d50", "soft") + c.oval(0, 0, 64, 11, "#fff0c4")
    return (
        c.path("M14,-252 L-44,0 H188 L126,-252 Z", glow)
        + arm
        + at(70, -250, shade, 1, 4)
        + c.path("M-120,-10 Q-66,-34 -12,-10 V-4 Q-12,0 -20,0 H-112 Q-120,0 -120,-4 Z", "#2f5d50", "down")
        + c.box(30, -26, 116, 22, "#a9483a", 3, "soft")
        + c.box(40, -44, 104, 18, "#e9dcc4", 3, "soft")
    )


def pencils(c: Canvas) -> str:
    out = ""
    colours = ("#d9573f", "#e9b44c", "#4f8f7a", "#34678a", "#8a5a8f", "#e28a5b", "#2f5d50")
    for k, colour in enumerate(colours):
        turn = -21 + k * 7
        tip = c.path("M-12,-300 L0,-336 L12,-300 Z", "#ecd2a4", "round") + c.path("M-4,-324 L0,-336 L4,-324 Z", colour)
        out += at(
            -24 + k * 8,
            -10,
            c.box(-12, -302, 24, 300 - (k * 23) % 60, colour, 2, "round") + tip,
            0.96 + (k * 5 % 3) * 0.03,
            turn,
        )
    cup = c.path("M-76,-146 V-16 Q-76,0 -60,0 H60 Q76,0 76,-16 V-146 Z", "#e6dccb", "round") + c.path(
        "M-76,-56 Q0,-36 76,-56 V-16 Q76,0 60,0 H-60 Q-76,0 -76,-16 Z", "#5f8aa0", "round"
    )
    return out + cup + c.oval(0, -146, 76, 11, "#c9bda6", None, 0.45)


def calendar(c: Canvas) -> str:
    def cube(n: str) -> str:
        return (
            c.box(-62, -128, 124, 128, "#e6c594", 8, "soft")
            + c.path("M-62,-124 L-44,-146 H80 L62,-124 Z", "#f3dcb6")
            + c.path("M62,-124 L80,-146 V-20 L62,0 Z", "#b98d56", "down")
            + c.text(0, -36, 84, n, "#3a2b1f", weight=600)
        )

    tray = (
        c.path("M-160,0 V-46 H156 V0 Z", "#a9753f", "down")
        + c.path("M-160,-46 L-146,-62 H170 L156,-46 Z", "#c9945a")
        + c.text(0, -14, 22, "DECEMBER", "#fff3de", SANS, 6, 600)
    )
    return at(-76, -56, cube("2")) + at(66, -56, cube("4")) + tray


def letters(c: Canvas) -> str:
    def envelope(paper: str, lining: str) -> str:
        return (
            c.box(-140, -176, 280, 176, paper, 6, "soft")
            + c.path("M-140,-172 L0,-66 L140,-172 Q140,-176 134,-176 H-134 Q-140,-176 -140,-172 Z", lining, "down")
            + c.line("M-140,-2 L-26,-86 M140,-2 L26,-86", dark(paper, 0.3), 2, 0.35)
        )

    sheet = c.box(-112, -250, 224, 200, "#fffcf4", 4, "soft") + "".join(
        c.line(f"M-84,{y} H{60 + (y % 3) * 8}", "#9fb0b8", 3, 0.7) for y in (-220, -200, -180, -160)
    )
    return (
        at(-16, -34, envelope("#e6d3b8", "#d8bf9a"), 0.98, -6)
        + sheet
        + envelope("#dfe6df", "#7fa58f")
        + c.ball(0, -72, 23, "#b5372f")
        + c.text(0, -64, 24, "Q", "#f3c9bb", weight=600)
    )


def washi(c: Canvas) -> str:
    def roll(fill: str, dot: str) -> str:
        rim = c.path("M-66,-54 V-20 A66,20 0 0 0 66,-20 V-54 Z", fill, "round") + "".join(
            c.oval(-50 + k * 25, -16 - abs(k - 2) * 3, 4.5, 4.5, dot) for k in range(5)
        )
        return (
            rim
            + c.oval(0, -54, 66, 20, light(fill, 0.2), "soft")
            + c.oval(0, -54, 44, 12.5, "#f3ead9")
            + c.oval(0, -54, 36, 9.5, "#a9885c")
        )

    tape = c.path("M60,-22 C120,-16 130,-60 176,-40 L170,-4 C130,-20 120,20 58,6 Z", "#e9b44c", "soft", 0.9)
    return (
        at(-84, -16, roll("#7d9fc0", "#eef4fa"))
        + at(80, -20, roll("#d9795a", "#fbe6da"))
        + at(0, -62, roll("#8fae7a", "#eff5e6"))
        + at(-2, -112, roll("#b98ab5", "#f7ebf6"), 0.98)
        + at(0, 0, roll("#e9b44c", "#fff3d6") + tape)
    )


def clock(c: Canvas) -> str:
    legs = "".join(c.line(f"M{s * 66},-40 L{s * 92},0", "#8a5a33", 13) for s in (-1, 1))
    face = c.ball(0, -146, 132, "#d4a063", "soft") + c.ball(0, -146, 110, "#fbf5e8", None)
    marks = "".join(
        at(0, -146, c.box(-2.5 if t % 90 else -4, -100, 5 if t % 90 else 8, 12 if t % 90 else 20, "#4a3a2c", 2), 1, t)
        for t in range(0, 360, 30)
    )
    hands = (
        at(0, -146, c.box(-5, -58, 10, 66, "#2f3e46", 5), 1, -56)
        + at(0, -146, c.box(-3.5, -84, 7, 96, "#2f3e46", 3), 1, 52)
        + at(0, -146, c.box(-1.5, -88, 3, 108, "#c9473b", 1), 1, 200)
    )
    return legs + face + marks + hands + c.ball(0, -146, 8, "#c9473b") + c.ball(0, -146, 110, c.coat("ball"), None)


def scissors(c: Canvas) -> str:
    def half(steel: str, grip: str) -> str:
        blade = c.path("M-13,-150 L-17,-330 Q2,-320 14,-150 Z", steel, "soft")
        loop = (
            f'<path d="M-4,-130 C-26,-100 -70,-96 -70,-48 C-70,-4 -8,-4 -4,-52 Z" fill="none" stroke="{grip}" '
            'stroke-width="19" stroke-linejoin="round"/>'
        )
        return blade + c.path("M-13,-152 H14 L8,-112 H-16 Z", steel, "soft") + loop

    spool = (
        c.box(96, -70, 62, 60, "#d9573f", 4, "round")
        + "".join(c.line(f"M98,{y} l58,-4", "#8f2f22", 1.6, 0.5) for y in range(-60, -10, 8))
        + c.box(88, -82, 78, 14, "#d7a46a", 4, "down")
        + c.box(88, -14, 78, 14, "#d7a46a", 4, "down")
    )
    return (
        at(-8, 0, half("#b9c0c4", "#2b2f33"), 1, 13)
        + at(-8, 0, half("#d6dbde", "#2b2f33"), 1, -13, True)
        + c.ball(-8, -146, 10, "#d9b25c")
        + spool
        + c.line("M92,-40 C40,20 -40,-30 -120,0", "#d9573f", 3)
    )


def globe(c: Canvas) -> str:
    land = c.path(
        "M-70,-60 C-50,-96 -4,-90 -8,-56 C-12,-26 -44,-30 -50,0 C-56,26 -82,6 -84,-20 Z M12,-70 "
        "C48,-94 88,-60 82,-30 C66,-12 40,-36 24,-18 C12,-2 40,20 24,50 C4,60 -4,20 4,-6 C-8,-22 "
        "0,-52 12,-70 Z M46,34 q26,-16 34,4 q-8,22 -34,-4 Z",
        "#8fb06b",
        "soft",
    )
    lines = "".join(
        c.line(f"M{-r},0 a{r},104 0 1,0 {2 * r},0 a{r},104 0 1,0 {-2 * r},0", "#ffffff", 1.3, 0.35) for r in (36, 74)
    ) + "".join(c.line(f"M{-w},{y} H{w}", "#ffffff", 1.3, 0.35) for y, w in ((0, 104), (-52, 90), (52, 90)))
    ball = c.ball(0, 0, 104, "#5f9fb8", None) + land + lines + c.ball(0, 0, 104, c.coat("ball"), None)
    arc = c.line("M-52,-118 C-170,-60 -150,120 18,124", "#c9a24d", 11)
    return (
        at(0, -188, at(0, 0, arc + ball + c.ball(0, -112, 8, "#c9a24d") + c.ball(0, 112, 8, "#c9a24d"), 1, 20))
        + c.box(-9, -76, 18, 58, "#c9a24d", 3, "round")
        + c.path("M-84,-12 Q0,-48 84,-12 V-6 Q84,0 76,0 H-76 Q-84,0 -84,-6 Z", "#7a4a2b", "down")
    )


def sketchbook(c: Canvas) -> str:
    page = c.box(-130, -236, 260, 236, "#fffdf6", 6, "soft")
    wash = (
        c.oval(-30, -130, 74, 50, "#8fc3d6", None, 0.55)
        + c.oval(36, -104, 66, 44, "#f0b07a", None, 0.5)
        + c.oval(-6, -84, 84, 30, "#7da86f", None, 0.5)
        + c.path("M-90,-86 L-50,-150 L-20,-112 L14,-168 L84,-86 Z", "#4f7f99", None, 0.45)
        + c.ball(56, -174, 18, "#f2c14e", None)
    )
    rings = "".join(
        c.oval(x, -236, 5, 12, "#4a4f55") + c.oval(x, -238, 2.4, 9, "#c9ced1") for x in range(-112, 118, 20)
    )
    brush = (
        c.box(-6, -262, 12, 180, "#b5432f", 6, "round")
        + c.box(-8, -92, 16, 30, "#c9ced1", 2, "round")
        + c.path("M-8,-62 H8 Q8,-28 0,-6 Q-8,-28 -8,-62 Z", "#5a3f2a", "soft")
    )
    return (
        at(-14, -8, c.box(-134, -240, 272, 246, mix("#33505c", "#000000", 0.1), 8, "soft"))
        + at(-10, -6, page + wash)
        + at(-10, -6, rings)
        + at(128, 0, brush, 1, 20)
    )


DRAWINGS: dict[str, Callable[[Canvas], str]] = {
    "linen-notebook": notebook,
    "fountain-pen": fountain_pen,
    "desk-lamp": lamp,
    "pencil-cup": pencils,
    "desk-calendar": calendar,
    "letter-set": letters,
    "washi-tape": washi,
    "mantel-clock": clock,
    "steel-scissors": scissors,
    "desk-globe": globe,
    "sketchbook": sketchbook,
}
