"""One fact against a value or operators, {visits: {gte: 2}}: which operators suit which type, and with what."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ConditionError
from ..quantities import duration
from . import javascript as js
from .behaviours import shown_age, shown_duration
from .code import at_path, calling, look_up, none_of
from .facts import Fact, suggestion
from .growthbook import if_text, of_element, some_element, value_test
from .patterns import compile_pattern
from .rule import Facts, Part, every, leaf, none

_EQUALITY = ("eq", "ne", "in", "nin", "exists", "not")
_ORDER = ("gt", "gte", "lt", "lte")
_REGEX = ("regex", "regexi", "notRegex", "notRegexi")
_TEXTS = ("ini", "nini", *_REGEX)
_VERSIONS = ("veq", "vne", "vgt", "vgte", "vlt", "vlte")
_LISTS = ("any", "in", "nin", "all", "ini", "nini", "alli", "size", "exists", "not")

# The operators of each type of fact.
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "number": _EQUALITY + _ORDER,
    "duration": _EQUALITY + _ORDER,
    "date": _EQUALITY + _ORDER,
    "text": _EQUALITY + _TEXTS + _VERSIONS,
    "flag": ("eq", "ne", "exists", "not"),
    "list": _LISTS,
    # No size and no exists: what a rule says about segments depends on those it names and on no others.
    "names": ("any", "in", "nin", "all", "not"),
    "any": tuple(dict.fromkeys(_EQUALITY + _ORDER + _TEXTS + _VERSIONS + _LISTS + ("elemMatch", "type"))),
}
_ALL_OPERATORS = OPERATORS["any"]
_GROWTHBOOK = {"any": "$in"}  # where our word is not GrowthBook's with a dollar before it
_MEANT = {
    "=": "eq", "==": "eq", "is": "eq", "!=": "ne", "<>": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte",
    "min": "gte", "max": "lte", "contains": "regex", "matches": "regex", "starts_with": "regex",
    "one_of": "in", "notIn": "nin", "not_in": "nin", "or": "any", "and": "all",
}  # fmt: skip
_WORDS = {
    "eq": "is", "ne": "is not", "gt": "is more than", "gte": "is at least", "lt": "is less than", "lte": "is at most",
    "in": "is one of", "nin": "is none of", "any": "has one of", "all": "has all of",
    "regex": "matches", "regexi": "matches, in any case,",
    "notRegex": "does not match", "notRegexi": "does not match, in any case,",
}  # fmt: skip
_NOUNS = {
    "number": "a number", "duration": "an age, such as 7d", "date": 'a date, such as "2026-12-24"',
    "text": "a text", "flag": "true or false", "list": "a list", "names": "a list of names", "any": "a value",
}  # fmt: skip
_MANY = ("list", "names")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_COUNTRY = re.compile(r"[A-Z][A-Z0-9]")
_TYPES = ("string", "number", "boolean", "array", "object", "null")


def fact_part(name: str, fact: Fact, path: Sequence[str], raw: Any) -> Part:
    """The part for {name: raw}. Raises ConditionError with paths that start below the fact's name."""
    errors: list[ConditionError] = []
    part = _Question(name, fact, tuple(path), errors).part(raw, ())
    if errors:
        raise ConditionError(errors[0].path, errors[0].message, errors[0].hint, errors[1:])
    return part


class _Question:
    """What is asked of one fact."""

    def __init__(self, name: str, fact: Fact, path: tuple[str, ...], errors: list[ConditionError]) -> None:
        self.name, self.fact, self.path, self.errors = name, fact, path, errors

    def part(self, raw: Any, at: tuple[str | int, ...]) -> Part:
        """A literal, a list (one of) or a mapping of operators."""
        if isinstance(raw, Mapping):
            if not raw:
                self.wrong(
                    at,
                    f"{self.name} is compared with nothing",
                    f"write {self.fact.example}" if self.fact.example else "",
                )
            return every(
                [self.operator(str(op), operand, (*at, op)) for op, operand in raw.items()] or [self.ask("eq", None)]
            )
        if isinstance(raw, list | tuple):
            word = "any" if self.fact.type in _MANY else "in"
            return self.ask(word, self.several(raw, at))
        if raw is None and self.fact.type != "names":
            return leaf(f"{self.name} is not known", at_path(self.path, value_test(None, {}, at)), self.saw)
        if self.fact.type in _MANY:
            return self.ask("any", [self.operand(raw, at)])
        value = self.operand(raw, at)
        return leaf(f"{self.name} is {self.shown(value)}", at_path(self.path, value_test(value, {}, at)), self.saw)

    def operator(self, written: str, raw: Any, at: tuple[str | int, ...]) -> Part:
        op = written.removeprefix("$")
        if op not in OPERATORS[self.fact.type]:
            self.wrong(at, *self.refused(written, op))
            return self.ask("eq", None)
        if op == "not":
            return none([self.part(raw, at)])
        if op == "exists":
            if not isinstance(raw, bool):
                self.wrong(at, f'"exists" takes true or false, not {js.shown(raw)}')
            what = f"{self.name} is known" if raw else f"{self.name} is not known"
            return leaf(what, at_path(self.path, value_test({"$exists": raw}, {}, at)), self.saw)
        if op in ("in", "nin", "ini", "nini", "any", "all", "alli"):
            return self.ask(op, self.several(raw if isinstance(raw, list | tuple) else [raw], at))
        if op in _REGEX:
            return self.regex(op, raw, at)
        if op == "size":
            return self.size(raw, at)
        if op == "elemMatch":
            return self.element(raw, at)
        if op == "type":
            if raw not in _TYPES:
                self.wrong(at, f"there is no type {js.shown(raw)}; there are {', '.join(_TYPES)}")
            return self.ask(op, raw)
        return self.ask(op, self.operand(raw, at))

    def ask(self, op: str, operand: Any) -> Part:
        what = f"{self.name} {_WORDS.get(op, op)} {self.shown(operand)}"
        return leaf(what, at_path(self.path, value_test({_GROWTHBOOK.get(op, f"${op}"): operand}, {}, ())), self.saw)

    def regex(self, op: str, raw: Any, at: tuple[str | int, ...]) -> Part:
        try:
            matches = compile_pattern(raw if isinstance(raw, str) else js.text(raw), op.endswith("i"))
        except ValueError as error:
            self.wrong(at, f"this is not a pattern that can be used: {error}")
            return self.ask("eq", None)
        # Where nothing is known nothing matches; GrowthBook would search in the text "null".
        test = if_text("{matches}(v)", lambda value: value is not None and matches(js.text(value)), matches=matches)
        test = none_of(test) if op.startswith("not") else test
        return leaf(f"{self.name} {_WORDS[op]} {raw}", at_path(self.path, test), self.saw)

    def size(self, raw: Any, at: tuple[str | int, ...]) -> Part:
        asked = raw if isinstance(raw, Mapping) and raw else {"eq": raw}
        sizes = {str(op).removeprefix("$"): number for op, number in asked.items()}
        for op, number in sizes.items():
            if op not in ("eq", "ne", *_ORDER) or isinstance(number, bool) or not isinstance(number, int):
                self.wrong(
                    at, f'"size" takes a whole number, or eq, ne, {", ".join(_ORDER)} with one, not {js.shown(raw)}'
                )
                return self.ask("eq", None)
        inner = value_test({"$size": {f"${op}": number for op, number in sizes.items()}}, {}, ())
        told = " and ".join(f"{_WORDS[op]} {number}" for op, number in sizes.items())
        return leaf(f"the number of {self.name} {told}", at_path(self.path, inner), self.saw)

    def element(self, raw: Any, at: tuple[str | int, ...]) -> Part:
        """That one element of a list meets all that is asked of it: of its fields, {sku: a-17, count: {gte: 2}}, or,
        where every word has a dollar, of itself. A field may be called what an operator is."""
        if not isinstance(raw, Mapping) or not raw:
            self.wrong(at, f'"elemMatch" takes what is asked of an element, such as {{sku: a-17}}, not {js.shown(raw)}')
            return self.ask("eq", None)
        itself = all(str(key).startswith("$") for key in raw)
        asked = {"": raw} if itself else raw
        parts = [
            _Question(str(key) or "element", self.fact, tuple(str(key).split(".")), self.errors).part(
                value, at if itself else (*at, key)
            )
            for key, value in asked.items()
        ]
        whole = every(parts).code.function()
        holds = some_element((lambda value: whole({"": value})) if itself else of_element(whole))
        return leaf(f"an element of {self.name} has {js.shown(raw)}", at_path(self.path, calling(holds)), self.saw)

    def several(self, raw: Sequence[Any], at: tuple[str | int, ...]) -> list[Any]:
        if not raw:
            self.wrong(at, f"{self.name} is compared with an empty list")
        return [self.operand(item, (*at, i)) for i, item in enumerate(raw)]

    def operand(self, raw: Any, at: tuple[str | int, ...]) -> Any:
        """The value to compare with, checked against the fact's type."""
        try:
            return _READERS[self.fact.type](raw, self.fact)
        except ValueError as error:
            message, _, hint = str(error).partition("|")
            self.wrong(at, message or f"{self.name} is {_NOUNS[self.fact.type]}, not {js.shown(raw)}", hint)
            return raw

    def wrong(self, at: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self.errors.append(ConditionError(at, message, hint))

    def refused(self, written: str, op: str) -> tuple[str, str]:
        fitting = ", ".join(OPERATORS[self.fact.type])
        if op in ("inGroup", "notInGroup"):
            return f'"{written}" cannot be used here', "a saved group is a segment here: write its name alone"
        if op in _ALL_OPERATORS:
            return f'"{written}" does not suit {self.name}, which is {_NOUNS[self.fact.type]}', f"it takes {fitting}"
        meant = f'did you mean "{_MEANT[op]}"?' if op in _MEANT else suggestion(op, OPERATORS[self.fact.type])
        return f'there is no operator "{written}"', meant or f"{self.name} takes {fitting}"

    def shown(self, value: Any) -> str:
        if isinstance(value, list):
            return ", ".join(map(self.shown, value))
        if self.fact.type == "duration" and isinstance(value, int | float):
            return shown_duration(value)
        return value if isinstance(value, str) else js.shown(value)

    def saw(self, facts: Facts) -> str:
        value = look_up(facts, self.path)
        if value is None:
            zero = " and counts as 0" if self.fact.type in ("number", "duration") else ""
            return f"{self.name} is not known{zero}"
        if self.fact.type == "duration" and isinstance(value, int | float):
            return f"{self.name} = {shown_age(value)}"
        return f"{self.name} = {js.shown(value)}"


# --- operands: type -> what was written -> the value to compare with -------------------------------------
# Each raises ValueError("message|hint"); without a message the caller says which type was needed.


def _number(raw: Any, fact: Fact) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError("|write it without quotes" if isinstance(raw, str) and _is_number(raw) else "")
    return raw


def _is_number(text: str) -> bool:
    return js.number(text) == js.number(text) and text.strip() != ""


def _duration(raw: Any, fact: Fact) -> float:
    return duration(raw)


def _text(raw: Any, fact: Fact) -> str:
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)  # {utm.campaign: 2026}
    if not isinstance(raw, str):
        raise ValueError("|put it in quotes" if isinstance(raw, bool | float) else "")
    if fact.choices and raw not in fact.choices:
        raise ValueError(
            f'{fact.name} is never "{raw}"; it is one of {", ".join(fact.choices)}|{suggestion(raw, fact.choices)}'
        )
    if fact.name == "country" and not _COUNTRY.fullmatch(raw):
        upper = raw.strip().upper()
        hint = f'did you mean "{upper}"?' if _COUNTRY.fullmatch(upper) else "such as TR or DE"
        raise ValueError(f'a country is two capital letters (ISO 3166), not "{raw}"|{hint}')
    return raw


def _date(raw: Any, fact: Fact) -> str:
    if not isinstance(raw, str) or not _DATE.fullmatch(raw):
        raise ValueError
    return raw


def _flag(raw: Any, fact: Fact) -> bool:
    if not isinstance(raw, bool):
        raise ValueError
    return raw


def _any(raw: Any, fact: Fact) -> Any:
    if not isinstance(raw, str | int | float | bool):
        raise ValueError
    return raw


_READERS: Mapping[str, Callable[[Any, Fact], Any]] = {
    "number": _number, "duration": _duration, "date": _date, "text": _text, "flag": _flag,
    "list": _text, "names": _text, "any": _any,
}  # fmt: skip
