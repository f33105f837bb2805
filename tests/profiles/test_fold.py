"""One visitor's events become one profile."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.model import Event, Product, Profile
from personalize.profiles import apply_event

PRODUCTS = {
    "soap": Product("soap", "Soap", price=4.0),
    "milk": Product("milk", "Milk", price=2.0, sale_price=1.5),
}


def fold(*events: tuple[str, float, dict[str, Any]]) -> Profile:
    profile = Profile("ann")
    for seq, (name, time, properties) in enumerate(events, 1):
        apply_event(profile, Event(f"e{seq}", name, time, "ann", properties, seq), PRODUCTS)
    return profile


def viewed(time: float, path: str = "/") -> tuple[str, float, dict[str, Any]]:
    return "Page Viewed", time, {"path": path}


@pytest.mark.parametrize(
    ("times", "visits"),
    [
        ([], 0),
        ([5.0], 1),
        ([0, 1800], 1),
        ([0, 1801], 2),
        ([0, 1500, 3000, 4500], 1),
        ([0, 1801, 3602, 9000], 4),
        ([9000, 5.0], 2),
        ([9000, 5.0, 10.0], 2),
        ([3000, 0, 1500], 1),
    ],
)
def test_a_visit_ends_after_thirty_minutes_of_silence(times: list[float], visits: int) -> None:
    """More than 30 minutes without an event begin a new visit; one that arrives late takes its own place."""
    profile = fold(*map(viewed, times))
    assert profile.visits == visits
    assert (profile.first_seen, profile.last_seen) == ((min(times), max(times)) if times else (0.0, 0.0))


def counted_in_order(times: list[float]) -> int:
    """The definition: runs of sorted times without a gap of more than 30 minutes."""
    ordered = sorted(times)
    return sum(later - earlier > 1800 for earlier, later in itertools.pairwise(ordered)) + bool(times)


TIMES = st.lists(st.integers(0, 40).map(lambda n: 450.0 * n + n % 3), max_size=30)


@given(TIMES)
def test_visits_are_a_function_of_the_times_alone(times: list[float]) -> None:
    """In whatever order events arrive, the visits are those of the same events in the order of their times."""
    profile = fold(*map(viewed, times))
    assert profile.visits == counted_in_order(times)
    assert fold(*map(viewed, sorted(times))).earlier_visits == profile.earlier_visits


def test_a_fold_that_counts_forward_only_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted bug: an event that arrives late is passed over."""
    monkeypatch.setattr("personalize.profiles.visits._be_active_late", lambda profile, time: None)
    times = [9000.0, 0.0, 4500.0]
    assert fold(*map(viewed, times)).visits != counted_in_order(times)


def test_visits_are_remembered_one_by_one_up_to_a_bound() -> None:
    """Of a thousand visits each counts; the newest hundred stay known, and what is older than those counts no more."""
    times = [10_000.0 * n for n in range(1000)]
    profile = fold(*map(viewed, times))
    assert (profile.visits, len(profile.earlier_visits)) == (1000, 100)
    again = fold(*map(viewed, [*times, 5_000.0, 5_001.0, 990_5000.0]))
    assert (again.visits, again.first_seen, len(again.earlier_visits)) == (1001, 0.0, 100)


def test_what_is_said_about_a_visitor_is_no_visit() -> None:
    """Traits and segments can come from elsewhere: they are no sign that somebody is there."""
    profile = fold(
        ("User Identified", 100.0, {"traits": {"tier": "gold"}}), ("Segment Entered", 101.0, {"segment": "x"})
    )
    assert (profile.visits, profile.last_seen, profile.traits, profile.remembered) == (
        0,
        0.0,
        {"tier": "gold"},
        {"x": 101.0},
    )


def test_views_are_kept_with_item_and_path() -> None:
    """A page view and the product view read off the same request are one; different times stay apart."""
    profile = fold(
        viewed(1.0, "/p/soap"), ("Product Viewed", 1.0, {"product_id": "soap"}),
        viewed(2.0, "/"), ("Product Viewed", 3.0, {"product_id": "milk", "path": "/quick"}), viewed(3.5, "/quick"),
        ("Product Viewed", 4.0, {"product_id": "a"}), ("Product Viewed", 4.0, {"product_id": "b"}),
    )  # fmt: skip
    assert profile.views == [
        (1.0, "soap", "/p/soap"), (2.0, "", "/"), (3.0, "milk", "/quick"), (3.5, "", "/quick"),
        (4.0, "a", ""), (4.0, "b", ""),
    ]  # fmt: skip


def test_the_cart() -> None:
    """Adding sums up at the given or the catalogue's price, removing takes off, and nothing falls below zero."""
    profile = fold(
        ("Product Added", 1.0, {"product_id": "soap"}),
        ("Product Added", 2.0, {"product_id": "soap", "quantity": 2}),
        ("Product Added", 3.0, {"product_id": "milk"}),
        ("Product Added", 4.0, {"product_id": "pen", "quantity": "3", "price": "1.25"}),
        ("Product Removed", 5.0, {"product_id": "pen", "quantity": 1}),
        ("Product Removed", 6.0, {"product_id": "milk"}),
        ("Product Removed", 7.0, {"product_id": "never there"}),
        ("Product Removed", 8.0, {"product_id": "soap", "quantity": 1}),
    )
    assert profile.cart == {"soap": (2, 4.0), "pen": (2, 1.25)}
    assert (
        fold(
            ("Product Added", 1.0, {"product_id": "a"}), ("Product Removed", 2.0, {"product_id": "a", "quantity": 5})
        ).cart
        == {}
    )


def test_an_order_empties_the_cart() -> None:
    """An order keeps time, revenue and items; what it does not say is taken from the cart as the log knows it."""
    said = fold(
        ("Product Added", 1.0, {"product_id": "soap"}),
        (
            "Order Completed",
            2.0,
            {"revenue": 9.5, "products": [{"product_id": "milk", "quantity": 2}, "pen", {"x": 1}]},
        ),
    )
    assert (said.orders, said.cart) == ([(2.0, 9.5, ("milk", "pen"))], {})
    unsaid = fold(("Product Added", 1.0, {"product_id": "soap", "quantity": 2}), ("Order Completed", 2.0, {}))
    assert (unsaid.orders, unsaid.cart) == ([(2.0, 8.0, ("soap",))], {})
    summed = fold(("Order Completed", 2.0, {"products": [{"product_id": "a", "quantity": 2, "price": 1.1}]}))
    assert summed.orders == [(2.0, 2.2, ("a",))]
    total = fold(("Order Completed", 2.0, {"total": "12.5"}))
    assert total.orders == [(2.0, 12.5, ())]


def test_an_imported_order_goes_to_its_own_place() -> None:
    """Orders are sorted by their time, also when an older one arrives later."""
    profile = fold(*(("Order Completed", t, {"revenue": 1, "products": [f"p{t}"]}) for t in (30.0, 10.0, 20.0)))
    assert profile.purchases() == [10.0, 20.0, 30.0]
    assert profile.purchases(frozenset({"p20.0"})) == [20.0]


def test_traits() -> None:
    """Later traits replace earlier ones, null takes one away."""
    profile = fold(
        ("User Identified", 1.0, {"traits": {"tier": "gold", "city": "İzmir", "likes": ["tea"]}}),
        ("User Identified", 2.0, {"traits": {"tier": "silver", "city": None}}),
        ("User Identified", 3.0, {"traits": "none"}),
    )
    assert profile.traits == {"tier": "silver", "likes": ["tea"]}


def test_an_older_file_overrules_nothing() -> None:
    """A trait that was said later stays when an older file arrives, and an old page view does not take back Sec-GPC."""
    profile = fold(
        ("User Identified", 5.0, {"traits": {"tier": "gold"}}),
        ("User Identified", 1.0, {"traits": {"tier": "none", "city": "İzmir"}}),
        ("Page Viewed", 6.0, {"path": "/", "gpc": True}),
        ("Page Viewed", 2.0, {"path": "/"}),
    )
    assert (profile.traits, profile.gpc) == ({"tier": "gold", "city": "İzmir"}, True)


def test_an_old_order_leaves_the_cart_of_today_alone() -> None:
    """An order from last year that is imported today counts, and empties no newer cart; what was put into the cart
    before an order is not in it after the order."""
    added = ("Product Added", 100.0, {"product_id": "soap"})
    assert fold(added, ("Order Completed", 50.0, {"revenue": 9})).cart == {"soap": (1, 4.0)}
    late = fold(added, ("Order Completed", 50.0, {}))
    assert (late.orders, late.cart) == ([(50.0, 0.0, ())], {"soap": (1, 4.0)})
    assert fold(("Order Completed", 150.0, {"revenue": 9}), added).cart == {}


def test_exposures() -> None:
    """Shown and held back count alike, so that caps treat both groups the same; a fallback was not seen."""
    shown = {"slot": "hero", "experience": "winter", "how": "fresh", "held": False}
    profile = fold(
        ("Experience Viewed", 1.0, shown),
        ("Experience Viewed", 2.0, {**shown, "held": True, "how": "page"}),
        ("Experience Viewed", 3.0, {**shown, "how": "fallback"}),
        ("Experience Viewed", 4.0, {**shown, "experience": None}),
    )
    assert profile.exposures == {"hero/winter": [1.0, 2.0]}


def test_the_last_time_of_each_event() -> None:
    """`happened` holds the latest time of each name, whatever order they arrive in."""
    assert fold(("Order Completed", 9.0, {}), ("Order Completed", 4.0, {}), ("Spun Wheel", 5.0, {})).happened == {
        "Order Completed": 9.0,
        "Spun Wheel": 5.0,
    }


NAMES = (
    "Page Viewed", "Product Viewed", "Product Added", "Product Removed", "Order Completed", "User Identified",
    "Experience Viewed", "Segment Entered", "Something Else",
)  # fmt: skip


def test_a_profile_is_bounded() -> None:
    """However much one visitor does, the profile stops growing; the newest stays."""
    profile = Profile("ann")
    seq = 0
    for n in range(300):
        for name in NAMES:
            seq += 1
            key = f"{n}-" + "x" * 2000
            properties = {
                "path": key, "product_id": key, "slot": f"s{n}", "experience": "e", "segment": key,
                "traits": {f"t{n}": "y" * 1000, f"long{n}": "y" * 5000},
                "products": [{"product_id": f"{n}-{i}"} for i in range(150)],
            }  # fmt: skip
            apply_event(
                profile,
                Event(f"e{seq}", f"{name}{n}" if name == "Something Else" else name, n, "ann", properties, seq),
                {},
            )
    for n in range(60):
        shown = {"slot": "s299", "experience": "e"}
        apply_event(profile, Event(f"x{n}", "Experience Viewed", 2000 + n, "ann", shown, seq + n), {})
    assert (len(profile.views), len(profile.cart), len(profile.orders)) == (200, 0, 200)
    assert max(len(items) for _, _, items in profile.orders) == 100
    assert (len(profile.traits), len(profile.exposures), len(profile.happened), len(profile.remembered)) == (
        100,
        200,
        200,
        200,
    )
    assert len(profile.exposures["s299/e"]) == 50
    assert profile.views[-1][2].startswith("299-") and len(profile.views[-1][2]) == 500
    assert list(profile.traits)[-1] == "t299"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("path", "product_id", "item", "quantity", "price", "products", "items", "revenue", "total", "traits", "slot",
          "experience", "segment", "how")  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.sampled_from(NAMES), st.floats(0, 4e9), st.dictionaries(st.sampled_from(FIELDS), JUNK)), max_size=8
    )
)
def test_properties_of_any_type_are_passed_over(events: list[tuple[str, float, dict[str, Any]]]) -> None:
    """Properties come from the outside: no value of any type raises, and what is kept stays sorted and sane."""
    profile = fold(*events)
    assert profile.views == sorted(profile.views, key=lambda view: view[0])
    assert profile.orders == sorted(profile.orders, key=lambda order: order[0])
    assert all(quantity >= 1 and 0 <= price < 1e12 for quantity, price in profile.cart.values())
    assert all(0 <= revenue < 1e21 for _, revenue, _ in profile.orders)


def test_assignments_are_kept_newest_first_and_bounded() -> None:
    """The last variant of each experiment is kept, also of a held-out visitor and of failed content, for 200 of them;
    what was forced names no experiment and leaves nothing."""
    profile = Profile("v1")

    def shown(number: int, **said: object) -> None:
        exposure = {"slot": "s", "experience": "e", **said}
        apply_event(profile, Event(f"x{number}", "Page Viewed", float(number), "v1", {"shown": [exposure]}, number), {})

    shown(1, experiment="k", variant="a")
    shown(2, experiment="k", variant="b", held=True)
    shown(3, experiment="l", variant="c", how="fallback")
    shown(4, experiment=None, variant="d")
    shown(5, experiment=["k"], variant={"x": 1})
    assert profile.assignments == {"v1": {"k": "b", "l": "c"}}
    unread = {"shown": [{"experiment": "k", "variant": "x"}, {"experiment": "m", "variant": "x"}], "unread": True}
    apply_event(profile, Event("u", "Page Viewed", 6.0, "v1", unread, 6), {})
    assert profile.assignments == {"v1": {"k": "b", "l": "c", "m": "x"}}, "drawn without knowing what was drawn before"
    for number in range(300):
        shown(10 + number, experiment=f"k{number}", variant="a")
    kept = profile.assignments["v1"]
    assert len(kept) == 200 and "k" not in kept and "k299" in kept
