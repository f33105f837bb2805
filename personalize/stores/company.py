"""Is another process at work beside the same file? Then what visitors were shown has to be shared with it.

Each process holds a read lock on a file beside it, and asks the system whether anybody else holds one: an open file
description lock (fcntl(2), Linux), which knows two of them apart even in one process. Asking takes two microseconds,
where sharing takes hundreds.
"""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path
from typing import Any, Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LOCKS: Any = fcntl  # by this name, since only Linux has what is asked of it
_FLOCK: Final = "hhqqi"  # struct flock: type, whence, start, length, process
_SETTLED: Final = 5.0  # seconds; what a process that is gone was the last to show, the log's tail brings in one


class Company:
    """`path` is made when first asked, and held until `leave`. Who was alone for `settled` seconds is alone."""

    def __init__(self, path: Path, settled: float = _SETTLED) -> None:
        self._path = path
        self._settled = settled
        self._held: int | None = None
        self._pid = 0
        self._seen = 0.0  # when somebody else was last seen, on the monotonic clock

    def is_alone(self) -> bool:
        """Whether nobody else has been here for `settled` seconds. False where that can't be told."""
        if not hasattr(_LOCKS, "F_OFD_GETLK"):
            return False
        now = time.monotonic()
        if self._pid != os.getpid():  # at first; or this is a fork, which holds its parent's lock
            self.leave()
            self._seen = now
            self._pid = os.getpid()
            self._held = self._hold()
        if self._held is None or self._is_another(self._held):
            self._seen = now
        return now - self._seen > self._settled

    def leave(self) -> None:
        """Let go of the lock; asking again takes it anew."""
        if self._held is not None:
            os.close(self._held)
        self._held, self._pid = None, 0

    def _hold(self) -> int | None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        try:
            _LOCKS.fcntl(held, _LOCKS.F_OFD_SETLK, struct.pack(_FLOCK, _LOCKS.F_RDLCK, os.SEEK_SET, 0, 0, 0))
        except OSError:  # a file system without locks
            os.close(held)
            return None
        return held

    def _is_another(self, held: int) -> bool:
        asked = struct.pack(_FLOCK, _LOCKS.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        try:
            told = _LOCKS.fcntl(held, _LOCKS.F_OFD_GETLK, asked)
        except OSError:
            return True
        return bool(struct.unpack_from("h", told)[0] != _LOCKS.F_UNLCK)
