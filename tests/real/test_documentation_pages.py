"""HTML that nobody here wrote: documentation pages of Debian packages, personalized by CSS selectors."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise
from pathlib import Path

import pytest

from personalize import PersonalizeMiddleware
from personalize.testing import call

ROOTS = [
    Path("/usr/share/doc") / name for name in ("python3.11", "postgresql-doc-15", "git-doc", "nginx-doc", "nodejs")
]
SMALLEST, LARGEST = 5_000, 1_000_000
BANDS = (5_000, 9_000, 16_000, 24_000, 32_000, 60_000, 120_000, 250_000, 500_000, LARGEST)

# Slots on elements that such pages have: each page is checked for those of them that are in it.
SELECTORS = {
    "heading": "h1, h2",
    "first-paragraph": "p:first-of-type",
    "nested": "body div div p ~ p",
    "code": "pre",
    "row": "table tr td",
    "entry": "li > a[href*='.html' i]",
    "definition": "dl dd",
}


def pages() -> list[Path]:
    """At least 40 pages, evenly over the size bands, the same ones at each run."""
    found: list[list[Path]] = [[] for _ in BANDS[1:]]
    for root in ROOTS:
        for file in root.rglob("*.html"):
            size = file.stat().st_size
            for band, (low, high) in zip(found, pairwise(BANDS), strict=True):
                if low <= size < high and not file.is_symlink():
                    band.append(file)
    stable = [sorted(band, key=lambda f: hashlib.sha256(f.name.encode()).digest())[:6] for band in found]
    return [file for band in stable for file in band]


PAGES = pages()
needs_pages = pytest.mark.skipif(
    len(PAGES) < 40, reason="documentation packages (python3-doc, postgresql-doc-15, git-doc) are not installed"
)


def fill(slot: str) -> bytes:
    return f"<b>⟦{slot}⟧</b>".encode()


def wrapped(chunks: list[bytes]) -> PersonalizeMiddleware:
    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        for number, chunk in enumerate(chunks):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < len(chunks) - 1})

    config = {
        "version": 1,
        "store": "memory",
        "slots": {
            name: {
                "match": {"path": "/**", "element": css},
                "consent": "none",
                "default": {"html": fill(name).decode()},
            }
            for name, css in SELECTORS.items()
        },
    }
    return PersonalizeMiddleware(app, config)


def outside(original: bytes, out: bytes) -> list[str]:
    """Names of the filled slots in order; fails unless everything outside them is the original's, byte for byte.

    The output is cut at the fills; the pieces must lie in the original in order, the first at its start and the
    last at its end, each gap being what a fill replaced.
    """
    places = sorted((out.find(fill(name)), name) for name in SELECTORS if fill(name) in out)
    at, cursor, names = 0, 0, []
    for place, name in places:
        piece = out[at:place]
        assert original.startswith(piece, cursor) if not names else original.find(piece, cursor) >= 0
        cursor = (cursor if not names else original.find(piece, cursor)) + len(piece)
        at = place + len(fill(name))
        names.append(name)
    assert original.endswith(out[at:]) and len(original) - len(out[at:]) >= cursor
    return names


async def through(chunks: list[bytes]) -> bytes:
    response = await call(wrapped(chunks), path="/doc")
    return response.body


@needs_pages
@pytest.mark.parametrize("file", PAGES, ids=lambda f: f"{f.parent.name}/{f.name}")
async def test_bytes_outside_slots_are_the_documentations_own(file: Path) -> None:
    """A real page, in one chunk, in random chunks and byte by byte, differs from its original in the slots only."""
    original = file.read_bytes()
    whole = await through([original])
    assert outside(original, whole), "no slot found on a page full of paragraphs and links"

    dice = random.Random(file.name)
    for most in (40, 4_000):
        chunks, at = [], 0
        while at < len(original):
            size = dice.randint(1, most if len(original) < 100_000 else most * 20)
            chunks.append(original[at : at + size])
            at += size
        assert await through(chunks) == whole
    if len(original) < 32_000:
        assert await through([original[i : i + 1] for i in range(len(original))]) == whole


@needs_pages
def test_the_pages_are_many_and_of_all_sizes() -> None:
    """The sample spans 5 KB to 1 MB and several authors."""
    sizes = [f.stat().st_size for f in PAGES]
    assert len(PAGES) >= 40 and min(sizes) < 9_000 and max(sizes) > 500_000
    assert len({f.parts[4] for f in PAGES}) >= 3


def test_the_check_would_notice_a_changed_byte() -> None:
    """A planted fault outside the slots, or a lost tail, fails the comparison."""
    original = b"<p>a</p><h1>title</h1><p>tail</p>"
    good = b"<p>a</p><h1>" + fill("heading") + b"</h1><p>tail</p>"
    assert outside(original, good) == ["heading"]
    for bad in (good.replace(b"tail", b"tbil"), good[:-4], good.replace(b"<p>a", b"<p>b"), good + b" "):
        with pytest.raises(AssertionError):
            outside(original, bad)
