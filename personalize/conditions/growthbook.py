"""GrowthBook's targeting conditions, compiled once to closures.

The language is the one of https://docs.growthbook.io/lib/build-your-own#attributes-and-conditions (a subset of
MongoDB's queries); where values are mixed or missing it behaves as GrowthBook's JavaScript SDK does, which its
published cases fix. A compiled condition is a plain function of the attributes: no IO, no state, and it never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ConditionError
from . import javascript as js
from .patterns import compile_pattern
from .versions import padded

Test = Callable[[Any], bool]
Groups = Mapping[str, Sequence[Any]]


def compile_condition(condition: Mapping[str, Any], groups: Groups = {}) -> Callable[[Mapping[str, Any]], bool]:  # noqa: B006
    """A function that says whether attributes meet `condition`, a GrowthBook condition verbatim; `groups` are its
    saved groups. As there, an operator nobody knows and a regular expression that is none never hold. Raises
    ConditionError for a condition of the wrong shape, and for a pattern that only a backtracking engine could run."""
    return _condition(condition, groups, ())


def all_of(tests: Sequence[Test]) -> Test:
    """Holds if every test does; an empty one holds."""
    if not tests:
        return lambda value: True
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)
    fixed = tuple(tests)

    def every(value: Any) -> bool:
        for test in fixed:  # noqa: SIM110 - all() over a generator costs twice as much
            if not test(value):
                return False
        return True

    return every


def any_of(tests: Sequence[Test]) -> Test:
    """Holds if one test does; an empty one holds, as GrowthBook's `$or: []` does."""
    if not tests:
        return lambda value: True
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) or second(value)
    fixed = tuple(tests)

    def some(value: Any) -> bool:
        for test in fixed:  # noqa: SIM110
            if test(value):
                return True
        return False

    return some


def none_of(test: Test) -> Test:
    return lambda value: not test(value)


def _condition(condition: Any, groups: Groups, at: tuple[str | int, ...]) -> Test:
    if not isinstance(condition, Mapping):
        raise ConditionError(at, f"a condition is a mapping, not {js.shown(condition)}")
    tests: list[Test] = []
    for key, value in condition.items():
        where = (*at, key)
        if key in ("$and", "$or", "$nor"):
            if not isinstance(value, list | tuple):
                raise ConditionError(where, f"{key} takes a list of conditions")
            inner = [_condition(c, groups, (*where, i)) for i, c in enumerate(value)]
            tests.append(all_of(inner) if key == "$and" else any_of(inner) if key == "$or" else none_of(any_of(inner)))
        elif key == "$not":
            tests.append(none_of(_condition(value, groups, where)))
        else:
            tests.append(at_path(str(key).split("."), value_test(value, groups, where)))
    return all_of(tests)


def at_path(parts: Sequence[str], test: Test) -> Test:
    """The test of the value found under `parts`, one key after the other; None where there is none."""
    if len(parts) == 1:
        (only,) = parts
        return lambda facts: test(facts.get(only))
    if len(parts) == 2:
        outer, inner = parts

        def second(facts: Any) -> bool:
            value = facts.get(outer)
            return test(value.get(inner) if value.__class__ is dict else _step(value, inner))

        return second
    fixed = tuple(parts)
    return lambda facts: test(look_up(facts, fixed))


def look_up(facts: Any, parts: Sequence[str]) -> Any:
    """The value under `parts`, or None."""
    for part in parts:
        facts = _step(facts, part)
    return facts


def _step(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list | tuple) and key.isascii() and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return None


def _is_operators(condition: Any) -> bool:
    return isinstance(condition, Mapping) and bool(condition) and all(str(k).startswith("$") for k in condition)


def value_test(condition: Any, groups: Groups, at: tuple[str | int, ...], ignore_case: bool = False) -> Test:
    """The test of one value against a literal or a mapping of `$operators`."""
    if isinstance(condition, str):
        if ignore_case:
            folded = condition.lower()
            return lambda value: js.text(value).lower() == folded
        return lambda value: value == condition if value.__class__ is str else js.text(value) == condition
    if isinstance(condition, bool):
        return lambda value: value is not None and js.truthy(value) is condition
    if condition is None:
        return lambda value: value is None
    if isinstance(condition, int | float):
        return lambda value: js.number(value) == condition
    if not _is_operators(condition):
        return lambda value: js.same_deeply(value, condition)
    return all_of([_operator(op, operand, groups, (*at, op)) for op, operand in condition.items()])


def _operator(op: str, operand: Any, groups: Groups, at: tuple[str | int, ...]) -> Test:
    if (comparison := _COMPARISONS.get(op)) is not None:
        return comparison(operand)
    if op in ("$in", "$ini", "$nin", "$nini"):
        if not isinstance(operand, list | tuple):
            return lambda value: False
        among = _among(operand, op.endswith("ni"))
        return among if op in ("$in", "$ini") else none_of(among)
    if op in ("$inGroup", "$notInGroup"):
        among = _among(groups.get(operand, ()) if isinstance(operand, str) else (), False)
        return among if op == "$inGroup" else none_of(among)
    if op == "$not":
        return none_of(value_test(operand, groups, at))
    if op == "$size":
        size = value_test(operand, groups, at)
        return lambda value: isinstance(value, js.LISTS) and size(len(value))
    if op in ("$all", "$alli"):
        if not isinstance(operand, list | tuple):
            return lambda value: False
        wanted = [value_test(c, groups, (*at, i), op == "$alli") for i, c in enumerate(operand)]
        return lambda value: isinstance(value, js.LISTS) and all(any(test(v) for v in value) for test in wanted)
    if op == "$elemMatch":
        each = (
            value_test(operand, groups, at) if _is_operators(operand) else _of_element(_condition(operand, groups, at))
        )
        return lambda value: isinstance(value, js.LISTS) and any(js.truthy(v) and each(v) for v in value)
    if op in ("$regex", "$regexi"):
        return _regex(operand, op == "$regexi", at)
    return lambda value: False  # as in GrowthBook: an operator nobody knows never holds


def _of_element(condition: Test) -> Test:
    """A condition for a list's element, which may be anything; in what is no mapping nothing is found."""

    def holds(value: Any) -> bool:
        if isinstance(value, list | tuple):
            value = {str(i): inner for i, inner in enumerate(value)}
        return condition(value if isinstance(value, Mapping) else {})

    return holds


def _among(wanted: Sequence[Any], ignore_case: bool) -> Test:
    """Whether a value, or one value of a list, is one of `wanted`."""
    fold = _fold if ignore_case else _as_is
    # A set needs keys that tell true from 1; lists and objects are never the same as another.
    keys = frozenset((v.__class__ is bool, fold(v)) for v in wanted if v is None or isinstance(v, str | int | float))
    texts = frozenset(key for _, key in keys if isinstance(key, str))

    def one(value: Any) -> bool:
        if value.__class__ is str:
            return fold(value) in texts
        return (value is None or isinstance(value, int | float)) and (value.__class__ is bool, value) in keys

    if ignore_case:
        return lambda value: any(map(one, value)) if isinstance(value, js.LISTS) else one(value)
    return lambda value: (
        value in texts
        if value.__class__ is str
        else any(map(one, value))
        if isinstance(value, js.LISTS)
        else one(value)
    )


def _as_is(value: Any) -> Any:
    return value


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _regex(pattern: Any, ignore_case: bool, at: tuple[str | int, ...]) -> Test:
    source = js.text(pattern)
    try:
        matches = compile_pattern(source, ignore_case)
    except ValueError as error:
        try:
            re.compile(source)
        except (re.error, OverflowError, RecursionError):
            return lambda value: False
        raise ConditionError(at, f"the pattern {source!r} cannot be run in linear time: {error}") from None
    return lambda value: matches(value if value.__class__ is str else js.text(value))


_NUMBERS: frozenset[Any] = frozenset((int, float))


# --- comparisons: $name -> operand -> test -------------------------------------------------------------


def _less(operand: Any) -> Test:
    if operand.__class__ in (int, float):
        return lambda value: value < operand if value.__class__ in _NUMBERS else js.number(value) < operand
    return lambda value: js.less(value, operand)


def _at_most(operand: Any) -> Test:
    if operand.__class__ in (int, float):
        return lambda value: value <= operand if value.__class__ in _NUMBERS else js.number(value) <= operand
    return lambda value: js.at_most(value, operand)


def _more(operand: Any) -> Test:
    if operand.__class__ in (int, float):
        return lambda value: value > operand if value.__class__ in _NUMBERS else js.number(value) > operand
    return lambda value: js.less(operand, value)


def _at_least(operand: Any) -> Test:
    if operand.__class__ in (int, float):
        return lambda value: value >= operand if value.__class__ in _NUMBERS else js.number(value) >= operand
    return lambda value: js.at_most(operand, value)


def _equal(operand: Any) -> Test:
    if operand.__class__ is str:
        return lambda value: value.__class__ is str and value == operand
    return lambda value: js.same(value, operand)


def _exists(operand: Any) -> Test:
    if js.truthy(operand):
        return lambda value: value is not None
    return lambda value: value is None


def _versions(compare: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def against(operand: Any) -> Test:
        wanted = padded(operand)
        return lambda value: compare(padded(value), wanted)

    return against


_COMPARISONS: Mapping[str, Callable[[Any], Test]] = {
    "$eq": _equal,
    "$ne": lambda operand: none_of(_equal(operand)),
    "$lt": _less,
    "$lte": _at_most,
    "$gt": _more,
    "$gte": _at_least,
    "$exists": _exists,
    "$type": lambda operand: lambda value: js.kind(value) == operand,
    "$veq": _versions(lambda a, b: a == b),
    "$vne": _versions(lambda a, b: a != b),
    "$vgt": _versions(lambda a, b: a > b),
    "$vgte": _versions(lambda a, b: a >= b),
    "$vlt": _versions(lambda a, b: a < b),
    "$vlte": _versions(lambda a, b: a <= b),
}
