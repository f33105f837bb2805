"""page.negotiation: which coding a client gets, by its own weights (RFC 9110, 12.5.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.page.codings import available
from personalize.page.negotiation import PLAIN, negotiate

needs_zstd = pytest.mark.skipif(not available("zstd"), reason="zstandard is not here")
needs_br = pytest.mark.skipif(not available("br"), reason="brotli is not here")


@pytest.mark.parametrize(
    "value",
    [
        b"gzip", b"GZip", b"x-gzip", b"gzip, identity", b"deflate, gzip;q=1.0, *;q=0.5", b"gzip;q=0.001", b"*",
        b"gzip ; Q=0.8", b"\tgzip\t", b",gzip,", b"identity;q=0.5, gzip;q=0.8", b"gzip, identity;q=0", b"*;q=0.1",
        b"dcb, gzip", b"gzip;q=0.5, identity;q=0.5", b"compress;q=0.5, gzip;q=1.000", b"x-gzip;q=0.2",
        b"br;q=0.1, gzip;q=0.2",
    ],
)  # fmt: skip
def test_gzip_for_whoever_takes_it(value: bytes) -> None:
    """However it is written, a client that likes gzip best, or anything as well, may have it."""
    assert negotiate(value).gzip


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"identity", b"gzip;q=0", b"gzip;q=0.000", b"*;q=0", b"gzip;q=0, *", b"identity, gzip;q=0.5",
        b"compress", b"exi, dcz", b"gzip;q=2", b"gzip;q=-1", b"gzip;q=x", b"gzip;level=1", b"gzip;q=0.1234", b"gz ip",
        b"gzip;q=1, gzip;q=0", b"gzip, x-gzip;q=0", b"gzip" + b" " * 600, b"identity;q=0", b"\xff\xfe",
    ],
)  # fmt: skip
def test_the_page_as_it_is_for_everybody_else(value: bytes | None) -> None:
    """Nothing said, gzip refused, the plain page liked better, or nothing that can be read: no coding. One who refuses
    the plain page too, and takes nothing that is here, gets it all the same."""
    assert negotiate(value) == PLAIN


@needs_zstd
@needs_br
@pytest.mark.parametrize(
    ("value", "coding", "gzip"),
    [
        (b"gzip, deflate, br, zstd", "zstd", True),
        (b"gzip, deflate, br", "gzip", True),
        (b"gzip;q=0.9, br", "br", False),
        (b"gzip, br;q=0.9", "gzip", True),
        (b"gzip;q=0.5, zstd;q=0.6, br;q=0.7", "br", False),
        (b"deflate", "deflate", False),
        (b"gzip;q=0, br", "br", False),
        (b"br, *;q=0", "br", False),
    ],
)
def test_the_clients_weights_come_first(value: bytes, coding: str, gzip: bool) -> None:
    """A coding with a smaller weight is not used; among equals the cheapest is, and gzip for pages seen before."""
    offer = negotiate(value)
    assert (offer.coding, offer.gzip) == (coding, gzip)


MEMBERS = st.lists(
    st.tuples(
        st.sampled_from(["gzip", "x-gzip", "br", "zstd", "deflate", "identity", "*", "exi"]),
        st.sampled_from(["", ";q=0", ";q=0.3", ";q=1", ";q=0.001", ";q=", ";Q=0.30", ";q=1.5"]),
    ),
    max_size=6,
)


@given(MEMBERS, st.binary(max_size=8))
def test_what_was_refused_is_never_sent(members: list[tuple[str, str]], junk: bytes) -> None:
    """Law: a coding that the client named with q=0, or did not name at all, is not what it gets; nothing fails."""
    header = ", ".join(name + weight for name, weight in members).encode() + b"," + junk
    offer = negotiate(header)
    refused = {name.removeprefix("x-") for name, weight in members if weight == ";q=0"}
    named = {m.partition(";")[0].strip().lower().removeprefix("x-") for m in header.decode("latin-1").split(",")}
    used = {offer.coding, *(["gzip"] if offer.gzip else [])} - {"identity"}
    assert not used & refused
    assert used <= (named | {"gzip"} if "*" in named else named)
