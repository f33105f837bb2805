"""What must hold of any page, any cut and any fills: each law takes a Case and raises Broken if it does not hold."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from personalize import PersonalizeMiddleware
from personalize.page import WAIT, PageRules, Shapes, SlotTarget, Splicer, compile_rules
from personalize.page.charset import choose
from personalize.page.codings import decoder, encoder
from personalize.testing import Answer, call
from proofs.extents import MARKED, compare, ours
from proofs.hostile import SLOTS, Fragments, Hostile, cut, joined
from proofs.parse5 import Parse5

RULES: dict[str, PageRules] = {
    "markers": compile_rules([SlotTarget(s) for s in SLOTS]),
    "selectors": compile_rules(
        [
            SlotTarget("a", "div > p, li:nth-child(2)"), SlotTarget("b", "b ~ span, ul + div"),
            SlotTarget("c", "td, h1"), SlotTarget("d", ":not(div) > a:first-of-type"), SlotTarget("d", None, "d"),
        ]
    ),
    "actions": compile_rules(
        [
            SlotTarget("a", action="replace", all=True), SlotTarget("b", action="before"),
            SlotTarget("c", action="end", all=True),
            SlotTarget("d", "[data-slot=d], #k", action="set_attribute", attribute="title", all=True),
        ]
    ),
    "more actions": compile_rules(
        [
            SlotTarget("a", "p, [data-slot=a]", action="after", all=True), SlotTarget("b", action="remove", all=True),
            SlotTarget("c", action="start"),
            SlotTarget("d", "[data-slot=d]", action="remove_attribute", attribute="data-slot", all=True),
        ]
    ),
    "every": compile_rules([SlotTarget(s, f"[data-slot={s}]", all=True) for s in SLOTS]),
}  # fmt: skip


class Broken(AssertionError):
    """A law does not hold; says how."""


@dataclass(frozen=True)
class Case:
    """One input. `versions` are the values of the fragments at `holes`, one list for each version of the page."""

    law: str
    fragments: Fragments
    rules: str = "markers"
    cuts: list[int] = field(default_factory=list)
    fills: dict[str, bytes | None] = field(default_factory=dict)
    holes: list[int] = field(default_factory=list)
    versions: list[list[bytes]] = field(default_factory=list)
    coding: str = ""

    def as_json(self) -> dict[str, Any]:
        text = lambda b: None if b is None else b.decode("latin-1")
        return {
            "law": self.law, "fragments": [text(f) for f in self.fragments], "rules": self.rules, "cuts": self.cuts,
            "fills": {s: text(f) for s, f in self.fills.items()}, "holes": self.holes,
            "versions": [[text(v) for v in values] for values in self.versions], "coding": self.coding,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Case:
        raw = lambda t: None if t is None else t.encode("latin-1")
        return cls(
            told["law"], [raw(f) for f in told["fragments"]], told["rules"], told["cuts"],
            {s: raw(f) for s, f in told["fills"].items()}, told["holes"],
            [[raw(v) for v in values] for values in told["versions"]], told["coding"],
        )  # fmt: skip

    def pages(self) -> list[bytes]:
        """The page, or its versions."""
        if not self.versions:
            return [joined(self.fragments)]
        pages = []
        for values in self.versions:
            fragments = list(self.fragments)
            for index, value in zip(self.holes, values, strict=True):
                fragments[index] = value
            pages.append(joined(fragments))
        return pages


def must(holds: bool, what: str, *saw: object) -> None:
    if not holds:
        raise Broken(" | ".join([what, *map(repr, saw)]))


def run(
    case: Case, parts: list[bytes], fills: dict[str, bytes | None], shapes: Shapes | None = None, waits: bool = False
) -> tuple[bytes, list[str]]:
    """What leaves, and the slots that were found. With `waits`, every second fill is late."""
    late = set(SLOTS[::2]) if waits else set()

    def fill(slot: str) -> Any:
        if slot in late:
            late.discard(slot)
            return WAIT
        return fills.get(slot)

    splicer = Splicer(RULES[case.rules], fill, shapes=shapes, route="r")
    out = b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))
    while splicer.waiting is not None:
        out += b"".join(splicer.feed(b"", False))
    return out, splicer.found


# --- the laws --------------------------------------------------------------------------------------------


def any_cut(case: Case) -> None:
    """Any cutting of the input gives the same output, and finds the same slots, however late the fills are."""
    page = joined(case.fragments)
    whole = run(case, [page], case.fills)
    must(run(case, cut(page, case.cuts), case.fills, waits=True) == whole, "cut", whole)
    must(run(case, [*cut(page, case.cuts), b""], case.fills) == whole, "cut, with an empty end", whole)


def nothing_lost(case: Case) -> None:
    """A page whose slots are kept is unchanged, and one without slots leaves as the object that came."""
    page = joined(case.fragments)
    out, found = run(case, cut(page, case.cuts), {})
    must(out == page, "kept", out)
    splicer = Splicer(RULES[case.rules], lambda slot: None)
    pieces = splicer.feed(page, False)
    must(b"".join(pieces) == page and splicer.found == found, "kept as a whole", pieces)
    must(found != [] or not page or (len(pieces) == 1 and pieces[0] is page), "the same object", pieces)


def outside_the_same(case: Case) -> None:
    """Between fills stand the page's own bytes, in their order; the first and last of them are the page's."""
    page = joined(case.fragments)
    if b"\1" in page or b"\2" in page:
        return
    out, found = run(case, cut(page, case.cuts), {s: b"\1%b\2" % s.encode() for s in SLOTS})
    pieces = [part.rpartition(b"\2")[2] for part in out.split(b"\1")]
    must(case.rules != "markers" or len(pieces) - 1 == len(found), "each found slot is filled once", found, out)
    at = 0
    for number, piece in enumerate(pieces):
        at = page.find(piece, at) if number < len(pieces) - 1 else page.rfind(piece, at)
        must(at >= 0, "a piece that is not the page's", piece, out)
        at += len(piece)
    must(page.startswith(pieces[0]) and page.endswith(pieces[-1]), "the ends", out)


def fills_change_nothing(case: Case) -> None:
    """What fills a slot does not change what is one, but for slots inside a slot that was replaced."""
    page = joined(case.fragments)
    kept = run(case, [page], {})[1]
    found = run(case, [page], case.fills)[1]
    must(set(found) <= set(kept), "slots that were none", kept, found)
    if not any(act.all for act in RULES[case.rules].acts.values()):  # else another of the same slot may come later
        must([s for s in kept if s in found] == found, "slots in another order", kept, found)
    other = run(case, [page], {s: f and b"Y" for s, f in case.fills.items()})[1]
    must(other == found, "slots under other fills", found, other)


fitted = 0  # pages that a template was there for, over all cases: shows that the law below is not idle


def seen_is_unseen(case: Case) -> None:
    """A page among versions of it that are known gives what reading it alone would, whatever stands in its holes;
    so no two pages share a result, and no value makes or unmakes a slot."""
    global fitted
    shapes = Shapes()
    rules = RULES[case.rules]
    for page in case.pages():
        wanted = run(case, [page], case.fills)
        fitted += page != b"" and shapes.find(("r", rules), page) is not None
        must(run(case, [page], case.fills, shapes) == wanted, "known", page, wanted)
        must(run(case, cut(page, case.cuts), case.fills, shapes, waits=True) == wanted, "known, cut", page, wanted)
    for page in case.pages():
        for other in (page[:-1], page + b" ", page.replace(b"x", b"y", 1), page.replace(b'="c"', b'="a"', 1)):
            wanted = run(case, [other], case.fills)
            must(run(case, cut(other, case.cuts), case.fills, shapes) == wanted, "a neighbour, cut", other, wanted)
            must(run(case, [other], case.fills, shapes) == wanted, "a neighbour", other, wanted)


def marked_as_selected(case: Case) -> None:
    """A page that is leapt through has its slots where one that is read with a tree has them."""
    page = joined(case.fragments)
    quick = run(case, [page], case.fills)
    whole = replace(case, rules=f"{case.rules}, with a tree")
    must(run(whole, [page], case.fills) == quick, "found by a leap", quick)


RULES["markers, with a tree"] = compile_rules([*(SlotTarget(s) for s in SLOTS), SlotTarget("e", "x-never > x-never")])


def elements_stand(case: Case) -> None:
    """Every element is where parse5 says, or else html5lib and the scanner find the same markers."""
    page = joined(case.fragments)
    parser = parse5()
    if parser is None:
        _as_html5lib(page)
        return
    theirs = parser.elements(page)
    wrong = compare(page, theirs)[1]
    must(not wrong, "elements", wrong[:3])
    tags = [e for e in theirs if e.end >= 0 and e.name not in ("html", "head", "body")]
    if tags:
        element = tags[len(page) % len(tags)]
        end = element.start + 1
        while page[end] not in b"\t\n\f\r />":
            end += 1
        marked = page[:end] + b' data-slot="s"' + page[end:]
        at = next((e for e in parser.elements(marked) if e.start == element.start), None)
        extent = ours(marked, MARKED).get(element.start)
        fits = extent is None if at is None else extent is None or extent.agrees(at)
        must(fits, "a marked element", marked, extent, at)


@cache
def parse5() -> Parse5 | None:
    """The parser, where it can be had without installing anything."""
    from proofs.parse5 import NotHere, installed

    try:
        return Parse5() if installed() else None
    except NotHere:
        return None


def _as_html5lib(page: bytes) -> None:
    if b"<template" in page.lower():  # it knows none
        return
    import html5lib


    page = page.replace(b"<p", b"<p data-slot=a", 1)
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    theirs = any(e.get("data-slot") == "a" for e in tree.iter() if isinstance(e.tag, str))
    found = ours(page, compile_rules([SlotTarget("a")]))
    must(bool(found) == theirs, "an element", page)


CODINGS = ("gzip", "deflate", "br", "zstd")
CHARSETS = (
    "utf-8", "windows-1252", "iso-8859-9", "shift_jis", "gbk", "big5", "euc-kr", "euc-jp", "gb18030", "koi8-r",
    "utf-16", "iso-2022-jp", "x-user-defined", "macintosh", "windows-1255", "no-such-thing",
)  # fmt: skip
_FILL = "<b>İş ✓ é 日 \U0001f600 \\ ¥ ~</b>"


def through_the_door(case: Case) -> None:
    """By the whole middleware: the page decodes to the same whatever coding and cut it came in, its length is true, its
    bytes outside slots are the app's, and a truncated body is never given an end."""
    charset, _, coding = case.coding.partition(" ")
    page = joined(case.fragments)
    plain = asyncio.run(_door(page, charset, "", []))
    codec = choose(None if charset == "no-such-thing" else charset, page)
    if codec is None:
        must(plain == page, "an encoding that is not scanned", plain)
    body = page if not coding else encoder(coding).encode(page, end=True)
    out = asyncio.run(_door(body, charset, coding, case.cuts))
    must(_decoded(out, coding) == (plain, True), "coded and cut", charset, coding, plain, out)
    if coding:
        short = body[: max(1, len(body) * 2 // 3)]
        got, whole = _decoded(asyncio.run(_door(short, charset, coding, case.cuts)), coding)
        must(not whole, "an invented end", got)


def _decoded(body: bytes, coding: str) -> tuple[bytes, bool]:
    if not coding:
        return body, True
    back = decoder(coding)
    try:
        return b"".join(back.feed(body)), back.complete
    except Exception:
        return b"", False


async def _door(body: bytes, charset: str, coding: str, cuts: list[int]) -> bytes:
    headers = [(b"content-type", f"text/html; charset={charset}".encode())]
    if coding:
        headers.append((b"content-encoding", coding.encode()))
    middleware = PersonalizeMiddleware(Answer(*cut(body, cuts), headers=headers, length=True), _config())
    try:
        return (await call(middleware)).body
    finally:
        await middleware.close()


@cache
def _config() -> Any:
    from personalize import load_config

    slots = {s: {"match": {"path": "/**"}, "consent": "none", "default": {"html": _FILL}} for s in SLOTS}
    return load_config({"version": 1, "store": "memory", "slots": slots})


LAWS: dict[str, Callable[[Case], None]] = {
    law.__name__.replace("_", " "): law
    for law in (
        any_cut, nothing_lost, outside_the_same, fills_change_nothing, seen_is_unseen, marked_as_selected,
        elements_stand, through_the_door,
    )
}  # fmt: skip


def make(law: str, dice: random.Random) -> Case:
    """An input for a law, by chance."""
    hostile = Hostile(dice)
    if law == "elements stand":
        return Case(law, hostile.document())
    if law == "seen is unseen":
        fragments, holes, versions = hostile.versions(8)
        case = Case(law, fragments, fills=hostile.fills(), holes=holes, versions=versions)
        return replace(case, cuts=hostile.cuts(fragments), rules=dice.choice(_ANY))
    fragments = hostile.page()
    case = Case(law, fragments, fills=hostile.fills(), cuts=hostile.cuts(fragments))
    if law == "marked as selected":
        return case
    if law == "through the door":
        return replace(case, coding=f"{dice.choice(CHARSETS)} {dice.choice(('', *CODINGS))}".strip())
    if law == "outside the same":  # fills are written there as they are, and nothing else is
        return replace(case, rules=dice.choice(("markers", "selectors", "every")))
    return replace(case, rules=dice.choice(_ANY))


_ANY = ("markers", "markers", "selectors", "actions", "more actions", "every")


def check(case: Case) -> str | None:
    """What is wrong, or None."""
    try:
        LAWS[case.law](case)
    except Broken as broken:
        return str(broken)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
