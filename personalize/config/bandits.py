"""Whether a bandit can learn and share out its visitors as it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model import Problem
from ..quantities import share
from .problems import did_you_mean, quoted
from .tree import Path, Tree
from .variants import Bandit

_EXPERIMENTS = ("slots", "*", "experiences", "*", "experiment")


def check_bandit(tree: Tree, path: Path, experiment: Mapping[str, Any]) -> None:
    """Report what is wrong with one experiment, which stands at `path`, if it is a bandit."""
    if not _is_bandit(experiment):
        return
    variants = _list(experiment.get("variants"))
    own = _mapping(experiment.get("bandit"))
    goal = experiment.get("goal")
    if "parts" in experiment:
        hint = "give it variants in place of parts, or leave allocate out"
        tree.report("PZ326", (*path, "allocate"), "a bandit cannot draw parts each on its own", hint, at="key")
    if goal is None:
        hint = "write goal: NAME, one of the goals"
        tree.report("PZ326", (*path, "allocate"), "a bandit without a goal learns nothing", hint, at="key")
    elif own.get("reward") == "revenue" and (known := tree.get(("goals", goal))) and not _mapping(known).get("value"):
        hint = "give the goal value: revenue"
        tree.report("PZ326", (*path, "bandit", "reward"), f"the goal {quoted(str(goal))} has no value to add up", hint)
    ranged = next((i for i, variant in enumerate(variants) if "range" in _mapping(variant)), None)
    if ranged is not None:
        message = "a range has no meaning in a bandit"
        tree.report("PZ205", (*path, "variants", ranged, "range"), message, "it shares out by itself", at="key")
    floor = _floor(own)
    if floor * len(variants) > 1:
        message = f"a floor of {floor:.0%} for each of {len(variants)} variants is more than there is"
        tree.report("PZ205", (*path, "bandit", "floor"), message, f"at most {1 / len(variants):.0%}")
    _check_by(tree, (*path, "bandit", "by"), _list(own.get("by")))


def _floor(own: Mapping[str, Any]) -> float:
    try:
        return share(own.get("floor", Bandit().floor))
    except ValueError:
        return 0.0  # that was told already


def _check_by(tree: Tree, path: Path, names: list[Any]) -> None:
    segments = _mapping(tree.get(("segments",)))
    for i, name in enumerate(names):
        if not isinstance(name, str):
            continue
        if name not in segments:
            hint = did_you_mean(name, segments, "there are")
            tree.report("PZ301", (*path, i), f"there is no segment {quoted(name)}", hint)
        elif name in names[:i]:
            tree.report("PZ205", (*path, i), f"{quoted(name)} stands here twice", "leave one of them out")


def check_bandits_apart(tree: Tree) -> None:
    """Report a bandit that another experiment requires, or shares its key with where the two are not the same."""
    found: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    for path, raw in tree.each(*_EXPERIMENTS):
        experiment = _mapping(raw)
        key = experiment.get("key")
        if not isinstance(key, str):
            continue
        _, first = found.setdefault(key, (path, experiment))
        if (_is_bandit(first) or _is_bandit(experiment)) and _learned(first) != _learned(experiment):
            hint = "give it another key, or the same goal, bandit and variants' ids"
            message = f"the key {quoted(key)} is taken by another bandit"
            tree.report("PZ207", (*path, "key"), message, hint)
    for path, wanted in tree.each(*_EXPERIMENTS, "requires", "*"):
        key = _mapping(wanted).get("experiment")
        if isinstance(key, str) and key in found and _is_bandit(found[key][1]):
            message = f"{quoted(key)} is a bandit, whose visitors do not stay in one variant"
            tree.report("PZ326", (*path, "experiment"), message, "require an experiment with fixed weights")


def _learned(experiment: Mapping[str, Any]) -> object:
    ids = [_mapping(variant).get("id") for variant in _list(experiment.get("variants"))]
    return [experiment.get(key) for key in ("allocate", "goal", "bandit")], ids


def lint_bandits(tree: Tree) -> Iterator[Problem]:
    """A warning for each key that has no effect in, or without, a bandit."""
    for path, raw in tree.each(*_EXPERIMENTS):
        experiment = _mapping(raw)
        if not _is_bandit(experiment):
            if "bandit" in experiment:
                yield _without_effect(tree, (*path, "bandit"), "write allocate: thompson beside it")
            if "promote" in experiment and "goal" not in experiment:
                yield _without_effect(tree, (*path, "promote"), "write a goal beside it, which says what wins")
            continue
        for key in ("promote", "guardrails"):
            if key in experiment:
                yield _without_effect(tree, (*path, key), "a bandit shows more of what earns more by itself")
        if experiment.get("sticky") is False:
            yield _without_effect(tree, (*path, "sticky"), "a bandit's visitor keeps the variant for its window")
        for i, variant in enumerate(_list(experiment.get("variants"))):
            if "weight" in _mapping(variant):
                yield _without_effect(tree, (*path, "variants", i, "weight"), "a bandit shares out by itself")


def _without_effect(tree: Tree, path: Path, hint: str) -> Problem:
    return tree.problem("PZ407", path, f'"{path[-1]}" has no effect here', hint, severity="warning")


def _is_bandit(experiment: Mapping[str, Any]) -> bool:
    return experiment.get("allocate") == "thompson"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
