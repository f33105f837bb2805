"""Things with a label on them: tubes, bottles, jars, tins, bags, boxes, books. Many products are one of these."""

from __future__ import annotations

from .canvas import SANS, Canvas, dark, light

INK = "#2b2622"


def label(
    c: Canvas, y: float, w: float, h: float, paper: str, ink: str, words: str, small: str = "", mark: str = ""
) -> str:
    """A paper label centred at x = 0 with its top at `y`: a name, a line, a smaller word, perhaps a drawing."""
    size = min(26.0, w * 1.55 / max(len(words), 4))
    out = (
        c.box(-w / 2, y, w, h, paper, 4)
        + f'<g transform="translate(0 {y + h * 0.31:g}) scale({min(1, h / 165):.2f})">{mark}</g>'
    )
    out += c.text(0, y + h * 0.73, size, words, ink, weight=600)
    out += c.line(f"M{-w * 0.2:g},{y + h * 0.79:g} H{w * 0.2:g}", ink, 1.4, 0.6)
    return out + (c.text(0, y + h * 0.89, min(11, w * 1.05 / len(small)), small, ink, SANS, 1.2) if small else "")


def tube(c: Canvas, body: str, cap: str, ink: str, words: str, mark: str, stripe: str, h: float = 310) -> str:
    """A toothpaste tube that stands on its cap."""
    top = -h
    d = f"M-44,-50 C-52,-120 -68,{top + 90:g} -72,{top + 22:g} L72,{top + 22:g} C68,{top + 90:g} 52,-120 44,-50 Z"
    out = c.box(-40, -56, 80, 56, cap, 8, "round")
    out += "".join(c.line(f"M{x},-48 V-8", dark(cap, 0.3), 2, 0.35) for x in range(-28, 34, 8))
    out += c.path(d, body, "round") + c.path(
        "M-46,-78 C-20,-66 20,-66 46,-78 L51,-122 C20,-108 -20,-108 -51,-122 Z", stripe, "round"
    )
    out += c.box(-76, top, 152, 26, light(body, 0.35), 3, "round")
    out += "".join(c.line(f"M{x},{top + 5:g} v16", dark(body, 0.25), 1.2, 0.45) for x in range(-68, 72, 7))
    out += f'<g transform="translate(0 {top + 84:g})">{mark}</g>'
    return (
        out + c.text(0, top + 162, 34, words, ink, weight=600, gap=1) + c.line(f"M-22,{top + 172:g} H22", ink, 1.6, 0.6)
    )


def bottle(
    c: Canvas,
    body: str,
    cap: str,
    paper: str,
    ink: str,
    words: str,
    small: str,
    mark: str = "",
    w: float = 136,
    h: float = 210,
    top: str = "cap",
    glass: bool = False,
) -> str:
    """A straight bottle; `top` is "cap", "pump", "spray" or "cork"."""
    s, n = -h, w * 0.2
    d = (
        f"M{-w / 2:g},-14 Q{-w / 2:g},0 {-w / 2 + 14:g},0 H{w / 2 - 14:g} Q{w / 2:g},0 {w / 2:g},-14 "
        f"V{s + 34:g} Q{w / 2:g},{s:g} {n:g},{s - 10:g} H{-n:g} Q{-w / 2:g},{s:g} {-w / 2:g},{s + 34:g} "
        "Z"
    )
    neck = s - 10
    out = ""
    if top == "pump":
        out += c.box(-5, neck - 66, 10, 50, light(cap, 0.15), 3, "round") + c.box(
            -26, neck - 24, 52, 30, cap, 6, "round"
        )
        out += c.path(
            f"M-30,{neck - 84:g} H26 Q34,{neck - 84:g} 34,{neck - 74:g} Q34,{neck - 64:g} 26,{neck - 64:g} "
            f"H-14 Q-30,{neck - 66:g} -58,{neck - 52:g} L-62,{neck - 64:g} Q-40,{neck - 80:g} -30,{neck - 84:g} "
            "Z",
            cap,
            "down",
        )
    elif top == "spray":
        out += c.box(-20, neck - 34, 40, 40, cap, 4, "round")
        out += c.path(
            f"M-52,{neck - 78:g} H36 Q48,{neck - 72:g} 44,{neck - 44:g} L26,{neck - 34:g} H-18 "
            f"L-24,{neck - 54:g} H-52 Z",
            cap,
            "down",
        )
        out += c.path(
            f"M-22,{neck - 54:g} Q-34,{neck - 30:g} -40,{neck - 8:g} L-32,{neck - 6:g} Q-22,{neck - 28:g} "
            f"-12,{neck - 46:g} Z",
            dark(cap, 0.2),
        )
    elif top == "cork":
        out += c.box(-n * 0.72, neck - 62, n * 1.44, 66, body, 4, "round") + c.box(
            -n * 0.6, neck - 84, n * 1.2, 34, cap, 4, "round"
        )
    else:
        out += c.box(-n * 1.15, neck - 46, n * 2.3, 52, cap, 6, "round")
    out += c.path(d, body, "round")
    if glass:
        out += c.path(f"M{-w / 2 + 12:g},{s + 40:g} V-26 q0,8 8,8 V{s + 34:g} q-8,0 -8,6 Z", "#ffffff", None, 0.45)
    return out + label(c, s + 52, w * 0.76, h - 84, paper, ink, words, small, mark)


def jar(
    c: Canvas,
    fill: str,
    lid: str,
    paper: str,
    ink: str,
    words: str,
    small: str,
    mark: str = "",
    w: float = 176,
    h: float = 190,
) -> str:
    """A glass jar with what is in it showing, and a lid."""
    d = (
        f"M{-w / 2:g},-22 Q{-w / 2:g},0 {-w / 2 + 24:g},0 H{w / 2 - 24:g} Q{w / 2:g},0 {w / 2:g},-22 "
        f"V{-h + 40:g} Q{w / 2:g},{-h:g} {w / 2 - 28:g},{-h:g} H{-w / 2 + 28:g} Q{-w / 2:g},{-h:g} "
        f"{-w / 2:g},{-h + 40:g} Z"
    )
    out = c.path(d, fill, "round") + c.path(
        f"M{-w / 2 + 14:g},{-h + 44:g} V-26 q0,10 10,10 V{-h + 34:g} q-10,0 -10,10 Z", "#ffffff", None, 0.5
    )
    out += c.box(-w / 2 + 16, -h - 46, w - 32, 50, lid, 8, "round") + c.box(
        -w / 2 + 16, -h - 8, w - 32, 8, dark(lid, 0.25), 3, "round"
    )
    return out + label(c, -h + 48, w * 0.72, h - 72, paper, ink, words, small, mark)


def tin(
    c: Canvas,
    body: str,
    lid: str,
    paper: str,
    ink: str,
    words: str,
    small: str,
    mark: str = "",
    w: float = 170,
    h: float = 230,
) -> str:
    """A round tin with a lid, as tea comes in."""
    out = c.path(f"M{-w / 2:g},{-h:g} V-16 A{w / 2:g},16 0 0 0 {w / 2:g},-16 V{-h:g} Z", body, "round")
    out += c.path(
        f"M{-w / 2 - 4:g},{-h + 30:g} V{-h - 22:g} H{w / 2 + 4:g} V{-h + 30:g} A{w / 2 + 4:g},14 "
        f"0 0 1 {-w / 2 - 4:g},{-h + 30:g} Z",
        lid,
        "round",
    )
    out += c.oval(0, -h - 22, w / 2 + 4, 14, light(lid, 0.25), "soft")
    return out + label(c, -h + 66, w * 0.74, h - 104, paper, ink, words, small, mark)


def pouch(
    c: Canvas,
    body: str,
    paper: str,
    ink: str,
    words: str,
    small: str,
    mark: str = "",
    w: float = 190,
    h: float = 270,
    window: str = "",
) -> str:
    """A standing paper bag, folded over at the top; `window` is the colour of what shows through."""
    d = (
        f"M{-w / 2 + 8:g},{-h:g} L{-w / 2:g},-30 Q{-w / 2 - 4:g},0 {-w / 2 + 20:g},0 H{w / 2 - 20:g} "
        f"Q{w / 2 + 4:g},0 {w / 2:g},-30 L{w / 2 - 8:g},{-h:g} Z"
    )
    out = c.path(d, body, "round") + c.path(
        f"M{-w / 2 + 8:g},{-h:g} H{w / 2 - 8:g} L{w / 2 - 5:g},{-h + 40:g} H{-w / 2 + 5:g} Z", dark(body, 0.12), "down"
    )
    out += c.box(-w / 2 + 4, -h + 14, w - 8, 12, light(body, 0.35), 4, "soft")
    if window:
        out += c.path("M-40,-18 H40 V-44 Q40,-72 0,-72 Q-40,-72 -40,-44 Z", window, "ball")
        out += "".join(
            c.oval(x, y, 9, 6, dark(window, 0.2), "ball")
            for x, y in ((-22, -30), (2, -26), (24, -32), (-8, -44), (14, -50), (-26, -48))
        )
    return out + label(c, -h + 56, w * 0.7, 118, paper, ink, words, small, mark)


def carton(
    c: Canvas, front: str, side: str, ink: str, words: str, small: str, mark: str = "", w: float = 130, h: float = 250
) -> str:
    """A milk carton, seen a little from the right."""
    x = -w / 2 - 22
    out = c.path(f"M{x:g},0 V{-h:g} H{x + w:g} V0 Z", front, "soft") + c.path(
        f"M{x + w:g},0 L{x + w + 48:g},-20 V{-h - 12:g} L{x + w:g},{-h:g} Z", side, "down"
    )
    out += c.path(
        f"M{x:g},{-h:g} L{x + 14:g},{-h - 48:g} H{x + w + 14:g} L{x + w:g},{-h:g} Z", light(front, 0.25), "soft"
    )
    out += c.path(f"M{x + w:g},{-h:g} L{x + w + 14:g},{-h - 48:g} L{x + w + 48:g},{-h - 12:g} Z", dark(side, 0.14))
    out += c.box(x + 14, -h - 68, w + 2, 22, light(front, 0.1), 2, "soft") + c.oval(
        x + w * 0.62, -h - 28, 19, 11, dark(side, 0.1), "ball"
    )
    out += f'<g transform="translate({x + w / 2:g} {-h + 84:g})">{mark}</g>' + c.text(
        x + w / 2, -h + 158, 30, words, ink, weight=600
    )
    return out + c.text(x + w / 2, -h + 180, 11, small, ink, SANS, 2)


def book(
    c: Canvas,
    cover: str,
    ink: str,
    title: tuple[str, ...],
    author: str,
    art: str,
    w: float = 210,
    h: float = 296,
    foot: str = "",
) -> str:
    """A standing book: cover, spine to the left, pages to the right. `art` has its floor at the cover's foot;
    `foot` is the author's colour where the art is dark there."""
    x = -w / 2
    out = c.path(f"M{x + w:g},{-h + 5:g} l16,8 V-8 l-16,6 Z", "#f4ecdd") + "".join(
        c.line(f"M{x + w + k:g},{-h + 8 + k / 2:g} V{-5 - k / 3:g}", "#cdbfa6", 0.9) for k in (4, 8, 12)
    )
    out += c.box(x, -h, w, h, cover, 5) + art
    out += (
        c.box(x, -h, w, h, c.coat("soft"), 5)
        + c.box(x, -h, 20, h, dark(cover, 0.3), 4, None, 0.35)
        + c.line(f"M{x + 22:g},{-h:g} V0", "#ffffff", 1.5, 0.25)
    )
    for i, row in enumerate(title):
        out += c.text(10, -h + 48 + i * 29, 25, row, ink, weight=600)
    return out + c.text(10, -20, 11, author, foot or ink, SANS, 2.2)


def pot(c: Canvas, clay: str, w: float = 150, h: float = 120, band: str = "") -> str:
    """A plant pot; plants are drawn first and grow from (0, -h)."""
    out = c.path(
        f"M{-w / 2 + 8:g},{-h + 24:g} L{-w / 2 + 24:g},-6 Q{-w / 2 + 26:g},0 {-w / 2 + 34:g},0 "
        f"H{w / 2 - 34:g} Q{w / 2 - 26:g},0 {w / 2 - 24:g},-6 L{w / 2 - 8:g},{-h + 24:g} Z",
        clay,
        "round",
    )
    if band:
        out += c.path(
            f"M{-w / 2 + 13:g},{-h + 44:g} L{w / 2 - 13:g},{-h + 44:g} L{w / 2 - 19:g},{-h + 72:g} "
            f"L{-w / 2 + 19:g},{-h + 72:g} Z",
            band,
            "round",
        )
    return (
        out
        + c.box(-w / 2, -h, w, 30, light(clay, 0.08), 6, "round")
        + c.box(-w / 2 + 4, -h + 28, w - 8, 6, dark(clay, 0.35), 2, None, 0.35)
    )


def stack(c: Canvas, colours: tuple[str, ...], w: float = 230, thick: float = 46, stripe: str = "#ffffff") -> str:
    """Folded cloths lying on each other, folds to the front."""
    out = ""
    for i, colour in enumerate(colours):
        y, dx = -(i + 1) * thick, (-6, 5, -2, 4, 0)[i % 5]
        out += c.box(-w / 2 + dx, y, w, thick - 2, colour, 20, "down")
        out += c.line(f"M{-w / 2 + dx + 12:g},{y + thick / 2:g} H{w / 2 + dx - 4:g}", dark(colour, 0.3), 2, 0.5)
        out += "".join(c.line(f"M{w / 2 + dx - 46 + k:g},{y + 3:g} v{thick - 8:g}", stripe, 3, 0.75) for k in (0, 10))
    return out
