"""Conditions: what a rule can ask (facts, behaviours), and how it is compiled to a plain function.

`compile_rule` reads the language of a config file, `compile_condition` GrowthBook's own, `SegmentRules` holds the rules
of named segments and knows what they need of each other.
"""

from __future__ import annotations

from ..errors import ConditionError
from .behaviours import Behaviour, path_test, shown_age, shown_duration
from .code import Together, look_up
from .facts import BEHAVIOURS, FACTS, Fact, find_fact, suggestion
from .growthbook import compile_condition
from .language import compile_rule
from .rule import Rule
from .segment_rules import SegmentRules

__all__ = [
    "BEHAVIOURS", "FACTS", "Behaviour", "ConditionError", "Fact", "Rule", "SegmentRules", "Together",
    "compile_condition", "compile_rule",
    "find_fact", "look_up", "path_test", "shown_age", "shown_duration", "suggestion",
]  # fmt: skip
