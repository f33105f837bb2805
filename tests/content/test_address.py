"""The key of an HTTP source, and the address made from it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.content.address import Address, UnfitValue
from personalize.model import Ask

HOSTILE = st.text(max_size=20) | st.sampled_from(
    [
        "..",
        ".",
        "../../admin",
        "a/../b",
        "@evil.example",
        "//evil.example",
        "x?y=z#w",
        "a&b=c",
        "%2e%2e",
        "%00",
        "\r\nHost: e",
        " ",
        "\\..\\",
    ]
)


def test_the_key_is_the_declared_values_and_nothing_else(ask: Callable[..., Ask]) -> None:
    """What vary_by and the url name is in the key, in a fixed form; other facts are not."""
    vary_by = [
        "locale",
        "device.type",
        "segments",
        "query.utm.x",
        "params.product",
        "traits.crm.stage",
        "new",
        "country",
    ]
    address = Address("https://cms.example/{path}/{product}", vary_by)
    facts = {
        "locale": "tr-TR",
        "device": {"type": "mobile", "os": "iOS"},
        "segments": frozenset({"b", "a"}),
        "query": {"utm.x": "1"},
        "traits": {"crm": {"stage": 3}, "mail": "a@b.example"},
        "new": True,
        "visits": 4,
    }
    key = address.key(ask({"source": "cms"}, path="/p/9", params={"product": "9", "other": "x"}, facts=facts))
    assert key == ("p/9", "9", "tr-TR", "mobile", ("a", "b"), "1", "9", "3", "true", None)
    query = "locale=tr-TR&device.type=mobile&segments=a&segments=b&query.utm.x=1&params.product=9"
    query += "&traits.crm.stage=3&new=true"
    assert address.url(key) == f"https://cms.example/p/9/9?{query}"


def test_an_own_path_replaces_the_pages(ask: Callable[..., Ask]) -> None:
    """`path` of a content fills {path}, on every page."""
    address = Address("https://cms.example/f/{path}?v=2", [])
    key = address.key(ask({"source": "cms", "path": "hero/main"}, path="/any"))
    assert address.url(key) == "https://cms.example/f/hero/main?v=2"


def test_an_own_path_may_hold_captured_values(ask: Callable[..., Ask]) -> None:
    """{name} in a content's path is what the route captured, and climbs no further than any other."""
    address = Address("https://cms.example/f/{path}", [])
    content = {"source": "cms", "path": "products/{product}/proof"}
    key = address.key(ask(content, params={"product": "a 1"}))
    assert address.url(key) == "https://cms.example/f/products/a%201/proof"
    with pytest.raises(UnfitValue):
        address.url(address.key(ask(content, params={"product": ".."})))


def test_vary_by_path_is_the_pages_own(ask: Callable[..., Ask]) -> None:
    """A path that the url does not hold is sent as a parameter; one that it does is put there once."""
    asked = ask({"source": "cms", "path": "own"}, path="/p/1")
    for url, sent in (
        ("https://c.example/f", "https://c.example/f?path=p%2F1"),
        ("https://c.example/{path}", "https://c.example/own"),
    ):
        address = Address(url, ["path"])
        assert address.url(address.key(asked)) == sent


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cms.example/x",
        "ftp://cms.example/",
        "https://{host}/x",
        "https://cms.example:{port}/",
        "{path}",
        "https:///x",
        "https://{country}.cms.example/x",
        "https://user@cms.example/",
        "https://cms.example/{}",
        "https://cms.example/{a b}",
        "https://cms.example{path}",
        "https://cms.example/#{path}",
    ],
)
def test_a_url_that_a_visitor_could_steer_is_refused(url: str) -> None:
    """Scheme, host and port are the config's alone."""
    with pytest.raises(ValueError):
        Address(url, [])


@pytest.mark.parametrize("path", ["/../x", "/a/../../b", "/a/.", "/.."])
def test_a_path_that_climbs_is_refused(path: str, ask: Callable[..., Ask]) -> None:
    """Dot segments do not reach the backend, nor does anything else than what was asked for."""
    address = Address("https://cms.example/f/{path}", [])
    with pytest.raises(UnfitValue):
        address.url(address.key(ask({"source": "cms"}, path=path)))


def test_a_value_without_end_is_refused(ask: Callable[..., Ask]) -> None:
    """A value longer than a kilobyte makes no key."""
    with pytest.raises(UnfitValue):
        Address("https://cms.example/{path}", []).key(ask({"source": "cms"}, path="/" + "x" * 2000))


def law(url: Callable[[tuple[Any, ...]], str], a: str, b: str, c: str) -> None:
    """Each value stands where it was put, whole, and nothing else moves."""
    parts = urlsplit(url((a, b, c)))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "cms.example", "")
    segments = parts.path.split("/")
    assert segments[:2] == ["", "f"] and len(segments) == 4
    assert [unquote(s) for s in segments[2:]] == [a, b]
    assert parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) == [("fixed", "1"), ("q", c)]


def good(key: tuple[Any, ...]) -> str:
    return Address("https://cms.example/f/{a}/{b}?fixed=1", ["q"]).url(key)


@settings(max_examples=100)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_an_address_is_sent_as_it_was_made(a: str, b: str, c: str) -> None:
    """The HTTP library asks for these very bytes, not for what it takes them to mean."""
    try:
        url = good((a, b, c))
    except UnfitValue:
        return
    assert "https://cms.example" + httpx.URL(url).raw_path.decode() == url


@settings(max_examples=200)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_value_leaves_its_place(a: str, b: str, c: str) -> None:
    """Hostile values are quoted into one segment or one parameter, or refused."""
    try:
        law(good, a, b, c)
    except UnfitValue:
        assert a in (".", "..") or b in (".", "..")


def unquoted(key: tuple[Any, ...]) -> str:
    return f"https://cms.example/f/{key[0]}/{key[1]}?fixed=1&q={key[2]}"


def slashes_kept(key: tuple[Any, ...]) -> str:
    return good(key).replace("%2F", "/")


def swapped(key: tuple[Any, ...]) -> str:
    return good((key[1], key[0], key[2]))


@pytest.mark.parametrize("wrong", [unquoted, slashes_kept, swapped])
def test_the_law_catches_planted_bugs(wrong: Callable[[tuple[Any, ...]], str]) -> None:
    """The law above fails for each way of making addresses that is known to be wrong."""
    dice = random.Random(1)
    values = ["x", "a/b", "x?y", "a&b=c", "é", "..%2f", "#"]
    with pytest.raises((AssertionError, ValueError)):
        for _ in range(50):
            law(wrong, *(dice.choice(values) for _ in range(3)))
