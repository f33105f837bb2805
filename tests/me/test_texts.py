"""The page's words: complete in every language, and the right language for a browser."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.own.me.known import corrected, written
from personalize.own.me.texts import LANGUAGES, TEXTS, language_for


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything(language: str) -> None:
    """No key is missing or empty, what is filled in is the same, and nothing was left in English."""
    assert TEXTS[language].keys() == TEXTS["en"].keys() and all(TEXTS[language].values())
    for key, english in TEXTS["en"].items():
        assert re.findall(r"{\w+}", TEXTS[language][key]) == re.findall(r"{\w+}", english)
        assert language == "en" or TEXTS[language][key] != english


@given(st.text(max_size=40), st.text(max_size=60))
def test_whatever_a_browser_asks_for_there_is_a_language(asked: str, accepted: str) -> None:
    """Any header and any query give one of the three."""
    assert language_for(asked, accepted) in LANGUAGES


@pytest.mark.parametrize(("before", "text", "after"), [
    (40, " 41 ", 41), (40, "41.5", 41.5), (40, "many", "many"), (40, "nan", "nan"), (True, "no", False),
    ("a", " b ", "b"),
])  # fmt: skip
def test_a_correction_keeps_the_kind(before: object, text: str, after: object) -> None:
    """A number stays a number and a yes a yes, where what was typed is one."""
    assert corrected(before, text) == after


def test_a_time_that_no_calendar_has_is_left_out() -> None:
    """Whatever an event says, the download is written."""
    assert (written(0.0), written(1e300), written(float("-inf"))) == ("1970-01-01T00:00:00+00:00", "", "")
