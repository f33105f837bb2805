"""Which elements and pairs of comments are slots, and where their spans begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .actions import close, end_tags, in_order, in_order_of_ends, is_end_of
from .candidates import Candidates
from .elements import ENDS_P, TABLE_PARTS
from .open_elements import Node
from .rules import PageRules
from .selectors import Matcher, Place
from .spans import Span
from .tokens import attributes
from .tree import Tree

PAIR_LIMIT = 256 << 10  # bytes between a pair of comments; what stands between is held until the second comes
TAIL_LIMIT = 64 << 10  # bytes after </body> that are held while they may be the page's last

_MARKER = re.compile(rb"<!--[\t\n\f\r ]*+(/?)(?i:slot):([^\t\n\f\r <>]+?)[\t\n\f\r ]*+--!?>")
# Start tags that may end what is open before them.
CLOSING = ENDS_P | TABLE_PARTS | frozenset(b"option optgroup button rb rtc rp rt select".split())

_NOWHERE = Place()  # a start tag alone decides

Closed = tuple[tuple[Node, bytes], ...]  # what a start tag ended, with its end tag


class Places:
    """The spans found so far, and what can still become one. Bytes are offsets in `_buf`, which begins at `_at`."""

    def __init__(self, rules: PageRules | None) -> None:
        self.spans: list[Span] = []
        self.safe = 0
        self.fed = 0
        self.done = False  # nothing more is looked for
        self.gave_up: str | None = None
        self._rules = rules
        self._acts = rules.acts if rules else {}
        self._wanted = set(self._acts)
        self._beside = any(act.beside for act in self._acts.values())
        self._dead_names: set[bytes] = set()
        self._last = False
        self._buf = b""
        self._at = 0  # where _buf starts in the page
        self._pos = 0  # how much of _buf is read
        self._raw: bytes | None = None
        self._raw_spans: list[Span] = []
        self._open: list[tuple[Span, Node]] = []
        self._pairs: list[tuple[Span, bytes, int]] = []
        self._candidates = Candidates(rules)
        self._whole = rules is None or rules.quick is None
        # Where </body> and </html> stand in the page, as long as nothing came after them that reopens what they ended.
        self._body_over = self._html_over = -1
        self.tree: Tree | None = None

    # --- which slots ----------------------------------------------------------------------------------

    def _matcher(self) -> Matcher | None:
        return Matcher(self._rules.steps, self._rules.charset) if self._rules else None

    def _quick(self, name: bytes, raw: bytes) -> list[str]:
        rules = self._rules
        assert rules is not None and rules.quick is not None
        self._cancel_pairs(self._at + self._pos)
        wanted, spelled, place = self._wanted, b"&" in raw, _NOWHERE
        attrs: dict[bytes, bytes] | None = None
        found = []
        for quick, slot in rules.quick:
            if slot in wanted and slot not in found and (quick.needle in raw or spelled):
                if attrs is None:
                    attrs = attributes(raw, rules.charset)
                if quick.test(name, attrs, place, 0) and self._acts[slot].fits(name, raw):
                    found.append(slot)
        return found

    def _chosen(self, node: Node, name: bytes) -> list[str]:
        if not self._wanted:
            return []
        assert self._rules is not None
        place = node.watched
        mask = place.mask if isinstance(place, Place) else 0
        if not mask:
            return []
        self._cancel_pairs(self._at + self._pos)
        found = dict.fromkeys(s for bits, s in self._rules.bits if mask & bits and s in self._wanted)
        return [slot for slot in found if self._acts[slot].fits(name, node.raw)]

    def _aim(self) -> None:
        """Look only for what can still become a slot."""
        if not self._whole:
            pairs = self._pairs
            self._candidates.aim(self._wanted.union(p[0].slot for p in pairs) if pairs else self._wanted)

    def _check_done(self) -> None:
        if not (self._wanted or self._pairs or self._open or self._raw_spans or self._rules is None):
            self.done = True

    # --- elements -------------------------------------------------------------------------------------

    def _begin(
        self, slots: Sequence[str], name: bytes, raw: bytes, pos: int, end: int, closed: Closed = ()
    ) -> list[Span]:
        """Slots of the element whose start tag stands from `pos` to `end`; gives the spans that its end has to finish.
        `closed` is what the start tag has ended."""
        if not slots:
            return []
        spans: list[Span] = []
        for slot in slots:
            act = self._acts[slot]
            begun = act.begin(slot, name, raw, self._at + pos, self._at + end)
            if closed and act.beside:
                for span in begun:
                    span.closing = closed
            spans += begun
        self._found_once(slots)
        self.spans += in_order([span for span in spans if not span.late])
        return [span for span in spans if span.ended < 0]

    def _found_once(self, slots: Iterable[str]) -> list[str]:
        """Of these slots, those of which only the first match counts are looked for no more; gives them."""
        once = [slot for slot in slots if slot in self._wanted and not self._acts[slot].all]
        if once:
            self._wanted.difference_update(once)
            self._aim()
        return once

    def _end(self, spans: Iterable[Span], inner: int, outer: int, known: int) -> None:
        """An element that holds these spans has ended; see Span.finish."""
        late: list[Span] = []
        for span in spans:
            span.finish(inner, outer, known)
            if span.late:
                late.append(span)
        self.spans += in_order_of_ends(late)

    def _before(self, tree: Tree, opening: bytes = b"") -> list[Node]:
        """What is open, for a look back after the next token, if there will be one."""
        if self._beside and opening in CLOSING:
            tree.know_all()
        elif not any(span.late for span, _ in self._open):
            return []
        return list(tree.stack)

    def _closed(self, tree: Tree, before: list[Node]) -> Closed:
        """What a start tag has ended of what was open before it."""
        for node in before:
            if node not in tree.stack:
                return end_tags((node,))
        return ()

    def _settle(self, tree: Tree, before: list[Node], name: bytes | None, pos: int, end: int) -> None:
        """After a token (the end tag `name`, a start tag or text): slots whose element left the stack have ended where
        the token began, or with it if it was the element's own end tag. `before` is what was open before it."""
        over, tree.over = tree.over, False
        if over:
            self._note_over(name, self._at + pos)
        elif self._body_over >= 0 and self._buf[pos : pos + 5].lower() != b"<html":
            self._body_over = self._html_over = -1
        if self._open:
            stack, known = tree.stack, self._at + end
            standing = stack if len(self._open) < 8 else set(stack)
            kept, late = [], []
            for span, node in self._open:
                if node in standing:
                    kept.append((span, node))
                    continue
                own = name is not None and is_end_of(node, name)
                span.finish(self._at + pos, known if own else self._at + pos, known)
                close(span, before, node, own)
                if span.late:
                    late.append(span)
            self.spans += in_order_of_ends(late)
            if len(kept) != len(self._open):
                self._open = kept
                for pair in [p for p in self._pairs if p[2] > len(kept)]:
                    self._cancel(pair)
        self._check_done()

    def _note_over(self, name: bytes | None, at: int) -> None:
        """</body> or </html> ends what is open only if nothing more comes; else it counts for nothing (13.2.6.4.19)."""
        if not self._open:
            return
        if self._body_over < 0:
            self._body_over = at
        if name == b"html" and self._html_over < 0:
            self._html_over = at

    @property
    def _tail_is_long(self) -> bool:
        return self._body_over >= 0 and self._at + self._pos > self._body_over + TAIL_LIMIT

    # --- pairs of comments ----------------------------------------------------------------------------

    def _comment(self, pos: int, end: int) -> None:
        marker = _MARKER.fullmatch(self._buf, pos, end)
        if marker is None:
            return
        name, closing, tree = marker[2], bool(marker[1]), self.tree
        if self._rules is None or name not in self._rules.comments or (tree is not None and tree.in_template):
            return
        self._cancel_pairs(self._at + end)
        if not closing:
            self._first_comment(name, self._at + pos, self._at + end)
            return
        for i, (span, other, depth) in enumerate(self._pairs):
            if other == name and depth == len(self._open):
                for pair in self._pairs[i + 1 :]:
                    self._cancel(pair)
                self._end((span,), self._at + pos, self._at + end, self._at + end)
                self._pairs.remove((span, other, depth))
                self._aim()
                self._check_done()
                return

    def _first_comment(self, name: bytes, pos: int, end: int) -> None:
        assert self._rules is not None
        slot = self._rules.comments[name]
        if slot not in self._wanted or name in self._dead_names or any(name == p[1] for p in self._pairs):
            return
        self._body_over = self._html_over = -1
        act = self._acts[slot]
        span = act.begin_pair(slot, pos, end)
        if not span.late:
            self.spans.append(span)
        if not act.all:
            self._wanted.discard(slot)
        self._pairs.append((span, name, len(self._open)))
        self._aim()

    def _cancel_pairs(self, now: int) -> None:
        if self._pairs:
            for pair in [p for p in self._pairs if p[0].opened + PAIR_LIMIT < now]:
                self._cancel(pair)

    def _cancel(self, pair: tuple[Span, bytes, int]) -> None:
        """A first comment whose second did not come is no slot; its name is not tried again."""
        span, name, _ = pair
        span.dead = True
        span.end, span.ended = span.start, self._at + len(self._buf) + self._last
        self._pairs.remove(pair)
        self._dead_names.add(name)
        self._wanted.add(span.slot)
        self._aim()

    # --- the end --------------------------------------------------------------------------------------

    def _finish(self, at: int) -> None:
        """Nothing more is read: what is open ends here, and pairs that lack their second comment were none."""
        known = self._at + len(self._buf) + self._last
        # Nothing can be put at the end of a page that was given up, or that was cut off inside a token.
        whole = self.gave_up is None and self._raw is None and self._pos == len(self._buf)
        late = []
        for span, node in self._open:
            over = self._html_over if node.name == b"html" else self._body_over
            ends = over if over >= 0 else at
            if not span.late:
                span.finish(ends, ends, known)
            elif whole and self.tree is not None:
                span.finish(ends, ends, known)
                close(span, self.tree.stack, node, False)
                late.append(span)
        self.spans += in_order_of_ends(late)
        for span in self._raw_spans:
            if not span.late:
                span.finish(at, at, known)
        for pair in list(self._pairs):
            self._cancel(pair)
        self._open, self._raw_spans = [], []
        self.done = True
