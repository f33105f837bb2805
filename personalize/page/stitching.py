"""gzip bodies of pages seen before, stitched from pieces that were deflated once (RFC 1951, 1952).

Between two deflated pieces stands only a boundary of bytes, so that they can be put together like text; the CRC-32 of
the whole is put together from theirs. A page costs a look-up for each piece, where deflating it took milliseconds.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from .codings import encoder
from .crc import after
from .fragments import LEVEL, SHORT, STORED, deflate, fragment
from .layouts import TemplateLayout
from .negotiation import Offer
from .shapes import Shape, Shapes
from .splicer import Piece
from .tails import Step
from .templates import Fitted

_HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no name, no time, no system (RFC 1952, 2.3)
_TRAILER: Final = struct.Struct("<LL").pack
_LAST: Final = b"\x03\0"  # an empty last block
_LARGEST: Final = 64 << 10  # bytes of a fill that is kept
_OVERHEAD: Final = 200  # bytes in memory beside a fill and what it was deflated to, or beside a body
_BODIES: Final = 8  # of a shape that are kept
_OFTEN: Final = 8  # times that a kept body is asked for before it is compressed in one piece
_LONGEST: Final = 256 << 10  # bytes of a page that is: longer ones would hold up other requests


class Body:
    """A whole body, with `fills` in its slots."""

    __slots__ = ("_held", "data", "uses")

    def __init__(self, data: bytes, fills: Sequence[Piece]) -> None:
        self.data, self.uses = data, 0
        self._held = sum(map(len, fills))

    @property
    def cost(self) -> int:
        """Bytes of memory."""
        return len(self.data) + self._held + _OVERHEAD


class Stitcher:
    """Compresses whole pages. What it keeps of a shape counts as that shape's in `shapes`; fills are kept besides, in
    at most a sixteenth of the bytes that `shapes` may have."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._limit = shapes.limit // 32
        self._young: dict[bytes, bytes] = {}  # fills, deflated; those in use are found here or come back here
        self._old: dict[bytes, bytes] = {}
        self._used = 0  # by the young ones

    def compress(
        self,
        offer: Offer,
        pieces: Sequence[Piece],
        shape: Shape | Fitted | None = None,
        *,
        end: bool = True,
        lasting: bool = False,
    ) -> tuple[bytes, str]:
        """A whole page, and the coding that it is in now. Where it is known, `pieces` are those of its `shape`, as
        Shape.fill and Splicer.parts tell them: what is bytes is a fill. Without `end` the coding gets no end either.
        With `lasting` its fills are nobody's own, and few of them in turn."""
        if offer.coding == "identity":
            return b"".join(pieces), "identity"
        if offer.least and sum(map(len, pieces)) < offer.least:
            return b"".join(pieces), "identity"
        if offer.gzip and end and shape is not None:
            if lasting and isinstance(shape, Shape) and shape.kept:
                return self._lasting(shape, pieces), "gzip"
            return self._gzip(shape, pieces), "gzip"
        return encoder(offer.coding).encode(b"".join(pieces), end=end), offer.coding

    def _lasting(self, shape: Shape, parts: Sequence[Piece]) -> bytes:
        """What one set of fills makes of a page is kept, and what is asked for often gets its best form: in pieces it
        is about a fifth longer."""
        fills = tuple(parts[1::2])
        body = shape.bodies.get(fills)
        if body is None:
            if len(shape.bodies) >= _BODIES:
                self._shapes.grow(shape, -sum(old.cost for old in shape.bodies.values()))
                shape.bodies.clear()
            body = shape.bodies[fills] = Body(self._gzip(shape, parts), fills)
            self._shapes.grow(shape, body.cost)
        body.uses += 1
        if body.uses == _OFTEN and len(shape.page) <= _LONGEST:
            before = body.cost
            body.data = zlib.compress(b"".join(parts), LEVEL, 31)
            self._shapes.grow(shape, body.cost - before)
        return body.data

    def _gzip(self, shape: Shape | Fitted, parts: Sequence[Piece]) -> bytes:
        out = [_HEAD]
        crc = size = 0
        for known, part in self._steps(shape, parts):
            if isinstance(part, bytes):
                out.append(self._deflated(part))
                crc = zlib.crc32(part, crc)
                size += len(part)
            else:
                assert known is not None
                data, length, check = known
                out.append(data)
                size += length
                crc = zlib.crc32(check, crc) if isinstance(check, bytes) else after(crc, check)
        out += (_LAST, _TRAILER(crc, size & 0xFFFFFFFF))
        return b"".join(out)

    def _steps(self, shape: Shape | Fitted, parts: Sequence[Piece]) -> Iterable[Step]:
        if isinstance(shape, Shape):
            if shape.fragments is None:
                pieces = [piece for before, _, inner, _ in shape.cuts or () for piece in (before, inner)]
                shape.fragments = [fragment(piece) for piece in (*pieces, shape.tail)]
                self._shapes.grow(shape, sum(known.cost for known in shape.fragments))
            return zip(shape.fragments, parts, strict=True)
        template = shape.template
        if template.layout is None:
            template.layout = TemplateLayout(template)
        layout = template.layout
        steps = layout.lay(shape, parts)
        if layout.cost != layout.counted:
            self._shapes.grow(template, layout.cost - layout.counted)
            layout.counted = layout.cost
        return steps

    def _deflated(self, piece: bytes) -> bytes:
        """A fill, or whatever else is this page's own. What comes again is deflated once."""
        if len(piece) < SHORT:
            return STORED[len(piece)] + piece
        data = self._young.get(piece)
        if data is None:
            data = self._old.get(piece)
            if data is None:
                data = deflate(piece)
            if self._used > self._limit:
                self._young, self._old = {}, self._young
                self._used = 0
            cost = len(piece) + len(data) + _OVERHEAD
            if cost <= _LARGEST:
                self._young[piece] = data
                self._used += cost
        return data
