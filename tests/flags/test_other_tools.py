"""Unleash's and Eppo's exports become our config; the command says what was left behind."""

import json

import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.config import load_config
from personalize.decision import Case, Decider
from personalize.flags import import_flags
from personalize.model import PURPOSES, Consent, Visitor

EVERYTHING = Consent(frozenset(PURPOSES))
UNLEASH = {
    "version": 2,
    "features": [
        {
            "name": "Checkout.New", "enabled": True,
            "strategies": [
                {"name": "userWithId", "parameters": {"userIds": "ann, bob"}},
                {"name": "flexibleRollout", "parameters": {"rollout": "40", "stickiness": "default", "groupId": "g"},
                 "segments": [7],
                 "constraints": [{"contextName": "age", "operator": "NUM_GTE", "value": "18"},
                                 {"contextName": "mail", "operator": "STR_ENDS_WITH", "values": ["@a.b"],
                                  "inverted": True}],
                 "variants": [{"name": "red", "weight": 500, "payload": {"type": "string", "value": "Red"}},
                              {"name": "blue", "weight": 500, "payload": {"type": "string", "value": "Blue"}}]},
                {"name": "flexibleRollout", "parameters": {"rollout": "10"}, "disabled": True},
                {"name": "remoteAddress", "parameters": {"IPs": "10.0.0.1"}},
                {"name": "flexibleRollout", "parameters": {"rollout": "100"}, "segments": [8]},
            ],
        },
        {"name": "old", "enabled": False, "strategies": [{"name": "default"}]},
        {"name": "child", "enabled": True, "strategies": [], "dependencies": [{"feature": "old"}]},
    ],
    "segments": [
        {"id": 7, "name": "Turkish", "constraints": [
            {"contextName": "country", "operator": "IN", "values": ["TR"]}]},
        {"id": 8, "name": "later", "constraints": [
            {"contextName": "currentTime", "operator": "DATE_AFTER", "value": "2026-01-01"}]},
    ],
}  # fmt: skip
EPPO = {
    "format": "SERVER",
    "flags": {
        "price": {
            "key": "price", "enabled": True, "variationType": "STRING", "totalShards": 10000,
            "variations": {"low": {"key": "low", "value": "9 EUR"}, "high": {"key": "high", "value": "12 EUR"}},
            "allocations": [
                {"key": "vip", "rules": [{"conditions": [
                    {"attribute": "tier", "operator": "ONE_OF", "value": ["1", "gold"]},
                    {"attribute": "blocked", "operator": "IS_NULL", "value": True}]}],
                 "splits": [{"variationKey": "low", "shards": []}], "startAt": "2026-01-01T00:00:00.000Z"},
                {"key": "test", "splits": [
                    {"variationKey": "low", "shards": [
                        {"salt": "t", "ranges": [{"start": 0, "end": 6000}]},
                        {"salt": "s", "ranges": [{"start": 0, "end": 5000}]}]},
                    {"variationKey": "high", "shards": [
                        {"salt": "t", "ranges": [{"start": 0, "end": 6000}]},
                        {"salt": "s", "ranges": [{"start": 5000, "end": 10000}]}]}]},
                {"key": "odd", "rules": [{"conditions": [
                    {"attribute": "x", "operator": "NEW_ONE", "value": 1}]}],
                 "splits": [{"variationKey": "high", "shards": []}]},
            ],
        },
    },
}  # fmt: skip


def chooser(draft, slot, tmp_path):
    file = tmp_path / "personalize.yaml"
    file.write_text(draft.yaml())
    config = load_config(file)
    decider = Decider(config, [slot])

    def choose(visitor="v1", segments=(), **custom):
        facts = {"custom": custom, "segments": frozenset(segments)}
        (choice,) = decider.decide(Case(facts, Visitor(visitor, EVERYTHING), None, 1.8e9)).choices
        return choice

    return choose


def test_unleash_strategies_become_experiences(tmp_path):
    """Users, rollouts, variants, constraints and segments hold for the same people; off stays a draft."""
    draft = import_flags("unleash", json.dumps(UNLEASH))
    choose = chooser(draft, "checkout-new", tmp_path)
    assert draft.segments == {"turkish": {"label": "Turkish", "all": [{"country": {"in": ["TR"]}}]}}
    assert choose(userId="bob").content.kind == "page"
    assert choose(userId="eve").content.kind == "empty"
    meant = {"segments": ["turkish"], "age": 20, "mail": "x@c.d"}
    shown = [choose(f"v{n}", **meant).variant for n in range(400)]
    assert 120 <= 400 - shown.count(None) <= 200  # 40 %
    assert shown.count("red") > 40 and shown.count("blue") > 40
    for other in ({**meant, "segments": []}, {**meant, "age": 17}, {**meant, "mail": "x@a.b"}):
        assert {choose(f"v{n}", **other).variant for n in range(100)} == {None}
    states = [experience.get("status", "live") for experience in draft.slots["checkout-new"]["experiences"]]
    assert states == ["live", "live", "paused"]
    assert draft.slots["old"]["experiences"][0]["status"] == "draft"
    assert draft.slots["child"]["experiences"][0]["status"] == "draft"


@pytest.mark.parametrize(
    "said", ["drawn anew", "the strategy remoteAddress", "DATE_AFTER", "the segment 8", "depends on another flag"]
)
def test_what_unleash_cannot_give_is_said(said):
    """Each thing left behind has its sentence."""
    assert said in "\n".join(import_flags("unleash", json.dumps(UNLEASH)).notes)


def test_eppo_allocations_become_experiences(tmp_path):
    """Rules, schedules and shards: the shares of traffic and variations are kept."""
    draft = import_flags("eppo", json.dumps(EPPO))
    choose = chooser(draft, "price", tmp_path)
    for tier in ("gold", "1", 1):
        assert choose(tier=tier).experience == "vip"
    assert choose(tier="gold", blocked="yes").experience != "vip"
    shown = [choose(f"v{n}").variant for n in range(1000)]
    assert 330 <= shown.count(None) <= 470 and 230 <= shown.count("low") <= 370
    assert [each["id"] for each in draft.slots["price"]["experiences"]] == ["vip", "test"]
    assert draft.slots["price"]["experiences"][0]["schedule"] == {"from": "2026-01-01 00:00"}
    assert "NEW_ONE" in "\n".join(draft.notes)


def test_the_command_prints_a_config_and_says_the_rest(tmp_path):
    """The config is what standard output holds and nothing else; sentences go to standard error."""
    file = tmp_path / "flags.json"
    file.write_text(json.dumps(UNLEASH))
    done = CliRunner().invoke(main, ["import-flags", "unleash", str(file)])
    assert done.exit_code == 0
    (tmp_path / "personalize.yaml").write_text(done.stdout)
    assert "checkout-new" in load_config(tmp_path / "personalize.yaml").slots
    assert "not carried: the strategy remoteAddress" in done.stderr
    assert "personalize.attributes" in done.stderr and "age, mail, userId" in done.stderr


@pytest.mark.parametrize("tool", ["growthbook", "unleash", "eppo"])
@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 10_000, '{"features": 1}', '{"features": [1]}', '{"features": {"a": 1}}',
             '{"flags": {"a": {}}}', '{"flags": 3}', '{"format": "CLIENT", "flags": {}}']
)  # fmt: skip
def test_what_is_no_export_is_refused_in_a_sentence(tool, text, tmp_path):
    """No traceback for a file that is something else."""
    file = tmp_path / "flags.json"
    file.write_text(text)
    done = CliRunner().invoke(main, ["import-flags", tool, str(file)])
    assert done.exit_code == 1 and done.stderr.startswith("Error: ")
    assert done.exception is None or isinstance(done.exception, SystemExit)


def strategy(*constraints, name="default", **more):
    return {"name": name, "parameters": {}, "constraints": list(constraints), **more}


def asked(context, operator, values, **more):
    told = {"values": values} if isinstance(values, list) else {"value": values}
    return {"contextName": context, "operator": operator, **told, **more}


@pytest.mark.parametrize(
    ("constraint", "holds_for", "not_for"),
    [
        (asked("n", "NUM_EQ", "5"), {"n": "5"}, {"n": "5.1"}),
        (asked("n", "NUM_EQ", "5", inverted=True), {"n": 6}, {"n": 5.0}),
        (asked("v", "SEMVER_GTE", "1.2.0"), {"v": "1.2.0"}, {"v": "1.1.9"}),
        (asked("v", "SEMVER_LTE", "1.2.0"), {"v": "1.2.0"}, {"v": "1.2.1"}),
        (asked("m", "REGEX", "^a+$"), {"m": "aa"}, {"m": "A"}),
        (asked("m", "REGEX", "^a+$", caseInsensitive=True), {"m": "AA"}, {"m": "b"}),
        (asked("m", "NOT_IN", []), {"m": "x"}, None),
        (asked("m", "IN", [], inverted=True), {}, None),
        (asked("m", "IN", []), None, {"m": "x"}),
    ],
    ids=lambda each: each["operator"] if each and "operator" in each else "",
)
def test_a_constraint_of_unleash_holds_for_the_same(constraint, holds_for, not_for, tmp_path):
    """Numbers may come as texts, and nobody is in an empty list."""
    flags = {"features": [{"name": "f", "enabled": True, "strategies": [strategy(constraint)]}]}
    choose = chooser(import_flags("unleash", json.dumps(flags)), "f", tmp_path)
    assert holds_for is None or choose(**holds_for).content.kind == "page"
    assert not_for is None or choose(**not_for).content.kind == "empty"


def test_a_constraint_on_the_time_becomes_a_schedule(tmp_path):
    """From and until, in minutes; never a moment earlier. What can never hold is not carried."""
    after, before = "2026-01-01T10:00:30.000Z", "2026-02-01T00:00:00+03:00"
    constraints = [asked("currentTime", "DATE_AFTER", after), asked("currentTime", "DATE_BEFORE", before)]
    never = strategy(*(each | {"inverted": True} for each in constraints))
    flags = {"features": [{"name": "f", "enabled": True, "strategies": [strategy(*constraints), never]}]}
    draft = import_flags("unleash", json.dumps(flags))
    (experience,) = draft.slots["f"]["experiences"]
    assert experience["schedule"] == {"from": "2026-01-01 10:01", "until": "2026-01-31 21:00"}
    assert "never hold together" in "\n".join(draft.notes)


EXPORT = {
    "features": [{"name": "a", "type": "release"}, {"name": "b"}, {"name": "c", "archived": True}, {"name": "d"}],
    "featureEnvironments": [
        {"featureName": "a", "environment": "production", "enabled": True},
        {"featureName": "b", "environment": "production", "enabled": False},
        {"featureName": "b", "environment": "development", "enabled": True},
        {"featureName": "d", "environment": "production", "enabled": True},
    ],
    "featureStrategies": [
        {"featureName": "a", "environment": "production", "strategyName": "userWithId", "sortOrder": 2,
         "parameters": {"userIds": "ann"}, "constraints": []},
        {"featureName": "a", "environment": "production", "name": "default", "sortOrder": 1, "id": "s1",
         "parameters": {}, "constraints": [asked("country", "IN", ["TR"])]},
        {"featureName": "b", "environment": "development", "name": "default", "parameters": {}, "constraints": []},
        {"featureName": "d", "environment": "production", "name": "default", "parameters": {}, "segments": [7]},
    ],
    "segments": [{"id": 7, "name": "staff"}],
    "dependencies": [{"feature": "b", "dependencies": [{"feature": "a"}]}],
}  # fmt: skip


def test_an_export_of_unleash_is_read(tmp_path):
    """Strategies and environments stand beside the features: none of them is taken for everybody's."""
    draft = import_flags("unleash", json.dumps(EXPORT))
    assert list(draft.slots) == ["a", "b", "d"]
    first, second = draft.slots["a"]["experiences"]
    assert first["when"] == {"country": {"in": ["TR"]}} and second["when"] == {"custom.userId": {"in": ["ann"]}}
    assert [each["status"] for each in draft.slots["b"]["experiences"]] == ["draft"]
    assert draft.slots["d"]["experiences"] == []
    told = "\n".join(draft.summary())
    for said in ("left out: development", "who is in it", "the segment 7", "depends on another", "not of the site"):
        assert said in told
    chooser(draft, "a", tmp_path)


def test_flags_of_one_group_are_two_experiments_drawn_alike(tmp_path):
    """A group is what Unleash draws by, so that flags go together; what each of them did is counted apart."""
    names = {"a": ("red", "blue"), "b": ("on", "off")}
    features = [
        {"name": flag, "enabled": True, "strategies": [
            strategy(name="flexibleRollout", parameters={"rollout": "50", "groupId": "g"}, segments=[1]),
            strategy(name="flexibleRollout", parameters={"rollout": "100", "groupId": "g"},
                     variants=[{"name": name, "weight": 500} for name in of]),
        ]}
        for flag, of in names.items()
    ]  # fmt: skip
    staff = {"id": 1, "name": "staff", "constraints": []}
    draft = import_flags("unleash", json.dumps({"features": features, "segments": [staff]}))
    keys = [each["experiment"]["key"] for slot in draft.slots.values() for each in slot["experiences"]]
    assert len(set(keys)) == 4
    one, other = (chooser(draft, flag, tmp_path) for flag in names)
    for n in range(50):
        assert one(f"v{n}").variant in names["a"] and other(f"v{n}").variant in names["b"]
        assert names["a"].index(one(f"v{n}").variant) == names["b"].index(other(f"v{n}").variant)


def test_what_does_not_say_for_whom_it_is_is_left_out():
    """A list of flags without strategies shows nothing to anybody."""
    draft = import_flags("unleash", json.dumps({"features": [{"name": "a", "enabled": True}]}))
    assert draft.slots["a"]["experiences"] == [] and "does not say for whom" in "\n".join(draft.notes)


def test_a_stream_of_unleash_is_read():
    """The first event holds everything, those after it what changed."""
    one, other = ({"name": name, "enabled": True, "strategies": []} for name in "ab")
    staff = {"id": 1, "name": "staff", "constraints": [asked("userId", "IN", ["ann"])]}
    events = [
        {"type": "hydration", "features": [one], "segments": []},
        {"type": "segment-updated", "segment": staff},
        {"type": "feature-updated", "feature": {**other, "strategies": [strategy(segments=[1])]}},
        {"type": "feature-removed", "featureName": "a"},
    ]
    draft = import_flags("unleash", json.dumps({"events": events}))
    assert list(draft.slots) == ["b"] and draft.slots["b"]["experiences"][0]["when"] == "staff"


def test_a_bandit_of_eppos_is_not_taken_for_a_text():
    """What a bandit chooses is not in the flag, whose variation only names it."""
    splits = [{"variationKey": "b", "shards": []}]
    flag = {"variations": {"b": {"value": "car_bandit"}}, "allocations": [{"key": "x", "splits": splits}]}
    bandits = {"car_bandit": [{"flagKey": "a", "variationKey": "b"}]}
    export = {"flags": {"a": flag, "c": flag}, "bandits": bandits}
    wired = {"version": 1, "config": {"response": json.dumps(export)}}
    for told in (export, wired):
        draft = import_flags("eppo", json.dumps(told))
        assert draft.slots["a"]["experiences"] == [] and len(draft.slots["c"]["experiences"]) == 1
        assert "a contextual bandit" in "\n".join(draft.notes)


def test_one_flag_that_is_none_takes_no_other_with_it():
    """A flag without its parts, and a split of a variation that is not there, are told; the others come over."""
    split = [{"variationKey": "gone", "shards": []}]
    whole = {"variations": {"on": {"value": True}}, "allocations": [{"key": "x", "splits": split}]}
    draft = import_flags("eppo", json.dumps({"flags": {"a": {}, "b": whole}}))
    assert list(draft.slots) == ["b"] and draft.slots["b"]["experiences"] == []
    told = "\n".join(draft.notes)
    assert "a: not carried" in told and "the variation gone" in told


RAC = {"f": {"subjectShards": 10000, "enabled": True, "rules": [], "allocations": {"a": {"percentExposure": 1}}}}


@pytest.mark.parametrize(
    ("tool", "export", "said"),
    [
        ("eppo", {"flags": RAC}, 'whose flags have no "variations": take the universal flag configuration'),
        ("eppo", {"flags": {"f": {"allocations": []}}}, 'f: something in it lacks "variations"'),
        ("eppo", {"flags": {"f": ["a"]}}, "f: a value in it is of another kind"),
        ("eppo", EXPORT, 'an Eppo configuration has "flags"'),
        ("growthbook", UNLEASH, 'not one of GrowthBook\'s, which names each by an "id"'),
        ("growthbook", {"features": {"f": [1]}}, "f: [1] stands where an object belongs"),
        ("growthbook", {"features": {"f": {"rules": [{"force": 1, "coverage": 1e999}]}}}, "f: a value in it"),
        ("growthbook", {"features": [7]}, "7 stands where an object belongs"),
        ("unleash", EPPO, 'an Unleash export has a list of "features"'),
        ("unleash", {"features": [{"name": 5}]}, "5: 5 stands where a text belongs"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_in_words(tool, export, said, tmp_path):
    """Another tool's file, an older format, a list for an object: a sentence says it, and no error of Python's."""
    file = tmp_path / "flags.json"
    file.write_text(json.dumps(export))
    done = CliRunner().invoke(main, ["import-flags", tool, str(file)])
    assert done.exit_code == 1 and said in done.stderr
    assert "Error(" not in done.stderr


def changed(value):
    """The same JSON with each of its values in turn gone, or of another kind."""
    for key in value if isinstance(value, dict) else range(len(value)):
        for odd in (None, True, -1, 1e999, "x", [], {}, [1], {"a": 1}):
            yield {**value, key: odd} if isinstance(value, dict) else [*value[:key], odd, *value[key + 1 :]]
        inside = changed(value[key]) if isinstance(value[key], dict | list) else ()
        for other in inside:
            yield {**value, key: other} if isinstance(value, dict) else [*value[:key], other, *value[key + 1 :]]
    if isinstance(value, dict):
        yield from ({other: value[other] for other in value if other != key} for key in value)


@pytest.mark.parametrize(
    ("tool", "export"),
    [("unleash", UNLEASH), ("unleash", EXPORT), ("eppo", EPPO), ("growthbook", {"features": {"f": {
        "defaultValue": "x", "rules": [
            {"condition": {"country": {"$in": ["DE"]}}, "force": "y", "coverage": 0.5},
            {"key": "k", "variations": ["a", "b"], "weights": [0.5, 0.5], "meta": [{"key": "0"}],
             "namespace": ["n", 0, 0.5], "parentConditions": [{"id": "g", "condition": {"value": "x"}}]},
        ]}, "g": {"defaultValue": "x"}}, "savedGroups": {"s": ["a"]}})],
)  # fmt: skip
def test_no_malformed_export_ends_in_an_error_of_pythons(tool, export):
    """Whatever one value of an export becomes, it is carried, or told in words what it is not."""
    for other in changed(export):
        try:
            draft = import_flags(tool, json.dumps(other))
        except ValueError as error:
            told = str(error)
        else:
            told = "\n".join(draft.summary())
        assert "Error(" not in told
