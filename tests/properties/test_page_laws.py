"""Laws of the page floor that hold for any bytes, any cut and any fills."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from personalize.page import WAIT, Shapes, SlotTarget, Splicer, compile_rules

SLOTS = ("a", "b", "c", "d")
MARKED = compile_rules([SlotTarget(s) for s in SLOTS])
SELECTED = compile_rules(
    [
        SlotTarget("a", "div > p, li:nth-child(2)"),
        SlotTarget("b", "b ~ span, ul + div"),
        SlotTarget("c", "td"),
        SlotTarget("d", ":not(div) > a:first-of-type"),
        SlotTarget("d", None, "d"),
    ]
)

PIECES = st.sampled_from(
    [
        b"<div>", b"</div>", b"<div data-slot=a>", b'<p data-slot="b">', b"<span data-slot='c'>", b"</span>", b"<p>",
        b"</p>", b"<ul>", b"<li data-slot=d>", b"<li>", b"</ul>", b"<a data-slot=c>", b"<a>", b"</a>", b"<b>", b"</b>",
        b"<table>", b"<tr>", b"<td data-slot=d>", b"</td>", b"</table>", b"<svg>", b"<g data-slot=a>", b"<g/>",
        b"</svg>", b"<foreignObject>", b"<title>", b"</title>", b"<math>", b"<mi>", b"<![CDATA[", b"]]>", b"<script>",
        b"</script>", b"<!--<script>", b"<!--", b"-->", b"--!>", b"<!-->", b"<!-- slot:a -->", b"<!-- /slot:a -->",
        b"<!-- slot:d -->", b"<!-- /slot:d -->", b"<template>", b"</template>", b"</textarea>",
        b"<textarea data-slot=b>", b"<style>", b"</style>", b"<noscript>", b"</noscript>", b"<form>", b"</form>",
        b"<select>", b"<option data-slot=a>", b"</select>", b"<button>", b"</body>", b"</html>", b"<body class=x>",
        b"<!DOCTYPE html>", b"<br/>", b"<h1>",
        b"<img data-slot=a>", b'<x y="<div data-slot=a>">', b"<x y=a'b>", b'<DIV DATA-SLOT="&#97;">', b'="', b'"', b">",
        b"<", b"a", b" b", b"\0", b"\r\n", b"\xff\xfe", b"</ x>", b"<?x?>", b"<plaintext>",
    ]
)  # fmt: skip
PAGES = st.lists(PIECES | st.binary(max_size=3), max_size=30).map(b"".join)
FILLINGS = st.sampled_from([b"", b"X", b"</div>", b"<!--", b"<i data-slot=b>", None])
FILLS = st.dictionaries(st.sampled_from(SLOTS), FILLINGS)
RULES = st.sampled_from([MARKED, SELECTED])


def cut(page: bytes, at: list[int]) -> list[bytes]:
    points = [0, *sorted(n % (len(page) + 1) for n in at), len(page)]
    return [page[i:j] for i, j in pairwise(points)]


def run(rules, parts, fills, shapes=None, waits=()):
    """What leaves, what was found, for a page in parts; slots in `waits` are not known when first asked."""
    late = set(waits)

    def fill(slot):
        if slot in late:
            late.discard(slot)
            return WAIT
        return fills.get(slot)

    splicer = Splicer(rules, fill, shapes=shapes, route="r")
    out = b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))
    while splicer.waiting is not None:
        out += b"".join(splicer.feed(b"", False))
    return out, splicer.found


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@settings(max_examples=200, deadline=None)
@given(PAGES, CUTS, FILLS, RULES, st.sets(st.sampled_from(SLOTS)))
def test_any_cut_gives_the_same_page(page, at, fills, rules, waits):
    """However the input is cut and whenever fills come, the same bytes leave and the same slots are found."""
    whole = run(rules, [page], fills)
    assert run(rules, cut(page, at), fills, waits=waits) == whole
    assert run(rules, [page[i : i + 1] for i in range(len(page))] or [b""], fills) == whole


@settings(max_examples=200, deadline=None)
@given(PAGES, CUTS, RULES)
def test_a_page_whose_slots_are_kept_is_unchanged(page, at, rules):
    """With every fill None, the output is the input."""
    assert run(rules, cut(page, at), {})[0] == page


@settings(max_examples=200, deadline=None)
@given(PAGES, RULES, FILLS)
def test_bytes_outside_slots_are_the_pages_own(page, rules, fills):
    """Taking the fills out of the output and the slots' own markup out of the page leaves the same bytes."""
    marks = {s: b"\1" + s.encode() + b"\2" for s, fill in fills.items() if fill is not None}
    assume(b"\1" not in page and b"\2" not in page)
    out, found = run(rules, [page], marks)
    outside = [part.rpartition(b"\2")[2] for part in out.split(b"\1")]
    assert len(outside) - 1 == sum(s in marks for s in found)
    at = 0
    for i, part in enumerate(outside):
        at = page.find(part, at) if i < len(outside) - 1 else page.rfind(part, at)
        assert at >= 0
        at += len(part)
    assert page.startswith(outside[0]) and page.endswith(outside[-1])


@settings(max_examples=200, deadline=None)
@given(PAGES, FILLS, RULES)
def test_what_fills_a_slot_does_not_change_what_is_a_slot(page, fills, rules):
    """Slots found are the same for any fills, but for those inside a slot that was replaced."""
    kept = run(rules, [page], {})[1]
    found = run(rules, [page], fills)[1]
    assert [s for s in kept if s in found] == found
    assert run(rules, [page], {s: f and b"Y" for s, f in fills.items()})[1] == found


def near(page: bytes, changes: list[tuple[int, int]]) -> bytes:
    """A page that differs in a few bytes."""
    other = bytearray(page)
    for at, byte in changes:
        if other:
            other[at % len(other)] = byte
    return bytes(other)


def shares_nothing(page, changes, at, fills, rules, shapes) -> None:
    for text in (page, near(page, changes), page[: at[0] % (len(page) + 1)] if at else page, page):
        wanted = run(rules, [text], fills)
        assert run(rules, [text], fills, shapes) == wanted
        assert run(rules, cut(text, at), fills, shapes) == wanted
        assert run(rules, [*cut(text, at), b""], fills, shapes) == wanted


CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(b"<>/\"'-! ab")), min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(PAGES, CHANGES, CUTS, FILLS, RULES)
def test_a_known_page_gives_what_reading_it_would(page, changes, at, fills, rules):
    """With pages seen before, near-equal ones and shorter ones, the result is that of reading the page alone."""
    shares_nothing(page, changes, at, fills, rules, Shapes())


def test_the_law_catches_shapes_that_compare_too_little() -> None:
    """A lookup by length alone, in place of a comparison, breaks the law at once."""

    class ByLength(Shapes):
        def find(self, key, page):
            route = self._routes.get(key)
            return next(iter(route.by_size.get(len(page), ())), None) if route else None

    with pytest.raises(AssertionError):
        shares_nothing(b"<p data-slot=b>x</p>", [(1, ord("b"))], [], {"b": b"X"}, MARKED, ByLength())


TREE = st.recursive(
    st.sampled_from(["text", "<br>", "<img>", "<!-- c -->", "<hr>"]),
    lambda inner: st.tuples(
        st.sampled_from(["div", "p", "ul", "li", "span", "section", "h2", "dl", "dt", "dd", "abbr", "custom-tag"]),
        st.lists(inner, max_size=4),
        st.booleans(),
        st.booleans(),
    ).map(lambda t: f"<{t[0]}{' data-slot=a' if t[2] else ''}>{''.join(t[1])}" + (f"</{t[0]}>" if t[3] else "")),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(TREE)
def test_a_filled_slot_is_the_same_element_in_an_independent_parsers_tree(body):
    """html5lib's tree of the filled page is its tree of the page, with the slot's children replaced by the fill."""
    html5lib = pytest.importorskip("html5lib")
    page = f"<!DOCTYPE html><html><head></head><body>{body}</body></html>".encode()
    rules = compile_rules([SlotTarget("a")])
    out, found = run(rules, [page], {"a": b"<!--fill-->"})
    before, after = (html5lib.parse(text, namespaceHTMLElements=False) for text in (page, out))
    slot = before.find(".//*[@data-slot='a']")
    assert (slot is not None) == (found == ["a"])
    if slot is None:
        return
    filled = after.find(".//*[@data-slot='a']")
    assert filled.text is None and [c.text for c in filled] == ["fill"]
    tail = slot.tail
    slot.clear()
    slot.tail, slot.attrib["data-slot"] = tail, "a"
    filled.remove(filled[0])
    assert html5lib.serialize(before) == html5lib.serialize(after)
