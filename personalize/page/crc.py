"""The CRC-32 of bytes put together from pieces, from the pieces' own, without reading the bytes again.

For a piece B that stays the same, crc(A + B) = M crc(A) + crc(B), where M multiplies by x^(8 len(B)) modulo the CRC's
polynomial and + is xor (Mark Adler's crc32_combine in zlib). M is linear, so that what it makes of a CRC is put
together from what it makes of each of its four bytes: one look-up each.
"""

from __future__ import annotations

import zlib
from array import array
from typing import NamedTuple

_POLYNOMIAL = 0xEDB88320  # of CRC-32, lowest power in the highest bit; multiplying by x shifts to the right
_ONE = 0x80000000  # x^0

SIZE = 4 * 1024 + 200  # bytes in memory


class Known(NamedTuple):
    """The CRC-32 of a piece, and what the piece makes of the CRC of what is before it (4 x 256 numbers)."""

    crc: int
    table: array[int]


def known(piece: bytes | memoryview) -> Known:
    """Takes two passes over the piece and about 60 microseconds."""
    crc = zlib.crc32(piece)
    power = zlib.crc32(piece, _ONE) ^ crc  # what it makes of x^0: x^(8 len(piece))
    made = [0] * 32
    for bit in range(31, -1, -1):
        made[bit] = power
        power = power >> 1 ^ (_POLYNOMIAL if power & 1 else 0)
    table = array("I")
    for low in range(0, 32, 8):
        of_byte = [0]
        for one in made[low : low + 8]:
            of_byte += [other ^ one for other in of_byte]
        table.extend(of_byte)
    return Known(crc, table)


def after(crc: int, piece: Known) -> int:
    """The CRC-32 of something whose own is `crc`, followed by the piece."""
    own, of = piece
    return own ^ of[crc & 255] ^ of[256 + (crc >> 8 & 255)] ^ of[512 + (crc >> 16 & 255)] ^ of[768 + (crc >> 24)]
