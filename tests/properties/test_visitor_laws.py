"""Laws of deciding over many visitors, and wrong ways that they catch: `python -m proofs.visitors` is the long form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from personalize.decision import Decider, compiler
from personalize.decision.experiments import Split, bucket_ranges, hash_unit
from personalize.decision.gates import CapGate, CoolDownGate
from proofs import visitors
from proofs.visitors import LAWS, SITE_CAP, Broken, Drawn, even

MANY = {"even": 50_000, "ramps": 20_000, "parts": 20_000, "stays": 2_000, "caps": 2_000, "declared": 3_000}


@pytest.mark.parametrize("law", LAWS)
def test_a_law_holds_for_many_visitors(law: str) -> None:
    """Even buckets, independent experiments and parts, nobody moved, caps and cool-downs kept, nothing undeclared."""
    assert LAWS[law](MANY[law], 1)


def test_a_million_visitors_are_split_evenly_and_each_experiment_for_itself() -> None:
    """Chi-square over a million ids, of two experiments that run at the same time."""
    assert even(1_000_000, 2, drawn=(Drawn("hero-1", (0.5, 0.5)), Drawn("menu", (0.7, 0.2, 0.1))))


def broken(law: Callable[[], str]) -> bool:
    try:
        law()
    except Broken:
        return True
    return False


def without_seed(seed: str, id: str) -> float | None:
    """Planted bug: every experiment splits the same visitors in the same way."""
    return hash_unit("", id)


def sum_of_characters(seed: str, id: str) -> float:
    """Planted bug: a hash that has a middle."""
    return sum(map(ord, seed + id)) % 997 / 997


def coarse(seed: str, id: str) -> float:
    """Planted bug: twenty steps, which weights of a third fall between."""
    return int((hash_unit(seed, id) or 0.0) * 20) / 20


@pytest.mark.parametrize("hash", [without_seed, sum_of_characters, coarse])
def test_the_law_of_even_buckets_catches(hash: Any) -> None:
    """A hash without the experiment's seed, one that is not flat, one with too few steps."""
    assert broken(lambda: even(MANY["even"], 1, hash))


def packed(count: int, coverage: float, weights: Sequence[float] | None) -> list[tuple[float, float]]:
    """Planted bug: ranges stand one behind the other, so that they move when the coverage is raised."""
    whole = bucket_ranges(count, 1.0, weights)
    return [(low * coverage, high * coverage) for low, high in whole]


def test_the_law_of_ramps_catches_ranges_that_move() -> None:
    """Scaled ranges put visitors into another variant at the next step."""
    assert broken(lambda: visitors.ramps(MANY["ramps"], 1, packed))


def one_seed_for_all_parts(config: Any, slots: Sequence[str]) -> Decider:
    """Planted bug: every part is drawn by the same hash."""
    decider = Decider(config, slots)
    for mix in decider._splits:
        for part in getattr(mix, "parts", ()):
            object.__setattr__(part, "seed", "hero")
    return decider


def test_the_law_of_parts_catches_one_hash_for_all() -> None:
    """Then some combinations never come up."""
    assert broken(lambda: visitors.parts(MANY["parts"], 1, one_seed_for_all_parts))


class Forgets(Split):
    """Planted bug: what was seen before does not count."""

    __slots__ = ()

    def remembered(self, kept: Any) -> int:
        return -1


def test_the_law_of_staying_catches_a_split_that_forgets(monkeypatch: Any) -> None:
    """New weights then move whoever the hash says."""
    monkeypatch.setattr("personalize.decision.splits.Split", Forgets)
    assert broken(lambda: visitors.stays(MANY["stays"], 1))


def one_more(prefix: str, most: int, *rest: Any) -> CapGate:
    """Planted bug: `<=` for `<`, in the caps of experiences."""
    return CapGate(prefix, most + ("/" in prefix and not prefix.endswith("/")), *rest)


def no_slot(prefix: str, most: int, *rest: Any) -> CapGate:
    """Planted bug: the caps of slots do not count."""
    return CapGate(prefix, 10**6 if prefix.endswith("/") else most, *rest)


def no_site(prefix: str, most: int, *rest: Any) -> CapGate:
    """Planted bug: the site's cap does not see how much of it one page takes."""
    return CapGate(prefix, most if prefix else SITE_CAP[0], *rest)


def impatient(event: str, seconds: float) -> CoolDownGate:
    """Planted bug: half of the time is enough."""
    return CoolDownGate(event, seconds / 2)


def remembers_answers(config: Any, slots: Sequence[str]) -> Decider:
    """Planted bug: the gates are asked once for each visitor."""
    decider = Decider(config, slots)
    asked = decider._answers.bits
    known: dict[str, int] = {}

    class Once:
        def bits(self, facts: Any, profile: Any, now: float) -> int:
            key = profile.visitor
            known[key] = known[key] if key in known else asked(facts, profile, now)
            return known[key]

    decider._answers = Once()  # type: ignore[assignment]
    return decider


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("CapGate", one_more), ("CapGate", no_slot), ("CapGate", no_site), ("CoolDownGate", impatient)],
)
def test_the_law_of_caps_and_cool_downs_catches(name: str, wrong: Any, monkeypatch: Any) -> None:
    """One exposure too many, a slot's or the site's cap that is passed over, a cool-down that ends early."""
    monkeypatch.setattr(compiler, name, wrong)
    assert broken(lambda: visitors.caps(MANY["caps"], 1))


def test_the_law_of_caps_catches_answers_that_are_remembered() -> None:
    """What was open once stays open then."""
    assert broken(lambda: visitors.caps(MANY["caps"], 1, remembers_answers))


def reads_the_country(config: Any, slots: Sequence[str]) -> Any:
    """Planted bug: a fact that nobody declared decides."""
    decider = Decider(config, slots)

    class Reads:
        def decide(self, case: Any) -> Any:
            facts = {**case.facts, "visits": 5} if case.facts.get("country") == "TR" else case.facts
            return decider.decide(type(case)(facts, case.visitor, case.profile, case.now))

    return Reads()


def keyed_by_nothing(config: Any, slots: Sequence[str]) -> Decider:
    """Planted bug: a memory that takes all facts for the same."""
    decider = Decider(config, slots)
    decider._key = lambda facts: None
    return decider


@pytest.mark.parametrize("wrong", [reads_the_country, keyed_by_nothing])
def test_the_law_of_declared_facts_catches(wrong: Any) -> None:
    """A fact that nobody declared, and a plan that is remembered for too many."""
    assert broken(lambda: visitors.declared(MANY["declared"], 1, wrong))
