"""Exclusive groups: of the experiences that name one, a page shows at most one.

Each law runs over the real decider and over wrong ones, for which it has to fail."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.decision.memo import Memo
from personalize.model import PURPOSES, Consent, Plan, Profile, Visitor

NOW = 1_796_630_400.0


def offer(id: str, group: str | None = None, **rest: Any) -> dict[str, Any]:
    named = {} if group is None else {"exclusive_group": group}
    return {"id": id, "show": {"html": id}, **named, **rest}


def slot(*experiences: Any, **rest: Any) -> dict[str, Any]:
    return {"match": {"path": "/"}, "experiences": list(experiences), **rest}


VARIANTS = [{"id": "x", "html": "x"}, {"id": "y", "html": "y"}]
TEST = {"id": "test", "exclusive_group": "money", "experiment": {"key": "k", "coverage": 0.5, "variants": VARIANTS}}
SITE = {
    "version": 1,
    "holdout": {"percent": 10},
    "slots": {
        "hero": slot(
            offer("sale", "money", when={"visits": {"gte": 3}}),
            TEST,
            offer("news", "words", when={"device.type": "mobile"}),
        ),
        "side": slot(
            offer("coupon", "money", when={"visits": {"gte": 2}}, holdout={"percent": 20}),
            offer("letter", "words"),
            offer("below"),
        ),
        "ad": slot(offer("points", "money"), offer("plain", when={"device.type": "mobile"}), consent="ad_storage"),
        "proof": slot(offer("open", "money"), offer("never"), consent="none"),
        "foot": slot(offer("free", "money"), offer("rest"), consent="none"),
    },
}
CONFIG = load_config(SITE)
GROUPS = {
    (name, e.id): (s.consent == "none", e.exclusive_group) for name, s in CONFIG.slots.items() for e in s.experiences
}


def thrown(dice: Random) -> Case:
    facts = {"visits": dice.randrange(5), "device": {"type": dice.choice(["mobile", "desktop"])}}
    granted = frozenset(dice.choice([PURPOSES, ("personalization_storage",), ("ad_storage",), ()]))
    visitor = Visitor(f"v{dice.randrange(300)}", Consent(granted), bot=dice.random() < 0.1)
    return Case(facts, visitor, dice.choice([None, Profile("v")]), NOW)


def met(plan: Plan) -> bool:
    """Whether two choices of a page are of one group."""
    taken = [GROUPS[c.slot, c.experience] for c in plan.choices if c.experience is not None]
    grouped = [each for each in taken if each[1] is not None]
    return len(grouped) > len(set(grouped))


def one_by_one(case: Case) -> list[str | None]:
    """What each slot shows where every slot is decided alone, by a config without what the slots above took."""
    shown: list[str | None] = []
    taken: set[tuple[bool, str | None]] = set()
    for name, of in CONFIG.slots.items():
        left = [e for e in of.experiences if e.exclusive_group is None or GROUPS[name, e.id] not in taken]
        alone = CONFIG.model_copy(update={"slots": {name: of.model_copy(update={"experiences": left})}})
        (choice,) = Decider(alone, [name]).decide(case).choices
        shown.append(choice.experience)
        if choice.experience is not None:
            taken.add(GROUPS[name, choice.experience])
    return shown


def broken(decider: Decider, cases: int = 1_500) -> bool:
    """Whether a decider lets two of a group meet, or leaves a place empty that another could have taken."""
    dice, again = Random(11), Random(11)
    plans = [decider.decide(thrown(dice)) for _ in range(cases)]
    if any(map(met, plans)):
        return True
    asked = [thrown(again) for _ in range(150)]
    return any(
        one_by_one(case) != [choice.experience for choice in plan.choices]
        for case, plan in zip(asked, plans, strict=False)
    )


def test_of_a_group_a_page_shows_one_and_every_place_is_used() -> None:
    """Over visitors, consents, bots and holdouts: the first slot takes the group, the others show what comes next."""
    assert not broken(Decider(CONFIG, list(CONFIG.slots)))


@pytest.mark.parametrize(
    "bug", ["groups are not looked at", "the search stops at the first", "who is held takes nothing"]
)
def test_the_law_of_groups_catches(bug: str) -> None:
    """Planted bugs: plans that forget the group, a search that offers nothing below, and held-out visitors who free
    the group for the slot below."""
    decider = Decider(CONFIG, list(CONFIG.slots))
    if bug == "groups are not looked at":
        decider._grouped = False
    elif bug == "the search stops at the first":
        whole = decider._find
        decider._find = lambda *of: tuple(found if found is None else found[:1] for found in whole(*of))
    else:
        decider.slots = tuple(_Forgiving(each) for each in decider.slots)  # type: ignore[misc]
    decider._outlines = Memo(100)
    assert broken(decider)


class _Forgiving:
    """A slot whose held-out visitors take no group."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def takes(self, choice: Any) -> dict[str, str]:
        found: dict[str, str] = {} if choice.held else self.real.takes(choice)
        return found


def test_the_tree_says_who_took_the_group() -> None:
    """Asking why changes nothing, and names the experience that is on the page already."""
    decider, dice = Decider(CONFIG, list(CONFIG.slots)), Random(5)
    told = False
    for _ in range(500):
        case, trace = thrown(dice), []
        plan = decider.decide(case, trace)
        assert plan == decider.decide(case)
        for choice, step in zip(plan.choices, trace, strict=True):
            assert step.held is (choice.reason == "experience")
            won = [inner.what for inner in step.inner if inner.held and inner.what.startswith("experience ")]
            assert won == ([f"experience {choice.experience}"] if choice.reason == "experience" else [])
            gates = [gate for inner in step.inner for gate in inner.inner if gate.what.startswith("exclusive group")]
            told |= any(gate.saw == "hero/sale is on this page" and not gate.held for gate in gates)
    assert told


def test_what_is_personal_tells_open_slots_nothing() -> None:
    """A slot that needs no consent is decided among its like: whatever a visitor is shown elsewhere, it stays."""
    decider, dice = Decider(CONFIG, list(CONFIG.slots)), Random(3)
    for _ in range(300):
        case = thrown(dice)
        other = replace(case, visitor=replace(case.visitor, id="other", consent=Consent(frozenset())))
        one, two = (decider.decide(each).choices[3:] for each in (case, other))
        assert [c.experience for c in one] == [c.experience for c in two] == ["open", "rest"]
