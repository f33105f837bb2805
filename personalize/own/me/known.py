"""All that is known of one visitor, as one value for the page and the download. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from ...config.models import Config
from ...model import Catalogue, Event, Line, Profile

INTERESTS: Final = "interests"  # the trait that holds volunteered preferences: categories of the catalogue
_MOST_SHOWN: Final = 20
_MOST_CHOICES: Final = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """What one slot showed the last time, and the visitor's sentence for it; "" where the editors wrote none."""

    slot: str
    experience: str
    time: float
    path: str
    why: str
    held: bool


def shown_to(events: Sequence[Event], config: Config) -> list[Shown]:
    """The newest exposure of each slot, newest first."""
    newest: dict[str, Shown] = {}
    for event in events:
        for seen in event.exposures:
            slot, experience = str(seen.get("slot") or ""), str(seen.get("experience") or "")
            if slot and experience:
                newest.pop(slot, None)
                why = str(seen.get("why") or _why(config, slot, experience))
                path = str(event.properties.get("path") or "")
                newest[slot] = Shown(slot, experience, event.time, path, why, seen.get("held") is True)
    return list(reversed(newest.values()))[:_MOST_SHOWN]


def _why(config: Config, slot: str, experience: str) -> str:
    found = config.slots.get(slot)
    return next((e.why for e in found.experiences if e.id == experience), "") if found is not None else ""


def categories(products: Catalogue) -> list[str]:
    """The catalogue's largest categories, in the order of their names: what can be volunteered as an interest."""
    counted = Counter(product.category for product in products.values() if product.category)
    return sorted((name for name, _ in counted.most_common(_MOST_CHOICES)), key=str.casefold)


def corrected(before: Any, text: str) -> Any:
    """What the visitor typed, in the kind that the trait had: a number stays a number, yes or no stays so."""
    text = text.strip()
    if isinstance(before, bool):
        return text.casefold() in ("true", "yes", "1", "evet", "بله")
    if isinstance(before, int | float):
        try:
            number = float(text)
        except ValueError:
            return text
        return (int(number) if number.is_integer() else number) if math.isfinite(number) else text
    return text


def as_download(
    visitor: str, profile: Profile, events: Sequence[Event], segments: Sequence[str], now: float
) -> dict[str, Any]:
    """Everything, as plain values: the profile with where each trait is from, and every event that it was made of."""
    told = {f.name: getattr(profile, f.name) for f in fields(Profile) if f.name not in _LEFT_OUT}
    for moment in ("consented", "withdrawn"):  # JSON has no infinity
        told[moment] = told[moment] if math.isfinite(told[moment]) else None
    return {
        "visitor": visitor,
        "made_at": written(now),
        "profile": {
            **told,
            "provenance": {name: asdict(p) for name, p in profile.provenance.items()},
            "removed": {name: asdict(p) for name, p in profile.removed.items()},
            "sales": [{**sale._asdict(), "lines": _lines(sale.lines)} for sale in profile.sales],
            "refunds": [{**refund._asdict(), "lines": _lines(refund.lines)} for refund in profile.refunds],
            "cart_changes": [change._asdict() for change in profile.cart_changes],
            "draws": {id_: {k: asdict(d) for k, d in draws.items()} for id_, draws in profile.draws.items()},
        },
        "segments": list(segments),
        "events": [
            {"id": e.id, "name": e.name, "time": e.time, "at": written(e.time), "properties": e.properties}
            for e in events
        ],
    }


def _lines(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [line._asdict() for line in lines]


_LEFT_OUT: Final = frozenset({"visitor", "version", "provenance", "before", "draws", "erased"})


def written(time: float) -> str:
    """ISO 8601, in UTC; "" for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def shown_value(value: Any, yes: str, no: str) -> str:
    """A trait's value as a person reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return yes if value else no
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    if isinstance(value, dict) and all(isinstance(part, str) for part in value.values()):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return json.dumps(value, ensure_ascii=False)
