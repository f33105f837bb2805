"""The page floor: bytes and fills in, bytes out."""

from .rules import PageRules, SlotTarget, compile_rules
from .shapes import Shapes, page_key
from .splicer import WAIT, Piece, Splicer, WaitType

__all__ = ["WAIT", "PageRules", "Piece", "Shapes", "SlotTarget", "Splicer", "WaitType", "compile_rules", "page_key"]
