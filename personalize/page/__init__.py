"""The page floor: bytes and fills in, bytes out."""

from .rules import PageRules, SlotTarget, compile_rules
from .shapes import Shapes, page_key
from .splicer import WAIT, Piece, Splicer, WaitType
from .stitching import Stitcher

__all__ = [
    "WAIT", "PageRules", "Piece", "Shapes", "SlotTarget", "Splicer", "Stitcher", "WaitType", "compile_rules",
    "page_key",
]  # fmt: skip
