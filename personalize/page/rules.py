"""What to look for in a page: slots and where they may be, compiled once for every page of a route."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .selectors import Quick, Selectors, Step


@dataclass(frozen=True, slots=True)
class SlotTarget:
    """One place where a slot may be: the first element that a CSS selector matches, or the first pair of comments
    `<!-- slot:NAME -->` and `<!-- /slot:NAME -->`. With neither, both [data-slot=SLOT] and that pair count."""

    slot: str
    selector: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PageRules:
    """Compiled targets. `bits` and `steps` are for pages read with a whole tree; `quick` holds the same selectors
    where a start tag alone decides, and is None if any selector needs more."""

    slots: tuple[str, ...]
    comments: dict[bytes, str]
    bits: tuple[tuple[int, str], ...]
    steps: tuple[Step, ...]
    quick: tuple[tuple[Quick, str], ...] | None
    needles: tuple[bytes, ...]
    charset: str
    reads: frozenset[bytes] = frozenset()  # attributes that a selector looks at


_NAME = re.compile(r"[^\s<>]+")


def compile_rules(targets: Sequence[SlotTarget], charset: str = "utf-8") -> PageRules:
    """Compile a route's targets; names and values are looked for in `charset`, which must be ASCII-compatible.

    Raises ValueError, with a message for an editor, on a selector that does not parse or that cannot be matched while
    the page streams forward.
    """
    selectors = Selectors(charset)
    slots: list[str] = []
    comments: dict[bytes, str] = {}
    bits: list[tuple[int, str]] = []
    quick: list[tuple[Quick, str]] = []
    all_quick = True
    for target in targets:
        if target.slot not in slots:
            slots.append(target.slot)
        selector, comment = target.selector, target.comment
        if selector is None and comment is None:
            comment = target.slot
            value = target.slot.replace("\\", "\\\\").replace('"', '\\"')
            selector = f'[data-slot="{value}"]'
        if comment is not None:
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
    needles = dict.fromkeys((*comments, *(q.needle for q, _ in quick)))
    return PageRules(
        tuple(slots), comments, tuple(bits), tuple(selectors.steps), tuple(quick) if all_quick else None,
        tuple(needles), charset, frozenset(selectors.reads),
    )  # fmt: skip
