"""A file of events, row by row: CSV with a header, or JSON lines; UTF-8, UTF-16, UTF-32, or by line an older encoding.

Rule 1  A row that can't be read costs itself: it is given out with its line and the reason, and reading goes on.
Rule 2  Memory holds one row at a time.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

_DELIMITERS: Final = ",;\t|"
_LONGEST: Final = 256 * 1024  # characters of a line
_MOST_COLUMNS: Final = 2_000
_NO_TEXT: Final = "�"


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `line` is where it ends in the file, `problem` why it can't be used; `read` how many bytes of the
    file were read so far."""

    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    read: int = 0


def read_rows(path: Path, encoding: str = "cp1252") -> Iterator[Row]:
    """The file's records in order. `.csv` and `.tsv` are tables, everything else is JSON lines. A line that is no UTF-8
    is read in `encoding`. Raises OSError, and LookupError for an encoding that there is not."""
    codecs.lookup(encoding)
    with path.open("rb") as file:
        lines = _Lines(file, encoding)
        yield from _table(lines) if path.suffix.lower() in (".csv", ".tsv") else _json_lines(lines)


class _Lines:
    """The file's lines as text. `number` is the last one given out, `bad` whether it could not be decoded."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self._wide = _byte_order(file)
        self.number = 0
        self.read = 0
        self.bad = False

    def __iter__(self) -> Iterator[str]:
        if self._wide:
            for text in io.TextIOWrapper(self._file, self._wide, errors="replace", newline=""):
                self.read = self._file.tell()
                yield self._given(text)
            return
        for raw in self._file:
            self.read += len(raw)
            if not self.number:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                text = raw.decode(self._encoding, "replace")
            yield self._given(text)

    def _given(self, text: str) -> str:
        self.number += 1
        self.bad = self.bad or _NO_TEXT in text or "\0" in text
        return text


def _byte_order(file: BinaryIO) -> str:
    """The encoding of several bytes a character, from its mark, or from the zeros in the Latin letters of a first line
    that names columns or opens an object."""
    start = file.read(4)
    file.seek(0)
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [byte == 0 for byte in start]
    return "utf-16-le" if zeros == [False, True] * 2 else "utf-16-be" if zeros == [True, False] * 2 else ""


def _table(lines: _Lines) -> Iterator[Row]:
    source = iter(lines)
    head = next(source, "")
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
    except csv.Error as error:
        yield Row(1, problem=f"the names of the columns are not readable as CSV: {error}", read=lines.read)
        return
    if not any(names):
        yield Row(1, problem="the first line must name the columns", read=lines.read)
        return
    if len(names) > _MOST_COLUMNS:
        yield Row(1, problem=f"{len(names):,} columns; at most {_MOST_COLUMNS:,} are read", read=lines.read)
        return
    if doubled := [name for name, times in Counter(names).items() if name and times > 1]:
        yield Row(1, problem=f'the column "{doubled[0]}" is there twice', read=lines.read)
        return
    records = _Records(source, lines)
    reader = csv.reader(records, delimiter=delimiter, strict=True)
    while True:
        problem, cells = "", []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"not readable as CSV: {error}"
        if not problem and len(cells) != len(names):
            problem = f"{len(cells)} cells under {len(names)} columns" if cells else ""
        line, bad = records.ended(broken=bool(problem))
        if bad:
            problem = "characters that are neither UTF-8 nor the other encoding"
        if cells or problem:
            values = {name: cell for name, cell in zip(names, cells, strict=False) if name and cell.strip()}
            yield Row(line, values, problem, lines.read)


class _Records:
    """The lines of a table for csv's reader, which takes several for a record with line breaks in it. Of a record that
    turns out to be broken only its first line is lost: a quote that is never closed must not swallow those after it."""

    def __init__(self, source: Iterator[str], lines: _Lines) -> None:
        self._source = source
        self._lines = lines
        self._again: deque[tuple[str, int, bool]] = deque()
        self._taken: list[tuple[str, int, bool]] = []

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> str:
        if self._again:
            taken = self._again.popleft()
        else:
            self._lines.bad = False
            text = next(self._source)
            taken = text, self._lines.number, self._lines.bad
        self._taken.append(taken)
        return taken[0]

    def ended(self, broken: bool) -> tuple[int, bool]:
        """The line at which the record ended, and whether it could not be decoded."""
        taken, self._taken = self._taken or [("", self._lines.number, False)], []
        if broken:
            self._again.extendleft(reversed(taken[1:]))
            del taken[1:]
        return taken[-1][1], any(bad for _, _, bad in taken)


def _json_lines(lines: _Lines) -> Iterator[Row]:
    for text in lines:
        bad, lines.bad = lines.bad, False
        if not text.strip():
            continue
        problem = ""
        values: Any = {}
        try:
            values = json.loads(text) if len(text) <= _LONGEST else None
        except (ValueError, RecursionError):
            problem = "not readable as JSON"
        if bad:
            problem = "characters that are neither UTF-8 nor the other encoding"
        elif not problem and not isinstance(values, dict):
            problem = "longer than 256 KB" if values is None and len(text) > _LONGEST else "not a JSON object"
        yield Row(lines.number, values if not problem else {}, problem, lines.read)
