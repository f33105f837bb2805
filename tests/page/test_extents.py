"""Where elements begin and end, as parse5 says: an HTML5 parser by other people, which knows bytes' places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from personalize.page import end_tags, scanner
from proofs.extents import compare, compare_marked, documentation, own_pages, sloppy, told
from proofs.parse5 import Element, NotHere, Parse5

TOLD = told()
LARGEST = 40_000
OF_EACH = 6  # documentation pages of a package


@pytest.fixture(scope="module")
def parse5() -> Iterator[Parse5]:
    """parse5 on Node.js, installed by npm where it is not there yet."""
    try:
        parser = Parse5(patience=60)
    except NotHere as reason:
        pytest.skip(str(reason))
    with parser:
        yield parser


@pytest.mark.parametrize("file", own_pages(), ids=lambda f: f.stem)
def test_every_element_of_a_nasty_page_is_where_parse5_found_it(file: Path) -> None:
    """Each element of pages that are written as badly as can be, read with a tree and leapt to by a marker."""
    page = file.read_bytes()
    kinds, wrong = compare(page, TOLD[file.name])
    assert kinds and not wrong
    marked, wrong = compare_marked(page, TOLD[file.name], most=60)
    assert marked and not wrong


def test_what_is_kept_of_parse5_is_what_it_says(parse5: Parse5) -> None:
    """The places that the test above takes for true are parse5's own, for the pages as they are now."""
    assert {file.name: parse5.elements(file.read_bytes()) for file in own_pages()} == TOLD


def test_documentation_pages_agree_with_parse5(parse5: Parse5) -> None:
    """Some pages of each documentation package, as they are and without the end tags that may be left out."""
    pages: dict[str, list[Path]] = {}
    for package, file in documentation(LARGEST):
        pages.setdefault(package, []).append(file)
    if len(pages) < 3:
        pytest.skip("documentation packages (python3-doc, postgresql-doc-15, git-doc) are not installed")
    compared = 0
    for files in pages.values():
        for file in islice(files, 0, None, max(1, len(files) // OF_EACH)):
            for page in (file.read_bytes(), sloppy(file.read_bytes())):
                theirs = parse5.elements(page)
                kinds, wrong = compare(page, theirs, str(file))
                assert not wrong
                assert not compare_marked(page, theirs, 3, str(file))[1]
                compared += kinds.total()
    assert compared > 5_000


def nothing_implied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_tags, "IMPLIED_END", frozenset())
    monkeypatch.setattr("personalize.page.tree.IMPLIED_END", frozenset())
    monkeypatch.setattr("personalize.page.tree._DESCRIPTION", (frozenset(), frozenset()))


def no_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCOPE", "LIST_SCOPE"):
        monkeypatch.setattr(end_tags, name, frozenset((b"html",)))


def all_case_sensitive(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cased(bytes):
        def lower(self) -> Cased:
            return self

    real = scanner.TOKEN

    class Token:
        @staticmethod
        def match(buf: bytes, pos: int, end: int) -> object:
            found = real.match(buf, pos, end)
            if found is None or found.lastindex != 5:
                return found
            return type("Found", (), {"lastindex": 5, "end": found.end, "__getitem__": lambda _, n: Cased(found[n])})()

    monkeypatch.setattr(scanner, "TOKEN", Token)


def no_foreign_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalize.page.tree.BREAKOUT", frozenset())


def no_adoption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_tags, "SPECIAL", frozenset())


@pytest.mark.parametrize("bug", [nothing_implied, no_scopes, all_case_sensitive, no_foreign_content, no_adoption])
def test_the_nasty_pages_catch_rules_that_are_left_out(monkeypatch: pytest.MonkeyPatch, bug) -> None:
    """Each rule of the tree that is planted out makes some element of some page end elsewhere."""
    bug(monkeypatch)
    assert any(compare(file.read_bytes(), TOLD[file.name])[1] for file in own_pages())


def test_the_check_would_notice_an_end_that_is_one_byte_off() -> None:
    """A single element whose end is told one byte later, one too many and one too few are differences."""
    page = b"<!doctype html><p>a<p>b"
    one, two = Element("p", True, 15, 18, 19, 19), Element("p", True, 19, 22, 23, 23)
    assert not compare(page, [one, two])[1]
    for wrong in ([one._replace(end=20), two], [one], [one, two, two._replace(start=20)]):
        assert compare(page, wrong)[1]
