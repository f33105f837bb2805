"""Headers -> Visitor and facts. Pure: time and new ids arrive as arguments; only `secret_keys` reads a file."""

from __future__ import annotations

from .keys import secret_keys
from .previews import Preview, PreviewTokens
from .reader import VisitorReader

__all__ = ["Preview", "PreviewTokens", "VisitorReader", "secret_keys"]
