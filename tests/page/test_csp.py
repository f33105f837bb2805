"""Content-Security-Policy: what a fill may hold inline, and that the policy is never loosened (C37, C38)."""

from __future__ import annotations

import pytest

from personalize.page.csp import FREE, Inline, fitted, inline

SELF = b"default-src 'self'"


@pytest.mark.parametrize(
    ("policies", "scripts"),
    [
        ([], b""),
        ([b"img-src *"], b""),
        ([SELF], None),
        ([b"script-src 'self' 'nonce-abc='"], b"abc="),
        ([b"default-src 'NONCE-a'; img-src *"], b"a"),
        ([b"default-src 'nonce-a'; script-src 'self'"], None),
        ([b"script-src 'nonce-a' 'nonce-b'", b"script-src 'nonce-b'"], b"b"),
        ([b"script-src 'nonce-a', script-src 'nonce-b'"], None),
        ([b"script-src 'nonce-a', img-src *"], b"a"),
        ([b"script-src 'nonce-a'; script-src 'nonce-b'"], b"a"),
        ([b"script-src-elem 'nonce-e'; script-src 'nonce-a'"], b"e"),
        ([b"script-src 'self' 'unsafe-inline'"], b""),
        ([b"script-src 'unsafe-inline' 'nonce-a'"], b"a"),
        ([b"script-src 'unsafe-inline' 'sha256-abc='"], None),
        ([b"script-src 'sha384-abc='"], None),
        ([b"script-src 'nonce-a' 'strict-dynamic'"], None),
        ([b"script-src 'nonce-a'; require-trusted-types-for 'script'"], None),
        ([b"script-src 'unsafe-inline'", SELF], None),
    ],
)
def test_what_the_policies_allow_together(policies: list[bytes], scripts: bytes | None) -> None:
    """C37, C38: inline scripts are free, carry a nonce that every policy has, or are refused."""
    assert inline(policies).scripts == scripts


def test_styles_and_attributes_have_their_own_rules() -> None:
    """The directives for styles and for attributes are read for those; no nonce counts for an attribute."""
    assert inline([b"script-src 'nonce-a'; style-src 'nonce-s'"]) == Inline(b"a", b"s", False, False)
    assert inline([b"script-src 'self'"]) == Inline(None, b"", False, True)
    assert inline([b"style-src 'self'; style-src-attr 'unsafe-inline'"]) == Inline(b"", None, True, True)
    assert inline([b"script-src 'nonce-a'; script-src-attr 'unsafe-inline'"]).handlers
    assert inline([b"upgrade-insecure-requests"]) is FREE


NONCE = Inline(b"n1", b"n2", False, False)
NONE = Inline(None, None, False, False)
FILLS = {
    "plain": (b"<p class=x>a</p>", b"<p class=x>a</p>", b"<p class=x>a</p>"),
    "a script": (b"<b>1</b><script>x()</script>2", b'<b>1</b><script nonce="n1">x()</script>2', b"<b>1</b>2"),
    "a style": (b"<style>p{}</style>", b'<style nonce="n2">p{}</style>', b""),
    "in any case": (b"<SCRIPT\ntype=module>x</sCript >", b'<SCRIPT nonce="n1"\ntype=module>x</sCript >', b""),
    "an old nonce": (b"<script nonce=old>x</script>", b'<script nonce="n1">x</script>', b""),
    "a file": (b'<script src="/x.js" integrity="sha384-a"></script>',) * 3,
    "a style sheet": (b'<link rel=stylesheet href=/x.css integrity="sha384-b" crossorigin>',) * 3,
    "data": (b'<script type="application/json">{"a": "<b>"}</script>',) * 3,
    "a script that is never closed": (b"<p>a</p><script>x()", b'<p>a</p><script nonce="n1">x()', b"<p>a</p>"),
    "escapes": (
        b"<script><!-- <script> </script> --></script>y",
        b'<script nonce="n1"><!-- <script> </script> --></script>y',
        b"y",
    ),
    "a handler": (b'<a href="/x" onclick="y()" id=b>c</a>',) + (b'<a href="/x" id=b>c</a>',) * 2,
    "a style attribute": (b"<i style='color: red'>d</i>",) + (b"<i >d</i>",) * 2,
    "only text": (b"<p>on = style= &lt;script></p><!-- <script>x</script> -->",) * 3,
    "SVG": (b"<svg><style>a{}</style><g/></svg>", b'<svg><style nonce="n2">a{}</style><g/></svg>', b"<svg><g/></svg>"),
    "a template": (b"<template><script>x</script></template>",) * 3,
}


@pytest.mark.parametrize(("fill", "with_nonce", "with_none"), FILLS.values(), ids=FILLS.keys())
def test_a_fill_under_a_policy(fill: bytes, with_nonce: bytes, with_none: bytes) -> None:
    """C37, C38: inline code carries the nonce or goes; files, their integrity, and all else stay byte for byte."""
    assert fitted(fill, NONCE) == with_nonce
    assert fitted(fill, NONE) == with_none
    assert fitted(fill, FREE) is fill
    if with_none == fill:
        assert fitted(fill, NONE) is fill
