"""HTML that others wrote, cut down to what may stand in a page: nh3's parser (ammonia) with the list below.

Pictures, links, basic formatting, tables and classes stay; scripts, styles, forms, frames, event handlers, SVG,
MathML and every URL scheme but http, https, mailto and tel go. The output is balanced: it cannot close an
element of the page around it.
"""

from __future__ import annotations

import re
from collections import Counter

from ..errors import BadFragment

_TAGS = frozenset({
    "a", "abbr", "article", "aside", "b", "bdi", "bdo", "blockquote", "br", "caption", "cite", "code", "col",
    "colgroup", "data", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "footer", "h1", "h2",
    "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark", "nav", "ol", "p",
    "picture", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "source", "span", "strong", "sub",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "u", "ul", "var", "wbr",
})  # fmt: skip
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "title", "lang", "dir", "role", "aria-label", "aria-hidden", "aria-describedby"},
    "a": {"href", "hreflang"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height", "loading", "decoding"},
    "source": {"srcset", "sizes", "media", "type", "width", "height"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "headers", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start", "reversed", "type"},
    "time": {"datetime"},
    "data": {"value"},
}
SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
# Elements that never nest by themselves: void ones, and those that the next of their kind closes.
_FLAT = frozenset({
    "area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p", "li", "dt",
    "dd", "option", "tr", "td", "th", "tbody", "thead", "tfoot",
})  # fmt: skip
DEEPEST = 256


def sanitize(html: str) -> str:
    """`html` with only what is on the list; text is kept, the content of scripts and styles is not.

    Raises BadFragment for HTML nested deeper than 256: an HTML5 tree builder looks through its open elements for
    each tag, so 200 KB of `<div>` would take it nine seconds.
    """
    import nh3  # loaded with the first fragment that needs it

    if html.count("<") > DEEPEST and _depth(html) > DEEPEST:
        raise BadFragment(f"HTML nested more than {DEEPEST} deep")
    whole = html if html.isascii() else html.encode("utf-8", "replace").decode()  # a lone surrogate is no text
    # No rel is added: links open in the same window, and the site's own pages may see where a visitor came from.
    return nh3.clean(whole, tags=set(_TAGS), attributes=_ATTRIBUTES, url_schemes=set(SCHEMES), link_rel=None)


def _depth(html: str) -> int:
    """An upper bound of how deep elements nest: those of each name that were opened and not closed again."""
    open_: Counter[str] = Counter()
    depth = deepest = 0
    for slash, name in _TAG.findall(html):
        name = name.lower()
        if name in _FLAT:
            continue
        if not slash:
            open_[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif open_[name]:
            open_[name] -= 1
            depth -= 1
    return deepest
