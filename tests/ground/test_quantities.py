"""Sizes as editors write them; durations and shares are tried where configs are loaded."""

from __future__ import annotations

import pytest

from personalize.quantities import size, written_size


@pytest.mark.parametrize(
    ("text", "count"),
    [("64MB", 64 << 20), ("500 KB", 500 << 10), ("1.5gb", 3 << 29), (0, 0), (1000, 1000), (" 2GB ", 2 << 30)],
)
def test_a_size_is_read(text: object, count: int) -> None:
    """A number with a unit of 1024s, with or without a space, in any case of letters; a plain number is bytes."""
    assert size(text) == count


@pytest.mark.parametrize("text", ["64", "64M", "64 mb/s", "-1MB", -1, True, None, [], "MB", "9" * 400 + "GB", 1e999])
def test_what_is_no_size_is_refused(text: object) -> None:
    """What is meant is told by an example."""
    with pytest.raises(ValueError, match="64MB"):
        size(text)


@pytest.mark.parametrize("count", [0, 1, 1000, 1 << 10, 1500 << 10, 64 << 20, 3 << 30])
def test_a_size_that_is_written_is_read_as_the_same(count: int) -> None:
    """However it is written, in the largest unit that it is a whole number of."""
    assert size(int(written_size(count)) if written_size(count).isdigit() else written_size(count)) == count
