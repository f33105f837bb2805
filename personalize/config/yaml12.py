"""YAML text to a Tree: YAML 1.2's scalars, the place of every key and value, and none of YAML's traps.

PyYAML's C parser gives events; what they mean is decided here. `NO`, `yes`, `on`, `10:30`, `0777` and `1_000` are
texts; anchors, aliases, merge keys, tags, duplicate keys and second documents are refused.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ..model import Mark, Problem
from .problems import quoted
from .tree import MAX_DEPTH, MAX_NUMBER, Path, Tree

MAX_BYTES = 256 * 1024

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BREAK = re.compile(r"\r\n|\r|\n")
# What YAML forbids in a text, and the line breaks that YAML 1.1's parser sees but no editor does.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class _Stop(Exception):
    """Reading cannot go on; the problem is in the tree already."""


def parse(data: bytes, file: str) -> Tree:
    """The tree of a config file's bytes. Whatever is wrong stands in `tree.problems`; nothing is raised."""
    tree = Tree(file, lines=[""])
    if (text := _decode(data, tree)) is None:
        return tree
    tree.lines = _BREAK.split(text)
    if tree.lines[-1] == "" and len(tree.lines) > 1:
        tree.lines.pop()
    if found := _FORBIDDEN.search(text):
        message = f"an invisible character, U+{ord(found[0]):04X}, is not allowed"
        _at(tree, "PZ104", text, found.start(), message, "remove it")
        return tree
    try:
        _Reader(tree, text).read()
    except _Stop:
        tree.data = None
    return tree


def scalar(text: str) -> str | int | float | bool | None:
    """A plain (unquoted) scalar's value by YAML 1.2's core schema, except that a number with leading zeros stays
    text: 0777 is a code, not 777. Raises OverflowError for a number beyond 64 bits."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if not text[0].isascii() or text[0] not in "-+.0123456789":
        return text
    if _INT.fullmatch(text):
        if len(text) > 20:
            raise OverflowError
        return _bounded(int(text))
    if _BASED.fullmatch(text):
        return _bounded(int(text, 0))
    if _FLOAT.fullmatch(text):
        return _bounded(float(text))
    return text


def _bounded(number: float) -> float:
    if not abs(number) < MAX_NUMBER:
        raise OverflowError
    return number


def _decode(data: bytes, tree: Tree) -> str | None:
    def refuse(code: str, message: str, hint: str = "", at: int = 0) -> None:
        before = data[:at].decode("utf-8", "replace")
        tree.lines = _BREAK.split(data[: at + 200].decode("utf-8", "replace"))
        _at(tree, code, before, len(before), message, hint)

    if len(data) > MAX_BYTES:
        refuse("PZ103", f"the file is larger than {MAX_BYTES // 1024} KB", "is this the right file?")
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        refuse("PZ104", "the file is in UTF-16", "save it as UTF-8")
    elif data.startswith(b"\xef\xbb\xbf"):
        refuse("PZ104", "the file begins with a byte order mark", 'save it as UTF-8 without "BOM"')
    elif (nul := data.find(b"\0")) >= 0:
        refuse("PZ104", "the file holds a NUL byte: it is not a text file", "save it as UTF-8", nul)
    else:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            refuse("PZ104", f"byte 0x{data[error.start]:02X} is not UTF-8 text", "save it as UTF-8", error.start)
    return None


def _at(tree: Tree, code: str, text: str, offset: int, message: str, hint: str) -> None:
    """Report at a character's offset in the text."""
    breaks = list(_BREAK.finditer(text, 0, offset))
    line, start = len(breaks) + 1, breaks[-1].end() if breaks else 0
    tree.problems.append(tree.problem_at(code, _inside(tree, line, offset - start + 1), message, hint))


def _inside(tree: Tree, line: int, column: int) -> Mark:
    """A mark that lies in the file: what ends too early is said at the end of the last line."""
    if line > len(tree.lines):
        line = len(tree.lines)
        column = len(tree.lines[-1]) + 1
    return Mark(tree.file, line, max(1, min(column, len(tree.lines[line - 1]) + 1)))


class _Reader:
    """Turns events into values. Not recursive: depth is bounded before Python's stack could be."""

    def __init__(self, tree: Tree, text: str) -> None:
        self.tree = tree
        self.text = text
        self.open: list[tuple[Mark, str]] = []  # brackets that were opened and not closed yet
        self.events = iter(yaml.parse(text, Loader=_Loader))

    def read(self) -> None:
        documents = 0
        while (event := self.next()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.fail("PZ111", event, "a second document begins here", "one file holds one config")
                if event.version == (1, 1):
                    self.fail("PZ105", event, "the file asks for YAML 1.1", "this is read as YAML 1.2; remove the line")
                self.root(self.next())
        if not documents:
            self.tree.problems.append(_empty(self.tree))
            raise _Stop

    def root(self, event: Any) -> None:
        tree = self.tree
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value in _NULL:
            tree.problems.append(_empty(tree))
            raise _Stop
        tree.data = self.value(event, ())
        if not isinstance(tree.data, dict) and not tree.problems:
            what = "a list" if isinstance(tree.data, list) else "text"
            self.fail("PZ110", event, f"a config is a mapping of keys to values, not {what}", "begin with version: 1")

    def next(self) -> Any:
        try:
            return next(self.events, None)
        except yaml.MarkedYAMLError as error:
            self.tree.problems.append(_syntax(self.tree, error, self.open))
            raise _Stop from None

    def mark(self, event: Any) -> Mark:
        return _inside(self.tree, event.start_mark.line + 1, event.start_mark.column + 1)

    def fail(self, code: str, event: Any, message: str, hint: str = "") -> None:
        self.complain(code, event, message, hint)
        raise _Stop

    def complain(self, code: str, event: Any, message: str, hint: str = "") -> None:
        self.tree.problems.append(self.tree.problem_at(code, self.mark(event), message, hint))

    def value(self, event: Any, path: Path) -> Any:
        """The value that begins with an event; its inner events are taken."""
        tree = self.tree
        tree.values[path] = self.mark(event)
        tree.keys.setdefault(path, tree.values[path])
        if isinstance(event, yaml.AliasEvent):
            tree.cover(path)
            self.complain("PZ108", event, f"an alias (*{event.anchor}) is not allowed", "write the value out")
            return None
        if event.anchor is not None:
            self.complain("PZ108", event, f"an anchor (&{event.anchor}) is not allowed", "remove it")
        elif event.tag is not None:
            tree.cover(path)
            self.complain("PZ108", event, f"a tag ({_short(event.tag)}) is not allowed", "remove it")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        if len(path) >= MAX_DEPTH:
            self.fail("PZ109", event, f"nested more than {MAX_DEPTH} deep", "is a bracket left open?")
        sequence = isinstance(event, yaml.SequenceStartEvent)
        if event.flow_style:
            self.open.append((tree.values[path], "[" if sequence else "{"))
        found = self.sequence(path) if sequence else self.mapping(path)
        if event.flow_style:
            self.open.pop()
        return found

    def scalar(self, event: Any, path: Path) -> Any:
        if not event.implicit[0]:
            return event.value
        try:
            return scalar(event.value)
        except OverflowError:
            self.tree.cover(path)
            self.complain("PZ112", event, "a number this large is not meant", "put it in quotes if it is a text")
            return None

    def sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.value(event, (*path, len(items))))
        return items

    def mapping(self, path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self.key(event)
            inner = (*path, key)
            if key in items:
                first = self.tree.keys[inner]
                self.complain("PZ107", event, f"{quoted(key)} is written twice", f"the first is in line {first.line}")
                self.value(self.next(), (*path, f"{key}\0{event.start_mark.index}"))
                continue
            self.tree.keys[inner] = self.mark(event)
            items[key] = self.value(self.next(), inner)
        return items

    def key(self, event: Any) -> str:
        """A key is always text, also where it looks like a number: `404: ...` is the name 404."""
        if isinstance(event, yaml.MappingStartEvent):
            self.fail("PZ110", event, "braces cannot be a key", 'a text that begins with "{" needs quotes')
        if not isinstance(event, yaml.ScalarEvent):
            self.fail("PZ110", event, "a key must be plain text", "a text that begins with [ or * needs quotes")
        if event.anchor is not None or event.tag is not None:
            self.complain("PZ108", event, "an anchor or a tag is not allowed", "remove it")
        if event.value == "<<" and event.implicit[0]:
            self.complain("PZ108", event, "a merge key (<<) is not allowed", "write the keys out")
        return str(event.value)


def _short(tag: str) -> str:
    return quoted(tag.replace("tag:yaml.org,2002:", "!!"), 40).strip('"')


def _empty(tree: Tree) -> Problem:
    return tree.problem_at("PZ102", Mark(tree.file, 1, 1), "the file is empty", "begin with version: 1")


# libyaml's words -> (what to say, what to do). The first that occurs in its message counts.
_SAYINGS = (
    ("mapping values are", "a colon is not expected here", 'check the indentation; a text with ": " needs quotes'),
    ("unexpected end of stream", "a quote is opened here and never closed", "add the closing quote"),
    ("unexpected document indicator", "a quote is opened here and never closed", "add the closing quote"),
    ("expected ',' or ']'", "a [ is opened here and never closed, or a comma is missing", "add the ] or the comma"),
    ("expected node content", "something is missing here", "write a value, or remove the line"),
    ("expected ',' or '}'", "a { is opened here and never closed, or a comma is missing", "add the } or the comma"),
    ("unknown escape", "a backslash in double quotes begins an escape", "use single quotes, or write \\\\"),
    ("block sequence entries are not allowed", "a list item (-) is not expected here", "begin it on a line of its own"),
    ("expected '-' indicator", "this line belongs to no list item", "check the indentation, or begin it with -"),
    ("expected key", "this does not fit what stands above it", "check the indentation and the quotes"),
    ("could not find expected ':'", "a colon is missing after a key", "write key: value"),
    ("tab character", "a tab is used for indentation", "use spaces"),
    ("directive", "a line that begins with % is not expected here", "remove it, or put the text in quotes"),
    ("<document start>", "this bracket or text closes nothing", "remove it"),
    ("block scalar", "nothing can follow | or > on its line", "begin the text on the next line"),
)  # fmt: skip


def _syntax(tree: Tree, error: yaml.MarkedYAMLError, still_open: list[tuple[Mark, str]]) -> Problem:
    """The parser's complaint in an editor's words, at the place where the slip is."""
    said = f"{error.problem} {error.context}"
    where, began = error.problem_mark or error.context_mark, error.context_mark
    if began is not None and any(word in said for word in ("unexpected end of stream", "unexpected document")):
        where = began
    elif began is not None and where is not None and "',' or" in said and where.line > began.line:
        where = began  # what follows on later lines is only where the parser noticed
    mark = _inside(tree, where.line + 1, where.column + 1) if where is not None else Mark(tree.file, 1, 1)
    if "nesting depth" in said:  # newer parsers have a bound of their own, and look ahead
        return tree.problem_at("PZ109", mark, f"nested more than {MAX_DEPTH} deep", "is a bracket left open?")
    if "expected node content" in said and still_open:
        began_at, bracket = still_open[-1]
        closing = {"[": "]", "{": "}"}[bracket]
        return tree.problem_at("PZ105", began_at, f"a {bracket} is opened here and never closed", f"add the {closing}")
    there = tree.lines[mark.line - 1][mark.column - 1 :]
    if "nesting depth" in said:  # some versions of libyaml count brackets before they tell of the first
        return tree.problem_at("PZ109", mark, f"nested more than {MAX_DEPTH} deep", "is a bracket left open?")
    if "cannot start any token" in said:
        if there.startswith("\t"):
            return tree.problem_at("PZ106", mark, "a tab is used for indentation", "use spaces")
        return tree.problem_at("PZ105", mark, f'a text cannot begin with "{there[:1]}"', "put it in quotes")
    for word, message, hint in _SAYINGS:
        if word in said:
            return tree.problem_at("PZ105", mark, message, hint)
    return tree.problem_at("PZ105", mark, "this is not valid YAML", "check the line and the one above it")
