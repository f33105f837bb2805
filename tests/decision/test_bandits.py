"""A bandit's draw: as often as it is said to be, for as long as a reward counts, and told in the explanation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.events.exposures import exposure_of, make_page_view
from personalize.model import PARTS, PURPOSES, Allocation, Consent, Draw, Plan, Profile, Step, Visitor
from personalize.profiles import apply_event

NOW = 1_790_000_000.0
ALL = Consent(frozenset(PURPOSES))
ARMS = ("plain", "loud", "kind")
SHARES = {"phone": (200, 9_000, 800), "": (3_334, 3_333, 3_333), "back": (100, 100, 9_800)}
ALLOCATION = Allocation(
    ARMS, 1_789_999_800, SHARES,
    {"phone": (40.0, 900.0, 60.0), "": (10.0, 10.0, 10.0), "back": (5.0, 5.0, 5.0)},
    dict.fromkeys(SHARES, (0.02, 0.05, 0.03)),
)  # fmt: skip


def config(**experiment: Any) -> Any:
    test = {
        "key": "hero-3", "allocate": "thompson", "goal": "signed", "bandit": {"by": ["phone", "back"]},
        "variants": [{"id": arm, "html": arm} for arm in ARMS],
    } | experiment  # fmt: skip
    return load_config(
        {
            "version": 1,
            "goals": {"signed": {"event": "Signed Up", "window": "7d"}},
            "segments": {"phone": {"all": [{"device.type": "mobile"}]}, "back": {"all": [{"visits": {"gte": 2}}]}},
            "slots": {"hero": {"match": {"path": "/"}, "experiences": [{"id": "a", "experiment": test}]}},
        }
    )


DECIDER = Decider(config(), ["hero"])


def case(id: str, *segments: str, profile: Profile | None = None, now: float = NOW, told: Any = ALLOCATION) -> Case:
    allocations = {"hero-3": told} if told is not None else {}
    return Case({"segments": frozenset(segments)}, Visitor(id, ALL), profile, now, allocations)


def drawn(decider: Decider, asked: Case) -> Draw:
    return decider.decide(asked).draws["hero-3"]


# --- how often -----------------------------------------------------------------------------------------


def told_as_drawn(decider: Any, segments: tuple[str, ...], many: int = 20_000) -> None:
    """The law, for the real decider and for wrong ones: an arm is drawn as often as its propensity says (within five
    standard errors), and one over the propensity counts each arm as if everybody had been drawn to it."""
    counts: dict[str, int] = dict.fromkeys(ARMS, 0)
    inverse: dict[str, float] = dict.fromkeys(ARMS, 0.0)
    said: dict[str, float] = {}
    for n in range(many):
        draw = drawn(decider, case(f"visitor-{n}", *segments))
        counts[draw.variant] += 1
        inverse[draw.variant] += 1 / draw.propensity
        assert said.setdefault(draw.variant, draw.propensity) == draw.propensity
    for arm, propensity in said.items():
        assert abs(counts[arm] - many * propensity) <= 5 * math.sqrt(many * propensity * (1 - propensity))
        error = math.sqrt(many * (1 - propensity) / propensity)
        assert abs(inverse[arm] - many) <= 5 * error
    assert math.fsum(said.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("segments", [(), ("phone",), ("back", "phone"), ("back",)])
def test_an_arm_is_drawn_as_often_as_its_propensity_says(segments: tuple[str, ...]) -> None:
    """20,000 visitors in each context; the first segment of the list counts."""
    told_as_drawn(DECIDER, segments)
    draw = drawn(DECIDER, case("ann", *segments))
    context = "phone" if "phone" in segments else "back" if segments else ""
    assert draw.context == context
    assert draw.propensity == SHARES[context][ARMS.index(draw.variant)] / PARTS


class TellsEqual:
    """Planted bug: the propensity that is logged ignores the shares."""

    def decide(self, asked: Case) -> Plan:
        plan = DECIDER.decide(asked)
        return replace(plan, draws={key: replace(draw, propensity=1 / 3) for key, draw in plan.draws.items()})


class DrawsEqual:
    """Planted bug: the shares are logged, and not drawn by."""

    def decide(self, asked: Case) -> Plan:
        even = DECIDER.decide(replace(asked, allocations={})).draws["hero-3"]
        told = SHARES["phone"][ARMS.index(even.variant)] / PARTS
        return Plan((), {"hero-3": replace(even, propensity=told)})


class TellsThePosterior:
    """Planted bug: what is logged is the share before the floor was applied."""

    def decide(self, asked: Case) -> Plan:
        plan = DECIDER.decide(asked)
        draw = plan.draws["hero-3"]
        before = {"plain": 0.001, "loud": 0.949, "kind": 0.05}
        return replace(plan, draws={"hero-3": replace(draw, propensity=before[draw.variant])})


@pytest.mark.parametrize("wrong", [TellsEqual, DrawsEqual, TellsThePosterior])
def test_the_law_of_propensities_finds_planted_mistakes(wrong: Any) -> None:
    """A propensity that is not how often the arm is drawn is seen, whichever of the two is wrong."""
    with pytest.raises(AssertionError):
        told_as_drawn(wrong(), ("phone",))


def test_until_something_is_learned_the_shares_are_equal() -> None:
    """Without an allocation, with one of other arms, or in a context that it does not know."""
    for told in (None, replace(ALLOCATION, arms=("plain", "loud")), replace(ALLOCATION, parts={})):
        assert drawn(DECIDER, case("ann", told=told)).propensity in (0.3333, 0.3334)


# --- for how long --------------------------------------------------------------------------------------


def seen(profile: Profile, plan: Plan, now: float) -> Profile:
    """The profile after the plan's page was sent."""
    shown = [exposure_of(choice, "inline", plan.draws.get(choice.experiment or "")) for choice in plan.choices]
    event = make_page_view(f"e{now}-{profile.version}", "/", profile.visitor, now, shown)
    apply_event(profile, replace(event, seq=profile.version + 1), {})
    return profile


def all_to(arm: str) -> Allocation:
    parts = tuple(9_800 if name == arm else 100 for name in ARMS)
    return replace(ALLOCATION, batch=ALLOCATION.batch + 600, parts=dict.fromkeys(SHARES, parts))


@given(st.integers(0, 10_000), st.sampled_from(ARMS), st.lists(st.sampled_from(["phone", "back"]), unique=True))
def test_a_visitor_keeps_the_arm_for_the_window(n: int, favoured: str, segments: list[str]) -> None:
    """Shares move, segments change: the draw stays as it was logged, until its window is over."""
    id = f"visitor-{n}"
    first = DECIDER.decide(case(id))
    profile = seen(Profile(id), first, NOW)
    draw = first.draws["hero-3"]
    assert profile.draws == {profile.visitor: {"hero-3": draw}} and draw.until == NOW + 7 * 86_400
    for later in (NOW + 1, NOW + 3 * 86_400, draw.until - 1):
        plan = DECIDER.decide(case(id, *segments, profile=profile, now=later, told=all_to(favoured)))
        assert plan.draws["hero-3"] == draw
        assert plan.choices[0].variant == draw.variant
        profile = seen(profile, plan, later)
    after = drawn(DECIDER, case(id, *segments, profile=profile, now=draw.until, told=all_to(favoured)))
    assert (after.number, after.batch) == (2, ALLOCATION.batch + 600)


def test_the_next_draw_says_nothing_about_the_one_before() -> None:
    """6,000 visitors drawn again with equal shares: the nine pairs are even (chi-square, 4 degrees of freedom, 0.1 %
    point 18.5)."""
    counts = {(one, other): 0 for one in ARMS for other in ARMS}
    for n in range(6_000):
        first = drawn(DECIDER, case(f"visitor-{n}", told=None))
        again = Profile(f"visitor-{n}", draws={f"visitor-{n}": {"hero-3": replace(first, until=NOW)}})
        counts[first.variant, drawn(DECIDER, case(f"visitor-{n}", profile=again, told=None)).variant] += 1
    rows = {arm: sum(counts[arm, other] for other in ARMS) for arm in ARMS}
    columns = {arm: sum(counts[other, arm] for other in ARMS) for arm in ARMS}
    expected = {(one, other): rows[one] * columns[other] / 6_000 for one in ARMS for other in ARMS}
    assert sum((counts[pair] - expected[pair]) ** 2 / expected[pair] for pair in counts) < 18.5


def test_a_page_that_was_decided_too_early_does_not_move_the_visitor() -> None:
    """A second page that was decided before the first was known draws once more; the first draw stays."""
    profile = seen(Profile("ann"), DECIDER.decide(case("ann", told=all_to("kind"))), NOW)
    early = DECIDER.decide(case("ann", told=all_to("loud")))
    kept = profile.draws[profile.visitor]["hero-3"]
    assert seen(profile, early, NOW + 1).draws["ann"]["hero-3"] == kept


def test_a_variant_that_is_taken_out_lets_its_visitors_go() -> None:
    """They are drawn anew among the rest, and that draw counts from then on."""
    profile = seen(Profile("ann"), DECIDER.decide(case("ann", told=all_to("kind"))), NOW)
    assert profile.draws[profile.visitor]["hero-3"].variant == "kind"
    fewer = Decider(config(variants=[{"id": arm, "html": arm} for arm in ARMS[:2]]), ["hero"])
    plan = fewer.decide(case("ann", profile=profile, now=NOW + 5))
    assert plan.draws["hero-3"].number == 2 and plan.draws["hero-3"].variant != "kind"
    assert seen(profile, plan, NOW + 5).draws["ann"] == plan.draws


# --- who takes part ------------------------------------------------------------------------------------


def test_coverage_lets_the_same_share_of_every_arm_in() -> None:
    """Half of the visitors take part, whatever the shares do; who was drawn stays in when coverage goes."""
    half = Decider(config(coverage=0.5), ["hero"])
    inside = {n for n in range(4_000) if half.decide(case(f"visitor-{n}", "phone")).draws}
    assert abs(len(inside) - 2_000) < 5 * math.sqrt(1_000)
    assert inside == {n for n in range(4_000) if half.decide(case(f"visitor-{n}", told=all_to("kind"))).draws}
    id = f"visitor-{min(inside)}"
    profile = seen(Profile(id), half.decide(case(id)), NOW)
    none = Decider(config(coverage=0.0), ["hero"])
    assert none.decide(case(id, profile=profile)).choices[0].variant == profile.draws[profile.visitor]["hero-3"].variant
    assert none.decide(case(id)).choices[0].experience is None


def test_nobody_without_an_id_is_drawn() -> None:
    """Neither bots nor visitors who did not consent."""
    for visitor in (Visitor(None, Consent()), Visitor("ann", ALL, bot=True)):
        plan = DECIDER.decide(replace(case("ann"), visitor=visitor))
        assert plan.draws == {} and plan.choices[0].experience is None


def test_a_forced_variant_is_no_draw() -> None:
    """Everybody sees it, and the exposure says of no experiment."""
    forced = Decider(config(force="kind"), ["hero"])
    plan = forced.decide(case("ann"))
    assert (plan.choices[0].variant, plan.choices[0].experiment) == ("kind", None)
    assert "propensity" not in exposure_of(plan.choices[0], "inline", plan.draws.get(plan.choices[0].experiment or ""))


def test_an_exposure_says_how_likely_it_was() -> None:
    """The five properties that reports, profiles and the bandit itself go by."""
    plan = DECIDER.decide(case("ann", "phone"))
    draw = plan.draws["hero-3"]
    shown = exposure_of(plan.choices[0], "inline", draw)
    told = {name: shown[name] for name in ("propensity", "context", "batch", "draw", "until")}
    assert told == {
        "propensity": draw.propensity, "context": "phone", "batch": ALLOCATION.batch, "draw": 1, "until": NOW + 604_800,
    }  # fmt: skip


# --- laws ----------------------------------------------------------------------------------------------

TOGETHER = load_config(
    {
        "version": 1,
        "goals": {"signed": {"event": "Signed Up", "window": "7d"}},
        "holdout": {"percent": 20},
        "segments": {"phone": {"all": [{"device.type": "mobile"}]}, "back": {"all": [{"visits": {"gte": 2}}]}},
        "slots": {
            name: {
                "match": {"path": "/"},
                "experiences": [
                    {"id": "top", "when": {"host": "x"}, "show": {"html": "top"}},
                    {"id": "a", "experiment": {"key": name, "allocate": how, "goal": "signed", "coverage": 0.8,
                     "bandit": {"by": ["phone", "back"]} if how == "thompson" else {},
                     "variants": [{"id": arm, "html": arm} for arm in ARMS]}},
                    {"id": "rest", "show": {"html": "rest"}},
                ],
            }
            for name, how in (("hero-3", "thompson"), ("side", "weights"), ("foot", "thompson"))
        },
    }
)  # fmt: skip
SLOTS = list(TOGETHER.slots)
draws = st.builds(
    Draw, variant=st.sampled_from([*ARMS, "gone"]), context=st.sampled_from(list(SHARES)), propensity=st.just(0.5),
    batch=st.just(600), number=st.integers(1, 3), until=st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + 500]),
)  # fmt: skip


def by_id(kept: Any) -> Any:
    return st.dictionaries(st.sampled_from(["v0", "v1", "u:1"]), kept, max_size=2)


cases = st.builds(
    Case,
    facts=st.fixed_dictionaries(
        {"segments": st.frozensets(st.sampled_from(["phone", "back"]))},
        optional={"host": st.sampled_from(["x", "y"]), "country": st.text(max_size=2)},
    ),
    visitor=st.builds(Visitor, id=st.sampled_from([None, *(f"v{n}" for n in range(8))]), consent=st.just(ALL)),
    profile=st.none()
    | st.builds(
        Profile,
        visitor=st.just("v"),
        assignments=by_id(st.dictionaries(st.sampled_from(["side", "hero-3"]), st.sampled_from(ARMS))),
        draws=by_id(st.dictionaries(st.sampled_from(["hero-3", "foot"]), draws)),
    ),
    now=st.sampled_from([NOW, NOW + 400]),
    allocations=st.dictionaries(
        st.sampled_from(["hero-3", "foot"]), st.sampled_from([ALLOCATION, all_to("kind"), all_to("loud")])
    ),
)


FORGETFUL = Decider(TOGETHER, SLOTS)
ASIDE = Decider(TOGETHER, ["side"])


def fresh(asked: Case) -> Plan:
    """The plan of a decider that remembers nothing."""
    FORGETFUL.forget()
    return FORGETFUL.decide(asked)


@given(st.lists(cases, min_size=1, max_size=4))
def test_a_remembered_plan_equals_a_fresh_one(asked: list[Case]) -> None:
    """Over any sequence of cases, also asked twice, memory changes neither plan nor draws."""
    decider = Decider(TOGETHER, SLOTS)
    for each in (*asked, *reversed(asked)):
        assert decider.decide(each) == fresh(each)


@given(cases, st.text(max_size=2), st.sampled_from(ARMS))
def test_a_draw_depends_on_what_is_declared_only(asked: Case, country: str, arm: str) -> None:
    """Facts that nobody reads, other experiments' shares and draws, and without bandits any: nothing changes."""
    assert FORGETFUL.reads == {"host", "segments", "device", "visits"}
    other = replace(asked, facts={**asked.facts, "country": country, "referrer": country})
    assert fresh(other) == fresh(asked)
    moved = replace(asked, allocations={**asked.allocations, "gone": all_to(arm), "side": all_to(arm)})
    assert fresh(moved) == fresh(asked)
    assert ASIDE.decide(replace(asked, allocations={})) == ASIDE.decide(asked)


class ForgetsTheDraw(Decider):
    """Planted bug: what was drawn is remembered with the visitor, whatever became of shares and draws."""

    def _draw(self, case: Case, id: str, profile: Any, chance: Any) -> Any:
        known = self.__dict__.setdefault("known", {})
        if id not in known:
            known[id] = super()._draw(case, id, profile, chance)
        return known[id]


def test_the_law_of_memory_catches_draws_that_stay() -> None:
    """The shares move between two pages of a visitor whose first was not recorded, and the second shows it."""
    decider = ForgetsTheDraw(TOGETHER, SLOTS)
    pairs = [(case(f"v{n}", told=all_to("kind")), case(f"v{n}", told=all_to("loud"))) for n in range(8)]
    assert any(decider.decide(each) != fresh(each) for pair in pairs for each in pair)


# --- why -----------------------------------------------------------------------------------------------


def in_experiment(asked: Case) -> Step:
    trace: list[Step] = []
    DECIDER.decide(asked, trace)
    (step,) = [s for e in trace[0].inner for s in e.inner if s.what.startswith("is in experiment")]
    return step


def test_the_explanation_says_with_which_probability_and_from_how_many() -> None:
    """The arm, its probability, the segment, the visitors it was learned from; every arm as it stands now."""
    draw = drawn(DECIDER, case("ann", "phone"))
    step = in_experiment(case("ann", "phone"))
    assert step.saw == f"{draw.variant} had probability {draw.propensity:.4g} in phone, from 1,000 visitors"
    assert [(s.what, s.saw) for s in step.inner] == [
        ("plain has 0.02 now", "40 visitors, 0.02 each"),
        ("loud has 0.9 now", "900 visitors, 0.05 each"),
        ("kind has 0.08 now", "60 visitors, 0.03 each"),
    ]
    assert [s.held for s in step.inner] == [arm == draw.variant for arm in ARMS]


def test_the_explanation_tells_a_kept_arm_from_a_fresh_one() -> None:
    """Seen before, and until when; nothing learned yet; nobody to draw."""
    profile = seen(Profile("ann"), DECIDER.decide(case("ann")), NOW)
    kept = in_experiment(case("ann", "phone", profile=profile, now=NOW + 86_400))
    assert kept.saw.startswith("seen before: ") and kept.saw.endswith(
        "outside of its segments, and is kept for 6d more"
    )
    assert in_experiment(case("ann", told=None)).saw.endswith("nothing is learned yet")
    nobody = in_experiment(replace(case("ann"), visitor=Visitor(None, ALL)))
    assert (nobody.held, nobody.saw) == (False, "no id to split by")
