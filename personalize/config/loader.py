"""From a file or a dict to a checked Config: read, parse, validate, cross-check, lint."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..model import Mark, Problem, Product
from .catalogue import load_products
from .checks import check
from .environment import expand
from .lint import lint
from .models import Config
from .problems import did_you_mean
from .tree import Enough, Tree, from_mapping
from .validate import validate
from .yaml12 import MAX_BYTES, parse


def load(
    source: str | Path | Mapping[str, Any], *, products: bool = True, also: Callable[[Tree, Path], None] | None = None
) -> Config:
    """See `personalize.load_config`. `also` may report more problems of the same tree, told its folder."""
    if isinstance(source, Mapping):
        tree, base = from_mapping(source), Path.cwd()
    else:
        tree, base = parse(read(Path(source)), str(source)), Path(source).absolute().parent
    return built(tree, base, products=products, also=also)


def built(
    tree: Tree, base: Path, *, products: bool = True, also: Callable[[Tree, Path], None] | None = None
) -> Config:
    """The config of a tree, as `load` makes it; `base` is the folder that its paths begin in."""
    if not isinstance(tree.data, dict):
        raise ConfigError(_sorted(tree))
    config = None
    with suppress(Enough):
        expand(tree, os.environ)
        config = validate(tree)
        check(tree, base)
        if also is not None:
            also(tree, base)
    if config is None or tree.problems:
        raise ConfigError(_sorted(tree))
    if products and config.catalogue is not None and config.catalogue.file is not None:
        config._products = _catalogue(tree, base / config.catalogue.file)
    config._warnings = tuple(lint(config, tree, time.time()))
    config._file = tree.file
    config._base = base
    config._marks = dict(tree.keys)
    return config


def _catalogue(tree: Tree, file: Path) -> dict[str, Product]:
    """The catalogue's products. A file that cannot be read is a problem of the key that names it."""
    try:
        return load_products(file)
    except ConfigError as error:
        if error.problems[0].code != "PZ317":
            raise
        tree.report("PZ317", ("catalogue", "file"), f"{error.problems[0].message}: {file}")
        raise ConfigError(tree.problems) from None


def _sorted(tree: Tree) -> list[Problem]:
    return sorted(tree.problems, key=lambda p: (p.mark.line, p.mark.column, p.code))


def read(path: Path) -> bytes:
    """The file's bytes, one more than allowed at most. Raises ConfigError."""
    name = str(path)
    try:
        if path.is_dir():
            raise _unreadable(name, "this is a folder, not a file")
        if path.exists() and not path.is_file():
            raise _unreadable(name, "this is not an ordinary file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(name, "there is no such file", _meant(path)) from None
    except PermissionError:
        raise _unreadable(name, "the file may not be read by this user") from None
    except (OSError, ValueError):
        raise _unreadable(name, "the file cannot be read") from None


def _meant(path: Path) -> str:
    """The hint for a file that is not there: a config beside it, or what to do where there is none."""
    beside = [p.name for p in (*path.parent.glob("*.yaml"), *path.parent.glob("*.yml")) if p.is_file()]
    if beside:
        return did_you_mean(path.name, beside, "configs in that folder")
    return "name your config, or run this in its folder"


def _unreadable(name: str, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(Mark(name, 0, 0), "PZ101", message, hint=hint)])
