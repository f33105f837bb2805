"""page.crc: the CRC-32 of a whole from those of its pieces."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.page.crc import Known, after, known

PIECES = st.lists(st.binary(max_size=200) | st.binary(max_size=3).map(lambda b: b * 3000), max_size=6)


def whole(pieces: list[bytes], make=known) -> int:
    crc = 0
    for piece in pieces:
        crc = after(crc, make(piece))
    return crc


@given(PIECES)
def test_pieces_give_the_crc_of_the_whole(pieces: list[bytes]) -> None:
    """Law: put together piece by piece, the CRC is zlib's of all the bytes."""
    assert whole(pieces) == zlib.crc32(b"".join(pieces))


@given(st.binary(max_size=500), st.integers(0, 0xFFFFFFFF))
def test_any_crc_can_come_before(piece: bytes, crc: int) -> None:
    """Law: for each of the 2^32 values, what a piece makes of it is what reading the piece makes of it."""
    assert after(crc, known(memoryview(piece))) == zlib.crc32(piece, crc)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_536, 3_000_000])
def test_sizes_at_which_powers_of_two_end(size: int) -> None:
    """Short, long and empty pieces alike."""
    piece = b"ab" * (size // 2) + b"a" * (size % 2)
    assert after(zlib.crc32(b"before"), known(piece)) == zlib.crc32(b"before" + piece)


def test_the_law_catches_a_crc_that_forgets_how_long_a_piece_is() -> None:
    """A planted mistake: CRCs put together by xor alone."""

    def careless(piece: bytes) -> Known:
        crc, table = known(b"")
        return Known(crc ^ zlib.crc32(piece), table)

    assert whole([b"one", b"two"]) == zlib.crc32(b"onetwo") != whole([b"one", b"two"], careless)
