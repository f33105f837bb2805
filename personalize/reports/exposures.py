"""What was shown: exposures and different visitors per slot, experience and variant, held-out visitors apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from ..model import Event
from .distinct import EXACT, Distinct

if TYPE_CHECKING:
    from rich.table import Table

_MOST: Final = 2_000  # different rows; a config has far fewer, and what comes beyond is one row of its own
_Key = tuple[str, str, str, bool]
_REST: Final[_Key] = ("(others)", "", "", False)


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """`visitors` is exact up to 4,096, then an estimate with a standard error of 0.81 %. `held`: these visitors
    would have seen it and were held out. `fallbacks`: exposures whose own content failed or was late. `unread`: those
    on pages that could not read the visitor's profile in time, and were decided by the id alone."""

    slot: str
    experience: str
    variant: str
    held: bool
    exposures: int
    visitors: int
    fallbacks: int
    first: float  # Unix seconds
    last: float
    unread: int = 0


class _Count:
    __slots__ = ("exposures", "fallbacks", "first", "last", "unread", "visitors")

    def __init__(self, time: float) -> None:
        self.exposures = 0
        self.fallbacks = 0
        self.unread = 0
        self.visitors = Distinct()
        self.first = self.last = time


class ExposureReport:
    """A fold. Takes at most about 2,000 rows of 200 KB each, whatever the log holds; a few rows are usual."""

    def __init__(self, person: Callable[[Event], str] = lambda event: event.visitor) -> None:
        """`person` gives the one name under which a person counts as one visitor."""
        self._person = person
        self._counts: dict[_Key, _Count] = {}

    def apply(self, event: Event) -> None:
        for seen in event.exposures if event.counted else ():
            self._count(event, seen)

    def _count(self, event: Event, seen: Mapping[str, Any]) -> None:
        slot, experience, variant = (str(seen.get(part) or "")[:200] for part in ("slot", "experience", "variant"))
        key = (slot, experience, variant, seen.get("held") is True)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= _MOST:
                key = _REST
            count = self._counts.setdefault(key, _Count(event.time))
        count.exposures += 1
        count.fallbacks += seen.get("how") == "fallback"
        count.unread += event.properties.get("unread") is True
        count.visitors.add(self._person(event))
        count.first, count.last = min(count.first, event.time), max(count.last, event.time)

    def rows(self) -> list[ExposureRow]:
        """Sorted by slot, experience and variant; what was shown before what was held back."""
        return [
            ExposureRow(*key, c.exposures, c.visitors.count(), c.fallbacks, c.first, c.last, c.unread)
            for key, c in sorted(self._counts.items())
        ]


def as_json(rows: Sequence[ExposureRow]) -> list[dict[str, Any]]:
    """The rows as plain values for json.dump."""
    return [asdict(row) for row in rows]


def table(rows: Sequence[ExposureRow]) -> Table:
    """The rows for a terminal."""
    from rich.table import Table
    from rich.text import Text

    said = [] if rows else ["Nothing yet. Only visitors who consent are counted."]
    if any(row.visitors > EXACT for row in rows):
        said.append(f"Of more than {EXACT:,} visitors the number is an estimate, mostly within 1 %.")
    if unread := sum(row.unread for row in rows):
        of_all = f"{unread:,} of {sum(row.exposures for row in rows):,} exposures"
        said.append(f"{of_all} were decided by the id alone: the profile could not be read in time.")
    drawn = Table(title="What was shown", caption="\n".join(said) or None)
    for title in ("slot", "experience", "variant", "group"):
        drawn.add_column(title, overflow="fold")  # a name cut short can't be told from another
    for title in ("exposures", "visitors", "fallbacks"):
        drawn.add_column(title, justify="right", overflow="fold")
    before = ""
    for row in rows:
        if before and row.slot != before:
            drawn.add_section()
        before = row.slot
        names = (row.slot, row.experience, row.variant or "-", "held out" if row.held else "shown")
        # Text, since names come from the log and must not be read as markup.
        drawn.add_row(*map(Text, names), f"{row.exposures:,}", f"{row.visitors:,}", f"{row.fallbacks:,}")
    return drawn
