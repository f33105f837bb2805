"""Questions about the visitor's past: viewed, bought, happened ... Checked here, answered by the profile's floor.

{viewed: {path: /pricing, within: 7d}}            a page under a path pattern (literal, * one segment, ** the rest)
{viewed: {items: {gte: 2}, within: 7d}}           so many different products
{viewed: {category: shoes, times: {gte: 3}}}      so many views that match
{bought: {category: toothpaste, within: 90d}}     an order with a matching product
{bought: {same_item: true, within: 90d}}          any product that was viewed was also ordered
{replenishment: {category: toothpaste, due_within: 5d}}   the next purchase, by the visitor's own interval, is due
                                                          within that time, or overdue
{happened: {event: Email Opened, within: 7d}}     an event of that name, from whichever channel
{favourite: {brand: Acme, within: 90d}}           viewed and bought most often: no other category, or brand, more often,
                                                  and this one at least twice
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, cast

from ..errors import ConditionError
from ..paths import compile_path
from ..quantities import duration
from .facts import suggestion

Kind = Literal["viewed", "bought", "replenishment", "happened", "favourite"]

# kind -> what may be asked, and which type each part has
_PRODUCT = {"item": "text", "category": "text", "brand": "text"}
_HOW_OFTEN = {"items": "count", "times": "count", "within": "duration"}
_PARTS: Mapping[str, Mapping[str, str]] = {
    "viewed": {"path": "path", **_PRODUCT, **_HOW_OFTEN},
    "bought": {**_PRODUCT, "same_item": "true", **_HOW_OFTEN},
    "replenishment": {**_PRODUCT, "due_within": "duration"},
    "happened": {"event": "text", "within": "duration"},
    "favourite": {"category": "text", "brand": "text", "within": "duration"},
}
_COUNTS = ("eq", "gt", "gte", "lt", "lte")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One such question. `key` is its canonical text and the name of its boolean among the facts.

    `spec` holds only the parts that were written, durations in seconds: path, item, category, brand, event: text;
    same_item: True; items (different products) and times (matching views or orders): {"gte": 2.0}, every operator of
    eq gt gte lt lte to hold; within, due_within.
    """

    key: str
    kind: Kind
    spec: Mapping[str, Any]

    def __hash__(self) -> int:
        return hash(self.key)


def compile_behaviour(kind: str, raw: Any, at: tuple[str | int, ...] = ()) -> Behaviour:
    """The checked question for {kind: raw}. Raises ConditionError, with `at` in front of its path."""
    parts = _PARTS[kind]
    if kind in ("viewed", "bought") and raw is True:
        raw = {}  # {bought: true}: anything, ever
    if not isinstance(raw, Mapping):
        raise ConditionError(
            at, f"{kind} takes a mapping of {', '.join(parts)}", f"such as {{{kind}: {_EXAMPLES[kind]}}}"
        )
    errors: list[ConditionError] = []
    spec: dict[str, Any] = {}
    for name, value in raw.items():
        where = (*at, name)
        if name not in parts:
            errors.append(
                ConditionError(
                    where, f'{kind} has no "{name}"; it takes {", ".join(parts)}', suggestion(str(name), parts)
                )
            )
            continue
        try:
            spec[name] = _part(parts[name], value)
        except ValueError as error:
            errors.append(ConditionError(where, f"{kind}.{name}: {error}"))
    if not errors:
        errors += _missing(kind, spec, at)
    if errors:
        raise ConditionError(errors[0].path, errors[0].message, errors[0].hint, errors[1:])
    ordered = {name: spec[name] for name in parts if name in spec}
    return Behaviour(_key(kind, ordered), cast(Kind, kind), MappingProxyType(ordered))


def _missing(kind: str, spec: Mapping[str, Any], at: tuple[str | int, ...]) -> list[ConditionError]:
    if kind == "replenishment" and not _PRODUCT.keys() & spec.keys():
        return [ConditionError(at, "replenishment needs an item, a category or a brand")]
    if kind == "replenishment" and "due_within" not in spec:
        return [ConditionError(at, "replenishment needs due_within", "such as due_within: 5d")]
    if kind == "happened" and "event" not in spec:
        return [ConditionError(at, "happened needs an event", "such as event: Email Opened")]
    if kind == "favourite" and len({"category", "brand"} & spec.keys()) != 1:
        return [ConditionError(at, "favourite needs a category or a brand", "one of them")]
    return []


def _part(kind: str, value: Any) -> Any:
    if kind == "duration":
        return duration(value)
    if kind == "count":
        if isinstance(value, int) and not isinstance(value, bool):
            return {"gte": float(value)}  # {items: 2}: at least two
        wrong = "a count is written as a number, or as {gte: 2} with " + ", ".join(_COUNTS)
        if not isinstance(value, Mapping) or not value or not set(value) <= set(_COUNTS):
            raise ValueError(wrong)
        if any(isinstance(n, bool) or not isinstance(n, int | float) for n in value.values()):
            raise ValueError(wrong)
        return {op: float(value[op]) for op in _COUNTS if op in value}
    if kind == "true":
        if value is not True:
            raise ValueError('only "true" can be written here; to turn it round, put the question under "not"')
        return True
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError("a text is needed here")
    if kind == "path":
        compile_path(str(value))  # says what is wrong with a pattern
    return str(value)


def _key(kind: str, spec: Mapping[str, Any]) -> str:
    return f"{kind}({', '.join(f'{name} {_shown(name, value)}' for name, value in spec.items())})"


def _shown(name: str, value: Any) -> str:
    if name.endswith("within"):
        return shown_duration(value)
    if isinstance(value, Mapping):
        return " ".join(f"{op} {n:g}" for op, n in value.items())
    return json.dumps(value, ensure_ascii=False)


def path_test(pattern: str) -> Callable[[str], bool]:
    """Whether a path meets a behaviour's path pattern. Raises ValueError for a pattern that is none."""
    match = compile_path(pattern).match
    # A visitor's views are asked again on every page, and are of the same paths as other visitors'.
    return lru_cache(maxsize=1024)(lambda path: match(path) is not None)


def shown_duration(seconds: float) -> str:
    """The shortest exact writing of a duration in one unit: 604800.0 is "7d", 5400.0 "90m"."""
    if seconds > 0:
        for size, unit in _UNITS:
            if seconds % size == 0:
                return f"{seconds / size:.0f}{unit}"
    return f"{seconds!r}s" if seconds % 1 else f"{seconds:.0f}s"


def shown_age(seconds: float) -> str:
    """An age for reading, not exact: 4000.0 is "67m", 100000.0 "27.8h"."""
    for size, unit, least in ((86_400, "d", 2), (3_600, "h", 2), (60, "m", 2)):
        if seconds >= least * size:
            return f"{seconds / size:.{0 if unit == 'm' else 1}f}{unit}".replace(".0", "")
    return f"{max(0.0, seconds):.0f}s"


_EXAMPLES = {
    "viewed": "{path: /pricing, within: 7d}",
    "bought": "{category: toothpaste, within: 90d}",
    "replenishment": "{category: toothpaste, due_within: 5d}",
    "happened": "{event: Email Opened, within: 7d}",
    "favourite": "{brand: Acme, within: 90d}",
}
