"""A bandit over time, as SVG by hand: in each segment the variants' shares, and below what was believed of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from ..terminal import clock
from .earned import Moment, Payoff

_COLOURS: Final = ("#0b7a75", "#c8553d", "#4c6ef5", "#b8860b", "#7b2d8b", "#5c940d", "#868e96", "#d6336c")
_LEFT, _WIDTH, _SHARES, _MEANS, _GAP = 90, 760, 110, 90, 46
_INK, _GRID = "#7a8794", "#7a879433"


def picture(payoff: Payoff, timezone: str) -> str:
    """The picture, with times by the clock of `timezone`; well-formed also where nothing was learned yet."""
    spec = payoff.spec
    title = f"{spec.key}: the shares that each variant had, and what was believed of it"
    head = 64
    height = head + len(spec.contexts) * (_SHARES + _MEANS + 2 * _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" role="img"'
        f' aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">',
        f"<title>{escape(title)}</title>",
        f'<text x="8" y="20" font-size="15" font-weight="600">{escape(title)}</text>',
        *_legend(spec.arms),
    ]
    for place, context in enumerate(spec.contexts):
        top = head + place * (_SHARES + _MEANS + 2 * _GAP)
        name = context or ("all others" if len(spec.contexts) > 1 else "everybody")
        parts.append(f'<text x="8" y="{top + 12}" font-weight="600">{escape(name)}</text>')
        if payoff.moments:
            parts += _panels(payoff, place, context, top + 18, timezone)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(arms: Sequence[str]) -> list[str]:
    drawn, x = [], 8
    for place, arm in enumerate(arms):
        drawn.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{_colour(place)}"/>')
        drawn.append(f'<text x="{x + 17}" y="45">{escape(arm)}</text>')
        x += 34 + 8 * len(arm)
    return drawn


def _panels(payoff: Payoff, place: int, context: str, top: int, timezone: str) -> list[str]:
    written = clock(timezone)
    moments, arms = payoff.moments, payoff.spec.arms
    first, last = moments[0].allocation.batch, moments[-1].allocation.batch
    across = _scale(first, last if last > first else first + 1, _LEFT, _LEFT + _WIDTH)
    drawn = _frame(top, _SHARES, "share", "0", "100%")
    up = _scale(0.0, 1.0, top + _SHARES, top)
    for arm, name in enumerate(arms):
        points = [(across(m.allocation.batch), up(m.share(context, name))) for m in moments]
        drawn.append(f'<path d="{_steps(points)}" fill="none" stroke="{_colour(arm)}" stroke-width="1.6"/>')
    below = top + _SHARES + 24
    most = max(b.quantile(0.975) for b in moments[-1].told[place].beliefs) * 1.25
    drawn += _frame(below, _MEANS, "a visitor", "0", f"{most:.3g}")
    up = _scale(0.0, most, below + _MEANS, below)
    for arm in range(len(arms)):
        drawn += _band(moments, place, arm, across, up)
    drawn.append(f'<text x="{_LEFT}" y="{below + _MEANS + 15}">{written(first)}</text>')
    end = f"{written(last)} {escape(timezone)}"
    drawn.append(f'<text x="{_LEFT + _WIDTH}" y="{below + _MEANS + 15}" text-anchor="end">{end}</text>')
    return drawn


def _band(
    moments: Sequence[Moment], place: int, arm: int, across: Callable[[float], float], up: Callable[[float], float]
) -> list[str]:
    """The 95 % of what was believed, and its mean."""
    beliefs = [(across(m.allocation.batch), m.told[place].beliefs[arm]) for m in moments]
    high = [(x, up(b.quantile(0.975))) for x, b in beliefs]
    low = [(x, up(b.quantile(0.025))) for x, b in beliefs]
    around = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*high, *reversed(low)])
    mean = " ".join(f"{x:.1f},{up(b.mean):.1f}" for x, b in beliefs)
    return [
        f'<polygon points="{around}" fill="{_colour(arm)}" fill-opacity="0.13"/>',
        f'<polyline points="{mean}" fill="none" stroke="{_colour(arm)}" stroke-width="1.4"/>',
    ]


def _frame(top: int, height: int, name: str, least: str, most: str) -> list[str]:
    return [
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{height}" fill="none" stroke="{_GRID}"/>',
        f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{escape(most)}</text>',
        f'<text x="{_LEFT - 8}" y="{top + height}" text-anchor="end">{escape(least)}</text>',
        f'<text x="{_LEFT - 8}" y="{top + height / 2 + 4:.0f}" text-anchor="end">{escape(name)}</text>',
    ]


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    """Values as pixels; what lies outside stays at the edge."""
    step = (end - begin) / (high - low)
    return lambda value: begin + (min(max(value, low), high) - low) * step


def _steps(points: Sequence[tuple[float, float]]) -> str:
    """Shares hold until the next batch."""
    (x, y), *rest = points
    return f"M{x:.1f},{y:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in rest)


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]
