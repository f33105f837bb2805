"""The linter on names that are nearly right, conditions that contradict themselves, and what experiences share."""

import pytest

from personalize import load_config
from personalize.config.event_names import CANONICAL
from personalize.config.lint import lint
from personalize.config.tree import from_mapping

NOW = 1_782_000_000.0
VARIANTS = [{"id": "a", "show": "page"}, {"id": "b", "html": "b"}]


def warned(*codes, when="everyone", segments=None, slots=None, experience=None, **more):
    """Each warning of these codes about a small config."""
    one = {"id": "one", "when": when, "show": "page"} | (experience or {})
    if experience and "experiment" in experience:
        del one["show"]
    made = {"hero": {"match": {"path": "/"}, "experiences": [one]}} if slots is None else slots
    source = {"version": 1, "segments": segments or {}, "slots": made} | more
    return [str(w.message) for w in lint(load_config(source), from_mapping(source), NOW) if w.code in codes]


# --- conditions ----------------------------------------------------------------------------------------

SEGMENTS = {
    "turks": {"all": [{"country": "TR"}]},
    "loyal": {"all": ["turks", {"visits": {"gte": 5}}]},
    "came": {"all": [{"visits": 1}], "remember_for": "30d"},
    "either": {"any": [{"country": "TR"}, {"country": "DE"}]},
}
NEVER = [
    {"visits": {"gte": 3, "lt": 2}},
    {"visits": {"gt": 2, "lte": 2}},
    [{"visits": {"gte": 3}}, {"visits": 2}],
    [{"visits": 2}, {"visits": 3}],
    [{"visits": [1, 2]}, {"visits": {"in": [3, 4]}}],
    [{"visits": [1, 2]}, {"visits": {"nin": [1, 2, 3]}}],
    [{"country": "TR"}, {"country": ["DE", "FR"]}],
    [{"country": "TR"}, {"country": {"ne": "TR"}}],
    [{"device.type": "mobile"}, {"all": [{"device.type": "tablet"}]}],
    [{"new": True}, {"new": False}],
    {"first_seen": {"gt": "7d", "lt": "2d"}},
    {"time.date": {"gte": "2026-12-24", "lt": "2026-12-01"}},
    {"custom.seats": {"gt": 10, "lt": 5}},
    [{"custom.plan": "pro"}, {"custom.plan": "free"}],
    [{"traits.age": {"gte": 18}}, {"traits.age": 12}],
    ["turks", {"country": "DE"}],
    ["loyal", {"country": "DE"}],
    ["loyal", {"visits": {"lt": 5}}],
    {"any": [{"visits": {"gte": 3, "lt": 2}}, {"country": "TR"}]},
    [{"visits": {"gte": 9}}, {"any": [{"visits": {"lt": 3}}, {"country": "TR"}]}],
]
MAY_BE = [
    {"visits": {"gte": 2, "lte": 2}},
    {"visits": {"gte": 2, "lt": 3}},
    [{"visits": [1, 2]}, {"visits": {"in": [2, 3]}}],
    [{"visits": [1, 2]}, {"visits": {"ne": 1}}],
    [{"country": ["TR", "DE"]}, {"country": {"ne": "TR"}}],
    [{"custom.tags": {"in": ["a", "b"]}}, {"custom.tags": {"in": ["c"]}}],  # the site may send a list
    [{"custom.tags": {"any": ["a"]}}, {"custom.tags": {"nin": ["a", "b"]}}],
    [{"cart.items": {"any": ["a"]}}, {"cart.items": {"any": ["b"]}}],
    [{"custom.level": 1}, {"custom.level": "1"}],  # a mistake perhaps, but not one of this kind
    [{"utm.campaign": 2026}, {"utm.campaign": "2026"}],
    [{"utm.campaign": {"regex": "a"}}, {"utm.campaign": {"regex": "b"}}],
    {"any": [{"visits": 1}, {"visits": 2}]},
    {"not": [{"visits": {"gte": 3, "lt": 2}}]},
    [{"visits": 1}, {"not": [{"visits": 2}]}],
    ["came", {"visits": {"gte": 2}}],  # remembered from another visit
    ["either", {"country": "DE"}],
    [{"viewed": {"path": "/a"}}, {"viewed": {"path": "/b"}}],
    {"first_seen": {"gt": "2d", "lt": "7d"}},
    {"custom.seats": {"gt": "b", "lt": "a"}},
    {"custom.x": {"not": {"gte": 3, "lt": 2}}},
    "turks",
    "everyone",
]


@pytest.mark.parametrize("when", NEVER, ids=str)
def test_a_condition_that_contradicts_itself_is_told(when):
    """Bounds that cross, values that exclude each other, also through segments: told once, as a warning."""
    assert len(warned("PZ410", when=when, segments=SEGMENTS)) == 1


@pytest.mark.parametrize("when", MAY_BE, ids=str)
def test_a_condition_that_may_hold_is_left_alone(when):
    """Nothing is said of what some visitor, or some value of the site's own, could meet."""
    assert warned("PZ410", when=when, segments=SEGMENTS) == []


def test_a_segment_that_nobody_can_be_in_is_told_where_it_is_written():
    """The place is the later one of the two, and the words say what is asked."""
    (said,) = warned("PZ410", segments={"odd": {"all": [{"visits": {"gte": 3}}, {"visits": {"lt": 2}}]}})
    assert said == "segments.odd.all[1].visits: this can never hold: visits cannot be at least 3 and less than 2"


def test_a_segment_of_segments_is_followed_once():
    """Segments that lead to each other are an error of their own; a long chain is followed."""
    chain = {"s0": {"all": [{"visits": 1}]}} | {f"s{n}": {"all": [f"s{n - 1}"]} for n in range(1, 15)}
    assert len(warned("PZ410", when=["s14", {"visits": 2}], segments=chain)) == 1


# --- names of events -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Order Complete", "Order Completed"),
        ("Order completed", "Order Completed"),
        ("Product Veiwed", "Product Viewed"),
        ("purchase", "Order Completed"),
        ("add_to_cart", "Product Added"),
        ("Experience Vieved", "Experience Viewed"),
        ("Shop Entred", "Shop Entered"),
    ],
)
def test_a_misspelt_event_is_told_wherever_it_stands(name, meant):
    """In goals, cool-downs, conditions and retention: with the name that was probably meant."""
    site = {"signals": [{"path": "/in", "event": "Shop Entered"}]}
    for more in (
        {"goals": {"g": {"event": name}}},
        {"experience": {"cool_down": {"after": name, "for": "1d"}}},
        {"when": {"happened": {"event": name, "within": "7d"}}},
        {"when": {"any": [{"all": [{"happened": {"event": name}}]}, {"visits": 1}]}},
        {"segments": {"s": {"all": [{"happened": {"event": name}}]}}},
        {"retention": {name: "30d"}},
    ):
        (said,) = warned("PZ409", site=site, **more)
        assert f'"{name}"' in said and f'"{meant}"' in said


@pytest.mark.parametrize("name", [*CANONICAL, "Account Closed", "Email Opened", "Newsletter", "Orders", "Boat Rented"])
def test_a_name_that_is_right_or_the_sites_own_is_left_alone(name):
    """The log's own names, and what is like none of them."""
    assert warned("PZ409", goals={"g": {"event": name}}, retention={name: "30d"}) == []


def test_what_the_site_reads_off_its_own_traffic_is_known():
    """A signal's name may be whatever the site likes; but one that others call otherwise is told at the signal."""
    own = {"signals": [{"path": "/a", "event": "Product Clack"}]}
    assert warned("PZ409", site=own, goals={"g": {"event": "Product Clack"}}) == [
        'site.signals[0].event: the event "Product Clack" is nearly "Product Clicked"'
    ]
    alias = {"signals": [{"path": "/a", "event": "purchase"}]}
    (said,) = warned("PZ409", site=alias, goals={"g": {"event": "purchase"}})
    assert said.startswith("site.signals[0].event") and '"Order Completed"' in said


# --- what experiences share ----------------------------------------------------------------------------


def two(first, second, **of_slots):
    """Two slots with one experience each."""
    place = {"match": {"path": "/"}}
    return {"hero": place | {"experiences": [first]}, "side": place | {"experiences": [second]} | of_slots}


def trial(id, key="k", **more):
    return {"id": id, "experiment": {"key": key, "variants": VARIANTS} | more}


@pytest.mark.parametrize(
    ("more", "differ"),
    [
        ({}, None),
        ({"iteration": 2}, None),
        ({"variants": [{"id": "a", "show": "page"}, {"id": "b", "html": "other words in the other slot"}]}, None),
        ({"variants": [{"id": "a", "show": "page"}, {"id": "c", "html": "c"}]}, "variants"),
        ({"variants": [{"id": "a", "show": "page"}, {"id": "b", "html": "b", "weight": 3}]}, "weights"),
        ({"coverage": "50%"}, "coverage"),
        ({"seed": "other"}, "seed"),
        ({"namespace": {"id": "n", "range": [0, 0.5]}}, "namespace"),
        ({"key": "k2", "coverage": "50%"}, None),
    ],
)
def test_one_key_is_one_experiment(more, differ):
    """The same experiment in two slots is fine; two that draw differently under one key are told."""
    told = warned("PZ408", slots=two(trial("one"), trial("two", **more)))
    said = f'slots.side.experiences[0].experiment.key: the key "k" is that of hero/one too, and they differ in {differ}'
    assert told == ([said] if differ else [])


def test_what_is_archived_needs_no_key_of_its_own():
    """An experiment of the past may have had the key."""
    assert warned("PZ408", slots=two(trial("one"), trial("two", coverage="5%") | {"status": "archived"})) == []


@pytest.mark.parametrize("more", [{"coverage": 0}, {"coverage": "0%"}])
def test_an_experiment_for_nobody_is_told(more):
    """With a coverage of nothing the experience can never be shown."""
    assert warned("PZ401", slots=two(trial("one", **more), trial("two"))) == [
        'slots.hero.experiences[0]: "one" can never be shown: nobody takes part in its experiment'
    ]


def test_a_group_of_one_slot_has_no_effect():
    """It needs an experience in another slot that is decided with it; a near name is told."""
    a, b = ({"id": id, "show": "page", "exclusive_group": group} for id, group in (("a", "offers"), ("b", "offers")))
    assert warned("PZ407", slots=two(a, b)) == []
    assert len(warned("PZ407", slots=two(a, b | {"exclusive_group": "offer"}))) == 2
    assert len(warned("PZ407", slots=two(a, b, consent="none"))) == 2
    assert len(warned("PZ407", slots=two(a, {"id": "c", "show": "page"}))) == 1
