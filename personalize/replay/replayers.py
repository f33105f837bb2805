"""A log replayed from its beginning to its end, by one process or by several that share the people between them.

Each of several reads the whole log, for who is whom is known from all of it, and decides for its own people alone.
They are started anew and not forked: a fork would take along threads and connections that are not its own.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from ..config import load_config
from ..engine import Engine
from ..errors import StoreError
from ..history import History
from ..observe import LogObserver
from ..stores import open_store
from ..terminal import reading
from .replay import Replay
from .replayed import Replayed, merged

_BATCH: Final = 2_000
_LONG: Final = 50_000  # lines from which on it pays to start processes, which takes about a second

Progress = Callable[[int, int], Any]  # lines done, and lines there are


def engine_of(file: Path) -> Engine:
    """A config put together on a history of its own, which stays empty. Raises ConfigError."""
    config, observer = load_config(file), LogObserver()
    history = History.at("memory", config.base, config.products, observer)
    return Engine(config, history, ("replay" * 8,), observer, new_id=str)


def replay_log(file: Path, new: Path, since: float, processes: int | None, progress: Progress) -> Replayed:
    """Replay the log of the config in `file` under both configs. `processes` None: as many as there are cores, where
    the log is long. Raises ConfigError, StoreError."""
    engines = engine_of(file), engine_of(new)
    last = asyncio.run(_last(engines[0]))
    if processes is None:
        processes = (os.cpu_count() or 1) if last >= _LONG else 1
    if processes == 1:
        return asyncio.run(_walk(*engines, since, last, 0, 1, lambda done: progress(done, last)))
    return merged(_share(file, new, since, last, processes, progress))


async def _last(engine: Engine) -> int:
    async with reading(engine.config) as store:
        return await store.last()


async def _walk(
    old: Engine, new: Engine, since: float, last: int, number: int, of: int, done: Callable[[int], Any]
) -> Replayed:
    """Everything up to the log's line `last`, for the people of process `number`."""
    store = open_store(old.config.store, old.config.base)
    await store.open()
    collecting = gc.isenabled()
    gc.disable()  # profiles of everybody are kept and none is part of a cycle: to visit them all again finds nothing
    try:
        for engine in (old, new):
            await engine.history.lists.refresh()
        replay = Replay(old, new, since, store, number, of)
        after = 0
        while after < last and (lines := await store.lines(after, _BATCH)):
            await replay.take([line for line in lines if line[0] <= last])
            after = lines[-1][0]
            done(min(after, last))
        return replay.told
    finally:
        if collecting:
            gc.enable()
        await store.close()


# --- several processes -------------------------------------------------------------------------------------


def _share(file: Path, new: Path, since: float, last: int, processes: int, progress: Progress) -> list[Replayed]:
    """What each process counted, in their order."""
    context = multiprocessing.get_context("spawn")
    ends: list[Connection] = []
    workers = []
    for number in range(processes):
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(
            target=_work, args=(file, new, since, last, number, processes, theirs), name=f"replay {number}", daemon=True
        )
        with _leaving_interrupts_to_us():
            worker.start()
        theirs.close()
        ends.append(ours)
        workers.append(worker)
    try:
        return _gather(ends, last, progress)
    finally:
        for worker in workers:
            worker.terminate()  # those that are done have ended; after an error the others need not go on
            worker.join()


@contextmanager
def _leaving_interrupts_to_us() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal. What is started here passes it over: this process ends it."""
    if threading.current_thread() is not threading.main_thread():  # only there handlers can be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _gather(ends: list[Connection], last: int, progress: Progress) -> list[Replayed]:
    found: dict[int, Replayed] = {}
    done = [0] * len(ends)
    while len(found) < len(ends):
        for end in wait([end for number, end in enumerate(ends) if number not in found]):
            assert isinstance(end, Connection)
            number = ends.index(end)
            try:
                told = end.recv()
            except EOFError:
                raise StoreError("a process that replayed has ended without an answer") from None
            if isinstance(told, str):
                raise StoreError(told)
            if isinstance(told, Replayed):
                found[number] = told
            else:
                done[number] = told
                progress(sum(done) // len(done), last)
    return [found[number] for number in range(len(ends))]


def _work(file: Path, new: Path, since: float, last: int, number: int, of: int, told: Connection) -> None:
    """One of the processes: sends how far it is, then what it counted, or what is wrong with the log."""
    try:
        told.send(asyncio.run(_walk(engine_of(file), engine_of(new), since, last, number, of, told.send)))
    except StoreError as error:
        told.send(str(error))
