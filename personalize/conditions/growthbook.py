"""GrowthBook's targeting conditions, compiled once.

The language is the one of https://docs.growthbook.io/lib/build-your-own#attributes-and-conditions (a subset of
MongoDB's queries); where values are mixed or missing it behaves as GrowthBook's JavaScript SDK does, which its
published cases fix. A compiled condition is a plain function of the attributes: no IO, no state, and it never raises.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ConditionError
from . import javascript as js
from .code import Code, Test, all_of, any_of, at_path, calling, code, none_of, with_value
from .patterns import compile_pattern
from .versions import PADDED, padded

# A saved group is a plain list of values, or says what it is: {"type": "list", "attributeKey": ..., "values": [...]} or
# {"type": "condition", "condition": {...}}.
Groups = Mapping[str, Sequence[Any] | Mapping[str, Any]]
At = tuple[str | int, ...]


def compile_condition(condition: Mapping[str, Any], groups: Groups = {}) -> Callable[[Mapping[str, Any]], bool]:  # noqa: B006
    """A function that says whether attributes meet `condition`, a GrowthBook condition verbatim; `groups` are its
    saved groups. As there, an operator nobody knows and a regular expression that is none never hold. Raises
    ConditionError for a condition of the wrong shape, and for a pattern that only a backtracking engine could run."""
    return _condition(condition, groups, ()).function()


def _condition(condition: Any, groups: Groups, at: At, within: frozenset[str] = frozenset()) -> Code:
    """A condition's code; `within` are the saved groups that it is part of, so that none is asked inside itself."""
    if not isinstance(condition, Mapping):
        raise ConditionError(at, f"a condition is a mapping, not {js.shown(condition)}")
    tests: list[Code] = []
    for key, value in condition.items():
        where = (*at, key)
        if key in ("$and", "$or", "$nor"):
            if not isinstance(value, list | tuple):
                raise ConditionError(where, f"{key} takes a list of conditions")
            inner = [_condition(c, groups, (*where, i), within) for i, c in enumerate(value)]
            tests.append(all_of(inner) if key == "$and" else any_of(inner) if key == "$or" else none_of(any_of(inner)))
        elif key == "$not":
            tests.append(none_of(_condition(value, groups, where, within)))
        elif key == "$savedGroup":
            tests.append(_saved_group(value, groups, where, within))
        else:
            tests.append(at_path(str(key).split("."), value_test(value, groups, where)))
    return all_of(tests)


def _saved_group(reference: Any, groups: Groups, at: At, within: frozenset[str]) -> Code:
    """Whether one is in a saved group, {"id": ..., "attributeKey": ...}; as in GrowthBook, nobody is in a group that is
    not there, that says nothing of its kind, or that asks for itself."""
    known = reference if isinstance(reference, Mapping) else {}
    name = known.get("id")
    group = groups.get(name) if isinstance(name, str) and name not in within else None
    if not isinstance(group, Mapping):
        return code("False")
    condition, values = group.get("condition"), group.get("values")
    key = known.get("attributeKey", group.get("attributeKey"))
    if group.get("type") == "list" and isinstance(key, str) and isinstance(values, list | tuple):
        return at_path(key.split("."), _among(values, False))
    if group.get("type") == "condition" and isinstance(condition, Mapping):
        return _condition(condition, groups, at, within | {str(name)})
    return code("False")


def value_test(condition: Any, groups: Groups, at: At, ignore_case: bool = False) -> Code:
    """The test of one value against a literal or a mapping of `$operators`."""
    if isinstance(condition, str):
        if ignore_case:
            folded = condition.lower()
            return calling(lambda value: js.text(value).lower() == folded)
        return if_text("v == {wanted}", lambda value: js.text(value) == condition, wanted=condition)
    if isinstance(condition, bool):
        return calling(lambda value: value is not None and js.truthy(value) is condition)
    if condition is None:
        return code("((@) is None)")
    if isinstance(condition, int | float):
        return _if_number("v == {wanted}", lambda value: js.number(value) == condition, wanted=condition)
    if not _is_operators(condition):
        return calling(lambda value: js.same_deeply(value, condition))
    return with_value([_operator(op, operand, groups, (*at, op)) for op, operand in condition.items()])


def _is_operators(condition: Any) -> bool:
    return isinstance(condition, Mapping) and bool(condition) and all(str(k).startswith("$") for k in condition)


def if_text(template: str, otherwise: Test, **constants: Any) -> Code:
    """A quick test where the value is a text, and the careful one for all others."""
    return code(
        f"({template} if (@).__class__ is {{text}} else {{otherwise}}(v))", text=str, otherwise=otherwise, **constants
    )


def _if_number(template: str, otherwise: Test, **constants: Any) -> Code:
    """A quick test where the value is a number, and the careful one for all others."""
    return code(
        f"({template} if (@).__class__ in {{numbers}} else {{otherwise}}(v))",
        numbers=_NUMBERS,
        otherwise=otherwise,
        **constants,
    )


_NUMBERS = frozenset((int, float))


def _operator(op: str, operand: Any, groups: Groups, at: At) -> Code:
    if op in _ORDER:
        return _ordered(op, operand)
    if (comparison := _COMPARISONS.get(op)) is not None:
        return comparison(operand)
    if op in ("$in", "$ini", "$nin", "$nini"):
        if not isinstance(operand, list | tuple):
            return calling(_never)
        among = _among(operand, op.endswith("ni"))
        return among if op in ("$in", "$ini") else none_of(among)
    if op in ("$inGroup", "$notInGroup"):
        listed: Any = groups.get(operand, ()) if isinstance(operand, str) else ()
        if isinstance(listed, Mapping):
            listed = listed.get("values") if listed.get("type") == "list" else None
        if not isinstance(listed, list | tuple):  # a group of another kind: neither in it nor known to be outside
            return calling(_never)
        among = _among(listed, False)
        return among if op == "$inGroup" else none_of(among)
    if op == "$not":
        return none_of(value_test(operand, groups, at))
    if op == "$size":
        size = value_test(operand, groups, at).function()
        return calling(lambda value: isinstance(value, js.LISTS) and size(len(value)))
    if op in ("$all", "$alli"):
        if not isinstance(operand, list | tuple):
            return calling(_never)
        wanted = [value_test(c, groups, (*at, i), op == "$alli").function() for i, c in enumerate(operand)]
        return calling(
            lambda value: isinstance(value, js.LISTS) and all(any(test(v) for v in value) for test in wanted)
        )
    if op == "$elemMatch":
        if _is_operators(operand):
            each = value_test(operand, groups, at).function()
        else:
            each = of_element(_condition(operand, groups, at).function())
        return calling(some_element(each))
    if op in ("$regex", "$regexi", "$notRegex", "$notRegexi"):
        return _regex(operand, op.endswith("i"), op.startswith("$not"), at)
    return calling(_never)  # as in GrowthBook: an operator nobody knows never holds


def _never(value: Any) -> bool:
    return False


def some_element(each: Test) -> Test:
    """Whether a test holds of one value of a list; null is passed over."""

    def holds(value: Any) -> bool:
        if isinstance(value, js.LISTS):
            for element in value:
                if element is not None and each(element):
                    return True
        return False

    return holds


def of_element(condition: Test) -> Test:
    """A condition for a list's element, which may be anything; in what is no mapping nothing is found."""

    def holds(value: Any) -> bool:
        if isinstance(value, list | tuple):
            value = {"length": len(value)} | {str(i): inner for i, inner in enumerate(value)}
        return condition(value if isinstance(value, Mapping) else {})

    return holds


def _among(wanted: Sequence[Any], ignore_case: bool) -> Code:
    """Whether a value, or one value of a list, is one of `wanted`."""
    # A set needs keys that tell true from 1; lists and objects are never the same as another.
    plain = [_fold(v) if ignore_case else v for v in wanted if v is None or isinstance(v, str | int | float)]
    keys = frozenset((v.__class__ is bool, v) for v in plain)
    texts = frozenset(v for v in plain if isinstance(v, str))

    def one(value: Any) -> bool:
        if isinstance(value, str):
            return (value.lower() if ignore_case else value) in texts
        return (value is None or isinstance(value, int | float)) and (value.__class__ is bool, value) in keys

    only_texts = len(texts) == len(keys)

    def otherwise(value: Any) -> bool:
        if not isinstance(value, js.LISTS):
            return one(value)
        if not ignore_case:
            try:
                if not texts.isdisjoint(value):
                    return True
            except TypeError:  # a list or an object is in it
                return any(map(one, value))
            if only_texts:
                return False
        return any(map(one, value))

    return calling(otherwise) if ignore_case else if_text("v in {texts}", otherwise, texts=texts)


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _regex(pattern: Any, ignore_case: bool, turned: bool, at: At) -> Code:
    """Whether a pattern is found in a value or, `turned`, is not; a pattern that is none fails both. (GrowthBook's
    JavaScript has no `$notRegex`; its Python, Kotlin and Swift do, and disagree about patterns that are none.)"""
    if not isinstance(pattern, str):
        return calling(_never)
    try:
        matches = compile_pattern(pattern, ignore_case)
    except ValueError as error:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError):
            return calling(_never)
        raise ConditionError(at, f"the pattern {pattern!r} cannot be run in linear time: {error}") from None
    found = if_text("{matches}(v)", lambda value: matches(js.text(value)), matches=matches)
    return none_of(found) if turned else found


# --- comparisons: $name -> operand -> test -------------------------------------------------------------

_ORDER: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "$lt": ("<", js.less),
    "$lte": ("<=", js.at_most),
    "$gt": (">", lambda value, operand: js.less(operand, value)),
    "$gte": (">=", lambda value, operand: js.at_most(operand, value)),
}


def _ordered(op: str, operand: Any) -> Code:
    sign, compare = _ORDER[op]
    careful: Test = lambda value: compare(value, operand)
    if operand.__class__ in _NUMBERS:
        return _if_number(f"v {sign} {{operand}}", careful, operand=operand)
    return calling(careful)


def _equal(operand: Any) -> Code:
    if operand.__class__ is str:
        return if_text("v == {wanted}", _never, wanted=operand)
    return calling(lambda value: js.same(value, operand))


def _versions(sign: str, compare: Callable[[str, str], bool]) -> Callable[[Any], Code]:
    def against(operand: Any) -> Code:
        wanted = padded(operand)
        careful: Test = lambda value: compare(padded(value), wanted)
        return if_text(f"{{known}}[v] {sign} {{wanted}}", careful, known=PADDED, wanted=wanted)

    return against


_COMPARISONS: Mapping[str, Callable[[Any], Code]] = {
    "$eq": _equal,
    "$ne": lambda operand: none_of(_equal(operand)),
    "$exists": lambda operand: code("((@) is not None)" if js.truthy(operand) else "((@) is None)"),
    "$type": lambda operand: calling(lambda value: js.kind(value) == operand),
    "$veq": _versions("==", operator.eq),
    "$vne": _versions("!=", operator.ne),
    "$vgt": _versions(">", operator.gt),
    "$vgte": _versions(">=", operator.ge),
    "$vlt": _versions("<", operator.lt),
    "$vlte": _versions("<=", operator.le),
}
