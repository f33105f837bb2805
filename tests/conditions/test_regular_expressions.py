"""Regular expressions meet strangers' text, so they must be harmless."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.conditions import ConditionError, compile_condition, compile_rule
from personalize.conditions.patterns import LONGEST_PATTERN, LONGEST_TEXT, compile_pattern

EXPLOSIVE = ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*a){20}$", r"^(\w+\s?)*$", "^(([a-z])+.)+[A-Z]([a-z])+$"]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
def test_patterns_that_explode_elsewhere_end_here(pattern):
    """Patterns on which a backtracking engine needs longer than the universe is old are just answered."""
    assert compile_pattern(pattern)("a" * 50_000 + "!\n") is False
    assert compile_condition({"path": {"$regex": pattern}})({"path": "a" * 50_000 + "!\n"}) is False


@pytest.mark.parametrize(
    "pattern", ["(", "[a", "*", r"(?=a)", r"(a)\1", "a" * (LONGEST_PATTERN + 1), "x{1000}{1000}{1000}"]
)
def test_a_pattern_that_cannot_be_used_is_an_error_in_a_rule(pattern):
    """A broken, backtracking, overlong or oversized pattern is refused when the rule is compiled."""
    with pytest.raises(ConditionError) as caught:
        compile_rule({"path": {"regex": pattern}})
    assert caught.value.path == ("path", "regex")


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_an_escaped_text_is_found_exactly_where_it_is(before, text, after):
    """A pattern that is just text is found in what holds it, as Python's own engine finds it."""
    whole = before + after
    pattern = re.escape(text)
    try:
        matches = compile_pattern(pattern)
    except ValueError:
        assert not text.isascii()
        return
    assert matches(before + text + after) or "\n" in text
    assert matches(whole) is (text in whole)


def test_a_text_of_absurd_length_matches_nothing():
    """Work is bounded; and a cut text must not match at the cut."""
    assert compile_pattern("a$")("a" * LONGEST_TEXT)
    assert not compile_pattern("a$")("a" * (LONGEST_TEXT + 1))


def test_text_that_is_no_unicode_is_not_matched_and_harms_nothing():
    """A lone surrogate, which no UTF-8 engine can read, matches nothing."""
    assert compile_pattern("a")("a\ud800") is False
