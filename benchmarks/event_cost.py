"""What an event of a batch costs, step by step: `python -m benchmarks.event_cost`.

Each step of the usual batch of 100 on its own, in a process that does nothing else: the least of many rounds, since
anything else that the machine does only adds to it. Beside pages the same work takes two to three times as long, and
what is here besides (HTTP, the queue, threads, SQLite) comes to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.collector import BATCH, KEY, body
from personalize.events import EventLog
from personalize.events.bodies import read_quickly
from personalize.events.clocks import skew_of
from personalize.events.collector import _events_of
from personalize.events.plain import is_plain
from personalize.events.segment import Caller, read_message
from personalize.history import History
from personalize.model import Event
from personalize.observe import LogObserver
from personalize.stores import MemoryStore
from personalize.stores.rows import row_of

ROUNDS = 400


def least(step: Callable[[Any], object], make: Callable[[], Any]) -> float:
    """Microseconds an event."""
    best = float("inf")
    for _ in range(ROUNDS):
        made = make()
        began = time.perf_counter()
        step(made)
        best = min(best, time.perf_counter() - began)
    return 1e6 * best / BATCH


def steps() -> dict[str, float]:
    text, now = body().decode(), time.time()
    caller = Caller(True, now, keys=(KEY,))
    skew = skew_of("2026-06-01T12:00:00.000+00:00", now)

    def pieces() -> list[Any]:
        read = read_quickly(text)
        assert read is not None
        return list(read[1])

    def events_of(pieces: list[Any]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            made = _events_of(piece, read_message, None, skew, caller)
            assert isinstance(made, list)
            events += made
        return events

    events = events_of(pieces())
    history = History(MemoryStore(), {}, LogObserver())
    seq = 0

    def stored() -> list[Event]:
        nonlocal seq
        seq += BATCH
        return [Event(e.id, e.name, e.time, e.visitor, e.properties, seq + n) for n, e in enumerate(events)]

    log: EventLog = history.log
    return {
        "the body's JSON is parsed": least(lambda text: read_quickly(text), lambda: text),
        "a message is read": least(events_of, pieces),
        "is it the same after the log?": least(lambda events: all(map(is_plain, events)), lambda: events),
        "it is folded": least(log._fold, stored),
        "its columns are written, on the store's thread": least(
            lambda events: list(map(row_of, events)), lambda: events
        ),
    }


def main() -> None:
    logging.disable(logging.CRITICAL)
    table = Table("step", "µs an event", title="The usual event of a server, in batches of 100")
    measured = steps()
    for name, took in measured.items():
        table.add_row(name, f"{took:.1f}")
    table.add_row("together", f"{sum(measured.values()):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
