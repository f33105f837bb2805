"""Winners: which variants operators promoted, as a fold over the log, and a config that shows them to all.

A promotion is a line in the log, as a pause is. The variant is forced in the config before rules are compiled: what
everybody gets was not drawn, so exposures name no experiment, and who was assigned stays so for when it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..config.models import Config, Experiment, Slot
from ..model import DEMOTED, OPERATOR, PROMOTED, Event


@dataclass(frozen=True, slots=True)
class Promotion:
    """Of the experiment with this key, everybody gets this variant; `by` and `why` are what the operator said."""

    experiment: str
    variant: str
    time: float
    by: str
    why: str = ""


class Promotions:
    """What is promoted now, by the experiment's key. `changed` is called with each line that changed it."""

    def __init__(self) -> None:
        self.held: Mapping[str, Promotion] = {}
        self.ended: frozenset[str] = frozenset()  # keys of what was taken back: only a person promotes these again
        self.changed: Callable[[Event], None] | None = None
        self._seq = 0

    def recall(self, events: Sequence[Event]) -> None:
        """Take what operators did before, and tell of the last of it only."""
        taken = [event for event in events if self._take(event)]
        if taken and self.changed is not None:
            self.changed(taken[-1])

    def apply(self, event: Event) -> None:
        """Take one stored event; one that is known already changes nothing."""
        if self._take(event) and self.changed is not None:
            self.changed(event)

    def _take(self, event: Event) -> bool:
        if event.visitor != OPERATOR or event.name not in (PROMOTED, DEMOTED) or event.seq <= self._seq:
            return False
        self._seq = event.seq
        key, variant, by, why = (str(event.properties.get(word, "")) for word in ("target", "variant", "by", "why"))
        held = {name: promotion for name, promotion in self.held.items() if name != key}
        if event.name == PROMOTED:
            held[key] = Promotion(key, variant, event.time, by, why)
        else:
            self.ended |= {key}
        self.held = held
        return True

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
