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
from personalize.visitor.consent import consent_of
from personalize.visitor.consent import granted_by as granted_by_rules

ANSWERS = st.dictionaries(st.sampled_from(PURPOSES), st.sampled_from(["granted", "denied"]))
Reader = Callable[[bytes], frozenset[str]]


def granted_by(value: bytes) -> frozenset[str]:
    return granted_by_rules(ConsentRules(), value)


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
    return granted_by(value.replace(b"%", b"_"))


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


# What consent managers write into their own cookies, with somebody who refused marketing and nothing else.
BANNERS = {
    "Cookiebot": "{stamp:'a/B==',necessary:true,preferences:true,statistics:true,marketing:false,method:'explicit',"
    "ver:1,utc:1790000000000,region:'tr'}",
    "OneTrust": "isGpcEnabled=0&datestamp=Mon+Sep+21+2026+12:30:00&version=202604.1.0&consentId=a-b&interactionCount=1"
    "&groups=C0001:1,C0002:1,C0003:1,C0004:0&geolocation=TR;34",
    "CookieYes": "consentid:aB3,consent:yes,action:yes,necessary:yes,functional:yes,analytics:yes,performance:no,"
    "advertisement:no",
    "CookieConsent": '{"categories":["necessary","analytics","functional"],"revision":0,"data":null,"services":{}}',
    "Klaro": '{"analytics":true,"functional":true,"ads":false}',
    "Consent Mode": '{"analytics_storage":"granted","personalization_storage":"granted","ad_storage":"denied",'
    '"ad_user_data":"denied","ad_personalization":"denied"}',
}
CATEGORIES = {
    "statistics": ["analytics_storage"], "analytics": ["analytics_storage"], "C0002": ["analytics_storage"],
    "preferences": ["personalization_storage"], "functional": ["personalization_storage"],
    "C0003": ["personalization_storage"], "marketing": ["ad_storage"], "C0004": ["ad_storage"],
    "advertisement": ["ad_storage"], "ads": ["ad_storage"],
}  # fmt: skip


@pytest.mark.parametrize("banner", BANNERS)
@pytest.mark.parametrize("write", [str, quote, lambda text: quote(quote(text))], ids=["plain", "encoded", "twice"])
def test_the_cookies_of_consent_managers_are_read(banner: str, write: Callable[[str], str]) -> None:
    """Their own categories grant what the config says; without it they grant nothing."""
    value = write(BANNERS[banner]).encode()
    rules = ConsentRules.model_validate({"categories": CATEGORIES})
    assert granted_by_rules(rules, value) == {"analytics_storage", "personalization_storage"}
    plain = granted_by(value)
    assert plain == ({"analytics_storage", "personalization_storage"} if banner == "Consent Mode" else set())


@pytest.mark.parametrize(
    "value",
    [
        '{"personalization_storage":"granted","personalization_storage":"denied"}',
        "personalization_storage=denied&personalization_storage=granted",
        '{"rejected":{"personalization_storage":true}}',
        '{"rejected":["personalization_storage"]}',
        "!personalization_storage:true",
        "not_personalization_storage:true",
        "personalization_storage:true story",
        '["personalization_storage"',
        '{"consent":{"personalization_storage":"granted"},"personalization_storage":false}',
    ],
)
def test_what_is_said_both_ways_or_half_is_a_no(value: str) -> None:
    """A contradiction, another word beside the answer, a list of what was refused: nothing is granted."""
    assert "personalization_storage" not in granted_by(value.encode())
