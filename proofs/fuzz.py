"""Hostile pages against the laws of the page floor: `python -m proofs.fuzz --minutes 10 [--seed N] [--law "any cut"]`.

Pages are soups of what steers a tokeniser and a tree, cut anywhere, with fills and with versions of themselves that no
author would write, in every encoding and coding. Each case is made from the seed and its number alone, so that a run
can be repeated. What breaks a law is made as small as it gets, printed, and written to --keep as JSON; moved into
proofs/found it is tested for good.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from proofs import laws
from proofs.laws import LAWS, Case, check, make

FOUND = Path(__file__).with_name("found")
MOST_FOUND = 20  # different findings after which a run has said enough
_PATIENCE = 20.0  # seconds to make one finding smaller


def smaller(case: Case) -> Iterator[Case]:
    """The case with something left out or made simpler."""
    size = len(case.fragments)
    for width in (size // 2, size // 4, 3, 2, 1):
        for at in range(0, size if width else 0, max(1, width)):
            if not any(at <= hole < at + width for hole in case.holes):
                moved = [h - width if h >= at + width else h for h in case.holes]
                yield replace(case, fragments=case.fragments[:at] + case.fragments[at + width :], holes=moved)
    for number in range(len(case.versions)):
        yield replace(case, versions=case.versions[:number] + case.versions[number + 1 :])
    for at in range(len(case.holes)):
        kept = [[*values[:at], *values[at + 1 :]] for values in case.versions]
        yield replace(case, holes=case.holes[:at] + case.holes[at + 1 :], versions=kept)
    for at in range(len(case.cuts)):
        yield replace(case, cuts=case.cuts[:at] + case.cuts[at + 1 :])
    if len(case.cuts) > 2:
        yield replace(case, cuts=case.cuts[::2])
    for slot in case.fills:
        yield replace(case, fills={s: f for s, f in case.fills.items() if s != slot})
    for at, fragment in enumerate(case.fragments):
        for part in {fragment[: len(fragment) // 2], fragment[len(fragment) // 2 :], fragment[1:], fragment[:-1]}:
            if part != fragment and at not in case.holes:
                yield replace(case, fragments=[*case.fragments[:at], part, *case.fragments[at + 1 :]])


def minimised(case: Case) -> Case:
    """The smallest case found in reasonable time that still breaks its law."""
    end = time.monotonic() + _PATIENCE
    going = True
    while going:
        going = False
        for other in smaller(case):
            if time.monotonic() > end:
                return case
            if check(other) is not None:
                case, going = other, True
                break
    return case


def kept() -> list[Case]:
    """What was found before."""
    return [Case.from_json(json.loads(file.read_text())) for file in sorted(FOUND.glob("*.json"))]


def save(case: Case, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(case.as_json(), indent=1)
    name = f"{case.law.replace(' ', '-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    (folder / name).write_text(text + "\n")
    return folder / name


def main() -> int:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--minutes", type=float, default=10.0)
    parse.add_argument("--seed", type=int, default=None)
    parse.add_argument("--law", choices=list(LAWS), action="append", help="only this law; may be repeated")
    parse.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "personalize-fuzz")
    asked = parse.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**9)
    names = asked.law or list(LAWS)
    console = Console(width=120)
    console.print(f"seed {seed}; parse5 {'is' if laws.parse5() else 'is not'} here")
    tried: Counter[str] = Counter()
    found: dict[str, str] = {}
    began = time.monotonic()
    end = began + asked.minutes * 60
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("fuzzing", total=asked.minutes * 60, said="")
        for number in count():
            law = names[number % len(names)]
            case = make(law, random.Random(f"{seed} {number}"))
            if check(case) is not None:
                case = minimised(case)
                wrong = check(case) or "it happens sometimes only"
                path = save(case, asked.keep)
                if str(path) not in found:
                    found[str(path)] = wrong
                    console.print(f"{law}: {wrong[:600]}\n  {path}", markup=False, highlight=False)
            tried[law] += 1
            now = time.monotonic()
            if number % 50 == 0:
                progress.update(task, completed=now - began, said=f"{number:,} cases, {len(found)} found")
            if now > end or len(found) >= MOST_FOUND:
                break
    console.print("  ".join(f"{law} {n:,}" for law, n in tried.items()))
    console.print(f"{laws.fitted:,} pages fitted what was known of their versions")
    console.print(f"{len(found)} found; seed {seed}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
