"""HTML tokens as patterns over bytes: the WHATWG tokeniser (HTML Living Standard, 13.2.5), without a decoder.

Every ASCII-compatible encoding may be read this way, because all that steers the tokeniser is ASCII. The patterns are
possessive: a token that does not fit fails at once, and nothing is ever given back.

Two rules bind all of them. Rule 1: a pattern matches a whole token or nothing, so that `endpos` and the end of a
chunk may cut anywhere. Rule 2: what stands after a `<` is asserted positively, never by absence, for the same reason.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

BOM = b"\xef\xbb\xbf"
SPACE = b"\t\n\f\r "
WS = rb"[\t\n\f\r ]"

# An attribute: a name may hold quotes and `<`; a quote opens a value only right after `=` (13.2.5.32 to 13.2.5.39).
_ATTR = (
    rb"[^\t\n\f\r />][^\t\n\f\r />=]*+"
    rb"(?:" + WS + rb"*+=" + WS + rb"*+(?:\"[^\"]*+\"|'[^']*+'|[^\t\n\f\r \"'>][^\t\n\f\r >]*+|(?=>))"
    rb"|(?!" + WS + rb"*+=))"
)
# Nearly all attributes look like ` name="value"`; the first loop takes them without trying anything else.
_PLAIN_ATTRS = rb"(?:[ \n]++[a-zA-Z-]++=\"[^\"]*+\")*+"
_MORE_ATTRS = rb"(?:" + WS + rb"++|/(?!>)|" + _ATTR + rb")*+"
_ATTRS = _PLAIN_ATTRS + _MORE_ATTRS
_NAME = rb"[a-zA-Z][^\t\n\f\r />]*+"
# Each without its `<`:
_COMMENT = rb"!--(?:-?>|(?:[^-]++|-(?!-!?>))*+--!?>)"
_BOGUS = rb"(?:!(?!--)|\?|/(?![a-zA-Z]))[^>]*+>"
_LONE = rb"(?=[^a-zA-Z/!?])"

RAW = frozenset(
    (b"script", b"style", b"textarea", b"title", b"xmp", b"iframe", b"noembed", b"noframes", b"noscript", b"plaintext")
)

TEXT, START, END, COMMENT, BOGUS = 1, 2, 5, 6, 7
# Groups: 1 text, 2 start tag's name, 3 attributes, 4 self-closing slash, 5 end tag's name, 6 comment, 7 bogus comment.
# `lastindex` tells the kind: 1, 2 to 4, 5, 6 or 7.
TOKEN = re.compile(
    rb"((?:[^<]++|<" + _LONE + rb")++)"
    rb"|<(" + _NAME + rb")(" + _ATTRS + rb")(/)?>"
    rb"|</(" + _NAME + rb")" + _ATTRS + rb"/?>"
    rb"|(<" + _COMMENT + rb")"
    rb"|(<" + _BOGUS + rb")"
)

_STOPS = rb"script|style|svg|math|template|title|textarea|plaintext|xmp|iframe|noembed|noframes|noscript"


def _raw_element(name: bytes) -> bytes:
    """A raw text element from its start tag to its end tag; scripts that hold `<!--` are left to the scanner."""
    unless = rb"|!--" if name == b"script" else b""
    body = rb"[^<]*+(?:<(?!/(?i:" + name + rb")" + unless + rb")[^<]*+)*+"
    end = rb"</(?i:" + name + rb")(?=[\t\n\f\r />])" + _ATTRS + rb"/?>"
    first = rb"[" + name[:1] + name[:1].upper() + rb"]"  # a set is looked at before anything else is tried
    return first + rb"(?i:" + name[1:] + rb")(?=[\t\n\f\r />])" + _ATTRS + rb"/?>" + body + end


# An icon: an svg whose tags can neither leave foreign content nor hold HTML.
_ICON = (
    rb"(?:path|g|circle|ellipse|rect|line|polyline|polygon|use|defs|lineargradient|stop|clippath|mask)"
    rb"(?=[\t\n\f\r />])"
)
_SVG = (
    rb"[sS](?i:vg)(?=[\t\n\f\r />])" + _ATTRS + rb">(?:[^<]++|</?(?i:" + _ICON + rb")" + _ATTRS + rb"/?>)*+"
    rb"</(?i:svg)" + WS + rb"*+>"
)

# As many whole tokens of plain HTML content as there are. It stops before whatever changes how the rest is read:
# foreign content, templates, raw text that does not end here, and tokens that are not complete.
_TAG_END = _PLAIN_ATTRS + rb"(?:>|" + _MORE_ATTRS + rb"/?>)"
# Nearly all tags: a name that is none of _STOPS already by its first letters, and attributes like ` name="value"`.
# What is left of a tag that has others is read from there: after a quote, or where the name has ended.
_PLAIN_TAG = (
    rb"[a-zA-Z0-9-]*+(?:[ \n][a-zA-Z0-9:_-]++=\"[^\"]*+\")*+"
    rb"(?:>|(?:(?<=\")|(?=[\t\n\f\r /]))" + _PLAIN_ATTRS + _MORE_ATTRS + rb"/?>)"
)
_FIRST_LETTERS = (
    rb"[a-hj-loqru-wyzA-HJ-LOQRU-WYZ]", rb"[pP](?![lL])", rb"[sS](?![cCtTvV])", rb"[tT](?![eEiI])", rb"[iI](?![fF])",
)  # fmt: skip
CONTENT = re.compile(
    rb"(?:[^<]*+<(?:"
    rb"/[a-zA-Z][a-zA-Z0-9]*+>|"
    + b"".join(letters + _PLAIN_TAG + rb"|" for letters in _FIRST_LETTERS) +
    rb"(?!(?i:" + _STOPS + rb")[\t\n\f\r />])" + _NAME + _TAG_END + rb"|/" + _NAME + _TAG_END +
    rb"|" + _COMMENT +
    rb"|" + b"|".join(_raw_element(n) for n in sorted(RAW - {b"plaintext"})) + rb"|" + _SVG +
    rb"|" + _BOGUS +
    rb"|" + _LONE +
    rb"))*+[^<]*+"
)  # fmt: skip
# The same for what stands inside a slot, one tag at a time: groups 1 start tag, 2 an end tag of that name if nothing
# but text comes before it, 3 end tag; None at comments.
INNER = re.compile(
    rb"[^<]*+<(?:(" + _NAME + rb")" + _PLAIN_ATTRS + rb"(?:>|" + _MORE_ATTRS + rb"/?>)(?:[^<]*+(</\1>))?+"
    rb"|/(" + _NAME + rb")>|" + _COMMENT + rb")"
)

# Where raw text ends, by element; what follows is read as an end tag.
RAW_END = {n: re.compile(rb"</(?i:" + n + rb")(?=[\t\n\f\r />])") for n in RAW}
COMMENT_END = re.compile(rb"--!?>")
CDATA_END = re.compile(rb"\]\]>")
# Script data, escaped (inside `<!--`), double escaped (a `<script` inside that): 13.2.5.15 to 13.2.5.31.
SCRIPT = (
    re.compile(rb"<!--|</(?i:script)(?=[\t\n\f\r />])"),
    re.compile(rb"-->|</?(?i:script)(?=[\t\n\f\r />])"),
    re.compile(rb"-->|</(?i:script)(?=[\t\n\f\r />])"),
)

ONE_ATTR = re.compile(
    rb"[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rb"(?:" + WS + rb"*+=" + WS + rb"*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r \"'>][^\t\n\f\r >]*+)|(?=>)))?+"
)
# In attributes a reference without `;` that is followed by `=` or a letter or digit stays as written (13.2.5.73).
_REFERENCE = re.compile(rb"&(?:#[xX]?[0-9a-fA-F]++;?|[a-zA-Z0-9]++(?:;|(?![=a-zA-Z0-9])))")


def attributes(raw: bytes, charset: str = "utf-8") -> dict[bytes, bytes]:
    """Names (lower case) and values (references decoded, in `charset`) of a start tag's attributes; of repeated names
    the first counts. `raw` is what stands between the tag's name and its `>`."""
    found: dict[bytes, bytes] = {}
    for name, double, single, bare in ONE_ATTR.findall(raw):
        found.setdefault(name.lower(), double or single or bare)
    if b"&" in raw or b"\r" in raw or b"\0" in raw:
        return {n: value(v, charset) for n, v in found.items()}
    return found


def value(raw: bytes, charset: str = "utf-8") -> bytes:
    """An attribute's value as the document would hold it: newlines normalised, NUL replaced, references decoded."""
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in raw:
        raw = raw.replace(b"\0", "\N{REPLACEMENT CHARACTER}".encode(charset, "xmlcharrefreplace"))
    if b"&" not in raw:
        return raw
    return _REFERENCE.sub(lambda m: _meant(m[0].decode("ascii")).encode(charset, "xmlcharrefreplace"), raw)


def _meant(reference: str) -> str:
    """What a character reference in an attribute stands for. A name counts whole or not at all there: of `&region` and
    `&notit;` text would take the first letters. A control that has no other meaning is itself, which html.unescape
    drops (13.2.5.80)."""
    if not reference.startswith("&#"):
        return html5.get(reference[1:], reference)
    digits = reference[2:].rstrip(";")
    return html.unescape(reference) or chr(int(digits[1:], 16) if digits[0] in "xX" else int(digits))
