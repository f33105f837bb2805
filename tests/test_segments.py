"""Memberships: conditions, segments made of segments, and what is remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config import load_config
from personalize.segments import ENTERED_EVERY, Segments

CONFIG = load_config(
    {
        "version": 1,
        "segments": {
            "loyal": {"all": ["returning", {"not": "churned"}]},
            "returning": {"all": [{"visits": {"gte": 2}}]},
            "churned": {"any": [{"last_seen": {"gt": "90d"}}, {"viewed": {"path": "/bye", "within": "7d"}}]},
            "campaign": {"all": [{"utm.campaign": "winter"}], "remember_for": "30d"},
            "campaign-loyal": {"all": ["campaign", "loyal"]},
        },
        "slots": {},
    }
)
BYE = 'viewed(path "/bye", within 7d)'
DAY = 86_400.0


def members(names, facts, remembered=None, now=0.0):
    return Segments(CONFIG).memberships(names, facts, remembered or {}, now)


def test_a_segment_is_settled_before_those_made_of_it():
    """Nested segments are worked out from the inside, whatever the order they were written or asked in."""
    facts = {"visits": 2, "last_seen": DAY, "utm": {"campaign": "winter"}}
    assert members(["campaign-loyal"], facts) == {"campaign-loyal", "campaign", "loyal", "returning"}
    assert members(["campaign-loyal"], {**facts, BYE: True}) == {"campaign", "returning", "churned"}


def test_what_is_needed_and_read_includes_inner_segments():
    """Asking for one segment tells everything that has to be known for it."""
    segments = Segments(CONFIG)
    assert segments.needed(["loyal"]) == {"loyal", "returning", "churned"}
    assert segments.reads(["loyal"]) == {"visits", "last_seen", BYE}
    assert set(segments.behaviours(["campaign-loyal"])) == {BYE}
    assert segments.remembering == {"campaign"}


def test_a_remembered_segment_holds_until_its_time_is_over():
    """The first touch keeps counting for remember_for, also for segments made of it, and no longer."""
    facts = {"visits": 2, "utm": {}}
    held = members(["campaign-loyal"], facts, {"campaign": 100.0}, 100.0 + 30 * DAY - 1)
    assert {"campaign", "campaign-loyal"} <= held
    assert "campaign" not in members(["campaign-loyal"], facts, {"campaign": 100.0}, 100.0 + 30 * DAY)


def test_a_segment_without_remember_for_is_never_remembered():
    """An old event of a segment that no longer remembers has no effect."""
    assert members(["returning"], {"visits": 1}, {"returning": 0.0}, 1.0) == frozenset()


def test_entering_is_recorded_at_most_once_an_hour():
    """A segment with remember_for asks for an event when its condition holds now, and not again within the hour."""
    segments = Segments(CONFIG)
    facts = {"visits": 1, "utm": {"campaign": "winter"}}
    names = frozenset(CONFIG.segments)
    assert segments.entered(names, facts, {}, 0.0) == ("campaign",)
    assert segments.entered(names, facts, {"campaign": 0.0}, ENTERED_EVERY - 1) == ()
    assert segments.entered(names, facts, {"campaign": 0.0}, ENTERED_EVERY) == ("campaign",)
    assert segments.entered(names, {"visits": 1}, {"campaign": 0.0}, ENTERED_EVERY) == (), "remembered, not held"


def test_an_explanation_opens_inner_segments():
    """The tree goes down to the values, through segments, and says what is only remembered."""
    segments = Segments(CONFIG)
    facts = {"visits": 2, "utm": {}, "segments": frozenset({"campaign", "loyal", "returning", "campaign-loyal"})}
    step = segments.explain("campaign-loyal", facts)
    lines = []

    def walk(step):
        lines.append((step.what, step.held, step.saw))
        for inner in step.inner:
            walk(inner)

    walk(step)
    assert ("segment campaign", True, "in it, remembered or given") in lines
    assert ("visits is at least 2", True, "visits = 2") in lines
    assert step.held


@given(
    visits=st.none() | st.integers(0, 3),
    last=st.none() | st.floats(0, 200 * DAY),
    campaign=st.sampled_from([None, "winter", "summer"]),
    bye=st.booleans(),
    asked=st.sets(st.sampled_from(sorted(CONFIG.segments)), min_size=1),
    names=st.sets(st.sampled_from(sorted(CONFIG.segments)), min_size=1),
)
def test_membership_does_not_depend_on_what_else_is_asked(visits, last, campaign, bye, asked, names):
    """Asked for alone or with others, a segment's answer is the same."""
    facts = {"visits": visits, "last_seen": last, "utm": {"campaign": campaign}, BYE: bye}
    together = members(asked | names, facts)
    alone = members(names, facts)
    for name in names:
        assert (name in together) is (name in alone)


def test_an_unknown_name_is_an_error():
    """Asking for a segment that does not exist is a programming error and says so."""
    with pytest.raises(KeyError):
        members(["nobody"], {})
