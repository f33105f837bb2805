"""compile_condition beyond the published cases: JavaScript's comparisons, wrong shapes, and that it never raises."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.conditions import ConditionError, compile_condition

NAMES = ("a", "b", "tags")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.sampled_from(["", "a", "A", "1", "1.2.3", "\ud800"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner), max_leaves=4
)
OPERATORS = (
    "$eq $ne $lt $lte $gt $gte $in $nin $ini $nini $exists $type $regex $regexi $size $all $alli $elemMatch $not "
    "$notRegex $notRegexi $veq $vne $vgt $vgte $vlt $vlte $inGroup $notInGroup $unheard"
).split()
operators = st.recursive(
    values,
    lambda inner: st.dictionaries(st.sampled_from(OPERATORS), inner, max_size=2),
    max_leaves=4,
)
conditions = st.recursive(
    st.dictionaries(st.sampled_from(("a", "b.a", "tags", "tags.0")), operators, max_size=2),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(("$and", "$or", "$nor")), st.lists(inner, max_size=3), max_size=2),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=4,
)


@given(conditions, st.dictionaries(st.sampled_from(NAMES), values))
def test_a_compiled_condition_answers_true_or_false_for_any_attributes(condition, attributes):
    """Whatever the attributes are, a condition that compiled says true or false and raises nothing."""
    try:
        test = compile_condition(condition)
    except ConditionError:
        return
    assert test(attributes) in (True, False)


@given(conditions, st.dictionaries(st.sampled_from(NAMES), values))
def test_not_turns_a_condition_round(condition, attributes):
    """A condition and the same under $not never agree."""
    try:
        plain = compile_condition(condition)
    except ConditionError:
        return
    assert plain(attributes) is not compile_condition({"$not": condition})(attributes)


@pytest.mark.parametrize(
    ("condition", "attributes", "expected"),
    [
        ({"n": {"$lt": 10, "$gte": 0}}, {}, True),  # null is 0 beside a number
        ({"n": {"$gt": "abc"}}, {}, False),  # and no number beside a text that is none
        ({"n": 0}, {}, True),
        ({"n": {"$eq": 0}}, {}, False),  # but never the same
        ({"n": 10}, {"n": "10"}, True),
        ({"n": "10"}, {"n": 10.0}, True),
        ({"n": {"$eq": 1}}, {"n": True}, False),
        ({"n": {"$in": [1, "2"]}}, {"n": True}, False),
        ({"n": {"$in": [1, "2"]}}, {"n": 2}, False),
        ({"n": {"$in": [True]}}, {"n": 1}, False),
        ({"n": {"$in": [None]}}, {}, True),
        ({"n": {"$gt": 9}}, {"n": "1_0"}, False),  # Python's way to write ten
        ({"n": {"$gt": 9}}, {"n": " 0x10 "}, True),
        ({"n": {"$lt": 10}}, {"n": []}, True),  # an empty list is an empty text is 0
        ({"n": True}, {"n": []}, True),  # and true
        ({"n": {"$lt": float("nan")}}, {"n": 1}, False),
        ({"n": {"$size": 2}}, {"n": frozenset(("a", "b"))}, True),
        ({"n": {"$in": ["a"]}}, {"n": frozenset(("a", "b"))}, True),
        ({"list.1.x": 5}, {"list": [0, {"x": 5}]}, True),
        ({"n": {"$elemMatch": {"$lt": 5}}}, {"n": [0, 9]}, True),
        ({"n": {"$elemMatch": {"$lt": 5}}}, {"n": [None, 9]}, False),  # GrowthBook passes null over, and nothing else
        ({"n": {"$elemMatch": {"length": 2}}}, {"n": [[1], [1, 2]]}, True),
        ({"n.length": {"$gte": 2}}, {"n": ["a", "b"]}, True),
        ({"n.01": "b"}, {"n": ["a", "b"]}, False),
        ({"n": {"$lt": "b"}}, {"n": ["a", "z"]}, True),  # a list is compared as the text "a,z"
        ({"n": {"$gte": "[object"}}, {"n": {}}, True),
        ({"n": {"$elemMatch": {"x": {"$exists": False}}}}, {"n": ["text"]}, True),
        ({"n": {"$all": [{"$gt": 5}, 1]}}, {"n": [1, 6]}, True),
        ({"n": {}}, {"n": {}}, True),
        ({"n": {"x": 1, "y": [True]}}, {"n": {"y": [True], "x": 1}}, True),
        ({"n": {"x": 1}}, {"n": {"x": True}}, False),
        ({"$nor": []}, {}, False),
        ({"n": {"$regex": "^nu"}}, {}, True),  # JavaScript searches in "null"
        ({"n": {"$notRegex": "^a"}}, {"n": "ba"}, True),
        ({"n": {"$notRegex": "^a"}}, {"n": "ab"}, False),
        ({"n": {"$notRegex": "^A"}}, {"n": "ab"}, True),
        ({"n": {"$notRegexi": "^A"}}, {"n": "ab"}, False),
        ({"n": {"$notRegex": "^a"}}, {}, True),
        ({"n": {"$notRegex": "("}}, {"n": "a"}, False),  # a pattern that is none fails both ways
        ({"n": {"$notRegexi": 5}}, {"n": "a"}, False),
        ({"n": {"$inGroup": "g"}}, {"n": "x"}, False),
        ({"n": {"$vgt": "1.9"}}, {"n": 1.10}, False),
        ({"$groups": {"$in": ["a"]}}, {"$groups": ["a"]}, True),
    ],
)
def test_values_compare_as_in_javascript(condition, attributes, expected):
    """Mixed and missing values give what GrowthBook's JavaScript gives."""
    assert compile_condition(condition)(attributes) is expected


GROUPS = {
    "plain": ["ann"],
    "staff": {"type": "list", "attributeKey": "id", "values": ["ann", "bob"]},
    "turkish": {"type": "condition", "condition": {"country": "TR", "$savedGroup": {"id": "staff"}}},
    "itself": {"type": "condition", "condition": {"$not": {"$savedGroup": {"id": "itself"}}}},
    "new": {"type": "cohort", "values": ["ann"]},
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"$savedGroup": {"id": "staff"}}, True),
        ({"$savedGroup": {"id": "staff", "attributeKey": "boss"}}, False),
        ({"$savedGroup": {"id": "turkish"}}, True),
        ({"$savedGroup": {"id": "turkish"}, "id": "eve"}, False),
        ({"$not": {"$savedGroup": {"id": "staff"}}}, False),
        ({"$savedGroup": {"id": "itself"}}, True),
        ({"$savedGroup": {"id": "plain"}}, False),
        ({"$savedGroup": {"id": "nobody"}}, False),
        ({"$savedGroup": {"id": "new"}}, False),
        ({"$savedGroup": "staff"}, False),
        ({"id": {"$inGroup": "staff"}}, True),
        ({"id": {"$notInGroup": "staff"}}, False),
        ({"id": {"$notInGroup": "nobody"}}, True),
        ({"id": {"$inGroup": "turkish"}}, False),
        ({"id": {"$notInGroup": "turkish"}}, False),
        ({"id": {"$notInGroup": "new"}}, False),
    ],
)
def test_saved_groups_of_both_kinds(condition, expected):
    """A group that is a list or a condition is asked by name; one that cannot be read holds for nobody, either way."""
    assert compile_condition(condition, GROUPS)({"id": "ann", "country": "TR", "boss": "cem"}) is expected


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"$or": {"a": 1}}, ("$or",)),
        ({"a": 1, "$and": [{"b": 1}, "c"]}, ("$and", 1)),
        ({"$not": [1]}, ("$not",)),
        ("a", ()),
        ({"a": {"$not": {"$regex": r"(a)\1"}}}, ("a", "$not", "$regex")),
        ({"a": {"$elemMatch": {"b": {"$regexi": "(?=x)y"}}}}, ("a", "$elemMatch", "b", "$regexi")),
    ],
)
def test_a_condition_that_cannot_be_run_is_refused_with_its_place(condition, path):
    """A wrong shape, or a pattern only a backtracking engine runs, is an error that leads to the slip."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(condition)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "text", ["@", "{0}", "{key}", 'x") or True or ("', "v := 1", "c0", "'\\\"", "\n", "__import__('os')"]
)
def test_nothing_that_was_written_becomes_code(text):
    """Names and values with the marks of the compiler's own templates are names and values."""
    test = compile_condition(
        {text: text, "a": {"$in": [text]}, f"b.{text}": {"$ne": text}, "c": {"$regexi": "^" + re.escape(text)}}
    )
    assert test({text: text, "a": text, "b": {}, "c": text}) is True
    assert test({text: "", "a": text, "b": {}, "c": text}) is False


@pytest.mark.parametrize("depth", [29, 30, 31, 300])
def test_a_condition_may_be_nested_deep(depth):
    """However deep it is nested, a condition compiles and means what it says."""
    condition = {"a": {"$gt": 1, "$lt": 5}}
    for _ in range(depth):
        condition = {"$not": {"$and": [condition, {"b": 1}]}}
    assert compile_condition(condition)({"a": 3, "b": 1}) is (depth % 2 == 0)
    value = {"$gt": 1}
    for _ in range(depth):
        value = {"$not": value}
    assert compile_condition({"a": value})({"a": 3}) is (depth % 2 == 0)
