"""Pages that differ in a few places: known again by what they have in common, wherever that is safe."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.page import WAIT, Shapes, SlotTarget, Splicer, compile_rules, following, holes, scanner
from personalize.page.holes import VALUE_LIMIT, Hole, Kind
from personalize.page.spans import Span

RULES = compile_rules([SlotTarget("a"), SlotTarget("b")])
ACTING = compile_rules([SlotTarget("a", action="replace", all=True), SlotTarget("b", action="end")])
BY_CLASS = compile_rules([SlotTarget("a", ".hero"), SlotTarget("b", "#offer")])
FRAME = (
    b"<!doctype html><html><head><title>Shop</title></head><body><p>1</p>%s"
    b"<div class=hero data-slot=a><p>old</p></div><p>2</p><i id=offer data-slot=b>old</i><p>3</p></body></html>"
)


def run(shapes: Shapes | None, parts: bytes | Sequence[bytes], rules=RULES, **fills: object) -> bytes:
    splicer = Splicer(rules, lambda slot: fills.get(slot, slot.encode()), shapes=shapes, route="r")  # type: ignore[arg-type]
    parts = [parts] if isinstance(parts, bytes) else parts
    return b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a page had to be read; what learning reads is not counted."""
    counted: list[int] = []
    feed = scanner.Scanner.feed

    def count(self: scanner.Scanner, chunk: bytes, last: bool) -> None:
        if type(self) is scanner.Scanner:
            counted.append(len(chunk))
        feed(self, chunk, last)

    monkeypatch.setattr(scanner.Scanner, "feed", count)
    return counted


def learns(reads: list[int], page: bytes, values: Sequence[bytes], rules=RULES) -> bool:
    """Whether the third and later values need no reading; every page gives what reading it alone gives."""
    shapes, read = Shapes(), []
    for value in values:
        text = page.replace(b"@", value)
        wanted, before = run(None, text, rules), len(reads)
        assert run(shapes, text, rules) == wanted
        read.append(len(reads) > before)
    assert read[:2] == [True, True]
    return not any(read[2:])


TOKENS = [b"MTIz/+=", b"x", b"9f8e7d6c5b4a" * 9, b"2026"]


@pytest.mark.parametrize(
    "place",
    [
        b'<input type="hidden" name="csrf" value="@">',
        b"<input value='@' class=x>",
        b"<input value=@>",
        b"<a href='/login?next=/&amp;t=@'>x</a>",
        b"<p>Hello @, welcome</p>",
        b"<p title='a>b'>@</p>",
        b"<p>a &amp; @ b</p>",
        b'<script nonce="@">go()</script>',
        b'<script>var token = "@";</script>',
        b'<script type="application/json">{"csrf":"@","t":["@"]}</script>',
        b"<script>a = '<b>' + \"@\"</script>",
        b"<script><!--\nvar x = '@';\n--></script>",
        b"<style>p { background: url(@) }</style>",
        b"<!-- served by @ in no time -->",
        b"<!--v@-->",
        b"<template><p>@</p></template>",
        b"<svg><title>@</title><path d='@'/><style>@</style></svg>",
        b"<textarea>@</textarea>",
        b"<div data-slot=c><b>@</b></div>",
        b"<title>@</title>",
        b"<table><tr><td>@</table>",
        b'<meta name="csrf-token" content="@"><script nonce="@">s = {"at": "@"}</script><span data-count="@">@</span>'
        b'<time datetime="2026-@">@</time><link href="/a.css?v=@"><!-- made in @ ms by web-@ -->',
    ],
)
def test_a_page_with_a_volatile_token_is_read_only_until_its_hole_is_known(place: bytes, reads: list[int]) -> None:
    """Two versions teach the hole; the third, with a value of another length, is not read."""
    assert learns(reads, FRAME % place, TOKENS)


@pytest.mark.parametrize(
    ("place", "rules"),
    [
        (b"<div data-slot='@'></div>", RULES),
        (b"<div class='@'></div>", BY_CLASS),
        (b"<div id='@' class='x'></div>", BY_CLASS),
        (b"<!-- @ -->", RULES),
        (b"<!-- slot:@ -->", RULES),
        (b"<!--/s@ -->", RULES),
        (b"<x@ y>", RULES),
        (b"<p @>", RULES),
        (b"</p x='@'>", RULES),
        (b"<!x@>", RULES),
        (b"<b class='@'>", RULES),
        (b"<script>a</@script></script>", RULES),
        (b"<script><!@--</script>", RULES),
        (b"<style></sty@le ></style>", RULES),
        (b"<svg><![CDATA[ @ ]]></svg>", RULES),
        (b"<@p>", RULES),
        (b"<p><</p><p><@</p>", RULES),
        (b"<math><annotation-xml encoding='@'></math>", RULES),
        (b"<p title='@' class='&#104;ero'></p>", BY_CLASS),
    ],
)
def test_what_could_change_a_slot_is_no_hole(place: bytes, rules, reads: list[int]) -> None:
    """Attributes that a selector reads, names, markers and all that is not proven: the page is read each time."""
    assert not learns(reads, FRAME % place, TOKENS, rules)


HOSTILE = [
    b'"', b"'", b"<", b">", b"&", b"\0", b"\r", b"-", b"--", b"-->", b"--!>", b"</script>", b"<!--", b"<script>", b"/",
    b'"><i data-slot=b>', b"'><i data-slot=b>", b" data-slot=b ", b"x data-slot=b", b"</title><i data-slot=b>", b"",
    b"<i data-slot=b>x</i>", b"slot:b", b"/slot:b", b"hero", b"a", b"b", b" ", b"\n", b"\xe2\x82\xac", b"\xff", b"=",
    b"</style><i id=offer>", b"]]>", b"<!-- slot:b -->", b"&#98;", b"&quot;", b"x" * (VALUE_LIMIT + 9), b"script>",
]  # fmt: skip
PLACES = [
    b'<input value="@">', b"<input value='@'>", b"<input value=@>", b"<input value=@ data-slot=b>", b"<p>@</p>",
    b"<p>&@</p>", b"<script>'@'</script>", b"<script><!-- '@' --></script>", b"<script>x-@->y</script>",
    b"<script><!--<script>@</script>@</script>", b"<style>@</style>", b"<!-- x@ -->", b"<!--x@-->", b"<!-- x-@-> -->",
    b"<!-- x@! -->", b"<textarea>@</textarea>", b"<title>@</title>", b"<noscript>@</noscript>", b"<svg><p>@</p></svg>",
    b"<table>@<tr><td>@</table>", b"<template>@</template>", b"<i class='@'>", b"<div data-slot=c>@</div>", b"@",
    b"<table><colgroup>@</table>", b"<script>a</@</script>", b"<style><@</style>", b"<xmp>@</xmp>",
]  # fmt: skip


def hostile(place: bytes, values: Sequence[bytes], rules=RULES) -> None:
    """The law: whatever stands in the holes, a page gives what reading it alone gives."""
    shapes = Shapes()
    page = FRAME % place
    for value in (b"one", b"two2", *values, b"three"):
        text = page.replace(b"@", value)
        assert run(shapes, text, rules) == run(None, text, rules)
        assert run(shapes, [text[:120], text[120:]], rules) == run(None, text, rules)
        assert run(shapes, [text, b""], rules) == run(None, text, rules)
        assert run(shapes, [text[i : i + 9] for i in range(0, len(text), 9)], rules) == run(None, text, rules)


@pytest.mark.parametrize("rules", [RULES, BY_CLASS, ACTING], ids=["marked", "selected", "acting"])
@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_value_cannot_change_what_is_a_slot(place: bytes, rules) -> None:
    """Quotes, tags, ends of comments and scripts, NUL and the like in every context give each page its own result."""
    hostile(place, HOSTILE, rules)
    for value in HOSTILE:
        shapes, page = Shapes(), FRAME % place
        for first in (b"one", value, b"two", value + b"x", b"x" + value, b"three"):
            text = page.replace(b"@", first)
            assert run(shapes, text, rules) == run(None, text, rules)


def guessed(self: holes.Probe, page: bytes, low: int) -> Hole | None:
    """The wrong way: what the bytes before a place look like decides what it stands in."""
    at = self.fed
    kind = holes.VALUE if page.rfind(b'="', 0, at) > page.rfind(b">", 0, at) else holes.TEXT
    return holes._run(kind, page, at, low, 0)


ANYTHING = Kind(re.compile(rb"[^>\"']++").match, frozenset(range(256)) - frozenset(b">\"'"))


@pytest.mark.parametrize(
    ("place", "values", "rules", "wrong"),
    [
        (b"<script>'@'</script>", (b"x<!--<script ",), RULES, {"PLAIN": ANYTHING}),
        (b"<!-- x@><i data-slot=b>1</i> -->", (b"a--",), RULES, {"DASHLESS": holes.PLAIN}),
        (b"<!-- s@ -->x<!-- /slot:a -->", (b"lot:a",), RULES, {"_MARKERS": (b"\1",)}),
        (b"<style></@le ><i data-slot=b>1</i></style>", (b"sty",), RULES, {"_LONGEST": 0}),
        (b"<b title='@'>", (b"x' data-slot='b",), RULES, {"hole": guessed}),
        (b'<div class="@">x</div>', (b"hero",), BY_CLASS, {"reads": {}}),
        (b'<div id="@">x</div>', (b"offer",), BY_CLASS, {"reads": {}}),
    ],
)
def test_the_law_catches_holes_that_are_not_proven(
    place: bytes, values: Sequence[bytes], rules, wrong: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hole in a script with `<`, a guess backward, a class that a selector reads: each breaks the law at once."""
    hostile(place, values, rules)
    for name, value in wrong.items():
        if name == "reads":
            rules = compile_rules([SlotTarget("a", ".hero"), SlotTarget("b", "#offer")])
            object.__setattr__(rules, name, value)
        elif name == "hole":
            monkeypatch.setattr(holes.Probe, name, value)
        else:
            monkeypatch.setattr(holes, name, value)
    with pytest.raises(AssertionError):
        hostile(place, values, rules)


AROUND = st.sampled_from(
    [
        b"<p>", b"</p>", b"<b>", b"</b>", b"<a href='/x'>", b"</a>", b"<svg>", b"</svg>", b"<style>", b"</style>",
        b"<script>", b"</script>", b"<!--", b"-->", b"<script><!--", b"<title>", b"</title>", b"<table>", b"<tr><td>",
        b"</table>", b"<template>", b"</template>", b"<math>", b"<mi>", b"<![CDATA[", b"]]>", b"text", b"&amp;", b" ",
        b"<div data-slot=a>", b"</div>", b"<i data-slot=b>", b"</i>", b"<!-- slot:a -->", b"<!-- /slot:a -->", b"<",
        b"<div class='hero x'>", b"<p id=offer>", b"<textarea>", b"</textarea>", b"<select><option>", b"'", b'"', b"-",
        b"<colgroup>", b"<html>", b"<body>", b"<li>", b"<x y='", b'<x y="', b"<x y=", b"</", b"<!", b">", b"=", b"/",
    ]
)  # fmt: skip
VARYING = st.sampled_from([p.replace(b"@", b"\1") for p in (*PLACES, b"@", b"a@b", b" @ ")])
ODD = st.sampled_from(HOSTILE) | st.binary(max_size=4)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(AROUND | VARYING, min_size=1, max_size=14).map(b"".join),
    st.lists(st.lists(ODD | st.sampled_from(TOKENS), min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from(
        [RULES, BY_CLASS, ACTING, compile_rules([SlotTarget("a", "p:nth-child(2) i, b + b"), SlotTarget("b")])]
    ),
    st.sampled_from([{}, {"a": None}, {"b": b"</p>"}]),
    st.integers(0, 200),
    st.integers(1, 30),
)
def test_any_value_in_any_place_gives_what_reading_the_page_gives(page, versions, rules, fills, cut, size) -> None:
    """Random pages that vary in random places: through shapes and holes, whole or in parts, each has its own result."""
    shapes = Shapes()
    for values in ([b"one"], [b"two2"], *versions, [b"three", b"x"], *versions):
        parts = page.split(b"\1")
        text = parts[0] + b"".join(values[i % len(values)] + part for i, part in enumerate(parts[1:]))
        wanted = run(None, text, rules, **fills)
        assert run(shapes, text, rules, **fills) == wanted
        assert run(shapes, [text[:cut], text[cut:]], rules, **fills) == wanted
        assert run(shapes, [text[i : i + size] for i in range(0, len(text), size)], rules, **fills) == wanted


def test_slots_around_and_between_holes_are_filled_kept_and_waited_for() -> None:
    """A page with holes before, in and after its slots gives what reading gives, for every mix of fills."""
    page = FRAME.replace(b"old", b"t @ t") % b"<p>@</p>" + b"<p>@</p>"
    shapes = Shapes()
    for value in (b"1", b"22", b"333333", b"4"):
        text = page.replace(b"@", value)
        for fills in ({}, {"a": None}, {"b": None}, {"a": None, "b": None}, {"a": b"", "b": b"B" * 99}):
            assert run(shapes, text, **fills) == run(None, text, **fills)
        fill = iter([WAIT, b"A", WAIT, WAIT, None])
        splicer = Splicer(RULES, lambda slot, fill=fill: next(fill), shapes=shapes, route="r")
        out = b"".join(splicer.feed(text, False))
        assert splicer.waiting == "a" and out == text[: text.index(b"t " + value)][: len(out)]
        while splicer.waiting is not None:
            out += b"".join(splicer.feed(b"", False))
        assert out == run(None, text, a=b"A", b=None) and splicer.found == ["a", "b"]


def test_what_comes_after_the_last_slot_may_be_anything(reads: list[int]) -> None:
    """With every slot found, nobody reads the rest; a first chunk up to there is enough to know a streamed page."""
    page = FRAME % b""
    ends = [b"", b"<p>one</p>", b"<script>", b"<i data-slot=a>", b"<!--" * 99]
    wanted = [run(None, page + end) for end in ends]
    shapes, before = Shapes(), len(reads)
    assert [run(shapes, page + end) for end in ends] == wanted
    assert len(reads) - before == 2
    assert [run(shapes, [page, end]) for end in ends] == wanted
    assert len(reads) - before == 2


def test_more_holes_are_learned_from_later_versions(reads: list[int]) -> None:
    """A template that a page does not fit learns the new hole and keeps the old ones."""
    shapes, page = Shapes(), FRAME % b"<p>%s</p><img title='%s'>"
    for values in ((b"1", b"1"), (b"2", b"1"), (b"2", b"2")):
        run(shapes, page % values)
    before = len(reads)
    for values in ((b"3", b"4"), (b"5", b"5")):
        assert run(shapes, page % values) == (page % values).replace(b"<p>old</p>", b"a").replace(b"old", b"b")
    assert len(reads) == before and len(shapes) == 1


def test_a_streamed_page_that_fits_is_not_read_either(reads: list[int]) -> None:
    """However it is cut, a page with other values in its holes is compared only, and nothing new is kept."""
    page, known = FRAME % b"<p>@</p><input value='@'>", {}
    for rules in (RULES, ACTING):
        shapes = Shapes()
        for value in (b"1", b"22", b"333"):
            run(shapes, page.replace(b"@", value), rules)
        known[rules] = shapes, shapes.used
    for value in (b"333", b"4444 & more"[:4], b"5" * 400):
        text = page.replace(b"@", value)
        for cut in range(1, 60):
            for rules, (shapes, _) in known.items():
                wanted, before = run(None, text, rules), len(reads)
                assert run(shapes, [text[:cut], text[cut : cut + 90], text[cut + 90 :]], rules) == wanted
                if rules is RULES:
                    assert run(shapes, [text[i : i + cut] for i in range(0, len(text), cut)], rules) == wanted
                    assert len(reads) == before
    assert all(len(shapes) == 1 for shapes, _ in known.values())
    assert known[RULES][0].used == known[RULES][1]


def test_each_part_of_a_page_with_holes_leaves_at_once() -> None:
    """What fits leaves as it comes; only the beginning of a hole that may go on waits for the next part."""
    shapes, page = Shapes(), FRAME % b"<p title='@'>@</p>"
    for value in (b"1", b"22"):
        run(shapes, page.replace(b"@", value))
    text = page.replace(b"@", b"abc")
    holes_ = [m.span() for m in re.finditer(b"abc", text)]
    splicer, sent = Splicer(RULES, lambda slot: None, shapes=shapes, route="r"), 0
    for end in range(1, text.index(b"<div") + 1):
        sent += sum(map(len, splicer.feed(text[end - 1 : end], True)))
        assert sent == next((start for start, stop in holes_ if start < end <= stop), end)


def as_learned(self: following.Fit, at: int) -> int:
    """The wrong way: what no slot begins before is where the version that was learned has it."""
    return at


def behind_its_hole(self: following.Fit) -> list[Span]:
    """The wrong way: a slot stands where the version that was learned has it."""
    return self.template.spans


def leaves_midway() -> None:
    """A page with other values in its holes goes on differently within a tag, wherever its parts end."""
    page = FRAME % b"<p title='@'>@</p><span title=@>1</span>"
    for rules in (RULES, ACTING):
        for value in (b"x", b"12345678", b"123456789"):
            other = page.replace(b"@", value).replace(b"<i id=offer", b"<i data-slot=a")
            for cut in range(other.index(b"<p>2</p>"), other.index(b"<p>3</p>")):
                shapes = Shapes()
                for first in (b"1234567", b"7654321"):
                    run(shapes, page.replace(b"@", first), rules)
                assert run(shapes, [other[:cut], other[cut:]], rules) == run(None, other, rules)


def test_a_page_that_leaves_its_template_midway_is_read_from_its_beginning() -> None:
    """What has left of it by then is what reading it would have let go, in tags that turn out to be slots too."""
    leaves_midway()


@pytest.mark.parametrize(("name", "wrong"), [("place", as_learned), ("spans", behind_its_hole)])
def test_the_law_catches_parts_that_are_followed_wrongly(name, wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots, or the place before which none begins, that do not move with the holes before them break the law."""
    monkeypatch.setattr(following.Fit, name, wrong)
    with pytest.raises(AssertionError):
        leaves_midway()


def test_a_page_with_too_many_differences_is_another_page() -> None:
    """Beyond the bound of holes nothing is learned in common."""
    shapes, page = Shapes(), FRAME % (b"<p>@</p>" * 40)
    for value in (b"1", b"2", b"3"):
        text = page.replace(b"@", value)
        assert run(shapes, text) == run(None, text)
    assert len(shapes) == 3


def test_strangers_cannot_make_a_route_search_for_holes_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many different pages come, between pages that repeat, few of them are compared in search of holes."""
    from personalize.page import templates

    tried: list[int] = []
    learn = templates.learn
    monkeypatch.setattr(templates, "learn", lambda *a: (tried.append(1), learn(*a))[1])
    shapes, busy = Shapes(), FRAME % b"<busy>"
    for n in range(2000):
        run(shapes, FRAME % b"<x%d>" % n)
        run(shapes, busy)
    assert len(tried) < 2000 // 2
