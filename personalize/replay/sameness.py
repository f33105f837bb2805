"""What two configs say alike, so that a replay need not decide it twice."""

from __future__ import annotations

from collections.abc import Iterable

from ..config.models import Config
from ..engine import Engine


class Sameness:
    """`of_facts` says whether facts mean the same to both, `counting` has the slots of the new config whose decisions
    depend on what was shown before (caps, and bandits' draws), and `newly_remembered` the segments that it alone
    remembers, or for another time."""

    def __init__(self, old: Engine, new: Engine) -> None:
        self._old, self._new = old, new
        one, other = old.config, new.config
        self._one, self._other = one.slots, other.slots
        self.of_facts = (
            one.site == other.site and one.timezone == other.timezone and old.history.products == new.history.products
        )
        grouped = any(e.exclusive_group is not None for slot in one.slots.values() for e in slot.experiences)
        self._depend = one.site.cap is not None or grouped
        self._alike = {name for name in one.slots if name in other.slots and self._is_alike(name)}
        self.counting = frozenset(name for name in other.slots if _counts(other, name))
        self.newly_remembered = tuple(
            name
            for name, segment in other.segments.items()
            if segment.remember_for is not None and segment != one.segments.get(name)
        )

    def of_slots(self, old: tuple[str, ...], new: tuple[str, ...]) -> frozenset[str]:
        """Those of a page's slots that both configs decide in the same way, whatever the facts. Under a cap for the
        whole site, or with exclusive groups, slots depend on each other, and then that is all or none."""
        same = frozenset(slot for slot in old if slot in new and slot in self._alike)
        if self._depend and not self._alike == self._one.keys() == self._other.keys():
            return frozenset()
        return same

    def of_segments(self, names: Iterable[str]) -> bool:
        """Whether these segments mean the same to both."""
        one, other = self._old.config.segments, self._new.config.segments
        return all(name in one and one[name] == other[name] for name in self._new.segments.needed(names))

    def _is_alike(self, name: str) -> bool:
        one, other = self._old.config, self._new.config
        if not self.of_facts or any(getattr(one, key) != getattr(other, key) for key in ("goals", "holdout", "parts")):
            return False
        slot = one.slots[name]
        if slot != other.slots[name] or any(e.experiment and e.experiment.requires for e in slot.experiences):
            return False
        asked = self._old.route_by(one, (name,)).segments
        return asked == self._new.route_by(other, (name,)).segments and self.of_segments(asked)


def _counts(config: Config, name: str) -> bool:
    slot = config.slots[name]
    return (
        config.site.cap is not None
        or slot.cap is not None
        or any(
            experience.cap is not None or (experience.experiment and experience.experiment.allocate == "thompson")
            for experience in slot.experiences
        )
    )
