"""page.stitching: gzip bodies of known pages, put together from pieces that were deflated once."""

from __future__ import annotations

import gzip
import itertools
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.page import WAIT, Shapes, SlotTarget, Splicer, Stitcher, compile_rules
from personalize.page import codings as page_codings
from personalize.page import crc as page_crc
from personalize.page import fragments as page_fragments
from personalize.page import stitching as page_stitching
from personalize.page.fragments import SHORT, deflate
from personalize.page.negotiation import Offer, negotiate
from personalize.page.shapes import Shape
from personalize.page.tails import common

SLOTS = ("a", "b", "c")
RULES = compile_rules([SlotTarget(slot) for slot in SLOTS])
GZIP = Offer("gzip", True)
Fills = Mapping[str, bytes | None]


def inflated(body: bytes) -> bytes:
    """What a strict reader makes of a gzip body: one member, to its very end, with CRC and size held to."""
    reader = zlib.decompressobj(31)
    out = reader.decompress(body)
    assert reader.eof and not reader.unused_data and not reader.unconsumed_tail
    assert struct.unpack("<LL", body[-8:]) == (zlib.crc32(out), len(out) & 0xFFFFFFFF)
    assert gzip.decompress(body) == out
    return out


class Site:
    """Pages through shapes and a stitcher, each compared with the page that is only read."""

    def __init__(self, limit: int = 64 << 20, rules: Any = RULES) -> None:
        self.shapes, self.rules = Shapes(limit), rules
        self.stitcher = Stitcher(self.shapes)
        self.stitched = 0

    def plain(self, page: bytes, fills: Fills) -> bytes:
        return b"".join(Splicer(self.rules, fills.get).feed(page, False))

    def send(self, page: bytes, fills: Fills, waits: Sequence[str] = ()) -> bytes:
        """The gzip body, and a proof that it is the page's."""
        late = set(waits)
        splicer = Splicer(self.rules, lambda s: WAIT if s in late else fills.get(s), shapes=self.shapes, route="r")
        pieces = splicer.feed(bytes(bytearray(page)), False)
        while splicer.waiting is not None:
            late.discard(splicer.waiting)
            pieces += splicer.feed(b"", False)
        self.stitched += splicer.shape is not None
        body, coding = self.stitcher.compress(GZIP, splicer.parts or pieces, splicer.shape)
        assert coding == "gzip"
        assert inflated(body) == self.plain(page, fills)
        return body


WORDS = [b"river", b"lamp", b"<b>copper</b>", b"meadow", b"<i class=x>winter</i>", b"&amp;", b"harbour", b"\n"]
PROSE = st.lists(st.sampled_from(WORDS), max_size=300).map(b" ".join)
TEXTS = st.binary(max_size=40).map(bytes.hex).map(str.encode) | PROSE
FILLINGS = st.none() | st.binary(max_size=300) | PROSE | st.binary(min_size=1, max_size=4).map(lambda b: b * 2000)
FILLS = st.fixed_dictionaries(dict.fromkeys(SLOTS, FILLINGS))


def page_of(texts: Sequence[bytes], inner: bytes = b"old") -> bytes:
    start, middle, middle2, end = texts
    slots = [b'<div data-slot="%b">%b</div>' % (slot.encode(), inner) for slot in SLOTS]
    return b"".join((b"<main>", start, slots[0], middle, slots[1], middle2, slots[2], end, b"</main>"))


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(TEXTS, TEXTS, TEXTS, TEXTS),
    TEXTS,
    st.lists(FILLS, min_size=2, max_size=4),
    st.sets(st.sampled_from(SLOTS)),
)
def test_a_stitched_body_is_the_page(
    texts: tuple[bytes, ...], inner: bytes, all_fills: list[Fills], waits: set[str]
) -> None:
    """Law: whatever a page holds and its slots show, at once or after waiting, the body inflates to that page."""
    site = Site()
    for fills in (*all_fills, *all_fills):
        site.send(page_of(texts, inner), fills, tuple(waits))
    assert site.stitched == 2 * len(all_fills) - 1


TOKENS = st.text("0123456789abcdef", min_size=1, max_size=300).map(str.encode)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(PROSE, PROSE, PROSE, PROSE),
    st.lists(st.tuples(TOKENS, TOKENS, TOKENS, TOKENS | PROSE), min_size=3, max_size=9),
    st.lists(FILLS, min_size=1, max_size=3),
)
def test_a_page_with_holes_is_stitched_too(
    texts: tuple[bytes, ...], tokens: list[tuple[bytes, ...]], all_fills: list[Fills]
) -> None:
    """Law: with tokens before, between, in and after the slots, every version's body inflates to that version."""
    site = Site()
    for turn, (one, two, three, four) in enumerate(tokens):
        start, middle, middle2, end = texts
        page = page_of(
            (
                start + b'<input value="%b">' % one,
                middle,
                b'<p title="%b">' % two + middle2,
                end + b"<script>var at = %b;</script>" % three + end + b"<p>" + four + b"</p>" + middle,
            ),
            b'<input name="%b">' % two,
        )
        site.send(page, all_fills[turn % len(all_fills)])


TANGLED = st.lists(
    st.sampled_from(
        [
            b"<div data-slot=a>", b"</div>", b"<p data-slot=b title=x>", b"<p>", b"</p>", b"<span data-slot='c'>",
            b"</span>", b"<!-- slot:a -->", b"<!-- /slot:a -->", b"<!-- slot:c -->", b"<!-- /slot:c -->", b"<script>1",
            b"</script>", b"<ul>", b"<li class=x>", b"</ul>", b"<table>", b"<td data-slot=c>", b"</table>", b"<!--",
            b"-->", b"<svg>", b"</svg>", b'<input value="1f">', b"text", b"<b>" + b"word " * 40, b"\0", b"\xff",
        ]
    ),
    max_size=25,
).map(b"".join)  # fmt: skip
ANY_RULES = st.sampled_from(
    [
        RULES,
        compile_rules([SlotTarget("a", "p", None, "before", None, True), SlotTarget("b", "li", None, "after")]),
        compile_rules([SlotTarget("a", "p", None, "set_attribute", "title"), SlotTarget("c", "span", None, "remove")]),
    ]
)


@settings(max_examples=150, deadline=None)
@given(TANGLED, st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(b"0a <>\"'")), max_size=4), FILLS, ANY_RULES)
def test_any_page_and_its_near_versions(page: bytes, changes: list[tuple[int, int]], fills: Fills, rules: Any) -> None:
    """Law: tangled markup, whatever is done at its slots, and pages that differ from it in a byte, in turn: each body
    is the one that reading the page alone gives."""
    site, versions = Site(rules=rules), [page, page]
    for at, byte in changes:
        other = bytearray(versions[-1] or b" ")
        other[at % len(other)] = byte
        versions.append(bytes(other))
    for version in (*versions, *versions):
        site.send(version, fills)


def test_pages_of_all_kinds_are_really_stitched() -> None:
    """A page that comes again, and one with tokens in its holes and its tail, from the time they are known."""
    site, random_ = Site(), random.Random(7)
    text = b" ".join(random_.choices(WORDS, k=3000))
    for turn in range(4):
        site.send(page_of((text, text, text, text)), {"a": b"A" * turn * 400, "b": None, "c": b"C"})
    assert site.stitched == 3
    for turn in range(12):
        token = b"%032x" % random_.getrandbits(128)
        tail = text + b'<input value="%b">' % token + text + b"<p>at 12:00:%02d</p>" % (turn * 5) + text
        body = site.send(page_of((b'<input value="%b">' % token + text, text, text, tail)), {"a": b"A" * turn})
        if turn > 3:
            assert token in body  # it is stored as it is, and nothing else was deflated for it
    assert site.stitched == 3 + 10


def test_what_is_known_is_deflated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second time on nothing of a page is deflated but what it never had; fills too are remembered."""
    made: list[int] = []
    honest = zlib.compressobj
    monkeypatch.setattr(zlib, "compressobj", lambda *how: made.append(how[0]) or honest(*how))
    site, page, long = Site(), page_of((b"<p>some words</p>" * 400,) * 4), b"<p>for you</p>" * 50
    for fills in ({"a": long}, {"a": long}):
        site.send(page, fills)
    before = len(made)
    assert before > 0
    for fills in ({"a": long}, {"b": long, "c": b"<p>short</p>"}, {}):
        site.send(page, fills)
    assert len(made) == before
    site.send(page, {"a": b"<p>another</p>" * 50})
    assert len(made) == before + 1


def test_memory_is_counted_and_bounded() -> None:
    """What is kept of shapes counts in their limit; fills that never come again are bounded besides."""
    site, random_ = Site(1 << 20), random.Random(1)
    text = b" ".join(random_.choices(WORDS, k=500))
    site.send(page_of((text,) * 4), {})
    before = site.shapes.used
    site.send(page_of((text,) * 4), {})
    assert site.shapes.used > before + len(text)
    for turn in range(300):
        own = b"%d " % turn
        for _ in range(2):
            site.send(page_of((own + text, text, text, text)), {"a": random_.randbytes(3000)})
        site.send(page_of((text, b'<p title="%d">' % turn + text, text, text + own * 9)), {})
        assert site.shapes.used <= site.shapes.limit
        kept = [*site.stitcher._young.items(), *site.stitcher._old.items()]
        assert sum(len(piece) + len(data) for piece, data in kept) <= site.shapes.limit // 16 + 8192
    counted = sum(shape.size for shape in (*site.shapes._once, *site.shapes._again))
    assert counted == site.shapes.used


def test_whole_bodies_are_kept_for_pieces_that_last() -> None:
    """The same fills on the same page are not even stitched again; a few bodies are kept, counted, and never mixed."""
    site, page = Site(), page_of((b"<p>some words</p>" * 100,) * 4)
    for _ in range(2):
        site.send(page, {})
    shape = site.shapes.find(("r", RULES), page)
    assert isinstance(shape, Shape)
    all_fills = [{"a": b"A%d" % n, "b": None, "c": b"<p>for you</p>" * n} for n in range(12)]
    for fills in (*all_fills, *all_fills[:2], *reversed(all_fills)):
        bodies = []
        for _ in range(3):
            filled = shape.fill(dict(fills))
            assert filled is not None
            bodies.append(site.stitcher.compress(GZIP, filled[0], shape, lasting=True)[0])
        assert inflated(bodies[0]) == site.plain(page, fills)
        assert bodies[1] is bodies[0] and bodies[2] is bodies[0]
        kept = sum(len(body.data) for body in shape.bodies.values())
        assert len(shape.bodies) <= 8 and shape.size == site.shapes.used > len(page) + kept


def test_a_body_that_is_asked_for_often_is_compressed_in_one_piece() -> None:
    """After some uses a kept body is as short as any compressor makes it, and still the page."""
    site, page, fills = Site(), page_of((b"<p>some words</p>" * 100,) * 4), {"a": b"A", "b": None, "c": b"C"}
    for _ in range(2):
        site.send(page, {})
    shape = site.shapes.find(("r", RULES), page)
    assert isinstance(shape, Shape)
    bodies = []
    for _ in range(12):
        filled = shape.fill(fills)
        assert filled is not None
        bodies.append(site.stitcher.compress(GZIP, filled[0], shape, lasting=True)[0])
        assert inflated(bodies[-1]) == site.plain(page, fills)
        assert shape.size == site.shapes.used
    assert len(bodies[-1]) < 0.8 * len(bodies[0]) and len(set(bodies)) == 2


def test_a_shape_that_was_forgotten_meanwhile_costs_nothing() -> None:
    """A page can be dropped from memory while one that equals it waits for its content: its body is right all the
    same, and no bytes are counted for what is gone."""
    site, page = Site(), page_of((b"<p>x</p>" * 200,) * 4)
    site.send(page, {})
    splicer = Splicer(RULES, lambda slot: b"A", shapes=site.shapes, route="r")
    splicer.feed(page, False)
    site.shapes._drop(splicer.shape)
    assert site.shapes.used == 0
    body, _ = site.stitcher.compress(GZIP, splicer.parts, splicer.shape)
    assert inflated(body) == site.plain(page, dict.fromkeys(SLOTS, b"A"))
    assert site.shapes.used == 0


def test_small_pages_stay_plain_and_others_need_an_end() -> None:
    """Under 500 bytes nothing is won; a body that was cut short gets no end; a plain offer gives the plain page."""
    site = Site()
    for page, offer, end in itertools.product(
        (b"<p data-slot=a>x</p>", b"<p data-slot=a>x</p>" + b"<p>y</p>" * 200),
        (negotiate(b"gzip"), negotiate(b"identity"), GZIP),
        (True, False),
    ):
        for _ in range(2):
            splicer = Splicer(RULES, lambda slot: b"A", shapes=site.shapes, route="r")
            pieces = splicer.feed(page, False)
            body, coding = site.stitcher.compress(offer, splicer.parts or pieces, splicer.shape, end=end)
            assert coding == ("gzip" if offer is GZIP or (offer.least and len(page) > 500) else "identity")
            reader = page_codings.decoder(coding)
            assert b"".join(reader.feed(body)) == site.plain(page, {"a": b"A"})
            assert reader.complete is (end or coding == "identity")


@given(st.lists(st.binary(max_size=SHORT * 2) | PROSE, max_size=8), st.randoms(use_true_random=False))
def test_fragments_stand_in_any_order(pieces: list[bytes], random_: random.Random) -> None:
    """Law: deflated pieces, shuffled, are one deflate stream of the pieces in that order."""
    random_.shuffle(pieces)
    stream = zlib.decompressobj(-15)
    assert stream.decompress(b"".join(map(deflate, pieces)) + b"\x03\0") == b"".join(pieces)
    assert stream.eof and not stream.unused_data


@given(st.lists(PROSE | TOKENS, max_size=6), st.lists(TOKENS | PROSE, min_size=12, max_size=12))
def test_what_two_tails_have_in_common(texts: list[bytes], tokens: list[bytes]) -> None:
    """Law: the pieces lie in the new version in their order, the first at its start and the last at its end."""
    old, new = (b"".join(itertools.chain(*zip(texts, tokens[at:], strict=False))) for at in (0, 6))
    first, *pieces = common(old, new)
    assert pieces and new.startswith(first) and new.endswith(pieces[-1])
    at = len(first)
    for piece in pieces[:-1]:
        at = new.index(piece, at) + len(piece)
    assert at + len(pieces[-1]) <= len(new)


# --- the laws can fail ---------------------------------------------------------------------------------


def wrong_crc(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(page_stitching, "after", lambda crc, piece: crc ^ piece.crc)


def no_crc_of_fills(patch: pytest.MonkeyPatch) -> None:
    class Zlib:
        @staticmethod
        def crc32(data: bytes, crc: int = 0) -> int:
            return crc if data.startswith(b"fill") else zlib.crc32(data, crc)

    patch.setattr(page_stitching, "zlib", Zlib)


def wrong_size(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(page_stitching, "_TRAILER", lambda crc, size: struct.pack("<LL", crc, size - 1))


def refers_back(patch: pytest.MonkeyPatch) -> None:
    shared = zlib.compressobj(6, zlib.DEFLATED, -15)
    patch.setattr(
        page_fragments, "deflate", lambda piece: shared.compress(piece) + shared.flush(zlib.Z_SYNC_FLUSH)
    )


def no_boundary(patch: pytest.MonkeyPatch) -> None:
    def deflate_to_bits(piece: bytes) -> bytes:
        stream = zlib.compressobj(6, zlib.DEFLATED, -15)
        return stream.compress(piece) + stream.flush(zlib.Z_PARTIAL_FLUSH)

    patch.setattr(page_fragments, "deflate", deflate_to_bits)


def ends_early(patch: pytest.MonkeyPatch) -> None:
    def deflate_to_the_end(piece: bytes) -> bytes:
        stream = zlib.compressobj(6, zlib.DEFLATED, -15)
        return stream.compress(piece) + stream.flush()

    patch.setattr(page_fragments, "deflate", deflate_to_the_end)


def one_shapes_pieces_for_all(patch: pytest.MonkeyPatch) -> None:
    honest, kept = Stitcher._steps, []

    def steps(self: Stitcher, shape: Any, parts: Any) -> Iterator[Any]:
        kept.append(list(honest(self, shape, parts)))
        return iter(kept[0])

    patch.setattr(Stitcher, "_steps", steps)


def pages(site: Site) -> None:
    random_ = random.Random(3)
    text = b" ".join(random_.choices(WORDS, k=800))
    for own in (b"one", b"another"):
        for fill in (b"fill %b" % own * 40, None):
            site.send(page_of((text, own + text, text, text)), {"a": fill, "b": b"fill"})
            site.send(page_of((text, own + text, text, text)), {"a": fill, "b": b"fill"})


@pytest.mark.parametrize(
    "mistake",
    [wrong_crc, no_crc_of_fills, wrong_size, refers_back, no_boundary, ends_early, one_shapes_pieces_for_all],
    ids=lambda mistake: mistake.__name__,
)
def test_planted_mistakes_are_caught(monkeypatch: pytest.MonkeyPatch, mistake: Callable[[Any], None]) -> None:
    """The same pages are right without the mistake, and refused with it: by the CRC, the size, or the bytes."""
    pages(Site())
    mistake(monkeypatch)
    with pytest.raises((AssertionError, zlib.error, gzip.BadGzipFile)):
        pages(Site())


def test_a_table_too_small_would_be_noticed() -> None:
    """The memory that a known piece is counted with is at least what its table takes."""
    assert page_crc.known(b"x").table.itemsize * 1024 <= page_crc.SIZE
