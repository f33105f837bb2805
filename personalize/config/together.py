"""What experiences share by a name: an experiment's key, an exclusive group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..model import Problem
from .models import Config, Experience, Experiment
from .problems import nearest, quoted
from .tree import Path, Tree

_DRAWN_BY = (
    "names", "coverage", "namespace", "seed", "hash_version", "filters", "requires", "allocate", "goal", "sticky"
)  # fmt: skip


def lint_keys(config: Config, tree: Tree) -> Iterator[Problem]:
    """One experiment may stand in several slots. Two that draw differently are two, and under one key assignments
    and reports mix them up."""
    first: dict[str, tuple[str, dict[str, Any]]] = {}
    for path, slot, experience in _experiences(config):
        test = experience.experiment
        if test is None or experience.status == "archived":
            continue
        drawn = _drawn(test)
        known, other = first.setdefault(test.key, (f"{slot}/{experience.id}", drawn))
        if different := [name for name in drawn if drawn[name] != other[name]]:
            what = " and ".join(different)
            message = f"the key {quoted(test.key)} is that of {known} too, and they differ in {what}"
            hint = "give it a key of its own, or make them alike where they are one experiment in two slots"
            yield tree.problem("PZ408", (*path, "experiment", "key"), message, hint, at="value", severity="warning")


def _drawn(test: Experiment) -> dict[str, Any]:
    """All that decides who gets which variant, and what is measured."""
    of: dict[str, Any] = {name: getattr(test, name) for name in _DRAWN_BY}
    of["variants"] = of.pop("names")
    of["weights"] = [(variant.weight, variant.range) for variant in test.variants]
    of["parts"] = {part: [(level.id, level.weight) for level in levels] for part, levels in test.parts.items()}
    return of


def lint_groups(config: Config, tree: Tree) -> Iterator[Problem]:
    """A group that only one slot knows excludes nothing: a slot shows one experience at a time anyway. Slots that need
    no consent are decided among themselves."""
    members: dict[tuple[str, bool], list[tuple[Path, str]]] = {}
    for path, slot, experience in _experiences(config):
        if experience.exclusive_group is not None:
            open_ = config.slots[slot].consent == "none"
            members.setdefault((experience.exclusive_group, open_), []).append((path, slot))
    for (group, open_), found in members.items():
        if len({slot for _, slot in found}) > 1:
            continue
        others = [name for name, _ in members if name != group]
        near = nearest(group, others)
        hint = f'did you mean "{near}"?' if near is not None else "it needs an experience in another slot"
        if (group, not open_) in members:
            hint = "slots that need no consent are decided among themselves"
        message = f"the exclusive group {quoted(group)} has no effect here: no other slot has one of it"
        yield tree.problem("PZ407", (*found[0][0], "exclusive_group"), message, hint, severity="warning")


def _experiences(config: Config) -> Iterator[tuple[Path, str, Experience]]:
    for name, slot in config.slots.items():
        for i, experience in enumerate(slot.experiences):
            yield ("slots", name, "experiences", i), name, experience
