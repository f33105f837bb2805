"""Filling slots while a page streams: order, waiting, what may leave, and what is never touched."""

from __future__ import annotations

import pytest

from personalize.page import WAIT, Shapes, SlotTarget, Splicer, compile_rules, scanner

RULES = compile_rules([SlotTarget("a"), SlotTarget("b")])
PAGE = b'<p>1</p><div data-slot="a">old <i>a</i></div><p>2</p><!-- slot:b -->old b<!-- /slot:b --><p>3</p>'


def feed(splicer: Splicer, *parts: bytes) -> bytes:
    return b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))


def filled(page: bytes, rules=RULES, **fills: bytes | None) -> tuple[bytes, list[str]]:
    splicer = Splicer(rules, fills.get)
    return feed(splicer, page), splicer.found


def test_both_kinds_of_slot_are_filled_in_document_order() -> None:
    """An element and a comment pair keep their tags and get new inner HTML."""
    out, found = filled(PAGE, a=b"A", b=b"B")
    assert out == b'<p>1</p><div data-slot="a">A</div><p>2</p><!-- slot:b -->B<!-- /slot:b --><p>3</p>'
    assert found == ["a", "b"]


def test_a_page_without_slots_is_the_same_object() -> None:
    """Nothing is copied: one chunk comes back as the very object that went in, known page or not."""
    page, shapes = b"<p>no slots here, only a data-slot=x</p>" * 50, Shapes()
    for _ in range(3):
        splicer = Splicer(RULES, lambda slot: b"!", shapes=shapes)
        out = splicer.feed(page, False)
        assert len(out) == 1 and out[0] is page
        assert splicer.found == []


def test_none_keeps_the_pages_own_markup() -> None:
    """A slot whose fill is None is found and left as it is; bytes b"" empty it."""
    assert filled(PAGE, a=None, b=None) == (PAGE, ["a", "b"])
    assert filled(PAGE, a=b"")[0] == PAGE.replace(b"old <i>a</i>", b"")


def test_a_slot_in_a_replaced_slot_is_gone_and_in_a_kept_one_is_found() -> None:
    """The inner slot goes with the outer's markup, and is found where that stays."""
    page = b'<div data-slot="a"><p data-slot="b">old</p>x</div>'
    assert filled(page, a=b"A", b=b"B") == (b'<div data-slot="a">A</div>', ["a"])
    assert filled(page, a=None, b=b"B") == (b'<div data-slot="a"><p data-slot="b">B</p>x</div>', ["a", "b"])
    pair = b'<!-- slot:a --><p data-slot="b">old</p>x<!-- /slot:a -->'
    assert filled(pair, a=b"A", b=b"B") == (b"<!-- slot:a -->A<!-- /slot:a -->", ["a"])
    assert filled(pair, a=None, b=b"B")[1] == ["a", "b"]


def test_only_the_first_of_two_markers_is_filled() -> None:
    """A slot's name that comes twice is one slot; a marker inside a replaced slot was the first all the same."""
    twice = b"<i data-slot=a>1</i><i data-slot=a>2</i><!-- slot:a -->3<!-- /slot:a -->"
    assert filled(twice, a=b"A")[0] == twice.replace(b"1", b"A")
    inside = b"<div data-slot=b><i data-slot=a>1</i></div><i data-slot=a>2</i>"
    assert filled(inside, a=b"A", b=b"B") == (b"<div data-slot=b>B</div><i data-slot=a>2</i>", ["b"])


def test_the_first_of_several_targets_in_document_order_wins() -> None:
    """A slot with several targets is wherever one of them comes first."""
    rules = compile_rules([SlotTarget("s", "#late"), SlotTarget("s", None, "x"), SlotTarget("s", "p.early")])
    page = b'<p class="late early">1</p><!-- slot:x -->2<!-- /slot:x --><p id=late>3</p>'
    assert filled(page, rules, s=b"S")[0] == page.replace(b"1", b"S")
    assert filled(page[26:], rules, s=b"S")[0] == page[26:].replace(b"2", b"S")


def test_two_slots_on_one_element_nest_in_the_order_of_the_rules() -> None:
    """The first slot of the rules is the outer one: replaced, it takes the other with it; kept, the other is filled."""
    rules = compile_rules([SlotTarget("a", ".x"), SlotTarget("b", "p.x")])
    page = b"<p class=x></p><p class=x>old</p>"
    assert filled(page, rules, a=b"A", b=b"B") == (b"<p class=x>A</p><p class=x>old</p>", ["a"])
    assert filled(page, rules, a=None, b=b"B") == (b"<p class=x>B</p><p class=x>old</p>", ["a", "b"])


def test_fills_are_never_scanned() -> None:
    """Markers, ends and open comments in a fill change nothing about what else is a slot."""
    for hostile in (b"<div data-slot=b>", b"</div></div>", b"<!--", b"<script>", b"<plaintext>", b"<!-- slot:b -->"):
        out, found = filled(PAGE, a=hostile, b=b"B")
        assert out == PAGE.replace(b"old <i>a</i>", hostile).replace(b"old b", b"B")
        assert found == ["a", "b"]


@pytest.mark.parametrize("known", [False, True], ids=["read", "seen before"])
@pytest.mark.parametrize("size", [1, 10, 1000])
def test_a_page_waits_at_a_slot_whose_fill_is_not_known(size: int, known: bool) -> None:
    """Everything before the slot has left, what is fed meanwhile is queued, and nothing is lost."""
    shapes = Shapes()
    if known:
        Splicer(RULES, lambda slot: None, shapes=shapes).feed(PAGE, False)
    fills: dict[str, bytes] = {}
    splicer = Splicer(RULES, lambda slot: fills.get(slot, WAIT), shapes=shapes)
    parts = [PAGE[i : i + size] for i in range(0, len(PAGE), size)]
    out = b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))
    assert splicer.waiting == "a"
    assert out == PAGE[: PAGE.index(b"old")]
    out += b"".join(splicer.feed(b"", False))
    assert splicer.waiting == "a" and splicer.found == []
    fills["a"] = b"A"
    out += b"".join(splicer.feed(b"", False))
    assert splicer.waiting == "b" and splicer.found == ["a"]
    fills["b"] = b"B"
    out += b"".join(splicer.feed(b"", False))
    assert splicer.waiting is None and splicer.found == ["a", "b"]
    assert out == PAGE.replace(b"old <i>a</i>", b"A").replace(b"old b", b"B")


@pytest.mark.parametrize("waits", [[], ["a"], ["b"], ["a", "b"]])
def test_the_parts_of_a_known_page_are_told_in_the_order_of_its_slots(waits: list[str]) -> None:
    """Of a page that came before, with or without waiting: before a slot, the slot, ..., the tail; fills are bytes."""
    shapes, fills = Shapes(), {"a": b"A", "b": None}
    for known in (False, True):
        late = set(waits)
        splicer = Splicer(RULES, lambda s: WAIT if s in late else fills[s], shapes=shapes)  # noqa: B023
        out = b"".join(splicer.feed(PAGE, False))
        while splicer.waiting is not None:
            late.discard(splicer.waiting)
            out += b"".join(splicer.feed(b"", False))
        assert out == PAGE.replace(b"old <i>a</i>", b"A")
        assert (splicer.shape is not None) is known
    start, middle, end = PAGE.replace(b"old <i>a</i>", b"|").replace(b"old b", b"|").split(b"|")
    assert splicer.parts == [start, b"A", middle, b"old b", end]
    assert [type(part) is bytes for part in splicer.parts] == [False, True, False, False, False]


@pytest.mark.parametrize("waits", [(), ("a",)])
def test_a_known_page_can_be_given_up_without_losing_a_byte(waits: tuple[str, ...]) -> None:
    """Where a fill cannot be made, what has not left of a page that came before can still be had."""
    shapes = Shapes()
    for known in (False, True):
        late = set(waits)

        def fill(slot: str) -> bytes:
            if slot in late:  # noqa: B023
                return WAIT
            raise RuntimeError("a mistake of ours")

        if not known:
            feed(Splicer(RULES, lambda s: b"!", shapes=shapes), PAGE)
            continue
        splicer = Splicer(RULES, fill, shapes=shapes)
        left = b"".join(splicer.feed(PAGE, False)) if waits else b""
        late.clear()
        with pytest.raises(RuntimeError):
            splicer.feed(b"" if waits else PAGE, False)
        assert left + b"".join(splicer.rest()) == PAGE


def test_bytes_before_a_slot_leave_at_once() -> None:
    """A chunk of plain content passes as the same object; only an unfinished tag is held back."""
    splicer = Splicer(RULES, lambda slot: b"A")
    first = b"<html><body><p>hello</p> and text"
    assert splicer.feed(first, True) == [first]
    assert splicer.feed(b" more <di", True) == [b" more "]
    assert b"".join(splicer.feed(b'v data-slot="a">old', True)) == b'<div data-slot="a">A'
    assert splicer.feed(b" old", True) == []
    assert b"".join(splicer.feed(b"</div>after", True)) == b"</div>after"
    for raw in (b"<script>var x = 1; ", b"<!-- " + b"x" * 2000):
        assert sum(map(len, splicer.feed(raw, True))) > len(raw) - 12
        splicer.feed(b"</script>-->", True)


def test_after_the_last_slot_everything_passes_untouched() -> None:
    """Once all slots have been filled, chunks come back as the same objects, whatever they hold."""
    splicer = Splicer(RULES, lambda slot: b"!")
    splicer.feed(PAGE, True)
    for odd in (b"<div", b'<p data-slot="a">', b"<!--", b"\0\xff"):
        (same,) = splicer.feed(odd, True)
        assert same is odd


def test_a_comment_without_its_second_is_no_slot() -> None:
    """Its own markup stays, slots inside it are found, and no byte is lost."""
    page = b"<!-- slot:b -->kept<i data-slot=a>old</i> to the end"
    for parts in ([page], [page[i : i + 1] for i in range(len(page))]):
        splicer = Splicer(RULES, lambda slot: b"X")
        assert feed(splicer, *parts) == page.replace(b"old", b"X")
        assert splicer.found == ["a"]


@pytest.mark.parametrize("size", [scanner.PAIR_LIMIT * 2, 60_000, 4_001])
def test_what_a_comment_pair_holds_back_is_bounded(size: int) -> None:
    """A second comment that comes too late is none; the page passes, and other markers of the slot still count."""
    page = b"<!-- slot:b -->" + b"<p>x</p>" * (scanner.PAIR_LIMIT // 8) + b"<!-- /slot:b --><i data-slot=b>old</i>"
    splicer = Splicer(RULES, lambda slot: b"X")
    assert feed(splicer, *[page[i : i + size] for i in range(0, len(page), size)]) == page.replace(b"old", b"X")
    near = b"<!-- slot:b -->" + b"x" * (scanner.PAIR_LIMIT - 16) + b"<!-- /slot:b -->"
    assert filled(near, b=b"X")[0] == b"<!-- slot:b -->X<!-- /slot:b -->"


@pytest.mark.parametrize(
    "page",
    [
        b"<!-- slot:a -->1<div data-slot=b>2<!-- /slot:a -->3</div>4<!-- /slot:a -->",
        b"<!-- slot:a -->1<!-- slot:b -->2<!-- /slot:a -->3<!-- /slot:b -->",
        b"<div data-slot=a>1<!-- slot:b -->2</div>3<!-- /slot:b -->",
    ],
)
def test_slots_that_cross_do_not_break_the_page(page: bytes) -> None:
    """Slots nest or stand apart: what crosses another slot's end is not taken as an end, or not as a slot."""
    for fills in ({"a": b"A"}, {"b": b"B"}, {"a": b"A", "b": b"B"}):
        out, _ = filled(page, **fills)
        assert out.count(b"<div") == out.count(b"</div>")


@pytest.mark.parametrize("size", [1 << 20, 100_000, 9_999])
def test_an_endless_tag_is_given_up(size: int) -> None:
    """A tag beyond the limit is not held: the rest of the page passes untouched, and the reason is told."""
    page = PAGE[:46] + b'<p title="' + b"x" * scanner.TOKEN_LIMIT + b'"></p>' + PAGE
    splicer = Splicer(RULES, lambda slot: b"X")
    out = feed(splicer, *[page[i : i + size] for i in range(0, len(page), size)])
    assert out == page.replace(b"old <i>a</i>", b"X", 1)
    assert splicer.gave_up is not None and "longer than" in splicer.gave_up
    assert splicer.found == ["a"]
    long_enough = page.replace(b"x" * 1000, b"", 1)
    assert filled(long_enough, a=b"A", b=b"B")[1] == ["a", "b"]


def test_nesting_without_end_is_given_up() -> None:
    """Elements nested deeper than any browser goes are not followed: the rest passes, however it was cut."""
    page = PAGE[: PAGE.index(b"old")] + b"<div>" * 5000 + b"</div>" + PAGE
    whole = filled(page, a=b"A", b=b"B")
    splicer = Splicer(RULES, {"a": b"A", "b": b"B"}.get)
    assert (feed(splicer, *[page[i : i + 777] for i in range(0, len(page), 777)]), splicer.found) == whole
    assert splicer.gave_up is not None and "elements are open" in splicer.gave_up
    assert whole[0].endswith(PAGE)


def test_an_empty_page_and_empty_chunks_are_nothing_special() -> None:
    """No bytes in, no bytes out; empty chunks anywhere change nothing."""
    assert Splicer(RULES, lambda slot: b"X").feed(b"", False) == []
    splicer = Splicer(RULES, {"a": b"A"}.get, shapes=Shapes())
    assert feed(splicer, b"", PAGE[:30], b"", b"", PAGE[30:], b"") == filled(PAGE, a=b"A")[0]


def test_names_and_values_outside_ascii_are_looked_for_in_the_pages_encoding() -> None:
    """A slot named in Turkish is found in a page in windows-1254, by attribute and by comment."""
    name = "ürün-ışık"
    rules = compile_rules([SlotTarget(name)], "cp1254")
    for text in (f'<p data-slot="{name}">1</p>', f"<!-- slot:{name} -->1<!-- /slot:{name} -->"):
        page = text.encode("cp1254")
        splicer = Splicer(rules, lambda slot: b"2")
        assert feed(splicer, page) == page.replace(b"1<", b"2<")
        assert splicer.found == [name]
