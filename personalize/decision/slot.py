"""One slot's experiences, compiled: every choice that can come out was made beforehand, choosing only picks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..conditions import Rule
from ..model import Choice, Mark
from .bandits import Bandit
from .experiments import Split
from .gates import Gate
from .mixes import Mix

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompiledExperience:
    """An experience with its gates. `choices` has one entry per variant or combination of parts, or a single one where
    there is no experiment; `held` the same for a held-out visitor.

    `apart` is the bit of its own holdout, 0 without one, and `holdout` its percent and salt.
    `needs` has a bit for each of its gates among the answers that the decider gathers; `test` is the condition, or None
    where that is one of the bits; `split_at` is the experiment's place among the visitor's arms.
    """

    id: str
    status: str
    mark: Mark
    rule: Rule
    gates: tuple[Gate, ...]
    split: Split | Mix | Bandit | None
    choices: tuple[Choice, ...]
    held: tuple[Choice, ...]
    needs: int
    test: Callable[[Facts], bool] | None
    split_at: int | None
    apart: int
    holdout: tuple[float, str] | None


@dataclass(frozen=True, slots=True)
class CompiledSlot:
    """A slot: its experiences in order, those `live`, and what is chosen when none of them is."""

    name: str
    purpose: str  # the consent it needs, or "none": then it is decided without an id and without a profile
    experiences: tuple[CompiledExperience, ...]
    live: tuple[tuple[int, Callable[[Facts], bool] | None, CompiledExperience], ...]  # with needs and test at hand
    default: Choice
    refused: Choice  # consent was not given
    to_bot: Choice
    held: Choice  # held out, where no experience would have been shown

    def choose(self, facts: Facts, closed: int, arms: Sequence[int], held: bool, apart: int, bot: bool) -> Choice:
        """The first experience from the top whose gates are open and whose condition holds. `closed` has the bits of
        the gates that are not open, `arms` the visitor's variant in each experiment of the route (-1: not in it),
        `apart` the bits of the experiences that the visitor is held out of."""
        if self.purpose == "none":
            arms, held, apart = (), False, 0
        for needs, test, experience in self.live:
            if needs & closed or not (test is None or test(facts)):
                continue
            arm = 0
            if experience.split_at is not None:
                arm = arms[experience.split_at] if arms else -1
                if arm < 0:
                    continue
            return experience.held[arm] if held or apart & experience.apart else experience.choices[arm]
        return self.held if held else self.to_bot if bot else self.default
