"""Facts -> Plan with reasons: rules, experiments, holdout, caps, schedules. Pure: no clock, no dice, no IO."""

from __future__ import annotations

from .decider import Case, Decider

__all__ = ["Case", "Decider"]
