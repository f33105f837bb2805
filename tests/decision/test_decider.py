"""The gates, one after the other: who is shown what, and why."""

import pytest

from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.decision.experiments import bucket_ranges, choose_variation, hash_unit
from personalize.model import PURPOSES, Consent, Product, Profile, Visitor

DAY = 86_400.0
NOW = 1_796_630_400.0  # Monday 2026-12-07 11:00 in Istanbul
EVERYTHING = Consent(frozenset(PURPOSES))
VISITOR = Visitor("v1", EVERYTHING)
ANYBODY = {"segments": frozenset()}


def decider(*experiences, slots=None, **slot):
    """A decider of one slot "s" (or of `slots`), from what a config would hold."""
    top = {key: slot.pop(key) for key in ("holdout", "segments", "timezone") if key in slot}
    if slots is None:
        slots = {"s": {"experiences": list(experiences), **slot}}
    slots = {name: {"match": {"path": "/"}, **slot} for name, slot in slots.items()}
    config = load_config({"version": 1, "slots": slots, **top})
    return Decider(config, list(slots))


def html(id, text=None, **rest):
    return {"id": id, "show": {"html": text or id}, **rest}


def decide(it, facts=ANYBODY, visitor=VISITOR, profile=None, now=NOW, trace=None):
    (choice,) = it.decide(Case(facts, visitor, profile, now), trace).choices
    return choice


def test_the_first_match_from_the_top_wins():
    """Order decides; a later match is not asked."""
    it = decider(html("a", when={"visits": {"gte": 5}}), html("b", when={"visits": {"gte": 2}}), html("c"))
    shown = [decide(it, {"visits": visits}).experience for visits in (5, 3, 1)]
    assert shown == ["a", "b", "c"]


def test_nobody_matched_gives_the_default():
    """Without a match the slot's default is shown, and no experience is named."""
    choice = decide(decider(html("a", when={"visits": 9}), default={"html": "hello"}), {"visits": 1})
    assert (choice.content.html, choice.experience, choice.reason) == ("hello", None, "default")


def test_a_choice_carries_what_content_and_log_need():
    """Fallback, the visitor's sentence, exclusions and the experiment's key come with the content."""
    it = decider(html("a", why="Because.", exclude=["bought"]), fallback="empty")
    choice = decide(it)
    assert (choice.slot, choice.content.html, choice.fallback.kind) == ("s", "a", "empty")
    assert (choice.why, choice.exclude, choice.reason) == ("Because.", ("bought",), "experience")


def test_parts_go_into_the_slots_template(tmp_path):
    """Parts that name no template take the slot's; a template of their own stays."""
    (tmp_path / "templates").mkdir()
    for name in ("slot.html", "own.html"):
        (tmp_path / "templates" / name).write_text("{{ headline }}")
    (tmp_path / "p.yaml").write_text(
        """
version: 1
slots:
  s:
    match: {path: "/"}
    template: slot.html
    default: {parts: {headline: none}}
    experiences:
      - {id: a, when: {visits: 1}, show: {parts: {headline: one}}}
      - {id: b, when: {visits: 2}, show: {template: own.html, parts: {headline: two}}}
      - id: c
        when: {visits: 3}
        experiment: {key: k, variants: [{id: x, parts: {headline: x}}, {id: y, parts: {headline: y}}]}
"""
    )
    it = Decider(load_config(tmp_path / "p.yaml"), ["s"])
    templates = [decide(it, {"visits": visits}).content.template for visits in (0, 1, 2, 3)]
    assert templates == ["slot.html", "slot.html", "own.html", "slot.html"]


def test_without_consent_the_default_is_shown():
    """A slot whose purpose was not granted shows its default, whatever the rules say."""
    it = decider(html("a"), consent="ad_personalization", default={"html": "plain"})
    some = Visitor("v1", Consent(frozenset({"personalization_storage"})))
    assert decide(it, visitor=some).reason == "consent"
    assert decide(it, visitor=some).content.html == "plain"
    assert decide(it).experience == "a"


def test_a_slot_that_needs_no_consent_is_decided_without_an_id():
    """Aggregate content shows to everybody, and nobody is split, held out or counted there."""
    split = {"key": "k", "variants": [{"id": "x", "html": "x"}, {"id": "y", "html": "y"}]}
    it = decider(
        {"id": "test", "experiment": split},
        html("proof", cap={"max": 1, "within": "1d"}),
        consent="none",
        holdout={"percent": 100},
    )
    profile = Profile("v1", exposures={"s/proof": [NOW - 1] * 5})
    for visitor in (VISITOR, Visitor(None, Consent())):
        choice = decide(it, visitor=visitor, profile=profile if visitor.id else None)
        assert (choice.experience, choice.held) == ("proof", False)


def test_a_bot_gets_what_a_cookieless_newcomer_gets():
    """Even with an id and a profile at hand, a bot is split, capped and held out like somebody without."""
    split = {"key": "k", "variants": [{"id": "x", "html": "x"}, {"id": "y", "html": "y"}]}
    it = decider(
        {"id": "test", "experiment": split}, html("a", cap={"max": 1, "within": "1d"}), holdout={"percent": 100}
    )
    profile = Profile("v1", exposures={"s/a": [NOW - 1]})
    bot = decide(it, visitor=Visitor("v1", EVERYTHING, bot=True), profile=profile)
    newcomer = decide(it, visitor=Visitor(None, EVERYTHING))
    assert bot == newcomer
    assert bot.experience == "a"
    nothing = decider(html("a", when={"visits": 7}))
    assert decide(nothing, {"visits": 1}, Visitor(None, EVERYTHING, bot=True)).reason == "bot"


def test_a_held_out_visitor_sees_the_site_as_it_is():
    """The page's own markup, with the name of what would have been shown, so that it can be measured."""
    split = {"key": "k", "variants": [{"id": "x", "html": "x"}, {"id": "y", "html": "y"}]}
    it = decider(
        {"id": "test", "when": {"visits": {"gte": 2}}, "experiment": split},
        default={"html": "d"},
        holdout={"percent": 100},
    )
    free = decide(decider({"id": "test", "experiment": split}))
    held = decide(it, {"visits": 2})
    assert (held.held, held.content.kind, held.reason) == (True, "page", "holdout")
    assert (held.experience, held.variant, held.experiment) == ("test", free.variant, "k")
    unmatched = decide(it, {"visits": 1})
    assert (unmatched.held, unmatched.content.kind, unmatched.experience) == (True, "page", None)


@pytest.mark.parametrize("status", ["draft", "preview", "paused", "archived"])
def test_only_live_experiences_are_shown(status):
    """Whatever is not live is passed over, and its facts are not even asked for."""
    it = decider(html("a", status=status, when={"device.type": "mobile"}), html("b"))
    assert decide(it, {"device": {"type": "mobile"}}).experience == "b"
    assert it.reads == frozenset()


def test_a_schedule_opens_and_closes():
    """Outside its times an experience is passed over; the same decider follows the clock."""
    it = decider(html("a", schedule={"hours": "11:00-12:00", "days": ["mon"]}), html("b"), timezone="Europe/Istanbul")
    shown = [decide(it, now=NOW + seconds).experience for seconds in (-1, 0, 3599, 3600, DAY)]
    assert shown == ["b", "a", "a", "b", "b"]


def test_a_cool_down_keeps_quiet_after_an_event():
    """Nothing for twelve hours after an order."""
    it = decider(html("a", cool_down={"after": "Order Completed", "for": "12h"}), html("b"))
    shown = [
        decide(
            it, profile=Profile("v1", happened={"Order Completed": NOW - hours * 3600, "Page Viewed": NOW})
        ).experience
        for hours in (0, 11.99, 12)
    ]
    assert shown == ["b", "b", "a"]
    assert decide(it, profile=Profile("v1")).experience == "a"


VIEWED = 'viewed(path "/pricing", within 14d)'


def test_delay_and_expire_follow_the_age_of_the_signal():
    """Nothing until the last matching view is half an hour old, nothing once it is ten days old."""
    it = decider(
        html("a", when={"viewed": {"path": "/pricing", "within": "14d"}}, delay="30m", expire="10d"), html("b")
    )

    def shown(*ages, facts=None):
        views = [(NOW - age, "", "/pricing") for age in sorted(ages, reverse=True)]
        profile = Profile("v1", views=[*views, (NOW, "x", "/p/x")])
        return decide(it, facts or {VIEWED: True}, profile=profile).experience

    assert [shown(age) for age in (0, 1799, 1800, 10 * DAY - 1, 10 * DAY)] == ["b", "b", "a", "a", "b"]
    assert shown(5 * DAY, 60) == "b", "the youngest view counts"
    assert shown(3600, facts={VIEWED: False}) == "b"
    assert decide(it, {VIEWED: True}).experience == "b", "without a profile there is no age to know"


def test_signals_of_every_kind():
    """Views by item, category and count, orders, and due dates each have their own age; a not is no signal."""
    products = {
        "mint": Product("mint", "Mint", category="Toothpaste"),
        "shoe": Product("shoe", "Shoe", category="shoes"),
    }
    cases = [
        ({"viewed": {"category": "toothpaste"}}, 'viewed(category "toothpaste")', 40),
        ({"viewed": {"item": "shoe"}}, 'viewed(item "shoe")', 20),
        ({"viewed": {"items": {"gte": 2}}}, "viewed(items gte 2)", 20),
        ({"viewed": {"times": {"gte": 2}}}, "viewed(times gte 2)", 1),
        ({"bought": True}, "bought()", 5 * 1440),
        ({"bought": {"item": "shoe"}}, 'bought(item "shoe")', 10 * 1440),
        (
            {"bought": {"same_item": True, "category": "toothpaste"}},
            'bought(category "toothpaste", same_item true)',
            5 * 1440,
        ),
        # bought 25, 15 and 5 days ago: due in 5 days, so within 6 days for a day
        (
            {"replenishment": {"category": "toothpaste", "due_within": "6d"}},
            'replenishment(category "toothpaste", due_within 6d)',
            1440,
        ),
    ]
    profile = Profile(
        "v1",
        views=[(NOW - 2400, "mint", "/p/mint"), (NOW - 1200, "shoe", "/p/shoe"), (NOW - 60, "", "/")],
        orders=[
            (NOW - 25 * DAY, 1.0, ("mint",)),
            (NOW - 15 * DAY, 1.0, ("mint",)),
            (NOW - 10 * DAY, 1.0, ("shoe",)),
            (NOW - 5 * DAY, 1.0, ("mint",)),
        ],
    )
    for when, key, minutes in cases:
        for shift, expected in ((-1, "a"), (1, "b")):
            when_not = {"all": [when], "not": [{"viewed": {"path": "/"}}]}
            it = _with_products(html("a", when=when_not, delay=f"{(minutes + shift) * 60}s"), products)
            facts = {key: True, 'viewed(path "/")': False}
            assert decide(it, facts, profile=profile).experience == (expected if expected == "a" else None), (
                key,
                shift,
            )


def _with_products(experience, products):
    config = load_config({"version": 1, "slots": {"s": {"match": {"path": "/"}, "experiences": [experience]}}})
    config._products = products
    return Decider(config, ["s"])


def test_a_remembered_segment_is_a_signal_where_no_behaviour_is():
    """The campaign's last touch is the age that delay and expire go by."""
    it = decider(
        html("a", when="campaign", expire="10d"),
        segments={"campaign": {"all": [{"utm.campaign": "winter"}], "remember_for": "30d"}},
    )
    facts = {"segments": frozenset({"campaign"}), "utm": {}}
    for age, expected in ((9 * DAY, "a"), (11 * DAY, None)):
        assert decide(it, facts, profile=Profile("v1", remembered={"campaign": NOW - age})).experience == expected


def test_an_experiment_splits_by_the_visitors_id():
    """The variant is GrowthBook's for the key and the id; who is not in the experiment goes to the next experience."""
    test = {
        "key": "k",
        "coverage": "50%",
        "variants": [{"id": "x", "weight": 30, "html": "x"}, {"id": "y", "weight": 70, "show": "page"}],
    }
    it = decider({"id": "test", "experiment": test}, html("next"))
    ranges = bucket_ranges(2, 0.5, [0.3, 0.7])
    seen = set()
    for n in range(200):
        choice = decide(it, visitor=Visitor(f"v{n}", EVERYTHING))
        expected = ("x", "y", None)[choose_variation(hash_unit("k", f"v{n}"), ranges)]
        assert choice.variant == expected
        assert choice.experience == ("test" if expected else "next")
        assert choice.content.kind == {"x": "html", "y": "page", None: "html"}[expected]
        seen.add(expected)
    assert seen == {"x", "y", None}
    assert decide(it, visitor=Visitor(None, EVERYTHING)).experience == "next"


def test_a_decider_tells_what_it_needs():
    """Facts, segments and behaviours of a route, through segments, so that the engine works out no more."""
    it = decider(
        html("a", when=["outer", {"country": "TR"}]),
        segments={
            "outer": {"all": ["inner", {"bought": {"within": "7d"}}]},
            "inner": {"all": [{"device.type": "mobile"}]},
            "other": {"all": [{"visits": 2}]},
        },
    )
    assert it.segments == {"outer", "inner"}
    assert it.reads == {"segments", "country", "device", "bought(within 7d)"}
    assert set(it.behaviours) == {"bought(within 7d)"}


def test_a_rule_on_ages_follows_them():
    """A fact that changes with every second is asked anew each time."""
    it = decider(html("a", when={"last_seen": {"gt": "7d"}, "country": "TR"}), html("b"))
    shown = [decide(it, {"last_seen": age, "country": "TR"}).experience for age in (7 * DAY, 7 * DAY + 1, 0.0)]
    assert shown == ["b", "a", "b"]


def lines(step, depth=0):
    yield depth, step.what, step.held, step.saw
    for inner in step.inner:
        yield from lines(inner, depth + 1)


def test_a_trace_tells_every_gate_and_what_it_saw():
    """The tree names the winner, the first gate that failed for those above it, and those below that were not asked."""
    it = decider(
        html("paused", status="paused"),
        html("early", when={"visits": {"gte": 2}}, schedule={"from": "2027-01-01"}),
        html("winner", when="regular", cap={"max": 2, "within": "1d"}),
        html("later", when={"visits": {"gte": 1}}),
        segments={"regular": {"all": [{"visits": {"gte": 3}}]}},
        holdout={"percent": 1, "salt": "x"},
    )
    trace = []
    facts = {"visits": 3, "segments": frozenset({"regular"})}
    choice = decide(it, facts, profile=Profile("v1", exposures={"s/winner": [NOW - 5]}), trace=trace)
    assert choice.experience == "winner"
    told = {(what, held, saw) for _, what, held, saw in lines(trace[0])}
    assert {
        ("slot s", True, "winner"),
        ("consents to personalization_storage", True, "granted"),
        ("is not a bot", True, ""),
        ("experience paused", False, "no: it is paused"),
        ("experience early", False, "no: schedule: open from 2027-01-01 (UTC)"),
        ("condition: visits is at least 2", True, "visits = 3"),
        ("schedule: open from 2027-01-01 (UTC)", False, "Mon 2026-12-07 08:00 UTC"),
        ("experience winner", True, "winner"),
        ("condition: segment regular", True, "in it"),
        ("visits is at least 3", True, "visits = 3"),
        ("cap: at most 2 within 1d", True, "shown 1 times"),
        ("experience later", False, "not asked: an earlier one won"),
        ("default", False, "page"),
    } <= told
    assert any(what == "is not among the 1 % held out" for _, what, _, _ in lines(trace[0]))


def test_a_trace_tells_of_refusal_and_holdout():
    """Without consent nothing is asked; held out, the tree says what would have been shown."""
    trace = []
    it = decider(html("a"), holdout={"percent": 100})
    decide(it, visitor=Visitor(None, Consent()), trace=trace)
    decide(it, trace=trace)
    refused, held = (list(lines(step)) for step in trace)
    assert (1, "experience a", False, "not asked: consent was not given") in refused
    assert refused[0][1:] == ("slot s", False, "default (consent)")
    assert held[0][1:] == ("slot s", False, "the page's own markup (held out; otherwise a)")
