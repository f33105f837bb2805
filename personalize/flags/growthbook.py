"""GrowthBook's SDK payload (https://docs.growthbook.io/lib/build-your-own): the same hashing, so a visitor whose id
stays the same keeps the variant."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..conditions import compile_condition
from ..decision.experiments import bucket_ranges, equal_weights
from ..decision.growthbook import REDIRECT
from .draft import BELOW, EVERYONE, Draft, NotCarriedError, both, plain_name, rolled_out

Raw = Mapping[str, Any]


def from_growthbook(export: Raw) -> Draft:
    """Features, rules and saved groups as slots, experiences and conditions."""
    features = _features(export)
    draft = Draft()
    if features:
        draft.note("all", "variants stay only for visitors whose id here is the one that was hashed there")
    for key, feature in features.items():
        with draft.carrying(key):
            _feature(draft, key, feature, features, export.get("savedGroups") or {})
    _drop_unfounded(draft)
    for each in export.get("experiments") or ():
        redirects = any("urlRedirect" in variation for variation in each.get("variations") or ())
        why = REDIRECT if redirects else "experiments bound to URLs (visual) stay there"
        draft.note(each.get("key") or "an experiment", f"not carried: {why}")
    return draft


def _features(export: Raw) -> Mapping[str, Raw]:
    """By key: the payload's own, or what the REST API lists, with the production environment's definition."""
    features = export.get("features")
    if not features and export.get("encryptedFeatures"):
        raise ValueError("its features are encrypted: take the payload of a connection without encryption")
    if isinstance(features, Mapping):
        return features
    if not isinstance(features, list):
        raise ValueError('a GrowthBook payload has "features"')
    found: dict[str, Raw] = {}
    for each in features:
        if isinstance(each, Mapping) and "id" not in each:
            raise ValueError('its "features" are a list, and not one of GrowthBook\'s, which names each by an "id"')
        environments = each.get("environments") or {}
        chosen: Raw = environments.get("production") or next(iter(environments.values()), {})
        definition = json.loads(chosen.get("definition") or "{}")
        found[each["id"]] = definition if chosen.get("enabled", True) else {"defaultValue": None}
    return found


def _feature(draft: Draft, key: str, feature: Raw, features: Mapping[str, Raw], groups: Raw) -> None:
    name, slot = draft.slot(key, draft.shown(key, feature.get("defaultValue")))
    for i, rule in enumerate(feature.get("rules") or ()):
        where = f"{key}, rule {i + 1}"
        gated = any(parent.get("gate") for parent in rule.get("parentConditions") or ())
        try:
            required = _required(rule, features)
            if required is None:  # never met
                if gated:
                    draft.note(where, "its prerequisite is never met: no rule after it can hold")
                    return
                continue
            if gated and required:
                raise NotCarriedError("a prerequisite that depends on another experiment and blocks the whole flag")
            experience = _experience(draft, key, i, rule, groups, required)
        except NotCarriedError as left:
            draft.note(where, f"not carried: {left}")
            if gated:
                draft.note(where, "it blocks what comes after, so the rules below it are left out too")
                return
            if i + 1 < len(feature["rules"]):
                draft.note(where, BELOW)
            continue
        if experience is not None:
            slot["experiences"].append({"id": plain_name(rule.get("id") or f"{name}-{i + 1}"), **experience})


def _experience(
    draft: Draft, key: str, i: int, rule: Raw, groups: Raw, required: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """What a rule shows and to whom; None for one that reaches nobody or does nothing."""
    where = f"{key}, rule {i + 1}"
    condition = condition_of(draft, rule.get("condition") or {}, groups)
    when = {} if condition == EVERYONE else {"when": condition}
    if (rule.get("hashAttribute") or "id") != "id":
        draft.note(where, f"hashed by our visitor id, not by {rule['hashAttribute']}: variants are drawn anew")
    if (rule.get("hashVersion") or 1) not in (1, 2):
        raise NotCarriedError(f"version {rule['hashVersion']} of the hash")
    if rule.get("fallbackAttribute"):
        draft.note(where, "fallbackAttribute is left out: every visitor has an id here, or is in no experiment")
    if "force" in rule:
        return _forced(draft, key, i, rule, when, required)
    if rule.get("contextualVariations"):
        raise NotCarriedError("a contextual bandit: what it learned stays there")
    if not rule.get("variations"):
        return None
    if any(isinstance(variation, Mapping) and "urlRedirect" in variation for variation in rule["variations"]):
        raise NotCarriedError(REDIRECT)
    experiment = _experiment(draft, where, key, rule)
    experiment |= {"requires": required} if required else {}
    return {**when, "experiment": experiment}


def _forced(
    draft: Draft, key: str, i: int, rule: Raw, when: dict[str, Any], required: list[dict[str, Any]]
) -> dict[str, Any] | None:
    content = draft.shown(f"{key}, rule {i + 1}", rule["force"])
    filters = _filters(draft, key, rule)
    version = rule.get("hashVersion") or 1
    low, high = rule.get("range") or (0.0, 1.0)
    if not rule.get("range") and rule.get("coverage") is not None:
        # "At most" in steps of the hash: the next step is the first that is out.
        steps = 1_000 if version == 1 else 10_000
        high = min(1.0, (math.floor(rule["coverage"] * steps + 1e-9) + 1) / steps)
        if rule["coverage"] <= 0:
            return None
    if (low, high) == (0.0, 1.0) and not filters and not required:
        return {**when, "show": content}
    experiment = rolled_out(f"{key}/rollout-{i + 1}", rule.get("seed") or key, version, (low, high), content)
    experiment |= {"filters": filters} if filters else {}
    experiment |= {"requires": required} if required else {}
    return {**when, "experiment": experiment}


def _experiment(draft: Draft, where: str, feature: str, rule: Raw) -> dict[str, Any]:
    key = rule.get("key") or feature
    if not isinstance(key, str):
        raise TypeError(key)
    seed, bucket = rule.get("seed") or key, rule.get("bucketVersion") or 0
    if rule.get("minBucketVersion"):
        draft.note(where, "minBucketVersion is left out: nobody is kept out for an older assignment")
    experiment: dict[str, Any] = {"key": f"{key}__{bucket}" if bucket else key}
    experiment |= {"seed": seed} if seed != experiment["key"] else {}
    experiment["hash_version"] = rule.get("hashVersion") or 1
    if rule.get("disableStickyBucketing"):
        experiment["sticky"] = False
    if filters := _filters(draft, where, rule):
        experiment["filters"] = filters
    elif namespace := rule.get("namespace"):
        experiment["namespace"] = {"id": namespace[0], "range": list(namespace[1:])}
    count, coverage = len(rule["variations"]), rule.get("coverage")
    if count < 2:
        raise NotCarriedError("an experiment with a single variation, which never runs")
    weights, ranges = rule.get("weights"), rule.get("ranges")
    passing = [bool(meta.get("passthrough")) for meta in rule.get("meta") or ()] + [False] * count
    if weights is None or len(weights) != count or not 0.99 <= sum(weights) <= 1.01:
        weights = equal_weights(count)
    if not ranges and (any(passing) or abs(sum(weights) - 1) > 1e-9):
        ranges = bucket_ranges(count, 1.0 if coverage is None else coverage, weights)
    if not ranges and coverage is not None:
        experiment["coverage"] = min(max(float(coverage), 0.0), 1.0)
    if any(passing):
        draft.note(where, "visitors of a passthrough variation just go on to the next rule, and are not recorded")
    experiment["variants"] = variants = []
    for i, value in enumerate(rule["variations"]):
        meta = (rule.get("meta") or [])[i : i + 1]
        variant = {"id": str((meta[0].get("key") if meta else None) or i), "show": draft.shown(where, value)}
        if ranges:
            variant["range"] = [0, 0] if passing[i] or i >= len(ranges) else list(ranges[i])
        else:
            variant["weight"] = weights[i]
        variants.append(variant)
    return experiment


def _filters(draft: Draft, where: str, rule: Raw) -> list[dict[str, Any]]:
    found = []
    for each in rule.get("filters") or ():
        if (each.get("hashVersion") or 2) != 2:
            raise NotCarriedError("a filter with version 1 of the hash")
        if (each.get("attribute") or "id") != "id":
            draft.note(where, f"its filter hashes our visitor id, not {each['attribute']}")
        found.append({"seed": each["seed"], "ranges": [list(pair) for pair in each["ranges"]]})
    return found


# --- prerequisites -------------------------------------------------------------------------------------


def _required(rule: Raw, features: Mapping[str, Raw]) -> list[dict[str, Any]] | None:
    """A rule's parent conditions as requirements; None where one is never met. Carried where the parent is the same
    for everybody, or one experiment that everybody is asked for."""
    found = []
    for parent in rule.get("parentConditions") or ():
        feature = features.get(parent["id"]) or {}
        rules = feature.get("rules") or []
        meets = compile_condition(parent.get("condition") or {})
        default = meets({"value": feature.get("defaultValue")})
        if not rules:
            if not default:
                return None
            continue
        only = rules[0]
        simple = len(rules) == 1 and only.get("variations") and not only.get("force")
        passes = any(meta.get("passthrough") for meta in only.get("meta") or ())
        if not simple or passes or default or only.get("condition") or only.get("parentConditions"):
            raise NotCarriedError(f"the prerequisite {parent['id']}, which is more than one plain experiment")
        ids = [(meta.get("key") if meta else None) for meta in only.get("meta") or ()]
        names = [str((ids[i] if i < len(ids) else None) or i) for i in range(len(only["variations"]))]
        wanted = [name for name, value in zip(names, only["variations"], strict=True) if meets({"value": value})]
        if not wanted:
            return None
        bucket = only.get("bucketVersion") or 0
        key = only.get("key") or parent["id"]
        found.append({"experiment": f"{key}__{bucket}" if bucket else key, "variants": wanted})
    return found


def _drop_unfounded(draft: Draft) -> None:
    """Take out what requires an experiment that was not carried, and what requires that in turn."""
    while True:
        tests = [e["experiment"] for slot in draft.slots.values() for e in slot["experiences"] if "experiment" in e]
        carried = {(test["key"], variant["id"]) for test in tests for variant in test["variants"]}
        gone = 0
        for name, slot in draft.slots.items():
            for experience in list(slot["experiences"]):
                wanted = experience.get("experiment", {}).get("requires", ())
                if any((each["experiment"], variant) not in carried for each in wanted for variant in each["variants"]):
                    slot["experiences"].remove(experience)
                    draft.note(f"{name}, {experience['id']}", "not carried: its prerequisite was not")
                    gone += 1
        if not gone:
            return


# --- conditions ----------------------------------------------------------------------------------------


def condition_of(draft: Draft, condition: Raw, groups: Raw, within: tuple[str, ...] = ()) -> Any:
    """A condition in our words; `within` are the saved groups that it is written in. Raises NotCarriedError."""
    parts = []
    for key, operand in condition.items():
        if key in ("$and", "$or", "$nor"):
            inner = [condition_of(draft, each, groups, within) for each in operand]
            if key == "$and":
                parts.append(both(inner))
            elif inner:
                parts.append({"any" if key == "$or" else "not": inner})
        elif key == "$not":
            parts.append({"not": [condition_of(draft, operand, groups, within)]})
        elif key == "$savedGroup":
            parts.append(_saved_group(draft, operand, groups, within))
        elif key.startswith("$"):
            raise NotCarriedError(f"the operator {key}")
        else:
            parts.append(draft.fact(key, _operand(operand, groups)))
    return both(parts)


def _operand(operand: Any, groups: Raw) -> Any:
    if isinstance(operand, list):
        raise NotCarriedError("a comparison with a whole list")
    if not isinstance(operand, Mapping):
        return operand
    if not operand or not all(op.startswith("$") for op in operand):
        raise NotCarriedError("a comparison with a whole object")
    told: dict[str, Any] = {}
    for op, value in operand.items():
        word = op.removeprefix("$")
        if word in ("inGroup", "notInGroup"):
            word, value = ("in" if word == "inGroup" else "nin"), _group(groups, value)
        if word in told:
            raise NotCarriedError(f"two comparisons with {word}")
        told[word] = _operand(value, groups) if word == "not" else value
    return told


def _group(groups: Raw, name: str) -> Sequence[Any]:
    members = groups.get(name)
    if isinstance(members, Mapping) and members.get("type") == "list":
        members = members.get("values")
    if not isinstance(members, list) or not members:
        raise NotCarriedError(f"the saved group {name}, which is empty or not a list")
    return members


def _saved_group(draft: Draft, reference: Any, groups: Raw, within: tuple[str, ...]) -> Any:
    """A reference to a saved group, in place of which its list or its condition is written."""
    name = reference.get("id") if isinstance(reference, Mapping) else None
    group = groups.get(name) if isinstance(name, str) and name not in within else None
    if isinstance(group, Mapping) and group.get("type") == "list":
        return draft.fact(reference.get("attributeKey") or group["attributeKey"], {"in": _group(groups, str(name))})
    if isinstance(group, Mapping) and group.get("type") == "condition":
        return condition_of(draft, group["condition"], groups, (*within, str(name)))
    raise NotCarriedError(f"the saved group {name}, which is not there or of no known kind")
