"""Counting what was shown."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from rich.console import Console

from personalize.model import Event
from personalize.reports import ExposureReport, ExposureRow, as_json, table


def shown(
    time: float,
    visitor: str,
    experience: Any,
    variant: Any = None,
    held: bool = False,
    how: str = "fresh",
    slot: Any = "hero",
) -> Event:
    properties = {"slot": slot, "experience": experience, "variant": variant, "held": held, "how": how}
    return Event(f"{time}", "Experience Viewed", time, visitor, properties)


def report(*events: Event) -> ExposureReport:
    counted = ExposureReport()
    for event in events:
        counted.apply(event)
    return counted


def drawn(rows: list[ExposureRow]) -> str:
    out = StringIO()
    Console(file=out, width=100).print(table(rows))
    return out.getvalue()


EVENTS = (
    shown(1, "ann", "winter", "points"),
    shown(2, "ann", "winter", "points", how="fallback"),
    shown(3, "bob", "winter", "control"),
    shown(4, "cem", "winter", "points", held=True),
    shown(5, "ann", "mint"),
    shown(6, "ann", "next", slot="carousel"),
    Event("x", "Page Viewed", 9.0, "ann", {"slot": "hero", "experience": "winter"}),
)


def test_rows() -> None:
    """Exposures and different visitors per slot, experience, variant and group; other events are not counted."""
    assert report(*EVENTS).rows() == [
        ExposureRow("carousel", "next", "", False, 1, 1, 0, 6, 6),
        ExposureRow("hero", "mint", "", False, 1, 1, 0, 5, 5),
        ExposureRow("hero", "winter", "control", False, 1, 1, 0, 3, 3),
        ExposureRow("hero", "winter", "points", False, 2, 1, 1, 1, 2),
        ExposureRow("hero", "winter", "points", True, 1, 1, 0, 4, 4),
    ]


def test_rows_are_bounded() -> None:
    """A log full of invented names takes bounded memory: what comes after 2,000 rows is counted in one of its own."""
    rows = report(*(shown(n, "ann", f"e{n}") for n in range(2500))).rows()
    assert len(rows) == 2001
    rest = next(row for row in rows if row.slot == "(others)")
    assert (rest.exposures, rest.first, rest.last) == (500, 2000, 2499)
    assert sum(row.exposures for row in rows) == 2500


def test_properties_of_any_type_are_counted_somewhere() -> None:
    """Strange values in the log neither raise nor vanish."""
    rows = report(
        shown(1, "a", None), shown(2, "a", 5, ["x"]), shown(3, "a", "e" * 9000), shown(4, "\ud800", "e", slot={})
    ).rows()
    assert sum(row.exposures for row in rows) == 4
    assert max(len(row.experience) for row in rows) == 200


def test_the_table() -> None:
    """A terminal shows names as they are, never as markup, and says so when there is nothing."""
    text = drawn(report(*EVENTS, shown(7, "ann", "[red]bold[/red]")).rows())
    assert "[red]bold[/red]" in text and "held out" in text and "carousel" in text
    assert "Nothing yet." in drawn([])


def test_json() -> None:
    """The rows as plain values, ready to be written."""
    (row,) = json.loads(json.dumps(as_json(report(shown(1, "ann", "winter", "points")).rows())))
    assert row == {
        "slot": "hero", "experience": "winter", "variant": "points", "held": False,
        "exposures": 1, "visitors": 1, "fallbacks": 0, "unread": 0, "first": 1, "last": 1,
    }  # fmt: skip


def test_an_estimate_is_said_to_be_one() -> None:
    """Beyond 4,096 visitors of a row the number is near the truth and not exact, which stands below the table."""
    few = report(*(shown(float(n), f"v{n}", "winter") for n in range(4_000))).rows()
    many = report(*(shown(float(n), f"v{n}", "winter") for n in range(9_000))).rows()
    assert "4,000" in drawn(few) and "an estimate" not in drawn(few)
    assert abs(many[0].visitors - 9_000) < 300 and "an estimate" in drawn(many)
