"""Conditions as Python expressions, compiled once: they cost little more than the same tests written by hand.

An expression is put together from the templates in this package and from generated names (c0, c1, ...) for everything
an editor wrote, so nothing written by anybody becomes code. `f` stands for the facts. The expression of one value's
test has a single `@` where the value is first taken; after it, it is `v`. What is looked up in the facts has a name of
its own (p0_, p1_, ...), so that several conditions in one function can look it up once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

Test = Callable[[Any], bool]

_numbers = count()
_DEEPEST = 30  # Python's parser gives up beyond some hundred open brackets


@dataclass(frozen=True, slots=True)
class Code:
    """An expression, the values behind its names, how deep it is nested, and what its names for facts look up."""

    text: str
    names: Mapping[str, Any]
    depth: int = 1
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def function(self) -> Test:
        """The expression as a function of facts; for a value's test, of the value."""
        text, names = self.text.replace("@", "v := f"), dict(self.names)
        for name, parts in self.paths.items():
            taken = taking(parts)
            text = text.replace(name, f"({taken.text})")
            names.update(taken.names)
        return cast(Test, eval(f"lambda f: {text}", {"__builtins__": {}, **names}))


class Together:
    """Several conditions as parts of one function of facts, in which each fact is looked up once."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        self._facts: dict[tuple[str, ...], str] = {}

    def expression(self, part: Code) -> str:
        """A condition's expression."""
        text = part.text
        self._names.update(part.names)
        for name, parts in part.paths.items():
            text = text.replace(name, self._facts.setdefault(parts, f"l{len(self._facts)}"))
        return text

    def constant(self, value: Any) -> str:
        """A name for a value."""
        name = f"c{next(_numbers)}"
        self._names[name] = value
        return name

    def function(self, more: str, body: Sequence[str]) -> Callable[..., Any]:
        """A function of the facts `f` and of `more` arguments, with the lines of `body`, indented by one, in it."""
        lines = [f"def made(f, {more}):"]
        for parts, name in self._facts.items():
            taken = taking(parts)
            self._names.update(taken.names)
            lines.append(f" {name} = {taken.text}")
        space: dict[str, Any] = {"__builtins__": {}, **self._names}
        exec("\n".join([*lines, *body]), space)
        return cast(Callable[..., Any], space["made"])


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
    return _shallow(Code(f"(not {part.text})", part.names, part.depth + 1, part.paths))


def _joined(word: str, parts: Sequence[Code]) -> Code:
    if not parts:
        return Code("True", {})
    if len(parts) == 1:
        return parts[0]
    names = {name: value for part in parts for name, value in part.names.items()}
    paths = {name: path for part in parts for name, path in part.paths.items()}
    return _shallow(Code(f"({word.join(part.text for part in parts)})", names, 1 + max(p.depth for p in parts), paths))


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
    name = f"p{next(_numbers)}_"
    return Code(test.text.replace("@", f"v := {name}"), test.names, test.depth + 2, {name: tuple(parts)})


def taking(parts: Sequence[str]) -> Code:
    """The value found under `parts`, or None."""
    if len(parts) == 1:
        return code("f.get({key})", key=parts[0])
    if len(parts) == 2:
        inner = "v.get({inner}) if (v := f.get({outer})).__class__ is {dict} else {step}(v, {inner})"
        return code(inner, outer=parts[0], inner=parts[1], dict=dict, step=step)
    return code("{look_up}(f, {parts})", look_up=look_up, parts=tuple(parts))


def look_up(facts: Any, parts: Sequence[str]) -> Any:
    """The value under `parts`, or None."""
    for part in parts:
        facts = step(facts, part)
    return facts


def step(value: Any, key: str) -> Any:
    """What stands under one key, or at one place of a list; None where there is nothing."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list | tuple):
        if key == "length":
            return len(value)
        place = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else len(value)
        if place < len(value) and key == str(place):
            return value[place]
    return None
