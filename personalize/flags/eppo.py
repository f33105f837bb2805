"""Eppo's universal flag configuration (https://docs.geteppo.com/sdks/sdk-features/flag-evaluation). It hashes otherwise
(MD5), so every visitor is drawn anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .draft import BELOW, EVERYONE, Draft, NotCarriedError, both, moment, plain_name, rolled_out

Raw = Mapping[str, Any]
_LEAST = 1e-9
_OLD = (
    'this is the older format of Eppo ("rac", randomized assignments), whose flags have no "variations": take the'
    ' universal flag configuration ("UFC"), which its SDKs fetch now'
)


def from_eppo(export: Raw) -> Draft:
    """Flags, allocations, rules and splits as slots, experiences, conditions and experiments."""
    wired = export.get("config")
    if isinstance(wired, Mapping) and isinstance(wired.get("response"), str):  # as one client hands it to another
        export = json.loads(wired["response"])
    flags = export.get("flags")
    if not isinstance(flags, Mapping):
        raise ValueError('an Eppo configuration has "flags"')
    if export.get("format") == "CLIENT":
        raise ValueError("this is the obfuscated configuration for browsers; take the server's")
    if any(isinstance(flag, Mapping) and "subjectShards" in flag for flag in flags.values()):
        raise ValueError(_OLD)
    draft = Draft()
    draft.note("all", "Eppo hashes otherwise: every visitor of an experiment is drawn anew")
    for key, flag in flags.items():
        with draft.carrying(key):
            _flag(draft, key, flag, _bandits(export, key))
    return draft


def _bandits(export: Raw, key: str) -> set[str]:
    """The variations of a flag in whose place a bandit chooses."""
    told = [each for variations in (export.get("bandits") or {}).values() for each in variations]
    return {each["variationKey"] for each in told if each["flagKey"] == key}


def _flag(draft: Draft, key: str, flag: Raw, bandits: set[str]) -> None:
    _, slot = draft.slot(key, "page")
    variations = flag["variations"]
    total = flag.get("totalShards") or 10_000
    for allocation in flag.get("allocations") or ():
        where = f"{key}, allocation {allocation['key']}"
        try:
            if any(split["variationKey"] in bandits for split in allocation.get("splits") or ()):
                raise NotCarriedError("a contextual bandit: what it learned stays there")
            experience = _experience(draft, where, key, allocation, variations, total)
        except NotCarriedError as left:
            draft.note(where, f"not carried: {left}")
            if allocation is not flag["allocations"][-1]:
                draft.note(where, BELOW)
            continue
        if experience is not None:
            status = {} if flag.get("enabled", True) else {"status": "draft"}
            slot["experiences"].append({"id": _free(slot, plain_name(allocation["key"])), **status, **experience})


def _free(slot: Raw, name: str) -> str:
    taken = {experience["id"] for experience in slot["experiences"]}
    return next(each for each in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if each not in taken)


def _experience(
    draft: Draft, where: str, key: str, allocation: Raw, variations: Raw, total: int
) -> dict[str, Any] | None:
    """What an allocation shows and to whom; None for one that reaches nobody."""
    rules = [
        both([_condition(draft, each) for each in rule.get("conditions") or ()])
        for rule in allocation.get("rules") or ()
    ]
    asked: Any = EVERYONE if not rules or EVERYONE in rules else rules[0] if len(rules) == 1 else {"any": rules}
    told: dict[str, Any] = {} if asked == EVERYONE else {"when": asked}
    schedule = {word: moment(allocation[at], up=word == "from") for word, at in _MOMENTS if allocation.get(at)}
    told |= {"schedule": schedule} if schedule else {}
    shares: dict[str, float] = {}
    for split in allocation.get("splits") or ():
        name = split["variationKey"]
        if name not in variations:
            raise NotCarriedError(f"the variation {name}, which the flag does not have")
        shares[name] = shares.get(name, 0.0) + _share(split.get("shards") or (), total)
        if split.get("shards") is None or not split["shards"]:
            break  # it takes everybody: what stands below it is never asked
    reached = sum(shares.values())
    if reached > 1 + _LEAST and list(shares.values())[-1] >= 1 - _LEAST:
        last = list(shares)[-1]
        shares[last], reached = 1 - (reached - shares[last]), 1.0
    if reached <= 0:
        return None
    if reached > 1 + _LEAST:
        raise NotCarriedError("splits that overlap")
    arms = [(name, share, draft.shown(where, variations[name]["value"])) for name, share in shares.items()]
    experiment = f"{key}-{allocation['key']}"
    if len(arms) == 1:
        _, share, content = arms[0]
        if share >= 1 - _LEAST:
            return {**told, "show": content}
        return {**told, "experiment": rolled_out(experiment, experiment, 2, (0.0, round(share, 6)), content)}
    coverage = {"coverage": round(reached, 6)} if reached < 1 - _LEAST else {}
    variants = [{"id": name, "weight": round(share, 6), "show": content} for name, share, content in arms]
    return {**told, "experiment": {"key": experiment, **coverage, "variants": variants}}


def _share(shards: Sequence[Raw], total: int) -> float:
    """The share of visitors whose shards all fit: each has a salt of its own, so they are independent."""
    share = 1.0
    for shard in shards:
        share *= sum(each["end"] - each["start"] for each in shard["ranges"]) / total
    return share


_MOMENTS = (("from", "startAt"), ("until", "endAt"))


# --- conditions ----------------------------------------------------------------------------------------

_ORDER = {"GT": "gt", "GTE": "gte", "LT": "lt", "LTE": "lte"}


def _condition(draft: Draft, condition: Raw) -> Any:
    """A condition in our words. Raises NotCarriedError."""
    name, op, value = condition["attribute"], condition["operator"], condition["value"]
    if op in ("ONE_OF", "NOT_ONE_OF"):
        among: list[Any] = [each for text in value for each in _spellings(text)]
        # To Eppo, what is not there is neither among them nor not.
        return draft.fact(name, {"in": among} if op == "ONE_OF" else {"exists": True, "nin": among})
    if op in ("MATCHES", "NOT_MATCHES"):
        asked = {"regex": value}
        return draft.fact(name, asked if op == "MATCHES" else {"exists": True, "not": asked})
    if op == "IS_NULL":
        return draft.fact(name, {"exists": not value})
    if op in _ORDER:
        number = isinstance(value, int | float)
        return draft.fact(name, {"exists": True, _ORDER[op] if number else f"v{_ORDER[op]}": value})
    raise NotCarriedError(f"the operator {op} on {name}")


def _spellings(text: Any) -> list[Any]:
    """Eppo compares as texts: "1" is also the number, "true" the flag."""
    found = [text]
    if text in ("true", "false"):
        found.append(text == "true")
    if isinstance(text, str) and text.lstrip("-").isdecimal() and str(int(text)) == text:
        found.append(int(text))
    return found
