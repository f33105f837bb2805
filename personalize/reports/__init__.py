"""Folds that count over the log, and how their rows are shown."""

from __future__ import annotations

from .effect_tables import effects_as_json, effects_table
from .effects import EffectReport, Effects, Tested, experiments_in
from .exposures import ExposureReport, ExposureRow, as_json, table
from .holdouts import Holdouts, holdouts_in
from .winners import Guardrails, Verdict, judge

__all__ = [
    "EffectReport", "Effects", "ExposureReport", "ExposureRow", "Guardrails", "Holdouts", "Tested", "Verdict",
    "as_json", "effects_as_json", "effects_table", "experiments_in", "holdouts_in", "judge", "table",
]  # fmt: skip
