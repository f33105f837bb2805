"""Where elements stand, by our scanner and by parse5: `python -m proofs.extents [--largest 1000000] [--marks 8]`.

Every element of the documentation pages that tests/real uses, and of the hand-written pages beside this file, is a slot
here. A selector has the whole page read with a tree; a marker, put into a few elements of each page one at a time, has
it leapt through as usual. Both are compared with parse5, an HTML5 parser that says where in the page an element is.
Documentation is written with care, so every fourth page is read a second time without the end tags that may be left
out (and some that may not): these are the rows with a minus.

Ends that are written must all agree, and 99.9 % of those that are not. Needs Node.js and npm, and says so without.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

from personalize.page import PageRules, SlotTarget, compile_rules
from personalize.page.scanner import Scanner
from proofs.parse5 import PACKAGE, Element, NotHere, Parse5

ROOTS = {
    "python3-doc": "python3.11", "postgresql-doc-15": "postgresql-doc-15", "git-doc": "git-doc",
    "nginx-doc": "nginx-doc", "nodejs": "nodejs",
}  # fmt: skip
OWN = Path(__file__).with_name("pages")
TOLD = OWN / "parse5.json"  # what parse5 says of our own pages, so that they can be checked without it
IMPLIED = 0.999
KINDS = ("explicit", "implied", "empty", "marked")

_NAME = re.compile(rb"<[a-zA-Z][^\t\n\f\r />]*")
# No place for content, or for anything beside: these are never slots, though they are elements.
_NO_SLOTS = frozenset(("frame", "frameset", "img", "plaintext"))
_THE_PAGE = frozenset(("html", "head", "body"))


def _rules(selector: str) -> PageRules:
    return compile_rules(
        [SlotTarget("whole", selector, action="replace", all=True), SlotTarget("inner", selector, all=True)]
    )


_LEFT_OUT = re.compile(
    rb"</(?:p|li|dt|dd|option|tr|td|th|thead|tbody|tfoot|colgroup|caption|rt|rp|head|body|html)>", re.IGNORECASE
)
_EVERY = 4

EVERY = _rules("*")
MARKED = _rules("[data-slot=s]")
MARK = b' data-slot="s"'


class Extent(NamedTuple):
    """What a scanner says of an element; None where no slot of the kind can be there."""

    opened: int
    inner: int | None
    end: int | None

    def agrees(self, other: Element) -> bool:
        """Whether it is what parse5 says, as far as that goes."""
        if self.opened != other.opened:
            return False
        return other.end < 0 or (self.inner in (None, other.inner) and self.end in (None, other.end))


class Difference(NamedTuple):
    kind: str
    element: Element | int
    ours: Extent | None
    page: str


def ours(page: bytes, rules: PageRules = EVERY) -> dict[int, Extent]:
    """The slots of a page, by where their elements start."""
    scanner = Scanner(rules)
    scanner.feed(page, True)
    found: dict[int, Extent] = {}
    for span in scanner.spans:
        before = found.get(span.origin, Extent(-1, None, None))
        if span.kind == "outer":
            found[span.origin] = Extent(span.opened, before.inner, span.end)
        else:
            found[span.origin] = Extent(span.opened, span.end, before.end)
    return found


def kind_of(element: Element) -> str:
    """How its end is told."""
    if element.end < 0:
        return "not told"
    if element.inner < element.end:
        return "explicit"
    return "empty" if element.end == element.opened else "implied"


def compare(page: bytes, theirs: list[Element], name: str = "") -> tuple[Counter[str], list[Difference]]:
    """How many elements there are of each kind, and which of them differ; read with a tree."""
    kinds: Counter[str] = Counter()
    wrong: list[Difference] = []
    found = ours(page)
    for element in theirs:
        kind = kind_of(element)
        kinds[kind] += 1
        extent = found.pop(element.start, None)
        if not (extent.agrees(element) if extent else element.name in _NO_SLOTS):
            wrong.append(Difference(kind, element, extent, name))
    wrong += [Difference("no element", start, extent, name) for start, extent in found.items()]
    return kinds, wrong


def compare_marked(page: bytes, theirs: list[Element], most: int, name: str = "") -> tuple[int, list[Difference]]:
    """The same for some of the elements, each with a marker of its own, in a page that is leapt through."""
    dice = random.Random(name)
    wrong = []
    chosen = [e for e in theirs if e.end >= 0 and e.name not in _NO_SLOTS | _THE_PAGE]
    chosen = dice.sample(chosen, min(most, len(chosen)))
    for element in chosen:
        named = _NAME.match(page, element.start)
        assert named is not None
        marked = page[: named.end()] + MARK + page[named.end() :]
        expected = element._replace(
            opened=element.opened + len(MARK), inner=element.inner + len(MARK), end=element.end + len(MARK)
        )
        extent = ours(marked, MARKED).get(element.start)
        if extent is None or not extent.agrees(expected):
            wrong.append(Difference(f"marked {kind_of(element)}", expected, extent, name))
    return len(chosen), wrong


def documentation(largest: int) -> Iterator[tuple[str, Path]]:
    """(package, page) for every HTML page of at most `largest` bytes."""
    for package, folder in ROOTS.items():
        for file in sorted(Path("/usr/share/doc", folder).rglob("*.html")):
            if not file.is_symlink() and file.stat().st_size <= largest:
                yield package, file


def sloppy(page: bytes) -> bytes:
    """The page as an author would write it who leaves out end tags."""
    return _LEFT_OUT.sub(b"", page)


def own_pages() -> list[Path]:
    return sorted(OWN.glob("*.html"))


def told() -> dict[str, list[Element]]:
    """What parse5 said of our own pages."""
    return {name: [Element(*e) for e in elements] for name, elements in json.loads(TOLD.read_text()).items()}


def write_told(parser: Parse5) -> None:
    """Ask parse5 anew about our own pages."""
    pages = {file.name: parser.elements(file.read_bytes()) for file in own_pages()}
    rows = [
        f"{json.dumps(name)}: [\n" + ",\n".join(f" {json.dumps(e)}" for e in elements) + "\n]"
        for name, elements in pages.items()
    ]
    TOLD.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def main() -> int:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--largest", type=int, default=1_000_000, help="bytes of the largest page")
    parse.add_argument("--marks", type=int, default=8, help="elements of each page that get a marker")
    parse.add_argument("--write", action="store_true", help="write what parse5 says of the hand-written pages")
    asked = parse.parse_args()
    console = Console(width=120)
    try:
        parser = Parse5()
    except NotHere as reason:
        console.print(f"Nothing was compared: {reason}.")
        return 2
    with parser:
        if asked.write:
            write_told(parser)
        pages = [("hand-written", file) for file in own_pages()] + list(documentation(asked.largest))
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        wrong: dict[str, list[Difference]] = defaultdict(list)
        for number, (package, file) in enumerate(track(pages, "comparing", console=console)):
            texts = {package: file.read_bytes()}
            if package in ROOTS and number % _EVERY == 0:
                texts[f"{package} -"] = sloppy(texts[package])
            for row, text in texts.items():
                theirs = parser.elements(text)
                kinds, differ = compare(text, theirs, str(file))
                marked, more = compare_marked(text, theirs, asked.marks, str(file))
                counts[row] += kinds + Counter(pages=1, marked=marked, bytes=len(text))
                wrong[row] += differ + more
    return report(console, counts, wrong)


def report(console: Console, counts: dict[str, Counter[str]], wrong: dict[str, list[Difference]]) -> int:
    """The table; 1 if an end that is written, or too many of the others, differ."""
    table = Table(title=f"Elements where {PACKAGE} says they are")
    table.add_column("pages of")
    for head in ("pages", "MB", *(name for kind in KINDS for name in (kind, "agree"))):
        table.add_column(head, justify="right")
    good = True
    for package, of in counts.items():
        bad = Counter("marked" if d.kind.startswith("marked") else d.kind for d in wrong[package])
        good = good and not bad["explicit"] and not bad["empty"] and not bad["no element"]
        good = good and bad["implied"] <= (1 - IMPLIED) * of["implied"] and not bad["marked"]
        cells = []
        for kind in KINDS:
            share = 1 - bad[kind] / of[kind] if of[kind] else 1.0
            cells += [f"{of[kind]:,}", f"{share:.3%}" if share < 1 else "all"]
        table.add_row(package, f"{of['pages']:,}", f"{of['bytes'] / 1e6:.1f}", *cells)
    console.print(table)
    for package, differences in wrong.items():
        for d in differences[:10]:
            console.print(f"{package}: {d.kind}: {d.element}, ours {d.ours}, in {d.page}", markup=False)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
