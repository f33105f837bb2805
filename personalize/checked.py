"""A config with everything that can be told of it told at once, also what only the floors above `config` know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .config.loader import load
from .config.models import Config
from .config.tree import Tree
from .page import SlotTarget, compile_rules


def load_checked(source: str | Path | Mapping[str, Any]) -> Config:
    """As load_config, with selectors looked at by the page floor in the same go. Raises ConfigError."""
    return load(source, also=selectors)


def selectors(tree: Tree) -> None:
    """Report each selector that can't be matched while a page streams forward."""
    for path, selector in tree.each("slots", "*", "match", "element"):
        if isinstance(selector, str):
            try:
                compile_rules([SlotTarget(str(path[1]), selector=selector)])
            except ValueError as error:
                tree.report("PZ319", path, f'slot "{path[1]}" can\'t be found: {error}')
