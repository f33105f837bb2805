"""Path patterns: what matches, what is captured, what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.paths import PatternError, compile_path

MATCHES = [
    ("/", "/", {}),
    ("/", "", None),
    ("/about", "/about", {}),
    ("/about", "/about/", None),
    ("/about/", "/about", None),
    ("/About", "/about", None),
    ("/p/{product}", "/p/42", {"product": "42"}),
    ("/p/{product}", "/p/a b/", None),
    ("/p/{product}", "/p/", None),
    ("/p/{product}", "/p/1/2", None),
    ("/p/{product}", "/p/şeker & co", {"product": "şeker & co"}),
    ("/p/{product}/", "/p/42/", {"product": "42"}),
    ("/{lang}/p/{id}", "/tr/p/9", {"lang": "tr", "id": "9"}),
    ("/c/*", "/c/x", {}),
    ("/c/*", "/c/", None),
    ("/c/*", "/c/x/y", None),
    ("/c/*/end", "/c/x/end", {}),
    ("/docs/**", "/docs/", {}),
    ("/docs/**", "/docs/a/b/", {}),
    ("/docs/**", "/docs", None),
    ("/**", "/", {}),
    ("/**", "/any/thing\nat all", {}),
    ("/{lang}/**", "/tr/x/y", {"lang": "tr"}),
    ("/a.b(c)+$", "/a.b(c)+$", {}),
    ("/a.b", "/axb", None),
    ("/p/{x}", "/p/a\n", {"x": "a\n"}),
]


@pytest.mark.parametrize(("pattern", "path", "captured"), MATCHES)
def test_match(pattern, path, captured):
    """A pattern captures exactly what its segments name, and a trailing slash counts."""
    assert compile_path(pattern).match(path) == captured


REFUSED = [
    ("", "starts with a slash"),
    ("about", 'write "/about"'),
    ("/about ", "no space at its end"),
    ("/a?b=1", "query"),
    ("/a#b", "query"),
    ("/%C3%BC", "write the character itself"),
    ("/**/x", "nothing can follow"),
    ("/a*", "mixes it with text"),
    ("/{id}.html", "mixes it with text"),
    ("/{}", "is not a name in braces"),
    ("/{a-b}", "is not a name in braces"),
    ("/{a", "is not a name in braces"),
    ("/{a}/{a}", "captured twice"),
]


@pytest.mark.parametrize(("pattern", "says"), REFUSED)
def test_refused(pattern, says):
    """A pattern that cannot be meant is refused with a sentence that names the slip."""
    with pytest.raises(PatternError, match=re.escape(says)):
        compile_path(pattern)


plain = st.text(st.characters(codec="utf-8", exclude_characters="/{}*?#%"), min_size=1).filter(lambda s: s == s.strip())


@given(st.lists(plain, min_size=1, max_size=5))
def test_literal_matches_itself_only(segments):
    """A pattern without wildcards is plain equality."""
    path = "/" + "/".join(segments)
    assert compile_path(path).match(path) == {}
    assert compile_path(path).match(path + "/") is None
    assert compile_path(path).match(path + "x") is None


@given(st.lists(plain, min_size=1, max_size=5))
def test_captures_rebuild_the_path(segments):
    """Joining what was captured gives the path back: nothing is lost or moved between segments."""
    pattern = compile_path("".join(f"/{{s{i}}}" for i in range(len(segments))))
    captured = pattern.match("/" + "/".join(segments))
    assert captured is not None
    assert list(captured.values()) == segments


@given(st.text(max_size=20))
def test_any_text_compiles_or_is_refused(pattern):
    """No text brings anything but a pattern or a PatternError."""
    try:
        compile_path(pattern)
    except PatternError:
        return
    assert pattern.startswith("/")
