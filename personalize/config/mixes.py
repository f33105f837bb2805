"""Multivariate experiments: parts that are drawn independently of each other, and the combinations that they make.

A full factorial design (Box, Hunter, Hunter, "Statistics for Experimenters", 2nd ed., 2005, chapter 5): the parts are
its factors, what each can be are their levels, and every combination can come up. One is named by its levels, such as
"headline=points,offer=star".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from math import prod
from typing import Any, Final

from .problems import did_you_mean, quoted
from .tree import Path, Tree

MOST: Final = 256  # combinations of one experiment
Levels = tuple[tuple[str, str], ...]  # (part, level) of each part, in the order that they are written in

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LEVEL: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


def combinations(parts: Mapping[str, Iterable[str]]) -> list[Levels]:
    """Every combination of the parts' levels; those of the last part change fastest."""
    return list(product(*([(part, level) for level in levels] for part, levels in parts.items())))


def name_of(levels: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{part}={level}" for part, level in levels)


def fitting(parts: Mapping[str, Iterable[str]], text: str) -> list[Levels]:
    """The combinations that `text` names; it may leave parts out, such as "offer=star". Empty for a slip."""
    named = [tuple(map(str.strip, pair.split("=", 1))) for pair in text.split(",")]
    wanted = {pair[0]: pair[1] for pair in named if len(pair) == 2}
    if len(wanted) != len(named) or not wanted.keys() <= parts.keys():
        return []
    return [levels for levels in combinations(parts) if wanted.items() <= dict(levels).items()]


# --- whether one can be drawn as it is written -----------------------------------------------------------


def parts_of(experiment: Mapping[str, Any]) -> dict[str, list[str]]:
    """The levels of each part, as far as they can be read; empty for an experiment of variants."""
    raw = experiment.get("parts")
    found: dict[str, list[str]] = {}
    for part, levels in raw.items() if isinstance(raw, Mapping) else ():
        ids = [level.get("id") for level in levels if isinstance(level, Mapping)] if isinstance(levels, list) else []
        found[str(part)] = [id for id in ids if isinstance(id, str)]
    return found


def check_mix(tree: Tree, path: Path, experiment: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
    """Report what is wrong with the parts of one experiment, which stands at `path`; `shown` is what its experience
    shows besides."""
    parts = parts_of(experiment)
    if "variants" in experiment:
        hint = "an experiment compares variants, or parts that combine"
        tree.report("PZ208", (*path, "parts"), "variants and parts cannot both stand here", hint, at="key")
    fixed = shown.get("parts")
    for part in parts:
        where = (*path, "parts", part)
        if not _VARIABLE.fullmatch(part):
            message = f"{quoted(part)} is no template variable: letters, digits and _ only, beginning with a letter"
            tree.report("PZ206", where, message, at="key")
        if isinstance(fixed, Mapping) and part in fixed:
            hint = "take it out of show"
            tree.report("PZ208", where, f"{quoted(part)} cannot be drawn and shown as well", hint, at="key")
        _check_levels(tree, where)
    if (count := _count(parts)) > MOST:
        message = f"these parts make {count:,} combinations; at most {MOST} can be told apart"
        tree.report("PZ205", (*path, "parts"), message, "compare fewer parts at a time", at="key")


def _check_levels(tree: Tree, where: Path) -> None:
    seen: set[str] = set()
    weights = []
    written = tree.get(where)
    for i, level in enumerate(written if isinstance(written, list) else []):
        if isinstance(level, Mapping):
            weights.append(level.get("weight", 1))
            id = level.get("id")
            if not isinstance(id, str):
                continue
            if not _LEVEL.fullmatch(id):
                message = f"{quoted(id)} is no name: a-z, 0-9, - and _ only, beginning with a letter or digit"
                tree.report("PZ206", (*where, i, "id"), message)
            elif id in seen:
                tree.report("PZ207", (*where, i, "id"), f"the id {quoted(id)} is taken by another level")
            seen.add(id)
    if weights and not any(weights):
        tree.report("PZ205", where, "the levels' weights are all 0", "give one of them more")


def check_named(tree: Tree, path: Path, text: str, experiment: Mapping[str, Any], *, whole: bool) -> None:
    """Report a text that names no combination of an experiment's parts; `whole`: it has to name one and no more."""
    parts = parts_of(experiment)
    if not 0 < _count(parts) <= MOST:
        return  # that was told already
    found = fitting(parts, text)
    if not found:
        hint = did_you_mean(text, [name_of(levels) for levels in combinations(parts)], "there are")
        tree.report("PZ324", path, f"there is no combination {quoted(text)}", hint)
    elif whole and len(found) > 1:
        open_ = ", ".join(part for part in parts if len({dict(levels)[part] for levels in found}) > 1)
        tree.report("PZ324", path, f"{quoted(text)} does not say which {open_}", f"such as {name_of(found[0])}")


def _count(parts: Mapping[str, list[str]]) -> int:
    return prod(len(levels) for levels in parts.values())
