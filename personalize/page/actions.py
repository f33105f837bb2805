"""What is done at a slot's element: its content or the whole replaced, something inserted, an attribute changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..config.actions import ON_ATTRIBUTES, Action
from .attributes import change, may_be_set
from .elements import FORMATTING, HEADINGS, VOID
from .open_elements import HTML, Node
from .spans import Kind, Span
from .tokens import RAW

_KINDS: dict[str, Kind] = {
    "replace_inner": "inner", "replace": "outer", "remove": "outer", "before": "point", "after": "after",
    "start": "point", "end": "end",
}  # fmt: skip
_INSIDE = frozenset(("replace_inner", "start", "end"))
_BESIDE = frozenset(("replace", "remove", "before"))
_NO_CONTENT = (RAW - {b"title", b"textarea"}) | {b"template"} | VOID
_NOWHERE = frozenset((b"frame", b"frameset", b"image"))
_THE_PAGE = frozenset((b"html", b"head", b"body", b"plaintext"))  # nothing can stand beside them or in their place


@dataclass(frozen=True, slots=True)
class Act:
    """What a slot's fill does to its element; with `all`, to every element that matches. `attribute` is a name in ASCII
    for set_attribute and remove_attribute.

    `inside`: the element must be able to hold content; `beside`: the fill comes to stand where the start tag begins;
    `at_once`: the start tag tells all."""

    action: Action = "replace_inner"
    attribute: bytes = b""
    all: bool = False
    kind: Kind = field(init=False)
    on_attribute: bool = field(init=False)
    inside: bool = field(init=False)
    beside: bool = field(init=False)
    at_once: bool = field(init=False)

    def __post_init__(self) -> None:
        kind = _KINDS.get(self.action, "point")
        for name, told in (
            ("kind", kind),
            ("on_attribute", self.action in ON_ATTRIBUTES),
            ("inside", self.action in _INSIDE),
            ("beside", self.action in _BESIDE),
            ("at_once", kind == "point"),
        ):
            object.__setattr__(self, name, told)

    def fits(self, name: bytes, raw: bytes) -> bool:
        """Whether it can be done to an element of this name with these attributes."""
        if self.inside:
            return name not in _NO_CONTENT
        if name in _NOWHERE:
            return False
        if self.action == "set_attribute":
            return may_be_set(self.attribute, name, raw)
        return self.on_attribute or name not in _THE_PAGE

    def begin(self, slot: str, name: bytes, raw: bytes, pos: int, end: int) -> list[Span]:
        """The spans of an element whose start tag stands from `pos` to `end`; `raw` is what follows the tag's name."""
        if self.on_attribute:
            return change(slot, self.attribute, self.action == "remove_attribute", raw, pos, pos + 1 + len(name), end)
        return [self._span(slot, pos, end, pair=False)]

    def begin_pair(self, slot: str, pos: int, end: int) -> Span:
        """The span of a pair whose first comment stands from `pos` to `end`."""
        return self._span(slot, pos, end, pair=True)

    def _span(self, slot: str, pos: int, end: int, pair: bool) -> Span:
        kind = self.kind
        start = -1 if kind == "end" or kind == "after" else end if self.inside else pos
        span = Span(slot, kind, pos, start, end, pair)
        if self.action == "remove":
            span.write = _nothing
        return span


def _nothing(fill: bytes) -> bytes:
    return b""


def in_order(spans: list[Span]) -> list[Span]:
    """Spans of one start tag as they come in the page: where two begin together, what is inserted comes first."""
    return sorted(spans, key=lambda span: (span.start, span.end != span.start)) if len(spans) > 1 else spans


def in_order_of_ends(spans: list[Span]) -> list[Span]:
    """Spans that one token has ended: from the inside out."""
    return sorted(spans, key=lambda span: (span.start, -span.origin, span.kind == "after")) if len(spans) > 1 else spans


def is_end_of(node: Node, name: bytes) -> bool:
    """Whether an end tag that took `node` off the stack is the element's own."""
    return node.name == name or (node.name in HEADINGS and name in HEADINGS and node.ns == HTML)


def end_tags(nodes: Iterable[Node]) -> tuple[tuple[Node, bytes], ...]:
    """The elements with their end tags; not of formatting, which a browser ends and opens again by itself."""
    return tuple((n, b"</%b>" % n.name) for n in nodes if n.ns != HTML or n.name not in FORMATTING)


def close(span: Span, stack: list[Node], node: Node, own: bool) -> None:
    """Let what comes at the end of `node`, or after it, be preceded by end tags for all that is open from the top of
    `stack` down to there; `own` if `node` has an end tag. Formatting that is opened again has nothing after it."""
    if not span.late or (own and span.kind == "after"):
        return
    if span.kind == "after" and node.ns == HTML and node.name in FORMATTING:
        span.dead = True
        return
    span.closing = end_tags(reversed(stack[stack.index(node) + (span.kind == "end") :]))
