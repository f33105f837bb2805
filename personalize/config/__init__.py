"""YAML text to a checked Config, with file:line:column in every message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalogue import load_products
    from .models import Config
    from .rendering import as_github, as_json, render, render_text
    from .schema import json_schema

__all__ = ["Config", "as_github", "as_json", "json_schema", "load_config", "load_products", "render", "render_text"]

_HOMES = {
    "Config": "models",
    "load_products": "catalogue",
    "render": "rendering", "render_text": "rendering", "as_json": "rendering", "as_github": "rendering",
    "json_schema": "schema",
}  # fmt: skip


def load_config(source: str | Path | Mapping[str, Any], *, products: bool = True) -> Config:
    """The checked config of a YAML file (a path), or of a dict of the same shape.

    `products` False leaves the catalogue's file unread. What is odd but harmless stands in `config.warnings`.
    Raises ConfigError with every problem found, sorted by place.
    """
    from .loader import load  # pydantic and yaml are loaded with it, on first use

    return load(source, products=products)


def __getattr__(name: str) -> Any:
    # Loaded on first use: whoever only imports the package pays for neither pydantic nor yaml.
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
