"""What the models expect at a path, in words: the keys known there, and the kind of value."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .models import CONTENT_WORDS, Condition, Config, Content, Duration, Share, Size
from .tree import Path

_QUANTITIES = (Duration, Share, Size)
_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the key an editor writes. A content's `kind` is worked out, never written."""
    return {
        info.alias or name: info
        for name, info in model.model_fields.items()
        if not (model is Content and name == "kind")
    }


def expected(path: Path, model: Any = Config) -> Any:
    """The annotation of the value at a path, None where the models say nothing of it."""
    annotation: Any = model
    for part in path:
        annotation = _inside(annotation, part)
    return annotation


def keys_at(path: Path) -> list[str]:
    """The keys known in the mapping at a path; empty where any key fits."""
    for branch in branches(expected(path)):
        if is_model(branch):
            return list(fields(branch))
    return []


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def branches(annotation: Any) -> list[Any]:
    """The alternatives of a union, one for anything else."""
    if annotation in _QUANTITIES:
        return [annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return branches(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [inner for a in get_args(annotation) if a is not type(None) for inner in branches(a)]
    return [annotation]


def _inside(annotation: Any, part: str | int) -> Any:
    for branch in branches(annotation):
        if is_model(branch) and isinstance(part, str):
            info = fields(branch).get(part)
            if info is not None:
                return field_type(info)
        origin, arguments = get_origin(branch), get_args(branch)
        if origin is dict and isinstance(part, str):
            return arguments[1]
        if origin in (list, tuple) and isinstance(part, int):
            return arguments[0]
    return None


def field_type(info: FieldInfo) -> Any:
    """A field's annotation, with quantities kept as such."""
    for kind in _QUANTITIES:
        if any(marker in info.metadata for marker in get_args(kind)[1:]):
            return kind
    return info.annotation


def words(annotation: Any) -> str:
    """A kind of value in words, such as "text, or a list of texts"."""
    if annotation is Condition:
        return "a segment's name, a condition, or a list of them"
    said = [_word(branch) for branch in branches(annotation)]
    return ", or ".join(dict.fromkeys(said)) or "another value"


def _word(branch: Any) -> str:
    if branch is Duration:
        return 'a duration such as "10m"'
    if branch is Share:
        return 'a share such as "50%"'
    if branch is Size:
        return 'a size such as "64MB"'
    if branch is Content:
        return f"{', '.join(CONTENT_WORDS)}, or a mapping with html, template, parts or source"
    if branch in _PLAIN:
        return _PLAIN[branch]
    if is_model(branch):
        return "a mapping"
    origin, arguments = get_origin(branch), get_args(branch)
    if origin is Literal:
        return ("one of " if len(arguments) > 1 else "") + ", ".join(str(choice) for choice in arguments)
    if origin is list:
        inner = _word(branches(arguments[0])[0]) if arguments else ""
        return "a list of texts" if inner == "text" else "a list"
    if origin is tuple:
        return "a list of two numbers"
    if origin is dict or branch is Mapping:
        return "a mapping"
    return "another value"
