"""Laws of what is done at a slot, for any page, any cut and any tag; an independent parser is the judge."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.page import (
    WAIT,
    Shapes,
    SlotTarget,
    Splicer,
    actions,
    attributes,
    compile_rules,
    page_key,
    places,
    shapes,
    spans,
    templates,
)

ACTIONS = ("replace_inner", "replace", "before", "after", "start", "end", "remove")


def rules_for(action: str, all: bool = False, selector: str = "[data-slot=a]", attribute: str | None = None):
    return compile_rules([SlotTarget("a", selector, None, action, attribute, all)])


def run(rules, parts, fills, shapes=None, waits=()) -> tuple[bytes, list[str]]:
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


def cut(page: bytes, at: list[int]) -> list[bytes]:
    points = [0, *sorted(n % (len(page) + 1) for n in at), len(page)]
    return [page[i:j] for i, j in pairwise(points)]


# --- any page, any cut ---------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        b"<div data-slot=a>", b"<div class=x>", b"</div>", b"<p data-slot=a class=x>", b"<p>", b"</p>", b"<ul>",
        b"<li data-slot=a>", b"<li class='x' class=y>", b"</ul>", b"<b data-slot=a>", b"</b>", b"<a class=x>", b"</a>",
        b"<img data-slot=a class>", b"<br class=x>", b"<table>", b"<tr data-slot=a>", b"<td class=x>", b"</table>",
        b"<svg data-slot=a>", b"<g class=x />", b"<g data-slot=a>", b"</svg>", b"<title data-slot=a class=x>",
        b"</title>", b"<script class=x>", b"</script>", b"<textarea class=x>", b"</textarea >", b"</textarea x='>'>",
        b"<template class=x>", b"</template>", b"<!-- slot:a -->", b"<!-- /slot:a -->", b"<!-- slot:b -->",
        b"<!-- /slot:b -->", b"<body class=x>", b"</body>", b"</html>", b"<h1 class=x>", b"</h2>", b"<form class=x>",
        b"</form>", b"<option class=x>", b"<!--", b"-->", b"<x y='<p class=x>'>", b"text", b" ", b"<", b"\0",
        b"<!DOCTYPE html>", b"<plaintext>",
    ]
)  # fmt: skip
PAGES = st.lists(PIECES | st.binary(max_size=2), max_size=25).map(b"".join)
CUTS = st.lists(st.integers(0, 10_000), max_size=8)
FILLS = st.dictionaries(st.sampled_from("abc"), st.sampled_from([b"", b"X", b"</div>", b"<!--", b"<p class=x>", None]))


def act(action: str, slot: str, quick: bool, all: bool) -> SlotTarget:
    selector = f"[data-slot={slot}]" if quick else "div > *, .x"
    attribute = "class" if action.endswith("attribute") else None
    return SlotTarget(slot, selector, None, action, attribute, all)  # type: ignore[arg-type]


ANY_ACTION = st.sampled_from((*ACTIONS, "set_attribute", "remove_attribute"))
TARGETS = st.lists(st.tuples(ANY_ACTION, st.booleans(), st.booleans()), min_size=2, max_size=3).map(
    lambda acts: [act(a, slot, quick, all) for slot, (a, quick, all) in zip("ac", acts, strict=False)]
)
PAIRS = st.tuples(st.sampled_from(ACTIONS), st.booleans()).map(
    lambda t: [SlotTarget("b", None, "b", t[0], None, t[1]), SlotTarget("a", None, None, t[0], None, t[1])]  # type: ignore[arg-type]
)
RULES = st.one_of(TARGETS, PAIRS, st.tuples(TARGETS, PAIRS).map(lambda t: t[0][1:] + t[1])).map(compile_rules)


@settings(max_examples=200, deadline=None)
@given(PAGES, CUTS, FILLS, RULES, st.sets(st.sampled_from("abc")))
def test_any_cut_and_a_known_page_give_the_same(page, at, fills, rules, waits):
    """However the page is cut, whenever fills come, known or read: the same bytes leave, the same slots are found."""
    gives_the_same(page, at, fills, rules, waits)


@settings(max_examples=400, deadline=None)
@given(PAGES, PIECES, PIECES, PAGES, st.integers(0, 30), FILLS, RULES)
def test_a_page_that_leaves_what_was_known_midway_is_the_page_it_is(before, one, other, after, back, fills, rules):
    """A page that begins as one that was seen, and goes on differently within a tag or anywhere, is what it is."""
    leaves_midway(before, one, other, after, back, fills, rules)


def leaves_midway(before, one, other, after, back, fills, rules) -> None:
    pages = Shapes()
    run(rules, [before + one + after], fills, pages)
    page = before + other + after
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    cut_at = max(0, len(before) + same - back % (same + 2))
    for parts in ([page[:cut_at], page[cut_at:]], [page[:cut_at], page[cut_at : cut_at + 1], page[cut_at + 1 :]]):
        assert run(rules, parts, fills, pages) == run(rules, [page], fills)


@pytest.mark.parametrize("action", [*ACTIONS, "set_attribute", "remove_attribute"])
def test_a_page_that_leaves_what_was_known_within_a_tag(action) -> None:
    """The beginning of a tag that turns out to be a slot's, where it was none before, has not left."""
    rules = compile_rules([act(action, "a", True, False)])
    for one, other in ((b"<p class=y data-x=a>1</p>", b"<p class=y data-slot=a>1</p>"), (b"</px>", b"</p>")):
        before = b"<main><b>x</b>" if one[1:2] != b"/" else b"<main><p data-slot=a><b>x</b>"
        for back in range(12):
            leaves_midway(before, one, other, b"2</main>", back, {"a": b"F"}, rules)


def gives_the_same(page, at, fills, rules, waits) -> None:
    whole = run(rules, [page], fills)
    assert run(rules, cut(page, at), fills, waits=waits) == whole
    assert run(rules, [page[i : i + 1] for i in range(len(page))] or [b""], fills) == whole
    pages = Shapes()
    for parts in ([page], [page], cut(page, at), [*cut(page, at), b""]):
        assert run(rules, parts, fills, pages, waits) == whole
    known = pages.find(page_key("r", rules), page)
    filled = known.fill({slot: fills.get(slot) for slot in rules.slots}) if known else None
    if filled is not None:
        assert (b"".join(filled[0]), list(filled[1])) == whole
    other = page[: at[0] % (len(page) + 1)] if at else page
    assert run(rules, cut(other, at), fills, pages) == run(rules, [other], fills)


NESTED = b"<div data-slot=a><p data-slot=c>x</p></div>"
BESIDE = b"<p>x<div data-slot=a>y</div>"


@pytest.mark.parametrize(
    ("page", "targets"),
    [
        (NESTED, [act("replace_inner", "a", True, False), act("replace_inner", "c", True, False)]),
        (NESTED, [act("remove", "a", True, False), act("set_attribute", "c", True, False)]),
        (BESIDE, [act("before", "a", True, False)]),
    ],
)
def test_the_law_catches_slots_that_are_joined_though_one_depends_on_another(page, targets, monkeypatch) -> None:
    """Slots inside slots and end tags that a fill brings with it are nothing for joining; taking them so is caught."""
    arguments = page, [3], {"a": b"A", "c": b"C"}, compile_rules(targets), ()
    gives_the_same(*arguments)
    for module in (shapes, templates):
        monkeypatch.setattr(module, "stand_apart", lambda spans: True)
    with pytest.raises(AssertionError):
        gives_the_same(*arguments)


def test_what_stands_apart_is_joined_whatever_is_done() -> None:
    """Every action, at every match too, is joined from pieces where a page was seen before."""
    page = b"<main>" + b"<div class=y><p class=x>1</p></div>" * 3 + b"</main>"
    for action in (*ACTIONS, "set_attribute", "remove_attribute"):
        rules = compile_rules([act(action, "a", False, True)])
        known = Shapes()
        run(rules, [page], {}, known)
        shape = known.find(page_key("r", rules), page)
        assert shape is not None
        filled = shape.fill({"a": b"F"})
        assert filled is not None and len(filled[0]) > 3 and filled[1] == ["a"]
        assert b"".join(filled[0]) == run(rules, [page], {"a": b"F"})[0] != page


@settings(max_examples=200, deadline=None)
@given(PAGES, CUTS, RULES)
def test_what_is_kept_is_unchanged(page, at, rules):
    """With every fill None, the page is as it was, whatever would have been done; a slot is found once at most."""
    out, found = run(rules, cut(page, at), {})
    assert out == page
    assert len(found) == len(set(found))


# --- the tree that an independent parser makes ---------------------------------------------------------

NAMES = ["div", "p", "ul", "li", "span", "section", "h2", "h3", "dl", "dt", "dd", "custom-tag"]
TREE = st.recursive(
    st.sampled_from(["text", "<br>", "<img data-slot=a>", "<!-- c -->", "<hr>", "<br data-slot=a class=y>"]),
    lambda inner: st.tuples(
        st.sampled_from(NAMES), st.lists(inner, max_size=4), st.booleans(), st.booleans()
    ).map(lambda t: f"<{t[0]}{' data-slot=a' if t[2] else ''}>{''.join(t[1])}" + (f"</{t[0]}>" if t[3] else "")),
    max_leaves=12,
)


def parsed(text: bytes) -> Any:
    html5lib = pytest.importorskip("html5lib")
    return html5lib.parse(text, treebuilder="dom")


def slots_in(document: Any) -> list[Any]:
    return [e for e in document.getElementsByTagName("*") if e.getAttribute("data-slot") == "a"]


def done(document: Any, element: Any, action: str) -> None:
    """What the action means in the tree."""
    fill = document.createComment("fill")
    parent = element.parentNode
    if action in ("replace_inner", "start", "end"):
        if action == "replace_inner":
            while element.firstChild:
                element.removeChild(element.firstChild)
        element.insertBefore(fill, element.firstChild if action == "start" else None)
    elif action in ("replace", "before"):
        parent.insertBefore(fill, element)
    elif action == "after":
        parent.insertBefore(fill, element.nextSibling)
    if action in ("replace", "remove"):
        parent.removeChild(element)


def as_in_the_tree(body: str, action: str) -> None:
    page = f"<!DOCTYPE html><html><head></head><body>{body}".encode()
    out, found = run(rules_for(action), [page], {"a": b"<!--fill-->"})
    document = parsed(page)
    slots = slots_in(document)
    if action in ("replace_inner", "start", "end"):
        slots = [e for e in slots if e.tagName not in ("br", "img")]
    assert bool(slots) == (found == ["a"])
    if slots:
        done(document, slots[0], action)
    document.normalize()
    assert document.toxml() == parsed(out).toxml()


@settings(max_examples=200, deadline=None)
@given(TREE, st.sampled_from(ACTIONS))
def test_an_action_is_the_same_in_an_independent_parsers_tree(body, action):
    """html5lib's tree of what leaves is its tree of the page with the action done there, end tags written or not."""
    as_in_the_tree(body, action)


def no_end_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "close", lambda *args: None)


def nothing_closed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "end_tags", lambda nodes: ())


def any_end_tag_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "is_end_of", lambda node, name: True)


def end_at_the_inner_end(monkeypatch: pytest.MonkeyPatch) -> None:
    finish = spans.Span.finish
    monkeypatch.setattr(spans.Span, "finish", lambda self, inner, outer, known: finish(self, inner, inner, known))


BROKEN_PLACES = [
    (no_end_tags, "<ul><li data-slot=a>x<li>y</ul>", "after"),
    (nothing_closed_before, "<p>x<div data-slot=a>y</div>z", "before"),
    (no_end_tags, "<div data-slot=a><p>x</div>", "end"),
    (any_end_tag_is_its_own, "<ul><li data-slot=a>x</ul>y", "replace"),
    (end_at_the_inner_end, "<div data-slot=a>x</div>y", "after"),
]


@pytest.mark.parametrize(("bug", "body", "action"), BROKEN_PLACES)
def test_the_law_of_the_tree_catches_planted_bugs(
    bug: Callable[[pytest.MonkeyPatch], None], body: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Places told wrongly break the law; told rightly, the same page obeys it."""
    as_in_the_tree(body, action)
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        as_in_the_tree(body, action)


# --- attributes ----------------------------------------------------------------------------------------

ATTR = st.tuples(
    st.sampled_from([b" ", b"\n", b"/", b" / ", b"  ", b""]),
    st.sampled_from([b"x", b"X", b"y", b"z", b"=c", b'q"', b"data-slot"]),
    st.sampled_from([b"", b"=1", b'="2"', b"='3'", b" = 4/", b'=""', b"= '&amp;>'", b"=</p>"[:3]]),
).map(b"".join)
TAGS = st.tuples(
    st.lists(ATTR, max_size=5).map(b"".join), st.sampled_from([b"", b" ", b"/", b" /"])
).map(lambda t: b"<svg><g data-slot=a" + (t[0] if t[0][:1] in b" \n/" else b" " + t[0]) + t[1] + b">")
VALUES = st.sampled_from([b"", b"v", b" v ", b'"', b"'", b"&amp;", b"<b>", b"a=b /", b'" onclick="', b"' x='"])


def tag_of(text: bytes) -> tuple[list[tuple[str, str]], bool]:
    """Attributes and self-closing of the second start tag, by html5lib."""
    tokenizer = pytest.importorskip("html5lib._tokenizer")
    read = tokenizer.HTMLTokenizer(text.decode("latin-1"))
    tags = [t for t in read if t["type"] in (3, 5)]
    assert len(tags) == 2
    return list(tags[1]["data"].items()), tags[1]["selfClosing"]


def sets_and_removes(tag: bytes, value: bytes, action: str) -> None:
    held, closed = tag_of(tag)
    rules = rules_for(action, attribute="x")
    out, found = run(rules, [tag], {"a": value})
    if ("data-slot", "a") not in held:
        assert (out, found) == (tag, [])
        return
    assert found == ["a"]
    after, still = tag_of(out)
    text = value.strip().decode().replace("&amp;", "&")
    if action == "set_attribute":
        assert dict(after) == {**dict(held), "x": text}
    else:
        assert after == [(name, v) for name, v in held if name != "x"]
    assert [(n, v) for n, v in after if n != "x"] == [(n, v) for n, v in held if n != "x"]
    assert still == closed or (action == "set_attribute" and not closed)
    assert not still or closed


@settings(max_examples=200, deadline=None)
@given(TAGS, VALUES, st.sampled_from(["set_attribute", "remove_attribute"]))
def test_an_attribute_is_set_or_gone_and_no_other_changes(tag, value, action):
    """An independent tokenizer finds the attribute with the fill's text, or none; all others, in order, as before."""
    sets_and_removes(tag, value, action)


@settings(max_examples=200, deadline=None)
@given(TAGS, VALUES)
def test_two_slots_change_two_attributes_of_one_tag(tag, value):
    """One slot takes an attribute away, another sets one, a third takes another: each as if it were alone."""
    held, closed = tag_of(tag)
    targets = [
        SlotTarget("a", "[data-slot=a]", None, "remove_attribute", "x"),
        SlotTarget("b", "[data-slot=a]", None, "set_attribute", "z"),
        SlotTarget("c", "[data-slot=a]", None, "remove_attribute", "y"),
    ]
    out, found = run(compile_rules(targets), [tag], {"a": b"", "b": value, "c": b""})
    if not found:
        return
    assert sorted(found) == ["a", "b", "c"]
    after, still = tag_of(out)
    text = value.strip().decode().replace("&amp;", "&")
    assert dict(after) == {**{n: v for n, v in held if n not in ("x", "y")}, "z": text}
    assert still == closed


def first_only(monkeypatch: pytest.MonkeyPatch) -> None:
    change = attributes.change
    monkeypatch.setattr(actions, "change", lambda *args: change(*args)[:1])


def cut_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "_cut", lambda m, raw: (m.start(1), m.end(), lambda fill: b""))


def unescaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "_value", lambda name, before, after, quote: lambda fill: before + fill + after)


BROKEN_ATTRIBUTES = [
    (first_only, b"<svg><g data-slot=a x=1 x=2>", b"", "remove_attribute"),
    (cut_plainly, b"<svg><g data-slot=a y x =1 =c>", b"", "remove_attribute"),
    (cut_plainly, b"<svg><g data-slot='a'/x>", b"", "remove_attribute"),
    (unescaped, b'<svg><g data-slot=a x="1">', b'" onclick="', "set_attribute"),
]


@pytest.mark.parametrize(("bug", "tag", "value", "action"), BROKEN_ATTRIBUTES)
def test_the_law_of_attributes_catches_planted_bugs(
    bug: Callable[[pytest.MonkeyPatch], None], tag: bytes, value: bytes, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one left, neighbours that run together, a value that ends early: each breaks the law."""
    sets_and_removes(tag, value, action)
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        sets_and_removes(tag, value, action)
