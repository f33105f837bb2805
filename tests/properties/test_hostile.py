"""Hostile pages made by chance, and those that once broke a law: `python -m proofs.fuzz` is the long form of this."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from personalize.page import Shapes, holes, places, scanner, tokens
from proofs.fuzz import kept, minimised
from proofs.laws import LAWS, Case, check, make


@pytest.mark.parametrize("case", kept(), ids=lambda c: c.law.replace(" ", "-"))
def test_what_was_found_once_stays_mended(case: Case) -> None:
    """An input that broke a law before holds it now."""
    assert check(case) is None


def found(law: str, number: int, seed: int = 1) -> str | None:
    """What is wrong with the first of so many cases that breaks a law."""
    return next((w for n in range(number) if (w := check(make(law, random.Random(f"{seed} {n}"))))), None)


@pytest.mark.parametrize("law", LAWS)
def test_a_law_holds_for_hostile_pages(law: str) -> None:
    """Soups of tags, cut anywhere, filled with anything, in any encoding and coding, keep the law."""
    assert found(law, 40) is None


def by_length(self: Shapes, key: object, page: bytes) -> object:
    route = self._routes.get(key)  # type: ignore[call-overload]
    return next(iter(route.by_size.get(len(page), ())), None) if route else None


def guessed(self: holes.Probe, page: bytes, low: int) -> holes.Hole | None:
    """The wrong way: what the bytes before a place look like decides what it stands in."""
    kind = holes.VALUE if page.rfind(b'="', 0, self.fed) > page.rfind(b">", 0, self.fed) else holes.TEXT
    return holes._run(kind, page, self.fed, low, 0)


def by_count(buf: bytes, pos: int, limit: int, root: bytes) -> tuple[int, int] | None:
    """The wrong way: the first end tag of the name."""
    end = buf.find(b"</" + root + b">", pos)
    return (end, end + len(root) + 3) if end >= 0 else None


def cased(raw: bytes, charset: str = "utf-8") -> dict[bytes, bytes]:
    return {n: a or b or c for n, a, b, c in tokens.ONE_ATTR.findall(raw)}


BUGS: list[tuple[str, object, str, Callable[..., object]]] = [
    ("seen is unseen", Shapes, "find", by_length),
    ("seen is unseen", holes.Probe, "hole", guessed),
    ("marked as selected", scanner, "well_formed_end", by_count),
    ("marked as selected", places, "attributes", cased),
]


@pytest.mark.parametrize(("law", "where", "name", "bug"), BUGS, ids=[b[3].__name__ for b in BUGS])
def test_the_laws_find_planted_bugs(
    monkeypatch: pytest.MonkeyPatch, law: str, where: object, name: str, bug: Callable[..., object]
) -> None:
    """A comparison by length, a guess backward, an end by its name, a marker in one case: each is found in no time."""
    monkeypatch.setattr(where, name, bug)
    assert found(law, 1_000) is not None


def test_a_kept_case_catches_its_bug_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a raw element has ended was once kept in mind when its end tag had been read already."""
    end_raw = scanner.Scanner._end_raw

    def stale(self: scanner.Scanner, name: bytes, pos: int) -> bool:
        going = end_raw(self, name, pos)
        self._ended_raw = name
        return going

    monkeypatch.setattr(scanner.Scanner, "_end_raw", stale)
    assert any(check(case) for case in kept())


def test_a_finding_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is reported holds little more than what breaks the law."""
    monkeypatch.setattr(Shapes, "find", by_length)
    case = next(c for n in range(1_000) if check(c := make("seen is unseen", random.Random(f"1 {n}"))))
    small = minimised(case)
    assert check(small) is not None
    assert len(small.fragments) <= 5 and sum(map(len, small.fragments)) <= sum(map(len, case.fragments))
    assert Case.from_json(small.as_json()) == small
