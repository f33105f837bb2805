"""Holes: the places where versions of a page differ and where a value cannot change how anything around it is read.

Rule 1: where a hole lies is known from reading the page forward up to it, never guessed backward. Rule 2: a hole holds
only bytes that cannot end what it stands in, nor begin something together with the bytes around it. Rule 3: a hole
runs to the first byte that it may not hold, so that a page can be taken apart in one way only. Rule 4: what is not
proven is no hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .elements import FORMATTING
from .readings import Reading
from .rules import PageRules
from .scanner import Scanner
from .spans import Span
from .tokens import RAW, TOKEN

VALUE_LIMIT = 4 << 10  # bytes in a hole

_Match = Callable[..., re.Match[bytes] | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """What may stand in a hole: `match` finds where it ends, `allowed` are the bytes it may be made of."""

    match: _Match
    allowed: frozenset[int]


def _kind(pattern: bytes, held: bytes) -> Kind:
    one = re.compile(held)
    allowed = frozenset(n for n in range(256) if one.fullmatch(bytes((n,))))
    return Kind(re.compile(pattern % (held, VALUE_LIMIT)).match, allowed)


# Text: never without a visible character, because white space alone is read in another way in some places.
TEXT = _kind(rb"[\t\n\f ]{0,64}+(?![\v\t\n\f ])%b{1,%d}+", rb"[^<>&\0\r]")
VALUE = _kind(rb"%b{0,%d}+", rb"[^<&\"'\0\r]")
# In scripts, comments and unquoted values: tokens only, and never nothing, so that what stands around stays apart.
PLAIN = _kind(rb"%b{1,%d}+", rb"[A-Za-z0-9+/=_.:-]")
WORD = _kind(rb"%b{1,%d}+", rb"[A-Za-z0-9]")
DASHLESS = _kind(rb"%b{1,%d}+", rb"[A-Za-z0-9+/=_.:]")

# Up to an attribute's value or to the end of what is there: 1 name, 2 in ", 3 its end, 4 in ', 5 its end, 6 unquoted.
_ATTRIBUTE = re.compile(
    rb"[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rb"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)(\")?|'([^']*+)(')?|([^\t\n\f\r \"'>]?[^\t\n\f\r >]*+)))?+"
)
_LETTERS, _DIGITS = re.compile(rb"[A-Za-z0-9]*\Z"), re.compile(rb"[0-9]*\Z")
_TAG = re.compile(rb"<([a-zA-Z][^\t\n\f\r />]*+)(?=[\t\n\f\r /])")
_SCRIPT_STARTS = (b"<!--", b"<script", b"</script")
_MARKERS = (b"slot:", b"/slot:")
_LONGEST = 16  # bytes of the longest of what can begin in raw text
# Three formatting elements of a kind that are alike in all attributes change what is opened again after them. Of links
# there are never three, because a link ends the one before it.
_ALIKE = FORMATTING - {b"a"}


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole in one version of a page: what it may hold, and the bytes from `start` to `end` there."""

    kind: Kind
    start: int
    end: int


class Probe(Scanner):
    """A Scanner that is fed a page up to a place, and then tells what it stands in. `spans` are the page's slots."""

    def __init__(self, rules: PageRules, spans: Sequence[Span]) -> None:
        super().__init__(rules)
        self._reads = rules.reads
        self._slot_tags = frozenset(span.origin for span in spans)

    def hole(self, page: bytes, low: int) -> Hole | None:
        """The hole in `page` around the bytes where reading stopped (`fed`), if it is proven to be one. It begins
        after `low`."""
        at, raw = self.fed, self._raw
        if self.done or self.ended:
            return None
        if raw is not None:
            return self._in_raw(page, at, low, raw)
        token = self._at + self._pos
        if token == at:
            return _text(page, at, low)
        if _TAG.match(page, token):
            return self._in_tag(page, at, low, token)
        if page.startswith(b"<!--", token) and token + 4 <= at:
            return _comment(page, at, low, token + 4)
        return None

    def _in_raw(self, page: bytes, at: int, low: int, raw: bytes) -> Hole | None:
        if raw not in RAW:  # a long comment, or CDATA
            return None
        hole = _text(page, at, low) if raw in (b"title", b"textarea") else _token(page, at, low)
        if hole is None:
            return None
        before = page.rfind(b"<", max(0, hole.start - _LONGEST), hole.start)
        if before >= 0:
            begun = page[before : hole.start].lower()
            ends = _SCRIPT_STARTS if raw == b"script" else (b"</" + raw,)
            if any(end.startswith(begun) for end in ends):
                return None
        return hole

    def _in_tag(self, page: bytes, at: int, low: int, token: int) -> Hole | None:
        tag = TOKEN.match(page, token)
        if tag is None or tag[2] is None or tag.end() <= at or token in self._slot_tags:
            return None
        name, pos = tag[2].lower(), tag.end(2)
        if name in _ALIKE or any(b"&" in v for n, v in _written(tag[3]) if n in self._reads):
            return None
        while found := _ATTRIBUTE.match(page, pos, at):
            pos = found.end()
            if pos == at:
                break
        if found is None or found.lastindex not in (2, 4, 6):
            return None
        attribute = found[1].lower()
        if (name, attribute) == (b"annotation-xml", b"encoding"):
            return None
        start = found.start(found.lastindex)
        if attribute in self._reads:
            whole = _ATTRIBUTE.match(page, found.start(), tag.end())
            assert whole is not None
            return self._in_read(self._reads[attribute], page, at, low, start, whole.end(found.lastindex))
        return _run(PLAIN if found.lastindex == 6 else VALUE, page, at, low, start)

    def _in_read(
        self, readings: Sequence[Reading], page: bytes, at: int, low: int, start: int, end: int
    ) -> Hole | None:
        """A hole in a value that selectors read, where none of them can come to another answer: after the last sign
        before it that is no letter or digit, or after the last that is no digit."""
        value = page[start:end]
        if b"\0" in value or b"\r" in value:
            return None
        for kind in (PLAIN, WORD):
            for token in (_LETTERS, _DIGITS):
                hole = _run(kind, page, at, low, at - len(token.search(page[start:at])[0]))  # type: ignore[index]
                if hole and all(r.settled(page[start : hole.start], page[hole.end : end]) for r in readings):
                    return hole
        return None


def _written(raw: bytes) -> list[tuple[bytes, bytes]]:
    return [(m[1].lower(), m[0]) for m in _ATTRIBUTE.finditer(raw)]


def _run(kind: Kind, page: bytes, at: int, low: int, first: int) -> Hole | None:
    """The hole around `at` that begins at `first` at the earliest, and after `low`."""
    start, allowed = at, kind.allowed
    first = max(first, at - VALUE_LIMIT)
    while start > first and page[start - 1] in allowed:
        start -= 1
    found = kind.match(page, start)
    if start <= low or found is None or found.end() < at:
        return None
    return Hole(kind, start, found.end())


def _text(page: bytes, at: int, low: int) -> Hole | None:
    # What reading has proven to be text reaches back to the last `>` at least: every other token ends with one.
    hole = _run(TEXT, page, at, low, 0)
    return None if hole is None or page[hole.start - 1] == ord("<") else hole


def _token(page: bytes, at: int, low: int, first: int = 0) -> Hole | None:
    # A `-` at the hole's end must not become part of `-->` or `--!>`.
    hole = _run(PLAIN, page, at, low, first)
    if hole is not None and page[hole.end : hole.end + 1] in (b"", b"-", b"!", b">"):
        return _run(DASHLESS, page, at, low, first)
    return hole


def _comment(page: bytes, at: int, low: int, first: int) -> Hole | None:
    # A hole begins where the comment can no longer become a slot's marker.
    for start in range(first + 1, min(at, first + _LONGEST) + 1):
        before = page[first:start].lstrip(b"\t\n\f\r ").lower()
        if before and not any(m.startswith(before) or before.startswith(m) for m in _MARKERS):
            return _token(page, at, low, start)
    return None
