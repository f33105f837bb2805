"""Values that selectors read and that vary in part: known again where no selector can come to another answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.page import Shapes, SlotTarget, Splicer, compile_rules, readings, scanner
from personalize.page.readings import Reading
from personalize.page.selectors import Matcher, Selectors

OPERATORS = ("exists", "=", "~=", "|=", "^=", "$=", "*=")
PIECES = st.text("abA- \n", max_size=4).map(str.encode)
TOKENS = st.text("abA-.", min_size=1, max_size=4).map(str.encode)


def fits(reading: Reading, value: bytes) -> bool:
    """What the selector itself says of an attribute's value."""
    flag = " i" if reading.blind else " s"
    text = "[t]" if reading.operator == "exists" else f'[t{reading.operator}"{reading.value.decode()}"{flag}]'
    selectors = Selectors()
    bits, _ = selectors.add(text.replace("\n", "\\a "))
    from personalize.page.open_elements import Node

    node = Node(b"p", raw=b' t="' + value + b'"')
    Matcher(selectors.steps, "utf-8")(node, None)
    return bool(node.watched.mask & bits)  # type: ignore[attr-defined]


def settled_is_settled(reading: Reading, before: bytes, after: bytes, tokens: list[bytes]) -> None:
    if reading.settled(before, after):
        assert len({fits(reading, before + token + after) for token in tokens}) == 1


READINGS = st.builds(
    lambda operator, value, blind: Reading(operator, value.lower() if blind else value, blind),
    st.sampled_from(OPERATORS), PIECES, st.booleans(),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(READINGS, PIECES, PIECES, st.lists(TOKENS, min_size=2, max_size=6))
def test_what_is_settled_is_the_same_for_every_token(reading, before, after, tokens) -> None:
    """Where a test is called settled, the selector says the same whatever stands in the middle."""
    settled_is_settled(reading, before, after, [*tokens, reading.value[len(before) :] or b"x", b"b"])


@pytest.mark.parametrize(
    ("reading", "before", "after"),
    [
        (Reading("=", b"ab"), b"a", b""), (Reading("~=", b"ab"), b"b a", b" b"), (Reading("|=", b"a"), b"", b""),
        (Reading("^=", b"ab"), b"a", b""), (Reading("$=", b"ba"), b"", b"a"), (Reading("*=", b"ab"), b"a", b"b"),
        (Reading("=", b"ab", True), b"A", b""),
    ],
)  # fmt: skip
def test_the_law_catches_a_test_that_is_called_settled_and_is_not(reading, before, after, monkeypatch) -> None:
    """A value that may become what is asked for, for each operator."""
    tokens = [b"x", b"b", b"ab", b"a-b", b"xb"]
    settled_is_settled(reading, before, after, tokens)
    monkeypatch.setattr(Reading, "settled", lambda self, before, after: True)
    with pytest.raises(AssertionError):
        settled_is_settled(reading, before, after, tokens)


PAGE = (
    b"<html><body><p>1</p>%s<div class='hero big'>old</div><i id=offer>old</i><p lang=de>2</p><b title=x-y-z>3</b>"
    b"</body></html>"
)
RULES = compile_rules(
    [SlotTarget("a", ".hero"), SlotTarget("b", "#offer"), SlotTarget("c", "p[lang|=de]"), SlotTarget("d", "[title$=z]")]
)


def known(place: bytes, values: list[bytes], monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Which of the versions that come one after another are not read; each gives what reading it alone gives."""
    reads: list[int] = []
    feed = scanner.Scanner.feed

    def count(self: scanner.Scanner, chunk: bytes, last: bool) -> None:
        if type(self) is scanner.Scanner:
            reads.append(1)
        feed(self, chunk, last)

    def run(page: bytes, shapes: Shapes | None) -> bytes:
        return b"".join(Splicer(RULES, str.encode, shapes=shapes).feed(page, False))

    shapes, told = Shapes(), []
    for value in values:
        page = (PAGE % place).replace(b"@", value)
        wanted = run(page, None)
        with monkeypatch.context() as patch:
            patch.setattr(scanner.Scanner, "feed", count)
            before = len(reads)
            assert run(page, shapes) == wanted
            told.append(len(reads) == before)
    return told


@pytest.mark.parametrize(
    "place",
    [
        b"<label for='react-@'></label><input id='react-@'>", b"<div class='banner banner-@ wide'></div>",
        b"<div class='wide t@'></div>", b"<p id=r@>x</p>", b"<p lang=tr-@>x</p>", b"<p class='x @-x'>y</p>",
        b"<p class='a-@-hero'>y</p>", b"<img title='n-@.svg'>",
    ],
)  # fmt: skip
def test_ids_and_classes_that_no_selector_asks_for_may_vary(place: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number at the end of an id or a class is learned, though selectors read ids and classes."""
    assert all(known(place, [b"17", b"203", b"4", b"99999", b"20", b"7"], monkeypatch)[2:])


@pytest.mark.parametrize(
    "place",
    [
        b"<p id=@>x</p>", b"<p id='o@'>x</p>", b"<p class='@'>x</p>", b"<p class='@ x'>x</p>", b"<p class='x @'>x</p>",
        b"<p lang=@>x</p>", b"<p lang=d@>x</p>", b"<u title='x-@'></u>", b"<p id='&#@;'>x</p>",
        b"<p class='&#10@;ero'>x</p>", b"<p class='her@'>x</p>",
    ],
)  # fmt: skip
def test_what_may_become_what_a_selector_asks_for_is_read(place: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the rest of the value would make a slot, there is no hole, and the slot is found where it comes."""
    values = [b"17", b"203", b"4", b"offer", b"ffer", b"hero", b"o", b"de", b"e", b"z", b"111", b"104", b"4", b"5"]
    assert not all(known(place, values, monkeypatch)[2:])


def test_holes_that_begin_earlier_take_in_those_that_were_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first versions have more in common by chance than later ones: the third teaches, and the fourth is known."""
    values = [b"3-17x", b"3-18x", b"4-19x", b"5-2y"]
    assert known(b"<p class='v@'></p>", values, monkeypatch) == [False, False, False, True]
    assert known(b"<p class='v@'>@</p>", values, monkeypatch) == [False, False, False, True]


def test_nothing_is_said_of_an_operator_that_is_not_known() -> None:
    """What cannot be told is not settled."""
    assert not readings.Reading("!=", b"x").settled(b"", b"")
