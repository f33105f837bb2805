"""YAML text to a checked Config, with file:line:column in every message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import Config

__all__ = ["Config", "load_config"]


def load_config(source: str | Path | Mapping[str, Any], *, products: bool = True) -> Config:
    """The checked config of a YAML file (a path), or of a dict of the same shape.

    `products` False leaves the catalogue's file unread. What is odd but harmless stands in `config.warnings`.
    Raises ConfigError with every problem found, sorted by place.
    """
    from .loader import load  # pydantic and yaml are loaded with it, on first use

    return load(source, products=products)


def __getattr__(name: str) -> Any:
    if name == "Config":
        from .models import Config

        return Config
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
