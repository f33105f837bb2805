"""Names of elements that the tree rules treat alike (HTML Living Standard, 13.1.2 and 13.2.4)."""

from __future__ import annotations


def _names(text: str) -> frozenset[bytes]:
    return frozenset(text.encode("ascii").split())


VOID = _names("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
SPECIAL = _names(
    """address applet area article aside base basefont bgsound blockquote body br button caption center col colgroup
    dd details dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header
    hgroup hr html iframe img input keygen li link listing main marquee menu meta nav noembed noframes noscript object
    ol p param plaintext pre script search section select source style summary table tbody td template textarea tfoot
    th thead title tr track ul wbr xmp"""
)
FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")
HEADINGS = _names("h1 h2 h3 h4 h5 h6")
# Blocks end an open p when they start, and everything open inside them when they end.
BLOCKS = _names(
    """address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header
    hgroup main menu nav ol search section summary ul pre listing"""
)
ENDS_P = BLOCKS | HEADINGS | _names("p li dd dt form table hr plaintext xmp")
IMPLIED_END = _names("dd dt li optgroup option p rb rp rt rtc")
HEAD_CONTENT = _names("base basefont bgsound link meta title noframes style script template noscript")
MARKED = _names("applet object marquee td th caption template")  # formatting does not reach into these
TABLE_PARTS = _names("caption colgroup col tbody thead tfoot tr td th")
TABLE_PLACES = _names("table caption colgroup tbody thead tfoot tr td th template html")

# Where "has an element in ... scope" stops looking.
SCOPE = _names("applet caption html table td th marquee object template")
LIST_SCOPE = SCOPE | _names("ol ul")
BUTTON_SCOPE = SCOPE | _names("button")
TABLE_SCOPE = _names("html table template")

BREAKOUT = _names(
    """b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta
    nobr ol p pre ruby s small span strong strike sub sup table tt u ul var"""
)
SVG_HTML_POINTS = _names("foreignobject desc title")
MATH_TEXT_POINTS = _names("mi mo mn ms mtext")
