"""The reference page of every key, made from the models: `python -m personalize.config.reference`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..quantities import Duration, Size, written, written_size
from .models import Config, Content
from .shape import branches, field_type, fields, is_model, words

_HEAD = """\
# Every key of the configuration

This page is made from the code; what each message means is in [problems](problems.md).

Times are in the one `timezone`. A duration is written as `50ms`, `90s`, `10m`, `12h`, `7d` or `2w` (a plain number is
seconds), a share as `50%` or `0.5`, a size as `500KB`, `64MB` or `2GB` (a plain number is bytes). Names of slots,
segments, sources and experiences hold a-z, 0-9, `-` and `_`.
`${NAME}` and `${NAME:-default}` are filled from the environment in `store`, `hot`, `sources.NAME.url`, `catalogue.file`
and `catalogue.url`. A file is read as YAML 1.2: `NO`, `on`, `10:30` and `0777` are texts. Anchors, aliases, tags and
keys written twice are refused, and so are files over 256 KB and nesting over 20 deep.
"""


def configuration_page() -> str:
    """The page, in Markdown: a section for each mapping of the language, a table row for each of its keys."""
    sections: dict[type[BaseModel], str] = {}
    _collect(Config, "", sections)
    return _HEAD + "".join(_section(model, path, sections) for model, path in sections.items())


def _collect(model: type[BaseModel], path: str, sections: dict[type[BaseModel], str]) -> None:
    """Every model under the first path that leads to it, in the order of the language."""
    sections[model] = path
    for key, info in fields(model).items():
        for suffix, inner in _models(field_type(info)):
            if inner not in sections:
                _collect(inner, f"{path}.{key}{suffix}".removeprefix("."), sections)


def _models(annotation: Any, suffix: str = "") -> list[tuple[str, type[BaseModel]]]:
    found: list[tuple[str, type[BaseModel]]] = []
    for branch in branches(annotation):
        arguments: Sequence[Any] = get_args(branch)
        if is_model(branch):
            found.append((suffix, branch))
        elif get_origin(branch) is list:
            found += _models(arguments[0], f"{suffix}[]")
        elif get_origin(branch) is dict:
            found += _models(arguments[1], f"{suffix}.NAME")
    return found


def _section(model: type[BaseModel], path: str, sections: dict[type[BaseModel], str]) -> str:
    title = "Content: what a slot can show" if model is Content else f"`{path}`" if path else "The file"
    about = " ".join((model.__doc__ or "").partition(" `kind` is")[0].split())
    rows = "".join(_row(key, info, sections) for key, info in fields(model).items())
    return f"\n## {title}\n\n{about}\n\n| key | value | default | |\n|--|--|--|--|\n{rows}"


def _row(key: str, info: FieldInfo, sections: dict[type[BaseModel], str]) -> str:
    kind = field_type(info)
    said = words(kind)
    for suffix, inner in _models(kind):
        where = "content" if inner is Content else f"`{sections[inner]}`"
        named = {"": "", ".NAME": "names, each with ", "[]": "a list of "}.get(suffix, "")
        said = "[content](#content-what-a-slot-can-show)" if where == "content" else f"{named}{where}"
    default = "required" if info.is_required() else _default(kind, info)
    return f"| `{key}` | {_cell(said + _bounds(info))} | {default} | {_cell(info.description or '')} |\n"


def _default(kind: Any, info: FieldInfo) -> str:
    value = info.default
    if value is None or value in ([], {}, "") or (isinstance(value, BaseModel) and not isinstance(value, Content)):
        return ""
    if isinstance(value, Content):
        return f"`{value.kind}`"
    if Duration in branches(kind):
        return f"`{written(value)}`"
    if Size in branches(kind):
        return f"`{written_size(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _bounds(info: FieldInfo) -> str:
    said = []
    for word, sign in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        said += [f"{sign} {getattr(m, word):g}" for m in info.metadata if getattr(m, word, None) is not None]
    return f", {' and '.join(said)}" if said else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(configuration_page(), end="")
