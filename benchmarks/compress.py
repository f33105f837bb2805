"""What compressing a page costs, and what it comes to: `python -m benchmarks.compress [--pages 40]`.

HTML that was not made for this: the documentation of Python and PostgreSQL, as Debian packages it, 45 to 120 KB, with
four slots put in. Each page in every coding in turn, microseconds and bytes averaged over the pages; then the same
pages through `Shapes` and `Stitcher`, as they leave the middleware with `compress: true` once they are known.
"""

from __future__ import annotations

import argparse
import statistics
import time
import zlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.pages import SLOTS, with_slots
from personalize.page import Shapes, SlotTarget, Splicer, Stitcher, compile_rules
from personalize.page.codings import encoder
from personalize.page.negotiation import negotiate

ROOTS = (Path("/usr/share/doc/python3.11/html"), Path("/usr/share/doc/postgresql-doc-15/html"))
RULES = compile_rules([SlotTarget(slot, f"[data-slot={slot}]") for slot in SLOTS])
FILLS = {slot: f'<p class="offer">For you: {slot}, <b>today</b></p>'.encode() * 4 for slot in SLOTS}
OTHERS = {slot: fill.replace(b"today", b"tomorrow") for slot, fill in FILLS.items()}
OFFER = negotiate(b"gzip")


def pages(most: int) -> list[bytes]:
    """The same ones at each run."""
    files = sorted(f for root in ROOTS for f in root.rglob("*.html") if 45_000 <= f.stat().st_size <= 120_000)
    return [with_slots(file.read_bytes()) for file in files[:: max(1, len(files) // most)]][:most]


def zlib_at(level: int) -> Callable[[bytes], bytes]:
    return lambda page: zlib.compress(page, level, 31)


def contenders() -> dict[str, Callable[[bytes], bytes]]:
    """Ways to compress a page that was never seen."""
    ways = {f"gzip, level {level}": zlib_at(level) for level in (4, 6, 9)}
    ways["gzip, level 9 again (A/A)"] = zlib_at(9)
    for coding, library in (("br", "brotli"), ("zstd", "zstandard")):
        if find_spec(library) is not None:
            ways[f"{coding}, as a page never seen leaves"] = lambda page, c=coding: encoder(c).encode(page, end=True)
    return ways


def stitched(shapes: Shapes, stitcher: Stitcher, page: bytes, fills: dict[str, bytes]) -> bytes:
    splicer = Splicer(RULES, fills.get, shapes=shapes, route="r")
    pieces = splicer.feed(page, False)
    return stitcher.compress(OFFER, splicer.parts if splicer.shape else pieces, splicer.shape)[0]


def measure(way: Callable[[bytes], bytes], texts: Sequence[bytes], rounds: int) -> tuple[float, float]:
    """Mean over the pages of the median microseconds, and mean bytes."""
    times, sizes = [], []
    for text in texts:
        taken = []
        for _ in range(rounds):
            copy = bytes(bytearray(text))
            began = time.perf_counter_ns()
            body = way(copy)
            taken.append((time.perf_counter_ns() - began) / 1000)
        times.append(statistics.median(taken))
        sizes.append(len(body))
    return statistics.mean(times), statistics.mean(sizes)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pages", type=int, default=40)
    texts = pages(arguments.parse_args().pages)
    if not texts:
        raise SystemExit("the packages python3.11-doc and postgresql-doc-15 are not installed")
    filled = [b"".join(Splicer(RULES, FILLS.get).feed(text, False)) for text in texts]
    mean = statistics.mean(map(len, filled))
    title = f"{len(texts)} pages of {mean / 1000:.0f} KB on average"
    table = Table("how", "µs a page", "bytes", "of level 9", title=title)
    rows = {name: measure(way, filled, 5) for name, way in contenders().items()}
    shapes = Shapes()
    stitcher = Stitcher(shapes)
    for text in texts:  # known after this: read, then met again and cut into pieces
        for fills in (FILLS, FILLS, OTHERS):
            stitched(shapes, stitcher, text, fills)
    turn = iter(range(1 << 30))
    rows["compared, filled and stitched"] = measure(
        lambda page: stitched(shapes, stitcher, page, (FILLS, OTHERS)[next(turn) % 2]), texts, 20
    )
    for name, (taken, size) in rows.items():
        table.add_row(name, f"{taken:,.0f}", f"{size:,.0f}", f"{size / rows['gzip, level 9'][1]:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
