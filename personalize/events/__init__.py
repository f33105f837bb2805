"""What happened, and how it reaches the log and its folds."""

from __future__ import annotations

from .consent import as_allowed, refused_by, withdrawn
from .exposures import counted, exposure_of, make_page_view, make_signal, segment_entered
from .limits import Callers
from .log import EventLog
from .marks import Marks
from .retention import Retention
from .snapshots import Snapshots

__all__ = [
    "Callers",
    "EventLog",
    "Marks",
    "Retention",
    "Snapshots",
    "as_allowed",
    "counted",
    "exposure_of",
    "make_page_view",
    "make_signal",
    "refused_by",
    "segment_entered",
    "withdrawn",
]
