"""A config with everything that can be told of it told at once, also what only the floors above `config` know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .config.loader import load
from .config.models import Config
from .config.tree import Tree
from .page import SlotTarget, compile_rules
from .stores import open_hot_state, open_store


def load_checked(source: str | Path | Mapping[str, Any]) -> Config:
    """As load_config, with what the floors say of selectors and addresses in the same go. Raises ConfigError."""
    return load(source, also=beyond_the_language)


def beyond_the_language(tree: Tree, base: Path) -> None:
    """What is well-formed and can't be done, of a config in the folder `base`."""
    selectors(tree)
    addresses(tree, base)


def addresses(tree: Tree, base: Path) -> None:
    """Report a log or hot state that can't be, such as one whose driver is missing. Nothing is opened."""
    for key, make in (("store", open_store), ("hot", open_hot_state)):
        address = tree.get((key,))
        if isinstance(address, str):
            try:
                make(address, base)
            except ValueError as error:
                tree.report("PZ321", (key,), f"{key} can't be used: {error}")


def selectors(tree: Tree) -> None:
    """Report each selector that can't be matched while a page streams forward."""
    for path, selector in tree.each("slots", "*", "match", "element"):
        if isinstance(selector, str):
            try:
                compile_rules([SlotTarget(str(path[1]), selector=selector)])
            except ValueError as error:
                tree.report("PZ319", path, f'slot "{path[1]}" can\'t be found: {error}')
