"""Where a page's slots begin and end, found while its bytes stream by. Sans-IO: bytes in, Spans out.

Rule 1: what is found depends on the page alone, never on how it was cut into chunks or on what fills the slots.
Rule 2: a slot is proven forward from the page's first byte; nothing is guessed backward from a marker.
Rule 3: no token longer than TOKEN_LIMIT and no nesting deeper than DEPTH_LIMIT is followed; a page is read no further.

Three ways of reading take turns. A *leap* consumes plain HTML up to the next candidate with one pattern. *Steps* take
token by token with a Tree, inside slots, templates and foreign content, or for the whole page when a selector needs
it. *Raw* runs to the end of a script, a comment and the like without holding it.
"""

from __future__ import annotations

from collections.abc import Sequence

from .candidates import NEVER
from .elements import TABLE_PARTS, VOID
from .history import History
from .inner import well_formed_end
from .open_elements import HTML, IN_BODY, Node
from .places import CLOSING, PAIR_LIMIT, TAIL_LIMIT, Closed, Places
from .rules import PageRules
from .tokens import BOGUS, BOM, CDATA_END, COMMENT, COMMENT_END, CONTENT, END, RAW, RAW_END, SCRIPT, SPACE, TEXT, TOKEN
from .tree import Tree

TOKEN_LIMIT = 256 << 10  # bytes of one tag
MARKER_LIMIT = 1 << 10  # bytes of a comment that marks a slot
DEPTH_LIMIT = 1 << 10  # open elements; browsers stop at half of that

_ROOTLESS = TABLE_PARTS | {b"html", b"head", b"body", b"frameset", b"form", b"option", b"optgroup", b"select"}
__all__ = ["DEPTH_LIMIT", "MARKER_LIMIT", "PAIR_LIMIT", "TOKEN_LIMIT", "Scanner"]


class Scanner(Places):
    """One page. `spans` grows in document order; no span will begin or end before `safe`."""

    def __init__(self, rules: PageRules | None) -> None:
        super().__init__(rules)
        self.ended = False  # the last bytes were fed
        self._script = 0
        self._amid_tag = False  # what is left of _buf begins with a tag whose > has not come
        self._ended_raw: bytes | None = None
        self._noted = 0  # how much of _buf the history has
        self._history = History(lambda: Scanner(None))
        if self._whole:
            self.tree = Tree(self._matcher())
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
        if self._amid_tag and not last and b">" not in chunk and len(self._buf) < TOKEN_LIMIT:
            return  # a long one that comes in many parts is not read again with each
        self._amid_tag = False
        if self._at == 0 and self._buf[:1] == BOM[:1] and not self._past_bom():
            return
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
        if self._tail_is_long and not self.done:
            self.gave_up = f"more than {TAIL_LIMIT} bytes of nothing follow the body's end at byte {self._body_over}"
            self._finish(self._body_over + TAIL_LIMIT)
        elif last and not self.done:
            self._finish(self._at + len(self._buf))
        if self.done:
            self.safe = self._at + len(self._buf)
            self._buf = b""
            self._history.forget()
        else:
            self.safe = self._at + self._pos
            if self._body_over >= 0:
                self.safe = min(self.safe, self._body_over)

    def _past_bom(self) -> bool:
        """A byte order mark is no text of the page. False if more must come to tell."""
        if self._buf.startswith(BOM):
            self._pos = len(BOM)
        return self._last or not BOM.startswith(self._buf)

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
        if pos >= len(self._buf) or (self._body_over >= 0 and self._tail_is_long):
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
        return self._end_raw(raw, found.start())

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
                return self._end_raw(b"script", found.start())
        self._pos = max(pos, len(buf) - 8)
        return False

    def _end_raw(self, name: bytes, pos: int) -> bool:
        end = pos + len(name) + 3
        if any(span.whole for span in self._raw_spans):
            token = TOKEN.match(self._buf, pos, pos + TOKEN_LIMIT)
            if token is None:
                self._pos = pos
                return self._unfinished(pos)
            end = token.end()
        self._raw, self._pos = None, pos
        self._ended_raw = name if self.tree is not None else None  # its end tag is nothing to the tree
        self._end(self._raw_spans, self._at + pos, self._at + end, self._at + end)
        self._raw_spans = []
        self._check_done()
        return True

    # --- one token ------------------------------------------------------------------------------------

    def _token(self, pos: int, tree: Tree | None) -> bool:
        buf = self._buf
        token = TOKEN.match(buf, pos, pos + TOKEN_LIMIT)
        if token is None:
            return self._unfinished(pos)
        end = self._pos = token.end()
        kind = token.lastindex
        if kind == TEXT:
            if tree is not None:
                self._text(pos, end, tree)
        elif kind == END:
            ended, self._ended_raw = self._ended_raw, None
            if tree is not None and (name := token[5].lower()) != ended:
                before = self._before(tree)
                tree.end(name)
                self._settle(tree, before, name, pos, end)
                self._leave(tree)
        elif kind == COMMENT:
            if end - pos <= MARKER_LIMIT:
                self._comment(pos, end)
        elif kind == BOGUS:
            if tree is not None and buf[pos : pos + 9].lower() == b"<!doctype":
                tree.doctype(buf[pos:end])
        else:
            self._start(token[2].lower(), token[3], kind == 4, pos, end, tree)
        return True

    def _text(self, pos: int, end: int, tree: Tree) -> None:
        if tree.phase != IN_BODY or tree.stack[-1].name == b"colgroup" or self._body_over >= 0:
            first = end - len(self._buf[pos:end].lstrip(SPACE))
            if first < end and not (self._body_over >= 0 and self._at + first > self._body_over + TAIL_LIMIT):
                before = self._before(tree)
                tree.text()
                self._settle(tree, before, None, first, first + 1)
        elif tree.active:
            if self._buf[pos:end].strip(b"\0" + SPACE):
                tree.text()
            elif self._buf[pos:end].strip(b"\0"):
                tree.space()

    def _start(self, name: bytes, raw: bytes, closed: bool, pos: int, end: int, tree: Tree | None) -> None:
        if tree is None:
            slots = self._marked(name, raw, pos, end)
            if name in RAW:
                self._begin_raw(slots, name, raw, pos, end)
                return
            foreign = (name == b"svg" or name == b"math") and not closed
            if not (slots or foreign or name == b"template"):
                return
            beside = name in CLOSING and any(self._acts[slot].beside for slot in slots)
            if not (foreign or beside or name in _ROOTLESS) and self._pass_over(slots, name, raw, closed, pos, end):
                return
            tree, node, before = self._root(name, raw, closed, pos, beside)
        else:
            inert = tree.in_template
            if name == b"form" and self._candidates.next(pos) < end:
                tree.know_all()  # a form inside a form is no element, and so no slot
            before = self._before(tree, name)
            node = tree.start(name, raw, closed)
            self._settle(tree, before, None, pos, end)
            if len(tree.stack) > DEPTH_LIMIT or len(tree.active) > DEPTH_LIMIT:
                self.gave_up = f"at byte {self._at + pos}, more than {DEPTH_LIMIT} elements are open"
                self._finish(self._at + pos)
                return
            slots = ()
            if node is not None and not inert:  # only now, since what the tag has ended may be a slot again
                slots = self._chosen(node, name) if self._whole else self._marked(name, raw, pos, end)
        if node is not None:
            self._enter(slots, node, name, raw, pos, end, tree, before)
        self._leave(tree)

    def _marked(self, name: bytes, raw: bytes, pos: int, end: int) -> Sequence[str]:
        """The slots that a start tag alone tells, where nothing but start tags does."""
        return self._quick(name, raw) if self._candidates.next(pos) < end else ()

    def _enter(
        self, slots: Sequence[str], node: Node, name: bytes, raw: bytes, pos: int, end: int, tree: Tree,
        before: list[Node],
    ) -> None:  # fmt: skip
        """A start tag gave an element: it may be a slot, and it may hold raw text."""
        closed = self._closed(tree, before) if slots and before else ()
        if name in RAW and node.ns == HTML:
            self._begin_raw(slots, name, raw, pos, end, closed)
        elif slots and tree.stack and tree.stack[-1] is node:
            for span in self._begin(slots, name, raw, pos, end, closed):
                span.node = node if span.kind == "outer" else None
                self._open.append((span, node))
        elif slots:
            self._alone(slots, name, raw, pos, end, closed)

    def _alone(
        self, slots: Sequence[str], name: bytes, raw: bytes, pos: int, end: int, closed: Closed = ()
    ) -> None:
        """An element that ends with its start tag."""
        slots = [slot for slot in slots if not self._acts[slot].inside]
        at = self._at + end
        self._end(self._begin(slots, name, raw, pos, end, closed), at, at, at)
        self._check_done()

    def _pass_over(self, slots: Sequence[str], name: bytes, raw: bytes, closed: bool, pos: int, end: int) -> bool:
        """A slot that its start tag tells all of, or that is well-formed, ends within reach and holds nothing else to
        look for, needs no tree."""
        if name in VOID or (closed and (name == b"svg" or name == b"math")):
            self._alone(slots, name, raw, pos, end)
            return True
        if name == b"template":
            return False
        for slot in slots:
            if not self._acts[slot].at_once:
                break
        else:
            self._begin(slots, name, raw, pos, end)
            self._check_done()
            return True
        found = well_formed_end(self._buf, end, end + TOKEN_LIMIT, name)
        if found is None:
            return False
        once = self._found_once(slots)
        if self._candidates.between(end, found[0]):
            self._wanted.update(once)
            self._aim()
            return False
        inner, outer = found
        self._end(self._begin(slots, name, raw, pos, end), self._at + inner, self._at + outer, self._at + outer)
        self._pos = outer
        self._check_done()
        return True

    def _begin_raw(
        self, slots: Sequence[str], name: bytes, raw: bytes, pos: int, end: int, closed: Closed = ()
    ) -> None:
        self._raw, self._script = name, 0
        self._raw_spans = self._begin(slots, name, raw, pos, end, closed)

    def _unfinished(self, pos: int) -> bool:
        size = len(self._buf) - pos
        if self._buf.startswith(b"<!--", pos) and size >= MARKER_LIMIT:
            self._raw, self._pos = b"comment", pos + 4
            return True
        if size >= TOKEN_LIMIT:
            self.gave_up = f"a tag at byte {self._at + pos} is longer than {TOKEN_LIMIT} bytes"
            self._finish(self._at + pos)
        self._amid_tag = self._buf[pos + 1 : pos + 2].isalpha() or self._buf[pos + 2 : pos + 3].isalpha()
        return False

    # --- the tree -------------------------------------------------------------------------------------

    def _root(
        self, name: bytes, raw: bytes, closed: bool, pos: int, beside: bool
    ) -> tuple[Tree, Node | None, list[Node]]:
        """Begin to read with a tree, at this start tag; gives its element, and what was open if that was asked for."""
        self._note(pos)
        self._history.mark()
        if name in _ROOTLESS or beside:  # whether the page takes this tag depends on what is open around it
            self.tree = tree = self._history.tree()
            before = self._before(tree, name)
            return tree, tree.start(name, raw, closed), before
        self.tree = tree = Tree.rooted(name, raw, self._history.tree)
        return tree, tree.stack[-1], []

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
