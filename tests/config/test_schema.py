"""The JSON Schema that editors use says what load_config says."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize import ConfigError, load_config
from personalize.conditions import BEHAVIOURS, FACTS
from personalize.config import json_schema
from personalize.config.yaml12 import parse

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
BLOCKS = (Path(__file__).parent / "broken.txt").read_text("utf-8").split("#### ")[1:]


def test_it_is_a_schema():
    """The schema is a draft 2020-12 schema, and JSON."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_example_validates():
    """The example config has no red underline."""
    tree = parse((Path(__file__).parent / "example.yaml").read_bytes(), "example.yaml")
    assert [error.message for error in VALIDATOR.iter_errors(tree.data)] == []


def test_every_key_reads_well_on_hover():
    """Every key of every mapping has a description that is a sentence, or takes one from what it refers to."""
    bare = []
    for name, definition in {"Config": SCHEMA, **SCHEMA["$defs"]}.items():
        mappings = [definition, *definition.get("anyOf", [])]
        for key, value in ((k, v) for m in mappings for k, v in m.get("properties", {}).items()):
            said = value.get("description") or SCHEMA["$defs"].get(value.get("$ref", "").rpartition("/")[2], {}).get(
                "description"
            )
            if not said or not said.endswith("."):
                bare.append((name, key, said))
    assert bare == []


def test_facts_are_completed_in_conditions():
    """Every fact and question about the past is offered where a condition stands, with what it means."""
    offered = next(form for form in SCHEMA["$defs"]["Condition"]["anyOf"] if form["type"] == "object")
    names = {*offered["properties"], *offered["patternProperties"]}
    assert {re.escape(name[:-1]) if name.endswith(".*") else name for name in (*FACTS, *BEHAVIOURS)} == {
        name.removeprefix("^") for name in names - {"all", "any", "not"}
    }


SHAPE = {"PZ201", "PZ202", "PZ203", "PZ204", "PZ205", "PZ206", "PZ208"}
UNSEEN = (
    "must stay in the log",
    "must be at most 10, not",  # a duration may be a text, so its schema has no bound
    "must be at least 0.01, not",  # so may a share
    "a floor of",
    "stands here twice",
    "in a bandit",
    "range goes",
    "weights",
    "url",
    "item",
    "prefix",
    "html and",
    "show and html",
    "drawn and shown",
    "cannot stand in this",
    "combinations",
    "no kind of source",
    "path",
    "proof",
    "100 years",
    "at least a day",
    "must stay in the log",
)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b[:5] in SHAPE], ids=lambda b: b.partition("\n")[0][:60])
def test_broken_shapes_are_underlined(block):
    """What is wrong in shape is wrong in the editor too, but for what a schema cannot say."""
    says, text = block.split("\n", 1)
    tree = parse(text.encode(), "c.yaml")
    if not any(word in says for word in UNSEEN):
        assert not VALIDATOR.is_valid(tree.data), says


words = st.sampled_from(
    ["page", "empty", "1d", "50ms", "50%", "64MB", "everyone", "live", "x", "none", "GET", "/", "mon"]
)
keys = st.sampled_from(["html", "max", "within", "show", "x"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 500)
    | st.floats(allow_nan=False, allow_infinity=False, width=16)
    | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2),
    max_leaves=4,
)
SITE = [
    "cookie", "consent", "geo_headers", "budget", "templates", "prefix", "cache_control", "page_memory",
    "freeze_at_start", "signals", "limits",
]  # fmt: skip
SLOT = ["default", "fallback", "cap", "consent", "template"]
EXPERIENCE = ["owner", "status", "when", "schedule", "cap", "cool_down", "delay", "expire", "show", "exclude", "why"]


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.sampled_from(SITE), values, max_size=2),
    st.dictionaries(st.sampled_from(SLOT), values, max_size=2),
    st.dictionaries(st.sampled_from(EXPERIENCE), values, max_size=2),
    st.dictionaries(st.sampled_from(["percent", "salt"]), values, max_size=2),
)
def test_what_loads_has_no_underline(site, slot, experience, holdout):
    """Whatever load_config takes, the schema takes."""
    source = {
        "version": 1, "site": site, "holdout": {"percent": 5} | holdout,
        "slots": {"hero": {"match": {"path": "/"}, "experiences": [{"id": "a", "show": "page"} | experience]} | slot},
    }  # fmt: skip
    try:
        load_config(source)
    except ConfigError:
        return
    assert [error.message for error in VALIDATOR.iter_errors(source)] == []
