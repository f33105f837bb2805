"""The whole site's cap: over all slots, and over the slots of one page."""

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.model import PURPOSES, Consent, Profile, Visitor

HOUR = 3_600.0
MOST, WITHIN = 4, 5 * HOUR
VISITOR = Visitor("v1", Consent(frozenset(PURPOSES)))


def slot(id, **more):
    return {"match": {"path": "/"}, "experiences": [{"id": id, "show": {"html": id}, **more}]}


SPLIT = {"key": "k", "variants": [{"id": "x", "show": {"html": "x"}}, {"id": "y", "show": {"html": "y"}}]}
CONFIG = load_config(
    {
        "version": 1,
        "site": {"cap": {"max": MOST, "within": "5h"}},
        "slots": {
            "proof": {**slot("proof"), "consent": "none"},
            "hero": slot("winter", cap={"max": 3, "within": "24h"}),
            "band": {"match": {"path": "/"}, "experiences": [{"id": "split", "experiment": SPLIT}]},
            "foot": slot("foot", holdout={"percent": 100}),
        },
    }
)
gaps = st.lists(st.sampled_from([0.0, 1.0, HOUR, 2 * HOUR, 4 * HOUR, 5 * HOUR, 12 * HOUR]), min_size=1, max_size=30)


def visit(gaps, config=CONFIG):
    """What each page showed, as (slot, experience, time); held-out visitors' would-have-been exposures count alike."""
    it = Decider(config, list(config.slots))
    profile, now, pages = Profile("v1"), 1_000_000.0, []
    for gap in gaps:
        now += gap
        choices = it.decide(Case({}, VISITOR, profile, now)).choices
        shown = [(choice.slot, choice.experience, now) for choice in choices if choice.experience is not None]
        for name, id, _ in shown:
            profile.exposures.setdefault(f"{name}/{id}", []).append(now)
        pages.append(shown)
    return pages


def exceeded(pages):
    counted = [time for shown in pages for name, _, time in shown if name != "proof"]
    return any(sum(now - WITHIN < time <= now for time in counted) > MOST for now in counted)


@given(gaps)
def test_the_sites_cap_is_never_exceeded_and_is_used_up(gaps):
    """In no window more than allowed, all slots together, also within one page; slots from the top take what is left;
    a slot that is about no one is always shown."""
    pages = visit(gaps)
    assert not exceeded(pages)
    before = []
    for shown in pages:
        now = next(time for name, _, time in shown if name == "proof")
        left = MOST - sum(time > now - WITHIN for _, _, time in before)
        winter = sum(time > now - 24 * HOUR for name, _, time in before if name == "hero")
        offered = (["hero"] if winter < 3 else []) + ["band", "foot"]
        assert [name for name, _, _ in shown if name != "proof"] == offered[:left]
        before += [each for each in shown if each[0] != "proof"]


@pytest.mark.parametrize("slip", ["pages", "slots"])
def test_the_law_of_the_sites_cap_catches(slip, monkeypatch):
    """A cap that looks at whole pages only, or at each slot for itself, breaks the law."""
    config = CONFIG
    if slip == "pages":
        monkeypatch.setattr(Decider, "_left", lambda self, answers: None)
    else:
        cap = CONFIG.site.cap
        slots = {name: each.model_copy(update={"cap": cap}) for name, each in CONFIG.slots.items()}
        config = CONFIG.model_copy(update={"slots": slots, "site": CONFIG.site.model_copy(update={"cap": None})})
    try:
        find(gaps, lambda tried: exceeded(visit(tried, config)))
    except NoSuchExample:
        pytest.fail(f"{slip} was not caught")


def test_the_reasons_name_the_sites_cap():
    """The tree says that the cap is used up, and where the slots above took the rest of it."""
    it = Decider(CONFIG, list(CONFIG.slots))
    profile = Profile("v1", exposures={"hero/winter": [999_000.0] * 3})
    for more, said in (([], "the slots above took"), ([999_001.0], "site's cap: at most 4 within 5h")):
        profile.exposures["gone/old"] = more
        trace = []
        it.decide(Case({}, VISITOR, profile, 1_000_000.0), trace)
        assert said in next(step.saw for step in trace[3].inner if step.what == "experience foot")
