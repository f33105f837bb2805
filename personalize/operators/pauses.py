"""The kill switch: what operators paused, as a fold over the log, and a config without it.

A pause is a line in the log, so it holds on every worker that follows the log, and after a restart; it says who, when
and why. What is paused is taken out of the config before rules are compiled: a page asks nothing more than before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model import PAUSED, RESUMED, Event
from .held import Held, said

if TYPE_CHECKING:
    from ..config.models import Config, Slot

EVERYTHING = "*"


def named(target: str) -> str:
    """A target as it is said."""
    return "everything" if target == EVERYTHING else target


@dataclass(frozen=True, slots=True)
class Pause:
    """`target` is "slot/experience", "slot/*", or "*" for everything; `by` and `why` are what the operator said."""

    target: str
    time: float
    by: str
    why: str = ""

    def covers(self, slot: str, experience: str | None = None) -> bool:
        """Whether it takes out the whole slot, or, where one is named, this experience of it."""
        if self.target in (EVERYTHING, f"{slot}/*"):
            return True
        return experience is not None and self.target == f"{slot}/{experience}"


class Pauses(Held[Pause]):
    """What is paused now, by target."""

    done, undone = PAUSED, RESUMED

    def _made(self, target: str, event: Event) -> Pause:
        return Pause(target, event.time, said(event, "by"), said(event, "why"))

    def on(self, slot: str, experience: str | None = None) -> Pause | None:
        """The first pause that covers a slot, or an experience of it."""
        return next((pause for pause in self.held.values() if pause.covers(slot, experience)), None)

    def without_paused(self, config: Config) -> Config:
        """The same config with what is paused taken out: a paused experience has the status, a paused slot shows the
        page's own markup. The same object where nothing is paused."""
        if not self.held:
            return config
        return config.model_copy(update={"slots": {name: self._slot(name, s) for name, s in config.slots.items()}})

    def _slot(self, name: str, slot: Slot) -> Slot:
        from ..config.models import PAGE

        experiences = [
            e.model_copy(update={"status": "paused"}) if e.status == "live" and self.on(name, e.id) else e
            for e in slot.experiences
        ]
        changed: dict[str, object] = {"experiences": experiences}
        if self.on(name) is not None:
            changed["default"] = PAGE
        return slot.model_copy(update=changed)
