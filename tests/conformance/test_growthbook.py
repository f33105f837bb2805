"""GrowthBook's own cases: conditions, hashing, ranges, choosing, namespaces, weights."""

import json
from pathlib import Path

import pytest

from personalize.conditions import compile_condition

CASES = Path(__file__).parents[3] / "shared" / "conformance" / "growthbook-cases.json"
if not CASES.exists():
    pytest.skip("GrowthBook's case file is not beside this checkout", allow_module_level=True)
cases = json.loads(CASES.read_text("utf-8"))


def named(kind):
    return [pytest.param(*case[1:4], case[4] if len(case) > 4 else {}, id=case[0]) for case in cases[kind]]


@pytest.mark.parametrize(("condition", "attributes", "expected", "groups"), named("evalCondition"))
def test_a_condition_gives_growthbooks_answer(condition, attributes, expected, groups):
    """Every published condition case gives the published answer, verbatim."""
    assert compile_condition(condition, groups)(attributes) is expected
