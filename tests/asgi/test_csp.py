"""Fills in pages with a Content-Security-Policy: C37 and C38, in process and over sockets."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Callable
from typing import Any

import pytest

from personalize.testing import HTML, Answer, call

PAGE = b'<!doctype html><html><body><div data-slot="hero">old</div><p data-slot="note">rest</p></body></html>'
CODE = '<b>hi</b><script>go()</script><style>b{}</style><script src="/x.js" integrity="sha384-x"></script>'
SLOTS: dict[str, Any] = {
    "hero": {"match": {"path": "/**"}, "consent": "none", "default": {"html": CODE}},
    "note": {
        "match": {"path": "/**", "element": "[data-slot=note]", "do": "set_attribute", "attribute": "title"},
        "consent": "none",
        "default": {"html": "an onclick= in words"},
    },
}
CSP = b"content-security-policy"


def done(code: str) -> bytes:
    page = PAGE.replace(b"old", code.encode())
    return page.replace(b'<p data-slot="note">', b'<p title="an onclick= in words" data-slot="note">')


@pytest.mark.parametrize("chunks", [(PAGE,), (PAGE[:40], PAGE[40:])], ids=["whole", "parts"])
async def test_c37_inline_code_carries_the_pages_nonce(wrap: Any, chunks: tuple[bytes, ...]) -> None:
    """Each response's own nonce is in its fills, also when the page is known; the policy itself stays as it was."""
    app = Answer()
    site = wrap(app, slots=SLOTS)
    for n in range(4):
        policy = b"script-src 'self' 'nonce-n%d'; style-src 'nonce-s%d'" % (n, n)
        site.app = Answer(*chunks, headers=[*HTML, (CSP, policy)])
        got = await call(site)
        code = CODE.replace("<script>", f'<script nonce="n{n}">').replace("<style>", f'<style nonce="s{n}">')
        assert got.body == done(code)
        assert got.all("content-security-policy") == [policy.decode()]


@pytest.mark.parametrize(
    "policy",
    [
        b"default-src 'self'",
        b"script-src 'self' 'sha256-abc='; style-src 'sha256-abc='",
        b"script-src 'none'; style-src 'self', default-src *",
    ],
)
async def test_c38_without_a_nonce_only_files_are_left(
    wrap: Any, policy: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With hashes, or nothing, inline code goes; external files and their integrity stay, and operators hear of it."""
    site = wrap(Answer(PAGE, headers=[*HTML, (CSP, policy)]), slots=SLOTS)
    with caplog.at_level(logging.WARNING, "personalize"):
        for _ in range(3):
            got = await call(site)
            assert got.body == done('<b>hi</b><script src="/x.js" integrity="sha384-x"></script>')
            assert got.all("content-security-policy") == [policy.decode()]
    assert len([r for r in caplog.records if "inline code in slot hero" in r.getMessage()]) == 1


@pytest.mark.parametrize("more", [b"'strict-dynamic'", b"; require-trusted-types-for 'script'"])
async def test_c38_trust_is_not_handed_on(wrap: Any, more: bytes) -> None:
    """Under strict-dynamic and Trusted Types no script of ours gets the nonce, which could load or make others."""
    policy = b"script-src 'nonce-n' " + more
    got = await call(wrap(Answer(PAGE, headers=[*HTML, (CSP, policy)]), slots=SLOTS))
    assert got.body == done('<b>hi</b><style>b{}</style><script src="/x.js" integrity="sha384-x"></script>')


async def test_c37_a_page_without_a_policy_takes_code_as_it_is(wrap: Any) -> None:
    """No policy, or one that is only reported, says nothing of a fill; fills without code are not touched by any."""
    for headers in ([], [(CSP + b"-report-only", b"default-src 'self'")]):
        assert (await call(wrap(Answer(PAGE, headers=[*HTML, *headers]), slots=SLOTS))).body == done(CODE)
    got = await call(wrap(Answer(PAGE, headers=[*HTML, (CSP, b"default-src 'self'")])))
    assert got.body == PAGE.replace(b"old", b"<b>hi</b>")


def test_c37_on_the_wire(served: Callable[..., int]) -> None:
    """Real servers send the nonce's page with its true length, and every policy header, in order."""
    policies = [(CSP, b"script-src 'nonce-n1' 'self'"), (b"Content-Security-Policy", b"style-src 'nonce-n1'")]
    port = served(Answer(PAGE, headers=[*HTML, *policies], length=True), slots=SLOTS)
    for _ in range(2):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        response = connection.getresponse()
        body = response.read()
        connection.close()
        assert body == done(CODE.replace("<script>", '<script nonce="n1">').replace("<style>", '<style nonce="n1">'))
        assert response.getheader("content-length") == str(len(body))
        assert response.headers.get_all("content-security-policy") == [value.decode() for _, value in policies]
