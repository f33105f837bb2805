"""No visitor ever exceeds a frequency cap: simulated sequences of pages, with wrong gates that the law has to catch."""

from dataclasses import dataclass

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from personalize.config import load_config
from personalize.decision import Case, Decider, compiler
from personalize.decision.gates import CapGate
from personalize.model import PURPOSES, Consent, Profile, Visitor

HOUR = 3_600.0
VISITOR = Visitor("v1", Consent(frozenset(PURPOSES)))
CAPS = {"a": (2, 5 * HOUR), "b": (3, 24 * HOUR)}
SLOT_CAP = (4, 12 * HOUR)
CONFIG = load_config(
    {
        "version": 1,
        "slots": {
            name: {
                "match": {"path": "/"},
                "cap": {"max": SLOT_CAP[0], "within": SLOT_CAP[1]},
                "experiences": [
                    {"id": id, "show": {"html": id}, "cap": {"max": most, "within": within}}
                    for id, (most, within) in CAPS.items()
                ],
            }
            for name in ("hero", "hero-2")
        },
    }
)
gaps = st.lists(
    st.sampled_from([0.0, 1.0, 0.5 * HOUR, HOUR, 4 * HOUR, 5 * HOUR, 12 * HOUR, 25 * HOUR]), min_size=1, max_size=40
)


def visit(gaps):
    """What a visitor with these pauses between pages was shown: (slot, experience, time)."""
    it = Decider(CONFIG, list(CONFIG.slots))
    profile, now, shown = Profile("v1"), 1_000_000.0, []
    for gap in gaps:
        now += gap
        for choice in it.decide(Case({}, VISITOR, profile, now)).choices:
            if choice.experience is not None:
                profile.exposures.setdefault(f"{choice.slot}/{choice.experience}", []).append(now)
                shown.append((choice.slot, choice.experience, now))
    return shown


def exceeded(shown):
    """Every moment at which more was shown within a window than its cap allows."""
    found = []
    for slot, experience, now in shown:
        limits = [(*CAPS[experience], lambda s, e, slot=slot, experience=experience: (s, e) == (slot, experience))]
        limits.append((*SLOT_CAP, lambda s, e, slot=slot: s == slot))
        for most, within, counts in limits:
            if sum(counts(s, e) and now - within < time <= now for s, e, time in shown) > most:
                found.append((slot, experience, now))
    return found


@given(gaps)
def test_no_cap_is_ever_exceeded(gaps):
    """In every window that ends at an exposure, no more was shown than allowed, per experience and per slot."""
    assert exceeded(visit(gaps)) == []


@given(gaps)
def test_a_cap_is_used_up(gaps):
    """Caps hold back no more than they must: what the rules offer is shown while both caps have room."""
    shown = visit(gaps)
    pages, now = [], 1_000_000.0
    for gap in gaps:
        now += gap
        pages.append(now)
    for index, now in enumerate(pages):
        before = [(s, e, t) for s, e, t in shown if s == "hero" and t < now]
        if pages[:index].count(now) or pages[index + 1 :].count(now):
            continue
        room = [
            e for e, (most, within) in CAPS.items() if sum(e == e2 and t > now - within for _, e2, t in before) < most
        ]
        if room and sum(t > now - SLOT_CAP[1] for _, _, t in before) < SLOT_CAP[0]:
            assert ("hero", room[0], now) in shown


@dataclass(frozen=True, slots=True)
class OneTooMany(CapGate):
    def open(self, facts, profile, now):
        return self.shown(profile, now) <= self.most


@dataclass(frozen=True, slots=True)
class OnlyTheLatestHour(CapGate):
    def shown(self, profile, now):
        return sum(time > now - HOUR for time in profile.exposures.get(self.prefix, ())) if profile else 0


@dataclass(frozen=True, slots=True)
class SlotsForgotten(CapGate):
    def open(self, facts, profile, now):
        return self.prefix.endswith("/") or self.shown(profile, now) < self.most


@dataclass(frozen=True, slots=True)
class ResetAfterTheWindow(CapGate):
    """Counts from the first exposure on and starts anew afterwards: twice the cap around each start."""

    def shown(self, profile, now):
        kept = []
        for key in sorted(profile.exposures) if profile else ():
            if key.startswith(self.prefix):
                kept += profile.exposures[key]
        start, count = None, 0
        for time in sorted(kept):
            if start is None or time >= start + self.seconds:
                start, count = time, 0
            count += 1
        return 0 if start is None or now >= start + self.seconds else count


@pytest.mark.parametrize("wrong", [OneTooMany, OnlyTheLatestHour, SlotsForgotten, ResetAfterTheWindow])
def test_the_law_of_caps_catches(wrong, monkeypatch):
    """Each wrong way to count breaks the law for some sequence of pages."""
    monkeypatch.setattr(compiler, "CapGate", wrong)
    try:
        find(gaps, lambda tried: bool(exceeded(visit(tried))))
    except NoSuchExample:
        pytest.fail(f"{wrong.__name__} was not caught")
