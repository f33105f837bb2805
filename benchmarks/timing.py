"""Interleaved timing: each round runs every contender once, so that a drifting machine hurts all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping

from rich.progress import track


async def interleaved(
    contenders: Mapping[str, Callable[[], Awaitable[None]]], rounds: int = 60, batch: int = 20
) -> dict[str, float]:
    """Median microseconds per call of each contender, over `rounds` rounds of `batch` calls in turn."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        for _ in range(batch):
            await call()
    gc.collect()
    gc.disable()
    try:
        for _ in track(range(rounds), description="measuring", transient=True):
            for name, call in contenders.items():
                began = time.perf_counter_ns()
                for _ in range(batch):
                    await call()
                times[name].append((time.perf_counter_ns() - began) / batch / 1000)
    finally:
        gc.enable()
    return {name: statistics.median(all_) for name, all_ in times.items()}


def in_turns(
    contenders: Mapping[str, tuple[Callable[[int], None], int]], rounds: int = 40
) -> dict[str, tuple[float, float]]:
    """Median and least microseconds per call of contenders that run so many calls themselves, in turn."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for run, batch in contenders.values():
        run(batch)
    gc.collect()
    gc.disable()
    try:
        for _ in track(range(rounds), description="measuring", transient=True):
            for name, (run, batch) in contenders.items():
                began = time.perf_counter_ns()
                run(batch)
                times[name].append((time.perf_counter_ns() - began) / batch / 1000)
    finally:
        gc.enable()
    return {name: (statistics.median(all_), min(all_)) for name, all_ in times.items()}


def additions() -> float:
    """Seconds for a million additions: says how fast the machine was while the figures were taken."""
    began, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number
    return time.perf_counter() - began
