"""One slot's experiences, compiled: every choice that can come out was made beforehand, choosing only picks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..conditions import Rule
from ..model import Choice, Mark
from .bandits import Bandit
from .chances import Chance, Holdout
from .experiments import Split
from .gates import Gate
from .mixes import Mix


@dataclass(frozen=True, slots=True)
class CompiledExperience:
    """An experience with its gates. `choices` has one entry per variant or combination of parts, or a single one where
    there is no experiment; `held` the same for a held-out visitor.

    `holdout` is its own one. `needs` has a bit for each of its gates among the answers that the decider gathers;
    `split_at` is the experiment's place among the route's, `drawn` says that chance has a say in it, `seeds` are
    those of the hashes that tell what a newcomer gets, and `certain` says that everybody gets something. Groups of
    slots that need no consent have names of their own: what is personal tells them nothing.
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
    split_at: int | None
    holdout: Holdout | None
    drawn: bool
    seeds: tuple[str, ...]
    certain: bool
    group: str | None  # of which one page shows one experience at most


@dataclass(frozen=True, slots=True)
class CompiledSlot:
    """A slot: its experiences in order, those `live`, and what is chosen when none of them is."""

    name: str
    purpose: str  # the consent it needs, or "none": then it is decided without an id and without a profile
    experiences: tuple[CompiledExperience, ...]
    live: tuple[CompiledExperience, ...]
    default: Choice
    refused: Choice  # consent was not given
    to_bot: Choice
    held: Choice  # held out, where no experience would have been shown

    def choose(self, candidates: Sequence[CompiledExperience], chance: Chance, bot: bool) -> Choice:
        """The first candidate that chance gives the visitor."""
        told = self.purpose != "none"
        for experience in candidates:
            arm = 0 if experience.split_at is None else chance.arm(experience.split_at)
            if arm >= 0:
                held = told and (chance.held or chance.is_apart(experience.holdout))
                return experience.held[arm] if held else experience.choices[arm]
        return self.held if told and chance.held else self.to_bot if bot else self.default

    def takes(self, choice: Choice) -> dict[str, str]:
        """The exclusive group that this slot's choice takes on the page, with what took it."""
        group = next((each.group for each in self.experiences if each.id == choice.experience), None)
        return {} if group is None else {group: f"{self.name}/{choice.experience}"}
