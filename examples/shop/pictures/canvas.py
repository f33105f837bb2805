"""A small drawing kit for SVG: flat shapes with a second, translucent coat that gives them light from the upper left.

A drawing is a function `(canvas, ...) -> str` whose origin is the middle of the thing's foot, y pointing down as in
SVG (so a thing stands between y = -300 and y = 0). Drawings can therefore be placed anywhere, at any size.
"""

from __future__ import annotations

Stop = tuple[float, str, float]  # offset 0..1, colour, opacity

# The second coat. "round" for things that curve away at both sides, "soft" for flat faces, "ball" for spheres.
COATS: dict[str, tuple[str, tuple[Stop, ...]]] = {
    "round": (
        "h",
        (
            (0, "#1b1410", 0.24),
            (0.2, "#ffffff", 0.34),
            (0.42, "#ffffff", 0),
            (0.72, "#1b1410", 0.05),
            (1, "#1b1410", 0.3),
        ),
    ),
    "soft": ("d", ((0, "#ffffff", 0.3), (0.5, "#ffffff", 0), (1, "#1b1410", 0.18))),
    "down": ("v", ((0, "#ffffff", 0.22), (0.5, "#ffffff", 0), (1, "#1b1410", 0.22))),
    "ball": ("r", ((0, "#ffffff", 0.5), (0.45, "#ffffff", 0), (1, "#1b1410", 0.3))),
    "glass": ("h", ((0, "#ffffff", 0.75), (0.16, "#ffffff", 0.12), (0.8, "#ffffff", 0.1), (1, "#1b1410", 0.14))),
}
SERIF = "Palatino Linotype, Palatino, P052, Book Antiqua, Georgia, serif"
SANS = "Avenir Next, Segoe UI, Helvetica Neue, Helvetica, Arial, sans-serif"


def mix(a: str, b: str, t: float) -> str:
    """The colour `t` of the way from `a` to `b`, all written "#rrggbb"."""
    pairs = ((int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(x + (y - x) * t):02x}" for x, y in pairs)


def light(colour: str, t: float = 0.3) -> str:
    return mix(colour, "#ffffff", t)


def dark(colour: str, t: float = 0.25) -> str:
    return mix(colour, "#1b1410", t)


def at(x: float, y: float, drawing: str, scale: float = 1.0, turn: float = 0.0, flip: bool = False) -> str:
    """`drawing` moved to (x, y), scaled, turned by degrees about its foot, mirrored if asked."""
    sx = -scale if flip else scale
    return f'<g transform="translate({x:g} {y:g}) rotate({turn:g}) scale({sx:g} {scale:g})">{drawing}</g>'


class Canvas:
    """Collects the gradients of one picture; its methods return SVG text."""

    def __init__(self) -> None:
        self._gradients: dict[tuple[str, tuple[Stop, ...]], str] = {}

    def gradient(self, direction: str, *stops: Stop) -> str:
        """A paint: direction "h", "v", "d" (diagonal) or "r" (round), as wide as the shape it fills."""
        return f"url(#{self._gradients.setdefault((direction, stops), f'g{len(self._gradients)}')})"

    def coat(self, name: str) -> str:
        direction, stops = COATS[name]
        return self.gradient(direction, *stops)

    def _coated(self, shape: str, fill: str, coat: str | None, opacity: float) -> str:
        base = shape.format(f'fill="{fill}"' + (f' opacity="{opacity:g}"' if opacity < 1 else ""))
        return base if coat is None else base + shape.format(f'fill="{self.coat(coat)}"')

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: str,
        r: float = 0,
        coat: str | None = None,
        opacity: float = 1,
    ) -> str:
        return self._coated(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{r:g}" {{}}/>', fill, coat, opacity
        )

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: str, coat: str | None = None, opacity: float = 1
    ) -> str:
        return self._coated(f'<ellipse cx="{x:g}" cy="{y:g}" rx="{rx:g}" ry="{ry:g}" {{}}/>', fill, coat, opacity)

    def ball(self, x: float, y: float, r: float, fill: str, coat: str | None = "ball") -> str:
        return self.oval(x, y, r, r, fill, coat)

    def path(self, d: str, fill: str, coat: str | None = None, opacity: float = 1) -> str:
        return self._coated(f'<path d="{d}" {{}}/>', fill, coat, opacity)

    def line(self, d: str, colour: str, width: float, opacity: float = 1) -> str:
        dim = f' opacity="{opacity:g}"' if opacity < 1 else ""
        return (
            f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round" '
            f'stroke-linejoin="round"{dim}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        size: float,
        words: str,
        colour: str,
        font: str = SERIF,
        gap: float = 0,
        weight: int = 400,
    ) -> str:
        return (
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}" text-anchor="middle" font-family="{font}" '
            f'font-weight="{weight}" letter-spacing="{gap:g}">{words}</text>'
        )

    def shadow(self, x: float, y: float, rx: float, strength: float = 0.34) -> str:
        """A soft pool of shade under a thing that stands at (x, y)."""
        paint = self.gradient("c", (0, "#1b1410", strength), (0.55, "#1b1410", strength * 0.35), (1, "#1b1410", 0))
        return f'<ellipse cx="{x + rx * 0.08:g}" cy="{y:g}" rx="{rx:g}" ry="{rx * 0.16:g}" fill="{paint}"/>'

    def leaf(self, x: float, y: float, length: float, turn: float, fill: str, plump: float = 0.28) -> str:
        """A pointed leaf that grows from (x, y) in the direction `turn` (0 is up), with a pale vein."""
        n, w = length, length * plump
        blade = f"M0,0 C{-w:g},{-n * 0.3:g} {-w:g},{-n * 0.7:g} 0,{-n:g} C{w:g},{-n * 0.7:g} {w:g},{-n * 0.3:g} 0,0 Z"
        vein = self.line(f"M0,{-n * 0.06:g} L0,{-n * 0.86:g}", light(fill, 0.4), max(1.2, n * 0.018), 0.7)
        return at(x, y, self.path(blade, fill, "soft") + vein, 1, turn)

    def svg(self, width: int, height: int, body: str) -> str:
        """The finished file."""
        ends = {
            "h": 'x1="0" y1="0" x2="1" y2="0"',
            "v": 'x1="0" y1="0" x2="0" y2="1"',
            "d": 'x1="0" y1="0" x2="1" y2="1"',
        }
        defs = []
        for (direction, stops), name in self._gradients.items():
            inner = "".join(f'<stop offset="{o:g}" stop-color="{c}" stop-opacity="{a:g}"/>' for o, c, a in stops)
            if direction in ends:
                defs.append(f'<linearGradient id="{name}" {ends[direction]}>{inner}</linearGradient>')
            else:
                centre = 'cx="0.36" cy="0.3" r="0.75"' if direction == "r" else 'cx="0.5" cy="0.5" r="0.5"'
                defs.append(f'<radialGradient id="{name}" {centre}>{inner}</radialGradient>')
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
            f"<defs>{''.join(defs)}</defs>{body}</svg>"
        )
