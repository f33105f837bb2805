"""Faces for the personas, drawn like the rest of the shop."""

from __future__ import annotations

from .pictures.canvas import Canvas, dark, light

LOOKS = {  # wall, skin, hair, shirt
    "new": ("#f0cfa0", "#f1c9a5", "#8a4b2c", "#c9553d"),
    "mobile": ("#c2d6ee", "#d9a57c", "#2b2420", "#2f5d7a"),
    "toothpaste": ("#c5e2d6", "#8d5a3b", "#2a1c18", "#3f8f76"),
    "bargain": ("#f3dfa2", "#f3d3b3", "#d9c9b0", "#8a6f3f"),
    "refused": ("#dcd3e6", "#e8bd98", "#8f959c", "#5d5272"),
}


def portrait(persona: str) -> str:
    """The SVG of one face, 96 by 96."""
    wall, skin, hair, shirt = LOOKS[persona]
    c = Canvas()
    out = c.box(0, 0, 96, 96, c.gradient("d", (0, light(wall, 0.3), 1), (1, dark(wall, 0.08), 1)), 48)
    back = {
        "new": c.path("M22,46 C18,8 78,8 74,46 C80,66 76,78 70,82 H26 C20,78 16,66 22,46 Z", hair, "soft"),
        "toothpaste": "".join(
            c.ball(x, y, r, hair, None)
            for x, y, r in ((48, 22, 17), (31, 28, 14), (65, 28, 14), (26, 42, 12), (70, 42, 12))
        ),
        "refused": c.path("M24,44 C22,12 74,12 72,44 L74,66 H22 Z", hair, "soft"),
    }.get(persona, "")
    body = c.path("M10,110 C12,78 34,72 48,72 S84,78 86,110 Z", shirt, "soft") + c.path(
        "M38,62 H58 V76 Q48,86 38,76 Z", dark(skin, 0.12)
    )
    head = (
        c.oval(48, 46, 20, 24, skin, "soft") + c.oval(40, 47, 2.1, 2.7, "#2b2320") + c.oval(56, 47, 2.1, 2.7, "#2b2320")
    )
    head += (
        c.line("M41,57 Q48,63 55,57", "#8f4536", 2)
        + c.oval(35, 54, 4, 2.6, "#e2735e", None, 0.28)
        + c.oval(61, 54, 4, 2.6, "#e2735e", None, 0.28)
    )
    front = {
        "new": c.path(
            "M27,44 C28,20 50,16 66,28 C70,32 70,38 69,44 C60,40 48,38 42,28 C38,36 32,40 27,44 Z", hair, "soft"
        ),
        "mobile": c.path("M27,40 C24,14 74,12 69,40 C64,30 56,30 48,31 S32,30 27,40 Z", hair, "soft")
        + c.path("M29,52 C30,76 66,76 67,52 C64,64 56,62 48,62 S32,64 29,52 Z", hair, None, 0.9),
        "toothpaste": c.path("M28,40 C30,22 66,22 68,40 C58,31 38,31 28,40 Z", hair, None)
        + c.ball(28, 56, 3, "#e9b44c")
        + c.ball(68, 56, 3, "#e9b44c"),
        "bargain": c.path("M26,36 Q48,10 70,36 Q48,28 26,36 Z", "#5f7a52", "soft")
        + c.path("M20,37 Q48,26 76,37 Q48,33 20,37 Z", "#4c6442")
        + c.path("M40,55 Q48,51 56,55 Q48,59 40,55 Z", hair),
        "refused": c.path("M27,42 C30,20 66,20 69,42 C66,32 58,28 48,28 S30,32 27,42 Z", hair, "soft")
        + c.line(
            "M34,47 a6,6 0 1,0 12,0 a6,6 0 1,0 -12,0 M50,47 a6,6 0 1,0 12,0 a6,6 0 1,0 -12,0 M46,47 h4", "#3a3340", 1.8
        ),
    }[persona]
    clip = '<clipPath id="face"><circle cx="48" cy="48" r="48"/></clipPath>'
    return (
        c.svg(96, 96, f'{clip}<g clip-path="url(#face)">{out}{back}{body}{head}{front}</g>')
        .replace('id="', f'id="{persona}-')
        .replace("url(#", f"url(#{persona}-")
    )
