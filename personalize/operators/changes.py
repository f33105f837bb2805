"""Who changed what when: what operators did and which configs went live, told from the log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model import CONFIG_LIVE, DEMOTED, PAUSED, PROMOTED, RESUMED, Event

if TYPE_CHECKING:
    from ..config.models import Config

_WHAT = {PAUSED: "paused", RESUMED: "resumed", PROMOTED: "promoted", DEMOTED: "demoted"}
_DIGITS = 12  # of a SHA-256 in hexadecimal


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history. `what` is a word of _WHAT, or "config"; `by` is empty where nobody said who."""

    time: float
    what: str
    target: str
    by: str
    why: str
    details: tuple[str, ...] = ()


def config_live(config: Config, text: bytes) -> dict[str, Any]:
    """What the log says of a config that went live: the file and its hash, of each experience its hash, status and
    owner, and the hashes of all else, so that the next one can be compared."""
    experiences = {
        f"{name}/{experience.id}": {
            "hash": _hash(experience.model_dump_json(exclude_defaults=True).encode()),
            "status": experience.status,
            "owner": experience.owner,
        }
        for name, slot in config.slots.items()
        for experience in slot.experiences
    }
    return {"file": config.file, "hash": _hash(text), "experiences": experiences, "rest": dict(_rest(config))}


def _rest(config: Config) -> Iterator[tuple[str, str]]:
    """The hash of each part that is no experience; of mappings by name, that of each name. Where things are kept stays
    out: the addresses may hold passwords."""
    said = config.model_dump(mode="json", exclude_defaults=True, exclude={"version", "store", "hot"})
    for key, value in said.items():
        if key in _NAMED:
            for name, inner in value.items():
                own = {word: told for word, told in inner.items() if word != "experiences"} if key == "slots" else inner
                yield f"{key}/{name}", _hash(json.dumps(own, sort_keys=True).encode())
        else:
            yield key, _hash(json.dumps(value, sort_keys=True).encode())


_NAMED = ("goals", "parts", "segments", "slots", "sources")


def changes(events: Sequence[Event]) -> list[Change]:
    """The operators' events as changes, in the log's order; a config is compared with the one before it."""
    told: list[Change] = []
    before: Mapping[str, Any] | None = None
    rest_before: Mapping[str, str] | None = None
    for event in events:
        said = event.properties
        if event.name in _WHAT:
            target, by, why = (str(said.get(key, "")) for key in ("target", "by", "why"))
            details = [f"to variant {said['variant']}"] if "variant" in said else []
            told.append(Change(event.time, _WHAT[event.name], target, by, why, (*details,)))
        elif event.name == CONFIG_LIVE:
            now, rest = said.get("experiences", {}), said.get("rest")
            first = f"{len(now)} experience{'' if len(now) == 1 else 's'}"
            details = [first] if before is None else [*_compared(before, now)]
            if rest is not None and rest_before is not None:
                details += _differing(rest_before, rest)
            told.append(Change(event.time, "config", str(said.get("hash", "")), "", "", (*details,) or (_NOTHING,)))
            before, rest_before = now, rest
    return told


def _compared(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, new in now.items():
        owner = f" (owner {new['owner']})" if new.get("owner") else ""
        old = before.get(key)
        if old is None:
            yield f"new: {key}, {new['status']}{owner}"
        elif old["status"] != new["status"]:
            yield f"{key}: {old['status']} → {new['status']}{owner}"
        elif old["hash"] != new["hash"]:
            yield f"changed: {key}{owner}"
    yield from (f"gone: {key}" for key in before if key not in now)


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for key, new in now.items():
        if before.get(key) != new:
            yield f"{'changed' if key in before else 'new'}: {key}"
    yield from (f"gone: {key}" for key in before if key not in now)


_NOTHING = "nothing but its text changed"


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_DIGITS]
