"""Import strings: "package.module:Name" -> the object named, or a PluginError that says what is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import PluginError
from .model import Mark, Problem


def load_object(name: str, mark: Mark) -> Any:
    """The object that `name` ("package.module:attribute.attribute") stands for.

    Raises PluginError, marked with the place in the config. An ImportError raised from inside the target
    module is not hidden: it is the cause shown.
    """
    module_name, colon, attributes = name.partition(":")
    if not colon or not module_name or not attributes:
        raise _problem(mark, f'"{name}" is not an import string', 'write "package.module:Name"')
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise _problem(mark, f'there is no module "{error.name}" to import', "is it installed, and on the path?")
        raise
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            near = ", ".join(sorted(n for n in vars(found) if not n.startswith("_"))[:8])
            raise _problem(mark, f'"{module_name}" has no "{attributes}"', f"it has: {near}")
    return found


def make_plugin(name: str, mark: Mark, has: tuple[str, ...], *arguments: Any) -> Any:
    """What the class or function at `name` makes of `arguments`, which must have the attributes `has`. Raises
    PluginError for whatever goes wrong on the way, with the plugin's own error as its cause."""
    try:
        made = load_object(name, mark)(*arguments)
    except PluginError:
        raise
    except Exception as error:  # a plugin's own mistake
        raise _problem(mark, f'"{name}" could not be made: {type(error).__name__}: {error}', "") from error
    if missing := [attribute for attribute in has if not hasattr(made, attribute)]:
        raise _problem(mark, f'"{name}" does not fit here: it has no {", ".join(missing)}', "see personalize.protocols")
    return made


def _problem(mark: Mark, message: str, hint: str) -> PluginError:
    return PluginError([Problem(mark, "PZ320", message, hint=hint)])
