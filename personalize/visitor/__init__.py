"""Headers -> Visitor and facts. Pure: time and new ids arrive as arguments; only `secret_keys` reads a file."""

from __future__ import annotations

from .keys import secret_keys
from .reader import VisitorReader

__all__ = ["VisitorReader", "secret_keys"]
