"""Conditions as Python expressions, compiled once: they cost little more than the same tests written by hand.

An expression is put together from the templates in this package and from generated names (c0, c1, ...) for everything
an editor wrote, so nothing written by anybody becomes code. `f` stands for the facts. The expression of one value's
test has a single `@` where the value is first taken; after it, it is `v`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

Test = Callable[[Any], bool]

_numbers = count()
_DEEPEST = 30  # Python's parser gives up beyond some hundred open brackets


@dataclass(frozen=True, slots=True)
class Code:
    """An expression, the values behind its names, and how deep it is nested."""

    text: str
    names: Mapping[str, Any]
    depth: int = 1

    def function(self) -> Test:
        """The expression as a function of facts; for a value's test, of the value."""
        text = self.text.replace("@", "v := f")
        return cast(Test, eval(f"lambda f: {text}", {"__builtins__": {}, **self.names}))


def code(template: str, **constants: Any) -> Code:
    """An expression from a template whose {fields} are constants. Written by us alone."""
    fields = {field: f"c{next(_numbers)}" for field in constants}
    return Code(template.format(**fields), {fields[field]: value for field, value in constants.items()})


def calling(test: Test) -> Code:
    """The expression of a value's test that is a plain function."""
    return code("{test}(@)", test=test)


def all_of(parts: Sequence[Code]) -> Code:
    """Holds if every part does; an empty one holds."""
    return _joined(" and ", parts)


def any_of(parts: Sequence[Code]) -> Code:
    """Holds if one part does; an empty one holds, as GrowthBook's `$or: []` does."""
    return _joined(" or ", parts)


def none_of(part: Code) -> Code:
    """Holds if the part does not."""
    return _shallow(Code(f"(not {part.text})", part.names, part.depth + 1))


def _joined(word: str, parts: Sequence[Code]) -> Code:
    if not parts:
        return Code("True", {})
    if len(parts) == 1:
        return parts[0]
    names = {name: value for part in parts for name, value in part.names.items()}
    return _shallow(Code(f"({word.join(part.text for part in parts)})", names, 1 + max(p.depth for p in parts)))


def _shallow(deep: Code) -> Code:
    """The same; an expression that got too deep becomes a function that is called."""
    if deep.depth < _DEEPEST:
        return deep
    return code("{test}(@)" if "@" in deep.text else "{test}(f)", test=deep.function())


def with_value(tests: Sequence[Code]) -> Code:
    """All of the tests of one value, which is taken once."""
    first, *others = tests
    return all_of([first, *(Code(test.text.replace("@", "v"), test.names, test.depth) for test in others)])


def at_path(parts: Sequence[str], test: Code) -> Code:
    """The test of the value found under `parts`, one key after the other; None where there is none."""
    if len(parts) == 1:
        taken = code("v := f.get({key})", key=parts[0])
    elif len(parts) == 2:
        inner = "v.get({inner}) if (v := f.get({outer})).__class__ is {dict} else {step}(v, {inner})"
        taken = code(f"v := ({inner})", outer=parts[0], inner=parts[1], dict=dict, step=step)
    else:
        taken = code("v := {look_up}(f, {parts})", look_up=look_up, parts=tuple(parts))
    return Code(test.text.replace("@", taken.text), {**test.names, **taken.names}, test.depth + 2)


def look_up(facts: Any, parts: Sequence[str]) -> Any:
    """The value under `parts`, or None."""
    for part in parts:
        facts = step(facts, part)
    return facts


def step(value: Any, key: str) -> Any:
    """What stands under one key, or at one place of a list; None where there is nothing."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list | tuple) and key.isascii() and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return None
