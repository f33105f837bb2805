"""The id cookie: what is signed here is believed, nothing else, and no second spelling of it."""

from __future__ import annotations

import hashlib
import hmac
import string
from collections.abc import Iterator

import pytest
from itsdangerous import Signer

from personalize.config.models import Cookie
from personalize.visitor.identity import DAY, IdCookie

OLD, NEW = "an older key, long enough to sign with", "a newer key, long enough to sign with it"
NOW = 20_000 * DAY + 5000
LETTERS = (string.ascii_letters + string.digits + "-_.=+/ ~").encode()


def value_of(set_cookie: bytes) -> bytes:
    return set_cookie.partition(b";")[0].partition(b"=")[2]


def mutations(text: bytes) -> Iterator[bytes]:
    """Every text that differs from `text` in one character, is cut short, or has something added."""
    for place in range(len(text)):
        for letter in LETTERS:
            if letter != text[place]:
                yield text[:place] + bytes([letter]) + text[place + 1 :]
        yield text[:place]
        yield text[:place] + text[place + 1 :]
    yield from (text + b"=", text + b"A", b"A" + text, text + b"." + text, text.upper(), text + b"\n", text + b"\xff")


def only_the_signed_text_is_believed(make: type[IdCookie]) -> None:
    """The law: of all texts near a signed one, that one alone is believed."""
    cookie = make(Cookie(), [NEW])
    text = value_of(cookie.issue("visitor-1", NOW, plain=False))
    proven = cookie.prove(text)
    assert proven is not None and proven.id == "visitor-1"
    for other in mutations(text):
        assert cookie.prove(other) is None, other
    signature = text.rpartition(b".")[2]
    assert cookie.prove(b"visitor-2.20000." + signature) is None
    stranger = IdCookie(Cookie(), ["some other key that signs for others"])
    assert cookie.prove(value_of(stranger.issue("visitor-1", NOW, plain=False))) is None


class _ComparesAPrefix(IdCookie):
    def prove(self, text):  # type: ignore[no-untyped-def]
        body, _, signature = text.rpartition(b".")
        good = self._signers[0].sign(body).rpartition(b".")[2]
        if not good.startswith(signature[:20]) or len(signature) < 20 or body.count(b".") != 1:
            return None
        return super().prove(body + b"." + good)


class _TakesAnySpelling(IdCookie):
    def prove(self, text):  # type: ignore[no-untyped-def]
        if text.count(b".") != 2 or not any(signer.validate(text) for signer in self._signers):
            return None
        return super().prove(self._signers[0].sign(text.rpartition(b".")[0]))


class _RemembersByTheId(IdCookie):
    def __init__(self, cookie, keys):  # type: ignore[no-untyped-def]
        super().__init__(cookie, keys)
        self._by_id: dict[bytes, object] = {}

    def prove(self, text):  # type: ignore[no-untyped-def]
        name = text.partition(b".")[0]
        return self._by_id.setdefault(name, super().prove(text)) or None


class _LooksAtTheShapeOnly(IdCookie):
    def prove(self, text):  # type: ignore[no-untyped-def]
        return super().prove(self._signers[0].sign(text.rpartition(b".")[0]))


def test_no_text_but_the_signed_one_is_believed() -> None:
    """Changing, dropping or adding any character of a valid cookie makes it worthless."""
    only_the_signed_text_is_believed(IdCookie)


@pytest.mark.parametrize("wrong", [_ComparesAPrefix, _TakesAnySpelling, _RemembersByTheId, _LooksAtTheShapeOnly])
def test_the_law_catches_planted_mistakes(wrong: type[IdCookie]) -> None:
    """The law above fails for cookies that compare a prefix, take loose base64, or remember too coarsely."""
    with pytest.raises(AssertionError):
        only_the_signed_text_is_believed(wrong)


def test_the_first_key_signs_and_all_verify() -> None:
    """After a change of keys old cookies still count, and are signed anew at once."""
    before = IdCookie(Cookie(), [OLD])
    after = IdCookie(Cookie(), [NEW, OLD])
    proven = after.prove(value_of(before.issue("visitor-1", NOW, plain=False)))
    assert proven is not None and proven.id == "visitor-1" and not proven.newest_key
    assert after.renewal(proven) <= NOW < after.ends(proven)
    assert before.prove(value_of(after.issue("visitor-1", NOW, plain=False))) is None


def test_the_signature_is_sha256_under_a_purpose_of_its_own() -> None:
    """The signature is HMAC-SHA256, and a signature made with the same key for another purpose is worth nothing."""
    cookie = IdCookie(Cookie(), [NEW])
    body, _, signature = value_of(cookie.issue("v", NOW, plain=False)).rpartition(b".")
    assert len(signature) == 43  # 32 bytes
    other = Signer(NEW, salt=b"another purpose", key_derivation="hmac", digest_method=hashlib.sha256).sign(body)
    assert cookie.prove(other) is None
    bare = hmac.new(NEW.encode(), body, "sha256").hexdigest().encode()
    assert cookie.prove(body + b"." + bare[:43]) is None


@pytest.mark.parametrize(
    ("cookie", "plain", "expected"),
    [
        (Cookie(days=2), False, "__Host-pz={}; Path=/; Max-Age=172800; HttpOnly; Secure; SameSite=Lax"),
        (Cookie(days=2), True, "pz={}; Path=/; Max-Age=172800; HttpOnly; SameSite=Lax"),
        (
            Cookie(name="shop", days=1, partitioned=True),
            False,
            "__Host-shop={}; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=None; Partitioned",
        ),
    ],
)
def test_c41_attributes(cookie: Cookie, plain: bool, expected: str) -> None:
    """The cookie is HttpOnly, Secure and Lax under the __Host- prefix; other frames and plain http only by name."""
    issued = IdCookie(cookie, [NEW]).issue("v", NOW, plain)
    assert issued.decode() == expected.format(value_of(issued).decode())
    assert len(issued) < 4096


def test_an_expired_cookie_has_the_same_attributes_and_no_life() -> None:
    """Forgetting sends the same name, path and attributes with Max-Age=0, or browsers would keep the old one."""
    cookie = IdCookie(Cookie(), [NEW])
    assert cookie.expire(False) == b"__Host-pz=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"


@pytest.mark.parametrize("bad", ["", "a b", "a;b", "a\r\nSet-Cookie: x=y", "é", "x" * 65])
def test_an_id_that_does_not_fit_a_cookie_is_refused(bad: str) -> None:
    """An id that could break out of the header is an error of whoever makes ids, never sent."""
    with pytest.raises(ValueError, match="visitor id"):
        IdCookie(Cookie(), [NEW]).issue(bad, NOW, plain=False)
