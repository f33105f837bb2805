"""Content codings, undone and done again piece by piece (RFC 9110, 8.4.1).

A decoder gives pieces of bounded size, whatever the input: 194 KB on the wire can be 67 MB of page. An encoder
flushes after each chunk, so that what the app streamed stays streamed. Neither invents an end: a body that was
cut short stays cut short, because `Decoder.complete` tells the caller not to end the encoder.

gzip and deflate are always there. br needs `brotli` 1.2 (older ones cannot bound their output), zstd needs
`zstandard`; without them `available` says no, and such a response passes as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from ..errors import PageError

PIECE = 256 * 1024
_ZSTD_WINDOW = 8 * 1024 * 1024  # the largest window that RFC 9659 lets a sender use
_ZSTD_SLICE = 64  # a block is at least 4 bytes and gives at most 128 KB, so one slice gives at most 2 MB


class Decoder(Protocol):
    """Undoes one coding. `complete` is true while the input so far is a whole coded body."""

    @property
    def complete(self) -> bool: ...

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes that `data` makes known, in pieces of at most the decoder's cap, none empty; to be
        used up before the next call. Raises PageError where the input is not of this coding."""


class Encoder(Protocol):
    """Does one coding."""

    def encode(self, data: bytes, *, end: bool = False) -> bytes:
        """`data` in a form that the receiver can decode at once; with `end`, also the coding's proper end."""


@cache
def available(coding: str) -> bool:
    """Can this coding be undone and done here? `identity` needs neither and is always there."""
    if coding in ("identity", "gzip", "deflate"):
        return True
    try:
        if coding == "br":
            return hasattr(import_module("brotli").Decompressor, "can_accept_more_data")
        if coding == "zstd":
            return hasattr(import_module("zstandard"), "ZstdDecompressor")
    except ImportError:
        pass
    return False


def decoder(coding: str, cap: int = PIECE) -> Decoder:
    """A decoder whose pieces are at most `cap` bytes. Raises PageError for a coding that is not available."""
    if coding == "identity":
        return _Identity()
    if not available(coding):
        raise PageError(f"no decoder for {coding}")
    if coding == "gzip":
        return _Gzip(cap)
    if coding == "deflate":
        return _Deflate(cap)
    return _Brotli(cap) if coding == "br" else _Zstd(cap)


def encoder(coding: str) -> Encoder:
    """An encoder at a level meant for pages made while the visitor waits. Raises PageError as `decoder` does."""
    if coding == "identity":
        return _Identity()
    if not available(coding):
        raise PageError(f"no encoder for {coding}")
    if coding in ("gzip", "deflate"):
        return _ZlibEncoder(31 if coding == "gzip" else 15)
    return _BrotliEncoder() if coding == "br" else _ZstdEncoder()


class _Identity:
    complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data

    def encode(self, data: bytes, *, end: bool = False) -> bytes:
        return data


def _inflate(stream: Any, data: bytes, cap: int) -> Iterator[bytes]:
    """Pieces from a zlib decompressor; it may hold output back even when all input is taken."""
    while True:
        try:
            piece = stream.decompress(data, cap)
        except zlib.error as error:
            raise PageError(f"damaged body: {error}") from error
        if piece:
            yield piece
        data = stream.unconsumed_tail
        if stream.eof or (not data and len(piece) < cap):
            return


class _Gzip:
    """One or more members (RFC 1952, 2.2). What follows the last member and is none is dropped, as browsers do."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._stream: Any = zlib.decompressobj(31)
        self._ended = 0  # whole members so far
        self._rest = b""  # bytes after a member that could begin another one
        self._done = False  # something other than a member followed

    @property
    def complete(self) -> bool:
        return self._ended > 0 and self._stream is None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._done:
            if self._stream is None:
                data = self._rest + data
                if data == b"\x1f":
                    self._rest = data
                    return
                self._rest = b""
                if not data.startswith(b"\x1f\x8b"):
                    self._done = True
                    return
                self._stream = zlib.decompressobj(31)
            yield from _inflate(self._stream, data, self._cap)
            if not self._stream.eof:
                return
            data, self._stream = self._stream.unused_data, None
            self._ended += 1


class _Deflate:
    """The zlib format (RFC 1950), or the bare deflate stream that some senders mean by it."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._stream: Any = None
        self._head = b""

    @property
    def complete(self) -> bool:
        return self._stream is not None and bool(self._stream.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._head = self._head, b""
            wrapped = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = zlib.decompressobj(15 if wrapped else -15)
        if data and not self._stream.eof:
            yield from _inflate(self._stream, data, self._cap)


class _Brotli:
    def __init__(self, cap: int) -> None:
        self._brotli = import_module("brotli")
        self._cap = cap
        self._stream = self._brotli.Decompressor()

    @property
    def complete(self) -> bool:
        return bool(self._stream.is_finished())

    def feed(self, data: bytes) -> Iterator[bytes]:
        while not self._stream.is_finished():
            try:
                piece = self._stream.process(data, output_buffer_limit=self._cap)
            except self._brotli.error as error:
                raise PageError(f"damaged body: {error}") from error
            data = b""
            # The limit is a hint: the library may go past it to the end of a block.
            for start in range(0, len(piece), self._cap):
                yield piece[start : start + self._cap]
            if self._stream.can_accept_more_data() and len(piece) < self._cap:
                return


class _Zstd:
    """One or more frames (RFC 8878, 3.1). The library has no bound on output, so input goes in small slices."""

    def __init__(self, cap: int) -> None:
        self._zstandard = import_module("zstandard")
        self._cap = cap
        self._context = self._zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._stream: Any = None
        self._ended = 0

    @property
    def complete(self) -> bool:
        return self._ended > 0 and self._stream is None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_SLICE):
            rest = data[start : start + _ZSTD_SLICE]
            while rest:
                if self._stream is None:
                    self._stream = self._context.decompressobj()
                try:
                    piece = self._stream.decompress(rest)
                except self._zstandard.ZstdError as error:
                    raise PageError(f"damaged body: {error}") from error
                rest = b""
                if self._stream.eof:
                    rest, self._stream = self._stream.unused_data, None
                    self._ended += 1
                for at in range(0, len(piece), self._cap):
                    yield piece[at : at + self._cap]


class _ZlibEncoder:
    def __init__(self, wbits: int, level: int = 4) -> None:
        self._stream = zlib.compressobj(level, zlib.DEFLATED, wbits)

    def encode(self, data: bytes, *, end: bool = False) -> bytes:
        if not data and not end:
            return b""
        return self._stream.compress(data) + self._stream.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)


class _BrotliEncoder:
    def __init__(self, quality: int = 4) -> None:
        self._stream = import_module("brotli").Compressor(quality=quality)

    def encode(self, data: bytes, *, end: bool = False) -> bytes:
        if not data and not end:
            return b""
        out: bytes = self._stream.process(data) if data else b""
        out += self._stream.finish() if end else self._stream.flush()
        return out


class _ZstdEncoder:
    def __init__(self, level: int = 3) -> None:
        self._zstandard = import_module("zstandard")
        self._stream = self._zstandard.ZstdCompressor(level=level).compressobj()

    def encode(self, data: bytes, *, end: bool = False) -> bytes:
        if not data and not end:
            return b""
        out: bytes = self._stream.compress(data)
        mode = self._zstandard.COMPRESSOBJ_FLUSH_FINISH if end else self._zstandard.COMPRESSOBJ_FLUSH_BLOCK
        out += self._stream.flush(mode)
        return out


def up_to(limit: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces until their sizes add up to `limit`; the rest stays in the iterator."""
    size = 0
    for piece in pieces:
        yield piece
        size += len(piece)
        if size >= limit:
            return
