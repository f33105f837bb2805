"""Filling four slots of an HTML page, beside other libraries: `python -m benchmarks.page [--svg FILE] [--rounds 20]`.

Microseconds per page, medians over rounds in which every contender takes its turn. A *seen* page has come before; a
page with *two volatile tokens* differs from those before it in a form's token and in a number in a script; an *unseen*
page has never come, nor has any other of its route. Ours runs twice (the A/A twin), which shows the noise.

Each library is used the quickest way that it offers; all read bytes and give bytes. python-lolhtml is the only other
one that leaves the rest of the page as it was: its output is checked to be ours, byte for byte.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import lolhtml
import lxml.html
from bs4 import BeautifulSoup
from rich.console import Console
from rich.table import Table
from selectolax.lexbor import LexborHTMLParser

from benchmarks.chart import bars
from benchmarks.pages import SLOTS, page
from benchmarks.timing import interleaved
from personalize.page import Shapes, SlotTarget, Splicer, compile_rules

SIZES = (45_000, 56_000, 80_000, 120_000)
CASES = ("seen", "two volatile tokens", "unseen")
FILLS = {slot: f'<p class="offer">For you: {slot}, <b>today</b></p>'.encode() for slot in SLOTS}
TEXTS = {slot: fill.decode() for slot, fill in FILLS.items()}
RULES = compile_rules([SlotTarget(slot, f"[data-slot={slot}]") for slot in SLOTS])
Fill = Callable[[bytes], bytes]


def pages(size: int, case: str) -> Iterator[bytes]:
    """Pages without end, each a new object, as an app makes them."""
    text = page(size)
    head, tail = text.split(b"<main>", 1)
    if case != "two volatile tokens":
        while True:
            yield b"".join((head, b"<main>", tail))
    middle, end = tail.split(b"</article>", 1)
    for n in itertools.count(10**9):
        form = b'<main><form><input type="hidden" name="csrf" value="%x"></form>' % (n * 7919**12)
        yield b"".join((head, form, middle, b"</article><script>var at = %d;</script>" % n, end))


def ours(shapes: Callable[[], Shapes]) -> Fill:
    """With pages known to `shapes`, which is asked for at every page."""

    def fill(text: bytes) -> bytes:
        return b"".join(Splicer(RULES, FILLS.get, shapes=shapes(), route="r").feed(text, False))

    return fill


class _Slot:
    def __init__(self, fill: str) -> None:
        self.fill = fill

    def element(self, element: lolhtml.Element) -> None:
        element.set_inner_content(self.fill, lolhtml.ContentType.HTML)


_SLOTS = [(f"[data-slot={slot}]", _Slot(fill)) for slot, fill in TEXTS.items()]


def with_lolhtml(text: bytes) -> bytes:
    """lol-html, Cloudflare's streaming rewriter, by its Python binding."""
    out: list[bytes] = []
    rewriter = lolhtml.HTMLRewriter(out.append)
    for selector, slot in _SLOTS:
        rewriter.on(selector, slot)
    rewriter.write(text)
    rewriter.end()
    return b"".join(out)


def with_selectolax(text: bytes) -> bytes:
    """Lexbor's tree, and its serializer."""
    parser = LexborHTMLParser(text)
    for node in parser.css("[data-slot]"):
        node.inner_html = TEXTS[node.attributes["data-slot"] or ""]
    return (parser.html or "").encode()


def with_lxml(text: bytes) -> bytes:
    """libxml2's tree, and its serializer."""
    root = lxml.html.document_fromstring(text)
    for element in root.xpath("//*[@data-slot]"):
        fill = lxml.html.fragments_fromstring(TEXTS[element.get("data-slot")])
        element[:] = fill
        element.text = None
    return lxml.html.tostring(root, encoding="utf-8", doctype="<!doctype html>")


def with_beautifulsoup(text: bytes) -> bytes:
    """BeautifulSoup on its fastest parser, lxml's."""
    soup = BeautifulSoup(text, "lxml", from_encoding="utf-8")
    for tag in soup.find_all(attrs={"data-slot": True}):
        tag.clear()
        tag.append(BeautifulSoup(TEXTS[str(tag["data-slot"])], "html.parser"))
    return soup.encode("utf-8")


def contenders(size: int, case: str) -> dict[str, Fill]:
    """Every way to fill the slots, ours taught by three pages where the case says so."""
    if case == "unseen":
        own = [ours(Shapes), ours(Shapes)]
    else:
        own = []
        for shapes in (Shapes(), Shapes()):
            own.append(ours(lambda shapes=shapes: shapes))
            for text in itertools.islice(pages(size, case), 3):
                own[-1](text)
    return {
        "ours": own[0],
        "ours again": own[1],
        "python-lolhtml": with_lolhtml,
        "selectolax": with_selectolax,
        "lxml": with_lxml,
        "BeautifulSoup": with_beautifulsoup,
    }


def check(size: int, case: str, fills: dict[str, Fill]) -> None:
    """Every contender fills every slot, and two give the same bytes."""
    text = next(pages(size, case))
    wanted = fills["python-lolhtml"](text)
    assert fills["ours"](text) == fills["ours again"](text) == wanted
    for name, fill in fills.items():
        assert all(b"For you: " + slot.encode() in fill(text) for slot in SLOTS), name


def measured(size: int, case: str, rounds: int) -> dict[str, float]:
    """Median microseconds per page of each contender."""
    fills = contenders(size, case)
    check(size, case, fills)
    batches = {name: _batch(fill, pages(size, case)) for name, fill in fills.items()}
    times = asyncio.run(interleaved({name: call for name, (call, _) in batches.items()}, rounds, 1))
    return {name: times[name] / count for name, (_, count) in batches.items()}


def _batch(fill: Fill, source: Iterator[bytes]) -> tuple[Callable[[], Awaitable[None]], int]:
    """A call of about two milliseconds, and how many pages it fills. The pages were made before, and are few enough to
    be in the processor's cache, as a page is that an app has just made."""
    made = list(itertools.islice(source, 4))
    began = time.perf_counter()
    for text in made:
        fill(text)
    count = max(1, min(1000, int(0.008 / (time.perf_counter() - began))))

    async def call() -> None:
        for text in itertools.islice(itertools.cycle(made), count):
            fill(text)

    return call, count


def main() -> None:
    """Print the table; write the chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    console = Console(width=132)
    table = Table(title="Filling four slots: median microseconds per page (times ours)")
    charted: dict[str, dict[str, float]] = {}
    for case in CASES:
        for size in SIZES:
            times = measured(size, case, options.rounds)
            if not table.columns:
                for column in ("page", "KB", *times):
                    table.add_column(column, justify="left" if column == "page" else "right")
            mine = times["ours"]
            cells = [f"{t:,.1f}" if n == "ours" else f"{t:,.1f} ({t / mine:,.2f})" for n, t in times.items()]
            table.add_row(case, f"{len(next(pages(size, case))) / 1000:.0f}", *cells)
            if size == SIZES[1]:
                charted[case] = {name: t for name, t in times.items() if name != "ours again"}
        table.add_section()
    console.print(table)
    if options.svg:
        title = f"Filling four slots of a {SIZES[1] // 1000} KB page: microseconds, logarithmic"
        options.svg.write_text(bars(title, charted), "utf-8")
        console.print(f"wrote {options.svg}")


if __name__ == "__main__":
    main()
