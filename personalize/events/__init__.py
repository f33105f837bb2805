"""What happened, and how it reaches the log and its folds."""

from __future__ import annotations

from .exposures import exposure_of, make_page_view, make_signal, segment_entered
from .log import EventLog

__all__ = ["EventLog", "exposure_of", "make_page_view", "make_signal", "segment_entered"]
