"""Pages seen before: recognised by comparison, bounded, and never another page's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from personalize.page import Shapes, SlotTarget, Splicer, compile_rules, scanner

RULES = compile_rules([SlotTarget("a"), SlotTarget("b")])


def page(text: str, size: int = 400) -> bytes:
    filler = "<p>x</p>" * (size // 8)
    return f"<h1 {text}>x</h1><div data-slot=a>old</div>{filler}<i data-slot=b>old</i>".encode()


def run(shapes: Shapes, parts: Sequence[bytes], route: object = "r", rules=RULES, **fills: bytes | None) -> bytes:
    splicer = Splicer(rules, lambda slot: fills.get(slot, slot.encode()), shapes=shapes, route=route)  # type: ignore[arg-type]
    return b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a page had to be read."""
    counted: list[int] = []
    feed = scanner.Scanner.feed

    def count(self: scanner.Scanner, chunk: bytes, last: bool) -> None:
        counted.append(len(chunk))
        feed(self, chunk, last)

    monkeypatch.setattr(scanner.Scanner, "feed", count)
    return counted


def test_a_page_seen_before_is_not_read_again(reads: list[int]) -> None:
    """The second time a page comes, in one chunk or many, it is only compared; its fills may differ."""
    shapes, text = Shapes(), page("one")
    first = run(shapes, [text])
    assert len(reads) == 1
    assert run(shapes, [bytes(bytearray(text))]) == first
    assert run(shapes, [text[:9], text[9:100], text[100:]]) == first
    assert run(shapes, [text, b""]) == first
    assert run(shapes, [text], a=None, b=b"B") == text.replace(b"<i data-slot=b>old", b"<i data-slot=b>B")
    assert len(reads) == 1


def test_a_page_is_learned_from_chunks_too(reads: list[int]) -> None:
    """A page that came in parts is known afterwards when it comes whole."""
    shapes, text = Shapes(), page("one")
    first = run(shapes, [text[:50], text[50:]])
    before = len(reads)
    assert run(shapes, [text]) == first
    assert len(reads) == before


def test_a_page_that_leaves_its_shape_midway_is_read_from_its_beginning() -> None:
    """Equal starts with another end give each page its own result, for every cut."""
    one = b"<div data-slot=a>old</div><p>x</p><i data-slot=b>old</i>"
    other = b"<div data-slot=a>old</divx></div><p>x</p><i data-slot=c>old</i>"
    for cut in range(1, len(other)):
        shapes = Shapes()
        run(shapes, [one])
        assert run(shapes, [other[:cut], other[cut:]]) == b"<div data-slot=a>a</div><p>x</p><i data-slot=c>old</i>"
        for shorter in (one[:cut],):
            assert run(shapes, [shorter, b""]) == run(Shapes(), [shorter])


def test_slots_inside_slots_are_known_too() -> None:
    """Shapes with nested slots, and two slots on one empty element, serve as reading does."""
    rules = compile_rules([SlotTarget("a", ".x"), SlotTarget("b", "p.x"), SlotTarget("c", "i")])
    for text in (b"<p class=x></p>", b"<div class=x><i>old</i></div><p class=x>old</p>", b"<p class=x><i></i></p>"):
        shapes = Shapes()
        run(shapes, [text], rules=rules)
        for fills in ({}, {"a": None}, {"b": None}, {"a": None, "b": None, "c": None}):
            assert run(shapes, [text], rules=rules, **fills) == run(Shapes(), [text], rules=rules, **fills)
            assert run(shapes, [text[:20], text[20:]], rules=rules, **fills) == run(
                Shapes(), [text], rules=rules, **fills
            )


def by_length(self: Shapes, key: object, page: bytes) -> object:
    """The wrong way: a page of the same length is taken for the same page."""
    route = self._routes.get(key)  # type: ignore[call-overload]
    return next(iter(route.by_size.get(len(page), ())), None) if route else None


def by_hash(self: Shapes, key: object, page: bytes) -> object:
    """The wrong way: a sum of bytes is compared, not the page."""
    route = self._routes.get(key)  # type: ignore[call-overload]
    shapes = [s for group in route.by_size.values() for s in group] if route else []
    return next((s for s in shapes if sum(s.page) == sum(page)), None)


def never_anothers(shapes: Shapes) -> None:
    for text in ("stay", "tyas", "saty", "trip"):
        assert run(shapes, [page(text)]) == run(Shapes(), [page(text)])


def test_two_different_pages_never_share_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of one length and one sum of bytes each get their own result; comparing less is caught."""
    never_anothers(Shapes())
    for wrong in (by_length, by_hash):
        monkeypatch.setattr(Shapes, "find", wrong)
        with pytest.raises(AssertionError):
            never_anothers(Shapes())


def test_routes_and_rules_do_not_share_shapes(reads: list[int]) -> None:
    """The same bytes under another route or other rules are read anew."""
    shapes, text = Shapes(), page("one")
    run(shapes, [text], route="r")
    run(shapes, [text], route="q")
    other = compile_rules([SlotTarget("b")])
    assert run(shapes, [text], rules=other) == text.replace(b"data-slot=b>old", b"data-slot=b>b")
    assert len(reads) == 3


def test_memory_stays_under_the_limit_however_many_pages_come() -> None:
    """Ten thousand distinct pages over a thousand routes stay under the limit, and a page in use is not driven out."""
    limit = 1 << 20
    shapes, busy = Shapes(limit), page("busy", 4000)
    for n in range(10_000):
        run(shapes, [page(f"stranger {n}", 2000)], route=n % 1000)
        if n % 30 == 0:
            run(shapes, [busy], route="busy")
        assert shapes.used <= limit
    assert shapes.find(("busy", RULES), busy) is not None
    assert sum(len(s.page) for s in (*shapes._once, *shapes._again)) <= shapes.used


@pytest.mark.parametrize(
    ("rules", "make"),
    [
        (RULES, lambda n: page(f"no. {n}", 2000)),
        (RULES, lambda n: b"<p>%d</p>" % n),
        (compile_rules([SlotTarget("a", ".x", action="replace", all=True)]), lambda n: b"<p class=x>%d</p>" % n * 40),
        (RULES, lambda n: page(f"title='{n % 3 * 12345}'", 800 + 8 * (n // 3))),
    ],
    ids=["pages", "tiny pages", "many slots", "pages with holes"],
)
def test_what_is_counted_is_what_it_takes(rules, make) -> None:
    """What the interpreter says that known pages take is no more than what is counted, and not much less."""
    import gc
    import tracemalloc

    for warm in (True, False):
        gc.collect()
        tracemalloc.start()
        shapes, before = Shapes(), tracemalloc.get_traced_memory()[0]
        for n in range(30 if warm else 300):
            for _ in range(2):
                run(shapes, [bytes(bytearray(make(n)))], route=n // 3, rules=rules)
        gc.collect()
        takes = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert len(shapes) >= 100
    assert shapes.used / 2 < takes < shapes.used * 1.02


def test_pages_in_use_stay_under_the_limit_too() -> None:
    """Pages that all come again share the limit; those unused for longest go."""
    shapes = Shapes(1 << 20)
    for n in range(600):
        for _ in range(3):
            run(shapes, [page(f"{n}", 4000)], route=n)
        assert shapes.used <= shapes.limit
    assert shapes.find((599, RULES), page("599", 4000)) is not None
    assert shapes.find((0, RULES), page("0", 4000)) is None


def test_a_route_that_never_repeats_stops_learning(reads: list[int]) -> None:
    """After a while only every so-many-th page is kept; one that does come again makes the route learn afresh."""
    shapes = Shapes()
    learned = 0
    for n in range(3000):
        before = len(shapes)
        run(shapes, [page(f"token {n}")])
        learned += len(shapes) > before
    assert learned < 40
    while True:
        n += 1
        before = len(shapes)
        run(shapes, [page(f"token {n}")])
        if len(shapes) > before:
            break
    run(shapes, [page(f"token {n}")])
    before = len(shapes)
    run(shapes, [page("new")])
    assert len(shapes) == before + 1


def test_what_was_not_read_to_its_end_is_not_learned() -> None:
    """A page that stopped in the middle, was given up, or is too large leaves nothing behind."""
    shapes = Shapes(1 << 20)
    Splicer(RULES, lambda slot: None, shapes=shapes).feed(page("half"), True)
    run(shapes, [b"<p title='" + b"x" * scanner.TOKEN_LIMIT + b"'>" + page("x")])
    run(shapes, [page("large", 300_000)])
    assert len(shapes) == 0 and shapes.used == 0


@pytest.mark.parametrize(
    ("action", "attribute", "done"),
    [
        ("replace", None, b"*"),
        ("before", None, b'*<i class=x data-slot="a">b</i>'),
        ("remove", None, b""),
        ("set_attribute", "title", b'<i title="*" class=x data-slot="a">b</i>'),
    ],
)
def test_a_known_page_does_not_send_a_tag_that_may_be_another_one(
    action: str, attribute: str | None, done: bytes
) -> None:
    """A page that equals a known one up to the middle of a tag, and has a slot in it where that one has none."""
    rules = compile_rules([SlotTarget("a", action=action, attribute=attribute)])  # type: ignore[arg-type]
    known, other = b"<p>1</p><i class=x>b</i>", b'<p>1</p><i class=x data-slot="a">b</i>'
    for at in range(len(other)):
        shapes = Shapes()
        for text in (known, known, other):
            splicer = Splicer(rules, lambda slot: b"*", shapes=shapes, route="r")
            out = b"".join(splicer.feed(text[:at], True) + splicer.feed(text[at:], False))
            assert out == (known if text == known else b"<p>1</p>" + done)
        splicer = Splicer(rules, lambda slot: b"*", shapes=shapes, route="r")
        first = b"".join(splicer.feed(known[:8], True))
        assert first + b"".join(splicer.feed(known[8:], False)) == known


def test_a_page_that_is_cut_in_ever_new_ways_is_read() -> None:
    """Where a known page may be let go is worked out for so many cuts, and then it is read as if it were new."""
    rules, shapes = compile_rules([SlotTarget("a", action="replace")]), Shapes()
    text = b"<p>" + b"x" * 200 + b'</p><i data-slot="a">b</i>'
    for at in range(1, len(text)):
        splicer = Splicer(rules, lambda slot: b"*", shapes=shapes, route="r")
        out = b"".join(splicer.feed(text[:at], True) + splicer.feed(text[at:], False))
        assert out == b"<p>" + b"x" * 200 + b"</p>*"
