"""What end tags close (HTML Living Standard, 13.2.6.4.7 and the rules for tables)."""

from __future__ import annotations

from .before_body import BeforeBody
from .elements import BLOCKS, BUTTON_SCOPE, FORMATTING, HEADINGS, IMPLIED_END, LIST_SCOPE, SCOPE, SPECIAL, TABLE_SCOPE
from .open_elements import HTML, UNKNOWN, Node

_SCOPED_END = BLOCKS | {b"button", b"select"}
_TABLE_END = frozenset((b"table", b"caption", b"td", b"th", b"tr", b"tbody", b"thead", b"tfoot"))


class EndTags(BeforeBody):
    """Rules for end tags in HTML content."""

    def _end_html(self, name: bytes) -> None:
        stack = self.stack
        if stack[-1].name == b"colgroup" and stack[-1].ns == HTML and name not in (b"colgroup", b"template", b"col"):
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
