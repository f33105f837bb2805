"""Stores and hot states of somebody else's, by their import string."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import PluginError
from ..model import Mark
from ..plugins import make_plugin


def plugged(name: str, base: Path, has: tuple[str, ...]) -> Any:
    """What "package.module:Name" makes of the config's folder. Raises ValueError with a sentence."""
    try:
        return make_plugin(name, Mark("", 0, 0), has, base)
    except PluginError as error:
        problem = error.problems[0]
        raise ValueError(f"{problem.message} ({problem.hint})" if problem.hint else problem.message) from error
