"""Unleash's flags: what a client SDK fetches (https://docs.getunleash.io/reference/api/unleash/get-all-client-features),
or an export. It hashes otherwise (MurmurHash3), so every visitor is drawn anew."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .draft import EVERYONE, Draft, NotCarriedError, both, moment, plain_name, rolled_out
from .unleash_exports import as_fetched

Raw = Mapping[str, Any]


def from_unleash(export: Raw) -> Draft:
    """Features, strategies, variants, constraints and segments as slots, experiences, experiments and conditions."""
    draft = Draft()
    features, told = as_fetched(draft, export)
    draft.note("all", "Unleash hashes otherwise: every visitor of a rollout or a variant is drawn anew")
    segments = _segments(draft, told)
    for feature in features:
        with draft.carrying(feature.get("name")):
            _feature(draft, feature, segments)
    used = json.dumps([slot["experiences"] for slot in draft.slots.values()])
    draft.segments = {name: each for name, each in draft.segments.items() if f'"{name}"' in used}
    return draft


def _segments(draft: Draft, segments: Sequence[Raw]) -> dict[Any, str]:
    """The names of the segments that could be carried, by their id there."""
    names: dict[Any, str] = {}
    for each in segments:
        name = plain_name(f"{each.get('name') or each['id']}")
        while name in draft.segments or name == EVERYONE:
            name = f"{name}-{each['id']}"
        try:
            if "constraints" not in each:
                raise NotCarriedError("the export names it and does not say who is in it")
            conditions = [_constraint(draft, constraint) for constraint in each["constraints"] or ()]
        except NotCarriedError as left:
            draft.note(f"segment {each.get('name')}", f"not carried: {left}")
            continue
        draft.segments[name] = {"label": str(each.get("name") or name), "all": conditions or [EVERYONE]}
        names[each["id"]] = name
    return names


def _feature(draft: Draft, feature: Raw, segments: Mapping[Any, str]) -> None:
    key = feature["name"]
    name, slot = draft.slot(key, "empty")
    draft_only = not feature.get("enabled", True)
    if feature.get("dependencies"):
        draft.note(key, "depends on another flag, which is not carried: its experiences are drafts")
        draft_only = True
    if "strategies" not in feature:
        draft.note(key, "not carried: the export does not say for whom it is; take what a client fetches")
    for i, strategy in enumerate(feature.get("strategies", ()) or [{"name": "default"}] * ("strategies" in feature)):
        where = f"{key}, strategy {i + 1}"
        try:
            experience = _experience(draft, where, key, i, feature, strategy, segments)
        except NotCarriedError as left:
            draft.note(where, f"not carried: {left}")
            continue
        if experience is None:
            continue
        status = {"status": "draft"} if draft_only else {"status": "paused"} if strategy.get("disabled") else {}
        slot["experiences"].append({"id": f"{name}-{i + 1}", **status, **experience})


_PERCENTAGES = {
    "flexibleRollout": "rollout", "gradualRolloutUserId": "percentage", "gradualRolloutSessionId": "percentage",
    "gradualRolloutRandom": "percentage",
}  # fmt: skip


def _experience(
    draft: Draft, where: str, key: str, i: int, feature: Raw, strategy: Raw, segments: Mapping[Any, str]
) -> dict[str, Any] | None:
    """What a strategy shows and to whom; None for one that reaches nobody."""
    kind, parameters = strategy["name"], strategy.get("parameters") or {}
    constraints = strategy.get("constraints") or ()
    schedule = _schedule([each for each in constraints if _is_moment(each)])
    conditions = [_constraint(draft, each) for each in constraints if not _is_moment(each)]
    for id_ in strategy.get("segments") or ():
        if id_ not in segments:
            raise NotCarriedError(f"the segment {id_}, which was not carried")
        conditions.append(segments[id_])
    share = 1.0
    if kind == "userWithId":
        ids = [each.strip() for each in str(parameters.get("userIds") or "").split(",") if each.strip()]
        if not ids:
            return None
        conditions.append(draft.fact("userId", {"in": ids}))
    elif kind in _PERCENTAGES:
        share = float(parameters.get(_PERCENTAGES[kind]) or 0) / 100
        stickiness = parameters.get("stickiness") or "default"
        if kind in ("gradualRolloutUserId", "gradualRolloutSessionId") or stickiness in ("userId", "sessionId"):
            draft.note(where, "visitors without the id that it stuck to had nothing of it; now they are drawn too")
        elif stickiness != "default":
            draft.note(where, f"sticks to our visitor id, not to {stickiness}")
    elif kind != "default":
        raise NotCarriedError(f"the strategy {kind}")
    if share <= 0:
        return None
    condition = both(conditions)
    when = ({} if condition == EVERYONE else {"when": condition}) | schedule
    group = str(parameters.get("groupId") or key)
    variants = strategy.get("variants") or feature.get("variants") or ()
    if any(variant.get("overrides") for variant in variants):
        draft.note(where, "variants' overrides are left out")
    if len(variants) >= 2:
        arms = [_variant(draft, where, variant) for variant in variants]
        coverage = {"coverage": share} if share < 1 else {}
        # Strategies are alternatives: their variants are drawn by one seed, so that nobody changes between them. So are
        # those of flags that share a group; each is counted by a key of its own.
        test = {"key": f"{key}/{i + 1}", "seed": group, **coverage, "variants": arms}
        return {**when, "experiment": test}
    content: Any = _variant(draft, where, variants[0])["show"] if variants else "page"
    if share < 1:
        return {**when, "experiment": rolled_out(f"{key}/rollout-{i + 1}", group, 2, (0.0, share), content)}
    return {**when, "show": content}


def _variant(draft: Draft, where: str, variant: Raw) -> dict[str, Any]:
    payload = variant.get("payload") or {}
    value: Any = payload.get("value", variant["name"])
    if payload.get("type") == "json":
        value = json.loads(value)
    return {"id": str(variant["name"]), "weight": variant.get("weight", 1), "show": draft.shown(where, value)}


# --- constraints ---------------------------------------------------------------------------------------

_NUMBERS = {"NUM_GT": "gt", "NUM_GTE": "gte", "NUM_LT": "lt", "NUM_LTE": "lte"}
_VERSIONS = {"SEMVER_EQ": "veq", "SEMVER_GT": "vgt", "SEMVER_GTE": "vgte", "SEMVER_LT": "vlt", "SEMVER_LTE": "vlte"}
_TEXTS = {"STR_CONTAINS": "{}", "STR_STARTS_WITH": "^{}", "STR_ENDS_WITH": "{}$"}


def _constraint(draft: Draft, constraint: Raw) -> Any:
    """A constraint in our words. Raises NotCarriedError."""
    name, op = constraint["contextName"], constraint["operator"]
    values, value = constraint.get("values") or [], constraint.get("value")
    operand: dict[str, Any]
    if op in ("IN", "NOT_IN"):
        if not values:  # nobody is among none
            return {"not": [EVERYONE]} if (op == "IN") != bool(constraint.get("inverted")) else EVERYONE
        operand = {"in" if op == "IN" else "nin": list(values)}
    elif op in _NUMBERS:
        operand = {"exists": True, _NUMBERS[op]: _number(name, value)}  # to Unleash, what is not there is no number
    elif op == "NUM_EQ":  # not by eq, for which the text "5" is no 5
        operand = {"exists": True, "gte": _number(name, value), "lte": _number(name, value)}
    elif op in _VERSIONS:
        operand = {"exists": True, _VERSIONS[op]: str(value)}
    elif op in _TEXTS and values:
        pattern = "|".join(_TEXTS[op].format(re.escape(str(each))) for each in values)
        operand = {"regexi" if constraint.get("caseInsensitive") else "regex": pattern}
    elif op == "REGEX":
        operand = {"regexi" if constraint.get("caseInsensitive") else "regex": str(value)}
    else:
        raise NotCarriedError(f"the constraint {op} on {name}")
    condition = draft.fact(name, operand)
    return {"not": [condition]} if constraint.get("inverted") else condition


def _is_moment(constraint: Raw) -> bool:
    return constraint["operator"] in ("DATE_AFTER", "DATE_BEFORE") and constraint["contextName"] == "currentTime"


def _schedule(constraints: Sequence[Raw]) -> dict[str, Any]:
    """Constraints on the time as a schedule. Raises NotCarriedError."""
    schedule: dict[str, str] = {}
    for each in constraints:
        word = "from" if (each["operator"] == "DATE_AFTER") != bool(each.get("inverted")) else "until"
        try:
            when = moment(str(each.get("value")), up=word == "from")
        except ValueError:
            raise NotCarriedError(f"the constraint on the time: {each.get('value')!r} is none") from None
        schedule[word] = (max if word == "from" else min)(when, schedule.get(word, when))
    if schedule and schedule.get("from", "") >= schedule.get("until", "~"):
        raise NotCarriedError("constraints on the time that never hold together")
    return {"schedule": schedule} if schedule else {}


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise NotCarriedError(f"the constraint on {name}: {value!r} is no number") from None
