"""Where a page's slots begin and end, found while its bytes stream by. Sans-IO: bytes in, Spans out.

Rule 1: what is found depends on the page alone, never on how it was cut into chunks or on what fills the slots.
Rule 2: a slot is proven forward from the page's first byte; nothing is guessed backward from a marker.
Rule 3: no token longer than TOKEN_LIMIT and no nesting deeper than DEPTH_LIMIT is followed; a page is read no further.

Three ways of reading take turns. A *leap* consumes plain HTML up to the next candidate with one pattern. *Steps* take
token by token with a Tree, inside slots, templates and foreign content, or for the whole page when a selector needs
it. *Raw* runs to the end of a script, a comment and the like without holding it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .candidates import NEVER, Candidates
from .elements import TABLE_PARTS, VOID
from .history import History
from .inner import well_formed_end
from .open_elements import HTML, IN_BODY, Node
from .rules import PageRules
from .selectors import Matcher, Place
from .spans import Span
from .tokens import BOGUS, CDATA_END, COMMENT, COMMENT_END, CONTENT, END, RAW, RAW_END, SCRIPT, TEXT, TOKEN, attributes
from .tree import Tree

TOKEN_LIMIT = 256 << 10  # bytes of one tag
MARKER_LIMIT = 1 << 10  # bytes of a comment that marks a slot
DEPTH_LIMIT = 1 << 10  # open elements; browsers stop at half of that
PAIR_LIMIT = 256 << 10  # bytes between a pair of comments; what stands between is held until the second comes

_MARKER = re.compile(rb"<!--[\t\n\f\r ]*+(/?)(?i:slot):([^\t\n\f\r <>]+?)[\t\n\f\r ]*+--!?>")
_ROOTLESS = TABLE_PARTS | {b"html", b"head", b"body", b"frameset", b"form", b"option", b"optgroup", b"select"}
_NOT_SLOTS = (RAW - {b"title", b"textarea"}) | {b"template"} | VOID


class Scanner:
    """One page. `spans` grows in document order; no span will begin or end before `safe`."""

    def __init__(self, rules: PageRules | None) -> None:
        self.spans: list[Span] = []
        self.safe = 0
        self.fed = 0
        self.done = False  # nothing more is looked for
        self.ended = False  # the last bytes were fed
        self.gave_up: str | None = None
        self._rules = rules
        self._wanted = set(rules.slots) if rules else set()
        self._dead_names: set[bytes] = set()
        self._last = False
        self._buf = b""
        self._at = 0  # where _buf starts in the page
        self._pos = 0  # how much of _buf is read
        self._raw: bytes | None = None
        self._script = 0
        self._raw_span: list[Span] = []
        self._ended_raw: bytes | None = None
        self._open: list[tuple[Span, Node]] = []
        self._pairs: list[tuple[Span, bytes, int]] = []
        self._candidates = Candidates(rules)
        self._noted = 0  # how much of _buf the history has
        self._history = History(lambda: Scanner(None))
        self.tree: Tree | None = None
        self._whole = rules is None or rules.quick is None
        if self._whole:
            self.tree = Tree(Matcher(rules.steps, rules.charset) if rules else None)
        self._aim()

    def feed(self, chunk: bytes, last: bool) -> None:
        """Read on. `last`: the page ends with this chunk."""
        self._last = self.ended = last
        self.fed += len(chunk)
        if self.done:
            self.safe += len(chunk)
            return
        self._note(self._pos)
        self._buf = self._buf[self._pos :] + chunk if self._pos < len(self._buf) else chunk
        self._at += self._pos
        self._pos = self._noted = 0
        self._candidates.look_in(self._buf)
        while not self.done:
            if self._raw is not None:
                going = self._run_raw()
            elif self.tree is not None:
                going = self._step(self.tree)
            else:
                going = self._leap()
            if not going:
                break
        self._cancel_pairs(self._at + self._pos)
        if last and not self.done:
            self._finish(self._at + len(self._buf))
        if self.done:
            self.safe = self._at + len(self._buf)
            self._buf, self._history = b"", History(lambda: Scanner(None))
        else:
            self.safe = self._at + self._pos

    # --- the three ways -------------------------------------------------------------------------------

    def _leap(self) -> bool:
        buf, pos = self._buf, self._pos
        size = len(buf)
        search = pos
        while True:
            goal = self._candidates.next(search)
            if goal == NEVER:
                if self._last and not self._pairs:
                    self._finish(self._at + size)
                    return False
                goal = size
            while pos < goal:
                step = CONTENT.match(buf, pos, min(goal, pos + TOKEN_LIMIT)).end()  # type: ignore[union-attr]
                if step == pos:
                    break
                pos = step
            self._pos = pos
            if pos == size:
                return False
            if pos < goal:
                return self._token(pos, None)
            search = goal + 1  # the candidate stands in text

    def _step(self, tree: Tree) -> bool:
        pos = self._pos
        if pos >= len(self._buf):
            return False
        if self._buf[pos : pos + 3] == b"<![" and tree.foreign:
            if self._buf.startswith(b"<![CDATA[", pos):
                self._raw, self._pos = b"cdata", pos + 9
                return True
            if b"<![CDATA[".startswith(self._buf[pos : pos + 9]) and not self._last:
                return False
        return self._token(pos, tree)

    def _run_raw(self) -> bool:
        buf, pos, raw = self._buf, self._pos, self._raw
        assert raw is not None
        if raw == b"plaintext":
            self._pos = len(buf)
            return False
        if raw == b"script":
            return self._run_script()
        if raw == b"comment" or raw == b"cdata":
            found = (COMMENT_END if raw == b"comment" else CDATA_END).search(buf, pos)
            self._pos = found.end() if found else max(pos, len(buf) - 3)
            if found:
                self._raw = None
            return found is not None
        found = RAW_END[raw].search(buf, pos)
        if not found:
            self._pos = max(pos, len(buf) - len(raw) - 2)
            return False
        self._end_raw(raw, found.start())
        return True

    def _run_script(self) -> bool:
        buf, pos = self._buf, self._pos
        while found := SCRIPT[self._script].search(buf, pos):
            what = found[0]
            if what == b"<!--":
                self._script, pos = 1, found.end() - 2
            elif what == b"-->":
                self._script, pos = 0, found.end()
            elif what[1:2] != b"/":
                self._script, pos = 2, found.end()
            elif self._script == 2:
                self._script, pos = 1, found.end()
            else:
                self._script = 0
                self._end_raw(b"script", found.start())
                return True
        self._pos = max(pos, len(buf) - 8)
        return False

    def _end_raw(self, name: bytes, pos: int) -> None:
        self._raw, self._ended_raw, self._pos = None, name, pos
        for span in self._raw_span:
            span.end, span.ended = self._at + pos, self._at + pos + len(name) + 3
        self._raw_span = []
        self._check_done()

    # --- one token ------------------------------------------------------------------------------------

    def _token(self, pos: int, tree: Tree | None) -> bool:
        buf = self._buf
        token = TOKEN.match(buf, pos, pos + TOKEN_LIMIT)
        if token is None:
            return self._unfinished(pos)
        end = self._pos = token.end()
        kind = token.lastindex
        if kind == TEXT:
            matters = tree and (tree.active or tree.phase != IN_BODY or tree.stack[-1].name == b"colgroup")
            if tree and matters and not buf[pos:end].isspace():
                tree.text()
        elif kind == END:
            ended, self._ended_raw = self._ended_raw, None
            if tree is not None and (name := token[5].lower()) != ended:
                tree.end(name)
                self._settle(tree, pos, end)
                self._leave(tree)
        elif kind == COMMENT:
            if end - pos <= MARKER_LIMIT and (marker := _MARKER.fullmatch(buf, pos, end)):
                self._comment(marker[2], bool(marker[1]), pos, end)
        elif kind == BOGUS:
            if tree is not None and buf[pos : pos + 9].lower() == b"<!doctype":
                tree.doctype(buf[pos:end])
        else:
            self._start(token[2].lower(), token[3], kind == 4, pos, end, tree)
        return True

    def _start(self, name: bytes, raw: bytes, closed: bool, pos: int, end: int, tree: Tree | None) -> None:
        inert = tree is not None and tree.in_template
        slots: Sequence[str] = ()
        if not self._whole and self._candidates.next(pos) < end and not inert and name not in _NOT_SLOTS:
            slots = self._quick(name, raw)
        if tree is None:
            if name in RAW:
                self._begin_raw(name, slots, end)
                return
            foreign = (name == b"svg" or name == b"math") and not closed
            if not (slots or foreign or name == b"template"):
                return
            if not foreign and name not in _ROOTLESS and self._skip_inner(name, slots, end):
                return
            tree, node = self._root(name, raw, closed, pos)
        else:
            node = tree.start(name, raw, closed)
            self._settle(tree, pos, end)
            if len(tree.stack) > DEPTH_LIMIT or len(tree.active) > DEPTH_LIMIT:
                self.gave_up = f"at byte {self._at + pos}, more than {DEPTH_LIMIT} elements are open"
                self._finish(self._at + pos)
                return
        if node is not None:
            self._enter(node, slots, inert, end, tree)
        self._leave(tree)

    def _enter(self, node: Node, slots: Sequence[str], inert: bool, end: int, tree: Tree) -> None:
        """A start tag gave an element: it may be a slot, and it may hold raw text."""
        name = node.name
        if self._whole and self._wanted and not inert and name not in _NOT_SLOTS:
            slots = self._chosen(node)
        if name in RAW and node.ns == HTML:
            self._begin_raw(name, slots, end)
        elif slots and tree.stack and tree.stack[-1] is node:
            self._open += [(self._span(slot, end), node) for slot in slots]

    def _skip_inner(self, name: bytes, slots: Sequence[str], end: int) -> bool:
        """A slot that is well-formed, ends within reach and holds nothing else to look for needs no tree."""
        found = well_formed_end(self._buf, end, end + TOKEN_LIMIT, name)
        if found is None:
            return False
        held = {span.slot for span, _, _ in self._pairs}
        if self._candidates.next(end) < found[0] and (held or len(self._wanted) > len(slots)):
            return False
        for slot in slots:
            span = self._span(slot, end)
            span.end, span.ended = self._at + found[0], self._at + found[1]
        self._pos = found[1]
        self._check_done()
        return True

    def _begin_raw(self, name: bytes, slots: Sequence[str], end: int) -> None:
        self._raw, self._script = name, 0
        self._raw_span = [self._span(slot, end) for slot in slots]

    def _span(self, slot: str, end: int, pair: bool = False) -> Span:
        span = Span(slot, self._at + end, self._at + end, pair)
        self.spans.append(span)
        self._wanted.discard(slot)
        self._aim()
        return span

    def _unfinished(self, pos: int) -> bool:
        size = len(self._buf) - pos
        if self._buf.startswith(b"<!--", pos) and size >= MARKER_LIMIT:
            self._raw, self._pos = b"comment", pos + 4
            return True
        if size >= TOKEN_LIMIT:
            self.gave_up = f"a tag at byte {self._at + pos} is longer than {TOKEN_LIMIT} bytes"
            self._finish(self._at + pos)
        return False

    def _settle(self, tree: Tree, pos: int, end: int) -> None:
        """After a token: slots whose element left the stack have ended where the token began."""
        stack, at = tree.stack, self._at
        over, tree.over = tree.over, False
        if self._open:
            kept = []
            for span, node in self._open:
                if over or node not in stack:
                    span.end, span.ended = at + pos, at + end
                else:
                    kept.append((span, node))
            if len(kept) != len(self._open):
                self._open = kept
                for pair in [p for p in self._pairs if p[2] > len(kept)]:
                    self._cancel(pair)
        self._check_done()

    # --- which slots ----------------------------------------------------------------------------------

    def _quick(self, name: bytes, raw: bytes) -> list[str]:
        rules = self._rules
        assert rules is not None and rules.quick is not None
        self._cancel_pairs(self._at + self._pos)
        attrs = attributes(raw, rules.charset)
        nowhere = Place()
        found = (s for q, s in rules.quick if s in self._wanted and q.test(name, attrs, nowhere, 0))
        return list(dict.fromkeys(found))

    def _chosen(self, node: Node) -> list[str]:
        assert self._rules is not None
        place = node.watched
        mask = place.mask if isinstance(place, Place) else 0
        if not mask:
            return []
        self._cancel_pairs(self._at + self._pos)
        return list(dict.fromkeys(s for bits, s in self._rules.bits if mask & bits and s in self._wanted))

    def _comment(self, name: bytes, closing: bool, pos: int, end: int) -> None:
        tree = self.tree
        if self._rules is None or name not in self._rules.comments or (tree is not None and tree.in_template):
            return
        self._cancel_pairs(self._at + end)
        if not closing:
            slot = self._rules.comments[name]
            if slot in self._wanted and name not in self._dead_names:
                self._pairs.append((self._span(slot, end, pair=True), name, len(self._open)))
                self._aim()
            return
        for i, (span, other, depth) in enumerate(self._pairs):
            if other == name and depth == len(self._open):
                for pair in self._pairs[i + 1 :]:
                    self._cancel(pair)
                span.end, span.ended = self._at + pos, self._at + end
                self._pairs.remove((span, other, depth))
                self._aim()
                self._check_done()
                return

    def _cancel_pairs(self, now: int) -> None:
        for pair in [p for p in self._pairs if p[0].start + PAIR_LIMIT < now]:
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

    def _aim(self) -> None:
        """Look only for what can still become a slot."""
        if not self._whole:
            self._candidates.aim(self._wanted | {p[0].slot for p in self._pairs})

    # --- the tree -------------------------------------------------------------------------------------

    def _root(self, name: bytes, raw: bytes, closed: bool, pos: int) -> tuple[Tree, Node | None]:
        """Begin to read with a tree, at this start tag."""
        self._note(pos)
        self._history.mark()
        if name in _ROOTLESS:  # whether the page takes this tag depends on what is open around it
            self.tree = tree = self._history.tree()
            return tree, tree.start(name, raw, closed)
        self.tree = tree = Tree.rooted(name, raw, self._history.tree)
        return tree, tree.stack[-1]

    def _leave(self, tree: Tree) -> None:
        if self._whole or self._open or not tree.plain:
            return
        self.tree = None
        if tree.known:
            self._history.begin_again(tree)
            self._noted = self._pos

    def _note(self, upto: int) -> None:
        if not self._whole:
            self._history.note(self._buf, self._noted, upto)
            self._noted = upto

    # --- the end --------------------------------------------------------------------------------------

    def _check_done(self) -> None:
        if not (self._wanted or self._pairs or self._open or self._raw_span or self._rules is None):
            self.done = True

    def _finish(self, at: int) -> None:
        """Nothing more is read: what is open ends here, and pairs that lack their second comment were none."""
        for span in [s for s, _ in self._open] + self._raw_span:
            span.end, span.ended = at, self._at + len(self._buf) + self._last
        for pair in list(self._pairs):
            self._cancel(pair)
        self._open, self._raw_span = [], []
        self.done = True
