"""The log and all that a process learns from it: the folds, what is kept of them, lists and bandits."""

from __future__ import annotations

from .history import History

__all__ = ["History"]
