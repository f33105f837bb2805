"""Laws of the decider: remembering changes nothing, and a plan depends on what was declared and nothing else.

Each law runs over the real decider and over wrong ones, for which it has to fail."""

from copy import copy
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.conditions import SegmentRules
from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.decision.answers import Answers
from personalize.decision.compiler import SlotCompiler
from personalize.decision.memo import Memo
from personalize.model import PURPOSES, Consent, Profile, Visitor

NOW = 1_796_630_400.0
BOUGHT = "bought(within 7d)"
VARIANTS = [{"id": "x", "weight": 1, "html": "x"}, {"id": "y", "weight": 1, "show": "page"}]


def html(id, **rest):
    return {"id": id, "show": {"html": id}, **rest}


CONFIG = load_config(
    {
        "version": 1,
        "timezone": "Europe/Istanbul",
        "holdout": {"percent": 20},
        "segments": {
            "regular": {"all": [{"visits": {"gte": 2}}]},
            "buyer": {"all": ["regular", {"bought": {"within": "7d"}}]},
            "unused": {"all": [{"host": "x"}]},
        },
        "slots": {
            "hero": {
                "match": {"path": "/"},
                "cap": {"max": 3, "within": "1d"},
                "experiences": [
                    html("one", when={"traits.level": 1}),
                    html("true", when={"traits.level": {"eq": True}}),
                    html("list", when={"traits.level": {"all": ["a"]}}),
                    html("deep", when={"traits.inner.x": {"eq": 1}}),
                    html("mobile", when={"device.type": "mobile"}, cap={"max": 1, "within": "1h"}),
                    html("due", when="buyer", delay="30m", expire="3d"),
                    {"id": "test", "when": {"any": ["regular", {"last_seen": {"gt": "7d"}}]},
                     "experiment": {"key": "k1", "coverage": 0.8, "variants": VARIANTS}},
                ],
            },
            "side": {
                "match": {"path": "/"},
                "consent": "ad_personalization",
                "experiences": [
                    html("morning", schedule={"hours": "08:00-11:00"}),
                    html("quiet", when="buyer", cool_down={"after": "Order Completed", "for": "1d"}),
                    {"id": "split", "experiment": {"key": "k2", "variants": VARIANTS}},
                ],
            },
            "proof": {
                "match": {"path": "/"},
                "consent": "none",
                "experiences": [html("many", when={"visits": {"gte": 3}}), html("all")],
            },
        },
    }
)  # fmt: skip
SLOTS = list(CONFIG.slots)

loose = st.sampled_from(
    [None, True, False, 1, 1.0, 0, 2, "1", "a", "mobile", ["a"], ["a", 1], [True], [], {"x": 1}, {"x": True}]
)
FACT_VALUES = {
    "traits": st.none() | st.dictionaries(st.sampled_from(["level", "inner", "other"]), loose),
    "device": st.none() | st.dictionaries(st.sampled_from(["type", "os"]), loose),
    "visits": st.none() | st.integers(0, 4) | st.booleans(),
    "last_seen": st.none() | st.floats(0, 1e6),
    BOUGHT: st.booleans(),
    "segments": st.frozensets(st.sampled_from(["regular", "buyer", "unused"])),
    "host": loose,
    "utm": st.dictionaries(st.sampled_from(["campaign", "source"]), loose),
    "country": loose,
}
facts = st.fixed_dictionaries({}, optional=FACT_VALUES)
purposes = st.frozensets(st.sampled_from(["personalization_storage", "ad_personalization", "analytics_storage"]))
visitors = st.builds(
    Visitor,
    id=st.sampled_from([f"v{n}" for n in range(12)] + [None]),
    consent=st.builds(Consent, granted=st.just(frozenset(PURPOSES)) | purposes),
    bot=st.sampled_from([False] * 9 + [True]),
)
ages = st.sampled_from([0.0, 1.0, 1_000.0, 1_800.0, 4_000.0, 90_000.0, 4 * 86_400.0])
times = st.lists(ages.map(lambda age: NOW - age), min_size=0, max_size=3).map(sorted)
seen = st.dictionaries(st.sampled_from(["k1", "k2", "k9"]), st.sampled_from(["x", "y", "gone"]))
kept = st.dictionaries(st.sampled_from(["v1", "v2", "u:1"]), seen, max_size=3)
profiles = st.none() | st.builds(
    Profile,
    visitor=st.just("v1"),
    views=times.map(lambda found: [(time, "", "/") for time in found]),
    orders=times.map(lambda found: [(time, 5.0, ("a",)) for time in found]),
    exposures=st.dictionaries(st.sampled_from(["hero/mobile", "hero/due", "side/quiet", "other/x"]), times),
    happened=st.dictionaries(st.sampled_from(["Order Completed", "Page Viewed"]), ages.map(lambda age: NOW - age)),
    remembered=st.dictionaries(st.sampled_from(["buyer"]), ages.map(lambda age: NOW - age)),
    assignments=kept,
    before=kept,
)
moments = st.sampled_from([NOW, NOW + 0.5, NOW - 1.0, NOW - 1_800.0, NOW - 4 * 3_600.0, NOW + 40_000.0])
cases = st.builds(Case, facts=facts, visitor=visitors, profile=profiles, now=moments)


FORGETFUL = Decider(CONFIG, SLOTS)


def decided_anew(case):
    """The plan of a decider that remembers nothing."""
    FORGETFUL.forget()
    FORGETFUL._answers._second = float("nan")
    return FORGETFUL.decide(case)


def remembers_rightly(decider, asked):
    """Whether a decider that remembers gives, case after case, what one that was just made gives."""
    return all(decider.decide(case) == decided_anew(case) for case in asked)


def mixed(one, other, picks):
    """A case near to `one`: some of its parts are those of `other`."""
    pick = iter(f"{picks:016b}")
    of_facts = {**one.facts}
    for name in FACT_VALUES:
        if next(pick) == "1":
            of_facts.pop(name, None)
            of_facts |= {name: other.facts[name]} if name in other.facts else {}
    parts = {name: getattr(other if next(pick) == "1" else one, name) for name in ("visitor", "profile", "now")}
    return Case(of_facts, **parts)


picks = st.integers(0, 2**16 - 1)
neighbours = st.builds(lambda one, other, picks: [one, mixed(one, other, picks)], cases, cases, picks)

# Where wrong deciders are hunted: plain values with which every rule decides now and then, thrown with fixed dice.
PLAIN_FACTS = {
    "traits": [{}, {}, {}, {"level": 1}, {"level": True}, {"level": 1.0}, {"level": ["a"]}],
    "device": [{"type": "desktop"}, {"type": "desktop"}, {"type": "mobile"}],
    "visits": [0, 1, 2, 3, 4],
    "last_seen": [None, 1.0, 1e6],
    BOUGHT: [False, True],
    "segments": [frozenset(), frozenset({"regular"}), frozenset({"regular", "buyer"})],
}
PLAIN_PROFILES = [
    Profile("v1"),
    Profile("v1", orders=[(NOW - 4_000.0, 5.0, ("a",))], happened={"Order Completed": NOW - 4_000.0}),
    Profile("v1", orders=[(NOW - 90_000.0, 5.0, ("a",))], happened={"Order Completed": NOW - 90_000.0}),
    Profile("v1", exposures={"hero/mobile": [NOW - 1.0]}),
    Profile("v1", assignments={"v1": {"k1": "x", "k2": "y"}}),
]
CONSENTS = [Consent(frozenset(PURPOSES)), Consent(frozenset({"personalization_storage"}))]


def hunt(broken):
    """Whether some pair of near cases breaks a law."""
    dice = Random(7)

    def thrown():
        facts = {name: dice.choice(values) for name, values in PLAIN_FACTS.items()}
        visitor = Visitor(f"v{dice.randrange(12)}", dice.choice(CONSENTS))
        return Case(facts, visitor, dice.choice(PLAIN_PROFILES), dice.choice([NOW, NOW - 1_800.0, NOW + 40_000.0]))

    for _ in range(10_000):
        one = thrown()
        if broken([one, mixed(one, thrown(), dice.getrandbits(16) & dice.getrandbits(16))]):
            return True
    return False


@given(st.lists(neighbours, min_size=1, max_size=3).map(lambda pairs: [case for pair in pairs for case in pair]))
def test_a_remembered_plan_equals_a_fresh_one(asked):
    """Over any sequence of cases, also asked twice, memory changes no plan."""
    assert remembers_rightly(Decider(CONFIG, SLOTS), [*asked, *reversed(asked)])


@given(cases)
def test_a_traced_plan_equals_the_plain_one(case):
    """Asking why changes nothing, and the tree says of each slot what was chosen."""
    decider = Decider(CONFIG, SLOTS)
    trace = []
    plan = decider.decide(case, trace)
    assert plan == decider.decide(case)
    for choice, step in zip(plan.choices, trace, strict=True):
        assert step.what == f"slot {choice.slot}"
        assert step.held is (choice.reason == "experience")
        won = [inner.what for inner in step.inner if inner.held and inner.what.startswith("experience ")]
        assert won == ([f"experience {choice.experience}"] if choice.reason == "experience" else [])


class Fixed:
    """Answers that are not asked for."""

    def __init__(self, bits):
        self.bits = bits


def forget(part):
    """A decider whose memory leaves out one part of what a plan depends on."""
    compiled = Decider(CONFIG, SLOTS)

    def make():
        decider = copy(compiled)  # compiled once, with an empty memory each time
        decider._outlines, decider._chances, decider._plans = Memo(100), Memo(100), Memo(100)
        if part == "facts":
            decider._key = lambda facts: None
        elif part == "true is not one":
            plain = decider._key
            decider._key = lambda facts: tuple(v for v in plain(facts)[1][1:])
        elif part == "segments":
            plain = decider._key
            decider._key = lambda facts: plain({**facts, "segments": frozenset()})
        elif part == "gates":
            first = []
            real = compiled._answers
            decider._answers = Fixed(lambda *of: first[0] if first else first.append(real.bits(*of)) or first[0])
        elif part == "the clock":
            asked_now = compiled._answers
            decider._answers = Fixed(lambda facts, profile, now: asked_now.bits(facts, profile, NOW))
        elif part == "the visitor":
            real_chance = decider._chance
            decider._chance = lambda id, profile: real_chance("v1" if id else None, profile)
        elif part == "what was assigned":
            everything = decider._chance
            known = {}
            decider._chance = lambda id, profile: known.setdefault(id, everything(id, profile))
        elif part == "ages":
            aged = sum(bit for bit, _ in compiled._answers._aged)
            ageless = compiled._answers
            decider._answers = Fixed(lambda *of: ageless.bits(*of) & ~aged)
        elif part == "consent":
            decider._purposes = frozenset({"personalization_storage"})
        return decider

    return make


@pytest.mark.parametrize(
    "part",
    [
        "facts",
        "true is not one",
        "segments",
        "gates",
        "ages",
        "the clock",
        "the visitor",
        "what was assigned",
        "consent",
    ],
)
def test_the_law_of_memory_catches(part):
    """A memory that leaves out any part gives somebody else's plan, and the law sees it."""
    make = forget(part)
    assert hunt(lambda asked: not remembers_rightly(make(), asked))


def depends_only_on(declared, case, other):
    """Whether facts that are not declared can change at will without changing the plan."""
    changed = {name: value for name, value in other.items() if name not in declared}
    changed |= {name: value for name, value in case.facts.items() if name in declared}
    return decided_anew(case) == decided_anew(replace(case, facts=changed))


@given(cases, facts)
def test_a_plan_depends_on_declared_facts_only(case, other):
    """Change any fact that a decider does not read, or take it away: the plan stays."""
    declared = Decider(CONFIG, SLOTS).reads
    assert declared == {"traits", "device", "visits", "last_seen", "segments", BOUGHT}
    assert depends_only_on(declared, case, other)


@pytest.mark.parametrize("missing", ["traits", "device", "visits", "last_seen", "segments", BOUGHT])
def test_the_law_of_declared_facts_catches(missing):
    """A declaration that leaves out any one fact does not hold."""
    declared = Decider(CONFIG, SLOTS).reads - {missing}
    assert hunt(lambda pair: not depends_only_on(declared, pair[0], pair[1].facts))


@given(cases, visitors, profiles)
def test_without_experiment_holdout_or_timing_nobody_is_told_apart(case, visitor, profile):
    """On a route that has none of these, id and profile change nothing."""
    decider = Decider(CONFIG, ["proof"])
    assert decider.decide(case) == decider.decide(
        replace(case, profile=profile, visitor=replace(visitor, bot=case.visitor.bot))
    )


@given(cases)
def test_gates_asked_together_answer_as_they_do_alone(case):
    """Asked in one go or one by one, each gate of the route gives the same answer."""
    config_compiler = SlotCompiler(CONFIG, SegmentRules(CONFIG.segments), list(CONFIG.slots))
    for name in SLOTS:
        config_compiler.slot(name)
    of = config_compiler
    together = Answers(of.schedules, of.of_profile, of.always, tuple(of.aged.values())).bits(
        case.facts, case.profile, case.now
    )
    alone = of.always
    for bit, gate in (*of.schedules, *of.of_profile):
        if gate.open(case.facts, case.profile, case.now):
            alone |= bit
        assert gate.open(case.facts, case.profile, case.now) is gate.explain(case.facts, case.profile, case.now).held
    for bit, test in of.aged.values():
        alone |= bit if test(case.facts) else 0
    assert together == alone
