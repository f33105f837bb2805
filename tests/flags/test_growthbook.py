"""GrowthBook's payload becomes our config: the same visitors get the same, and what is left out is said."""

import json
from random import Random

import pytest

from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.decision.growthbook import Context, evaluate_feature
from personalize.flags import import_flags
from personalize.model import PURPOSES, Consent, Visitor

EVERYTHING = Consent(frozenset(PURPOSES))
PAYLOAD = {
    "features": {
        "button-text": {
            "defaultValue": "Buy",
            "rules": [
                {"id": "staff", "condition": {"email": {"$regex": "@shop\\.example$"}}, "force": "Buy (staff)"},
                {"condition": {"email": {"$notRegexi": "\\.EXAMPLE$"}}, "force": "Buy (abroad)"},
                {"condition": {"bag": {"$elemMatch": {"sku": "a", "n": {"$gt": 2}}, "$size": {"$gt": 1}}},
                 "force": "Bag"},
                {"condition": {"plan": {"$in": ["pro", "team"]}, "visits": {"$gte": 3}}, "force": "Buy again"},
                {"force": "Early", "coverage": 0.1, "hashAttribute": "id"},
                {
                    "key": "button-1", "seed": "button", "hashVersion": 2, "coverage": 0.8, "weights": [0.2, 0.3, 0.5],
                    "namespace": ["shop", 0, 0.6], "variations": ["Buy", "Buy now", "Get it"],
                    "meta": [{"key": "control"}, {"key": "now"}, {"key": "get"}], "bucketVersion": 2,
                },
                {"key": "button-2", "variations": ["x", "y"], "weights": [0.4, 0.5999], "filters": [
                    {"seed": "f", "ranges": [[0, 0.3], [0.6, 0.9]]}]},
            ],
        },
        "new-menu": {
            "defaultValue": False,
            "rules": [
                {"condition": {"$or": [{"country": "TR"}, {"$not": {"beta": True}}], "id": {"$inGroup": "vip"}},
                 "force": True},
                {"key": "menu-holdout", "hashVersion": 2, "variations": [False, True],
                 "ranges": [[0, 0.2], [0.2, 1]], "meta": [{}, {"passthrough": True}]},
                {"key": "menu", "variations": [False, True], "ranges": [[0, 0.5], [0.5, 0.9]], "hashVersion": 2},
            ],
        },
        "needs-menu": {
            "defaultValue": "no",
            "rules": [
                {"parentConditions": [{"id": "plain", "condition": {"value": "b"}}],
                 "key": "below", "variations": ["p", "q"], "hashVersion": 2},
                {"parentConditions": [{"id": "constant", "condition": {"value": True}, "gate": True}],
                 "force": "yes", "range": [0.2, 0.6], "seed": "z", "hashVersion": 2},
            ],
        },
        "plain": {"defaultValue": "none", "rules": [{"key": "plain", "variations": ["a", "b"], "hashVersion": 2}]},
        "constant": {"defaultValue": True},
    },
    "savedGroups": {"vip": ["v1", "v2", "v3", "v44"]},
}  # fmt: skip


def content_of(value):
    return {True: ("page", None), False: ("empty", None)}.get(value, ("html", value))


def disagreements(payload, config, visitors=600):
    """Visitors, with attributes thrown by fixed dice, whom a feature and its slot give different things."""
    dice = Random(3)
    deciders = {key: Decider(config, [key]) for key in payload["features"]}
    wrong = []
    for n in range(visitors):
        attributes = {
            "id": f"v{n}", "plan": dice.choice(["pro", "free", "team"]), "visits": dice.randrange(6),
            "email": dice.choice(["a@shop.example", "b@mail.example", "c@d.test"]),
            "country": dice.choice(["TR", "DE"]),
            "beta": dice.choice([True, False]),
            "bag": [{"sku": dice.choice("abcdef"), "n": dice.randrange(5)} for _ in range(dice.randrange(4))],
        }  # fmt: skip
        context = Context(attributes, payload["features"], payload.get("savedGroups", {}))
        facts = {"custom": attributes, "country": attributes["country"], "segments": frozenset()}
        for key, decider in deciders.items():
            value = evaluate_feature(context, key).value
            (choice,) = decider.decide(Case(facts, Visitor(f"v{n}", EVERYTHING), None, 0.0)).choices
            if (choice.content.kind, choice.content.html) != content_of(value):
                wrong.append((key, n, value, choice.content))
    return wrong


def test_an_imported_flag_gives_every_visitor_what_it_gave(tmp_path):
    """Rollouts, experiments, namespaces, filters, passthrough and prerequisites: 600 visitors, each flag the same."""
    file = tmp_path / "personalize.yaml"
    file.write_text(import_flags("growthbook", json.dumps(PAYLOAD)).yaml())
    assert disagreements(PAYLOAD, load_config(file)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("button-text", 4, "experiment", "variants", 0, "range"), [0, 0.12]),
        (("button-text", 5, "experiment", "seed"), "other"),
        (("button-text", 5, "experiment", "coverage"), 0.7),
        (("button-text", 6, "experiment", "hash_version"), 2),
        (("button-text", 6, "experiment", "filters"), []),
        (("new-menu", 0, "when"), "everyone"),
        (("button-text", 1, "when"), {"custom.email": {"notRegex": "\\.EXAMPLE$"}}),
        (("button-text", 2, "when"), {"custom.bag": {"elemMatch": {"sku": "a", "n": {"gt": 2}}}}),
        (("needs-menu", 0, "experiment", "requires"), []),
    ],
)
def test_the_law_of_import_catches(path, value):
    """A slip in any of what was carried gives some visitor something else."""
    slots = import_flags("growthbook", json.dumps(PAYLOAD)).slots
    slot, *way, last = path
    at = slots[slot]["experiences"]
    for step in way:
        at = at[step]
    at[last] = value
    assert disagreements(PAYLOAD, load_config({"version": 1, "slots": slots}))


def notes(*rules, **more):
    draft = import_flags("growthbook", json.dumps({"features": {"f": {"defaultValue": 0, "rules": rules}, **more}}))
    load_config({"version": 1, "slots": draft.slots})
    return draft.slots["f"]["experiences"], "\n".join(draft.notes)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"condition": {"tags": {"$unheard": "a"}}, "force": 1}, "condition on tags"),
        ({"condition": {"tags": ["a"]}, "force": 1}, "a whole list"),
        ({"condition": {"id": {"$inGroup": "gone"}}, "force": 1}, "the saved group gone"),
        ({"condition": {"name": {"$regex": "(?=x)"}}, "force": 1}, "condition on name"),
        ({"contextualVariations": [1, 2], "contextualBanditRef": "b"}, "contextual bandit"),
        ({"parentConditions": [{"id": "many", "condition": {"value": 1}}], "force": 1}, "prerequisite many"),
        ({"variations": [1]}, "a single variation"),
        ({"variations": [{}, {"urlRedirect": "https://shop.example/new"}]}, "a redirect is refused"),
        ({"force": 1, "filters": [{"seed": "s", "hashVersion": 1, "ranges": [[0, 1]]}]}, "version 1 of the hash"),
    ],
)
def test_a_rule_that_cannot_be_carried_is_left_out_and_said(rule, said):
    """Nothing is widened in silence: a rule with a part we have no words for does not come over."""
    many = {"defaultValue": 0, "rules": [{"force": 1, "condition": {"a": 1}}]}
    experiences, told = notes(rule, {"force": 2}, many=many)
    assert [experience["show"] for experience in experiences] == [{"html": "2"}]
    assert said in told and "not carried" in told and "now gets what stands below it" in told


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"variations": [1, 2], "hashAttribute": "company"}, "not by company"),
        ({"variations": [1, 2], "fallbackAttribute": "device"}, "fallbackAttribute"),
        ({"variations": [1, 2], "minBucketVersion": 1}, "minBucketVersion"),
        ({"variations": [{"a": 1}, 2]}, "JSON value"),
    ],
)
def test_what_changes_with_a_rule_that_is_carried_is_said(rule, said):
    """A rule that comes over with a difference says which."""
    experiences, told = notes(rule)
    assert len(experiences) == 1 and said in told


def test_saved_groups_are_written_out():
    """A reference to a saved group becomes its list, or its condition; one that asks for itself is not carried."""
    groups = {
        "staff": {"type": "list", "attributeKey": "email", "values": ["ann@shop.example"]},
        "abroad": {"type": "condition", "condition": {"$not": {"country": "TR"}, "$savedGroup": {"id": "staff"}}},
        "itself": {"type": "condition", "condition": {"$savedGroup": {"id": "itself"}}},
    }
    asked = [{"$savedGroup": {"id": "abroad"}}, {"email": {"$inGroup": "staff"}}, {"$savedGroup": {"id": "itself"}}]
    rules = [{"condition": condition, "force": 1} for condition in asked]
    draft = import_flags(
        "growthbook", json.dumps({"features": {"f": {"defaultValue": 0, "rules": rules}}, "savedGroups": groups})
    )
    staff = {"custom.email": {"in": ["ann@shop.example"]}}
    whens = [experience["when"] for experience in draft.slots["f"]["experiences"]]
    assert whens == [{"all": [{"not": [{"country": "TR"}]}, staff]}, staff]
    assert "rule 3: not carried: the saved group itself" in "\n".join(draft.notes)


def test_a_blocked_gate_ends_the_flag():
    """Below a gate that is never met, or cannot be told, no rule is shown to more people than before."""
    unmet = {"parentConditions": [{"id": "off", "condition": {"value": True}, "gate": True}]}
    experiences, told = notes({"force": 1}, unmet, {"force": 2}, off={"defaultValue": False})
    assert len(experiences) == 1 and "never met" in told
    unclear = {"parentConditions": [{"id": "f2", "condition": {"value": 1}, "gate": True}]}
    f2 = {"defaultValue": 0, "rules": [{"force": 1, "condition": {"x": 1}}]}
    experiences, told = notes({"force": 1}, unclear, {"force": 2}, f2=f2)
    assert len(experiences) == 1 and "left out too" in told


def test_encrypted_features_are_refused():
    """They look like a payload without features."""
    with pytest.raises(ValueError, match="encrypted"):
        import_flags("growthbook", json.dumps({"features": {}, "encryptedFeatures": "x.y"}))


def test_a_redirect_is_not_imported():
    """Experiments bound to URLs stay there, and that is said."""
    away = {"key": "away", "variations": [{}, {"urlRedirect": "https://shop.example/new"}]}
    draft = import_flags("growthbook", json.dumps({"features": {}, "experiments": [{"key": "home"}, away]}))
    assert draft.slots == {} and "home: not carried: experiments bound to URLs" in draft.notes[0]
    assert "away: not carried: a redirect is refused" in draft.notes[1]


def test_the_rest_apis_list_is_read():
    """The API's list of features has the same rules inside, in JSON of their own."""
    inner = {"defaultValue": "a", "rules": [{"force": "b"}]}
    text = json.dumps(inner)
    features = [
        {"id": "Big Flag", "environments": {"dev": {}, "production": {"enabled": True, "definition": text}}},
        {"id": "off", "environments": {"production": {"enabled": False, "definition": text}}},
    ]
    draft = import_flags("growthbook", json.dumps({"features": features}))
    assert draft.slots["big-flag"]["experiences"] == [{"id": "big-flag-1", "show": {"html": "b"}}]
    assert draft.slots["off"] == {"match": {"path": "/**"}, "default": "empty", "experiences": []}
