"""Who changed what when: what operators did and which configs went live, told from the log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .config.models import Config
from .model import CONFIG_LIVE, PAUSED, RESUMED, Event

_DIGITS = 12  # of a SHA-256 in hexadecimal


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history. `what` is "paused", "resumed" or "config"; `by` is empty where nobody said who."""

    time: float
    what: str
    target: str
    by: str
    why: str
    details: tuple[str, ...] = ()


def config_live(config: Config, text: bytes) -> dict[str, Any]:
    """What the log says of a config that went live: the file and its hash, and of each experience its hash, status and
    owner, so that the next one can be compared."""
    experiences = {
        f"{name}/{experience.id}": {
            "hash": _hash(experience.model_dump_json(exclude_defaults=True).encode()),
            "status": experience.status,
            "owner": experience.owner,
        }
        for name, slot in config.slots.items()
        for experience in slot.experiences
    }
    return {"file": config.file, "hash": _hash(text), "experiences": experiences}


def changes(events: Sequence[Event]) -> list[Change]:
    """The operators' events as changes, in the log's order; a config is compared with the one before it."""
    told: list[Change] = []
    before: Mapping[str, Any] | None = None
    for event in events:
        said = event.properties
        if event.name in (PAUSED, RESUMED):
            what = "paused" if event.name == PAUSED else "resumed"
            target, by, why = (str(said.get(key, "")) for key in ("target", "by", "why"))
            told.append(Change(event.time, what, target, by, why))
        elif event.name == CONFIG_LIVE:
            now = said.get("experiences", {})
            details = tuple(_compared(before, now)) if before is not None else (f"{len(now)} experiences",)
            told.append(Change(event.time, "config", str(said.get("hash", "")), "", "", details))
            before = now
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
    if before == now:
        yield "no experience changed"


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_DIGITS]
