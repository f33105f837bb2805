"""page.charset: which encoding a page is in, and that its markup can be found in bytes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.page.charset import PRESCAN, choose, codec_of, encode, undecided

META = b"<!doctype html><html><head><meta charset=%s><title>x</title>"

# One label for each encoding whose bytes are scanned.
LABELS = re.split(
    r"\s+",
    """utf-8 ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-8-i
    iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u macintosh windows-874 windows-1250
    windows-1251
    windows-1252 windows-1253 windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 x-mac-cyrillic gbk
    gb18030 big5 euc-jp shift_jis euc-kr x-user-defined""",
)


@pytest.mark.parametrize(
    ("header", "first", "codec"),
    [
        ("utf-8", b"", "utf-8"),
        (None, b"<p>no word of it", "utf-8"),
        ("koi8-r", b"\xef\xbb\xbf<p>", "utf-8"),
        ("koi8-r", META % b"shift_jis", "koi8-r"),
        (None, META % b"shift_jis", "cp932"),
        ("nonsense", META % b"'ISO-8859-1'", "cp1252"),
        (" Latin1 ", b"", "cp1252"),
        ("us-ascii", b"", "cp1252"),
        ("iso-8859-9", b"", "cp1254"),
        ("gb2312", b"", "gbk"),
        ("windows-31j", b"", "cp932"),
        ("ks_c_5601-1987", b"", "cp949"),
        ("x-user-defined", b"", "ascii"),
        (None, META % b"x-user-defined", "cp1252"),
        (None, META % b"utf-16le", "utf-8"),
        (None, b"<?xml version='1.0' encoding='koi8-r'?><html>", "koi8-r"),
        (None, b'<?xml version="1.0" encoding="UTF-16"?><html>', "utf-8"),
        (None, b"<?xml version='1.0' encoding='koi8-r'?>" + META % b"big5", "big5hkscs"),
    ],
)
def test_mark_then_header_then_meta_then_utf8(header: str | None, first: bytes, codec: str) -> None:
    """The byte order mark wins, then the header, then the meta element, then UTF-8; labels mean what browsers mean."""
    assert choose(header, first) == codec


@pytest.mark.parametrize(
    ("header", "first"),
    [
        ("utf-8", b"\xff\xfe<\0"),
        ("utf-8", b"\xfe\xff\0<"),
        (None, b"\xff\xfe\0\0"),
        ("utf-16", b"<\0p\0"),
        ("UTF-16BE", b""),
        (None, b"<\0?\0x\0m\0l\0"),
        (None, b"\0<\0?\0x\0m\0l"),
        ("iso-2022-jp", b"<p>"),
        (None, META % b"iso-2022-jp"),
        ("hz-gb-2312", b"<p>"),
        ("iso-2022-kr", b"<p>"),
    ],
)
def test_what_cannot_be_scanned_passes(header: str | None, first: bytes) -> None:
    """UTF-16, UTF-32 and encodings with escapes are named None: such a page passes as it is."""
    assert choose(header, first) is None


@pytest.mark.parametrize(
    ("html", "codec"),
    [
        (b'<META CharSet = "koi8-r" >', "koi8-r"),
        (b"<meta/charset=koi8-r/>", None),
        (b"<meta/charset='koi8-r'/>", "koi8-r"),
        (b"<meta http-equiv='Content-Type' content='text/html; charset=koi8-r'>", "koi8-r"),
        (b"<meta content='text/html; charset = \"koi8-r\" ;x' http-equiv=CONTENT-TYPE>", "koi8-r"),
        (b"<meta content='text/html; charset=koi8-r'>", None),
        (b"<meta http-equiv=refresh content='1; charset=koi8-r'>", None),
        (b"<meta charset=nonsense><meta charset=koi8-r>", "koi8-r"),
        (b"<meta charset=big5 charset=koi8-r>", "big5hkscs"),
        (b"<!-- <meta charset=big5> --><meta charset=koi8-r>", "koi8-r"),
        (b"<!--><meta charset=koi8-r>", "koi8-r"),
        (b"<!-- <meta charset=big5>", None),
        (b"<a title='<meta charset=big5>'><meta charset=koi8-r>", "koi8-r"),
        (b"</a title=\"<meta charset=big5>\"><meta charset=koi8-r>", "koi8-r"),
        (b"<!doctype <meta charset=big5><meta charset=koi8-r>", "koi8-r"),
        (b"< meta charset=big5><metadata charset=big5><meta charset=koi8-r>", "koi8-r"),
        (b"<? <meta charset=big5><meta charset=koi8-r>", "koi8-r"),
        (b"<meta charset=koi8-r", None),
        (b"<meta charset='koi8-r", None),
        (b"<meta", None),
        (b"<", None),
        (b" " * (PRESCAN - 10) + b"<meta charset=koi8-r>", None),
        (b" " * (PRESCAN - 21) + b"<meta charset=koi8-r>", "koi8-r"),
    ],
)
def test_the_meta_element_is_found_as_browsers_find_it(html: bytes, codec: str | None) -> None:
    """The prescan of 1,024 bytes: comments and other tags are skipped, the first meta that names an encoding counts."""
    assert choose(None, html) == (codec or "utf-8")


@pytest.mark.parametrize("label", LABELS)
def test_every_encoding_writes_markup_as_ascii_does(label: str) -> None:
    """Law behind scanning bytes: in no encoding is a sign of HTML part of another character."""
    codec = choose(label, b"")
    assert codec is not None
    signs = b"<>\"'=/-!& \t\n\f\r"
    for sign in signs:
        assert chr(sign).encode(codec) == bytes([sign])
    for code in (*range(0x80, 0xD800), *range(0xE000, 0x11000), *range(0x1F300, 0x1F400), *range(0x20000, 0x20400)):
        try:
            written = chr(code).encode(codec)
        except UnicodeEncodeError:
            continue
        if chr(code) not in "¥‾":  # EUC-JP's tilde and backslash: written as references instead
            assert not any(byte in signs for byte in written), (codec, hex(code))
        assert written[0] >= 0x80 or chr(code) in "¥‾"


def test_the_law_of_signs_can_fail() -> None:
    """A planted wrong choice, ISO-2022-JP, breaks the law that the encodings above keep."""
    assert any(byte in b"<>\"'=/-!&" for code in range(0x3041, 0x3096) for byte in chr(code).encode("iso2022_jp"))


@pytest.mark.parametrize(("label", "text"), [("euc-jp", "¥‾£"), ("shift_jis", "¢−〜"), ("big5", "£•"), ("koi8-u", "╬")])
def test_characters_that_browsers_would_misread_are_references(label: str, text: str) -> None:
    """Where Python's codec and a browser's differ, the character is written as a number."""
    codec = choose(label, b"")
    assert codec is not None
    assert encode(text, codec) == "".join(f"&#{ord(c)};" for c in text).encode()


@pytest.mark.parametrize(
    ("label", "html", "written"),
    [
        ("utf-8", "héé €", "héé €".encode()),
        ("iso-8859-1", "é € Ω", b"\xe9 \x80 &#937;"),
        ("shift_jis", "日本 é", "日本".encode("cp932") + b" &#233;"),
        ("x-user-defined", "é", b"&#233;"),
    ],
)
def test_fills_are_written_in_the_pages_encoding(label: str, html: str, written: bytes) -> None:
    """What the page's encoding has is written in it, and the rest as numeric references."""
    codec = choose(label, b"")
    assert codec is not None
    assert encode(html, codec) == written


PIECES = st.sampled_from(
    [b"<meta charset=koi8-r>", b"<meta charset='big5'", b"<!--", b"-->", b"<a b='", b"'>", b"\xef\xbb\xbf", b"\xff\xfe",
     b"<?xml", b" encoding='koi8-r'?>", b"text ", b"<", b">", b"x" * 300]
)  # fmt: skip


@given(st.sampled_from([None, "nonsense", "koi8-r"]), st.lists(PIECES, max_size=9).map(b"".join), st.data())
def test_a_settled_choice_stays(header: str | None, page: bytes, data: st.DataObject) -> None:
    """Law: once `undecided` says no, no further byte changes the choice."""
    seen = page[: data.draw(st.integers(0, len(page)))]
    if not undecided(header, seen):
        assert choose(header, seen) == choose(header, page)


def test_an_early_choice_would_differ() -> None:
    """The planted bug for the law above: choosing from the first byte alone."""
    page = b"\xef\xbb\xbf<p>"
    assert choose("koi8-r", page[:1]) != choose("koi8-r", page)
    assert undecided("koi8-r", page[:1]) and undecided("koi8-r", page[:2]) and not undecided("koi8-r", page[:3])


def test_a_page_with_a_charset_in_its_header_is_settled_by_its_first_byte() -> None:
    """Streaming is not held up where the header tells."""
    assert not undecided("utf-8", b"<")
    assert undecided("utf-8", b"")
    assert undecided(None, b"<")
    assert not undecided(None, b"<" + b" " * PRESCAN)


def test_labels_are_found_in_any_case_and_space() -> None:
    """Labels are trimmed and lower-cased; what is no label is None."""
    assert codec_of("\tUTF8 \n") == "utf-8"
    assert codec_of("utf 8") is None
    assert codec_of("") is None
    assert codec_of("utf-16") == "-"
