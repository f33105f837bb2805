"""What happened, and how it reaches the log and its folds."""

from __future__ import annotations

from .exposures import make_exposure, make_page_view, make_signal, segment_entered
from .log import EventLog

__all__ = ["EventLog", "make_exposure", "make_page_view", "make_signal", "segment_entered"]
