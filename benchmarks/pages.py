"""Pages and configs that the benchmarks share: made by code, the same at every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ("river", "lamp", "copper", "meadow", "winter", "harbour", "button", "saddle", "orchard", "candle", "thread")
SLOTS = ("hero", "carousel", "proof", "footer-offer")


def page(size: int, serial: int = 0) -> bytes:
    """An HTML page of about `size` bytes with the four slots spread over it; `serial` makes it another page."""
    head = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop {serial}</title>
<link rel="stylesheet" href="/static/site.css"><script>window.dataLayer = [];</script></head>
<body class="home"><header><nav><a href="/">Home</a> <a href="/c/garden">Garden</a></nav></header>
<main><section data-slot="hero"><h1>Welcome</h1><p>To the shop.</p></section>"""
    parts = [head]
    length, row = len(head), 0
    slots = list(SLOTS[1:])
    while length < size - 60:
        a, b, c = (WORDS[(row * k + serial) % len(WORDS)] for k in (3, 5, 7))
        text = (
            f'<article class="card {a}" id="p{row}"><a href="/p/{row}"><img src="/img/{row}.svg" alt="{a} {b}">'
            f'</a><h3>{a} {b}</h3><p class="price">{row}.90</p><p>A {c} of {a}, with {b} &amp; care.</p></article>\n'
        )
        if slots and length > size * (1 - len(slots) / len(SLOTS)):
            text += f'<div class="slot" data-slot="{slots.pop(0)}"><ul><li>one</li><li>two</li></ul></div>\n'
        parts.append(text)
        length += len(text)
        row += 1
    parts.append("</main></body></html>\n")
    return "".join(parts).encode()


def documentation_page() -> bytes | None:
    """A page that was not made for this: of Python's documentation, as Debian packages it, 56 to 80 KB, with the four
    slots. None where it is not installed."""
    root = Path("/usr/share/doc/python3.11/html/library")
    files = sorted(f for f in root.glob("*.html") if 56_000 <= f.stat().st_size <= 80_000)
    return with_slots(files[0].read_bytes()) if files else None


def with_slots(text: bytes) -> bytes:
    """A page with the four slots, each after a paragraph."""
    paragraphs = text.split(b"</p>")
    for number, slot in enumerate(SLOTS):
        at = len(paragraphs) * (2 * number + 1) // (2 * len(SLOTS))
        paragraphs[at] = b'</p><div data-slot="' + slot.encode() + b'">the page\'s own</div>' + paragraphs[at]
    return b"</p>".join(paragraphs)


def config(store: str = "memory", compress: bool = False) -> dict[str, Any]:
    """Four slots and twenty experiences on every page under /shop, segments, a holdout, two experiments."""
    slots: dict[str, Any] = {}
    for number, name in enumerate(SLOTS):
        experiences: list[dict[str, Any]] = [
            {
                "id": f"{name}-{i}",
                "when": {"all": [{"visits": {"gte": 2 + i}}, {"utm.campaign": f"c{i}"}]},
                "show": {"html": f"<p>{i}</p>"},
            }
            for i in range(4)
        ]
        last: dict[str, Any] = {
            "id": f"{name}-all",
            "when": "everyone",
            "show": {"html": f"<p>For everyone: {name}, {WORDS[number] * 9}</p>"},
        }
        if number < 2:
            last.pop("show")
            last["experiment"] = {
                "key": f"{name}-test",
                "variants": [
                    {"id": "a", "html": f"<p>variant a of {name}</p>"},
                    {"id": "b", "html": f"<p>variant b of {name}</p>"},
                ],
            }
        slots[name] = {
            "match": {"path": "/shop/**", "element": f"[data-slot={name}]"},
            "experiences": [*experiences, last],
        }
    return {
        "version": 1,
        "store": store,
        "site": {"compress": compress},
        "segments": {"back": {"all": [{"visits": {"gte": 2}}]}},
        "holdout": {"percent": 5, "salt": "bench"},
        "slots": slots,
    }
