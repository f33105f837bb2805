"""Where the event log lives. `open_store` turns the config's `store:` into a Store."""

from __future__ import annotations

from pathlib import Path

from ..protocols import Observer, Store
from .memory import MemoryStore
from .sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "open_store"]

_LATER = ("postgresql", "postgres", "redis", "rediss", "valkey")


def open_store(url: str, base: Path, observer: Observer | None = None) -> Store:
    """The store that `url` names; nothing is opened or made before its `open()`.

    "memory"; "sqlite" (`.personalize/log.db` under `base`); "sqlite:///shop.db" (relative to `base`) or
    "sqlite:////var/lib/shop.db" (absolute; the slashes are those of SQLAlchemy's urls).
    Raises ValueError, with a message for the config's author, for anything else.
    """
    scheme, _, rest = url.partition("://")
    if url == "memory":
        return MemoryStore()
    if url == "sqlite":
        return SqliteStore(base / ".personalize" / "log.db", observer)
    if scheme == "sqlite":
        if not rest.startswith("/") or rest.strip("/") in ("", ":memory:"):
            raise ValueError('a file is needed, such as "sqlite:///shop.db"; for a log in memory write "memory"')
        return SqliteStore(base / rest[1:], observer)
    if scheme.partition("+")[0] in _LATER:
        raise ValueError(f'store "{scheme}" is not supported yet; use sqlite, sqlite:///path or memory')
    raise ValueError(f'"{url}" names no store; use sqlite, sqlite:///path or memory')
