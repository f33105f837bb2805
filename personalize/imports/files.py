"""A file of events, row by row: CSV with a header, JSON lines, or a JSON list; UTF-8, UTF-16, UTF-32, or by line an
older encoding.

Rule 1  A row that can't be read costs itself: it is given out with its line and the reason, and reading goes on.
Rule 2  Memory holds one row at a time.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

_DELIMITERS: Final = ",;\t|"
_LONGEST: Final = 256 * 1024  # characters of a line
_TOO_LONG: Final = "longer than 256 KB"
_DECODER: Final = json.JSONDecoder()
_BETWEEN: Final = re.compile(r"[\s,]*")
_CLOSING: Final = re.compile(r"[}\]],?\s*\Z")
_OPENING: Final = re.compile(r"(\s*)\{")
_MOST_COLUMNS: Final = 2_000
_SEPARATOR: Final = re.compile(r"\ufeff?\"?sep=([,;\t|])\"?\s*", re.IGNORECASE)  # Excel's word on the delimiter
_OTHER_KINDS: Final = {
    b"PK\x03\x04": "a workbook or an archive; save the sheet as CSV (UTF-8), or unpack it",
    b"\xd0\xcf\x11\xe0": "an old workbook; save the sheet as CSV (UTF-8)",
    b"\x1f\x8b": "compressed; unpack it first",
}
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
    """The file's records in order. `.csv` and `.tsv` are tables, everything else is JSON: lines, or a list. A
    line that is no UTF-8 is read in `encoding`. Raises OSError, and LookupError for an encoding that there is not."""
    codecs.lookup(encoding)
    with path.open("rb") as file:
        start = file.read(4)
        if kind := next((said for magic, said in _OTHER_KINDS.items() if start.startswith(magic)), ""):
            yield Row(1, problem=f"the file is {kind}")
            return
        file.seek(0)
        lines = _Lines(file, encoding)
        yield from _table(lines) if path.suffix.lower() in (".csv", ".tsv") else _json(lines)


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
    told = _SEPARATOR.fullmatch(head)
    if told:
        head = next(source, "")
    delimiter = told[1] if told else max(_DELIMITERS, key=head.count)
    try:
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
    except csv.Error as error:
        why = "lines must end with a line feed; save it anew" if "\r" in head.rstrip("\r\n") else error
        yield Row(1, problem=f"the names of the columns are not readable as CSV: {why}", read=lines.read)
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
        if len(cells) > len(names) and not any(map(str.strip, cells[len(names) :])):
            del cells[len(names) :]  # as spreadsheets end lines
        if not problem and len(cells) != len(names):
            problem = f"{len(cells)} cells under {len(names)} columns" if cells else ""
        line, bad = records.ended(broken=bool(problem))
        if bad:
            problem = "characters that are neither UTF-8 nor the other encoding"
        values = {name: cell for name, cell in zip(names, cells, strict=False) if name and cell.strip()}
        if values or problem:
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


def _json(lines: _Lines) -> Iterator[Row]:
    source = (text for text in lines)
    head = next((text for text in source if text.strip()), "")
    if head.lstrip().startswith("["):
        yield from _json_list(chain([head.lstrip()[1:]], source), lines)
    else:
        yield from _json_lines(chain([head], source), lines)


def _json_lines(source: Iterable[str], lines: _Lines) -> Iterator[Row]:
    for text in source:
        bad, lines.bad = lines.bad, False
        text = text.strip().removesuffix(",")
        if not text:
            continue
        problem = ""
        values: Any = {}
        try:
            values = json.loads(text) if len(text) <= _LONGEST else None
        except (ValueError, RecursionError):
            problem = "not readable as JSON"
        if len(text) > _LONGEST:
            problem = _TOO_LONG
        yield _object(values, problem, bad, lines)


def _json_list(source: Iterable[str], lines: _Lines) -> Iterator[Row]:
    """The elements of a list, one after the other. One that is broken ends where a line begins as the first element's
    did, so that it costs itself alone."""
    held = ""  # of an element whose end did not come yet
    margin: str | None = None
    for text in source:
        opens = _OPENING.match(text)
        if opens and margin is None:
            margin = opens[1]
        elif opens and held.strip() and opens[1] == margin:
            yield _object(None, "not readable as JSON", False, lines)
            held = ""
        held += text
        if not _CLOSING.search(text):
            continue
        at = 0
        while (at := _BETWEEN.match(held, at).end()) < len(held):  # type: ignore[union-attr]
            if held[at] == "]":
                at = len(held)
                break
            try:
                values, end = _DECODER.raw_decode(held, at)
            except (ValueError, RecursionError):
                if len(held) - at > _LONGEST:
                    yield _object(None, _TOO_LONG, False, lines)
                    at = len(held)
                break
            bad, lines.bad = lines.bad, False
            problem = _TOO_LONG if end - at > _LONGEST else ""
            yield _object(values, problem, bad, lines)
            at = end
        held = held[at:]
    if held.strip(" \t\r\n,"):
        yield _object(None, "not readable as JSON", False, lines)


def _object(values: Any, problem: str, bad: bool, lines: _Lines) -> Row:
    if bad:
        problem = "characters that are neither UTF-8 nor the other encoding"
    elif not problem and not isinstance(values, dict):
        problem = "not a JSON object"
    return Row(lines.number, values if not problem else {}, problem, lines.read)
