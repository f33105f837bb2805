"""GrowthBook's own cases, all lists: what its SDKs are held to holds here too."""

import json
from pathlib import Path

import pytest

from personalize.conditions import compile_condition
from personalize.decision.experiments import bucket_ranges, choose_variation, equal_weights, hash_unit, in_namespace
from personalize.decision.growthbook import REDIRECT, Context, evaluate_feature, query_string_override, run_experiment

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


def context(raw, kept=None):
    """A context as the cases write it."""
    return Context(
        attributes=raw.get("attributes", {}),
        features=raw.get("features", {}),
        saved_groups=raw.get("savedGroups", {}),
        contextual_bandits=raw.get("contextualBandits", {}),
        forced_variations=raw.get("forcedVariations", {}),
        url=raw.get("url", ""),
        enabled=raw.get("enabled", True),
        qa_mode=raw.get("qaMode", False),
        assignments=kept,
    )


def named(kind):
    return [pytest.param(*case[1:], id=case[0]) for case in cases[kind]]


@pytest.mark.parametrize(("raw", "key", "expected"), named("feature") + named("contextualBandit"))
def test_a_feature_gives_growthbooks_value(raw, key, expected):
    """Every published feature and contextual bandit gives the published result, to the last field."""
    assert evaluate_feature(context(raw), key).as_json() == expected


@pytest.mark.parametrize(("raw", "experiment", "value", "inside", "hashed"), named("run"))
def test_an_experiment_gives_growthbooks_variation(raw, experiment, value, inside, hashed):
    """Every published experiment gives the published value, in or out, by hash or not."""
    result = run_experiment(context(raw), experiment)
    assert (result.value, result.in_experiment, result.hash_used) == (value, inside, hashed)


@pytest.mark.parametrize(("raw", "before", "key", "expected", "after"), named("stickyBucket"))
def test_assignments_are_kept_as_growthbook_keeps_them(raw, before, key, expected, after):
    """What was assigned is found again, carried to a better attribute, and written as published."""
    kept = {f"{each['attributeName']}||{each['attributeValue']}": each for each in before}
    result = evaluate_feature(context(raw, kept), key).result
    assert (result.as_json() if result is not None else None) == expected
    assert kept == after


@pytest.mark.parametrize(("key", "url", "count", "expected"), named("getQueryStringOverride"))
def test_a_query_string_asks_for_growthbooks_variation(key, url, count, expected):
    """A variation is asked for by the experiment's key in the URL, as published."""
    assert query_string_override(key, url, count) == expected


@pytest.mark.parametrize(("raw", "_expected"), named("urlRedirect"))
def test_a_redirect_is_refused_with_a_reason(raw, _expected):
    """Experiments that would redirect put nobody in, and say why: a page is rewritten, not left."""
    for experiment in raw["experiments"]:
        result = run_experiment(context(raw), experiment)
        assert (result.in_experiment, result.refused) == (False, REDIRECT)


def test_no_list_of_the_file_is_left_out():
    """Every list of the file has its test here."""
    told = Path(__file__).read_text("utf-8")
    assert all(f'"{name}"' in told for name, value in cases.items() if isinstance(value, list))
