"""Which elements are open: the tree construction rules (HTML Living Standard, 13.2.6) reduced to the stack of open
elements and the list of active formatting elements. No tree is built; an element's end is where it leaves the stack.

A tree may start in the middle of a page. Its bottom is then UNKNOWN, and the first rule that has to look below it
asks `resolve` for what the page opened before. Well-formed content inside a slot never does.

Scripting is taken as on (noscript is raw text), and select follows the rules of 2025 (it may hold any content).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .elements import (
    BLOCKS,
    BREAKOUT,
    BUTTON_SCOPE,
    ENDS_P,
    FORMATTING,
    HEAD_CONTENT,
    HEADINGS,
    IMPLIED_END,
    LIST_SCOPE,
    MARKED,
    MATH_TEXT_POINTS,
    SCOPE,
    SPECIAL,
    SVG_HTML_POINTS,
    TABLE_PARTS,
    TABLE_PLACES,
    TABLE_SCOPE,
    VOID,
)
from .tokens import RAW, attributes

HTML, SVG, MATH = 0, 1, 2
HTML_POINT, TEXT_POINT, ANNOTATION = 1, 2, 3  # where HTML may stand inside foreign content
BEFORE, IN_HEAD, AFTER_HEAD, IN_BODY = 0, 1, 2, 3
UNKNOWN = b"?"


class Node:
    """An open element. `watched` is for whoever watches insertions."""

    __slots__ = ("name", "ns", "point", "raw", "watched")

    def __init__(self, name: bytes, ns: int = HTML, raw: bytes = b"", point: int = 0) -> None:
        self.name, self.ns, self.raw, self.point = name, ns, raw, point
        self.watched: object = None


_MARKER = Node(b"")
_P_STOPS = frozenset((b"address", b"div", b"p"))
_CELLS = frozenset((b"td", b"th"))
_BODIES = frozenset((b"tbody", b"thead", b"tfoot"))
_FONT = frozenset((b"color", b"face", b"size"))
_SCOPED_END = BLOCKS | {b"button", b"select"}
_TABLE_END = frozenset((b"table", b"caption", b"td", b"th", b"tr")) | _BODIES
# The doctypes that were common; a bare HTML 4 doctype (no address) in its loose or frameset form counts.
_QUIRKS = re.compile(
    rb"<!doctype(?!\s+html\b)|<!doctype\s+html\s+public\s*(?:\"-//(?:ietf|w3o|softquad|netscape|microsoft|webtechs|sun)|"
    rb"\"-//w3c//dtd html (?:3|4\.0 (?:transitional|frameset)//)|"
    rb"\"-//w3c//dtd html 4\.01 (?:transitional|frameset)//en\"\s*>)",
    re.IGNORECASE,
)
_DESCRIPTION = (frozenset((b"dd", b"dt")), frozenset((b"li",)))


class Tree:
    """The stack of open elements, moved by `start`, `end` and `text`."""

    def __init__(
        self,
        watch: Callable[[Node, Node | None, int], None] | None = None,
        resolve: Callable[[], Tree] | None = None,
    ) -> None:
        self.stack: list[Node] = []
        self.active: list[Node] = []
        self.phase = BEFORE
        self.form: Node | None = None
        self.head: Node | None = None
        self.document = False  # html, head, body or a doctype was written: no fragment
        self.quirks = False  # a table does not end a p
        self.over = False  # the body was ended by the token just read
        self._watch = watch
        self._ask = resolve
        self._root: Node | None = None
        self._root_ends_p = self._root_special = False

    @classmethod
    def rooted(cls, name: bytes, raw: bytes, resolve: Callable[[], Tree]) -> Tree:
        """A tree whose first known element has this start tag; the part of the page before it is not known yet."""
        tree = cls(resolve=resolve)
        tree.phase = IN_BODY
        ns = SVG if name == b"svg" else MATH if name == b"math" else HTML
        tree._root = root = Node(name, ns, raw)
        unknown = Node(UNKNOWN)
        tree.stack = [unknown, root]
        tree.active = [unknown]
        if ns == HTML:
            tree._root_ends_p = name in ENDS_P or name in BUTTON_SCOPE
            tree._root_special = name in SPECIAL
            if name in MARKED:
                tree.active.append(_MARKER)
            elif name in FORMATTING:
                tree.active.append(root)
        return tree

    @property
    def known(self) -> bool:
        return not self.stack or self.stack[0].name != UNKNOWN

    @property
    def plain(self) -> bool:
        """Whether what comes next is read as plain HTML: no foreign content and no template is open."""
        if self.stack and self.stack[-1].ns != HTML:
            return False
        return not any(n.name == b"template" or n.ns != HTML for n in self.stack)

    @property
    def in_template(self) -> bool:
        return any(n.name == b"template" and n.ns == HTML for n in self.stack)

    @property
    def foreign(self) -> bool:
        return bool(self.stack) and self.stack[-1].ns != HTML

    # --- tokens ---------------------------------------------------------------------------------------

    def start(self, name: bytes, raw: bytes = b"", closed: bool = False) -> Node | None:
        """A start tag (`name` in lower case, `raw` its attributes); gives its element, or None if it is dropped."""
        stack = self.stack
        if stack and stack[-1].ns != HTML:
            top = stack[-1]
            if not (
                top.point == HTML_POINT
                or (top.point == TEXT_POINT and name not in (b"mglyph", b"malignmark"))
                or (top.point == ANNOTATION and name == b"svg")
            ):
                if name in BREAKOUT or (name == b"font" and not _FONT.isdisjoint(attributes(raw))):
                    self._break_out()
                else:
                    return self._foreign(name, raw, closed, top.ns)
        if self.phase != IN_BODY and self._early(name, raw):
            return self._placed
        return self._start_html(name, raw, closed)

    def end(self, name: bytes) -> None:
        """An end tag."""
        self.over = False
        stack = self.stack
        if stack and stack[-1].ns != HTML:
            if name in (b"br", b"p"):
                self._break_out()
            else:
                i = len(stack) - 1
                while stack[i].ns != HTML:
                    if stack[i].name == name:
                        self._cut(i)
                        return
                    i -= 1
        if self.phase != IN_BODY and not (name == b"template" and stack and stack[-1] is not self.head):
            if name == b"head" and self.phase == IN_HEAD:
                del self.stack[1:]
                self.phase = AFTER_HEAD
                return
            if name not in (b"body", b"html", b"br"):
                return
            self._begin_body()
        self._end_html(name)

    def text(self) -> None:
        """Characters that are not all white space."""
        stack = self.stack
        if stack and stack[-1].ns != HTML:
            return
        if self.phase != IN_BODY and not self.in_template:
            self._begin_body()
        if self.stack[-1].name == b"colgroup":
            self.stack.pop()
        if self.active:
            self._reconstruct()

    def doctype(self, token: bytes) -> None:
        """A doctype as it was written; it decides between standards and quirks mode (13.2.6.4.1)."""
        if self.phase == BEFORE and not self.stack:
            self.document = self._doctyped = True
            self.quirks = _QUIRKS.match(token) is not None

    # --- before the body ------------------------------------------------------------------------------

    _placed: Node | None = None
    _doctyped = False

    def _begin_html(self, raw: bytes = b"") -> None:
        if not self.stack:
            self._insert(b"html", raw)

    def _begin_head(self, raw: bytes = b"") -> None:
        self._begin_html()
        self.head = self._insert(b"head", raw)
        self.phase = IN_HEAD

    def _begin_body(self, raw: bytes = b"") -> Node:
        if self.phase == BEFORE:
            self._begin_head()
        del self.stack[1:]
        self.phase = IN_BODY
        return self._insert(b"body", raw)

    def _early(self, name: bytes, raw: bytes) -> bool:
        """A start tag before the body; True if that settled it, with the element in `_placed`."""
        self._placed = None
        if name in (b"html", b"head", b"body", b"frameset"):
            if not self._doctyped and not self.stack:
                self.quirks = True
            self.document = True
            if name == b"html":
                if not self.stack:
                    self._begin_html(raw)
                    self._placed = self.stack[0]
            elif name == b"head":
                if self.phase == BEFORE:
                    self._begin_head(raw)
                    self._placed = self.head
            else:
                self._placed = self._begin_body(raw)
            return True
        if self.in_template:
            return False
        if name in HEAD_CONTENT:
            if self.phase == BEFORE:
                self._begin_head()
            parent = self.stack[-1] if self.phase == IN_HEAD else self.head
            self._placed = self._insert(name, raw, push=name == b"template", parent=parent)
            if name == b"template":
                self.active.append(_MARKER)
            return True
        self._begin_body()
        return False

    # --- start tags -----------------------------------------------------------------------------------

    def _start_html(self, name: bytes, raw: bytes, closed: bool) -> Node | None:
        stack = self.stack
        if stack[-1].name == b"colgroup" and name not in (b"col", b"template", b"html"):
            stack.pop()
        if name in BLOCKS or name == b"p":
            self._close_p()
            return self._insert(name, raw)
        if name in FORMATTING:
            return self._start_formatting(name, raw)
        if name in TABLE_PARTS:
            return self._table_part(name, raw)
        rule = _START.get(name)
        if rule is not None:
            return rule(self, name, raw, closed)
        if name in RAW:
            if name in (b"xmp", b"plaintext"):
                self._close_p()
            if name in (b"xmp", b"iframe", b"noembed", b"textarea"):
                self._reconstruct()
            return self._insert(name, raw, push=False)
        if name in VOID:
            if name == b"hr":
                self._close_p()
            elif name not in HEAD_CONTENT and name not in (b"param", b"source", b"track"):
                self._reconstruct()
            return self._insert(name, raw, push=False)
        self._reconstruct()
        return self._insert(name, raw)

    def _start_none(self, name: bytes, raw: bytes, closed: bool) -> Node | None:
        self.document = self.document or name != b"frame"
        return None

    def _start_heading(self, name: bytes, raw: bytes, closed: bool) -> Node:
        self._close_p()
        if self.stack[-1].name in HEADINGS and self.stack[-1].ns == HTML:
            self.stack.pop()
        return self._insert(name, raw)

    def _start_item(self, name: bytes, raw: bytes, closed: bool) -> Node:
        ended = _DESCRIPTION[name == b"li"]
        stack = self.stack
        i = len(stack) - 1
        while True:
            node = stack[i]
            if node.ns != HTML:
                if node.point:
                    break
            elif node.name in ended:
                self._cut(i)
                break
            elif node.name == UNKNOWN:
                i += self._resolve()
                continue
            elif node.name in SPECIAL and node.name not in _P_STOPS:
                break
            i -= 1
        self._close_p()
        return self._insert(name, raw)

    def _start_form(self, name: bytes, raw: bytes, closed: bool) -> Node | None:
        outside = not self.in_template
        if self.form is not None and outside:
            return None
        self._close_p()
        node = self._insert(name, raw)
        if outside:
            self.form = node
        return node

    def _start_button(self, name: bytes, raw: bytes, closed: bool) -> Node:
        self._end_in(name, SCOPE)
        self._reconstruct()
        return self._insert(name, raw)

    def _start_formatting(self, name: bytes, raw: bytes) -> Node:
        if name == b"a":
            found = self._last_active(b"a", starting=True)
            if found is not None:
                self._adopt(b"a")
                if found in self.active:
                    self.active.remove(found)
                if found in self.stack:
                    self.stack.remove(found)
        self._reconstruct()
        if name == b"nobr" and self._in(b"nobr", SCOPE) >= 0:
            self._adopt(b"nobr")
            self._reconstruct()
        node = self._insert(name, raw)
        same = []
        for other in reversed(self.active):  # "Noah's Ark": at most three of a kind
            if other is _MARKER:
                break
            if other.name == name and other.raw == raw:
                same.append(other)
        if len(same) >= 3:
            self.active.remove(same[-1])
        self.active.append(node)
        return node

    def _start_marked(self, name: bytes, raw: bytes, closed: bool) -> Node:
        if name != b"template":
            self._reconstruct()
        node = self._insert(name, raw)
        self.active.append(_MARKER)
        return node

    def _start_table(self, name: bytes, raw: bytes, closed: bool) -> Node:
        if not self.known and any(n.name == b"p" for n in self.stack):
            self._resolve()  # for the doctype
        if not self.quirks:
            self._close_p()
        # A table straight inside a table ends it; inside a cell or a caption it is nested.
        i = self._place()
        if self.stack[i].name in (b"table", b"tr", b"colgroup", *_BODIES):
            self._end_in(b"table", TABLE_SCOPE)
        return self._insert(name, raw)

    def _start_select(self, name: bytes, raw: bytes, closed: bool) -> Node | None:
        if self._end_in(b"select", SCOPE):
            return None
        self._reconstruct()
        return self._insert(name, raw)

    def _start_option(self, name: bytes, raw: bytes, closed: bool) -> Node:
        stack = self.stack
        if self._in(b"select", SCOPE) >= 0:
            keep = b"optgroup" if name == b"option" else b""
            while stack[-1].name in IMPLIED_END and stack[-1].name != keep:
                stack.pop()
        elif stack[-1].name == b"option":
            stack.pop()
        self._reconstruct()
        return self._insert(name, raw)

    def _start_ruby(self, name: bytes, raw: bytes, closed: bool) -> Node:
        stack = self.stack
        if self._in(b"ruby", SCOPE) >= 0:
            keep = b"" if name in (b"rb", b"rtc") else b"rtc"
            while stack[-1].name in IMPLIED_END and stack[-1].name != keep:
                stack.pop()
        return self._insert(name, raw)

    def _start_foreign(self, name: bytes, raw: bytes, closed: bool) -> Node:
        self._reconstruct()
        return self._foreign(name, raw, closed, SVG if name == b"svg" else MATH)

    def _start_image(self, name: bytes, raw: bytes, closed: bool) -> Node:
        self._reconstruct()
        return self._insert(b"img", raw, push=False)

    def _foreign(self, name: bytes, raw: bytes, closed: bool, ns: int) -> Node:
        node = self._insert(name, raw, ns=ns, push=not closed)
        if ns == SVG:
            if name in SVG_HTML_POINTS:
                node.point = HTML_POINT
        elif name in MATH_TEXT_POINTS:
            node.point = TEXT_POINT
        elif name == b"annotation-xml":
            kind = attributes(raw).get(b"encoding", b"").lower()
            node.point = HTML_POINT if kind in (b"text/html", b"application/xhtml+xml") else ANNOTATION
        return node

    def _table_part(self, name: bytes, raw: bytes) -> Node | None:
        """caption, colgroup, col, tbody, thead, tfoot, tr, td, th: end what they end, open what they imply."""
        stack = self.stack
        while True:
            i = self._place()
            here = stack[i].name
            if here == b"html":
                if self.document:
                    return None
                break
            if here == b"template":
                break
            if here == b"table":
                self._cut(i + 1)
                if name == b"col":
                    self._insert(b"colgroup")
                elif name == b"tr" or name in _CELLS:
                    self._insert(b"tbody")
                    if name != b"tr":
                        self._insert(b"tr")
                break
            if here in _BODIES and (name == b"tr" or name in _CELLS):
                self._cut(i + 1)
                if name != b"tr":
                    self._insert(b"tr")
                break
            if (here == b"tr" and name in _CELLS) or (here == b"colgroup" and name == b"col"):
                self._cut(i + 1)
                break
            self._cut(i)
        node = self._insert(name, raw, push=name != b"col")
        if name in MARKED:
            self.active.append(_MARKER)
        return node

    # --- end tags -------------------------------------------------------------------------------------

    def _end_html(self, name: bytes) -> None:
        stack = self.stack
        if stack[-1].name == b"colgroup" and name not in (b"colgroup", b"template", b"col"):
            stack.pop()
        if name == b"p":
            if not self._end_in(b"p", BUTTON_SCOPE):
                self._insert(b"p", push=False)
        elif name in _SCOPED_END or name in (b"dd", b"dt", b"applet", b"marquee", b"object"):
            self._end_in(name, SCOPE)
        elif name == b"li":
            self._end_in(name, LIST_SCOPE)
        elif name in FORMATTING:
            self._adopt(name)
        elif name in _TABLE_END:
            self._end_in(name, TABLE_SCOPE)
        elif name in HEADINGS:
            self._end_heading()
        elif name == b"form":
            self._end_form()
        elif name in (b"body", b"html"):
            self.over = self._in(b"body", SCOPE) >= 0
        elif name == b"colgroup":
            if stack[-1].name == b"colgroup":
                stack.pop()
        elif name == b"template":
            self._end_template()
        elif name == b"br":
            self._reconstruct()
            self._insert(b"br", push=False)
        elif name not in (b"head", b"col"):
            self._end_other(name)

    def _end_heading(self) -> None:
        stack = self.stack
        i = len(stack) - 1
        while True:
            node = stack[i]
            if node.ns != HTML:
                if node.point:
                    return
            elif node.name in HEADINGS:
                self._cut(i)
                return
            elif node.name == UNKNOWN:
                i += self._resolve()
                continue
            elif node.name in SCOPE:
                return
            i -= 1

    def _end_form(self) -> None:
        if self.in_template:
            self._end_in(b"form", SCOPE)
            return
        if self.form is None and not self.known:
            self._resolve()
        node, self.form = self.form, None
        if node is None or node not in self.stack or self._in(b"form", SCOPE) < 0:
            return
        stack = self.stack
        while stack[-1].name in IMPLIED_END and stack[-1].ns == HTML:
            stack.pop()
        stack.remove(node)  # what is open inside stays open

    def _end_template(self) -> None:
        stack = self.stack
        i = len(stack) - 1
        while i >= 0:
            if stack[i].ns == HTML:
                if stack[i].name == b"template":
                    self._cut(i)
                    return
                if stack[i].name == UNKNOWN:  # a rooted tree never starts inside a template
                    return
            i -= 1

    def _end_other(self, name: bytes) -> None:
        stack = self.stack
        i = len(stack) - 1
        while True:
            node = stack[i]
            if node.ns != HTML:
                if node.point:
                    return
            elif node.name == name:
                self._cut(i)
                return
            elif node.name == UNKNOWN:
                i += self._resolve()
                continue
            elif node.name in SPECIAL:
                return
            i -= 1

    # --- the stack ------------------------------------------------------------------------------------

    def _insert(
        self, name: bytes, raw: bytes = b"", *, ns: int = HTML, push: bool = True, parent: Node | None = None
    ) -> Node:
        node = Node(name, ns, raw)
        stack = self.stack
        if self._watch is not None:
            self._watch(node, parent or (stack[-1] if stack else None), len(stack))
        if push:
            stack.append(node)
        return node

    def _cut(self, i: int) -> None:
        """Pop everything from index i; formatting that was opened inside cells and the like goes with them."""
        stack = self.stack
        if self.active and len(self.active) > 0:
            for node in stack[i:]:
                if node.name in MARKED and node.ns == HTML:
                    while self.active and self.active[-1].name != UNKNOWN and self.active.pop() is not _MARKER:
                        pass
        del stack[i:]

    def _in(self, name: bytes, fence: frozenset[bytes]) -> int:
        """Index of the nearest open HTML element `name` in a scope, or -1."""
        stack = self.stack
        i = len(stack) - 1
        while True:
            node = stack[i]
            if node.ns != HTML:
                if node.point and fence is not TABLE_SCOPE:
                    return -1
            elif node.name == name:
                return i
            elif node.name in fence:
                return -1
            elif node.name == UNKNOWN:
                if name == b"p" and self._root_ends_p:
                    return -1
                i += self._resolve()
                continue
            i -= 1

    def _end_in(self, name: bytes, fence: frozenset[bytes]) -> bool:
        i = self._in(name, fence)
        if i >= 0:
            self._cut(i)
        return i >= 0

    def _close_p(self) -> None:
        i = self._in(b"p", BUTTON_SCOPE)
        if i >= 0:
            self._cut(i)

    def _place(self) -> int:
        """Index of the nearest table, part of a table, template, or html."""
        stack = self.stack
        i = len(stack) - 1
        while True:
            node = stack[i]
            if node.ns == HTML:
                if node.name in TABLE_PLACES:
                    return i
                if node.name == UNKNOWN:
                    i += self._resolve()
                    continue
            i -= 1

    def _break_out(self) -> None:
        stack = self.stack
        while stack[-1].ns != HTML and stack[-1].point not in (HTML_POINT, TEXT_POINT):
            stack.pop()

    def _resolve(self) -> int:
        """Put what the page opened before in the place of UNKNOWN; gives how many places everything moved up."""
        assert self._ask is not None
        base, root = self._ask(), self._root
        assert root is not None
        # The root's own start tag ends and opens things below it; its element is the one that is known already.
        ours = base.start(root.name, root.raw)
        stack = [n for n in base.stack if n is not ours]
        active = [n for n in base.active if n is not ours]
        if root.ns == HTML and root.name in MARKED:
            active.pop()
        self.stack[0:1], self.active[0:1] = stack, active
        self.phase = base.phase
        self.form = self.form or base.form
        self.document, self.quirks, self.head = base.document, base.quirks, base.head
        return len(stack) - 1

    # --- formatting -----------------------------------------------------------------------------------

    def _last_active(self, name: bytes, starting: bool = False) -> Node | None:
        """The last formatting element `name` after the last marker."""
        active = self.active
        i = len(active) - 1
        while i >= 0:
            node = active[i]
            if node is _MARKER:
                return None
            if node.name == UNKNOWN:
                # An <a> around a block is taken apart by an <a> inside, but the block stays open.
                if starting and self._root_special:
                    return None
                before = len(active)
                self._resolve()
                i += len(active) - before
                continue
            if node.name == name:
                return node
            i -= 1
        return None

    def _reconstruct(self) -> None:
        """Open again the formatting that was cut off by the end of what it stood in."""
        active, stack = self.active, self.stack
        i = len(active)
        while i > 0:
            node = active[i - 1]
            if node is _MARKER or node.name == UNKNOWN or node in stack:
                break
            i -= 1
        for k in range(i, len(active)):
            active[k] = self._insert(active[k].name, active[k].raw)

    def _adopt(self, name: bytes) -> None:
        """The adoption agency: the end tag of a formatting element, however misnested."""
        stack, active = self.stack, self.active
        if stack[-1].name == name and stack[-1].ns == HTML and stack[-1] not in active:
            stack.pop()
            return
        for _ in range(8):
            formatting = self._last_active(name)
            if formatting is None:
                self._end_other(name)
                return
            if formatting not in stack:
                active.remove(formatting)
                return
            i = stack.index(formatting)
            if any((n.name in SCOPE) if n.ns == HTML else n.point for n in stack[i + 1 :]):
                return
            furthest = next((n for n in stack[i + 1 :] if (n.name in SPECIAL if n.ns == HTML else n.point)), None)
            if furthest is None:
                del stack[i:]
                active.remove(formatting)
                return
            bookmark = active.index(formatting)
            last, k, count = furthest, stack.index(furthest), 0
            while True:
                k -= 1
                node = stack[k]
                if node is formatting:
                    break
                count += 1
                if count > 3 and node in active:
                    if active.index(node) < bookmark:
                        bookmark -= 1
                    active.remove(node)
                if node not in active:
                    del stack[k]
                    continue
                clone = Node(node.name, HTML, node.raw)
                active[active.index(node)] = clone
                stack[k] = clone
                if last is furthest:
                    bookmark = active.index(clone) + 1
                last = clone
            clone = Node(name, HTML, formatting.raw)
            if active.index(formatting) < bookmark:
                bookmark -= 1
            active.remove(formatting)
            active.insert(bookmark, clone)
            stack.remove(formatting)
            stack.insert(stack.index(furthest) + 1, clone)


_Rule = Callable[[Tree, bytes, bytes, bool], Node | None]
_START: dict[bytes, _Rule] = {
    **dict.fromkeys((b"html", b"head", b"body", b"frame", b"frameset"), Tree._start_none),
    **dict.fromkeys(HEADINGS, Tree._start_heading),
    **dict.fromkeys((b"li", b"dd", b"dt"), Tree._start_item),
    **dict.fromkeys((b"applet", b"marquee", b"object", b"template"), Tree._start_marked),
    **dict.fromkeys((b"option", b"optgroup"), Tree._start_option),
    **dict.fromkeys((b"rb", b"rtc", b"rp", b"rt"), Tree._start_ruby),
    **dict.fromkeys((b"svg", b"math"), Tree._start_foreign),
    b"form": Tree._start_form,
    b"button": Tree._start_button,
    b"table": Tree._start_table,
    b"select": Tree._start_select,
    b"image": Tree._start_image,
}
