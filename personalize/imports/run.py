"""Importing a file: batches into the store, with a note of how far it came.

Rule 1  A row's event has the same id on every run, so a second import adds nothing.
Rule 2  After each stored batch the place is noted; an import that was cut off goes on there, if the file is the same.
Rule 3  Every row that is not taken is told with its line.
Rule 4  What somebody had erased is not written down again: a row of before that, under any of its ids, is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from ..model import Event
from ..profiles import erased_since
from ..protocols import Store
from .files import Row, read_rows
from .told import Told, make_events

_BATCH: Final = 1000


@dataclass(slots=True)
class Outcome:
    """Of a file: `new` events, `known` ones that the log had already, rows `refused`, rows of what was `erased`, and
    those `skipped` since an earlier run took them. `rows` is how many were dealt with, those included."""

    new: int = 0
    known: int = 0
    refused: int = 0
    erased: int = 0
    skipped: int = 0
    rows: int = field(default=0, compare=False)


async def import_file(
    store: Store,
    path: Path,
    told: Told,
    notes: Path,
    *,
    encoding: str = "cp1252",
    refuse: Callable[[int, str], None],
    progress: Callable[[int], None] = lambda read: None,
) -> Outcome:
    """Import a file into an open store. `notes` is a folder for the place reached; `refuse` hears of each row that is
    not taken, with its line; `progress` of how many bytes were read. Raises OSError, LookupError (encoding) and
    StoreError; what was stored before stays, and the next run goes on after it."""
    outcome = Outcome()
    note = _Note(path, notes)
    rows = read_rows(path, encoding)
    for _ in islice(rows, note.done):
        outcome.skipped += 1
    outcome.rows = outcome.skipped
    while batch := list(islice(rows, _BATCH)):
        made = list(_events(batch, told, outcome, refuse))
        whose = await erased_since(store, [event for _, event in made])
        events = [event for (_, event), id_ in zip(made, whose, strict=True) if not id_]
        for line, id_ in {line: id_ for (line, _), id_ in zip(made, whose, strict=True) if id_}.items():
            outcome.erased += 1
            refuse(line, f"{id_} had everything of that time erased")
        if events:
            new, _ = await store.append(events)
            outcome.new += new
            outcome.known += len(events) - new
        outcome.rows += len(batch)
        note.write(outcome.rows)
        progress(batch[-1].read)
    note.remove()
    return outcome


def _events(
    rows: list[Row], told: Told, outcome: Outcome, refuse: Callable[[int, str], None]
) -> Iterator[tuple[int, Event]]:
    """With the line of each."""
    for row in rows:
        made = row.problem or make_events(row.values, told)
        if isinstance(made, str):
            outcome.refused += 1
            refuse(row.line, made)
        else:
            yield from ((row.line, event) for event in made)


class _Note:
    """How many rows of this very file (its path, size and time) were dealt with by a run that did not finish."""

    def __init__(self, path: Path, folder: Path) -> None:
        stat = path.stat()
        place = str(path.resolve())
        self._file = [place, stat.st_size, stat.st_mtime_ns]
        mark = hashlib.sha256(place.encode("utf-8", "replace")).hexdigest()[:16]
        self._path = folder / f"import-{mark}.json"
        self.done = self._read()

    def _read(self) -> int:
        try:
            noted = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return 0
        same = isinstance(noted, dict) and noted.get("file") == self._file
        done = noted.get("rows") if same else 0
        return done if isinstance(done, int) else 0

    def write(self, rows: int) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps({"file": self._file, "rows": rows}))
        draft.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
