"""A JSON Schema of the language, for the YAML plugins of editors: completion, hover text, red underlines."""

from __future__ import annotations

import re
from typing import Any

from ..conditions import BEHAVIOURS, FACTS
from .models import CONTENT_WORDS, Config
from .vocabulary import EVERYONE, EXCLUSIONS, METRICS, STRATEGIES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_LISTS = ("all", "any", "not")
_CONDITION = {"$ref": "#/$defs/Condition"}
_NAME = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12). What it refuses, `load_config` refuses too; the reverse does not hold, since a
    schema cannot see whether names belong together."""
    raw = Config.model_json_schema(by_alias=True, mode="validation")
    definitions: dict[str, Any] = raw.pop("$defs")
    for name, definition in definitions.items():
        definition["description"] = " ".join(definition.get("description", name).split()).replace("`", "")
    _plain(list(definitions.values()))
    _plain(raw)
    definitions["Content"] = _content(definitions["Content"])
    definitions["Segment"]["anyOf"] = [{"required": [key]} for key in (*_LISTS, "members")]
    definitions["Condition"] = _condition()
    definitions["Experience"]["properties"]["when"].pop("anyOf")
    definitions["Experience"]["properties"]["when"] |= _CONDITION
    for key in _LISTS:
        definitions["Segment"]["properties"][key]["items"] = _CONDITION
    definitions["Experience"]["anyOf"] = [{"required": [key]} for key in ("show", "experiment")]
    of_variants = {"experiment": {"required": ["variants"]}}
    definitions["Experience"]["not"] = {"required": ["show", "experiment"], "properties": of_variants}
    definitions["Experiment"]["oneOf"] = [{"required": [key]} for key in ("variants", "parts")]
    definitions["Variant"]["oneOf"] = [{"required": [key]} for key in ("show", "parts", "html")]
    definitions["Experience"]["properties"]["id"] |= _NAME
    definitions["Level"]["properties"]["id"] |= _NAME
    definitions["Experiment"]["properties"]["parts"]["propertyNames"] = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
    definitions["Experience"]["properties"]["exclude"]["items"] = {"enum": list(EXCLUSIONS)}
    for kind in ("slots", "segments", "sources"):
        raw["properties"][kind]["propertyNames"] = dict(_NAME)
    raw["properties"]["segments"]["propertyNames"]["not"] = {"const": EVERYONE}
    raw["description"] = "What is shown to whom, where, and why."
    return {"$schema": DRAFT, "title": "personalize.yaml", **raw, "$defs": definitions}


def _condition() -> dict[str, Any]:
    """What a condition can ask about, for completion and hover; whether a value fits, only `load_config` knows."""
    facts = {fact.name: {"description": fact.about} for fact in FACTS.values()}
    for fact in FACTS.values():
        if fact.choices:
            facts[fact.name]["description"] += f" One of {', '.join(fact.choices)}."
    asked: dict[str, Any] = {name: about for name, about in facts.items() if not name.endswith(".*")}
    asked |= {name: {"description": about} for name, about in BEHAVIOURS.items()}
    said = ("Each of these conditions must hold.", "One of these conditions must hold.", "None of these may hold.")
    asked |= {key: {"description": text, "items": _CONDITION} for key, text in zip(_LISTS, said, strict=True)}
    below = {rf"^{re.escape(name[:-1])}": about for name, about in facts.items() if name.endswith(".*")}
    return {
        "description": "A segment's name, a condition on facts, or a list that must hold.",
        "anyOf": [
            {"type": "string"},
            {"type": "object", "properties": asked, "patternProperties": below},
            {"type": "array", "items": _CONDITION},
        ],
    }


def _plain(node: Any) -> None:
    """Take away generated titles, defaults that are no plain value, and null, which no key takes."""
    if isinstance(node, list):
        for inner in node:
            _plain(inner)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    if "default" in node and (node["default"] is None or isinstance(node["default"], dict | list)):
        del node["default"]
    choices = node.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        choices.remove({"type": "null"})
        if len(choices) == 1:
            del node["anyOf"]
            node |= choices[0]
    for key, inner in node.items():
        _plain(list(inner.values()) if key in ("properties", "$defs") else inner)


def _content(mapping: dict[str, Any]) -> dict[str, Any]:
    """A content is a word, or a mapping that names what to show."""
    properties = {key: value for key, value in mapping["properties"].items() if key != "kind"}
    # Suggestions only: a plugin's source has strategies and metrics of its own.
    properties["strategy"]["examples"] = list(STRATEGIES)
    properties["metric"]["examples"] = list(METRICS)
    forms = [{"required": [key]} for key in ("html", "template", "parts", "source")]
    return {
        "description": mapping["description"].partition(" kind is worked out")[0],
        "anyOf": [
            {"type": "string", "enum": list(CONTENT_WORDS)},
            {"type": "object", "additionalProperties": False, "properties": properties, "anyOf": forms},
        ],
    }
