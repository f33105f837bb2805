"""Which encoding a page is in: byte order mark, then header, then `<meta>`, then UTF-8; and how to write in it.

Slots are found and cut in bytes, without decoding. That is safe in every encoding named here, because each writes
HTML's own signs as ASCII writes them. In Shift_JIS, GBK, Big5, EUC-KR and gb18030 the second byte of a character can
be 0x40 to 0x7E (in gb18030 also a digit), so it may look like a letter, a backslash, `|` or `]`. None can look like
`<` `>` `"` `'` `=` `/` `-` `!` `&` or white space, and a tag or attribute name with such a byte in it also holds a
byte above 0x7F, so it equals none of ours. Where ASCII follows a lead byte by mistake, browsers keep the ASCII byte
too. One oddity stays: a character ending in `]` right before `]>` in a CDATA section of inline SVG.

UTF-16 and the escape-based encodings (ISO-2022-JP, HZ) do not have this property: `choose` says None and the page
passes as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

PRESCAN = 1024  # bytes in which a browser looks for <meta charset>

# Labels as browsers know them (WHATWG Encoding, 4.2), by the Python codec that writes the same bytes.
# "-" marks encodings whose bytes cannot be scanned for markup.
_TABLE = """
utf-8: unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8
cp866: 866 cp866 csibm866 ibm866
iso8859-2: csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2
iso8859-3: csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3
iso8859-4: csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4
iso8859-5: csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988
iso8859-6: arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e iso-8859-6-i
iso8859-6: iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
iso8859-7: csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7
iso8859-7: iso_8859-7:1987 sun_eu_greek
iso8859-8: csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8
iso8859-8: iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical
iso8859-10: csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6
iso8859-13: iso-8859-13 iso8859-13 iso885913
iso8859-14: iso-8859-14 iso8859-14 iso885914
iso8859-15: csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9
iso8859-16: iso-8859-16
koi8-r: cskoi8r koi koi8 koi8-r koi8_r
koi8-u: koi8-ru koi8-u
mac-roman: csmacintosh mac macintosh x-mac-roman
mac-cyrillic: x-mac-cyrillic x-mac-ukrainian
cp874: dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874
cp1250: cp1250 windows-1250 x-cp1250
cp1251: cp1251 windows-1251 x-cp1251
cp1252: ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1
cp1252: iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252
cp1253: cp1253 windows-1253 x-cp1253
cp1254: cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5
cp1254: windows-1254 x-cp1254
cp1255: cp1255 windows-1255 x-cp1255
cp1256: cp1256 windows-1256 x-cp1256
cp1257: cp1257 windows-1257 x-cp1257
cp1258: cp1258 windows-1258 x-cp1258
gbk: chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk
gb18030: gb18030
big5hkscs: big5 big5-hkscs cn-big5 csbig5 x-x-big5
euc-jp: cseucpkdfmtjapanese euc-jp x-euc-jp
cp932: csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis
cp949: cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949
ascii: x-user-defined
-: csiso2022jp iso-2022-jp csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement
-: unicodefffe utf-16be csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le
"""
_CODECS: dict[str, str] = {
    label: line.partition(":")[0] for line in _TABLE.split("\n") for label in line.partition(": ")[2].split()
}
_UTF16 = frozenset(label for label in _CODECS if label.startswith(("utf-16", "unicodef", "csunicode"))) | {
    "iso-10646-ucs-2", "ucs-2", "unicode",
}  # fmt: skip

# Characters that a codec writes in bytes which browsers read as another one (found by asking Chromium for each
# character of each codec), so they are written as numeric references.
_MISREAD = {
    "big5hkscs": "¢£¥•‾∼☉♁／＼､",
    "cp932": "\x80¢£¬‖−〜\uf8f0\uf8f1\uf8f2\uf8f3",
    "euc-jp": "¢£¥¬‖‾−〜",
    "gb18030": "ḿ\ue5e5\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796"
    "\ue7c7\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864",
    "koi8-u": "╝╬",
}
_AS_REFERENCE = {codec: {ord(c): f"&#{ord(c)};" for c in text} for codec, text in _MISREAD.items()}

_BOMS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")


def choose(header_charset: str | None, first: bytes) -> str | None:
    """The Python codec for what goes into a page, from the charset of its Content-Type and its first bytes
    (up to 1024 matter, decoded from any content coding). None: the page cannot be scanned and passes as it is.
    A label nobody knows counts as absent. Method: WHATWG HTML 13.2.3.2, encoding sniffing, steps 1 to 5."""
    if first.startswith(_BOMS):
        return "utf-8" if first.startswith(b"\xef") else None
    if header_charset is not None and (codec := codec_of(header_charset)) is not None:
        return None if codec == "-" else codec
    if first.startswith((b"<\0?\0x\0", b"\0<\0?\0x")):
        return None
    codec = _meta(first[:PRESCAN]) or _xml(first[:PRESCAN]) or "utf-8"
    return None if codec == "-" else codec


def undecided(header_charset: str | None, first: bytes) -> bool:
    """Could `choose` answer otherwise once more of the page is known? So long, what is sent must not depend on
    its answer. With a charset in the header at most two bytes are waited for, without one up to 1024."""
    if len(first) < 3 and any(mark.startswith(first) and mark != first for mark in _BOMS):
        return True
    if first.startswith(_BOMS) or (header_charset is not None and codec_of(header_charset) is not None):
        return False
    return len(first) < PRESCAN and _meta(first) is None


def encode(html: str, codec: str) -> bytes:
    """`html` in the page's encoding (a codec from `choose`), as browsers will read it; what the encoding cannot
    express becomes a numeric reference."""
    if codec in _AS_REFERENCE:
        html = html.translate(_AS_REFERENCE[codec])
    return html.encode(codec, "xmlcharrefreplace")


@lru_cache(maxsize=256)
def codec_of(label: str) -> str | None:
    """The Python codec for an encoding's label; "-" for one whose bytes cannot be scanned, None for no label."""
    return _CODECS.get(label.strip("\t\n\f\r ").lower())


# --- the prescan (WHATWG HTML 13.2.3.2, "prescan a byte stream to determine its encoding") --------------

_SPACE = b"\t\n\f\r "
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CONTENT_CHARSET = re.compile(r"""charset[\s]*=[\s]*(?:"([^"]*)"|'([^']*)'|([^"'\s;][^\s;]*))""", re.ASCII)
_XML_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding[\x00-\x20]*=[\x00-\x20]*(["'])([^"'>\x00-\x20]*)\1[^>]*>""")


class _Ended(Exception):
    """The bytes ran out inside a tag: nothing more can be learned."""


def _xml(data: bytes) -> str | None:
    match = _XML_ENCODING.match(data)
    return _not_utf16(match[2].decode("latin-1")) if match else None


def _not_utf16(label: str) -> str | None:
    """What could be read as ASCII is not UTF-16, whatever it says of itself."""
    return "utf-8" if label.strip("\t\n\f\r ").lower() in _UTF16 else codec_of(label)


@lru_cache(maxsize=64)
def _meta(data: bytes) -> str | None:
    try:
        return _prescan(data)
    except _Ended:
        return None


def _prescan(data: bytes) -> str | None:
    at = 0
    while (at := data.find(b"<", at)) >= 0:
        if data.startswith(b"<!--", at):
            end = data.find(b"-->", at + 2)
            if end < 0:
                return None
            at = end + 3
        elif data[at + 1 : at + 5].lower() == b"meta" and data[at + 5 : at + 6] and data[at + 5] in b"\t\n\f\r /":
            attributes, at = _attributes(data, at + 5)
            if (codec := _declared(attributes)) is not None:
                return codec
        else:
            name = at + 2 if data.startswith(b"</", at) else at + 1
            if name < len(data) and data[name] in _LETTERS:
                while name < len(data) and data[name] not in b"\t\n\f\r >":
                    name += 1
                _, at = _attributes(data, name)
            elif data[at + 1 : at + 2] in (b"!", b"/", b"?"):
                if (at := data.find(b">", at)) < 0:
                    return None
            else:
                at += 1
    return None


def _declared(attributes: dict[str, str]) -> str | None:
    label, needs_pragma = attributes.get("charset"), False
    if label is None and (match := _CONTENT_CHARSET.search(attributes.get("content", ""))):
        label, needs_pragma = next((g for g in match.groups()[:3] if g is not None), None), True
    if label is None or (needs_pragma and attributes.get("http-equiv") != "content-type"):
        return None
    codec = _not_utf16(label)
    return "cp1252" if codec == "ascii" else codec  # a meta that says x-user-defined


def _attributes(data: bytes, at: int) -> tuple[dict[str, str], int]:
    """The attributes from `at` to the tag's end, lower-cased, the first of each name; and where the tag ends.
    Raises _Ended."""
    found: dict[str, str] = {}
    while True:
        at = _skip(data, at, b"\t\n\f\r /")
        if data[at] == 0x3E:
            return found, at + 1
        start = at
        while not (data[at] == 0x3D and at > start) and data[at] not in b"\t\n\f\r />":
            at = _next(data, at)
        name = data[start:at].lower().decode("latin-1")
        at = _skip(data, at, _SPACE)
        value = b""
        if data[at] == 0x3D:
            at = _skip(data, _next(data, at), _SPACE)
            if data[at] in b"\"'":
                end = data.find(data[at : at + 1], at + 1)
                if end < 0:
                    raise _Ended
                value, at = data[at + 1 : end], _next(data, end)
            elif data[at] != 0x3E:
                start = at
                while data[at] not in b"\t\n\f\r >":
                    at = _next(data, at)
                value = data[start:at]
        found.setdefault(name, value.lower().decode("latin-1"))


def _next(data: bytes, at: int) -> int:
    if at + 1 >= len(data):
        raise _Ended
    return at + 1


def _skip(data: bytes, at: int, over: bytes) -> int:
    while at < len(data) and data[at] in over:
        at += 1
    if at >= len(data):
        raise _Ended
    return at
