"""Where things are kept, and for how long. The addresses stay out of every message: they may hold a password."""

from __future__ import annotations

import re
from typing import Final

from ..model import DEMOTED, ERASED, EXPIRED, PAUSED, PROMOTED, RESUMED, WITHDRAWN
from ..quantities import duration
from .tree import Tree

POSTGRES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
REDIS: Final = ("redis", "rediss", "valkey", "unix")
_OURS: Final = ("sqlite", "memory", *POSTGRES, *REDIS)
_PLUGIN: Final = re.compile(r"([\w.]+):[A-Za-z_][\w.]*")
_A_DAY: Final = 86_400.0
# Without these what was erased, refused or paused would be back; they are few.
_STAYING: Final = frozenset({ERASED, WITHDRAWN, EXPIRED, PAUSED, RESUMED, PROMOTED, DEMOTED})


def check_storage(tree: Tree) -> None:
    _address(tree, "store", POSTGRES, "postgresql://user@host/database")
    _address(tree, "hot", POSTGRES + REDIS, "postgresql://user@host/database, redis://host:6379/0")
    store, hot = tree.get(("store",)), tree.get(("hot",))
    if hot == store and str(hot).startswith("sqlite:"):
        tree.report("PZ321", ("hot",), "the log and hot need a file each", "leave hot out: it is then beside the log")
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
    if not isinstance(value, str) or value in ("memory", "sqlite") or is_plugin(value):
        return
    scheme, _, rest = value.partition("://")
    hint = f"write sqlite, sqlite:///path/to/file.db, {example} or memory"
    if scheme == "sqlite":
        if not rest.startswith("/") or rest.strip("/") in ("", ":memory:") or "\0" in rest:
            tree.report("PZ321", (key,), f"{key} in SQLite needs a file", hint)
    elif key == "store" and scheme in REDIS:
        tree.report("PZ321", (key,), "Redis keeps no log", "write it as hot, beside store")
    elif scheme not in servers or not rest:
        tree.report("PZ321", (key,), f"there is no such {key}", hint)
    elif scheme != "unix" and (trouble := server_trouble(rest)):
        tree.report("PZ321", (key,), f"the address in {key} is wrong: {trouble}")


def is_plugin(address: str) -> bool:
    """Is it an import string, "package.module:Name", of somebody's own store?"""
    found = _PLUGIN.fullmatch(address)
    return found is not None and found[1] not in _OURS


def server_trouble(rest: str) -> str:
    """What is wrong with an address after its ://, or nothing."""
    authority, _, path = rest.partition("?")[0].partition("/")
    if "@" in path:
        return "of a user's name or password, / is written %2F and @ %40"
    for server in authority.rpartition("@")[2].split(","):
        port = server.rpartition("]")[2].rpartition(":")[2] if ":" in server.rpartition("]")[2] else ""
        if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
            return "a port is a number from 1 to 65535"
    return ""
