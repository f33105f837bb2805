"""When many visitors say that an experience is not for them, it is paused and its owner hears of it.

A fold over the log, like the kill switch, and its hand on that switch.

Rule 1  What counts are visitors who were shown the experience and complained of it, each once, against how often it was
        shown, both in the same time. Who is held out saw nothing.
Rule 2  Every worker comes to the same verdict at the same event, and the pause's id is made of that event's: so the log
        holds one pause, whoever is first.
Rule 3  A pause, and an operator's resume, end a count: what was said before it counts for nothing after it. So a replay
        of the log pauses nothing again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..config.models import Complaints as Rule
from ..config.models import Config
from ..model import OPERATOR, PAUSED, RESUMED, SHOWING, Event
from ..protocols import Observer
from ..quantities import written

_PIECES: Final = 24  # showings are counted in so many pieces of the time
_MOST: Final = 10_000  # visitors remembered of one experience


@dataclass(slots=True)
class _Heard:
    """Of one experience: when who complained, the latest last, and how often it was shown, piece by piece of time."""

    complaints: OrderedDict[str, float] = field(default_factory=OrderedDict)
    shown: deque[list[float]] = field(default_factory=deque)  # [when the piece began, how often]


class Complaints:
    """What was complained of lately. Counts from the moment on that this process follows the log."""

    heeds = frozenset({"Answer Given", PAUSED, RESUMED, *SHOWING})  # see protocols.Fold

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._rule: Rule | None = None
        self._live: Collection[str] = ()
        self._heard: dict[str, _Heard] = {}
        self._due: dict[str, Event] = {}
        self._woken: asyncio.Event | None = None

    def follow(self, config: Config) -> None:
        """Take over a config's rule, and the experiences that may be paused."""
        if config.site.complaints != self._rule:
            self._rule = config.site.complaints
            self._heard.clear()
            self._due.clear()
        self._live = frozenset(
            f"{name}/{e.id}" for name, slot in config.slots.items() for e in slot.experiences if e.status == "live"
        )

    def apply(self, event: Event) -> None:
        """Take one stored event."""
        rule = self._rule
        if rule is None:
            return
        if event.name == "Answer Given":
            self._complained(rule, event)
        elif event.visitor == OPERATOR and event.name in (PAUSED, RESUMED):
            target = str(event.properties.get("target", ""))
            self._heard.pop(target, None)
            self._due.pop(target, None)
        else:
            for seen in event.exposures:
                if not seen.get("held") and seen.get("how") != "fallback":
                    self._shown(rule, f"{seen.get('slot')}/{seen.get('experience')}", event.time)

    def _shown(self, rule: Rule, target: str, time: float) -> None:
        if target not in self._live:
            return
        shown = self._heard.setdefault(target, _Heard()).shown
        if not shown or time - shown[-1][0] > rule.within / _PIECES:
            shown.append([time, 0])
        shown[-1][1] += 1
        while time - shown[0][0] > rule.within:
            shown.popleft()

    def _complained(self, rule: Rule, event: Event) -> None:
        told = event.properties
        target = f"{told.get('slot')}/{told.get('experience')}"
        if str(told.get("answer", "")).casefold() not in rule.meant or target not in self._live:
            return
        heard = self._heard.setdefault(target, _Heard())
        heard.complaints.pop(event.visitor, None)
        heard.complaints[event.visitor] = event.time
        while len(heard.complaints) > _MOST or event.time - next(iter(heard.complaints.values())) > rule.within:
            heard.complaints.popitem(last=False)
        count, times = len(heard.complaints), sum(int(piece[1]) for piece in heard.shown)
        if count >= rule.visitors and count >= rule.share * times and target not in self._due:
            why = f"{count} visitors said within {written(rule.within)} that it is not for them; "
            why += f"it was shown {times} times"
            said = {"target": target, "by": "complaints", "why": why}
            self._due[target] = Event(f"complaints:{event.id}", PAUSED, event.time, OPERATOR, said)
            if self._woken is not None:
                self._woken.set()

    # --- acting ----------------------------------------------------------------------------------------

    async def act(self, record: Callable[[Event], None], held: Callable[[], Mapping[str, Any]]) -> None:
        """Pause what is due, for as long as the log is followed. `held` says what is paused already."""
        self._woken = woken = asyncio.Event()
        while True:
            for target, pause in list(self._due.items()):
                del self._due[target]
                if target in held():
                    continue
                self._observer.count("complaints")
                self._observer.changed(f"experience {target}", "disliked", str(pause.properties["why"]))
                if self._rule is not None and self._rule.then == "pause":
                    record(pause)
                else:
                    self._heard.pop(target, None)  # the next alert wants as many again
            await woken.wait()
            woken.clear()
