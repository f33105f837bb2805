"""A page's bytes with its slots filled, chunk by chunk. Sans-IO; one Splicer per response.

Where the slots are is told by a shape while the page equals one, else by a Scanner. Rule 1: both tell the same, so
that a page which leaves its shape midway is read from its beginning and goes on where it was. Rule 2: what the bytes
so far do not prove is not known, even where a shape says how it went the last time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from enum import Enum
from typing import Final

from .following import ALL, Following
from .open_elements import Node
from .rules import PageRules
from .scanner import Scanner
from .shapes import Shape, Shapes, page_key
from .spans import Span
from .templates import Fitted


class WaitType(Enum):
    """The type of WAIT."""

    WAIT = "wait"


WAIT: Final = WaitType.WAIT
"""What `fill` returns for a slot whose content is not known yet."""

Piece = bytes | memoryview

_AT_ONCE = 128 << 10  # bytes of a new page that are read while everybody else waits
_STEP = 64 << 10


class Splicer:
    """Cuts a page at its slots and joins it again.

    `fill(slot)` is asked in document order, when everything before the slot may leave: bytes replace the slot's inner
    HTML, None keeps the page's own, WAIT stops the page there until `feed` is called again, which asks again. Fills
    are never scanned. A slot inside a slot that was replaced is gone and is not asked for.

    With `shapes`, pages of the same `route` (any hashable value; pages in different encodings need different routes
    or rules) are compared with those seen before, and learned. Where such a page came, `shape` tells which, and
    `parts` is the page as it has been joined so far, in the order of the shape's cuts: what stands before a slot (a
    memoryview), then its fill (bytes) or the page's own (a memoryview), and at last the tail.
    """

    # What a page that comes whole never changes stands here, once.
    waiting: str | None = None
    gave_up: str | None = None  # why the rest of the page passes untouched, if it does
    shape: Shape | Fitted | None = None
    _cut: Shape | Fitted | None = None  # where the page, or all of it that matters, is cut: known when it came, or read
    _scanner: Scanner | None = None
    _ahead: Scanner | None = None  # of a page that was read before it was fed
    _following: Following | None = None
    _learning: list[bytes] | None = None
    _spans: Sequence[Span] = ()
    _fed = 0
    _known = 0  # bytes that have proven what they could
    _head = 0  # bytes of the first piece that have left
    _out = 0  # bytes of the page that have left or were dropped
    _next = 0  # index of the next span to come
    _inside = -1  # index of the span being replaced
    _gone: Span | None = None  # the last that was replaced
    _closed: set[Node] | None = None  # elements that were replaced, or whose end tag was written
    _done: list[tuple[int, bool]] | None = None  # spans that made them so, and whether anything was written there

    def __init__(
        self,
        rules: PageRules,
        fill: Callable[[str], bytes | WaitType | None],
        *,
        shapes: Shapes | None = None,
        route: Hashable = None,
    ) -> None:
        self.found: list[str] = []
        self.parts: list[Piece] = []
        self._rules = rules
        self._fill = fill
        self._shapes = shapes
        self._key = page_key(route, rules)
        self._pieces: deque[bytes] = deque()

    def feed(self, chunk: bytes, more: bool) -> list[Piece]:
        """Take the next bytes of the page; gives what may leave now, in order. `more` is False with the last ones.

        While `waiting` names a slot, call again with b"" once its fill is known; chunks fed meanwhile are queued.
        """
        shapes = self._shapes
        if chunk:
            self._pieces.append(chunk)
            if not self._fed:
                if shapes is not None:
                    shape = shapes.begins(self._key, chunk) if more else shapes.find(self._key, chunk)
                    if shape is not None:
                        self.shape = None if shape.cuts is None else shape
                        return self._begin(shape, chunk)
                    self._following = Following(shapes, self._key, self._rules) if more else None
                if not more:
                    return self._begin(self._read(chunk), chunk)
        elif more and not self._fed:
            return []
        if self._following is not None:
            self._follow(self._following, chunk, more)
        elif self._cut is None:
            self._scan(chunk, more)
        self._fed += len(chunk)
        if self.waiting is not None and self._cut is not None and self._cut.cuts is not None:
            return self._join(self._cut)
        return self._advance()

    def ahead(self, page: bytes) -> Iterator[None]:
        """Read a large page that was not seen before, in steps, for a caller that lets others run between them; after
        the last, `feed` is given all of it."""
        if len(page) <= _AT_ONCE or (self._shapes is not None and self._shapes.find(self._key, page) is not None):
            return
        scanner = Scanner(self._rules)
        for start in range(0, len(page), _STEP):
            try:
                scanner.feed(page[start : start + _STEP], start + _STEP >= len(page))
            except Exception:  # `feed` reads it again, and fails where the caller is told
                return
            yield
        self._ahead = scanner

    # --- where the slots are --------------------------------------------------------------------------

    def _begin(self, cut: Shape | Fitted, page: bytes) -> list[Piece]:
        """A page of which all that matters is known."""
        self._cut = cut
        self._known = ALL
        self._fed = len(page)
        if cut.cuts is None:
            self._spans = cut.spans
            return self._advance()
        return self._join(cut)

    def _read(self, page: bytes) -> Shape:
        """A page that came whole and was not seen before."""
        scanner = self._ahead
        if scanner is None:
            scanner = Scanner(self._rules)
            scanner.feed(page, True)
        self.gave_up = scanner.gave_up
        shape, shapes = Shape(self._key, page, scanner.spans), self._shapes
        if shapes is not None and scanner.gave_up is None and len(page) <= shapes.largest and shapes.wants(self._key):
            shapes.learn(shape, self._rules)
        return shape

    def _join(self, shape: Shape | Fitted) -> list[Piece]:
        """The pieces between the shape's slots with the fills, from where a slot had to wait on."""
        ask, parts = self._fill, self.parts
        begun = len(parts)
        before_left = begun & 1  # what stands before the slot that was waited for has left already
        changed = begun > 0
        assert shape.cuts is not None
        for before, slot, inner, write in shape.cuts[begun >> 1 :]:
            fill = ask(slot)
            shown = True
            if write is not None and isinstance(fill, bytes):
                fill = write(fill)
                shown = fill is not None  # what cannot be written here is not shown
            if before_left:
                before_left = 0
            else:
                parts.append(before)
            if fill is None:
                parts.append(inner)
            elif isinstance(fill, bytes):
                parts.append(fill)
                changed = True
            else:
                self.waiting = slot
                cuts = shape.cuts[: len(parts) >> 1]
                self._out = self._head = sum(len(gap) + len(own) for gap, _, own, _ in cuts) + len(before)
                return parts[begun:]
            if shown and slot not in self.found:
                self.found.append(slot)
        parts.append(shape.tail)
        self.waiting = None
        page = self._pieces.popleft()
        self._out, self._head = len(page), 0
        if not self._pieces:
            return parts[begun:] if changed else [page]
        return parts[begun:] + self._advance()  # and what came while a slot waited

    def _follow(self, following: Following, chunk: bytes, more: bool) -> None:
        """Go on comparing; a page that is none of those known is read from its beginning."""
        if following.take(chunk, more):
            self._known = following.known
            self._take_spans(following.spans)
        else:
            self._following = None
            if past := following.past():
                self._scan(past, True)
            self._scan(chunk, more)

    def _take_spans(self, spans: Sequence[Span]) -> None:
        """Go on with other spans. They tell the same of what was done already, in other words."""
        if self._spans is not spans:
            self._spans = spans
            if self._done:
                self._closed = set()
                for at, wrote in self._done:
                    spans[at].close(self._closed, wrote)

    def _scan(self, chunk: bytes, more: bool) -> None:
        scanner = self._scanner
        if scanner is None:
            scanner = self._scanner = Scanner(self._rules)
            self._known = ALL
            if self._shapes is not None and self._shapes.wants(self._key):
                self._learning = []
        elif scanner.ended:
            return
        scanner.feed(chunk, not more)
        self._take_spans(scanner.spans)
        self.gave_up = scanner.gave_up
        if self._learning is not None:
            self._learn(scanner, chunk, more)

    def _learn(self, scanner: Scanner, chunk: bytes, more: bool) -> None:
        assert self._learning is not None and self._shapes is not None
        if chunk:
            self._learning.append(chunk)
        if scanner.gave_up or scanner.fed > self._shapes.largest:
            self._learning = None
        elif not more:
            self._shapes.learn(Shape(self._key, b"".join(self._learning), scanner.spans), self._rules)
            self._learning = None

    # --- what leaves ----------------------------------------------------------------------------------

    def rest(self) -> list[Piece]:
        """What was fed and has not left, for a caller that gives up: the page's own bytes from here on."""
        head, self._head = self._head, 0
        pieces: list[Piece] = [piece[head:] if at == 0 else piece for at, piece in enumerate(self._pieces)]
        self._pieces.clear()
        self.waiting = None
        return pieces

    def _advance(self) -> list[Piece]:
        out: list[Piece] = []
        spans, known = self._spans, self._known
        safe = self._scanner.safe if self._scanner is not None else min(known, self._fed)
        self.waiting = None
        if self._closed is None or self._done is None:
            self._closed, self._done = set(), []
        while True:
            if self._inside >= 0:
                inside = spans[self._inside]
                if not 0 <= inside.ended <= known:
                    # Under a shape the last token may not be what the shape says: nothing is dropped before the end.
                    if self._scanner is not None:
                        self._move(safe, None)
                    return out
                self._move(inside.end, None)
                self._inside, self._gone = -1, inside
            if self._next == len(spans) or spans[self._next].opened > known:
                # What a span takes away is there before it is known: the tag stays until it is.
                self._move(safe if self._next == len(spans) else min(safe, spans[self._next].start), out)
                return out
            span = spans[self._next]
            if self._gone is not None and span.gone_with(self._gone):
                self._next += 1
                continue
            self._move(span.start, out)
            if span.pair and not 0 <= span.ended <= known:
                return out
            if not span.dead:
                fill = self._fill(span.slot)
                if isinstance(fill, WaitType):
                    self.waiting = span.slot
                    return out
                if fill is not None:
                    text = fill if span.write is None else span.write(fill)
                    if text is None:
                        self._next += 1  # what cannot be written here was not shown
                        continue
                    if span.closing or span.node is not None:
                        self._done.append((self._next, bool(text)))
                    fill = span.close(self._closed, bool(text)) + text
                if span.slot not in self.found:
                    self.found.append(span.slot)
                if fill is not None:
                    if fill:
                        out.append(fill)
                    self._inside = self._next
            self._next += 1

    def _move(self, upto: int, out: list[Piece] | None) -> None:
        """Let the page's bytes up to an offset leave into `out`, or drop them."""
        pieces = self._pieces
        while self._out < upto and pieces:
            piece, head = pieces[0], self._head
            take = min(len(piece) - head, upto - self._out)
            if head + take == len(piece):
                pieces.popleft()
                self._head = 0
                if out is not None:
                    out.append(piece[head:] if head else piece)
            else:
                self._head = head + take
                if out is not None and take:
                    out.append(piece[head : self._head])
            self._out += take
