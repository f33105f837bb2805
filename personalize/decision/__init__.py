"""Facts -> Plan with reasons: rules, experiments, holdout, caps, schedules. Pure: no clock, no dice, no IO."""

from __future__ import annotations

from .case import Case
from .decider import Decider

__all__ = ["Case", "Decider"]
