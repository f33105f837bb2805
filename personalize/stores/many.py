"""Many rows in one SQLite statement.

Python's module gives the interpreter's lock away at each step of a statement, and beside a busy event loop each time
costs up to 5 ms to have it back (sys.getswitchinterval). So a hundred rows by `executemany` take a hundred waits, and
by one statement one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

MOST: Final = 512  # rows in one statement


def in_parts(db: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, list[Any]]]:
    """For each part of the rows "VALUES (?, ...), ..." and what to put in. There may be rows of NULLs at the end, since
    sizes are powers of two: so that a connection comes by with a few prepared statements."""
    if not rows:
        return
    width = len(rows[0])
    limit = db.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width
    most = min(MOST, 1 << limit.bit_length() - 1)
    for at in range(0, len(rows), most):
        part = rows[at : at + most]
        size = 1 << (len(part) - 1).bit_length()
        yield _values(width, size), [*chain.from_iterable(part), *[None] * (width * (size - len(part)))]


@lru_cache
def _values(width: int, size: int) -> str:
    row = f"({', '.join('?' * width)})"
    return f"VALUES {', '.join([row] * size)}"
