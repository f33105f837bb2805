"""The models' verdict on a tree, told in an editor's words: one sentence a slip, at its place."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import ValidationError

from .models import CONTENT_WORDS, Condition, Config, Content
from .problems import did_you_mean, nearest, quoted, spoken
from .shape import branches, expected, fields, keys_at, words
from .tree import Path, Tree

_YES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def validate(tree: Tree) -> Config | None:
    """The checked models of a tree, or None with the problems reported in the tree."""
    _report_empty(tree, (), tree.data)
    try:
        return Config.model_validate(tree.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    missing: dict[Path, list[str]] = {}
    for path in (_path(tree, d) for d in details if d["type"] == "missing"):
        missing.setdefault(path[:-1], []).append(str(path[-1]))
    for path in (_path(tree, d) for d in details if d["type"] == "extra_forbidden"):
        _report_unknown(tree, path, missing.get(path[:-1], []))
    for detail in details:
        path = _path(tree, detail)
        if detail["type"] == "missing":
            _report_missing(tree, path)
        elif detail["type"] != "extra_forbidden":
            _report_value(tree, path, detail)
    return None


def _report_empty(tree: Tree, path: Path, value: Any) -> None:
    """A key with nothing behind it is a line half written, not a wish for the default."""
    if isinstance(value, dict):
        known = keys_at(path)
        for key, inner in value.items():
            if inner is None and key in known:
                tree.report("PZ203", (*path, key), f'"{key}" has no value', "write one, or remove the key")
            elif key in known or not known:
                _report_empty(tree, (*path, key), inner)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _report_empty(tree, (*path, i), inner)


def _path(tree: Tree, detail: Any) -> Path:
    """Where in the tree an error lies: the models' location without the names of union branches."""
    location: Path = tuple(detail["loc"])
    if detail["type"] in ("missing", "extra_forbidden"):
        return (*_walk(tree, location[:-1]), location[-1])
    return _walk(tree, location)


def _walk(tree: Tree, location: Path) -> Path:
    path: Path = ()
    for part in location:
        value = tree.get(path)
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            path = (*path, part)
    return path


def _report_unknown(tree: Tree, path: Path, absent: list[str]) -> None:
    *_, key = path
    known = keys_at(path[:-1])
    meant = nearest(str(key), absent) or nearest(str(key), known)
    if meant is not None and meant not in (tree.get(path[:-1]) or {}):
        # The key is that one misspelt: one slip, so nobody has to hear that the other is missing.
        tree.cover((*path[:-1], meant))
    hint = f'did you mean "{meant}"?' if meant is not None else did_you_mean(str(key), known)
    tree.report("PZ201", path, f"unknown key {quoted(str(key))}", hint, at="key")


def _report_missing(tree: Tree, path: Path) -> None:
    *_, key = path
    where = f"in {label(path[:-1])}" if len(path) > 1 else "in the file"
    tree.report("PZ202", path, f'"{key}" is missing {where}', f"it must be {words(expected(path))}", at="key")


def label(path: Path) -> str:
    """A path's last key in words: `"days"`, or `item 2 of "days"`."""
    items = []
    rest = list(path)
    while rest and isinstance(rest[-1], int):
        items.append(f"item {int(rest.pop()) + 1} of ")
    return "".join(items) + (f'"{rest[-1]}"' if rest else "the file")


def _report_value(tree: Tree, path: Path, detail: Any) -> None:
    value, kind, context = tree.get(path), detail["type"], detail.get("ctx", {})
    wanted = expected(path)
    name = label(path)
    if kind == "value_error":
        sentence = str(context["error"])
        if Content in branches(wanted) and isinstance(value, dict) and (slips := _misspelt(value)):
            for key in slips:
                _report_unknown(tree, (*path, key), [])
        elif Content in branches(wanted):
            near = nearest(value, CONTENT_WORDS) if isinstance(value, str) else None
            tree.report("PZ208", path, sentence, f'did you mean "{near}"?' if near else "")
        else:
            tree.report("PZ203", path, f"{name} is {spoken(value)}: {sentence}")
    elif kind == "literal_error":
        choices = [str(choice) for b in branches(wanted) for choice in get_args(b)]
        hint = "write it without quotes" if value in choices else did_you_mean(str(value), choices, "choose from")
        tree.report("PZ204", path, f"{name} cannot be {spoken(value)}", hint)
    elif kind in _BOUNDS:
        bound = next(iter(context.get(k) for k in ("ge", "le", "gt", "lt") if k in context))
        tree.report("PZ205", path, f"{name} must be {_BOUNDS[kind]} {bound:g}, not {value}")
    elif kind in ("too_short", "too_long"):
        count = context.get("min_length", context.get("max_length"))
        least = "at least " if kind == "too_short" else "at most "
        tree.report("PZ205", path, f"{name} needs {least}{count} items, not {context.get('actual_length')}")
    elif kind == "string_pattern_mismatch":
        tree.report("PZ205", path, f"{name} cannot be {spoken(value)}", "letters, digits, - and _ only, at most 40")
    else:
        tree.report("PZ203", path, f"{name} must be {words(wanted)}, not {spoken(value)}", _mend(wanted, value))


def _misspelt(content: dict[str, Any]) -> list[str]:
    """Keys of a content that names nothing to show which look like a key that would."""
    return [
        key for key in content if key not in fields(Content) and nearest(key, ("html", "template", "parts", "source"))
    ]


_BOUNDS = {
    "greater_than_equal": "at least", "less_than_equal": "at most",
    "greater_than": "more than", "less_than": "less than",
}  # fmt: skip


def _mend(wanted: Any, value: Any) -> str:
    kinds = branches(wanted)
    if str in kinds and wanted != Condition and isinstance(value, bool | int | float):
        return f'put it in quotes: "{str(value).lower()}"'
    if bool in kinds and isinstance(value, str) and value.lower() in _YES:
        return f"write {_YES[value.lower()]}"
    if (int in kinds or float in kinds) and isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return "write it without quotes"
    return ""
