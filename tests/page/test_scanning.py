"""What is a slot and what only looks like one: HTML's tokenisation, case by case."""

from __future__ import annotations

import re

import pytest

from personalize.page import SlotTarget, Splicer, compile_rules, places, scanner, tokens

BOTH = compile_rules([SlotTarget("s")])


def filled(page: bytes, size: int = 0, rules=BOTH) -> bytes:
    splicer = Splicer(rules, lambda slot: b"*")
    size = size or len(page) or 1
    parts = [page[i : i + size] for i in range(0, len(page), size)]
    return b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))


SLOT = b'<i data-slot="s">-</i>'
DONE = b'<i data-slot="s">*</i>'

MARKERS = {
    "double quotes": b'<div data-slot="s">-</div>',
    "single quotes": b"<div data-slot='s'>-</div>",
    "no quotes": b"<div data-slot=s>-</div>",
    "no quotes, a slash after": b"<div data-slot=s class=a/>-</div>",
    "upper case": b"<DIV DATA-SLOT=s>-</DIV>",
    "mixed case": b"<div Data-Slot='s'>-</DiV>",
    "spaces around =": b'<div data-slot \n=\t "s" >-</div>',
    "CR and CRLF as space": b'<div\rdata-slot\r\n=\r\n"s"\r\n>-</div>',
    "form feed as space": b'<div\x0cdata-slot="s">-</div>',
    "slashes between": b'<div/id="a"/data-slot="s"/>-</div>',
    "attributes that touch": b'<div id="a"data-slot="s"class="b">-</div>',
    "an attribute named =": b'<div ="x" data-slot="s">-</div>',
    "quotes in an attribute's name": b"<div a\"b' data-slot=\"s\">-</div>",
    "an end of tag in a quoted value": b'<div title="a>b" data-slot="s">-</div>',
    "a tag in a quoted value": b"<div title='<b>' data-slot=s>-</div>",
    "a valueless attribute before": b"<div hidden data-slot=s>-</div>",
    "an empty value before": b'<div id="" data-slot="s">-</div>',
    "a decimal reference": b'<div data-slot="&#115;">-</div>',
    "a hexadecimal reference": b'<div data-slot="&#X73;">-</div>',
    "a custom element": b'<my-box data-slot="s">-</my-box>',
    "an odd name": b'<a"b data-slot="s">-</a"b>',
    "an end tag with attributes": b'<div data-slot="s">-</div class="a>b">',
    "a NUL before": b'\0<div data-slot="s">-</div>',
    "bytes that are no UTF-8": b'\xff\xfe\xe9<div data-slot="s">-</div>',
    "a comment pair": b"<!-- slot:s -->-<!-- /slot:s -->",
    "a comment pair without spaces": b"<!--slot:s-->-<!--/slot:s-->",
    "a comment pair with newlines": b"<!--\r\n slot:s \n-->-<!--\t/slot:s\t-->",
    "a comment pair that ends in --!>": b"<!-- slot:s --!>-<!-- /slot:s --!>",
    "a slot in SVG": b'<svg><g data-slot="s">-</g></svg>',
    "a slot in an integration point": b'<svg><foreignObject><p data-slot="s">-</p></foreignObject></svg>',
    "a title": b'<title data-slot="s">-</title>',
    "a textarea": b'<textarea data-slot="s">-</textarea>',
}


@pytest.mark.parametrize("page", MARKERS.values(), ids=MARKERS.keys())
def test_a_marker_is_found_however_it_is_written(page: bytes) -> None:
    """Every spelling that a browser reads as the marker is a slot, and only its inner bytes change."""
    assert filled(b"<p>a</p>" + page + b"b") == b"<p>a</p>" + page.replace(b">-<", b">*<") + b"b"
    assert filled(b"<p>a</p>" + page + b"b", 1) == b"<p>a</p>" + page.replace(b">-<", b">*<") + b"b"


BEFORE = {
    "nothing": b"",
    "a comment": b"<!-- %s -->",
    "a comment with dashes": b"<!-- - -- --- > %s -->",
    "an empty comment": b"<!-->",
    "an empty comment with a dash": b"<!--->",
    "an empty comment of four": b"<!---->",
    "a comment that ends in --!>": b"<!-- %s --!>",
    "a comment that starts like --!>": b"<!---!> %s -->",
    "a comment with another inside": b"<!-- <!-- %s -->",
    "a comment whose inner start ends it": b"<!-- %s <!-->",
    "a processing instruction": b"<?php %s",
    "a bogus comment": b"<!oops>",
    "a bogus comment of one dash": b"<!->",
    "a bogus end tag": b"</ not a tag>",
    "an empty end tag": b"</>",
    "a CDATA section in HTML ends at the first >": b"<![CDATA[ x >",
    "a doctype with quotes": b"<!DOCTYPE html PUBLIC \"a' b>",
    "a lone <": b"a < b <3 <",
    "a script": b"<script>if (a<b) '%s'</script>",
    "a script in upper case": b"<SCRIPT>'%s'</ScRiPt >",
    "a script with a longer name inside": b"<script></scripty>%s</script/x>",
    "an escaped script": b"<script><!-- '%s' --></script>",
    "an escaped script that never unescapes": b"<script><!-- %s</script>",
    "a double escaped script": b"<script><!-- <script> </script> %s --></script>",
    "a double escaped script, closed twice": b"<script><!--<script x></script>%s</script>",
    "a script with an empty comment": b"<script><!--><script>%s</script>",
    "a script with a short comment": b"<script><!--->%s<script></script>",
    "a style": b"<style>a > b {} /* %s */</style>",
    "a textarea": b"<textarea>%s</textarea>",
    "a title": b"<title>%s</title>",
    "an xmp": b"<xmp>%s</xmp>",
    "an iframe": b"<iframe>%s</iframe>",
    "a noembed": b"<noembed>%s</noembed>",
    "noframes": b"<noframes>%s</noframes>",
    "a noscript": b"<noscript>%s</noscript>",
    "raw text with the ends of others": b"<style></script></textarea>%s</style>",
    "a template": b"<template>%s</template>",
    "nested templates": b"<template><template></template>%s</template>",
    "a template with what breaks out of SVG": b"<template><svg><p></svg>%s</template>",
    "a template of rows": b"<template><tr><td>%s</td></tr></template>",
    "CDATA in SVG": b"<svg><![CDATA[ > %s ]]></svg>",
    "CDATA in MathML": b"<math><mi><![CDATA[%s]]></mi></math>",
    "an SVG that closes itself": b"<svg/>",
    "an icon": b'<svg viewBox="0 0 1 1"><title>a</title><path d="M0 0"/></svg>',
    "a script in SVG is no raw text": b"<svg><script><b></b></script></svg>",
    "a style in SVG that is never closed": b"<svg><style><p></p></svg>",
    "an attribute's value": b'<p title="%t"></p>',
    "an attribute's single-quoted value": b"<p title='%t'></p>",
    "a value without quotes": b"<p title=<i/data-slot=s></p>",
    "an end tag's attributes": b'</p title="%t">',
    "the first of two attributes counts": b'<div data-slot="t" data-slot="s"></div>',
    "another name": b'<div data-slots="s" xdata-slot="s"></div>',
    "another value": b'<div data-slot="S"></div><div data-slot="s "></div>',
    "a void element": b'<img data-slot="s"><br data-slot=s><input data-slot="s"/>',
    "an end tag with the marker": b'</div data-slot="s">',
    "a form straight in a table holds nothing": b'<table><form data-slot="s"></form><tr><td></table>',
    "SVG that closes itself": b'<svg><g data-slot="s"/></svg>',
    "a script with the marker": b'<script data-slot="s"></script>',
    "a template with the marker": b'<template data-slot="s"></template>',
    "a comment pair in raw text": b"<style><!-- slot:s -->x<!-- /slot:s --></style>",
    "a comment pair in a template": b"<template><!-- slot:s -->x<!-- /slot:s --></template>",
    "an end comment alone": b"<!-- /slot:s -->",
    "a comment that only begins like one": b"<!-- slot:s or not -->",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE.keys())
def test_c19_what_only_looks_like_a_slot_is_none(before: bytes) -> None:
    """Markers in comments, raw text, templates, CDATA and attribute values are passed over, and what follows is
    read right: the true slot after them is found, in one chunk and byte by byte."""
    quoted = SLOT.replace(b'"', b"") if b"'%t'" in before else SLOT.replace(b'"', b"'")
    page = before.replace(b"%s", SLOT).replace(b"%t", quoted)
    for size in (0, 1, 7):
        assert filled(page + SLOT + b" end", size) == page + DONE + b" end"


NEVER = {
    "plaintext": b"<plaintext>%s",
    "a comment that never ends": b"<!-- %s",
    "a script that never ends": b"<script>%s",
    "a script that stays double escaped": b"<script><!--<script>%s</script>",
    "a title that never ends": b"<title>%s",
    "a tag that never ends": b'<p title="%s',
    "a template that never ends": b"<template>%s",
    "CDATA that never ends": b"<svg><![CDATA[%s",
    "only text": b"data-slot=s",
}


@pytest.mark.parametrize("page", NEVER.values(), ids=NEVER.keys())
def test_what_never_ends_holds_no_slot(page: bytes) -> None:
    """Where the rest of a page is raw text, a comment or one tag, nothing in it is a slot."""
    page = page.replace(b"%s", SLOT)
    assert filled(page) == page == filled(page, 1)


def naive_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONTENT", "TOKEN"):
        exact = getattr(tokens, name).pattern
        naive = exact.replace(rb"!--(?:-?>|(?:[^-]++|-(?!-!?>))*+--!?>)", rb"!--(?:[^-]++|-(?!->))*+-->")
        assert naive != exact
        monkeypatch.setattr(scanner, name, re.compile(naive))


def case_sensitive(monkeypatch: pytest.MonkeyPatch) -> None:
    def attributes(raw: bytes, charset: str = "utf-8") -> dict[bytes, bytes]:
        return {n: a or b or c for n, a, b, c in tokens.ONE_ATTR.findall(raw)}

    monkeypatch.setattr(places, "attributes", attributes)


def scripts_end_at_the_first_end(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = re.compile(rb"</(?i:script)(?=[\t\n\f\r />])")
    monkeypatch.setattr(scanner, "SCRIPT", (plain, plain, plain))


@pytest.mark.parametrize("bug", [naive_comment, case_sensitive, scripts_end_at_the_first_end])
def test_the_tables_catch_planted_bugs(bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments skipped naively, markers matched with case, and scripts without escapes each break some row."""
    bug(monkeypatch)
    broken = [p for p in MARKERS.values() if filled(p) != p.replace(b">-<", b">*<")]
    for before in BEFORE.values():
        page = before.replace(b"%s", SLOT)
        if b"%t" not in before and filled(page + SLOT) != page + DONE:
            broken.append(page)
    assert broken


def test_a_marker_after_a_long_comment_or_script_is_found() -> None:
    """Comments and raw text longer than any held token stream through and end where they should."""
    for start, end in ((b"<!-- ", b" -->"), (b"<script>", b"</script>"), (b"<style>", b"</style>")):
        page = start + SLOT * 20_000 + end
        assert filled(page + SLOT) == page + DONE
        assert filled(page + SLOT, 50_000) == page + DONE
