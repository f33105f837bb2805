"""Where a template may print, judged by the HTML around each hole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.holes import UnsafeHole, guard

REFUSED = [
    ("<img src={{ x }}>", "outside quotes"),
    ("<p {{ x }}>", "outside quotes"),
    ("<p a='1'{{ x }}>", "outside quotes"),
    ("<{{ x }}>", "tag's name"),
    ("<\n{{- x }}>", "tag's name"),
    ("{% if a %}<{% endif %}{{ x }}>", "tag's name"),
    ("</{{ x }}>", "tag's name"),
    ("<script>var a = {{ x }}</script>", "tojson"),
    ("<script>var a = '{{ x|tojson|upper }}'</script>", "tojson"),
    ("<style>a{color:{{ x }}}</style>", "<style>"),
    ("<style>a{color:{{ x|tojson }}}</style>", "<style>"),
    ('<p style="{{ x }}">', "attribute style"),
    ('<p STYLE="color:{{ x }}">', "attribute style"),
    ("<p onclick=\"f('{{ x }}')\">", "attribute onclick"),
    ('<iframe srcdoc="{{ x }}">', "attribute srcdoc"),
    ("<!-- {{ x }} -->", "a comment"),
    ('<script src="/js/{{ x }}.js"></script>', "what <script> loads"),
    ('<link rel="stylesheet" href="{{ x }}">', "what <link> loads"),
    ('<base href="{{ x }}">', "what <base> loads"),
    ('<object data="{{ x }}">', "what <object> loads"),
    ("{% autoescape false %}{{ x }}{% endautoescape %}", "autoescape"),
    ("{%- autoescape false -%}", "autoescape"),
    ("<p class=\"{% include 'x' %}\">", "include"),
    ("{% raw %}<a href={% endraw %}{{ x }}", "outside quotes"),
    ('{# " #}<a title="a"{# " #} {{ x }}', "outside quotes"),
]


@pytest.mark.parametrize(("source", "message"), REFUSED)
def test_a_hole_that_cannot_be_safe_is_refused(source: str, message: str) -> None:
    """A value is never printed where escaping does not help."""
    with pytest.raises(UnsafeHole, match=message):
        guard(source)


PASSED = [
    "<p>{{ x }}</p>",
    "<p class=\"a {{ x }}\" title='{{ x }}'>{{ x }}",
    '<a href="/p/{{ x }}?q={{ y }}">',
    '<a href="https://shop.example/{{ x }}">',
    "<script>var a = {{ x|tojson }};</script>{{ y }}",
    '<script type="application/json">{{ x | tojson() }}</script>',
    "<textarea>{{ x }}</textarea><title>{{ x }}</title>",
    "a < b {{ x }} > c",
    "{{ '}}' ~ \"%}\" }}{{ x }}",
    "{# <a {{ x }} #}{{ y }}",
    "{% raw %}{{ <a href= > {% endraw %}{{ x }}",
    '<p {% if x %}class="a"{% endif %}>{{ x }}',
    "<!-- a > b --><p>{{ x }}</p><!doctype html>{{ x }}",
    "{% set a = '<a ' %}{{ x }}",
    "<SCRIPT>if (a</b/.test('<p ')) {}</SCRIPT >{{ x }}",
    "{{ x",
    "{% if",
    "{#",
]


@pytest.mark.parametrize("source", PASSED)
def test_a_safe_hole_stays_as_it_is(source: str) -> None:
    """A template whose holes are in text or quotes is not changed by a byte."""
    assert guard(source) == source


@pytest.mark.parametrize(
    ("source", "guarded"),
    [
        ('<a href="{{ x }}">', '<a href="{{ ( x )|url }}">'),
        ("<img SRC = '{{-x-}}'>", "<img SRC = '{{- (x)|url -}}'>"),
        ('<a href="{{ a }}{{ b }}/{{ c }}">', '<a href="{{ ( a )|url }}{{ ( b )|url }}/{{ c }}">'),
    ],
)
def test_a_hole_that_can_give_a_scheme_is_filtered(source: str, guarded: str) -> None:
    """Until a URL attribute holds :, /, ? or #, what is printed into it goes through `url`."""
    assert guard(source) == guarded


@given(st.text(alphabet="<>/=\"' {}%#-!aAbscriptylehref\n", max_size=60))
def test_any_text_is_judged(source: str) -> None:
    """Whatever is in a file, the answer is a source or a refusal; without a hole in a URL the source is the same."""
    try:
        guarded = guard(source)
    except UnsafeHole:
        return
    if "|url" not in guarded:
        assert guarded == source
