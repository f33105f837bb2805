"""What can be done at a slot's element, and which attributes content may be written into."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from .problems import quoted
from .shown import Shown
from .tree import Path, Tree

Action = Literal[
    "replace_inner", "replace", "before", "after", "start", "end", "remove", "set_attribute", "remove_attribute"
]
ACTIONS: tuple[str, ...] = get_args(Action)
ON_ATTRIBUTES = frozenset(("set_attribute", "remove_attribute"))
REMOVING = frozenset(("remove", "remove_attribute"))

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:.-]*")
_CODE = frozenset(("style", "srcdoc", "http-equiv"))


def why_not(name: str, action: str) -> str | None:
    """Why nothing can be done to an attribute of this name, for an editor; None if it can."""
    if not _NAME.fullmatch(name):
        return "is no attribute's name: letters, digits, -, _, : and . only, beginning with a letter"
    folded = name.lower()
    if action == "set_attribute" and (folded.startswith("on") or folded in _CODE):
        return "cannot be set: it holds code, styles or a document, which no escaping makes safe"
    return None


def check_actions(tree: Tree, shown: Sequence[Shown]) -> None:
    """Report what cannot be done at a slot, and content that could not be seen there."""
    removing: dict[Path, str] = {}
    for path, match in tree.each("slots", "*", "match"):
        if isinstance(match, Mapping):
            action = match.get("do", "replace_inner")
            if action in ACTIONS:
                _attribute(tree, path, match, action)
            if action in REMOVING:
                removing[path[:-1]] = action
    for content in shown:
        if content.slot in removing:
            message = f"do: {removing[content.slot]} shows nothing of what is written here"
            tree.report("PZ210", content.path, message, "write empty where it is to go, and page where it stays")


def _attribute(tree: Tree, path: Path, match: Mapping[str, Any], action: str) -> None:
    name = match.get("attribute")
    if action not in ON_ATTRIBUTES:
        if name is not None:
            hint = "write do: set_attribute or do: remove_attribute"
            tree.report("PZ210", (*path, "attribute"), f"do: {action} is not about an attribute", hint, at="key")
    elif name is None:
        message = f'"attribute" is missing: do: {action} needs its name'
        tree.report("PZ210", (*path, "attribute"), message, 'such as attribute: "href"', at="key")
    elif isinstance(name, str) and (wrong := why_not(name, action)) is not None:
        tree.report("PZ210", (*path, "attribute"), f"{quoted(name)} {wrong}")
    elif "comment" in match and "element" not in match:
        hint = "name the element by a CSS selector"
        tree.report("PZ210", (*path, "comment"), "a pair of comments has no attributes", hint, at="key")
