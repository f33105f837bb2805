"""CSS selectors, matched while a page streams forward (Selectors Level 4, the part that never looks ahead).

A selector is a chain of compounds joined by combinators. Each prefix of a chain is a *step* with a bit; an element's
mask holds the bits of the prefixes it matches. A step needs the bit of the step before it in the mask of the parent
(`>`), of any ancestor, of the previous sibling (`+`) or of any earlier sibling (`~`). So each open element keeps four
integers and its child counters, and nothing else of the page is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .open_elements import Node
from .readings import Reading
from .tokens import attributes

_ALONE = "the start of the chain"
_LOOKS_AHEAD = frozenset({
    "last-child", "last-of-type", "only-child", "only-of-type", "nth-last-child", "nth-last-of-type", "empty", "has",
    "contains",
})  # fmt: skip
# Attributes whose values HTML compares without case (HTML Living Standard, 4.16.2).
_CASELESS = frozenset(
    b"""accept accept-charset align alink axis bgcolor charset checked clear codetype color compact declare defer dir
    direction disabled enctype face frame hreflang http-equiv lang language link media method multiple nohref noresize
    noshade nowrap readonly rel rev rules scope scrolling selected shape target text type valign valuetype
    vlink""".split()
)
_NO_ATTRIBUTES: dict[bytes, bytes] = {}
_LITERAL = re.compile(rb"[A-Za-z0-9_-]+")


@dataclass(slots=True)
class Place:
    """What an element knows of its children so far, and of what it and its ancestors match."""

    mask: int = 0
    above: int = 0  # bits of the element and all its ancestors
    last: int = 0  # bits of the last child
    earlier: int = 0  # bits of all children
    count: int = 0
    types: dict[bytes, int] = field(default_factory=dict)


Attributes = dict[bytes, bytes]
# (name, attributes, the parent's Place with this element counted, bits of the element so far)
Test = Callable[[bytes, Attributes, Place, int], bool]


@dataclass(frozen=True, slots=True)
class Step:
    bit: int
    combinator: str
    before: int  # the bit of the step before it
    test: Test
    type: bytes | None  # the only element type that can match
    reads: bool  # the test looks at attributes


@dataclass(frozen=True, slots=True)
class Quick:
    """A selector that a start tag alone decides, and only one that holds these bytes."""

    needle: bytes
    test: Test


class Selectors:
    """A growing set of compiled selectors in one space of bits."""

    def __init__(self, charset: str = "utf-8") -> None:
        self.steps: list[Step] = []
        self.reads: dict[bytes, list[Reading]] = {}  # attributes that tests look at, and what for
        self.ascii = True  # all that is looked for
        self._charset = charset
        self._text = ""  # what is being compiled, for messages

    def add(self, text: str) -> tuple[int, list[Quick] | None]:
        """Compile a selector list. Gives the bits that mean a match, and its Quick forms if every part has one.

        Raises ValueError, with a message for an editor.
        """
        self._text = text
        bits, quicks = self._list(text)
        return bits, None if None in quicks else [q for q in quicks if q is not None]

    def _list(self, text: str) -> tuple[int, list[Quick | None]]:
        from cssselect import SelectorError, parse

        plain, inner = _lift(text)
        try:
            parsed = parse(plain)
        except SelectorError as error:
            raise ValueError(f"the CSS selector {self._text!r} does not parse: {error}") from None
        bits, quicks = 0, []
        for selector in parsed:
            if selector.pseudo_element is not None:
                raise ValueError(
                    f"the CSS selector {self._text!r} names a pseudo-element, which is no part of a page's HTML"
                )
            bit, quick = self._chain(selector.parsed_tree, inner)
            bits |= bit
            quicks.append(quick)
        return bits, quicks

    def _chain(self, tree: Any, inner: list[tuple[str, str]]) -> tuple[int, Quick | None]:
        compound = _Compound(self, inner, self._text)
        before, combinator = 0, _ALONE
        if type(tree).__name__ == "CombinedSelector":
            before, _ = self._chain(tree.selector, inner)
            combinator, tree = tree.combinator, tree.subselector
        compound.read(tree)
        bit = 1 << len(self.steps)
        self.steps.append(Step(bit, combinator, before, compound.test(), compound.type, compound.reads))
        quick = None
        if combinator is _ALONE and compound.needle is not None and not compound.placed:
            quick = Quick(compound.needle, compound.test())
        return bit, quick

    def nested(self, text: str) -> int:
        return self._list(text)[0]

    def encode(self, text: str) -> bytes:
        self.ascii = self.ascii and text.isascii()
        return text.encode(self._charset, "xmlcharrefreplace")


class _Compound:
    """The simple selectors that one element must fit all of."""

    def __init__(self, selectors: Selectors, inner: list[tuple[str, str]], text: str) -> None:
        self._selectors, self._inner, self._text = selectors, inner, text
        self._tests: list[Test] = []
        self.needle: bytes | None = None
        self.placed = False  # depends on more than the start tag
        self.type: bytes | None = None
        self.reads = False

    def test(self) -> Test:
        tests = self._tests
        if len(tests) < 2:
            return tests[0] if tests else _any
        return lambda name, attrs, place, mask: all(t(name, attrs, place, mask) for t in tests)

    def read(self, tree: Any) -> None:
        kind = type(tree).__name__
        if kind == "Element":
            self._element(tree)
            return
        self.read(tree.selector)
        if kind == "Hash":
            self._attribute(b"id", "=", self._selectors.encode(tree.id), False)
        elif kind == "Class":
            self._attribute(b"class", "~=", self._selectors.encode(tree.class_name), False)
        elif kind == "Attrib":
            if tree.namespace not in (None, "*"):
                raise ValueError(f"the CSS selector {self._text!r} names a namespace, which is not supported")
            name = self._selectors.encode(tree.attrib).lower()
            flag = getattr(tree, "flag", None)
            blind = flag == "i" or (flag is None and name in _CASELESS)
            value = b"" if tree.value is None else self._selectors.encode(tree.value.value)
            self._attribute(name, tree.operator, value, blind)
        elif kind == "Pseudo":
            self._pseudo(tree.ident)
        elif kind == "Function":
            self._function(tree)
        else:
            raise self._refused(f":{kind.lower()}()" if kind != "Relation" else ":has()")

    def _refused(self, what: str) -> ValueError:
        if what.strip(":()") in _LOOKS_AHEAD:
            why = "needs what comes later in the page, and a page is rewritten while it streams forward"
        else:
            why = "is not supported in a slot's selector"
        return ValueError(f"in the CSS selector {self._text!r}, {what} {why}")

    def _element(self, tree: Any) -> None:
        if tree.namespace not in (None, "*"):
            raise ValueError(f"the CSS selector {self._text!r} names a namespace, which is not supported")
        if tree.element is None:
            return
        wanted = self.type = self._selectors.encode(tree.element).lower()
        self._tests.append(lambda name, attrs, place, mask: name == wanted)

    def _attribute(self, name: bytes, operator: str, value: bytes, blind: bool) -> None:
        if operator == "!=":
            raise self._refused("[...!=...]")
        self.reads = True
        if blind:
            value = value.lower()
        self._selectors.reads.setdefault(name, []).append(Reading(operator, value, blind))
        self._tests.append(_attribute_test(name, operator, value, blind))
        if operator in ("=", "~=") and not blind and _LITERAL.fullmatch(value) and len(value) > len(self.needle or b""):
            self.needle = value

    def _pseudo(self, ident: str) -> None:
        ident = ident.lower()
        if ident.startswith("lifted-"):
            kind, inside = self._inner[int(ident[7:])]
            bits = self._selectors.nested(inside)
            if kind == "not":
                self._tests.append(lambda name, attrs, place, mask: not mask & bits)
            else:
                self._tests.append(lambda name, attrs, place, mask: bool(mask & bits))
        elif ident == "first-child":
            self._tests.append(lambda name, attrs, place, mask: place.count == 1)
        elif ident == "first-of-type":
            self._tests.append(lambda name, attrs, place, mask: place.types[name] == 1)
        elif ident in ("root", "scope"):
            self._tests.append(lambda name, attrs, place, mask: place.above < 0)
        else:
            raise self._refused(f":{ident}")
        self.placed = True

    def _function(self, tree: Any) -> None:
        from cssselect.parser import parse_series

        if tree.name not in ("nth-child", "nth-of-type"):
            raise self._refused(f":{tree.name}()")
        try:
            a, b = parse_series(tree.arguments)
        except ValueError:
            raise ValueError(f"in the CSS selector {self._text!r}, :{tree.name}() needs a form such as 2, odd or 3n+1")
        if tree.name == "nth-child":
            self._tests.append(lambda name, attrs, place, mask: _nth(place.count, a, b))
        else:
            self._tests.append(lambda name, attrs, place, mask: _nth(place.types[name], a, b))
        self.placed = True


def _any(name: bytes, attrs: Attributes, place: Place, mask: int) -> bool:
    return True


def _nth(index: int, a: int, b: int) -> bool:
    return index == b if a == 0 else (index - b) % a == 0 and (index - b) // a >= 0


def _attribute_test(name: bytes, operator: str, value: bytes, blind: bool) -> Test:
    compare: Callable[[bytes], bool]
    if operator == "exists":
        return lambda element, attrs, place, mask: name in attrs
    if operator == "=":
        compare = lambda held: held == value
    elif operator == "~=":
        compare = lambda held: value in held.split() if value and not value.split()[1:] else False
    elif operator == "|=":
        compare = lambda held: held == value or held.startswith(value + b"-")
    elif not value:  # ^=, $= and *= with nothing match nothing
        compare = lambda held: False
    elif operator == "^=":
        compare = lambda held: held.startswith(value)
    elif operator == "$=":
        compare = lambda held: held.endswith(value)
    else:
        compare = lambda held: value in held

    def test(element: bytes, attrs: Attributes, place: Place, mask: int) -> bool:
        held = attrs.get(name)
        return held is not None and compare(held.lower() if blind else held)

    return test


_SKIP = re.compile(r"""\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\\"'()]""", re.DOTALL)
_LIFTED = re.compile(r":(is|where|matches|not)\(", re.IGNORECASE)


def _lift(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Take the arguments of :is(), :where() and :not() out, because the parser reads only simple ones; each leaves
    `:lifted-N`. Gives the rest, and (name, argument) for each N."""
    out: list[str] = []
    inner: list[tuple[str, str]] = []
    i = 0
    while i < len(text):
        if found := _LIFTED.match(text, i):
            end = _closing(text, found.end())
            if end < 0:
                raise ValueError(f"the CSS selector {text!r} does not parse: a ')' is missing")
            out.append(f":lifted-{len(inner)}")
            inner.append((found[1].lower(), text[found.end() : end]))
            i = end + 1
        else:
            step = _SKIP.match(text, i)
            out.append(step[0] if step else text[i])
            i += len(out[-1])
    return "".join(out), inner


def _closing(text: str, i: int) -> int:
    depth = 1
    while i < len(text):
        step = _SKIP.match(text, i)
        if step is None:
            depth += {"(": 1, ")": -1}.get(text[i], 0)
            if depth == 0:
                return i
        i += len(step[0]) if step else 1
    return -1




class Matcher:
    """Watches a Tree's insertions and gives every element its mask."""

    def __init__(self, steps: Iterable[Step], charset: str) -> None:
        self._steps = tuple(steps)
        self._of_type: dict[bytes, tuple[Step, ...]] = {}
        self._charset = charset
        self._top = Place(above=-1)  # every bit, so that :root knows it; the root itself starts afresh

    def __call__(self, node: Node, parent: Node | None) -> None:
        up = parent.watched if parent is not None and isinstance(parent.watched, Place) else self._top
        name = node.name
        up.count += 1
        up.types[name] = up.types.get(name, 0) + 1
        steps = self._of_type.get(name)
        if steps is None:
            steps = self._of_type[name] = tuple(s for s in self._steps if s.type is None or s.type == name)
        attrs: Attributes | None = None
        mask = 0
        for step in steps:
            if self._stands(step, up):
                if attrs is None:
                    attrs = attributes(node.raw, self._charset) if step.reads and node.raw else None
                if step.test(name, attrs or _NO_ATTRIBUTES, up, mask):
                    mask |= step.bit
        up.last = mask
        up.earlier |= mask
        node.watched = Place(mask, mask | (0 if up is self._top else up.above))

    def _stands(self, step: Step, up: Place) -> bool:
        """Whether what is before the element lets this step match."""
        combinator = step.combinator
        if combinator is _ALONE:
            return True
        if up is self._top:
            return False
        if combinator == " ":
            return bool(up.above & step.before)
        if combinator == ">":
            return bool(up.mask & step.before)
        if combinator == "+":
            return bool(up.last & step.before)
        return bool(up.earlier & step.before)
