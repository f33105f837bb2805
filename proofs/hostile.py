"""Pages that try to be misread, made by chance: every state of the tokeniser, every context of a slot, bad cuts.

A page is a list of fragments, so that what fails can be made smaller by leaving fragments out.
"""

from __future__ import annotations

import random
from itertools import pairwise

Fragments = list[bytes]

SLOTS = ("a", "b", "c", "d")
# Names by what the rules of the tree do with them.
BLOCKS = [
    "div", "p", "section", "ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "address", "blockquote", "pre", "main",
    "form", "fieldset", "center", "details",
]  # fmt: skip
INLINE = [
    "span", "a", "b", "i", "em", "font", "nobr", "code", "u", "x-y", "label", "button", "object", "marquee", "applet",
    "ruby", "rt", "rp", "rb", "rtc",
]  # fmt: skip
TABLES = ["table", "caption", "colgroup", "col", "tbody", "thead", "tfoot", "tr", "td", "th"]
EMPTY = ["br", "img", "hr", "input", "wbr", "link", "meta", "param", "source", "area"]
FOREIGN = ["svg", "math", "g", "path", "mi", "mo", "desc", "foreignObject", "annotation-xml", "mtext", "malignmark"]
RAW = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript"]
PAGE = ["html", "head", "body"]
SELECTS = ["select", "option", "optgroup"]
NAMES = BLOCKS * 3 + INLINE * 3 + TABLES * 2 + EMPTY + FOREIGN * 2 + RAW + PAGE + ["template"] * 2

SCRIPTS = [
    b"<!--", b"-->", b"<script", b"</script", b"<script>", b"</script>", b"</script ", b"<!-- <script>",
    b"<!--<script ", b"</scripty>", b"<!-", b"--", b"->", b"<", b"/", b"'", b'"', b"<!-->", b"<!--->", b"</SCRIPT/",
    b"<\\/script>",
]  # fmt: skip
COMMENTS = [
    b"<!--", b"-->", b"--!>", b"--", b"-", b"!", b">", b"<!", b"<!-", b"<!-->", b"<!--->", b"--->", b"--!-->",
    b"<!--!>", b"<!---!>", b"<!-- -- -->", b"<!--a--!b-->", b"<!--<!---->", b"<!-- slot:%s -->", b"<!-- /slot:%s -->",
    b"<!--slot:%s-->", b"<!--/SLOT:%s --!>", b"<!-- slot:%s", b"<!-- \0slot:%s -->",
]  # fmt: skip
BOGUS = [
    b"<?php >", b"<?", b"<!x>", b"<!doctype html>", b"<!DOCTYPE", b"<!doctype html public \"a>", b"<![CDATA[", b"]]>",
    b"]]", b"]", b"<![CDATA[>", b"<![cdata[ x", b"</ x>", b"</", b"</>", b"<", b"<1>", b"<=", b"< a>", b"<>",
]  # fmt: skip
TEXTS = [
    b"x", b" ", b"\n", b"\r", b"\r\n", b"\t", b"\x0c", b"\0", b"\x0b", b"&amp;", b"&lt;", b"&", b"&#60;", b"&#x3c",
    b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\xff", b"\xe2\x80", b"\x1b$B", b"\x80", b"]", b"'", b'"', b"=", b"-", b"/",
    b">", b"data-slot=%s", b"slot:%s", b"x y z", b"&notit;", b"&AMP", b"\xef\xbb\xbf",
]  # fmt: skip
ATTRIBUTES = [
    b' data-slot="%s"', b" data-slot=%s", b" data-slot='%s'", b' DATA-SLOT="%s"', b'\ndata-slot\t=\r\n"%s"',
    b'/data-slot="%s"', b' title="<p data-slot=%s>"', b" title='\"%s'", b" title=<b",
    b' data-slot="x" data-slot="%s"', b' data-slot="%s" data-slot="x"', b" data-slot", b" =a", b' a"b', b' "', b" '",
    b" a='", b' a="', b" a=b/", b"/", b' data-slot="&#97;"', b' data-slot="%s&amp;"', b" data-slot=\0%s",
    b" class='x y'", b" id=k", b" href=?a=1&copy=2", b" encoding='text/html'", b" color=red", b" data-slot =%s",
    b' data-slot=""', b' data-slot="%s', b"\0", b" \xff=\xfe", b' data-slot="%s "', b" onclick=%s", b" <b", b" `",
]  # fmt: skip
PLAIN_ATTRIBUTES = [b"", b"", b"", b' class="x"', b" id=k", b' title="<p>"', b" a=b", b" hidden", b' color="red"']

# What stands in a place that changes from one version of a page to the next: harmless at first, then not.
HARMLESS = [b"1", b"2f8a", b"token-17", b"Ayse", b"12:30", b"a b", b"0", b"abc_DEF.9", b"caf\xc3\xa9", b"x" * 40]
HARMFUL = [
    b"", b" ", b'"', b"'", b">", b"<", b"</", b"-->", b"--!>", b"--", b"-", b"</script", b"</script>", b"<!--", b"\0",
    b"&", b"&lt;", b"&#60;", b"\r", b"\n", b"\x0c", b"\x0b", b"/", b"=", b"<b>", b"</div>", b"<div data-slot=a>",
    b"a b", b"\xff", b"\xc3", b"\xe2\x80\xa8", b"data-slot=a", b' data-slot="b"', b"]]>", b"</title>", b"</style>",
    b"<script>", b"slot:a", b"/slot:a", b"x\" y='", b"`", b"a" * 5000, b"!", b"?", b"script", b"h1", b"</p>", b"<p>",
    b"\xf0\x9f\x98\x80",
]  # fmt: skip


class Hostile:
    """Makes pages out of one source of chance."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def _named(self, fragment: bytes) -> bytes:
        return fragment.replace(b"%s", self.dice.choice(SLOTS).encode()) if b"%s" in fragment else fragment

    def _name(self, names: list[str]) -> str:
        name = self.dice.choice(names)
        return name.upper() if self.dice.random() < 0.05 else name

    def _tag(self, names: list[str]) -> bytes:
        dice = self.dice
        name = self._name(names).encode()
        if dice.random() < 0.4:
            return b"</%b%b>" % (name, dice.choice((b"", b"", b"", b" ", b" a='>'", b"/")))
        marks = b"".join(self._named(dice.choice(ATTRIBUTES)) for _ in range(dice.choice((0, 0, 1, 1, 2, 3))))
        return b"<%b%b%b" % (name, marks, dice.choice((b">", b">", b">", b">", b">", b"/>", b"")))

    def page(self, most: int = 24) -> Fragments:
        """A soup of tags, text, comments and rests of them."""
        dice = self.dice
        names = dice.sample(NAMES, dice.randint(2, 9)) + dice.choice(([], [], SELECTS))
        kinds = [TEXTS, COMMENTS, BOGUS, SCRIPTS]
        weights = [dice.choice((0, 1, 1, 2)) for _ in kinds]
        fragments = [dice.choice((b"<!doctype html>", b"<html>", b"<!doctype html><html><head>", b"", b"\xef\xbb\xbf"))]
        for _ in range(dice.randint(1, most)):
            if dice.random() < 0.6 or not any(weights):
                fragments.append(self._tag(names))
            else:
                fragments.append(self._named(dice.choice(dice.choices(kinds, weights)[0])))
            if dice.random() < 0.08:
                fragments.append(self._element(names))
        if dice.random() < 0.03:
            fragments.insert(dice.randrange(len(fragments) + 1), dice.choice((b"x", b" ", b"<!-- ")) * 700)
        return fragments

    def _element(self, names: list[str]) -> bytes:
        """A whole slot with plain content."""
        dice = self.dice
        name, slot = dice.choice(names).encode(), dice.choice(SLOTS).encode()
        inner = dice.choice((b"", b"x", b"<p>x</p>", b"<b>y</b>z", b"<ul><li>a<li>b</ul>", b"<br>", b"<!--c-->"))
        return b'<%b data-slot="%b">%b</%b>' % (name, slot, inner, name)

    def document(self, most: int = 16) -> Fragments:
        """A document of tags and text that other parsers read by the same rules: it has a doctype or an html tag, so
        that parts of tables without one are dropped, and no select."""
        dice = self.dice
        names = dice.sample(NAMES, dice.randint(2, 9))
        fragments = [dice.choice((b"<!doctype html>", b"<!doctype html>", b"<html>"))]
        for _ in range(dice.randint(2, most)):
            chance = dice.random()
            name = self._name(names).encode()
            if chance < 0.5:
                slash = b" /" if dice.random() < 0.25 else b""
                fragments.append(b"<%b%b%b>" % (name, dice.choice(PLAIN_ATTRIBUTES), slash))
            elif chance < 0.85:
                fragments.append(b"</%b>" % name)
            elif chance < 0.93:
                fragments.append(dice.choice((b"x", b" ", b"y ", b"\n", b"\r\n", b"&amp;", b"\0", b"\xc3\xa9")))
            else:
                rests = (b"<!--c-->", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x?>", b"<!-->", b"<!--<script>")
                fragments.append(dice.choice(rests))
        return fragments

    def cuts(self, fragments: Fragments) -> list[int]:
        """Where to cut the page: at random, around the edges of fragments, in every byte of a stretch."""
        dice = self.dice
        size = sum(map(len, fragments))
        how = dice.randrange(4)
        if how == 0:
            return sorted(dice.randint(0, size) for _ in range(dice.randint(1, 6)))
        if how == 1:
            step = dice.choice((1, 1, 2, 3, 7))
            return list(range(step, size, step))
        if how == 2 and size:
            first = dice.randrange(size)
            return list(range(first, min(size, first + 30)))
        edges, at = [], 0
        for fragment in fragments:
            at += len(fragment)
            if dice.random() < 0.4:
                edges.append(at + dice.choice((-2, -1, 0, 0, 1, 2)))
        return sorted(e for e in edges if 0 <= e <= size)

    def fills(self) -> dict[str, bytes | None]:
        """What some of the slots are filled with."""
        options = (b"", b"X", b"<b>new</b>", b"</div>", b"<!--", b"<i data-slot=b>", b"</script>", b'"', b"\xff", None)
        return {slot: self.dice.choice(options) for slot in SLOTS if self.dice.random() < 0.8}

    def versions(self, number: int) -> tuple[Fragments, list[int], list[list[bytes]]]:
        """A page, the indexes of its fragments that change, and their values in each version; those of the later
        versions are harmful."""
        dice = self.dice
        page = self.page(14) if dice.random() < 0.3 else self._tame()
        for _ in range(dice.randint(1, 3)):
            before, after = dice.choice(_AROUND)
            at = dice.randint(1, len(page))
            page[at:at] = [self._named(before), b"", self._named(after)]
        holes = [i for i, fragment in enumerate(page) if fragment == b""]
        values = [
            [dice.choice(HARMLESS if n < 4 or dice.random() < 0.5 else HARMFUL) for _ in holes] for n in range(number)
        ]
        return page, holes, values

    def _tame(self) -> Fragments:
        """A page as sites have them."""
        dice = self.dice
        plain = (
            b"<p>some text</p>", b"<div class=card><a href='/x'>link</a></div>", b"<ul><li>a<li>b</ul>",

    b"<!-- note -->", b"<table><tr><td>1<td>2</table>", b"<script>var a = 1;</script>", b"<svg><path d=''/></svg>",
            b"<form><input name=q></form>", b"", b"", b"",
        )  # fmt: skip
        middle = [dice.choice(plain) or self._slot() for _ in range(dice.randint(1, 6))]
        return [b"<!doctype html><html><head><title>t</title></head><body>", *middle, b"</body></html>"]

    def _slot(self) -> bytes:
        return self._element(["div", "p", "span", "section", "td", "title", "li"])


# A place in a page that changes: what stands before it, and after.
_AROUND = [
    (b"<p>", b"</p>"), (b"<b>x", b"y</b>"), (b"<input name=csrf value='", b"'>"), (b'<meta name=t content="', b'">'),
    (b"<a href=/x?t=", b">l</a>"), (b"<a href=", b"/>l</a>"), (b"<script>var t = '", b"';</script>"),
    (b"<script>var t = ", b";</script>"), (b"<!-- made in ", b" ms -->"), (b"<!--", b"-->"), (b"<title>", b"</title>"),
    (b"<style>.a", b"{}</style>"), (b"<div class='", b"' data-slot=%s>x</div>"), (b"<div data-slot='", b"'>x</div>"),
    (b"<!-- slot:", b" -->x<!-- /slot:%s -->"), (b"<div data-slot=%s>", b"</div>"),
    (b"<div data-slot=%s><p>", b"</div>"), (b"<textarea>", b"</textarea>"), (b"<svg><desc>", b"</desc></svg>"),
    (b"<template>", b"</template>"),
    (b"<table>", b"<tr><td>x</table>"), (b"<", b">"), (b"</", b">"), (b"<div ", b">"), (b"<div a", b"=b>"),
    (b"&", b";"), (b"<p title='", b"' class=\""), (b"<math annotation-xml encoding='", b"'>"), (b"<font color=", b">z"),
    (b"<b class='", b"'>1"), (b"<select><option value='", b"'>o</select>"), (b"<head>", b"</head>"), (b"<!", b">"),
    (b"<![CDATA[", b"]]>"), (b"<iframe>", b"</iframe>"), (b"<plaintext>", b""),
]  # fmt: skip


def joined(fragments: Fragments) -> bytes:
    return b"".join(fragments)


def cut(page: bytes, at: list[int]) -> list[bytes]:
    """The page in parts; some may be empty, as apps send them."""
    points = [0, *sorted(min(n, len(page)) for n in at), len(page)]
    return [page[i:j] for i, j in pairwise(points)]
