"""What reading a page gives: where its slots are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from .open_elements import Node

Kind = Literal["inner", "outer", "point", "end", "after"]
Write = Callable[[bytes], bytes | None]


class Span:
    """A slot in a page: its fill takes the place of the bytes from `start` to `end` (offsets in the page; -1: not known
    yet), which are none where something is inserted. `opened` and `ended` say after how many bytes the page had shown
    that it begins and ends (the end of the page counts as one more byte). A `pair` of comments counts once it has
    ended, and is `dead` if its second comment never came.

    `kind` says what the span is of its element: its content, the whole, a point that the start tag tells, or one that
    is known when the element has ended: only then the place of a `late` one is known. A `whole` one asks where the
    element's end tag ends. `origin` is where the element (or the pair) begins. `claim` names what only one
    span of an element can have.

    `write` makes of the fill what is written, or None to keep the page's own; without it the fill is written as it is.
    `closing` are end tags to come before it, of elements that have none of their own before this place: not where such
    an element was itself replaced, or its end tag written for another span. `node` is the element of a whole span."""

    __slots__ = (
        "claim", "closing", "dead", "end", "ended", "kind", "late", "node", "opened", "origin", "pair", "slot",
        "start", "whole", "write",
    )  # fmt: skip

    def __init__(self, slot: str, kind: Kind, origin: int, start: int, opened: int, pair: bool = False) -> None:
        self.slot, self.kind, self.origin = slot, kind, origin
        self.start, self.opened, self.pair = start, opened, pair
        self.end = self.ended = -1
        self.dead = self.late = self.whole = False
        self.claim: bytes | None = None
        self.write: Write | None = None
        self.closing: tuple[tuple[Node, bytes], ...] = ()
        self.node: Node | None = None
        if kind == "inner":
            self.claim = b""
        elif kind == "point":
            if not pair:
                self.end, self.ended = start, opened
        else:
            self.late = kind != "outer"
            self.whole = kind != "end"

    def finish(self, inner: int, outer: int, known: int) -> None:
        """The element's content ends at `inner` and the element at `outer`, which `known` bytes have shown."""
        self.ended = known
        if self.late:
            self.start = self.end = outer if self.kind == "after" else inner
            self.opened = known
        elif self.kind == "point":
            self.end = self.start
        else:
            self.end = outer if self.kind == "outer" else inner

    def close(self, closed: set[Node], wrote: bool) -> bytes:
        """The end tags that come before what takes the place of the page's bytes, if something does (`wrote`). `closed`
        are elements that need no end tag any more, and grows."""
        tags = b""
        if self.closing and (wrote or self.kind == "outer"):
            tags = b"".join(tag for node, tag in self.closing if node not in closed)
            closed.update(node for node, _ in self.closing)
        if self.node is not None:
            closed.add(self.node)
        return tags

    def gone_with(self, other: Span) -> bool:
        """Whether this span, which comes after `other`, goes when what `other` spans is replaced."""
        if self.start < other.end or (self.kind == "end" and other.kind == "outer" and self.origin == other.origin):
            return True
        if self.start == other.start and self.claim is not None and self.claim == other.claim:
            return True
        return other.start + (other.kind == "outer") <= self.origin < other.end


def stand_apart(spans: Sequence[Span]) -> bool:
    """Whether what is written at each span depends on that slot's fill alone: none goes with another, none begins where
    another does, and none comes with end tags."""
    before: Span | None = None
    for span in spans:
        if span.dead:
            continue
        if span.closing or (before is not None and (span.start == before.start or span.gone_with(before))):
            return False
        before = span
    return True
