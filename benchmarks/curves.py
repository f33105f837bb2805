"""Lines over the number of visitors as SVG, by hand, legible on light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

_LEFT, _TOP, _WIDE, _HIGH, _WIDTH, _HEIGHT = 70, 44, 520, 300, 860, 390
_COLOURS = ("#0b7a75", "#c8553d", "#4c6ef5", "#9aa5b1")
_INK, _GRID = "#7a8794", "#7a879433"


def curves(title: str, lines: Mapping[str, Sequence[float]], visitors: int) -> str:
    """The chart; each line has its points evenly spread over the visitors, and its name at its end."""
    most = max(value for line in lines.values() for value in line)
    parts = []
    for quarter in range(5):
        y = _TOP + _HIGH - quarter * _HIGH / 4
        parts.append(f'<line x1="{_LEFT}" x2="{_LEFT + _WIDE}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{most * quarter / 4:,.0f}</text>')
        x = _LEFT + quarter * _WIDE / 4
        parts.append(
            f'<text x="{x:.1f}" y="{_TOP + _HIGH + 20}" text-anchor="middle">{visitors * quarter / 4:,.0f}</text>'
        )
    taken: list[float] = []
    for place, (name, line) in enumerate(sorted(lines.items(), key=lambda item: item[1][-1])):
        colour = _COLOURS[place % len(_COLOURS)]
        points = [(_LEFT, _TOP + _HIGH)] + [
            (_LEFT + (n + 1) * _WIDE / len(line), _TOP + _HIGH - value * _HIGH / most) for n, value in enumerate(line)
        ]
        told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = points[-1][1] + 4
        while taken and taken[-1] - y < 16:
            y -= 16 - (taken[-1] - y)
        taken.append(y)
        said = f"{escape(name)}: {line[-1]:,.0f}"
        parts.append(f'<text x="{_LEFT + _WIDE + 8}" y="{y:.1f}" fill="{colour}">{said}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">\n'
        f'<title>{escape(title)}</title>\n<text x="8" y="18" font-size="15" font-weight="600">{escape(title)}</text>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
