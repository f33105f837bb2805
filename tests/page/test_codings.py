"""page.codings: gzip, deflate, br and zstd, undone and done again piece by piece."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.errors import PageError
from personalize.page.codings import Decoder, available, decoder, encoder

CODINGS = ["identity", "gzip", "deflate", "br", "zstd"]
CODED = [c for c in CODINGS if c != "identity"]
PAGE = b"<!doctype html><p>A page of some length, with words and with some of the same words again.</p>" * 40


SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=4)


def compress(coding: str, data: bytes) -> bytes:
    """A whole body, made by the library itself and not by the encoder under test."""
    if coding == "gzip":
        return gzip.compress(data)
    if coding == "deflate":
        return zlib.compress(data)
    if coding == "br":
        return pytest.importorskip("brotli").compress(data)  # type: ignore[no-any-return]
    if coding == "zstd":
        return pytest.importorskip("zstandard").ZstdCompressor().compress(data)  # type: ignore[no-any-return]
    return data


def need(coding: str) -> None:
    if not available(coding):
        pytest.skip(f"no library for {coding}")


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """`data` in chunks of the given sizes, round and round."""
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def decode(made: Decoder, chunks: Iterator[bytes]) -> bytes:
    return b"".join(piece for chunk in chunks for piece in made.feed(chunk))


@pytest.mark.parametrize("coding", CODINGS)
@given(data=st.binary(max_size=300), times=st.integers(1, 50), sizes=SIZES)
def test_every_split_decodes_to_the_same_bytes(coding: str, data: bytes, times: int, sizes: list[int]) -> None:
    """Law: however a coded body is cut, the decoder gives the bytes that were coded, and knows that it is complete."""
    need(coding)
    body = compress(coding, data * times)
    made = decoder(coding)
    assert decode(made, cut(body, sizes)) == data * times
    assert made.complete


@pytest.mark.parametrize("coding", CODINGS)
@given(chunks=st.lists(st.binary(max_size=200), max_size=6))
def test_the_encoders_flush_each_chunk(coding: str, chunks: list[bytes]) -> None:
    """Law: after each encoded chunk the receiver can decode all the bytes so far; the end makes a whole body."""
    need(coding)
    made, back = encoder(coding), decoder(coding)
    for chunk in chunks:
        assert b"".join(back.feed(made.encode(chunk))) == chunk
    assert b"".join(back.feed(made.encode(b"last", end=True))) == b"last"
    assert back.complete


@pytest.mark.parametrize("coding", CODED)
def test_one_encoder_call_makes_a_body_that_the_library_reads(coding: str) -> None:
    """A whole page encoded in one call is an ordinary coded body, and not longer than the library's own by much."""
    need(coding)
    body = encoder(coding).encode(PAGE, end=True)
    read: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "br": lambda b: pytest.importorskip("brotli").decompress(b),
        "zstd": lambda b: pytest.importorskip("zstandard").ZstdDecompressor().decompressobj().decompress(b),
    }
    assert read[coding](body) == PAGE
    assert len(body) < 2 * len(compress(coding, PAGE))


@pytest.mark.parametrize("coding", CODED)
def test_a_bomb_never_stands_in_memory_at_once(coding: str) -> None:
    """A small body that becomes 67 MB comes in pieces of at most the cap."""
    need(coding)
    body = compress(coding, b"\0" * 67_000_000)
    assert len(body) < 200_000
    total = 0
    for piece in decoder(coding, 100_000).feed(body):
        assert 0 < len(piece) <= 100_000
        total += len(piece)
    assert total == 67_000_000


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("lost", [1, 4, 9, 20])
def test_a_truncated_body_gives_its_bytes_and_no_end(coding: str, lost: int) -> None:
    """What can be decoded of a cut body is given, and the decoder does not call it complete."""
    need(coding)
    body = compress(coding, PAGE)[:-lost]
    made = decoder(coding)
    out = b"".join(made.feed(body))
    assert PAGE.startswith(out)
    assert not made.complete


@pytest.mark.parametrize("coding", CODED)
def test_a_flushed_but_unended_body_loses_nothing(coding: str) -> None:
    """A stream whose sender died after a flush gives every flushed byte, and no end."""
    need(coding)
    made = decoder(coding)
    assert b"".join(made.feed(encoder(coding).encode(PAGE))) == PAGE
    assert not made.complete


@pytest.mark.parametrize("coding", CODED)
def test_nothing_at_all_is_not_complete(coding: str) -> None:
    """An empty body is no coded body, so no end is invented for it."""
    need(coding)
    made = decoder(coding)
    assert list(made.feed(b"")) == []
    assert not made.complete


@pytest.mark.parametrize("coding", CODED)
def test_what_is_not_of_this_coding_is_an_error(coding: str) -> None:
    """A body that was labelled wrongly raises PageError, so that it can pass as it is."""
    need(coding)
    with pytest.raises(PageError):
        list(decoder(coding).feed(b"<!doctype html><title>no coding here</title>" * 3))


@pytest.mark.parametrize("sizes", [[1], [7], [10_000]])
def test_gzip_members_follow_each_other(sizes: list[int]) -> None:
    """A gzip body may be several members, and chunks may end anywhere in them."""
    body = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"three")
    made = decoder("gzip")
    assert decode(made, cut(body, sizes)) == b"one three"
    assert made.complete


@pytest.mark.parametrize("sizes", [[1], [10_000]])
@pytest.mark.parametrize("junk", [b"\0\0\0\0", b"trailing words", b"\x1fno member", b"\x1f"])
def test_what_follows_the_last_gzip_member_is_dropped(junk: bytes, sizes: list[int]) -> None:
    """Padding after the body is no page, as in browsers."""
    made = decoder("gzip")
    assert decode(made, cut(gzip.compress(PAGE) + junk, sizes)) == PAGE
    assert made.complete


@pytest.mark.parametrize("sizes", [[1], [10_000]])
def test_what_follows_a_deflate_body_is_dropped(sizes: list[int]) -> None:
    """Deflate too ends where its own end says."""
    made = decoder("deflate")
    assert decode(made, cut(compress("deflate", PAGE) + b"trailing words", sizes)) == PAGE
    assert made.complete


@pytest.mark.parametrize("sizes", [[1], [10_000]])
def test_a_second_gzip_member_that_is_cut_is_not_complete(sizes: list[int]) -> None:
    """Complete means all members."""
    made = decoder("gzip")
    assert decode(made, cut(gzip.compress(b"one ") + gzip.compress(PAGE)[:30], sizes)).startswith(b"one ")
    assert not made.complete


@pytest.mark.parametrize("sizes", [[1], [3], [10_000]])
def test_raw_deflate_is_understood(sizes: list[int]) -> None:
    """Some senders mean the bare stream by `deflate`; browsers read both."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    made = decoder("deflate")
    assert decode(made, cut(squeeze.compress(PAGE) + squeeze.flush(), sizes)) == PAGE
    assert made.complete


@pytest.mark.parametrize("sizes", [[1], [10_000]])
def test_zstd_frames_follow_each_other(sizes: list[int]) -> None:
    """A zstd body may be several frames."""
    need("zstd")
    made = decoder("zstd")
    assert decode(made, cut(compress("zstd", b"one ") + compress("zstd", PAGE), sizes)) == b"one " + PAGE
    assert made.complete


def test_a_zstd_window_beyond_what_browsers_take_is_refused() -> None:
    """RFC 9659 allows 8 MB; a larger window is refused before its memory is taken."""
    need("zstd")
    zstandard = pytest.importorskip("zstandard")
    parameters = zstandard.ZstdCompressionParameters(window_log=26)
    squeeze = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = squeeze.compress(b"x" * 200_000) + squeeze.flush()
    with pytest.raises(PageError):
        list(decoder("zstd").feed(body))


def test_an_unknown_coding_has_no_decoder() -> None:
    """Asking for what is not there is an error with a name."""
    assert not available("dcb")
    with pytest.raises(PageError):
        decoder("dcb")
    with pytest.raises(PageError):
        encoder("dcb")


class _InventsAnEnd:
    """A planted bug: calls every body complete."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)
        self.complete = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data)


class _ForgetsMembers:
    """A planted bug: stops at the first gzip member."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)

    @property
    def complete(self) -> bool:
        return self._stream.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data)


def _keeps_the_laws(make: Callable[[], Decoder]) -> bool:
    members, short = make(), make()
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    out = b"".join(members.feed(body))
    list(short.feed(body[:-9]))
    return out == b"one two" and members.complete and not short.complete


@pytest.mark.parametrize(
    ("make", "right"), [(lambda: decoder("gzip"), True), (_InventsAnEnd, False), (_ForgetsMembers, False)]
)
def test_the_laws_catch_planted_bugs(make: Callable[[], Decoder], right: bool) -> None:
    """The laws hold for the real decoder, and fail for one that invents ends or forgets members."""
    assert _keeps_the_laws(make) is right
