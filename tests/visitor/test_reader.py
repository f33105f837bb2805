"""Who is asking: one visitor per cookie, none without consent, and never anybody else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.models import Site
from personalize.model import PURPOSES, Request, Visitor
from personalize.visitor import VisitorReader

DAY = 86_400.0
NOW = 20_000 * DAY
KEY, OLD_KEY = "a signing key of 32 characters ..", "the key before this one, 32 chars"
BROWSER = b"Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
CRAWLER = b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def reader(site: dict[str, Any] | None = None, keys: tuple[str, ...] = (KEY,), kind: type = VisitorReader) -> Any:
    numbers = count(1)
    return kind(Site.model_validate(site or {}), keys, "UTC", new_id=lambda: f"visitor-{next(numbers)}")


def request(cookie: bytes = b"", scheme: str = "https", **headers: bytes) -> Request:
    named = {key.replace("_", "-").encode(): value for key, value in headers.items()}
    return Request(
        "GET", "/", b"", scheme, {b"host": b"shop.example", b"user-agent": BROWSER, b"cookie": cookie, **named}
    )


def sent_back(visitor: Visitor) -> bytes:
    """The cookie pair that a browser sends after this visitor's response."""
    assert visitor.set_cookie is not None
    return visitor.set_cookie.partition(b";")[0]


def signed(name: str, now: float = NOW, keys: tuple[str, ...] = (KEY,)) -> bytes:
    site = Site()
    made = VisitorReader(site, keys, "UTC", new_id=lambda: name).identify(request(b"consent=all"), now)
    return sent_back(made)


# --- coming and coming back ----------------------------------------------------------------------------


def test_a_newcomer_who_consents_gets_an_id() -> None:
    """The id is new, and a cookie carries it."""
    visitor = reader().identify(request(b"consent=granted"), NOW)
    assert visitor.id == "visitor-1" and visitor.fresh and not visitor.forged
    assert visitor.set_cookie is not None and visitor.set_cookie.startswith(b"__Host-pz=visitor-1.")


def test_a_returning_visitor_is_known_by_the_cookie() -> None:
    """The same id again, on any worker with the key, and no second cookie."""
    cookies = b"theme=dark; consent=granted; " + signed("ayse") + b"; last=x"
    visitor = reader().identify(request(cookies), NOW + 60)
    assert visitor == reader().identify(request(cookies), NOW + 60)
    assert visitor.id == "ayse" and not visitor.fresh and visitor.set_cookie is None


def test_the_cookie_is_renewed_in_the_second_half_of_its_life() -> None:
    """Half of its days gone, a fresh copy with the same id is sent; past its days it is no longer taken."""
    known, cookies = reader({"cookie": {"days": 10}}), b"consent=all; " + signed("ayse")
    assert known.identify(request(cookies), NOW + 4 * DAY).set_cookie is None
    renewed = known.identify(request(cookies), NOW + 5 * DAY)
    assert renewed.id == "ayse" and not renewed.fresh
    again = known.identify(request(b"consent=all; " + sent_back(renewed)), NOW + 9 * DAY)
    assert again.id == "ayse" and again.set_cookie is None
    late = known.identify(request(cookies), NOW + 11 * DAY)
    assert late.id == "visitor-1" and late.fresh and not late.forged


def test_a_rotated_key_keeps_visitors_and_signs_anew() -> None:
    """A cookie of the old key counts and is replaced by one of the new key."""
    known = reader(keys=(KEY, OLD_KEY))
    visitor = known.identify(request(b"consent=all; " + signed("ayse", keys=(OLD_KEY,))), NOW)
    assert visitor.id == "ayse" and not visitor.fresh
    after = reader(keys=(KEY,)).identify(request(b"consent=all; " + sent_back(visitor)), NOW)
    assert after.id == "ayse" and after.set_cookie is None


def test_c42_of_two_cookies_the_first_that_verifies_counts() -> None:
    """A cookie of the same name planted from elsewhere does not hide the real one (C42)."""
    cookies = b"consent=all; __Host-pz=planted.1.x; " + signed("ayse") + b"; " + signed("mallory")
    visitor = reader().identify(request(cookies), NOW)
    assert visitor.id == "ayse" and not visitor.forged


@pytest.mark.parametrize("host", [b"localhost:8000", b"127.0.0.1", b"[::1]:8000", b"LOCALHOST"])
def test_plain_http_on_this_machine_has_a_plain_cookie(host: bytes) -> None:
    """Browsers take no Secure cookie there, so it goes without, under its own name."""
    known = reader()
    first = known.identify(request(b"consent=all", scheme="http", host=host), NOW)
    assert first.set_cookie is not None and first.set_cookie.startswith(b"pz=") and b"Secure" not in first.set_cookie
    again = known.identify(request(b"consent=all; " + sent_back(first), scheme="http", host=host), NOW)
    assert again.id == first.id and again.set_cookie is None


@pytest.mark.parametrize(
    ("scheme", "host"), [("https", b"localhost"), ("http", b"shop.example"), ("http", b"localhost.evil.example")]
)
def test_everywhere_else_the_cookie_is_secure(scheme: str, host: bytes) -> None:
    """An unprefixed cookie is not believed elsewhere, and never sent."""
    plain = signed("ayse").replace(b"__Host-", b"")
    visitor = reader().identify(request(b"consent=all; " + plain, scheme=scheme, host=host), NOW)
    assert visitor.id == "visitor-1" and sent_back(visitor).startswith(b"__Host-pz=")


# --- forgery -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"ayse",
        b"ayse.20000",
        b"ayse.20000.",
        b"ayse.20000." + b"A" * 43,
        signed("ayse").partition(b"=")[2][:-1],
        signed("ayse").partition(b"=")[2] + b"A",
        signed("ayse").partition(b"=")[2].replace(b"ayse", b"eve"),
        b"x" * 65_536,
        b"\x00\xff\r\n",
    ],
)
def test_a_forged_cookie_is_a_newcomer(value: bytes) -> None:
    """Forged, truncated, binary or 64 KB long: a new id, and the operator can be told (B49)."""
    visitor = reader().identify(request(b"consent=all; __Host-pz=" + value), NOW)
    assert visitor.id == "visitor-1" and visitor.fresh and visitor.forged


def test_many_planted_cookies_cost_little() -> None:
    """Of thousands of cookies of our name only the first few are tried."""
    planted = b"; ".join(b"__Host-pz=v.1." + b"A" * 43 for _ in range(1000))
    visitor = reader().identify(request(b"consent=all; " + planted + b"; " + signed("ayse")), NOW)
    assert visitor.forged and visitor.id == "visitor-1"


def test_a_bad_pair_does_not_hide_the_others() -> None:
    """Cookies that http.cookies would stumble over are stepped over."""
    cookies = b'{"a":1}; =; ;; x[y]=z; "; consent = "all" ;' + signed("ayse") + b";,"
    assert reader().identify(request(cookies), NOW).id == "ayse"


# --- consent -------------------------------------------------------------------------------------------


def test_without_consent_there_is_no_id_and_no_cookie() -> None:
    """Nobody asked yet, or a no: nothing is stored and nothing is sent."""
    for cookies in (b"", b"consent=denied", b"consent=analytics_storage"):
        visitor = reader().identify(request(cookies), NOW)
        assert visitor.id is None and visitor.set_cookie is None and not visitor.fresh


def test_withdrawn_consent_takes_the_cookie_away() -> None:
    """An id that came all the same is not read, and the browser is told to forget it."""
    visitor = reader().identify(request(b"consent=denied; " + signed("ayse")), NOW)
    assert visitor.id is None and not visitor.forged
    assert visitor.set_cookie == b"__Host-pz=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"


def test_c40_global_privacy_control_counts_as_a_no() -> None:
    """Sec-GPC: 1 means no id and no cookie, whatever the consent cookie says (C40), unless the config overrules it."""
    cookies = b"consent=all; " + signed("ayse")
    visitor = reader().identify(request(cookies, sec_gpc=b"1"), NOW)
    assert visitor.id is None and visitor.set_cookie is not None and b"Max-Age=0" in visitor.set_cookie
    assert reader({"consent": {"honour_gpc": False}}).identify(request(cookies, sec_gpc=b"1"), NOW).id == "ayse"
    assert reader().identify(request(cookies, sec_gpc=b"0"), NOW).id == "ayse"


def test_the_consent_cookies_name_is_the_configs() -> None:
    """A site's own consent cookie is read; any characters in its name are taken literally."""
    known = reader({"consent": {"cookie": "cookie.consent+v2"}})
    assert known.identify(request(b"cookie.consent+v2=all"), NOW).id == "visitor-1"
    assert known.identify(request(b"cookieXconsent+v2=all; consent=all"), NOW).id is None


# --- robots --------------------------------------------------------------------------------------------


def test_a_robot_gets_what_a_cookieless_newcomer_gets() -> None:
    """A robot has no id and no cookie, whatever it brings; its consent is the default's."""
    for site in ({}, {"consent": {"default": "granted"}}):
        cookies = b"consent=all; " + signed("ayse")
        robot = reader(site).identify(request(cookies, user_agent=CRAWLER), NOW)
        person = reader(site).identify(request(), NOW)
        assert robot.bot and robot.id is None and robot.set_cookie is None
        assert robot.consent == person.consent


# --- laws over all requests ----------------------------------------------------------------------------

COOKIE_PARTS = st.one_of(
    st.sampled_from(
        [
            b"consent=all",
            b"consent=denied",
            b"consent=personalization_storage",
            b"consent={}",
            signed("ayse"),
            signed("ali"),
            signed("ayse", NOW - 100 * DAY),
            signed("eve", keys=(OLD_KEY,)),
            signed("ayse").replace(b"__Host-", b""),
            signed("ayse")[:-1],
        ]
    ),
    st.binary(max_size=40),
)
REQUESTS = st.builds(
    lambda parts, scheme, host, agent, gpc: request(
        b"; ".join(parts), scheme, host=host, user_agent=agent, **({"sec_gpc": gpc} if gpc else {})
    ),
    st.lists(COOKIE_PARTS, max_size=6),
    st.sampled_from(["http", "https"]),
    st.sampled_from([b"shop.example", b"localhost:8000"]),
    st.sampled_from([BROWSER, CRAWLER, b""]),
    st.sampled_from([b"", b"0", b"1"]),
)


def _remembering_is_invisible(known: Any, asked: list[Request]) -> None:
    """The law: a reader that has seen many requests answers each like one that has seen none."""
    for each in asked:
        warm, cold = known.identify(each, NOW), reader().identify(each, NOW)
        assert warm.consent == cold.consent and warm.bot == cold.bot and warm.forged == cold.forged
        assert warm.fresh == cold.fresh and (warm.fresh or warm.id == cold.id)
        assert (warm.set_cookie is None) == (cold.set_cookie is None)


@given(st.lists(REQUESTS, max_size=12))
def test_remembering_is_invisible(asked: list[Request]) -> None:
    """What was remembered of one request never shows in another."""
    _remembering_is_invisible(reader(), asked + asked)


@given(REQUESTS)
def test_an_id_needs_consent_a_signature_and_a_person(asked: Request) -> None:
    """Nobody is known without consent, as a robot, or by a cookie that was not signed with a key of this site."""
    visitor = reader().identify(asked, NOW)
    if visitor.id is not None:
        assert visitor.consent.allows("personalization_storage") and not visitor.bot
        assert visitor.id in ("ayse", "ali") or visitor.fresh
    else:
        assert visitor.set_cookie is None or b"Max-Age=0" in visitor.set_cookie
    assert visitor.consent.granted <= set(PURPOSES)
    assert visitor.fresh <= (visitor.set_cookie is not None)


@given(st.binary(max_size=300), st.binary(max_size=20))
def test_any_cookie_header_is_survived(cookie: bytes, gpc: bytes) -> None:
    """No bytes raise, and none of them make anybody known."""
    visitor = reader().identify(request(cookie, sec_gpc=gpc), NOW)
    assert visitor.id is None or visitor.fresh


class _ForgetsGpc(VisitorReader):
    def _know(self, cookies: bytes, gpc: bool, plain: bool) -> Any:
        if not hasattr(self, "_seen"):
            self._seen: dict[bytes, Any] = {}
        return self._seen.setdefault(cookies, super()._know(cookies, gpc, plain))


class _KeepsTheNewcomer(VisitorReader):
    def identify(self, request: Request, now: float) -> Visitor:
        if not hasattr(self, "_last"):
            self._last: dict[bytes, Visitor] = {}
        cookie = request.headers.get(b"cookie", b"")
        return self._last.setdefault(cookie[:20], super().identify(request, now))


@pytest.mark.parametrize("wrong", [_ForgetsGpc, _KeepsTheNewcomer])
def test_the_law_catches_planted_mistakes(wrong: type[VisitorReader]) -> None:
    """Remembering too coarsely (without GPC, by part of the header) breaks the law above."""
    asked = [
        request(b"consent=all; " + signed("ayse")),
        request(b"consent=all; " + signed("ayse"), sec_gpc=b"1"),
        request(b"consent=all; " + signed("ali")),
    ]
    with pytest.raises(AssertionError):
        _remembering_is_invisible(reader(kind=wrong), asked)


def test_two_newcomers_are_two_visitors() -> None:
    """Two requests that look the same are not the same person."""
    known = reader()
    make: Callable[[], Visitor] = lambda: known.identify(request(b"consent=all"), NOW)
    assert make().id != make().id


def test_no_keys_are_refused() -> None:
    """A reader without a signing key can't be made."""
    with pytest.raises(ValueError, match="key"):
        reader(keys=())
