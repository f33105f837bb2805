"""The table of what holds of a response, and the tests that its rows are named by."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "explanation" / "proofs.md"


def found() -> dict[int, set[str]]:
    """The files, by the numbers in their tests' names (test_c18_c19_... counts for both)."""
    found: dict[int, set[str]] = {}
    for file in TESTS.rglob("test_*.py"):
        name = str(file.relative_to(TESTS)).removesuffix(".py").replace("test_", "")
        for numbers in re.findall(r"def test((?:_c[0-9]{2})+)_", file.read_text("utf-8")):
            for number in re.findall(r"[0-9]{2}", numbers):
                found.setdefault(int(number), set()).add(name)
    return found


def test_every_row_has_its_tests() -> None:
    """The rows are C1 to C42, each tells where it is tested, and there are tests of its number there."""
    rows = re.findall(r"^\| C([0-9]+) \|.*\| ([^|]+) \|$", TABLE.read_text("utf-8"), re.MULTILINE)
    told = {int(number): set(files.split(", ")) for number, files in rows}
    assert list(told) == list(range(1, 43))
    missing = {number: files - found().get(number, set()) for number, files in told.items()}
    assert not {number: files for number, files in missing.items() if files}
