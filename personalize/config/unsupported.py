"""Keys of the language that this version accepts and does not act on yet. An entry goes when its work is done."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Problem
from .tree import Path, Tree

# where the key stands -> what it waits for ("has no effect until ...")
NOT_YET: dict[tuple[str, ...], str] = {
    ("segments", "*", "value"): "segments are ranked by value",
    ("catalogue", "url"): "product lists are fetched; use file",
}


def unsupported(tree: Tree) -> Iterator[Problem]:
    """A warning for each such key, and each such value, that was written."""
    for place, until in NOT_YET.items():
        for path, _ in tree.each(*place):
            yield _warn(tree, path, f'"{path[-1]}"', until)
    for path, kind in tree.each("parts", "*", "*", "kind"):
        yield _warn(tree, path, f"a part of kind {kind}", "challenges keep score")


def _warn(tree: Tree, path: Path, what: str, until: str) -> Problem:
    return tree.problem("PZ406", path, f"not supported yet: {what} has no effect until {until}", severity="warning")
