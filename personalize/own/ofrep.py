"""Slots and experiments as OpenFeature flags, in the words of its Remote Evaluation Protocol (OFREP, version 1,
https://github.com/open-feature/protocol). Pure: a plan in, answers out.

A flag's key is one of
- an experiment's key: the value is the visitor's variant;
- "key/part" of a multivariate experiment: the value is that part's level;
- a slot's name: the value is the id of the experience it shows;
- "slot/experience": whether it is shown, true or false;
- "slot.part": what stands under a part's or a variable's name in what the slot shows, as the config has it: a text, a
  number, true or false, an object or a list.
Where nothing is shown, or the visitor is held out, only "slot/experience" carries a value: else the default in the code
counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..config.models import Config, Slot
from ..model import Choice, Plan

Flag = dict[str, Any]

_REASONS: Final[Mapping[str, str]] = {"experience": "TARGETING_MATCH", "holdout": "SPLIT"}


def flags(config: Config, plan: Plan) -> dict[str, Flag]:
    """Every flag of the plan's slots. Where two have one key, the first that has a value counts."""
    found: dict[str, Flag] = {}
    for choice in plan.choices:
        for flag in _of_slot(config, choice):
            if flag["key"] not in found or ("value" in flag and "value" not in found[flag["key"]]):
                found[flag["key"]] = flag
    return found


def _of_slot(config: Config, choice: Choice) -> Iterator[Flag]:
    shown = choice.experience if not choice.held else None
    variant = choice.variant or "" if shown is not None else ""
    yield _flag(choice.slot, choice, shown, variant or shown or "")
    for experience in config.slots[choice.slot].experiences:
        chosen = experience.id == shown
        yield _flag(f"{choice.slot}/{experience.id}", choice, chosen, "on" if chosen else "off", chosen)
        test = experience.experiment
        if test is not None:
            yield _flag(test.key, choice, variant if chosen else None, variant if chosen else "", chosen)
            for part in test.parts:
                level = choice.levels.get(part, "") if chosen else ""
                yield _flag(f"{test.key}/{part}", choice, level or None, level, chosen)
    held = choice.content if shown is not None else None
    for name in _names(config.slots[choice.slot]):
        value = None
        if held is not None:
            value = part_of(config, held.parts[name]) if name in held.parts else held.vars.get(name)
        yield _flag(f"{choice.slot}.{name}", choice, value, variant or shown or "", value is not None)


def _names(slot: Slot) -> list[str]:
    """Of all parts and variables that the slot may show."""
    found: dict[str, None] = {}
    for experience in slot.experiences:
        test = experience.experiment
        variants = [variant.content for variant in test.variants] if test is not None else []
        for content in filter(None, (experience.show, *variants)):
            found |= dict.fromkeys((*content.parts, *content.vars))
        found |= dict.fromkeys(test.parts if test is not None else ())
    return list(found)


def part_of(config: Config, text: str) -> Any:
    """What a content's text for a part stands for: `group.name` is the config's own part."""
    group, dot, name = text.partition(".")
    return config.parts.get(group, {}).get(name, text) if dot else text


def _flag(key: str, choice: Choice, value: Any, variant: str, chosen: bool = True) -> Flag:
    reason = "SPLIT" if choice.experiment is not None and chosen else _REASONS.get(choice.reason, "DEFAULT")
    if not chosen:
        reason = "DEFAULT"
    metadata: dict[str, Any] = {"slot": choice.slot, "reason": choice.reason}
    if choice.held:
        metadata["held"] = True
    flag: Flag = {"key": key, "reason": reason, "variant": variant, "metadata": metadata}
    return flag if value is None else {**flag, "value": value}


def bulk(all_flags: Mapping[str, Flag]) -> tuple[dict[str, Any], bytes]:
    """The answer to "all flags", and its entity tag."""
    body = {"flags": list(all_flags.values())}
    return body, b'"%s"' % hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24].encode()


def problem(code: str, details: str, key: str | None = None) -> dict[str, Any]:
    """An error's body; `code` is one of the protocol's."""
    return {"errorCode": code, "errorDetails": details} | ({} if key is None else {"key": key})
