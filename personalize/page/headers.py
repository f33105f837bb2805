"""What a response's head says about rewriting it, and what that head becomes once its body is the visitor's.

Pure functions over ASGI header pairs. Names may come in any case (Django sends title case), the headers may be
any iterable, and names may repeat; the list that came in is never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .codings import available

Pairs = Iterable[tuple[bytes, bytes]]

CODINGS = {b"gzip": "gzip", b"x-gzip": "gzip", b"deflate": "deflate", b"br": "br", b"zstd": "zstd"}

_HTML = frozenset({"text/html", "application/xhtml+xml"})
# 205, 226 (delta encoding, RFC 3229) and redirects carry no page that a browser shows.
_NO_PAGE = frozenset({204, 205, 206, 226, 301, 302, 303, 304, 307, 308})
# A proxy in front replaces the body of such a response by a file, so there is nothing to rewrite here.
_HANDED_OVER = frozenset({b"x-sendfile", b"x-accel-redirect", b"x-lighttpd-send-file"})

_JUDGED = _HANDED_OVER | frozenset(
    b"content-type content-encoding cache-control content-range content-disposition trailer"
    b" x-content-type-options content-security-policy".split()
)

_PARAMETER = re.compile(r';[ \t\r\n]*([^=;]*)(?:=(?:"((?:[^"\\]|\\.)*)"?[^;]*|([^;]*)))?')
_NO_TRANSFORM = re.compile(rb"(?:^|[,\s])no-transform(?:$|[,;\s])", re.I)
_NO_STORE = re.compile(rb"(?:^|[,\s])no-store(?:$|[,;\s])", re.I)
_BREAK = re.compile(rb"[\r\n\0]")
_SEALED_TRAILER = re.compile(rb"digest|content-md5|signature", re.I)

# What speaks of the app's own bytes (RFC 9110, 9421, 9530), and what lets a cache in front keep them.
_REMOVED = frozenset(
    b"etag last-modified accept-ranges content-md5 digest repr-digest content-digest unencoded-digest signature"
    b" signature-input expires surrogate-control cdn-cache-control edge-control x-accel-expires"
    b" x-litespeed-cache-control".split()
)
_CHANGED = _REMOVED | {b"content-length", b"cache-control"}
_UNSHARED = re.compile(rb"(?:^|[,\s])(?:private|no-store|no-cache)(?:$|[=,;\s])", re.I)
_AGE = re.compile(rb"(?:^|[,\s])(s-maxage|max-age)\s*=\s*\"?([0-9]+)", re.I)
_CONDITIONAL = frozenset({b"if-none-match", b"if-modified-since", b"if-range", b"range"})
_BY_FILE = frozenset({"http.response.pathsend", "http.response.zerocopysend"})


@dataclass(frozen=True, slots=True)
class Copies:
    """A cache in front keeps copies of a page for so many seconds, told apart by these request headers."""

    vary: tuple[bytes, ...]
    seconds: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """May a response be rewritten? `reason` is a short word for operators; `charset` is the Content-Type header's
    label as it was written; `coding` is identity, gzip, deflate, br or zstd. With `sniff` the type is unknown:
    the response counts as the app's own, head included, unless a slot is found in it. An `xml` page is one that must
    stay well-formed. `plain` is HTML as such, in no coding. `coded` says that the app named a coding, if only
    identity. `policies` are the values of its Content-Security-Policy."""

    rewrite: bool
    reason: str
    charset: str | None = None
    coding: str = "identity"
    sniff: bool = False
    xml: bool = False
    plain: bool = False
    coded: bool = False
    policies: tuple[bytes, ...] = ()


def content_type(value: str) -> tuple[str, str | None]:
    """The essence, in lower case, and the charset of a Content-Type value (WHATWG MIME Sniffing, 4.4)."""
    essence, semicolon, _ = value.partition(";")
    if semicolon:
        for match in _PARAMETER.finditer(value, len(essence)):
            name, quoted, plain = match.groups()
            if name.strip().lower() == "charset":
                found = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (plain or "").strip(" \t\r\n")
                if found:
                    return essence.strip().lower(), found
    return essence.strip().lower(), None


def judge(method: str, status: int, headers: Pairs) -> Verdict:
    """Decide from the head alone. HEAD is judged as GET, so that both get the same headers. What is refused
    passes exactly as the app sent it; a reason says why."""
    if method not in ("GET", "HEAD"):
        return Verdict(False, "method")
    if status < 200 or status in _NO_PAGE:
        return Verdict(False, "status")
    types: tuple[bytes, ...] = ()
    codings: tuple[bytes, ...] = ()
    policies: tuple[bytes, ...] = ()
    nosniff = False
    for raw, value in headers:
        name = raw.lower()
        if name not in _JUDGED:
            continue
        if name == b"content-type":
            types += (value,)
        elif name == b"content-encoding":
            codings += (value,)
        elif name == b"cache-control":
            if _NO_TRANSFORM.search(value):
                return Verdict(False, "no-transform")
        elif name == b"content-range":
            return Verdict(False, "range")
        elif name == b"content-disposition":
            # RFC 6266: an unknown disposition is an attachment.
            if value.partition(b";")[0].strip().lower() != b"inline":
                return Verdict(False, "attachment")
        elif name == b"trailer":
            if _SEALED_TRAILER.search(value):
                return Verdict(False, "signed trailer")
        elif name == b"x-content-type-options":
            nosniff = nosniff or b"nosniff" in value.lower()
        elif name == b"content-security-policy":
            policies += (value,)
        else:
            return Verdict(False, "handed to the proxy")
    verdict = _judge_type(types, codings, nosniff)
    return replace(verdict, policies=policies) if policies and verdict.rewrite else verdict


@lru_cache(maxsize=256)
def _judge_type(types: tuple[bytes, ...], codings: tuple[bytes, ...], nosniff: bool) -> Verdict:
    """The part of a verdict that is the same for most responses of a site."""
    meant = {content_type(value.decode("latin-1")) for value in types}
    if len(meant) > 1:
        return Verdict(False, "several content types")
    essence, charset = meant.pop() if meant else ("", None)
    if essence and essence not in _HTML:
        return Verdict(False, "not html")
    if not essence and nosniff:
        return Verdict(False, "no content type")
    named = [c for line in codings for c in line.lower().replace(b" ", b"").split(b",") if c not in (b"", b"identity")]
    if len(named) > 1:
        return Verdict(False, "stacked codings")
    coding = CODINGS.get(named[0], "") if named else "identity"
    if not available(coding):
        return Verdict(False, "unknown coding")
    reason = "html" if essence else "no content type"
    xml = essence == "application/xhtml+xml"
    plain = bool(essence) and not xml and coding == "identity"
    return Verdict(True, reason, charset, coding, not essence, xml, plain, coded=bool(codings))


def personalized(
    headers: Sequence[tuple[bytes, bytes]],
    *,
    length: int | None,
    set_cookie: bytes | None,
    cache_control: str = "no-store",
    copies: Copies | None = None,
) -> list[tuple[bytes, bytes]]:
    """The head of a response whose body is one visitor's, as a new list in the app's order.

    `length` is the new body's length in bytes: it replaces the app's Content-Length, or that is removed where
    `length` is None; where the app sent none, none is added. Validators, digests, signatures and ranges spoke of
    the app's bytes and go; so does whatever lets a shared cache keep the page. Cache-Control becomes
    "private, no-store", or "private, no-cache" for `cache_control` "no-cache" unless the app said no-store itself.
    With `copies` the body is the same for everybody who sends the same values of their headers: a cache may keep it if
    the app says nothing against that, and Vary names the headers (RFC 9111, 4.1).
    Set-Cookie lines stay, all of them, and `set_cookie` comes last. The names written here are lower case, as ASGI
    wants them and as middleware outside looks for them; the app's own keep their case. Raises ValueError for a line
    break or NUL in `set_cookie`.
    """
    kept: list[tuple[bytes, bytes]] = []
    where: int | None = None  # the place of Cache-Control
    no_store = cache_control != "no-cache"
    for raw, value in headers:
        name = raw.lower()
        if name not in _CHANGED and not name.endswith(b"-cdn-cache-control"):
            kept.append((raw, value))
        elif name == b"content-length":
            if length is not None:
                kept.append((b"content-length", b"%d" % length))
                length = None  # a repeated Content-Length is written once
        elif name == b"cache-control":
            no_store = no_store or _NO_STORE.search(value) is not None
            if where is None:
                where = len(kept)
                kept.append((raw, value))
    control = b"private, no-store" if no_store else b"private, no-cache"
    if copies is not None and (seconds := _lifetime(headers, copies)) is not None:
        control = b"public, max-age=0, s-maxage=%d" % seconds
        _vary(kept, copies.vary)
    if where is None:
        kept.append((b"cache-control", control))
    else:
        kept[where] = (b"cache-control", control)
    if set_cookie is not None:
        if _BREAK.search(set_cookie):
            raise ValueError("a cookie with a line break or NUL is refused")
        kept.append((b"set-cookie", set_cookie))
    return kept


def _lifetime(headers: Sequence[tuple[bytes, bytes]], copies: Copies) -> int | None:
    """For how many seconds a cache in front may keep a page that is the same for many: no longer than the app lets it
    keep its own; None where the app sent it with a cookie, or as one visitor's."""
    controls = [value for name, value in headers if name.lower() == b"cache-control"]
    if any(name.lower() == b"set-cookie" for name, _ in headers) or any(map(_UNSHARED.search, controls)):
        return None
    ages = {name.lower(): int(age) for value in controls for name, age in _AGE.findall(value)}
    return min(copies.seconds, ages.get(b"s-maxage", ages.get(b"max-age", copies.seconds)))


def _vary(made: list[tuple[bytes, bytes]], names: Sequence[bytes]) -> None:
    """Add what a response varies by to what it says already; `*` says all."""
    varies = [at for at, (name, _) in enumerate(made) if name.lower() == b"vary"]
    named = {name.strip() for at in varies for name in made[at][1].lower().split(b",")}
    missing = b", ".join(name for name in names if name.lower() not in named)
    if b"*" in named or not missing:
        return
    if varies:
        name, value = made[varies[-1]]
        made[varies[-1]] = (name, value + b", " + missing if value.strip() else missing)
    else:
        made.append((b"vary", missing))


def compressed(headers: Pairs, coding: str | None) -> list[tuple[bytes, bytes]]:
    """The head of a response that we compress for whoever takes it, as a new list: it varies by Accept-Encoding
    (RFC 9110, 12.5.5) whatever was chosen, and names the coding unless that is identity or, for None, not known."""
    made = list(headers)
    _vary(made, (b"Accept-Encoding",))
    if coding is not None and coding != "identity":
        made.append((b"content-encoding", coding.encode("ascii")))
    return made


def request_scope(scope: MutableMapping[str, Any], names: Iterable[bytes]) -> MutableMapping[str, Any]:
    """The HTTP scope for a page that may be rewritten: without what could make the app answer 304 or 206 about bytes
    the visitor never had, and without ways of sending a file past us. `names` are those of its headers, in lower case.
    Where there is something to take away it is a shallow copy, and the scope that came in is not changed; most
    requests have nothing of the kind, and theirs is the scope itself."""
    extensions = scope.get("extensions")
    conditional = not _CONDITIONAL.isdisjoint(names)
    by_file = extensions is not None and not _BY_FILE.isdisjoint(extensions)
    if not conditional and not by_file:
        return scope
    copy = dict(scope)
    if conditional:
        copy["headers"] = [pair for pair in scope["headers"] if pair[0].lower() not in _CONDITIONAL]
    if by_file:
        copy["extensions"] = {name: value for name, value in scope["extensions"].items() if name not in _BY_FILE}
    return copy


def return_scope(scope: MutableMapping[str, Any], copy: Mapping[str, Any]) -> None:
    """What the app wrote into its copy of the scope, written into the server's: routers leave `route`, `endpoint`
    and `path_params` there for tracing and metrics middleware outside. Headers and extensions stay the server's."""
    for key, value in copy.items():
        if key not in ("headers", "extensions") and (key not in scope or scope[key] is not value):
            scope[key] = value
