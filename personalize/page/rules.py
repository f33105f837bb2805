"""What to look for in a page: slots and where they may be, compiled once for every page of a route."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..config.actions import ACTIONS, Action, why_not
from .actions import Act
from .readings import Reading
from .selectors import Quick, Selectors, Step


@dataclass(frozen=True, slots=True)
class SlotTarget:
    """One place where a slot may be: the first element that a CSS selector matches, or the first pair of comments
    `<!-- slot:NAME -->` and `<!-- /slot:NAME -->`. With neither, both [data-slot=SLOT] and that pair count (the element
    only, where `action` is about an `attribute`). With `all`, every match counts."""

    slot: str
    selector: str | None = None
    comment: str | None = None
    action: Action = "replace_inner"
    attribute: str | None = None
    all: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PageRules:
    """Compiled targets. `bits` and `steps` are for pages read with a whole tree; `quick` holds the same selectors
    where a start tag alone decides, and is None if any selector needs more."""

    slots: tuple[str, ...]
    acts: dict[str, Act]
    comments: dict[bytes, str]
    bits: tuple[tuple[int, str], ...]
    steps: tuple[Step, ...]
    quick: tuple[tuple[Quick, str], ...] | None
    needles: dict[str, frozenset[bytes]]  # by slot: bytes that each of its markers holds
    named: bool  # one of them may be spelled with a character reference that has a name
    charset: str
    reads: Mapping[bytes, Sequence[Reading]] = field(default_factory=dict)  # attributes that selectors look at
    early: bool = False  # what is done at a slot may begin before a tag that must be whole to tell of it
    targets: tuple[SlotTarget, ...] = ()
    ascii: bool = True  # no marker holds anything but ASCII, which all encodings write alike
    _others: dict[str, PageRules] = field(default_factory=dict)

    def in_charset(self, charset: str) -> PageRules:
        """These rules for pages in another encoding."""
        if self.ascii or charset == self.charset:
            return self
        if charset not in self._others:
            self._others[charset] = compile_rules(self.targets, charset)
        return self._others[charset]


NAMED = (b"_", b"fj")  # what a character reference with a name can stand for, of all that selectors look for
_NAME = re.compile(r"[^\s<>]+")


def compile_rules(targets: Sequence[SlotTarget], charset: str = "utf-8") -> PageRules:
    """Compile a route's targets; names and values are looked for in `charset`, which must be ASCII-compatible.

    Raises ValueError, with a message for an editor, on a selector that does not parse or that cannot be matched while
    the page streams forward, and on an action that cannot be done.
    """
    selectors = Selectors(charset)
    acts: dict[str, Act] = {}
    comments: dict[bytes, str] = {}
    bits: list[tuple[int, str]] = []
    quick: list[tuple[Quick, str]] = []
    all_quick = True
    for target in targets:
        act = _act(target)
        if acts.setdefault(target.slot, act) != act:
            raise ValueError(f"two things are to be done at the slot {target.slot}")
        selector, comment = target.selector, target.comment
        if selector is None and comment is None:
            comment = None if act.on_attribute else target.slot
            value = target.slot.replace("\\", "\\\\").replace('"', '\\"')
            selector = f'[data-slot="{value}"]'
        if comment is not None:
            if act.on_attribute:
                raise ValueError(f"a pair of comments has no attribute to {target.action.split('_')[0]}")
            if not _NAME.fullmatch(comment) or "--" in comment:
                raise ValueError(f"{comment!r} cannot be a comment's name: no spaces, no <, no > and no --")
            name = comment.encode(charset, "xmlcharrefreplace")
            if comments.setdefault(name, target.slot) != target.slot:
                raise ValueError(f"the comment pair {comment!r} marks two slots: {comments[name]} and {target.slot}")
        if selector is not None:
            match, quicks = selectors.add(selector)
            bits.append((match, target.slot))
            if quicks is None:
                all_quick = False
            else:
                quick.extend((q, target.slot) for q in quicks)
    marks = [*comments.items(), *((q.needle, slot) for q, slot in quick)]
    needles = {name: frozenset(mark for mark, slot in marks if slot == name) for name in acts}
    return PageRules(
        tuple(acts), acts, comments, tuple(bits), tuple(selectors.steps), tuple(quick) if all_quick else None,
        needles, any(text in mark for mark, _ in marks for text in NAMED), charset, selectors.reads,
        any(act.action != "replace_inner" for act in acts.values()),
        tuple(targets), selectors.ascii and all(name.isascii() for name in comments),
    )  # fmt: skip


def _act(target: SlotTarget) -> Act:
    if target.action not in ACTIONS:
        raise ValueError(f"there is no action {target.action!r}")
    act = Act(target.action, (target.attribute or "").encode("ascii", "replace"), target.all)
    if not act.on_attribute:
        if target.attribute is not None:
            raise ValueError(f"{target.action} is not about an attribute")
    elif target.attribute is None:
        raise ValueError(f"{target.action} needs the attribute's name")
    elif (wrong := why_not(target.attribute, target.action)) is not None:
        raise ValueError(f"{target.attribute!r} {wrong}")
    return act
