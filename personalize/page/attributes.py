"""One attribute of a start tag set or removed; every other byte of the tag stays.

A fill is HTML text: its character references mean in the value what they mean in text, and only what could end the
value or look like a tag is escaped. White space around it is dropped. What would run code is refused: addresses with a
scheme that is not known to be harmless, and what scripts and the like load; event handlers, styles and whole documents
are refused when the config is loaded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from .spans import Span
from .tokens import ONE_ATTR, attributes

_ADDRESSES = frozenset(
    b"""href src action formaction poster cite background data manifest ping longdesc usemap xlink:href srcset
    icon""".split()
)
# What these load or set runs in the page or rules it; the SVG ones set other elements' attributes.
_LOADERS = frozenset(b"script base link object embed animate animatemotion animatetransform set".split())
_SCHEME = re.compile(r"([^/?#:]*):")
_HARMLESS = frozenset(("http", "https", "mailto", "tel", "sms"))

def may_be_set(attribute: bytes, element: bytes, raw: bytes) -> bool:
    """Whether content may choose this attribute of this element."""
    if element in _LOADERS:
        return False
    return element != b"meta" or attribute.lower() != b"content" or b"http-equiv" not in attributes(raw)


def change(slot: str, attribute: bytes, remove: bool, raw: bytes, origin: int, at: int, end: int) -> list[Span]:
    """The spans that set or remove an attribute of the start tag that stands from `origin` to `end`, whose attributes
    `raw` begin at `at` (offsets in the page)."""
    name = attribute.lower()
    # The tag's > tells an empty value; of repeated attributes a browser takes the first.
    found = [m for m in ONE_ATTR.finditer(raw + b">") if m[1].lower() == name]

    def span(first: int, last: int, write: Callable[[bytes], bytes | None]) -> Span:
        made = Span(slot, "point", origin, at + first, end)
        made.end, made.write, made.claim = at + last, write, name
        return made

    if remove and found:  # all of them, or the second would count from now on
        return [span(*_cut(m, raw)) for m in found]
    if not found:
        return [span(0, 0, _nothing if remove else _value(name, b' %b="' % attribute, b'"', b'"'))]
    first = found[0]
    if first[2] is not None:
        return [span(*first.span(2), _value(name, b"", b"", b'"'))]
    if first[3] is not None:
        return [span(*first.span(3), _value(name, b"", b"", b"'"))]
    if first[4] is not None:
        return [span(*first.span(4), _value(name, b'"', b'"', b'"'))]
    return [span(first.end(1), first.end(), _value(name, b'="', b'"', b'"'))]


def _nothing(fill: bytes) -> bytes:
    return b""


def _value(name: bytes, before: bytes, after: bytes, quote: bytes) -> Callable[[bytes], bytes | None]:
    address = name in _ADDRESSES
    escaped = b"&quot;" if quote == b'"' else b"&#39;"

    def write(fill: bytes) -> bytes | None:
        text = fill.strip()
        if address and not harmless(text):
            return None
        text = text.replace(b"<", b"&lt;").replace(b">", b"&gt;").replace(quote, escaped)
        return before + text + after

    return write


def harmless(address: bytes) -> bool:
    """Whether an address, as it would stand in an attribute, has no scheme or one that runs nothing."""
    text = html.unescape(address.decode("latin-1"))
    text = "".join(c for c in text if c > " ").lower()
    scheme = _SCHEME.match(text)
    return scheme is None or scheme[1] in _HARMLESS or text.startswith("data:image/")


def _cut(found: re.Match[bytes], raw: bytes) -> tuple[int, int, Callable[[bytes], bytes]]:
    """What goes with an attribute, and what is left to keep its neighbours apart: `a x =b` never becomes `a =b`, and no
    / comes to stand before the tag's >. That holds whatever else goes from the tag."""
    start, stop = found.start(1), found.end()
    before, after = raw[start - 1 : start], raw[stop : stop + 1]
    if raw[stop:].lstrip(_WS).startswith(b"="):
        return start, stop, lambda fill: b"/"
    if before == b"/":
        return start, stop, lambda fill: b" "
    return start - (before in _SPACES and after in _SPACES), stop, _nothing


_WS = b"\t\n\f\r "
_SPACES = frozenset((b"\t", b"\n", b"\f", b"\r", b" "))
