"""Where things are kept, and for how long. The addresses stay out of every message: they may hold a password."""

from __future__ import annotations

from typing import Final

from ..model import ERASED, EXPIRED, PAUSED, RESUMED, WITHDRAWN
from ..quantities import duration
from .tree import Tree

_STORES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
_HOT: Final = ("redis", "rediss", "valkey")
_A_DAY: Final = 86_400.0
# Without these what was erased, refused or paused would be back; they are few.
_STAYING: Final = frozenset({ERASED, WITHDRAWN, EXPIRED, PAUSED, RESUMED})


def check_storage(tree: Tree) -> None:
    _address(tree, "store", _STORES, "postgresql://user@host/database")
    _address(tree, "hot", _HOT, "redis://host:6379/0")
    for path, kept in tree.each("retention", "*"):
        if path[-1] in _STAYING:
            why = "what was erased, refused or paused would come back"
            tree.report("PZ205", path, f'"{path[-1]}" must stay in the log: {why}', "leave it out")
            continue
        try:
            seconds = duration(kept)
        except ValueError:  # the models say so
            continue
        if seconds < _A_DAY:
            # Nobody keeps a kind for 90 seconds: they meant 90d, and what is gone is gone.
            tree.report("PZ205", path, f'"{path[-1]}" must be kept for at least a day', 'write "90d"')


def _address(tree: Tree, key: str, servers: tuple[str, ...], example: str) -> None:
    value = tree.get((key,))
    if not isinstance(value, str) or value in ("memory", "sqlite"):
        return
    scheme, _, rest = value.partition("://")
    hint = f"write sqlite, sqlite:///path/to/file.db, {example} or memory"
    if scheme == "sqlite":
        if not rest.startswith("/") or rest.strip("/") in ("", ":memory:") or "\0" in rest:
            tree.report("PZ321", (key,), f"{key} in SQLite needs a file", hint)
    elif key == "store" and scheme in _HOT:
        tree.report("PZ321", (key,), "Redis keeps no log", "write it as hot, beside store")
    elif scheme not in servers or not rest:
        tree.report("PZ321", (key,), f"there is no such {key}", hint)
