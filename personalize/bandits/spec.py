"""What one bandit learns, and how: everything of its configuration that its state depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.models import Config, Experiment

EVERYBODY = ""  # the context of visitors who are in none of the segments


@dataclass(frozen=True, slots=True)
class BanditSpec:
    """Durations are seconds. `contexts` are segments, the first that a visitor is in counts, and EVERYBODY at the end.
    The reward is whether `event` happened (for the `nth` time) within `window`, or where `value` names a property of
    it, what that adds up to."""

    key: str
    arms: tuple[str, ...]
    contexts: tuple[str, ...]
    event: str
    nth: int
    value: str | None
    window: float
    lower_is_better: bool
    floor: float
    every: float
    settle: float
    half_life: float | None


def spec_of(config: Config, test: Experiment) -> BanditSpec:
    """The spec of an experiment of a checked config with `allocate: thompson`."""
    assert test.goal is not None
    goal, bandit = config.goals[test.goal], test.bandit
    return BanditSpec(
        key=test.key,
        arms=tuple(variant.id for variant in test.variants),
        contexts=(*bandit.by, EVERYBODY),
        event=goal.event,
        nth=goal.nth,
        value=goal.value if bandit.reward == "revenue" else None,
        window=goal.window if bandit.window is None else bandit.window,
        lower_is_better=goal.direction == "decrease",
        floor=bandit.floor,
        every=bandit.every,
        settle=bandit.settle,
        half_life=bandit.half_life,
    )


def specs_of(config: Config) -> dict[str, BanditSpec]:
    """Every bandit of a config, by its experiment's key; those of experiences that are not live too, which go on
    learning from what was shown."""
    tests = [e.experiment for slot in config.slots.values() for e in slot.experiences if e.experiment is not None]
    found: dict[str, BanditSpec] = {}
    for test in tests:
        if test.allocate == "thompson":
            found.setdefault(test.key, spec_of(config, test))
    return found
