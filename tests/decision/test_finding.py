"""All conditions of a route in one function answer as each does alone."""

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from personalize.conditions import SegmentRules, Together
from personalize.config import load_config
from personalize.decision import finding
from personalize.decision.compiler import SlotCompiler

LEVELS = {"all": [{"traits.level": {"gte": 2}}, {"not": [{"traits.level": 5}]}]}
WHENS = [
    {"country": ["TR", "DE"], "device.type": "mobile"},
    {"any": [{"utm.campaign": {"regex": "^w"}}, {"traits.inner.x": 1}, LEVELS]},
    {"not": [{"country": "TR"}, {"segments": {"any": ["regular"]}}]},
    "regular",
    {"all": ["regular", {"viewed": {"path": "/x", "within": "1d"}}]},
    {"device.type": {"in": ["mobile", "desktop"], "not": {"regex": "^d"}}},
    {"country": {"exists": False}},
    {"last_seen": {"gt": "1d", "lt": "7d"}},
    "everyone",
]
CONFIG = load_config(
    {
        "version": 1,
        "segments": {"regular": {"all": [{"visits": {"gte": 2}}]}},
        "slots": {
            f"s{n}": {
                "match": {"path": "/"},
                "consent": ["personalization_storage", "none", "ad_storage"][n % 3],
                "experiences": [
                    {"id": f"e{i}", "when": when, "status": "draft" if (n + i) % 7 == 6 else "live"}
                    | ({"cap": {"max": 1, "within": "1d"}} if i % 2 else {})
                    | (
                        {"experiment": {"key": f"k{n}-{i}", "variants": [{"id": v, "html": v} for v in "ab"]}}
                        if (n + i) % 3 == 0
                        else {"show": {"html": "x"}}
                    )
                    for i, when in enumerate(WHENS[n:] + WHENS[:n])
                ],
            }
            for n in range(len(WHENS))
        },
    }
)


def slots():
    compiler = SlotCompiler(CONFIG, SegmentRules(CONFIG.segments), list(CONFIG.slots))
    return [compiler.slot(name) for name in CONFIG.slots]


SLOTS = slots()
loose = st.sampled_from([None, True, 1, 2, 5, "TR", "DE", "mobile", "desktop", "winter", ["TR"], {"x": 1}, {"x": "1"}])
facts = st.fixed_dictionaries(
    {},
    optional={
        "country": loose,
        "device": st.none() | st.dictionaries(st.sampled_from(["type", "os"]), loose),
        "utm": st.dictionaries(st.sampled_from(["campaign"]), loose),
        "traits": st.dictionaries(st.sampled_from(["level", "inner"]), loose),
        "segments": st.frozensets(st.sampled_from(["regular", "other"])),
        "last_seen": st.none() | st.sampled_from([0.0, 90_000.0, 1e6]),
        'viewed(path "/x", within 1d)': st.booleans(),
    },
)
closed = st.integers(0, 2**40 - 1) | st.just(0)
granted = st.frozensets(st.sampled_from(["personalization_storage", "ad_storage"]))


def one_by_one(facts, closed, granted):
    """What the finder has to find, without any of its code."""
    for slot in SLOTS:
        if slot.purpose != "none" and slot.purpose not in granted:
            yield None
            continue
        found = []
        for experience in slot.experiences:
            drawn = experience.split is not None
            if experience.status != "live" or experience.needs & closed or not experience.rule.test(facts):
                continue
            if not drawn:
                found.append(experience)
                break
            if slot.purpose != "none":
                found.append(experience)
        yield found


def agree(finder, tried):
    return list(finder(*tried)) == list(one_by_one(*tried))


FINDER = finding.compile_finder(SLOTS)


@given(st.tuples(facts, closed, granted))
def test_conditions_together_answer_as_they_do_alone(tried):
    """Whatever the facts, the open gates and the consent: the same candidates in the same order."""
    assert agree(FINDER, tried)


class OneValue(Together):
    """Takes every fact below one word for the same."""

    def expression(self, part):
        part = type(part)(part.text, part.names, part.depth, {name: path[:1] for name, path in part.paths.items()})
        return super().expression(part)


class NoBrackets(Together):
    """Joins expressions without brackets."""

    def expression(self, part):
        text = super().expression(part)
        return text[1:-1] if text.startswith("(") and " or " in text else text


class AllOpen(Together):
    """Forgets the gates."""

    def constant(self, value):
        return super().constant(0 if isinstance(value, int) else value)


class AllGranted(Together):
    """Forgets what consent was not given."""

    def constant(self, value):
        name = super().constant(value)
        return f"{name} is {name} or {name}" if isinstance(value, str) else name


@pytest.mark.parametrize("wrong", [OneValue, NoBrackets, AllOpen, AllGranted])
def test_the_law_catches(wrong, monkeypatch):
    """Facts mixed up, brackets lost, gates or consent forgotten: each gives other candidates for some visitor."""
    monkeypatch.setattr(finding, "Together", wrong)
    finder = finding.compile_finder(SLOTS)
    try:
        find(st.tuples(facts, closed, granted), lambda tried: not agree(finder, tried))
    except NoSuchExample:
        pytest.fail(f"{wrong.__name__} was not caught")
