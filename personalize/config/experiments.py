"""Whether an experiment can be split as it is written, and what it names of others exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bandits import check_bandit, check_bandits_apart
from .mixes import check_mix, check_named, parts_of
from .problems import did_you_mean, quoted
from .tree import Path, Tree

_EXPERIMENTS = ("slots", "*", "experiences", "*", "experiment")


def check_experiment(tree: Tree, path: Path, experiment: Mapping[str, Any]) -> None:
    """Report what is wrong inside one experiment, which stands at `path`."""
    variants = _list(experiment.get("variants"))
    if "parts" in experiment:
        check_mix(tree, path, experiment, _mapping(tree.get((*path[:-1], "show"))))
    elif "variants" not in experiment:
        hint = "give it variants, or parts that combine"
        tree.report("PZ208", (*path, "variants"), "this experiment compares nothing", hint, at="key")
    for i, variant in enumerate(variants):
        ways = [key for key in ("show", "parts", "html") if key in _mapping(variant)]
        where = (*path, "variants", i)
        if isinstance(variant, Mapping) and not ways:
            hint = "give it show, parts or html"
            tree.report("PZ208", (*where, "show"), "this variant shows nothing", hint, at="key")
        elif len(ways) > 1:
            message = f"{' and '.join(ways)} cannot both be shown"
            tree.report("PZ208", (*where, ways[1]), message, "keep one of them", at="key")
    weights = [_mapping(v).get("weight", 1) for v in variants]
    if weights and not any(weights):
        tree.report("PZ205", (*path, "variants"), "the variants' weights are all 0", "give one of them more")
    _ranges(tree, path, experiment, variants)
    check_bandit(tree, path, experiment)
    forced = experiment.get("force")
    if isinstance(forced, str) and parts_of(experiment):
        check_named(tree, (*path, "force"), forced, experiment, whole=True)
    elif isinstance(forced, str) and forced not in (names := _names(experiment)):
        hint = did_you_mean(forced, names, "there are")
        tree.report("PZ324", (*path, "force"), f"there is no variant {quoted(forced)}", hint)


def _ranges(tree: Tree, path: Path, experiment: Mapping[str, Any], variants: list[Any]) -> None:
    _range(tree, (*path, "namespace", "range"), _mapping(experiment.get("namespace")).get("range"))
    for i, each in enumerate(_list(experiment.get("filters"))):
        for j, pair in enumerate(_list(_mapping(each).get("ranges"))):
            _range(tree, (*path, "filters", i, "ranges", j), pair)
    given: dict[int, Any] = {i: v["range"] for i, v in enumerate(map(_mapping, variants)) if "range" in v}
    for i, pair in given.items():
        _range(tree, (*path, "variants", i, "range"), pair, empty=True)
    if given and len(given) < len(variants):
        missing = next(i for i in range(len(variants)) if i not in given)
        where = (*path, "variants", missing, "range")
        tree.report("PZ202", where, '"range" is missing in this variant', "give every variant one, or none", at="key")
    if given and "coverage" in experiment:
        message = "coverage has no meaning beside ranges"
        tree.report("PZ205", (*path, "coverage"), message, "leave it out: the ranges say who takes part", at="key")
    taken: list[tuple[float, float]] = []
    for i, pair in given.items():
        if _is_pair(pair):
            low, high = pair
            if any(low < end and start < high for start, end in taken):
                message = "this range overlaps another variant's"
                tree.report("PZ205", (*path, "variants", i, "range"), message, "a visitor can see one variant only")
            taken.append((low, high))


def _range(tree: Tree, where: Path, pair: Any, *, empty: bool = False) -> None:
    """`empty`: a range may hold nobody."""
    if _is_pair(pair) and not (0 <= pair[0] < pair[1] <= 1 or (empty and 0 <= pair[0] == pair[1] <= 1)):
        message = "a range goes from a smaller to a larger number in 0 to 1"
        tree.report("PZ205", where, message, "such as [0, 0.5]")


def check_requirements(tree: Tree) -> None:
    """Report requirements that name what does not exist, or lead back to where they began."""
    check_bandits_apart(tree)
    known: dict[str, Mapping[str, Any]] = {}
    for _, experiment in tree.each(*_EXPERIMENTS):
        if isinstance(key := _mapping(experiment).get("key"), str):
            known.setdefault(key, _mapping(experiment))
    for path, wanted in tree.each(*_EXPERIMENTS, "requires", "*"):
        key = _mapping(wanted).get("experiment")
        if not isinstance(key, str):
            continue
        if key not in known:
            hint = did_you_mean(key, known, "there are")
            tree.report("PZ324", (*path, "experiment"), f"there is no experiment {quoted(key)}", hint)
            continue
        names = _names(known[key])
        for i, name in enumerate(_list(_mapping(wanted).get("variants"))):
            if isinstance(name, str) and parts_of(known[key]):
                check_named(tree, (*path, "variants", i), name, known[key], whole=False)
            elif isinstance(name, str) and name not in names:
                hint = did_you_mean(name, names, "there are")
                message = f"the experiment {quoted(key)} has no variant {quoted(name)}"
                tree.report("PZ324", (*path, "variants", i), message, hint)
    for path, experiment in tree.each(*_EXPERIMENTS):
        key = _mapping(experiment).get("key")
        if isinstance(key, str) and key in _required_by(key, known):
            message = f"the experiment {quoted(key)} requires itself in the end"
            tree.report("PZ325", (*path, "requires"), message, "take out one of the requirements", at="key")


def _required_by(key: str, known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The keys of all experiments that one requires, directly or through others."""
    found: set[str] = set()
    ahead = [key]
    while ahead:
        for wanted in _list(known.get(ahead.pop(), {}).get("requires")):
            name = _mapping(wanted).get("experiment")
            if isinstance(name, str) and name not in found:
                found.add(name)
                ahead.append(name)
    return found


def _names(experiment: Mapping[str, Any]) -> list[str]:
    ids = (_mapping(variant).get("id") for variant in _list(experiment.get("variants")))
    return [name for name in ids if isinstance(name, str)]


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, int | float) for n in pair)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
