"""Folds that count over the log, and how their rows are shown."""

from __future__ import annotations

from .exposures import ExposureReport, ExposureRow, as_json, table

__all__ = ["ExposureReport", "ExposureRow", "as_json", "table"]
