"""Which elements are open: the tree construction rules (HTML Living Standard, 13.2.6) reduced to the stack of open
elements and the list of active formatting elements. No tree is built; an element's end is where it leaves the stack.

A tree may start in the middle of a page. Its bottom is then UNKNOWN, and the first rule that has to look below it
asks `resolve` for what the page opened before. Well-formed content inside a slot never does.

Scripting is taken as on (noscript is raw text), and select follows the rules of 2025 (it may hold any content).
"""

from __future__ import annotations

from collections.abc import Callable

from .elements import (
    BLOCKS,
    BREAKOUT,
    FORMATTING,
    HEAD_CONTENT,
    HEADINGS,
    IMPLIED_END,
    MARKED,
    MATH_TEXT_POINTS,
    SCOPE,
    SPECIAL,
    SVG_HTML_POINTS,
    TABLE_PARTS,
    TABLE_PLACES,
    TABLE_SCOPE,
    VOID,
)  # fmt: skip
from .end_tags import EndTags
from .open_elements import (
    AFTER_HEAD,
    ANNOTATION,
    BEFORE,
    HTML,
    HTML_POINT,
    IN_BODY,
    MARKER,
    MATH,
    SVG,
    TEXT_POINT,
    UNKNOWN,
    Node,
)  # fmt: skip
from .tokens import RAW, attributes

_P_STOPS = frozenset((b"address", b"div", b"p"))
_CELLS = frozenset((b"td", b"th"))
_BODIES = frozenset((b"tbody", b"thead", b"tfoot"))
_TABLES = _BODIES | {b"table", b"tr"}
_FONT = frozenset((b"color", b"face", b"size"))
_DESCRIPTION = (frozenset((b"dd", b"dt")), frozenset((b"li",)))


class Tree(EndTags):
    """The stack of open elements, moved by `start`, `end` and `text`."""

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
        if self.phase != IN_BODY and not self.in_template:
            if name == b"head" and self.phase != AFTER_HEAD:
                if self.phase == BEFORE:
                    self._begin_head()
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

    def space(self) -> None:
        """White space alone, in the body."""
        if self.active and not self.foreign and not self._in_table():
            self._reconstruct()

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
        in_table = self._in_table()
        if self.form is not None if outside else in_table:
            return None
        if not in_table:
            self._close_p()
        node = self._insert(name, raw, push=not in_table)
        if outside:
            self.form = node
        return node

    def _in_table(self) -> bool:
        """Whether a table is open with no cell or caption inside. What is not known yet is taken to be no table: asking
        for it is slow, and a form there is only found to hold nothing."""
        for node in reversed(self.stack):
            if node.ns == HTML and (node.name in TABLE_PLACES or node.name == UNKNOWN):
                return node.name in _TABLES
        return False

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
            if other is MARKER:
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
        self.active.append(MARKER)
        return node

    def _start_table(self, name: bytes, raw: bytes, closed: bool) -> Node:
        if not self.known and any(n.name == b"p" for n in self.stack):
            self._resolve()  # for the doctype
        if not self.quirks:
            self._close_p()
        # A table straight inside a table ends it; inside a cell or a caption it is nested.
        i = self._place()
        if self.stack[i].name in (*_TABLES, b"colgroup"):
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
            self.active.append(MARKER)
        return node


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
