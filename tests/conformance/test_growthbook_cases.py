"""GrowthBook's own cases: conditions, hashing, ranges, choosing, namespaces, weights."""

import json
from pathlib import Path

import pytest

from personalize.conditions import compile_condition
from personalize.decision.experiments import bucket_ranges, choose_variation, equal_weights, hash_unit, in_namespace

CASES = Path(__file__).parents[3] / "shared" / "conformance" / "growthbook-cases.json"
if not CASES.exists():
    pytest.skip("GrowthBook's case file is not beside this checkout", allow_module_level=True)
cases = json.loads(CASES.read_text("utf-8"))


def conditions():
    return [pytest.param(*case[1:4], case[4] if len(case) > 4 else {}, id=case[0]) for case in cases["evalCondition"]]


@pytest.mark.parametrize(("condition", "attributes", "expected", "groups"), conditions())
def test_a_condition_gives_growthbooks_answer(condition, attributes, expected, groups):
    """Every published condition case gives the published answer, verbatim."""
    assert compile_condition(condition, groups)(attributes) is expected


@pytest.mark.parametrize(("seed", "value", "version", "expected"), cases["hash"])
def test_a_hash_is_growthbooks(seed, value, version, expected):
    """A value hashes to the published number, and to none for a version that does not exist."""
    assert hash_unit(seed, value, version) == expected


@pytest.mark.parametrize(("_name", "inputs", "expected"), cases["getBucketRange"])
def test_bucket_ranges_are_growthbooks(_name, inputs, expected):
    """Coverage and weights give the published ranges."""
    found = bucket_ranges(*inputs)
    assert [[round(edge, 6) for edge in edges] for edges in found] == expected


@pytest.mark.parametrize(("_name", "unit", "ranges", "expected"), cases["chooseVariation"])
def test_a_number_chooses_growthbooks_variation(_name, unit, ranges, expected):
    """A number falls into the published variation."""
    assert choose_variation(unit, ranges) == expected


@pytest.mark.parametrize(("_name", "visitor", "namespace", "expected"), cases["inNamespace"])
def test_a_namespace_holds_growthbooks_visitors(_name, visitor, namespace, expected):
    """A visitor is in a namespace's part exactly as published."""
    assert in_namespace(visitor, tuple(namespace)) is expected


@pytest.mark.parametrize(("count", "expected"), cases["getEqualWeights"])
def test_equal_weights_are_growthbooks(count, expected):
    """Equal weights are the published ones."""
    assert [round(weight, 8) for weight in equal_weights(count)] == expected
