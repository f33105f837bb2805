"""Who was assigned stays assigned: through weights, new variants, ramps, requirements and log-ins; holdouts of one
experience. Each law is run over the real decider and over wrong ones, for which it has to fail."""

from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.decision.experiments import Split
from personalize.decision.memo import Memo
from personalize.events.exposures import exposure_of, make_page_view
from personalize.model import PURPOSES, Consent, Profile, Visitor
from personalize.profiles.fold import apply_event

NOW = 1_796_630_400.0
EVERYTHING = Consent(frozenset(PURPOSES))
VISITORS = [f"v{n}" for n in range(800)]


def config(variants, holdout=None, others=(), slot=None, **experiment):
    """A config of slots "s" with one experiment (and "t" with `others`); `variants` are name -> weight."""
    shown = [{"id": name, "weight": weight, "html": name} for name, weight in variants.items()]
    one = {"id": "test", "experiment": {"key": "k", "variants": shown, **experiment}}
    one |= {"holdout": holdout} if holdout else {}
    slots = {"s": {"match": {"path": "/"}, "experiences": [one], **(slot or {})}}
    if others:
        slots["t"] = {"match": {"path": "/other"}, "experiences": list(others)}
    return load_config({"version": 1, "slots": slots})


def decide(decider, id, profile=None, trace=None):
    case = Case({"segments": frozenset()}, Visitor(id, EVERYTHING), profile, NOW)
    return decider.decide(case, trace).choices[0]


def visit(decider, profile, now=NOW):
    """One page: what is shown, and what the log and the fold make of it."""
    choice = decide(decider, profile.visitor, profile)
    if choice.experience is not None:
        page = make_page_view(f"e{now}", "/", profile.visitor, now, [exposure_of(choice, "inline")])
        apply_event(profile, page, {})
    return choice.variant


def moved(before, after, make=Decider):
    """Visitors who were shown a variant and then another, or none, after the config changed."""
    first, then = make(before), make(after)
    found = 0
    for id in VISITORS:
        profile = Profile(id)
        seen = visit(first, profile)
        found += seen is not None and visit(then, profile) != seen
    return found


def real(config):
    return Decider(config, ["s"])


def forgetful(config):
    """Never looks at what was assigned."""
    decider = Decider(config, ["s"])
    chance = decider._chance
    decider._chance = lambda id, profile: chance(id, None)
    return decider


def by_place(config):
    """Keeps the place of a variant instead of its name."""
    decider = Decider(config, ["s"])
    decider._splits = tuple(ByPlace(**{name: getattr(s, name) for name in Split.__slots__}) for s in decider._splits)
    return decider


class ByPlace(Split):
    __slots__ = ()

    def remembered(self, kept):
        return next(("abcd".index(seen[self.key]) for seen in kept if self.key in seen), -1)


def asks_coverage_again(config):
    """Lets a kept assignment count only for those who would be let in now."""
    decider = Decider(config, ["s"])
    decider._splits = tuple(Rechecking(**{n: getattr(s, n) for n in Split.__slots__}) for s in decider._splits)
    return decider


class Rechecking(Split):
    __slots__ = ()

    def assign(self, id, kept, units):
        fresh = Split.assign(self, id, (), units)
        return fresh if fresh < 0 else Split.assign(self, id, kept, units)


HALVES = {"a": 50, "b": 50}
CHANGES = {
    "weights": (config(HALVES), config({"a": 5, "b": 95})),
    "weight nought": (config(HALVES), config({"a": 0, "b": 100})),
    "a new variant": (config(HALVES), config({"a": 10, "b": 10, "c": 80})),
    "a new first variant": (config(HALVES), config({"c": 33, "a": 33, "b": 33})),
    "ramping up": (config({"a": 20, "b": 80}, coverage=0.2), config({"a": 50, "b": 50}, coverage=1.0)),
    "ramping down": (config(HALVES), config(HALVES, coverage=0.1)),
    "a namespace": (config(HALVES), config(HALVES, namespace={"id": "n", "range": [0, 0.1]})),
    "a filter": (config(HALVES), config(HALVES, filters=[{"seed": "f", "ranges": [[0, 0.1]]}])),
    "another seed": (config(HALVES), config(HALVES, seed="other")),
    "another hash": (config(HALVES), config(HALVES, hash_version=1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_moves_an_assigned_visitor(change):
    """Whatever happens to the split, a visitor who saw a variant goes on seeing it."""
    assert moved(*CHANGES[change], real) == 0


@pytest.mark.parametrize("change", CHANGES)
def test_the_law_of_staying_catches_a_decider_that_forgets(change):
    """Each of these changes would move somebody if the hash alone decided."""
    assert moved(*CHANGES[change], forgetful) > 0


@pytest.mark.parametrize(
    ("wrong", "change"),
    [(by_place, "a new first variant"), (asks_coverage_again, "ramping down"), (asks_coverage_again, "a namespace")],
)
def test_the_law_of_staying_catches(wrong, change):
    """Keeping places instead of names, or asking the coverage again, moves visitors."""
    assert moved(*CHANGES[change], wrong) > 0


weights = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=2, max_size=6).filter(
    lambda found: any(found.values())
)


@given(weights, weights, st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 10_000))
def test_any_two_splits_keep_who_they_share(before, after, coverage, number):
    """For any weights, variants and coverage before and after: whoever saw a variant that still exists keeps it."""
    profile = Profile(f"x{number}")
    seen = visit(real(config(before)), profile)
    then = visit(real(config(after, coverage=coverage)), profile)
    assert seen is not None
    if seen in after:
        assert then == seen
    assert then is None or then in after


def test_who_loses_the_variant_is_drawn_again_and_stays_there():
    """When a variant is taken out, its visitors are drawn anew, once."""
    first, second = real(config(HALVES)), real(config({"b": 5, "c": 95}))
    third = real(config({"b": 95, "c": 5}))
    for id in VISITORS[:200]:
        profile = Profile(id)
        visit(first, profile)
        anew = visit(second, profile)
        assert visit(third, profile) == anew


def test_what_is_not_sticky_follows_the_hash():
    """`sticky: false` draws by today's weights, whatever was seen."""
    assert moved(config(HALVES), config({"a": 5, "b": 95}, sticky=False), real) > 0


def test_a_remembered_assignment_belongs_to_one_visitor():
    """The memory of assignments is keyed by what was kept too: one visitor, seen with and without a profile."""

    def told_apart(decider):
        return all(
            [decide(decider, id, Profile(id, assignments={id: {"k": name}})).variant for name in "ab"] == ["a", "b"]
            and decide(decider, id).variant == decide(real(config(HALVES)), id).variant
            for id in VISITORS[:20]
        )

    decider = real(config(HALVES))
    assert told_apart(decider)
    wrong = copy(decider)
    wrong._chances = ByIdAlone(100)
    assert not told_apart(wrong)


class ByIdAlone(Memo):
    """A planted bug: a memory that leaves out what was kept."""

    def get(self, key, default=None):
        return super().get(key[0] if isinstance(key, tuple) else key, default)

    def keep(self, key, value):
        return super().keep(key[0] if isinstance(key, tuple) else key, value)


def test_a_browser_without_a_variant_sees_what_the_person_saw_elsewhere():
    """The profile that is asked under another id brings its assignments along; what the other id saw goes before."""
    decider = real(config(HALVES))
    changed = 0
    for id in VISITORS[:200]:
        profile = Profile(id)
        seen = visit(decider, profile)
        assert decide(decider, f"user-{id}", profile).variant == seen
        changed += decide(decider, f"user-{id}").variant != seen
        other = {"a": "b", "b": "a"}[seen]
        assert decide(decider, "v", Profile(id, assignments={id: {"k": seen}, "v": {"k": other}})).variant == other
        before = Profile(id, assignments={id: {"k": seen}}, before={"v": {"k": other}})
        assert decide(decider, "v", before).variant == other
        gone = {id: {"k": seen}, "v": {"k": "gone"}}
        assert decide(decider, "v", Profile(id, assignments=gone)).variant == seen, "what is left counts"
    assert changed > 50, "by the new id's hash alone many would have changed"


def test_why_says_that_another_browser_showed_it():
    """The tree tells an assignment of this browser from one of the same person elsewhere."""
    trace = []
    decide(real(config(HALVES)), "v1", Profile("u:1", assignments={"v2": {"k": "b"}}), trace)
    assert "seen before by another id of the same person: b" in str(trace)


# --- forced, required ----------------------------------------------------------------------------------


def test_a_forced_variant_is_everybodys_and_counts_for_nothing():
    """All who are in get it; no experiment stands in the exposure, and nothing is kept for later."""
    decider = real(config(HALVES, force="b", coverage=0.5))
    shown = []
    for id in VISITORS[:200]:
        profile = Profile(id)
        shown.append(visit(decider, profile))
        choice = decide(decider, id)
        assert choice.experiment is None and profile.assignments == {}
    assert set(shown) == {"b", None} and 60 < shown.count("b") < 140


def test_a_requirement_asks_for_another_experiments_variant():
    """Only visitors in the named variants of the other experiment are in, also when that is on another page."""
    other = {"id": "o", "experiment": {"key": "o", "coverage": 0.6, "variants": [
        {"id": "x", "html": "x"}, {"id": "y", "html": "y"}]}}  # fmt: skip
    both = config(HALVES, others=[other], requires=[{"experiment": "o", "variants": ["y"]}])
    here, there = Decider(both, ["s"]), Decider(both, ["t"])
    for id in VISITORS:
        assert (decide(here, id).variant is not None) is (decide(there, id).variant == "y")
    trace = []
    id = next(id for id in VISITORS if decide(there, id).variant == "x")
    decide(here, id, trace=trace)
    assert "x in experiment o" in str(trace)
    # What was assigned there counts here: the requirement follows the visitor, not the hash.
    kept = Profile(id, assignments={id: {"o": "y"}})
    assert decide(here, id, kept).variant is not None


# --- the holdout of one experience ---------------------------------------------------------------------


def test_a_holdout_of_one_experience_is_recorded_as_what_it_would_have_been():
    """Its share sees the page's own markup, and the exposure says what they would have seen, variant and all."""
    held, plain = real(config(HALVES, holdout={"percent": 30})), real(config(HALVES))
    count = 0
    for id in VISITORS:
        choice, other = decide(held, id), decide(plain, id)
        assert choice.variant == other.variant and choice.experience == "test" and choice.experiment == "k"
        assert choice.content.kind == ("page" if choice.held else "html")
        assert choice.reason == ("holdout" if choice.held else "experience")
        left, right = exposure_of(choice, "inline"), exposure_of(other, "inline")
        assert {**left, "held": False, "reason": "experience"} == right
        count += choice.held
    assert 180 < count < 300


def held_of(salt=None, slot="s"):
    shown = {"id": "e", "show": {"html": "x"}, "holdout": {"percent": 50, **({"salt": salt} if salt else {})}}
    made = {"version": 1, "slots": {slot: {"match": {"path": "/"}, "experiences": [shown]}}}
    decider = Decider(load_config(made), [slot])
    return [decide(decider, id).held for id in VISITORS]


def together(one, other):
    return sum(a is b for a, b in zip(one, other, strict=True)) / len(one)


def test_holdouts_draw_each_for_itself_unless_they_share_a_salt():
    """Two experiences hold out different visitors; with one salt the same."""
    assert 0.4 < together(held_of(slot="s"), held_of(slot="other")) < 0.6
    assert together(held_of("x", slot="s"), held_of("x", slot="other")) == 1


def test_why_tells_of_the_holdout_and_of_what_was_kept():
    """The tree says who is held out, and that an assignment is an old one."""
    decider = real(config(HALVES, holdout={"percent": 100}))
    trace = []
    decide(decider, "v1", Profile("v1", assignments={"v1": {"k": "b"}}), trace)
    (slot,) = trace
    assert not slot.held and "held out; otherwise test, variant b" in slot.saw
    told = str(slot)
    assert "is not among the 100 % held out" in told and "seen before: b" in told


def test_a_slot_without_consent_holds_nobody_out():
    """Where nobody is known nobody can be held out, and the linter says so."""
    shown = {"id": "e", "show": {"html": "x"}, "holdout": {"percent": 100}}
    made = {"version": 1, "slots": {"s": {"match": {"path": "/"}, "consent": "none", "experiences": [shown]}}}
    found = load_config(made)
    assert not decide(Decider(found, ["s"]), "v1").held
    assert [problem.code for problem in found.warnings] == ["PZ407"]


# --- the config ----------------------------------------------------------------------------------------


def problems(**experiment):
    """What is wrong with an experiment of two variants."""
    variants = experiment.pop("variants", [{"id": "a", "html": "a"}, {"id": "b", "html": "b"}])
    made = {"id": "e", "experiment": {"key": "k", "variants": variants, **experiment}}
    try:
        load_config({"version": 1, "slots": {"s": {"match": {"path": "/"}, "experiences": [made]}}})
    except Exception as error:
        return [problem.code for problem in error.problems]
    return []


def ranged(*ranges):
    pairs = zip("abc", ranges, strict=False)
    return [{"id": name, "html": name, **({"range": pair} if pair else {})} for name, pair in pairs]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"force": "c"}, "PZ324"),
        ({"requires": [{"experiment": "other", "variants": ["a"]}]}, "PZ324"),
        ({"requires": [{"experiment": "k", "variants": ["a"]}]}, "PZ325"),
        ({"variants": ranged([0, 0.5], None)}, "PZ202"),
        ({"variants": ranged([0, 0.5], [0.4, 1])}, "PZ205"),
        ({"variants": ranged([0.5, 0], [0.5, 1])}, "PZ205"),
        ({"variants": ranged([0, 0.5], [0.5, 1.5])}, "PZ205"),
        ({"variants": ranged([0, 0.5], [0.5, 1]), "coverage": 0.5}, "PZ205"),
        ({"filters": [{"seed": "f", "ranges": [[1, 0]]}]}, "PZ205"),
        ({"filters": [{"seed": "f", "ranges": []}]}, "PZ205"),
        ({"hash_version": 3}, "PZ204"),
    ],
)
def test_a_split_that_cannot_be_is_refused(wrong, code):
    """Each slip has one problem, and its id."""
    assert problems(**wrong) == [code]


def test_ranges_say_who_is_in():
    """Variants with ranges of their own take exactly these; what none takes is not in."""
    assert problems(variants=ranged([0, 0.2], [0.5, 0.5], [0.5, 1])) == []
    made = {"id": "e", "experiment": {"key": "k", "variants": ranged([0, 0.2], [0.9, 1])}}
    found = load_config({"version": 1, "slots": {"s": {"match": {"path": "/"}, "experiences": [made]}}})
    shown = [decide(Decider(found, ["s"]), id).variant for id in VISITORS]
    assert 110 < shown.count("a") < 210 and 50 < shown.count("b") < 120 and shown.count(None) > 450
