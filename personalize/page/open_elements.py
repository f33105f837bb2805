"""The stack of open elements and the list of active formatting elements (HTML Living Standard, 13.2.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from .elements import BUTTON_SCOPE, ENDS_P, FORMATTING, MARKED, SPECIAL, TABLE_PLACES, TABLE_SCOPE

if TYPE_CHECKING:
    from .tree import Tree

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


MARKER = Node(b"")


class OpenElements:
    """What is open, and how rules look at it. The bottom may be UNKNOWN; `_resolve` then asks for the rest."""

    def __init__(
        self,
        watch: Callable[[Node, Node | None], None] | None = None,
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
        self._odd = False  # a template or foreign content was opened at some time

    @classmethod
    def rooted(cls, name: bytes, raw: bytes, resolve: Callable[[], Tree]) -> Self:
        """A tree whose first known element has this start tag; the part of the page before it is not known yet."""
        tree = cls(resolve=resolve)
        tree.phase = IN_BODY
        ns = SVG if name == b"svg" else MATH if name == b"math" else HTML
        tree._root = root = Node(name, ns, raw)
        tree._odd = ns != HTML or name == b"template"
        unknown = Node(UNKNOWN)
        tree.stack = [unknown, root]
        tree.active = [unknown]
        if ns == HTML:
            tree._root_ends_p = name in ENDS_P or name in BUTTON_SCOPE
            tree._root_special = name in SPECIAL
            if name in MARKED:
                tree.active.append(MARKER)
            elif name in FORMATTING:
                tree.active.append(root)
        return tree

    @property
    def known(self) -> bool:
        return not self.stack or self.stack[0].name != UNKNOWN

    @property
    def plain(self) -> bool:
        """Whether what comes next is read as plain HTML: no foreign content and no template is open."""
        return not self._odd or not any(n.name == b"template" or n.ns != HTML for n in self.stack)

    @property
    def in_template(self) -> bool:
        return self._odd and any(n.name == b"template" and n.ns == HTML for n in self.stack)

    @property
    def foreign(self) -> bool:
        return bool(self.stack) and self.stack[-1].ns != HTML

    def know_all(self) -> None:
        """Put what the page opened before in the place of UNKNOWN, if that is there."""
        if not self.known:
            self._resolve()

    # --- the stack ------------------------------------------------------------------------------------

    def _insert(
        self, name: bytes, raw: bytes = b"", *, ns: int = HTML, push: bool = True, parent: Node | None = None
    ) -> Node:
        node = Node(name, ns, raw)
        stack = self.stack
        if self._watch is not None:
            self._watch(node, parent or (stack[-1] if stack else None))
        if push:
            stack.append(node)
            if ns != HTML or name == b"template":
                self._odd = True
        return node

    def _cut(self, i: int) -> None:
        """Pop everything from index i; formatting that was opened inside cells and the like goes with them."""
        stack = self.stack
        if self.active and len(self.active) > 0:
            for node in stack[i:]:
                if node.name in MARKED and node.ns == HTML:
                    while self.active and self.active[-1].name != UNKNOWN and self.active.pop() is not MARKER:
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
        self._odd = self._odd or base._odd
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
            if node is MARKER:
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
            if node is MARKER or node.name == UNKNOWN or node in stack:
                break
            i -= 1
        for k in range(i, len(active)):
            active[k] = self._insert(active[k].name, active[k].raw)
