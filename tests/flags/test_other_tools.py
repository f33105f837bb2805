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
