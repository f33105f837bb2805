"""Pages with holes: what versions of a page have in common, learned from two of them and fitted to a third.

A page fits a template if everything between the holes is equal (compared, not hashed) and every hole holds only what
its kind allows. Then its slots are where the template has them, moved by how much longer or shorter the holes before
them are. What comes after the last slot has ended is read by nobody, and is free.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from .holes import Hole, Probe
from .rules import PageRules
from .scanner import PAIR_LIMIT
from .spans import Span, Write, stand_apart

if TYPE_CHECKING:
    from .layouts import TemplateLayout

MAX_HOLES = 32
# Pages of this many bytes up to the end of their last slot are read to the same end however long single tokens are.
SIZE_LIMIT = PAIR_LIMIT
_BLOCK = 4 << 10
_OVERHEAD = 1900  # bytes beside what is constant: its objects, its place in the tables, a route of its own
_PER_HOLE = 400
_PER_SPAN = 600
_OFFSETS = ("origin", "start", "end", "opened", "ended")


Fills = Mapping[str, bytes | None]  # slot -> what is written there; None keeps the page's own
# Bytes before a slot, its name, its own bytes, and what makes of a fill what is written (see Span.write).
Cuts = Sequence[tuple[memoryview, str, memoryview, Write | None]]
Filled = tuple[list[bytes | memoryview], Sequence[str]]  # the pieces of a page, and its slots' names in its order


def join_parts(cuts: Cuts, tail: memoryview, fills: Fills) -> Filled:
    """A page with its slots filled: before a slot, its fill (bytes) or the page's own, ..., the tail."""
    parts: list[bytes | memoryview] = []
    found: dict[str, None] = {}
    for before, slot, inner, write in cuts:
        fill = fills[slot]
        shown = True
        if fill is not None and write is not None:
            fill = write(fill)
            shown = fill is not None  # what cannot be written here is not shown
        parts += (before, inner if fill is None else fill)
        if shown:
            found[slot] = None
    parts.append(tail)
    return parts, list(found)


class Template:
    """Constant bytes, holes and slots. Offsets are those of the version that was learned."""

    __slots__ = (
        "_steps", "constants", "edges", "ends", "first", "free", "holes", "kept", "key", "layout", "model", "size",
        "spans", "starts",
    )  # fmt: skip

    def __init__(
        self, key: Hashable, model: bytes, spans: Sequence[Span], holes: Sequence[Hole], free: bool
    ) -> None:
        """`model` is a version of the page; where what comes after is `free`, it is the page up to there."""
        self.key, self.spans, self.holes, self.free = key, list(spans), tuple(holes), free
        self.kept = False
        self.layout: TemplateLayout | None = None  # where its pages left compressed
        self.model = model
        self.first = model[: holes[0].start] if holes else model
        ends = [*(h.start for h in holes[1:]), len(model)] if holes else []
        self.constants = [model[hole.end : end] for hole, end in zip(holes, ends, strict=True)]  # behind each hole
        self._steps = [
            (hole.kind.match, hole.end, constant, len(constant))
            for hole, constant in zip(holes, self.constants, strict=True)
        ]
        self.size = 2 * len(model) + _OVERHEAD + _PER_HOLE * len(holes) + _PER_SPAN * len(spans)
        self.starts = [hole.start for hole in holes]
        self.edges = _edges(spans, self.starts)
        self.ends: dict[int, int] = {}  # see following.Following

    def fit(self, page: bytes) -> Fitted | None:
        """The page's slots, if it fits."""
        if not page.startswith(self.first):
            return None
        pos = len(self.first)
        shifts = [0]
        for match, was, constant, size in self._steps:
            found = match(page, pos)
            if found is None:
                return None
            end = found.end()
            if not page.startswith(constant, end):
                return None
            shifts.append(end - was)
            pos = end + size
        if pos > SIZE_LIMIT or not (self.free or pos == len(page)):
            return None
        return Fitted(self, page, shifts)


class Fitted:
    """A page that fits a template. Like a Shape: its slots, and its pieces between them."""

    __slots__ = ("_spans", "cuts", "page", "shifts", "tail", "template")

    def __init__(self, template: Template, page: bytes, shifts: list[int]) -> None:
        self.template, self.page = template, page
        self.shifts = shifts  # how far the page is behind the template before each hole, and after the last
        self._spans: list[Span] | None = None
        self.tail = view = memoryview(page)
        self.cuts: list[tuple[memoryview, str, memoryview, Write | None]] | None = None
        if template.edges is not None:
            last = 0
            self.cuts = cuts = []
            for slot, write, start, before, end, inside in template.edges:
                start += shifts[before]
                end += shifts[inside]
                cuts.append((view[last:start], slot, view[start:end], write))
                last = end
            self.tail = view[last:]

    def fill(self, fills: Fills) -> Filled | None:
        """As Shape.fill."""
        return join_parts(self.cuts, self.tail, fills) if self.cuts else None

    @property
    def spans(self) -> list[Span]:
        """The slots' spans in this page."""
        if self._spans is None:
            self._spans = [moved(span, self.template.starts, self.shifts) for span in self.template.spans]
        return self._spans


def _edges(spans: Sequence[Span], starts: list[int]) -> list[tuple[str, Write | None, int, int, int, int]] | None:
    """(slot, its write, start, holes before that, end, holes before that) of each span, where they stand apart."""
    if not stand_apart(spans):
        return None
    return [
        (span.slot, span.write, span.start, bisect_left(starts, span.start), span.end, bisect_left(starts, span.end))
        for span in spans
        if not span.dead
    ]


def moved(span: Span, starts: list[int], shifts: list[int]) -> Span:
    """The span where holes begin at `starts` and what stands behind each is moved by `shifts`."""
    other = copy.copy(span)
    for name in _OFFSETS:
        at = getattr(span, name)
        if at >= 0:
            setattr(other, name, at + shifts[bisect_left(starts, at)])
    return other


def learn(
    key: Hashable,
    rules: PageRules,
    model: bytes,
    spans: Sequence[Span],
    holes: Sequence[Hole],
    page: bytes,
    found: Sequence[Span],
) -> Template | None:
    """What `model` and `page` have in common, both read whole, with their slots. `holes` are those known in the model
    already. None if they differ anywhere else than in holes."""
    probe = Probe(rules, spans)
    known = list(reversed(holes))
    learned: list[Hole] = []
    shifts = [0]
    done_at = max((s.ended for s in spans), default=len(model) + 1)  # the earliest place where reading may have ended
    at = other = 0  # equal up to here, in the model and in the page
    while True:
        same = equal(model, at, page, other)
        differs = at + same
        if known and known[-1].start <= differs:
            hole: Hole | None = known.pop()
        else:
            if differs >= done_at:
                probe.feed(model[probe.fed : done_at], False)
                if probe.done:
                    template = Template(key, model[:done_at], spans, learned, True)
                    break
                done_at = len(model) + 1
            if differs == len(model) and other + same == len(page):
                template = Template(key, model, spans, learned, False)
                break
            probe.feed(model[probe.fed : differs], False)
            hole = probe.hole(model, at)
            if hole is not None and known and hole.start < known[-1].start <= known[-1].end <= hole.end:
                known.pop()  # it was part of this one
        if hole is None or hole.start < at or len(learned) == MAX_HOLES or (known and hole.end > known[-1].start):
            return None
        value = hole.kind.match(page, hole.start - at + other)
        if value is None:
            return None
        learned.append(hole)
        at, other = hole.end, value.end()
        shifts.append(other - at)
    if max(len(template.model), len(template.model) + shifts[-1]) > SIZE_LIMIT:
        return None
    starts = [hole.start for hole in learned]
    if any(h.start < edge < h.end for h in learned for s in spans for edge in (s.start, s.end)):
        return None
    there = [moved(span, starts, shifts) for span in spans]
    return template if [_told(s) for s in there] == [_told(s) for s in found] else None


def _told(span: Span) -> tuple[object, ...]:
    return span.slot, span.pair, span.dead, span.start, span.end, None if span.dead else span.ended


def equal(one: bytes, i: int, two: bytes, j: int) -> int:
    """How many bytes from one[i] and two[j] on are equal."""
    begin, most = i, min(len(one) - i, len(two) - j)
    size = _BLOCK
    while i - begin < most:
        size = min(size, most - (i - begin))
        if one[i : i + size] == two[j : j + size]:
            i, j = i + size, j + size
        elif size == 1:
            break
        else:
            size = (size + 1) // 2
    return i - begin
