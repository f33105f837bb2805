"""The facts that a request's path, query and headers tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.models import Site
from personalize.model import Consent, Request, Visitor
from personalize.visitor import VisitorReader

SITE = Site.model_validate({"geo_headers": ["CF-IPCountry", "X-Country"]})
READER = VisitorReader(SITE, ["k" * 32], "Europe/Istanbul", new_id=lambda: "new")
NOBODY = Visitor(None, Consent())
ALL_FACTS = (
    "path", "query", "params", "custom", "host", "utm", "referrer", "language", "locale", "country", "device", "time",
    "consent",
)  # fmt: skip


def fact(name: str, *, path: str = "/", query: bytes = b"", now: float = 0.0, **headers: bytes) -> Any:
    named = {key.replace("_", "-").encode(): value for key, value in headers.items()}
    return READER.read(name, Request("GET", path, query, "https", named, {"product": "a-17"}), now, NOBODY)


def test_every_fact_has_a_reader() -> None:
    """The facts are the ones that rules can name, and each can be read in both ways."""
    assert READER.facts == set(ALL_FACTS)
    request = Request("GET", "/p/a-17", b"", "https", {}, {"product": "a-17"})
    for name in READER.facts:
        assert READER.reader(name)(request, 0.0, NOBODY) == READER.read(name, request, 0.0, NOBODY)
    with pytest.raises(KeyError):
        READER.reader("shoe_size")


def test_path_and_params() -> None:
    """The path is the request's, params are what the route captured."""
    assert fact("path", path="/über/uns") == "/über/uns"
    assert fact("params") == {"product": "a-17"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1&a=2", {"a": "1"}),
        (b"a=%C3%BC+x&empty=&bare", {"a": "ü x", "empty": "", "bare": ""}),
        (b"&&=x&", {"": "x"}),
        (b"a=%zz%ff", {"a": "%zz\ufffd"}),
    ],
)
def test_query(query: bytes, expected: dict[str, str]) -> None:
    """The first value of each field, decoded as UTF-8; what can't be decoded is marked, not refused."""
    assert fact("query", query=query) == expected


def test_a_huge_query_is_bounded() -> None:
    """Of a query only the first 4,096 bytes and 64 fields are read."""
    assert len(fact("query", query=b"&".join(b"f%d=1" % n for n in range(1000)))) == 64
    assert fact("query", query=b"x" * 10_000) == {"x" * 4096: ""}


def test_utm() -> None:
    """The campaign parameters without their prefix, only those that came, cut to 256 characters."""
    query = b"utm_source=mail&utm_medium=email&utm_campaign=winter-2026&utm_term=&utm_id=7&utm_other=1&x=2"
    assert fact("utm", query=query) == {
        "source": "mail", "medium": "email", "campaign": "winter-2026", "term": "", "id": "7",
    }  # fmt: skip
    assert fact("utm", query=b"q=utm") == {}
    assert len(fact("utm", query=b"utm_source=" + b"x" * 999)["source"]) == 256


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        (b"https://www.Google.com/search?q=secret", {"host": "www.google.com"}),
        (b"http://t.co", {"host": "t.co"}),
        (b"https://user:pw@evil.example:8443/#x", {"host": "evil.example"}),
        (b"https://[2001:db8::1]:8443/", {"host": "[2001:db8::1]"}),
        (b"android-app://com.example", {}),
        (b"", {}),
        (b"about:blank", {}),
        (b"https://", {}),
        (b"https:///path", {}),
    ],
)
def test_referrer(referrer: bytes, expected: dict[str, str]) -> None:
    """Only the host of the page that led here is known, never its path or query."""
    assert fact("referrer", referer=referrer) == expected


@pytest.mark.parametrize(
    ("accepted", "locale", "language"),
    [
        (b"tr-TR,tr;q=0.9,en-US;q=0.8", "tr-TR", "tr"),
        (b"en;q=0.2, de-at;q=0.9", "de-AT", "de"),
        (b"fr;q=0, en", "en", "en"),
        (b"*", None, None),
        (b"*, pt-br;q=0.5", "pt-BR", "pt"),
        (b"zh-hant-tw", "zh-Hant-TW", "zh"),
        (b"en;q=abc, nl;q=0.1", "nl", "nl"),
        (b"EN ; q=1.0", "en", "en"),
        (b"", None, None),
        (b"not a tag, 12", None, None),
        (b"en;level=1", None, None),
    ],
)
def test_locale_and_language(accepted: bytes, locale: str | None, language: str | None) -> None:
    """The tag with the highest quality, the first of equals; none where none is acceptable."""
    assert fact("locale", accept_language=accepted) == locale
    assert fact("language", accept_language=accepted) == language


@pytest.mark.parametrize(
    ("headers", "country"),
    [
        ({}, None),
        ({"cf_ipcountry": b"tr"}, "TR"),
        ({"cf_ipcountry": b"XX", "x_country": b"DE"}, "DE"),
        ({"cf_ipcountry": b"T1"}, None),
        ({"x_country": b" FR "}, "FR"),
        ({"x_country": b"FRA"}, None),
        ({"x_other": b"FR"}, None),
    ],
)
def test_country(headers: dict[str, bytes], country: str | None) -> None:
    """The first of the config's geo headers that names a country; a header the config does not name is not believed."""
    assert fact("country", **headers) == country


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"Shop.Example:8000", "shop.example"),
        (b"shop.example", "shop.example"),
        (b"[::1]:8000", "[::1]"),
        (b"[::1]", "[::1]"),
        (b"", ""),
    ],
)
def test_host(host: bytes, expected: str) -> None:
    """The name asked for, in lower case and without port."""
    assert fact("host", host=host) == expected


def test_time_is_in_the_configs_zone() -> None:
    """Hour, minute, weekday and date are the local ones of the one timezone, across midnight and the new year."""
    assert fact("time", now=1_798_750_859.0) == {"hour": 0, "minute": 0, "weekday": "fri", "date": "2027-01-01"}
    assert fact("time", now=1_798_750_799.0) == {"hour": 23, "minute": 59, "weekday": "thu", "date": "2026-12-31"}


def test_consent_is_told_by_purpose() -> None:
    """Every purpose is a yes or a no."""
    visitor = Visitor(None, Consent(frozenset({"ad_storage"}), gpc=True))
    told = READER.read("consent", Request("GET", "/", b"", "https", {}), 0.0, visitor)
    assert told["ad_storage"] is True and told["personalization_storage"] is False and told["gpc"] is True


HEADERS = (b"host", b"user-agent", b"accept-language", b"referer", b"cf-ipcountry", b"cookie", b"sec-gpc")
REQUESTS = st.builds(
    Request,
    st.just("GET"),
    st.text(max_size=50),
    st.binary(max_size=200),
    st.sampled_from(["http", "https"]),
    st.dictionaries(st.sampled_from(HEADERS), st.binary(max_size=200)),
)


@given(REQUESTS, st.floats(0, 4e9))
def test_no_request_raises(request: Request, now: float) -> None:
    """Any bytes in any header and query have facts, and the same ones each time."""
    visitor = READER.identify(request, now)
    reads: list[Callable[[], Any]] = [
        lambda name=name: READER.read(name, request, now, visitor)  # type: ignore[misc]
        for name in READER.facts
    ]
    assert [read() for read in reads] == [read() for read in reads]
