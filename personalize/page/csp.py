"""A page's Content-Security-Policy and what a fill may hold inline under it (Content Security Policy Level 3).

Rule 1: the policy is never changed. Rule 2: where it allows inline code by a nonce, a fill's scripts and styles carry
the page's nonce. Rule 3: where it does not (no nonce, hashes of the page's own code, 'strict-dynamic', Trusted Types),
a fill keeps its external files only; inline code goes, before a browser would refuse it and report it to the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from .attributes import change
from .rules import SlotTarget, compile_rules
from .scanner import Scanner
from .tokens import TOKEN, attributes

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)
_HASH = re.compile(r"'sha(?:256|384|512)-", re.IGNORECASE)
# The types of scripts that a browser runs, or is ruled by; all other scripts are data (HTML Living Standard, 4.12.1).
_RUNS = re.compile(
    rb"\s*(?:|module|importmap|speculationrules|(?:text|application)/(?:x-)?(?:javascript|ecmascript)|text/jscript"
    rb"|text/livescript|text/javascript1\.[0-5])\s*",
    re.IGNORECASE,
)
_CODE = re.compile(rb"<(?:script|style)|[^a-z](?:style|on[a-z]+)[\t\n\f\r ]*=", re.IGNORECASE)
_FILES = (b"src", b"href", b"xlink:href")  # what makes a script an external one; the last two in SVG
_REMEMBERED = 64 << 10  # bytes of a fill


class Inline(NamedTuple):
    """What may be inline: scripts and styles freely (b""), with this nonce, or not at all (None); event handlers and
    style attributes, for which no nonce counts, or not."""

    scripts: bytes | None = b""
    styles: bytes | None = b""
    handlers: bool = True
    style_attributes: bool = True


FREE = Inline()


def inline(policies: Sequence[bytes]) -> Inline:
    """What the enforced policies of a page (values of its Content-Security-Policy headers) allow together."""
    read = list(_policies(policies))
    # With Trusted Types or 'strict-dynamic' a script of ours could hand its trust on, so there is none.
    handed_on = any("require-trusted-types-for" in p or "'strict-dynamic'" in _sources(p, "script") for p in read)
    rule = Inline(
        None if handed_on else _elements(read, "script"),
        _elements(read, "style"),
        not handed_on and all(_anything(_sources(p, "script", "attr")) for p in read),
        all(_anything(_sources(p, "style", "attr")) for p in read),
    )
    return FREE if rule == FREE else rule


def _policies(values: Sequence[bytes]) -> Iterator[dict[str, str]]:
    for value in values:
        for text in value.decode("latin-1").split(","):
            policy: dict[str, str] = {}
            for part in text.split(";"):
                word, _, sources = part.strip().partition(" ")
                policy.setdefault(word.lower(), sources)  # of a repeated directive the first counts
            yield policy


def _sources(policy: dict[str, str], kind: str, of: str = "elem") -> str:
    """The source list that rules elements or attributes; one that allows anything where there is none."""
    for directive in (f"{kind}-src-{of}", f"{kind}-src", "default-src"):
        if directive in policy:
            return policy[directive]
    return "'unsafe-inline'"


def _anything(sources: str) -> bool:
    """Whether inline code needs nothing: a nonce or a hash turns 'unsafe-inline' off (6.7.3.2)."""
    told = sources.lower()
    return "'unsafe-inline'" in told and not (
        "'strict-dynamic'" in told or _NONCE.search(sources) or _HASH.search(sources)
    )


def _elements(policies: Sequence[dict[str, str]], kind: str) -> bytes | None:
    common: list[str] | None = None
    for policy in policies:
        sources = _sources(policy, kind)
        if not _anything(sources):
            nonces = _NONCE.findall(sources)
            common = nonces if common is None else [n for n in common if n in nonces]
    if common is None:
        return b""
    return common[0].encode("ascii") if common else None


# --- fills -----------------------------------------------------------------------------------------------

_EVERY = compile_rules([SlotTarget("e", "*", action="replace", all=True)])


def fitted(fill: bytes, rule: Inline) -> bytes:
    """A fill's HTML as it may stand under a policy; the same object where nothing in it is ruled by one."""
    if rule is FREE or no_code((fill,)):
        return fill
    scanner = Scanner(_EVERY)
    scanner.feed(fill, True)
    out: list[bytes] = []
    at = 0
    for span in scanner.spans:
        tag = TOKEN.match(fill, span.origin)
        if span.start < at or tag is None or tag[2] is None:  # inside one that went
            continue
        for start, end, text in _edits(tag[2].lower(), tag[3], span.start, span.opened, span.end, rule):
            out += (fill[at:start], text)
            at = end
    return b"".join((*out, fill[at:])) if out else fill


def no_code(fills: Iterable[bytes | None]) -> bool:
    """Whether no policy could say anything of any of these."""
    return not any(fill is not None and (len(fill) > _REMEMBERED or _has_code(fill)) for fill in fills)


@lru_cache(maxsize=256)
def _has_code(fill: bytes) -> bool:
    """Most fills hold none, and come again."""
    return _CODE.search(fill) is not None


def _edits(name: bytes, raw: bytes, start: int, opened: int, end: int, rule: Inline) -> list[tuple[int, int, bytes]]:
    """(first, last, what stands there) for each change to an element, in their order."""
    has = attributes(raw)
    nonce: bytes | None = b""
    if name == b"script" and not any(file in has for file in _FILES) and _RUNS.fullmatch(has.get(b"type", b"")):
        nonce = rule.scripts
    elif name == b"style":
        nonce = rule.styles
    if nonce is None:
        return [(start, end, b"")]
    gone = [n for n in has if n.startswith(b"on") and not rule.handlers]
    gone += [b"style"] if b"style" in has and not rule.style_attributes else []
    spans = [(s, b"") for n in gone for s in change("", n, True, raw, start, start + 1 + len(name), opened)]
    if nonce:
        spans += [(s, nonce) for s in change("", b"nonce", False, raw, start, start + 1 + len(name), opened)]
    edits = [(span.start, span.end, span.write(value) or b"") for span, value in spans if span.write is not None]
    return sorted(edits)
