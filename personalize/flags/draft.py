"""What is being imported: a config as plain values, with the words for what was left behind."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..conditions import compile_rule
from ..errors import ConditionError

EVERYONE = "everyone"
_BRIEF = 40  # characters of a value that is told
BELOW = "look at it before going live: whom it was for now gets what stands below it"


class NotCarriedError(Exception):
    """A part of a flag that our language has no words for; the message says which."""


UNFIT = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, ConditionError)


def unfit(error: Exception) -> str:
    """What one of UNFIT says of the values that it was raised over, as a sentence's end."""
    if isinstance(error, ConditionError):
        return error.message
    if isinstance(error, KeyError):
        return f'something in it lacks "{error.args[0]}"'
    if isinstance(error, AttributeError) and not isinstance(error.obj, Mapping | str):
        return f"{_brief(error.obj)} stands where {'a text' if error.name == 'lower' else 'an object'} belongs"
    return "a value in it is of another kind than it would be there"


@dataclass(slots=True)
class Draft:
    """`slots` and `segments` as a config holds them; `notes` are sentences for whoever imports."""

    slots: dict[str, dict[str, Any]] = field(default_factory=dict)
    segments: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ours: set[str] = field(default_factory=set)  # facts that are asked in place of the site's attributes
    misshapen: list[str] = field(default_factory=list)  # what was wrong with flags that could not be read
    attributes: set[str] = field(default_factory=set)  # asked for as custom.* facts

    def note(self, where: str, what: str) -> None:
        self.notes.append(f"{where}: {what}")

    @contextmanager
    def carrying(self, key: Any) -> Iterator[None]:
        """Around what reads one flag: one that is not shaped as flags are takes no other with it."""
        before = list(self.slots)
        try:
            yield
        except UNFIT as error:
            self.slots = {name: slot for name, slot in self.slots.items() if name in before}
            self.misshapen.append(f"{key}: {unfit(error)}")
            self.note(str(key), f"not carried: this is not shaped as a flag: {unfit(error)}")

    def slot(self, key: str, default: Any) -> tuple[str, dict[str, Any]]:
        """A new slot for a flag, on every page; its experiences are still to come."""
        name = taken = plain_name(key)
        count = 1
        while taken in self.slots:
            count += 1
            taken = f"{name}-{count}"
        if taken != key:
            self.note(key, f"its slot is called {taken}: names are lower case")
        slot = {"match": {"path": "/**"}, "default": default, "experiences": []}
        self.slots[taken] = slot
        return taken, slot

    def shown(self, where: str, value: Any) -> Any:
        """A flag's value as content: true is the page's own markup, false takes it away, a text stands as text."""
        if value is True:
            return "page"
        if value is False or value is None:
            return "empty"
        if isinstance(value, list | dict):
            self.note(where, "a JSON value became text; put it into a template's vars or parts")
            value = json.dumps(value, ensure_ascii=False)
        return {"html": html.escape(str(value), quote=False)}

    def fact(self, attribute: Any, operand: Any) -> dict[str, Any]:
        """{fact: operand} for an attribute of the site's. Ours where it means the same, else custom.NAME. Raises
        NotCarriedError for what no fact can be asked."""
        if not isinstance(attribute, str):
            raise NotCarriedError(f"the condition on {_brief(attribute)}, which is no attribute's name")
        problem = ""
        for name in (*([_FACTS[attribute]] if attribute in _FACTS else []), f"custom.{attribute}"):
            try:
                compile_rule({name: operand}, ())
            except ConditionError as error:
                problem = error.message
                continue
            if name.startswith("custom."):
                self.attributes.add(attribute)
            else:
                self.ours.add(name)
            return {name: operand}
        raise NotCarriedError(f"the condition on {attribute} ({problem})")

    def yaml(self) -> str:
        """The config's text."""
        import yaml

        raw: dict[str, Any] = {"version": 1, "timezone": "UTC"}
        raw |= {"segments": self.segments} if self.segments else {}
        return yaml.safe_dump(raw | {"slots": self.slots}, sort_keys=False, allow_unicode=True, width=110)

    def summary(self) -> list[str]:
        """The notes, and what holds for the whole."""
        told = [f"flags that became slots: {len(self.slots)}, each where a page says data-slot=NAME"]
        if self.attributes:
            names = ", ".join(sorted(self.attributes))
            told.append(f'pass these in scope["personalize.attributes"]: {names}')
        if self.ours:
            told.append(f"asked of the request itself, not of the site: {', '.join(sorted(self.ours))}")
        return [*told, *dict.fromkeys(self.notes)]


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1]}…"


def moment(text: str, *, up: bool = False) -> str:
    """A time of day as a schedule has it: its minute, or with `up` the next one where seconds are told."""
    when = datetime.fromisoformat(text)
    when = when.astimezone(UTC) if when.tzinfo else when
    if up and (when.second or when.microsecond):
        when += timedelta(minutes=1)
    return f"{when:%Y-%m-%d %H:%M}"


# Attributes that mean what our facts mean, in the same words.
_FACTS = {
    "path": "path", "host": "host", "country": "country", "utmSource": "utm.source", "utmMedium": "utm.medium",
    "utmCampaign": "utm.campaign", "utmTerm": "utm.term", "utmContent": "utm.content",
}  # fmt: skip


def plain_name(text: str) -> str:
    """A name as our language allows them."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_") or "flag"


def both(conditions: Sequence[Any]) -> Any:
    """All of these conditions, as short as it can be written."""
    asked = [condition for condition in conditions if condition != EVERYONE]
    return EVERYONE if not asked else asked[0] if len(asked) == 1 else {"all": asked}


def rolled_out(key: str, seed: str, version: int, share: tuple[float, float], content: Any) -> dict[str, Any]:
    """Something that a fixed share of visitors gets, and nobody else is in: an experiment whose other arm is empty."""
    return {
        "key": key,
        "seed": seed,
        "hash_version": version,
        "sticky": False,
        "variants": [
            {"id": "in", "range": list(share), "show": content},
            {"id": "out", "range": [0, 0], "show": "page"},
        ],
    }


def values_of(mapping: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The named values that are there and not null."""
    return {name: mapping[name] for name in names if mapping.get(name) is not None}
