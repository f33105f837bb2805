"""What an operator does with the log as a whole: move it to another store, and make the folds anew from it."""

from __future__ import annotations

from .copying import Copied, copy_log
from .rebuilding import Rebuilt, rebuild, started, state_of

__all__ = ["Copied", "Rebuilt", "copy_log", "rebuild", "started", "state_of"]
