"""What the consent cookie and Sec-GPC grant: a plain yes grants, everything else denies."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.models import ConsentRules
from personalize.model import PURPOSES
from personalize.visitor.consent import consent_of, granted_by

ANSWERS = st.dictionaries(st.sampled_from(PURPOSES), st.sampled_from(["granted", "denied"]))
Reader = Callable[[bytes], frozenset[str]]


def spellings(answers: dict[str, str]) -> list[bytes]:
    """The same answers in every form that is read."""
    text = json.dumps(answers)
    yes = [purpose for purpose, answer in answers.items() if answer == "granted"]
    return [
        text.encode(),
        quote(text).encode(),
        urlencode(answers).encode() or b"denied",
        quote(urlencode(answers)).encode() or b"denied",
        ",".join(yes).encode(),
        quote(", ".join(yes)).encode(),
        ('"' + ",".join(yes) + '"').encode(),
    ]


def all_spellings_agree(read: Reader, answers: dict[str, str]) -> None:
    """The law: whatever the spelling, exactly the purposes answered with "granted" are granted."""
    expected = {purpose for purpose, answer in answers.items() if answer == "granted"}
    for value in spellings(answers):
        assert read(value) == expected, value


@given(ANSWERS)
def test_every_spelling_grants_the_same(answers: dict[str, str]) -> None:
    """A list, an object and a form, percent-encoded or not, say the same."""
    all_spellings_agree(granted_by, answers)


def _named_is_granted(value: bytes) -> frozenset[str]:
    return frozenset(purpose for purpose in PURPOSES if purpose.encode() in value)


def _one_yes_grants_all(value: bytes) -> frozenset[str]:
    return frozenset(PURPOSES) if b"granted" in value else granted_by(value)


def _no_decoding(value: bytes) -> frozenset[str]:
    return granted_by(value.replace(b"%", b"%25"))


@pytest.mark.parametrize("wrong", [_named_is_granted, _one_yes_grants_all, _no_decoding])
def test_the_law_catches_planted_mistakes(wrong: Reader) -> None:
    """The law fails for readers that look for names, for any yes, or forget to decode."""
    with pytest.raises(AssertionError):
        all_spellings_agree(wrong, {"ad_storage": "denied", "personalization_storage": "granted"})


@pytest.mark.parametrize("value", [b"granted", b"GRANTED", b"all", b"%22all%22", b"true", b"1", b" yes "])
def test_words_for_everything(value: bytes) -> None:
    """One word can grant all purposes."""
    assert granted_by(value) == frozenset(PURPOSES)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"denied",
        b"0",
        b"perhaps",
        b"{",
        b"[]",
        b'{"personalization_storage": 1}',
        b'{"personalization_storage": ["granted"]}',
        b'{"personalization_storage": {"a": "granted"}}',
        b"personalization_storage=",
        b"personalization_storage=grantedd",
        b"Personalization_Storage",
        b"\xff\xfe",
        b"%ff",
        b"{" * 2000,
        b'{"a":' * 300,
        b"granted" + b" " * 3000,
    ],
)
def test_what_cannot_be_read_denies(value: bytes) -> None:
    """Unreadable, misspelt, of another type or too long is a no."""
    assert granted_by(value) == frozenset()


@given(st.binary(max_size=300))
def test_no_bytes_raise_or_grant_something_unknown(value: bytes) -> None:
    """Any bytes give a set of known purposes."""
    assert granted_by(value) <= frozenset(PURPOSES)


def test_without_a_cookie_the_config_decides() -> None:
    """Nothing asked yet is the config's default, and that is "denied" unless it says otherwise."""
    assert consent_of(ConsentRules(), None, gpc=False).granted == frozenset()
    assert consent_of(ConsentRules(default="granted"), None, gpc=False).granted == frozenset(PURPOSES)
    assert consent_of(ConsentRules(default="granted"), b"denied", gpc=False).granted == frozenset()


def test_global_privacy_control_outweighs_the_cookie() -> None:
    """With Sec-GPC: 1 only what the page needs to work is left of a consent; where the config does not honour it,
    it is only told."""
    assert consent_of(ConsentRules(), b"all", gpc=True).granted == {"functionality_storage", "security_storage"}
    told = consent_of(ConsentRules(honour_gpc=False), b"all", gpc=True)
    assert told.granted == frozenset(PURPOSES) and told.gpc
