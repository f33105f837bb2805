"""Where the event log lives. `open_store` turns the config's `store:` into a Store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..config.storage import POSTGRES, REDIS, is_plugin, server_trouble
from ..protocols import Observer, Store
from .hot import MemoryHotState, beside, merged, open_hot_state
from .memory import MemoryStore
from .plugged import plugged
from .postgres import PostgresStore
from .sqlite import SqliteStore

__all__ = [
    "MemoryHotState", "MemoryStore", "PostgresStore", "SqliteStore", "beside", "merged", "open_hot_state", "open_store",
]  # fmt: skip

_STORE: Final = ("open", "append", "read", "lines", "of_visitor", "last", "close")
_KNOWN = "use sqlite, sqlite:///path, postgresql://user@host/database or memory"


def open_store(url: str, base: Path, observer: Observer | None = None) -> Store:
    """The store that `url` names; nothing is opened or made before its `open()`.

    "memory"; "sqlite" (`.personalize/log.db` under `base`); "sqlite:///shop.db" (relative to `base`) or
    "sqlite:////var/lib/shop.db" (absolute; the slashes are those of SQLAlchemy's urls); libpq's "postgresql://...";
    or "package.module:Name", which is made with the config's folder, `Name(base)`, and fits protocols.Store.
    Raises ValueError, with a message for the config's author, for anything else.
    """
    scheme, _, rest = url.partition("://")
    if is_plugin(url):
        made: Store = plugged(url, base, _STORE)
        return made
    if url == "memory":
        return MemoryStore()
    if url == "sqlite":
        return SqliteStore(base / ".personalize" / "log.db", observer)
    if scheme == "sqlite":
        if not rest.startswith("/") or rest.strip("/") in ("", ":memory:"):
            raise ValueError('a file is needed, such as "sqlite:///shop.db"; for a log in memory write "memory"')
        return SqliteStore(base / rest[1:], observer)
    if scheme in POSTGRES and rest:
        if trouble := server_trouble(rest):
            raise ValueError(trouble)
        return PostgresStore(url)
    if scheme in REDIS:
        raise ValueError(f'"{scheme}" keeps no log; write it as `hot`, and for the store {_KNOWN}')
    # An address may hold a password, so only its beginning is repeated.
    raise ValueError(f'"{scheme}" names no store; {_KNOWN}')
