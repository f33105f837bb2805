"""Pieces of a page as parts of one deflate stream (RFC 1951) that can be put together in any order.

Rule 1: a fragment begins and ends on a byte's boundary, and its last block is not the stream's last.
Rule 2: it refers to nothing before itself, so that it means the same wherever it stands.
Rule 3: what is short and never the same twice (a token, a name) is stored as it is. That costs nothing, and the length
of the page tells nobody what such a piece has in common with the rest of it.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

from .crc import SIZE, Known, known

LEVEL: Final = 6  # on HTML level 9 wins half a percent, and takes twice as long
SHORT: Final = 128  # bytes that are stored: deflating them takes 10 microseconds and wins less than 40 bytes
_SMALL: Final = 4096  # bytes for which smaller tables do, which are made in half the time
_READ: Final = 1024  # bytes whose CRC is as soon read as it is put together
_OVERHEAD: Final = 200  # bytes in memory: the objects of a fragment
STORED: Final = [b"\0" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") for size in range(SHORT)]


class Fragment(NamedTuple):
    """A piece that comes again: deflated, its size, and what it does to the CRC (a short one is read again)."""

    data: bytes
    size: int
    crc: Known | bytes

    @property
    def cost(self) -> int:
        """Bytes in memory."""
        return _OVERHEAD + len(self.data) + (len(self.crc) if isinstance(self.crc, bytes) else SIZE)


def fragment(piece: bytes | memoryview) -> Fragment:
    return Fragment(deflate(piece), len(piece), bytes(piece) if len(piece) < _READ else known(piece))


def deflate(piece: bytes | memoryview) -> bytes:
    """A piece by the three rules; nothing for nothing."""
    if len(piece) < SHORT:
        return b"".join((STORED[len(piece)], piece)) if piece else b""
    window, memory = (-12, 6) if len(piece) <= _SMALL else (-15, 8)
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, window, memory)
    return stream.compress(piece) + stream.flush(zlib.Z_SYNC_FLUSH)
