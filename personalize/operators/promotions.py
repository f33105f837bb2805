"""Winners: which variants operators promoted, as a fold over the log, and a config that shows them to all.

A promotion is a line in the log, as a pause is. The variant is forced in the config before rules are compiled: what
everybody gets was not drawn, so exposures name no experiment, and who was assigned stays so for when it is taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model import DEMOTED, PROMOTED, Event
from .held import Held, said

if TYPE_CHECKING:
    from ..config.models import Config, Experiment, Slot


@dataclass(frozen=True, slots=True)
class Promotion:
    """Of the experiment with this key, everybody gets this variant; `by` and `why` are what the operator said."""

    experiment: str
    variant: str
    time: float
    by: str
    why: str = ""


class Promotions(Held[Promotion]):
    """What is promoted now, by the experiment's key. What was taken back is promoted again by a person only."""

    done, undone = PROMOTED, DEMOTED

    def _made(self, target: str, event: Event) -> Promotion:
        return Promotion(target, said(event, "variant"), event.time, said(event, "by"), said(event, "why"))

    def until(self) -> dict[str, float]:
        """By the experiment's key, when its figures ended."""
        return {key: promotion.time for key, promotion in self.held.items()}

    def of(self, test: Experiment) -> Promotion | None:
        """What holds of an experiment: not of a variant that left it, nor where the config itself forces one."""
        held = self.held.get(test.key)
        return held if held is not None and test.force is None and held.variant in test.names else None

    def with_winners(self, config: Config) -> Config:
        """The same config with what was promoted forced. The same object where nothing was."""
        if not self.held:
            return config
        return config.model_copy(update={"slots": {name: self._slot(slot) for name, slot in config.slots.items()}})

    def _slot(self, slot: Slot) -> Slot:
        experiences = [
            e.model_copy(update={"experiment": _won(e.experiment, held.variant)})
            if e.experiment is not None and (held := self.of(e.experiment)) is not None
            else e
            for e in slot.experiences
        ]
        return slot.model_copy(update={"experiences": experiences})


def _won(test: Experiment, variant: str) -> Experiment:
    """Everybody whom the experience is for takes part, and gets this variant."""
    everybody: dict[str, object] = {"coverage": 1.0, "namespace": None, "filters": [], "requires": []}
    variants = [each.model_copy(update={"range": None}) for each in test.variants]
    return test.model_copy(update={"force": variant, "variants": variants, **everybody})
