"""Keys of the language that this version accepts and does not act on yet. An entry goes when its work is done."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Problem
from .tree import Tree

_EXPERIMENT = ("slots", "*", "experiences", "*", "experiment")

# where the key stands -> what it waits for ("has no effect until ...")
NOT_YET: dict[tuple[str, ...], str] = {
    (*_EXPERIMENT, "promote"): "winners are promoted by their results",
    (*_EXPERIMENT, "guardrails"): "reports measure goals",
    (*_EXPERIMENT, "goal"): "reports measure goals",
    ("slots", "*", "default", "novelty"): "recommendations explore",
    ("slots", "*", "experiences", "*", "show", "novelty"): "recommendations explore",
    (*_EXPERIMENT, "variants", "*", "show", "novelty"): "recommendations explore",
    ("segments", "*", "value"): "segments are ranked by value",
    ("catalogue", "url"): "product lists are fetched; use file",
}


def unsupported(tree: Tree) -> Iterator[Problem]:
    """A warning for each such key that was written."""
    for place, until in NOT_YET.items():
        for path, _ in tree.each(*place):
            message = f'not supported yet: "{path[-1]}" has no effect until {until}'
            yield tree.problem("PZ406", path, message, severity="warning")
    for path, kind in tree.each("parts", "*", "*", "kind"):
        message = f"not supported yet: a part of kind {kind} has no effect until challenges keep score"
        yield tree.problem("PZ406", path, message, severity="warning")
