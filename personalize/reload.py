"""From a config to the engine that serves it, and from an edit of its file to the next one.

A file is followed by looking at it twice a second (its real path, size, times, and those of its templates and
catalogue), which works for renames, symlink swaps, network mounts and containers alike. A bad edit leaves the
last good engine serving and is said once.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import get_ident
from typing import Any

from .checked import load_checked
from .config import Config
from .engine import Engine
from .errors import ConfigError
from .history import History
from .history.ending import end
from .model import CONFIG_LIVE, OPERATOR, Event, Problem
from .operators.changes import config_live
from .protocols import Observer
from .visitor import secret_keys

INTERVAL = 0.5  # seconds between two looks at the file

_Looked = tuple[object, ...]  # a file's name, and what it looks like

_forks = 0  # between this process and the one that loaded this module


def _forked() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_forked)


class Watcher:
    """Holds the engine that serves now, and the history it reads from.

    `rejected` is the last edit's ConfigError while it is not mended; `revision` counts the engines so far.
    """

    def __init__(self, config: str | Path | Mapping[str, Any] | Config, observer: Observer) -> None:
        self.observer = observer
        self.rejected: ConfigError | None = None
        self.revision = 1
        self._source = config
        before = (_look_at(Path(config)),) if isinstance(config, str | Path) else ()
        loaded = config if isinstance(config, Config) else load_checked(config)
        self._seen = self._look(loaded, before)
        self._keys = self._read_keys(loaded)
        self.history = open_history(loaded, observer)
        self._kept_at = (loaded.store, loaded.hot)  # what this process opened
        self.engine = self._make(loaded)
        self.history.pauses.changed = self._paused
        self.history.promotions.changed = self._promoted
        self._closed = False
        self._following: asyncio.Task[None] | None = None
        self._started_at: tuple[int, asyncio.AbstractEventLoop, int] | None = None
        self._retired: dict[asyncio.Task[None], Engine] = {}

    @property
    def started(self) -> bool:
        """Whether this event loop is the one that was started on. Asked by every request, so it asks for no process id,
        as `get_running_loop` does before Python 3.12: of one thread's loops only one runs."""
        at = self._started_at
        return at is not None and at[0] == get_ident() and at[1].is_running() and at[2] == _forks

    async def start(self, patience: float | None = None) -> None:
        """Open the history (waiting for its replay at most `patience` seconds; None: to its end) and follow the
        file. A second call does nothing; after `close` all begins again, with what the log holds."""
        if self.started:
            return
        if self._closed:
            self._closed = False
            self.engine = self._make(self.engine.config)
        self._say_live()
        self._write_down()
        loop = asyncio.get_running_loop()
        self._following = loop.create_task(self._follow(), name="personalize reload")
        self._started_at = get_ident(), loop, _forks
        await asyncio.wait((self.history.start(),), timeout=patience)

    async def close(self) -> None:
        self._closed = True
        retired = list(self._retired.items())
        await end(self._following, *(task for task, _ in retired))
        self._following = self._started_at = None
        await self.history.close()
        for engine in (*(old for _, old in retired), self.engine):
            await engine.close()

    # --- one engine after another --------------------------------------------------------------------

    def _read_keys(self, config: Config) -> tuple[str, ...]:
        if config.store == "memory" and not os.environ.get("PERSONALIZE_SECRET"):
            return (secrets.token_hex(32),)  # nothing outlives this process, so no key has to
        return secret_keys(os.environ, config.base)

    def _make(self, config: Config) -> Engine:
        return Engine(config, self.history, self._keys, self.observer, new_id=lambda: uuid.uuid4().hex)

    async def _follow(self) -> None:
        if not isinstance(self._source, str | Path):
            return
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self._follow_once(Path(self._source))
            except Exception as error:  # following must outlive whatever a file system does
                self.observer.failed("reload", error)

    async def _follow_once(self, path: Path) -> None:
        seen = await asyncio.to_thread(self._look, self.engine.config)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            config = await asyncio.to_thread(load_checked, path)
            engine = self._make(config)
        except ConfigError as error:
            self.rejected = error
            self.observer.changed("config", "rejected", f"the last good one stays; {error}")
            return
        self.history.follow(config.products)
        self.history.retention.keep = config.retention
        engine.contents.adopt(self.engine.contents)
        old, self.engine = self.engine, engine
        self.rejected = None
        self.revision += 1
        self._seen = self._look(config, seen)
        self._say_live()
        self._say_moved(config)
        self._write_down()
        self._retire(old)

    def _promoted(self, event: Event) -> None:
        """A variant was promoted, or is so no more, wherever that was done."""
        self.engine.switch()
        target, variant, by = (event.properties.get(word) for word in ("target", "variant", "by"))
        what = f"variant {variant} of {target}" if variant else target
        self.observer.changed("winners", f"{event.name}: {what}", f"by {by}")

    def _paused(self, event: Event) -> None:
        """An operator paused or resumed something, wherever that was done."""
        self.engine.switch()
        state = "on" if self.history.pauses.held else "off"
        target, by = event.properties.get("target"), event.properties.get("by")
        self.observer.changed("kill switch", state, f"{event.name}: {target} by {by}")

    def _retire(self, old: Engine) -> None:
        """Close the engine that served before, after the requests that still hold it have had their time."""

        async def later() -> None:
            await asyncio.sleep(30)
            await old.close()

        task = asyncio.get_running_loop().create_task(later(), name="personalize retire")
        self._retired[task] = old
        task.add_done_callback(self._retired.pop)

    def _say_live(self) -> None:
        config = self.engine.config
        cookie = config.site.cookie.name
        self.observer.changed(
            "config",
            "live",
            f"{config.file}, revision {self.revision}, slots: {len(config.slots)}; the id cookie is __Host-{cookie}, "
            f"and {cookie} without Secure over plain http on localhost",
        )

    def _say_moved(self, config: Config) -> None:
        """What is open stays open: events that wait, and profiles in memory, belong to it. No address is told, for it
        may hold a password."""
        told = zip(("store", "hot"), self._kept_at, (config.store, config.hot), strict=True)
        moved = [name for name, here, there in told if here != there]
        if moved:
            why = f"{' and '.join(moved)} changed, which needs a restart: this process goes on with what it opened"
            self.observer.changed("config", "stale", why)

    def _write_down(self) -> None:
        """A line in the log for each edit that went live: once, however many workers took it over."""
        if isinstance(self._source, str | Path):
            path = Path(self._source)
            try:
                saved = path.stat().st_mtime
                text = path.read_bytes()
            except OSError:
                return
            live = config_live(self.engine.config, text)
            id_ = f"config-{live['hash']}-{saved:.3f}"
            self.history.record(Event(id_, CONFIG_LIVE, time.time(), OPERATOR, live))

    # --- looking at files ----------------------------------------------------------------------------

    def _look(self, config: Config, before: Iterable[_Looked] = ()) -> tuple[_Looked, ...]:
        """What the followed files look like now, or did `before` they were read: who edits one while it is read makes
        another edit, and not one that was seen. Changes when any of them does."""
        if not isinstance(self._source, str | Path):
            return ()
        files = [Path(self._source), *sorted((config.base / config.site.templates).rglob("*"))]
        if config.catalogue is not None and config.catalogue.file:
            files.append(config.base / config.catalogue.file)
        known = {looked[0]: looked for looked in before}
        return tuple(known.get(str(file)) or _look_at(file) for file in files)


def open_history(config: Config, observer: Observer) -> History:
    """The history that a config's `store` names. Raises ConfigError where it names none."""
    try:
        return History.at(config.store, config.base, config.products, observer, config.hot, config.retention)
    except ValueError as error:
        raise ConfigError([Problem(config.mark("store"), "PZ321", str(error))])


def _look_at(file: Path) -> _Looked:
    try:
        stat = file.stat()
    except OSError:
        return (str(file), None)
    return (str(file), os.path.realpath(file), stat.st_mtime_ns, stat.st_size, stat.st_ino)
