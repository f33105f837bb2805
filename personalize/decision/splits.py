"""Experiments as configured -> compiled splits, with the other experiments that they require."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..config.mixes import fitting, name_of
from .bandits import Bandit
from .experiments import Split, bucket_ranges, shares
from .mixes import Mix

if TYPE_CHECKING:
    from ..config.models import Config, Experiment


def experiments_by_key(config: Config) -> Mapping[str, Experiment]:
    """Every experiment of a config. Where one key stands in several slots, the first is the one that others require."""
    found: dict[str, Experiment] = {}
    for slot in config.slots.values():
        for experience in slot.experiences:
            if experience.experiment is not None:
                found.setdefault(experience.experiment.key, experience.experiment)
    return found


def compile_split(config: Config, test: Experiment, others: Mapping[str, Experiment]) -> Split | Mix | Bandit:
    """The split of one experiment; `others` are all by key. Raises ValueError for one that requires itself in the end,
    an experiment that does not exist, or a bandit."""
    split = _split(test, others, ())
    if test.allocate == "weights" or isinstance(split, Mix):
        return split
    assert test.goal is not None
    window = config.goals[test.goal].window if test.bandit.window is None else test.bandit.window
    return Bandit(_entry(test, split), split.names, tuple(test.bandit.by), window)


def _split(test: Experiment, others: Mapping[str, Experiment], below: tuple[str, ...]) -> Split | Mix:
    if test.key in below:
        raise ValueError(f'the experiment "{test.key}" requires itself')
    requires = []
    for wanted in test.requires:
        if wanted.experiment not in others:
            raise ValueError(f'there is no experiment "{wanted.experiment}"')
        required = others[wanted.experiment]
        if required.allocate != "weights":
            raise ValueError(f'the experiment "{required.key}" is a bandit: nobody can require it')
        other = _split(required, others, (*below, test.key))
        requires.append((other, frozenset(name for text in wanted.variants for name in _named(required, text))))
    own = [variant.range for variant in test.variants if variant.range is not None]
    weights = shares([variant.weight for variant in test.variants])
    split = Split(
        key=test.key,
        names=tuple(variant.id for variant in test.variants),
        ranges=tuple(own or bucket_ranges(len(test.variants), test.coverage, weights)),
        seed=test.key if test.seed is None else test.seed,
        version=test.hash_version,
        namespace=(test.namespace.id, *test.namespace.range) if test.namespace is not None else None,
        filters=tuple((each.seed, tuple(each.ranges)) for each in test.filters),
        requires=tuple(requires),
        sticky=test.sticky,
    )
    return _mix(test, split) if test.parts else split


def _mix(test: Experiment, split: Split) -> Mix:
    """`split` has the experiment's own settings, and no variants."""
    parts = tuple(
        Split(
            key=f"{test.key}/{part}",
            names=tuple(level.id for level in levels),
            ranges=tuple(bucket_ranges(len(levels), 1.0, shares([level.weight for level in levels]))),
            seed=f"{split.seed}/{part}",
            sticky=split.sticky,
        )
        for part, levels in test.parts.items()
    )
    return Mix(_entry(test, split), parts, tuple(test.names))


def _entry(test: Experiment, split: Split) -> Split:
    """Who takes part at all."""
    return replace(split, names=("in",), ranges=tuple(bucket_ranges(1, test.coverage)), sticky=False)


def _named(test: Experiment, text: str) -> list[str]:
    """The names of what a visitor can be in an experiment that a requirement's text stands for."""
    if not test.parts:
        return [text]
    return [name_of(levels) for levels in fitting(test.levels, text)]
