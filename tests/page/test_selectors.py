"""CSS selectors, matched while a page streams forward."""

from __future__ import annotations

import re
from pathlib import Path

import html5lib
import pytest

from personalize.page import SlotTarget, Splicer, compile_rules
from personalize.page.tokens import attributes

PAGE = b"""<!DOCTYPE html><html lang="en-GB"><head><title>t</title></head><body class="home dark">
<div id="a" class="x"><p id="p1" class="lead big">1</p><p id="p2" data-k="one-two three">2</p><span id="s1">3</span>
<p id="p3" lang="en">4</p></div><ul id="u"><li id="l1">1<li id="l2" class="x y">2<li id="l3">3<li id="l4">4</ul>
<div id="b"><section id="sec"><a id="link" href="/shop?a=1&amp;b=2" rel="NoFollow">5</a><b id="bold">6</b></section>
<h2 id="h">7</h2><em id="e">8</em><em id="e2">9</em></div>
<table id="t"><tr id="r"><td id="c">1</td><td id="d">2</td></tr></table>
<svg id="svg"><linearGradient id="grad"><stop/></linearGradient></svg></body></html>"""


def ids(selector: str, size: int = 0) -> str | None:
    """The id of the element that a selector fills, or None."""
    rules = compile_rules([SlotTarget("s", selector)])
    splicer = Splicer(rules, lambda slot: b"\1")
    size = size or len(PAGE)
    parts = [PAGE[i : i + size] for i in range(0, len(PAGE), size)]
    out = b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))
    if b"\1" not in out:
        assert out == PAGE
        return None
    tag = out[: out.index(b"\1")].rpartition(b"<")[2]
    found = re.search(rb'id="(\w+)"', tag)
    return found[1].decode() if found else tag.split(b" ")[0].rstrip(b">").decode()


MATCHES = {
    "ul": "u", "*": "html", "body": "body", "#p2": "p2", ".x": "a", "p.lead": "p1", "p.lead.big": "p1", "li.x": "l2",
    "DIV": "a", "lineargradient": "grad", "title": "title",
    "[data-k]": "p2", "[data-k='one-two three']": "p2", "[data-k=three]": None, "[data-k~=three]": "p2",
    "[data-k|=one]": "p2", "[data-k^=one]": "p2", "[data-k$=three]": "p2", "[data-k*='two t']": "p2",
    "[data-k*='']": None, "[data-k~='']": None, "[DATA-K]": "p2",
    "[id=P1]": None, "[id=P1 i]": "p1", "[id='P1'i]": "p1", "[id=p1 s]": "p1", "p[lang|=EN]": "p3",
    "[rel=nofollow]": "link", "[rel=nofollow s]": None, "[href='/shop?a=1&b=2']": "link",
    "body p": "p1", "div p#p3": "p3", "div > a": None, "section > a": "link", "body > div > section > b": "bold",
    "p + p": "p2", "p + span": "s1", "span + p": "p3", "p ~ p": "p2", "p ~ span ~ p": "p3", "ul + div b": "bold",
    "p + p + p": None, "div ~ table td": "c", "table > tr": None, "table > tbody > tr > td + td": "d",
    "li:first-child": "l1", "li:nth-child(2)": "l2", "li:nth-child(2n+1):not(#l1)": "l3", "li:nth-child(even)": "l2",
    "li:nth-child(n+3)": "l3", "li:nth-child(-n+2)": "l1", "li:nth-child(5)": None, "p:nth-child(3)": None,
    "p:first-of-type": "p1", "span:first-of-type": "s1", "p:nth-of-type(3)": "p3", "em:nth-of-type(2)": "e2",
    ":root": "html", ":root > body > div": "a", "div:first-child": "a", "body:root": None,
    "p:not(.lead)": "p2", "p:not(.lead, #p2)": "p3", "p:not(.lead):not([data-k])": "p3", "div:not(.x)": "b",
    "a:not(ul a)": "link", "a:not(#b a)": None, ":not(p):not(html):not(body):not(head):not(title):not(div)": "s1",
    ":is(h1, h2, h3)": "h", ":is(#b, #u) li": "l1", ":is(ul > li, section > b)": "l1", ":where(section) b": "bold",
    "body.dark #b em": "e", "body:not(.dark) em": None, "html[lang|=en] h2": "h", "h2, ul": "u", "nothing, #e": "e",
    "p:is(.lead, [data-k]) + :not(p)": "s1", ".\\31 23": None, "div  >  section": "sec", "div:is(:not(.x))": "b",
}  # fmt: skip


@pytest.mark.parametrize(("selector", "found"), MATCHES.items(), ids=MATCHES.keys())
def test_a_selector_fills_the_first_element_it_matches(selector: str, found: str | None) -> None:
    """The first match in document order is the slot, whatever the chunks."""
    assert ids(selector) == found
    assert ids(selector, 5) == found


REFUSED = {
    "li:last-child": "comes later",
    "li:nth-last-child(2)": "comes later",
    "p:last-of-type": "comes later",
    "p:only-child": "comes later",
    "p:empty": "comes later",
    "div:has(p)": "comes later",
    "div:has(> p)": "comes later",
    "p:not(:last-child)": "comes later",
    "a:hover": "not supported",
    "p:lang(en)": "not supported",
    "p::before": "pseudo-element",
    "svg|g": "namespace",
    "[svg|href]": "namespace",
    "p:nth-child(x)": "needs a form",
    "p:nth-child(2 of .a)": "",
    "[a!=b]": "not supported",
    "": "does not parse",
    "p >": "does not parse",
    "p:not(": "does not parse",
    "p:is(a": "does not parse",
    "[a=b": "does not parse",
    "..x": "does not parse",
    "p, ": "does not parse",
}


@pytest.mark.parametrize(("selector", "message"), REFUSED.items(), ids=REFUSED.keys())
def test_what_cannot_be_matched_streaming_is_refused_with_a_message(selector: str, message: str) -> None:
    """A selector that needs what comes later, or that does not parse, is refused when the rules are compiled."""
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        compile_rules([SlotTarget("s", selector)])
    assert repr(selector) in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "a>b", "a--b", ""])
def test_a_comment_name_that_no_comment_could_hold_is_refused(name: str) -> None:
    """Names with spaces, angle brackets or double dashes are refused."""
    with pytest.raises(ValueError, match="comment's name"):
        compile_rules([SlotTarget("s", None, name)])


def test_one_comment_pair_cannot_mark_two_slots() -> None:
    """Two slots with the same comment name are refused."""
    with pytest.raises(ValueError, match="two slots"):
        compile_rules([SlotTarget("a", None, "x"), SlotTarget("b", None, "x")])


def test_selectors_agree_with_an_independent_matcher_on_real_pages() -> None:
    """On documentation pages, the first match is the element that soupsieve finds in a parsed tree."""
    bs4 = pytest.importorskip("bs4")
    pytest.importorskip("html5lib")
    pages = sorted(Path("/usr/share/doc/postgresql-doc-15/html").glob("tutorial-*.html"))[:6]
    pages += sorted(Path("/usr/share/doc/python3.11/html/library").glob("asyncio-p*.html"))[:3]
    if not pages:
        pytest.skip("no documentation pages are installed")
    selectors = (
        "div > p", "table tr td + td", "p + pre", "h2 ~ div p", "li:nth-child(3)", "div:not(.navheader) a[href]",
        "div.sect1 > div p:nth-of-type(2)", "a[href^='sql-']", ":is(dl, ul) > :first-child",
        "body > div:nth-of-type(3)", "p code.literal", "body :not(div) > a", "tbody > tr",
    )  # fmt: skip
    checked = 0
    for path in pages:
        page = path.read_bytes()
        tree = bs4.BeautifulSoup(page, "html5lib", from_encoding="utf-8")
        for selector in selectors:
            wanted = tree.select_one(selector)
            splicer = Splicer(compile_rules([SlotTarget("s", selector)]), lambda slot: b"<!--\1-->")
            out = b"".join(splicer.feed(page, False))
            assert (b"\1" in out) == (wanted is not None), (path.name, selector)
            if wanted is not None:
                refilled = bs4.BeautifulSoup(out, "html5lib", from_encoding="utf-8")
                wanted.clear()
                wanted.append(bs4.Comment("\1"))
                assert str(refilled) == str(tree), (path.name, selector)
                tree = bs4.BeautifulSoup(page, "html5lib", from_encoding="utf-8")
            checked += 1
    assert checked


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_byte_order_mark_is_no_text_of_the_page(size: int) -> None:
    """html and head are found behind a byte order mark, however the page is cut."""
    page = b"\xef\xbb\xbf<!DOCTYPE html><html><head><title>-</title></head><body></body></html>"
    splicer = Splicer(compile_rules([SlotTarget("s", "html > head > title")]), lambda slot: b"*")
    parts = [page[i : i + (size or 99)] for i in range(0, len(page), size or 99)]
    out = b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))
    assert out == page.replace(b"-<", b"*<")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("?sale&region", "?sale&region"), ("?a=1&copyx", "?a=1&copyx"), ("&notit;", "&notit;"), ("&AMPx", "&AMPx"),
        ("&lt;&amp;x&gt", "<&x>"), ("&copy", "©"), ("&reg=1", "&reg=1"), ("&#65x", "Ax"), ("&#x80;", "€"),
        ("&#1;", "\1"), ("&#0x1;", "\N{REPLACEMENT CHARACTER}x1;"), ("&#0009z", "\tz"), ("&#xfDd0;", "\ufdd0"),
    ],
)  # fmt: skip
def test_character_references_in_attributes_mean_what_they_mean_to_a_browser(written: str, meant: str) -> None:
    """In an attribute the name of a reference counts whole or not at all, so that addresses stay addresses."""
    assert attributes(f' t="{written}"'.encode())[b"t"].decode() == meant
    tree = html5lib.parse(f'<!doctype html><p t="{written}">', namespaceHTMLElements=False)
    assert tree.find(".//p").get("t") == meant
