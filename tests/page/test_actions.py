"""What is done at a slot, row by row: where it is written, what it may be done to, what is refused."""

from __future__ import annotations

import pytest

from personalize.page import Shapes, SlotTarget, Splicer, compile_rules


def filled(page: bytes, *targets: SlotTarget, shapes: Shapes | None = None, **fills: bytes | None):
    """What leaves and what was found: read whole, read byte by byte, and known from before, which must agree."""
    rules = compile_rules(targets)
    shapes = Shapes()
    seen = []
    parts = [page[i : i + 1] for i in range(len(page))]
    for pieces, known in (([page], None), (parts, None), ([page], shapes), ([page], shapes), (parts, shapes)):
        splicer = Splicer(rules, fills.get, shapes=known)
        out = b"".join(b"".join(splicer.feed(p, i + 1 < len(pieces))) for i, p in enumerate(pieces))
        seen.append((out, splicer.found))
    assert all(result == seen[0] for result in seen)
    return seen[0]


@pytest.mark.parametrize(
    ("action", "page", "wanted"),
    [
        ("replace_inner", b"<div><p class=x>a<b>c</b></p>t</div>", b"<div><p class=x>F</p>t</div>"),
        ("replace", b"<div><p class=x>a<b>c</b></p >t</div>", b"<div>Ft</div>"),
        ("before", b"<div><p class=x>a</p>t</div>", b"<div>F<p class=x>a</p>t</div>"),
        ("after", b"<div><p class=x>a</p >t</div>", b"<div><p class=x>a</p >Ft</div>"),
        ("start", b"<div><p class=x>a</p>t</div>", b"<div><p class=x>Fa</p>t</div>"),
        ("end", b"<div><p class=x>a</p>t</div>", b"<div><p class=x>aF</p>t</div>"),
        ("remove", b"<div><p class=x>a</p>t</div>", b"<div>t</div>"),
        # end tags that are left out
        ("after", b"<ul><li class=x>a<li>b</ul>", b"<ul><li class=x>a</li>F<li>b</ul>"),
        ("after", b"<nav><div class=x><ul><li>a</nav>", b"<nav><div class=x><ul><li>a</li></ul></div>F</nav>"),
        ("after", b"<p class=x>to the end", b"<p class=x>to the end</p>F"),
        ("after", b"<p class=x>cut off <b", b"<p class=x>cut off <b"),
        ("end", b"<div class=x><p>a</div>", b"<div class=x><p>a</p>F</div>"),
        ("end", b"<body class=x>a</body></html>", b"<body class=x>aF</body></html>"),
        ("before", b"<p>a<div class=x>b</div>", b"<p>a</p>F<div class=x>b</div>"),
        ("remove", b"<p>a<div class=x>b</div>c", b"<p>a</p>c"),
        ("replace", b"<h1 class=x>a</h2>b", b"Fb"),
        # without content, or with text only
        ("replace", b"<img class=x>a", b"Fa"),
        ("after", b"<br class=x />a", b"<br class=x />Fa"),
        ("start", b"<img class=x>a", b"<img class=x>a"),
        ("remove", b"<script class=x>if (a</b/) {}</script >b", b"b"),
        ("replace", b"<template class=x><p>a</p></template>b", b"Fb"),
        ("after", b"<svg><g class=x /></svg>", b"<svg><g class=x />F</svg>"),
        ("end", b"<title class=x>a</title>", b"<title class=x>aF</title>"),
        ("remove", b"<title class=x>a</title x='>'>b", b"b"),
        # not these
        ("remove", b"<html class=x><body class=x>a</body></html>", b"<html class=x><body class=x>a</body></html>"),
        ("before", b"<div></div><!-- <p class=x> --><script><p class=x></script>", None),
    ],
)
def test_where_a_fill_is_written(action, page, wanted) -> None:
    """Each action at its place, on elements with and without end tags; what cannot take it is no slot."""
    target = SlotTarget("s", ".x", None, action)
    out, found = filled(page, target, s=b"F")
    assert out == (page if wanted is None else wanted)
    assert (found == ["s"]) == (out != page)
    assert filled(page, target, s=None)[0] == page


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        ("replace_inner", b"a<!-- slot:s -->F<!-- /slot:s -->c"),
        ("replace", b"aFc"),
        ("remove", b"ac"),
        ("before", b"aF<!-- slot:s -->b<!-- /slot:s -->c"),
        ("after", b"a<!-- slot:s -->b<!-- /slot:s -->Fc"),
        ("start", b"a<!-- slot:s -->Fb<!-- /slot:s -->c"),
        ("end", b"a<!-- slot:s -->bF<!-- /slot:s -->c"),
    ],
)
def test_actions_on_a_pair_of_comments(action, wanted) -> None:
    """A pair is as an element is, its comments its tags; without the second nothing is done."""
    target = SlotTarget("s", None, None, action)
    assert filled(b"a<!-- slot:s -->b<!-- /slot:s -->c", target, s=b"F") == (wanted, ["s"])
    assert filled(b"a<!-- slot:s -->b", target, s=b"F") == (b"a<!-- slot:s -->b", [])


@pytest.mark.parametrize(
    ("tag", "set_to", "without"),
    [
        (b"<a>", b'<a href="/q">', b"<a>"),
        (b"<br/>", b'<br href="/q"/>', b"<br/>"),
        (b'<a id=1 HREF="/p"\n>', b'<a id=1 HREF="/q"\n>', b"<a id=1\n>"),
        (b"<a href='/p' href=/r>", b"<a href='/q' href=/r>", b"<a >"),
        (b"<a href=/p/ id=1>", b'<a href="/q" id=1>', b"<a id=1>"),
        (b"<a href id=1>", b'<a href="/q" id=1>', b"<a id=1>"),
        (b"<a id=1 href= >", b'<a id=1 href="/q">', b"<a id=1 >"),
        (b'<a data-x="href=1" xhref=2>', b'<a href="/q" data-x="href=1" xhref=2>', b'<a data-x="href=1" xhref=2>'),
    ],
)
def test_an_attribute_is_set_and_removed(tag, set_to, without) -> None:
    """The value of the first of its name is replaced where it stands, and all of its name are removed."""
    page = b"<p>x" + tag + b"y"
    done = filled(page, SlotTarget("s", "p > *", None, "set_attribute", "href"), s=b"/q")
    assert done == (page.replace(tag, set_to), ["s"])
    done = filled(page, SlotTarget("s", "p > *", None, "remove_attribute", "href"), s=b"")
    assert done == (page.replace(tag, without), ["s"])


@pytest.mark.parametrize(
    ("fill", "written"),
    [
        (b'a "b" <i>\n', b"a &quot;b&quot; &lt;i&gt;"),
        (b"Tom &amp; Jerry&#39;s", b"Tom &amp; Jerry&#39;s"),
        (b"", b""),
    ],
)
def test_a_value_is_the_fills_text(fill, written) -> None:
    """What could end the value is escaped; what is escaped already is not escaped again."""
    out, _ = filled(b'<img alt="">', SlotTarget("s", "img", None, "set_attribute", "alt"), s=fill)
    assert out == b'<img alt="' + written + b'">'


@pytest.mark.parametrize(
    "address",
    [b"javascript:x", b" JaVa\nScRiPt:x", b"java&#115;cript:x", b"&#106avascript&colon;x", b"vbscript:x",
     b"data:text/html,x", b"java&Tab;script:x", b"\x01javascript:x"],
)  # fmt: skip
def test_an_address_that_runs_code_is_not_written(address) -> None:
    """The page's own address stays, and nothing counts as shown; harmless addresses are written."""
    target = SlotTarget("s", "a", None, "set_attribute", "href")
    assert filled(b"<a href=/p>", target, s=address) == (b"<a href=/p>", [])
    for harmless in (b"/q?a=b:c", b"https://x.example/:", b"#a:b", b"?a:b", b"mailto:a@x.example", b""):
        assert filled(b"<a href=/p>", target, s=harmless) == (b'<a href="' + harmless + b'">', ["s"])
    for loader in (b"<script src=/p>", b"<link src=/p>", b"<base src=/p>", b"<object src=/p>"):
        assert filled(loader, SlotTarget("s", "*", None, "set_attribute", "src"), s=b"/q") == (loader, [])


def test_every_match_is_filled_and_found_once() -> None:
    """`all` takes every element that fits; those inside a replaced one are gone."""
    page = b"<p class=x>a<p class=x>b<div class=x><i class=x>c</i></div><template><p class=x>"
    done = {
        "replace_inner": b"<p class=x>F<p class=x>F<div class=x>F</div><template><p class=x>",
        "replace": b"FFF<template><p class=x>",
        "start": b"<p class=x>Fa<p class=x>Fb<div class=x>F<i class=x>Fc</i></div><template><p class=x>",
        "after": b"<p class=x>a</p>F<p class=x>b</p>F<div class=x><i class=x>c</i>F</div>F<template><p class=x>",
    }
    for action, wanted in done.items():
        assert filled(page, SlotTarget("s", ".x", None, action, None, True), s=b"F") == (wanted, ["s"])  # type: ignore[arg-type]
    pairs = b"<!-- slot:s -->a<!-- /slot:s -->" * 3
    assert filled(pairs, SlotTarget("s", all=True), s=b"F") == (pairs.replace(b"a", b"F"), ["s"])


def test_slots_that_do_different_things_share_an_element() -> None:
    """Each is done, in the order of the page; what is in a replaced element is gone, what is beside it is not."""
    page = b"<li>0<li class=x id=1>a<li>b"
    around = [SlotTarget("b", ".x", None, "before"), SlotTarget("a", ".x", None, "after")]
    inside = [
        SlotTarget("i", ".x", None, "set_attribute", "id"), SlotTarget("t", ".x", None, "set_attribute", "title"),
        SlotTarget("s", ".x", None, "start"), SlotTarget("n", ".x"), SlotTarget("e", ".x", None, "end"),
    ]  # fmt: skip
    fills = {slot: slot.upper().encode() for slot in "baitsne"}
    out, found = filled(page, *around, *inside, **fills)
    assert out == b'<li>0</li>B<li title="T" class=x id="I">SNE</li>A<li>b'
    assert found == ["b", "t", "i", "s", "n", "e", "a"]
    out, found = filled(page, *inside, SlotTarget("r", ".x", None, "replace"), *around, **fills, r=b"<li>R")
    assert out == b"<li>0</li>B<li>RA<li>b" and found == ["b", "r", "a"]


def test_an_end_tag_is_written_once_for_two_slots() -> None:
    """An end tag too many of a p would be a new, empty p."""
    targets = [
        SlotTarget("e", ".x", None, "end"), SlotTarget("a", ".x", None, "after"), SlotTarget("p", "p", None, "replace"),
    ]  # fmt: skip
    page = b"<li class=x><p>0<li>1"
    assert filled(page, *targets, e=b"E", a=b"A")[0] == b"<li class=x><p>0</p>E</li>A<li>1"
    assert filled(page, *targets, a=b"A")[0] == b"<li class=x><p>0</p></li>A<li>1"
    assert filled(page, *targets, e=b"E", a=b"A", p=b"P")[0] == b"<li class=x>PE</li>A<li>1"


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (SlotTarget("s", "a", None, "set_attribute"), "needs the attribute's name"),
        (SlotTarget("s", "a", None, "set_attribute", "onClick"), "holds code"),
        (SlotTarget("s", "a", None, "set_attribute", "srcdoc"), "holds code"),
        (SlotTarget("s", "a", None, "remove_attribute", "a b"), "no attribute's name"),
        (SlotTarget("s", "a", None, "before", "id"), "not about an attribute"),
        (SlotTarget("s", None, "x", "set_attribute", "id"), "no attribute to set"),
        (SlotTarget("s", "a", None, "wrap"), "no action"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_done_is_refused(target, says) -> None:
    """With a message for an editor, when the rules are compiled."""
    with pytest.raises(ValueError, match=says):
        compile_rules([target])
    with pytest.raises(ValueError, match="two things"):
        compile_rules([SlotTarget("s", "a"), SlotTarget("s", "b", None, "before")])
