"""One bar chart as SVG, by hand: groups of horizontal bars on a logarithmic scale, legible on light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

_LEFT, _RIGHT, _BAR, _GAP, _TOP = 190, 90, 18, 34, 56
_WIDTH = 820
_OURS, _OTHERS, _INK, _GRID = "#0b7a75", "#9aa5b1", "#7a8794", "#7a879433"


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """The chart of groups of (name: microseconds); the first of each group is ours."""
    values = [value for group in groups.values() for value in group.values()]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    scale = (_WIDTH - _LEFT - _RIGHT) / max(1, high - low)
    parts: list[str] = []
    y = _TOP
    for group, times in groups.items():
        parts.append(f'<text x="8" y="{y + 13}" font-weight="600">{escape(group)}</text>')
        y += 24
        for index, (name, value) in enumerate(times.items()):
            width = max(1.0, (log10(value) - low) * scale)
            colour = _OTHERS if index else _OURS
            parts.append(f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 4}" fill="{colour}"/>')
            parts.append(f'<text x="{_LEFT + width + 6:.1f}" y="{y + 12}">{_said(value)}</text>')
            y += _BAR
        y += _GAP - 24
    grid = []
    for power in range(low, high + 1):
        x = _LEFT + (power - low) * scale
        grid.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 10}" y2="{y}" stroke="{_GRID}"/>')
        grid.append(f'<text x="{x:.1f}" y="{_TOP - 16}" text-anchor="middle">{_said(10.0**power)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 8}" role="img"'
        f' aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">\n'
        f'<title>{escape(title)}</title>\n<text x="8" y="18" font-size="15" font-weight="600">{escape(title)}</text>\n'
        + "\n".join([*grid, *parts])
        + "\n</svg>\n"
    )


def _said(microseconds: float) -> str:
    if microseconds >= 1000:
        return f"{microseconds / 1000:,.3g} ms"
    return f"{microseconds:.3g} µs"


def curve(title: str, points: Sequence[tuple[float, float]], across: str, up: str) -> str:
    """One line through (visitors, MiB), from zero on both scales, with its last value told."""
    left, top, width, height = 70, 48, 700, 240
    most_x, most_y = max(x for x, _ in points) or 1.0, 1.25 * max(y for _, y in points)
    at = [(left + width * x / most_x, top + height * (1 - y / most_y)) for x, y in points]
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y, x = top + height * (1 - share), left + width * share
        parts.append(f'<line x1="{left}" x2="{left + width}" y1="{y:.0f}" y2="{y:.0f}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{share * most_y:.0f}</text>')
        told = f"{share * most_x / 1e6:.3g}"
        parts.append(f'<text x="{x:.0f}" y="{top + height + 18}" text-anchor="middle">{told}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{_OURS}" stroke-width="2.5"/>')
    (x, y), last = at[-1], points[-1][1]
    told = f"{last:.0f} {escape(up)}"
    parts.append(f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="end" font-weight="600">{told}</text>')
    parts.append(f'<text x="{left + width}" y="{top + height + 36}" text-anchor="end">{escape(across)}</text>')
    parts.append(f'<text x="8" y="{top - 10}">{escape(up)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + height + 48}" role="img"'
        f' aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">\n'
        f'<title>{escape(title)}</title>\n<text x="8" y="18" font-size="15" font-weight="600">{escape(title)}</text>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
