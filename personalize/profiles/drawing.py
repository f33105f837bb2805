"""What bandits drew for a visitor, from the exposures that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..model import Draw

_AT_ONCE: Final = 60.0  # seconds


def draw_of(shown: Mapping[str, Any], variant: str) -> Draw | None:
    """The draw behind an exposure; None where it tells of none. Exposures come from the outside too, so a number of the
    wrong kind makes it none."""
    names = ("propensity", "batch", "draw", "until")
    told = [value for name in names if isinstance(value := shown.get(name), int | float)]
    if len(told) < len(names) or not 0 < told[0] <= 1:
        return None
    propensity, batch, number, until = told
    return Draw(variant, str(shown.get("context") or ""), float(propensity), int(batch), int(number), float(until))


def follows(draw: Draw, last: Draw | None) -> bool:
    """Whether it takes the place of the newest one known: a page that was decided before that was known must not move
    the visitor. What was drawn much later with the same number was drawn while the first was another's: somebody had
    signed out, and both parts turned out to be one person's."""
    return last is None or draw.number > last.number or draw.until > last.until + _AT_ONCE
