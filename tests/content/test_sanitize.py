"""HTML from elsewhere, cut down to the allow-list."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.content.sanitize import _TAGS, sanitize
from personalize.errors import BadFragment

VOID = {"br", "col", "hr", "img", "source", "wbr"}


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ('<p class="a" lang="tr">x <b>y</b><br></p>', '<p class="a" lang="tr">x <b>y</b><br></p>'),
        ('<a href="/p/1?a=b&amp;c">x</a>', '<a href="/p/1?a=b&amp;c">x</a>'),
        ('<img src="/a.png" alt="A" width="1" onerror="x">', '<img src="/a.png" alt="A" width="1">'),
        ("<script>1</script><style>a{}</style>x", "x"),
        ('<a href="javascript:1">x</a>', "<a>x</a>"),
        ('<a href=" java\tscript:1">x</a>', "<a>x</a>"),
        ('<a href="data:text/html,x">x</a>', "<a>x</a>"),
        ("<svg><script>1</script></svg>x", "x"),
        ("<math><mtext><table><mglyph><style><img src=x onerror=1>", None),
        ("<form action=/x><input name=a><button>b</button></form>", "b"),
        ('<iframe src="/x"></iframe><object data=x></object>', ""),
        ("</div></body></html>x", "x"),
        ("<div>not closed", "<div>not closed</div>"),
        ("<!-- c --><!--[if IE]><script>1</script><![endif]-->x", "x"),
        ('<p style="x" id="y" data-slot="z">q</p>', "<p>q</p>"),
    ],
)
def test_what_stays_and_what_goes(html: str, clean: str | None) -> None:
    """Formatting, links and pictures stay; whatever could run, load or lay over the page goes."""
    result = sanitize(html)
    assert "onerror" not in result and "<script" not in result and "javascript" not in result
    if clean is not None:
        assert result == clean


@pytest.mark.parametrize(
    "html", ["<div>" * 40_000, "<b><i>" * 20_000, "<table><tr><td>" * 9_000, "<div><table><td></div>" * 9_000]
)
def test_deep_html_is_refused_before_it_costs_anything(html: str) -> None:
    """HTML that would take a tree builder seconds is not given to it."""
    with pytest.raises(BadFragment, match="deep"):
        sanitize(html)


@pytest.mark.parametrize(
    "html", ["<p>a" * 20_000, "<li>a" * 20_000, "<b>a</b>" * 20_000, "<br>" * 20_000, "<p" * 20_000]
)
def test_long_html_is_not_deep(html: str) -> None:
    """Many elements one after another are no depth, with end tags or without."""
    assert isinstance(sanitize(html), str)


class Outline(HTMLParser):
    """Fails on a tag that is not on the list, on an event handler, and on an end tag that closes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("style", "id", "srcdoc")
            if name in ("href", "src"):
                assert not (value or "").strip().lower().startswith(("javascript", "data", "vbscript"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag


PIECES = st.sampled_from(
    """<p>|</p>|<div class=a>|</div>|<a href='javascript:x'>|<a href=/x>|</a>|<script>|</script>|<svg>|</svg>|<style>
    |</style>|<img src=x onerror=y>|<table>|<td>|</table>|<!--|-->|x|<b onclick=x>|</b>|<i>|<math>|<title>|<noscript>
    |<template>|<p id=a style=b>|&lt;script&gt;|<plaintext>|<textarea>|</textarea>|\0|<|>|"|'|<a title='</b><script>'>
    |]]>|<![CDATA[""".split("|")
)


def law(clean: Callable[[str], str], html: str) -> None:
    """Clean HTML holds what is on the list, closes what it opens and nothing else, also when read and cleaned again."""
    for _ in range(2):
        html = clean(html)
        outline = Outline()
        outline.feed(html)
        outline.close()
        assert outline.open == []


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_for_any_html(html: str) -> None:
    """The law holds for any mixture of the pieces that sanitizers stumbled over."""
    law(sanitize, html)


@pytest.mark.parametrize("wrong", [lambda h: h, lambda h: h.replace("<script>", ""), lambda h: sanitize(h) + "</div>"])
def test_the_law_catches_planted_bugs(wrong: Callable[[str], str]) -> None:
    """A sanitizer that leaves too much, or closes what it did not open, breaks the law."""
    with pytest.raises(AssertionError):
        for html in ("<p>x</p>", "<script>x</script>", "<b onclick=x>y</b>"):
            law(wrong, html)
