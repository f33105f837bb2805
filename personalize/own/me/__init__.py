"""The visitor's own page: what is known, where it is from, and the means to correct, download, erase and refuse it."""

from __future__ import annotations

from .answer import answer

__all__ = ["answer"]
