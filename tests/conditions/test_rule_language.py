"""The rules an editor writes: what they mean, what they read, and what is said about slips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.conditions import FACTS, ConditionError, compile_rule, find_fact

SEGMENTS = ("returning-mobile", "winter-campaign", "toothpaste-due")
VIEWED = 'viewed(path "/pricing", within 7d)'
FACTS_OF_ONE = {
    "visits": 3,
    "new": False,
    "country": "TR",
    "device": {"type": "mobile"},
    "utm": {"campaign": "winter-2026"},
    "first_seen": 8 * 86_400.0,
    "cart": {"value": 120.0, "items": ["a", "b"]},
    "traits": {"crm": {"stage": "opportunity"}, "score": 7},
    "time": {"weekday": "sat", "hour": 9, "date": "2026-12-24"},
    "consent": {"analytics_storage": True},
    "query": {"a.b": "1"},
    "custom": {
        "bag": [{"sku": "a-1", "count": 1, "size": "L"}, {"sku": "b-2", "count": 3, "maker": {"name": "Acme"}}],
        "marks": [3, 9],
    },
    "segments": frozenset({"returning-mobile"}),
    VIEWED: True,
}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("everyone", True),
        ("returning-mobile", True),
        ("winter-campaign", False),
        (["returning-mobile", {"visits": 3}], True),
        ({"all": ["returning-mobile", "winter-campaign"]}, False),
        ({"any": ["returning-mobile", "winter-campaign"]}, True),
        ({"not": ["winter-campaign", "toothpaste-due"]}, True),
        ({"not": ["winter-campaign", "returning-mobile"]}, False),
        ({"not": "winter-campaign"}, True),
        ({"not": {"all": ["returning-mobile", "winter-campaign"]}}, True),
        ({"$or": ["winter-campaign", {"visits": {"$gte": 2}}]}, True),
        ({"visits": {"gte": 2, "lt": 3}}, False),
        ({"country": ["DE", "TR"]}, True),
        ({"country": {"not": {"in": ["DE", "TR"]}}}, False),
        ({"country": {"nin": ["DE"]}, "new": False}, True),
        ({"first_seen": {"gt": "7d"}}, True),
        ({"first_seen": {"lte": "1w"}}, False),
        ({"last_seen": {"exists": False}}, True),
        ({"cart.items": ["b", "z"]}, True),
        ({"cart.items": {"all": ["b", "z"]}}, False),
        ({"cart.items": {"size": {"gte": 2}}}, True),
        ({"cart.items": "b"}, True),
        ({"traits.crm.stage": "opportunity", "traits.score": {"gt": 5}}, True),
        ({"traits.absent": None}, True),
        ({"time.weekday": ["sat", "sun"], "time.hour": {"lt": 12}, "time.date": {"lt": "2026-12-25"}}, True),
        ({"consent.analytics_storage": True}, True),
        ({"query.a.b": 1}, True),
        ({"utm.campaign": {"regex": "^winter-"}}, True),
        ({"utm.source": {"regex": ".*"}}, False),
        ({"utm.source": {"not": {"regex": ".*"}}}, True),
        ({"segments": {"any": ["returning-mobile", "winter-campaign"]}}, True),
        ({"segments": {"nin": ["returning-mobile"]}}, False),
        ({"viewed": {"within": "7d", "path": "/pricing"}}, True),
        ({"bought": True}, False),
        ({"utm.campaign": {"ini": ["WINTER-2026"]}}, True),
        ({"utm.campaign": {"notRegex": "^winter-"}}, False),
        ({"utm.campaign": {"notRegex": "^WINTER-"}}, True),
        ({"utm.campaign": {"$notRegexi": "^WINTER-"}}, False),
        ({"utm.source": {"notRegex": ".*"}}, True),
        ({"custom.bag": {"$size": {"$gte": 2}}}, True),
        ({"custom.bag": {"elemMatch": {"sku": "b-2", "count": {"gte": 2}}}}, True),
        ({"custom.bag": {"elemMatch": {"sku": "a-1", "count": {"gte": 2}}}}, False),  # of one element, not of two
        ({"custom.bag": {"elemMatch": {"size": "L"}}}, True),  # a field may be called what an operator is
        ({"custom.bag": {"$elemMatch": {"maker.name": {"$in": ["Acme"]}}}}, True),
        ({"custom.marks": {"elemMatch": {"$gt": 3, "$lt": 9}}}, False),
        ({"custom.marks": {"elemMatch": {"$gt": 3, "$lte": 9}}}, True),
        ({"custom.absent": {"elemMatch": {"x": 1}}}, False),
    ],
)
def test_a_rule_means_what_it_says(raw, expected):
    """Each form of the language holds, or not, as an editor would read it; and the explanation agrees."""
    rule = compile_rule(raw, SEGMENTS)
    assert rule.test(FACTS_OF_ONE) is expected
    assert rule.explain(FACTS_OF_ONE).held is expected


def test_a_rule_knows_what_it_reads():
    """First words, segments, behaviours and signals of a rule are told, so that nothing else is worked out."""
    rule = compile_rule(
        {
            "all": ["returning-mobile", {"device.type": "mobile"}, {"viewed": {"path": "/pricing", "within": "7d"}}],
            "not": ["winter-campaign", {"bought": {"same_item": True}}],
        },
        SEGMENTS,
    )
    bought = "bought(same_item true)"
    assert rule.reads == {"segments", "device", VIEWED, bought}
    assert rule.segments == {"returning-mobile", "winter-campaign"}
    assert dict(rule.behaviours[VIEWED].spec) == {"path": "/pricing", "within": 604_800.0}
    assert rule.behaviours[bought].kind == "bought"
    assert rule.signals == (VIEWED,), "what stands under a not is no signal"
    assert rule.signal_segments == ("returning-mobile",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"path": "/a", "within": "7d"}, {"within": 604_800, "path": "/a"}),
        ({"items": 2}, {"items": {"gte": 2}}),
        ({"item": 17}, {"item": "17"}),
    ],
)
def test_the_same_question_has_one_key(one, other):
    """A behaviour's key does not depend on how it was written."""
    assert compile_rule({"viewed": one}).behaviours.keys() == compile_rule({"viewed": other}).behaviours.keys()


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        ({"visist": 2}, ("visist",), 'did you mean "visits"?'),
        ({"devise.type": "mobile"}, ("devise.type",), 'did you mean "device.type"?'),
        ({"custom.bag": {"elemMatch": "a-1"}}, ("custom.bag", "elemMatch"), "what is asked of an element"),
        ({"custom.bag": {"elemMatch": {"n": {"gtt": 1}}}}, ("custom.bag", "elemMatch", "n", "gtt"), 'mean "gt"?'),
        ("toothpast-due", (), 'did you mean "toothpaste-due"?'),
        ({"all": ["returning-mobile", "winter-campain"]}, ("all", 1), 'did you mean "winter-campaign"?'),
        ({"visits": {"gt": "2"}}, ("visits", "gt"), "write it without quotes"),
        ({"visits": {">=": 2}}, ("visits", ">="), 'did you mean "gte"?'),
        ({"visits": {"regex": "2"}}, ("visits", "regex"), "a number"),
        ({"visits": [1, "x"]}, ("visits", 1), "a number"),
        ({"visits": {}}, ("visits",), "visits: {gte: 2}"),
        ({"visits": {"in": []}}, ("visits", "in"), "empty list"),
        ({"viewed": {"pth": "/x"}}, ("viewed", "pth"), 'did you mean "path"?'),
        ({"viewed": "/x"}, ("viewed",), "viewed: {path: /pricing, within: 7d}"),
        ({"viewed": {"path": "x"}}, ("viewed", "path"), "slash"),
        ({"viewed": {"items": {"in": 2}}}, ("viewed", "items"), "{gte: 2}"),
        ({"bought": {"same_item": False}}, ("bought", "same_item"), "not"),
        ({"replenishment": {"category": "x"}}, ("replenishment",), "due_within"),
        ({"replenishment": {"due_within": "5d"}}, ("replenishment",), "an item, a category or a brand"),
        ({"device.type": "phone"}, ("device.type",), "mobile, tablet, desktop"),
        ({"time.weekday": {"in": ["sat", "sunday"]}}, ("time.weekday", "in", 1), 'did you mean "sun"?'),
        ({"country": "tr"}, ("country",), 'did you mean "TR"?'),
        ({"first_seen": {"gt": "7 years"}}, ("first_seen", "gt"), "duration"),
        ({"time.date": "24.12.2026"}, ("time.date",), "2026-12-24"),
        ({"new": "yes"}, ("new",), "true or false"),
        ({"utm.campaign": True}, ("utm.campaign",), "quotes"),
        ({"cart": 3}, ("cart",), "cart.value, cart.count, cart.items"),
        ({"returning-mobile": True}, ("returning-mobile",), "name alone"),
        ("visits", (), "{visits: {gte: 2}}"),
        ({"country": {"inGroup": "eu"}}, ("country", "inGroup"), "segment"),
        ({"segments": {"size": 2}}, ("segments", "size"), "any, in, nin"),
        ({"segments": ["returning-mobil"]}, ("segments",), 'did you mean "returning-mobile"?'),
        ({"cart.items": {"size": "2"}}, ("cart.items", "size"), "whole number"),
        ({"consent.analytics": True}, ("consent.analytics",), 'did you mean "consent.analytics_storage"?'),
        (5, (), "not 5"),
        ({}, (), "everyone"),
        ({"any": []}, ("any",), "everyone"),
        ({"all": [{}]}, ("all", 0), "empty"),
        ({"visits": {"exists": "yes"}}, ("visits", "exists"), "true or false"),
    ],
)
def test_a_slip_is_told_with_its_place_and_a_hint(raw, path, said):
    """Unknown names, unknown operators and wrong types say where they stand and what may have been meant."""
    with pytest.raises(ConditionError) as caught:
        compile_rule(raw, SEGMENTS)
    assert caught.value.path == path
    assert said in str(caught.value)


def test_all_slips_of_a_condition_come_at_once():
    """An editor who made three slips hears of all three."""
    with pytest.raises(ConditionError) as caught:
        compile_rule({"all": [{"visist": 1}, {"visits": "x"}], "not": "nobody"}, SEGMENTS)
    paths = [caught.value.path, *(other.path for other in caught.value.others)]
    assert paths == [("all", 0, "visist"), ("all", 1, "visits"), ("not",)]


def test_a_condition_nested_too_deep_is_refused():
    """Depth is bounded, so that no config can exhaust the stack."""
    raw: object = "everyone"
    for _ in range(100):
        raw = {"not": raw}
    with pytest.raises(ConditionError, match="deep"):
        compile_rule(raw)


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_fact_has_a_sentence_and_an_example_that_compiles(name):
    """The table that the docs are made from is complete, and its examples are right."""
    from yaml import safe_load

    fact = FACTS[name]
    assert fact.about.endswith(".")
    raw = safe_load(fact.example)
    assert find_fact(next(iter(raw)))[0] is fact
    compile_rule(raw, ("big-basket", "loyal"))


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(sorted(FACTS))
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*FACTS, "all", "any", "not", "gte", "in", "regex", "viewed", "bought", "within", "x"]),
            inner,
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_anything_written_compiles_or_is_refused(raw):
    """Whatever stands in a file, the only error is a ConditionError with a message."""
    try:
        rule = compile_rule(raw, SEGMENTS)
    except ConditionError as error:
        assert error.message
    else:
        assert rule.test(FACTS_OF_ONE) is rule.explain(FACTS_OF_ONE).held
