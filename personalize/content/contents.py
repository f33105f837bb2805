"""What a slot shows, from what was chosen: at once where it is known, else through a source, else the fallback.

The order for a source: what it has ready; fresh from the cache; stale from the cache while it is made again; a fetch
that the page may wait for; stale content of the same key; the slot's fallback; the page's own markup.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ..config.models import Config, Content, SourceConfig
from ..config.schedule import shown_moment
from ..errors import BadFragment, ContentError
from ..model import Ask, Choice, Fill, FillState, Fragment
from ..patience import Timer
from ..protocols import Observer, Source
from .cache import Bounded, Cache, weigh
from .flights import Flights, Outcome
from .templates import Html, Templates

_COMPILED = 10_000  # distinct contents kept compiled: the config's own, far below this
_RENDERED = 8 * 1024 * 1024  # bytes of rendered templates kept
_FAILED = 1024 * 1024  # bytes of remembered failures: the same inputs would fail again
_NOTHING = "the source has nothing to show"

Moment = tuple[Hashable, ...]  # the part of an Ask that a template sees: experience, variant, why, params


def moment(ask: Ask) -> Moment:
    choice, params = ask.choice, ask.request.params
    return (choice.experience, choice.variant, choice.why, tuple(params.items()) if params else ())


class _Made:
    """One Content in one slot, looked at once. Holds the content, so that its id stays its own."""

    __slots__ = ("constant", "content", "flights", "number", "parts", "slot", "template")

    def __init__(self, slot: str, content: Content, number: int) -> None:
        self.slot = slot
        self.content = content
        self.number = number  # names this object in the memo of rendered templates
        self.constant: Fill | None = None
        self.template: str | None = None
        self.flights: Flights | None = None
        self.parts: dict[str, Any] = {}

    def of(self, content: Content) -> _Made:
        """The same for an equal content."""
        copy = _Made(self.slot, content, self.number)
        copy.constant, copy.template, copy.flights, copy.parts = self.constant, self.template, self.flights, self.parts
        return copy


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A fill as it was made from a fragment; until `fresh_until` (monotonic seconds) it needs no second look."""

    fragment: Fragment | None
    fill: Fill
    fresh_until: float


class Contents:
    """Makes Fills. One per engine; shared by all requests, so nothing of a request is kept on it but under a key that
    names everything the content depends on."""

    def __init__(
        self,
        config: Config,
        sources: Mapping[str, Source],
        observer: Observer,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`sources` by their name in the config; `clock` gives monotonic seconds."""
        self._config = config
        self._observer = observer
        self._templates = Templates(config.base / config.site.templates)
        cache = Cache()
        self._flights = {
            name: Flights(name, source, config.sources.get(name) or SourceConfig(use=name), cache, observer, clock)
            for name, source in sources.items()
        }
        self._made: dict[tuple[str, int], _Made] = {}
        self._by_value: dict[tuple[str, str], _Made] = {}
        self._clock = clock
        self._rendered: Bounded[_Rendered] = Bounded(_RENDERED)
        self._failed: Bounded[tuple[Fragment | None, ContentError]] = Bounded(_FAILED)
        self._broken: set[str] = set()  # templates of which the operator heard
        self._numbers = 0
        zone = ZoneInfo(config.timezone)
        self._ends = {
            (name, experience.id): shown_moment(experience.schedule.until, zone)
            for name, slot in config.slots.items()
            for experience in slot.experiences
            if experience.schedule is not None and experience.schedule.until is not None
        }

    # --- the three doors -------------------------------------------------------------------------------

    def begin(self, ask: Ask) -> Fill | asyncio.Future[Fill]:
        """The slot's fill if it is known now, else a future of it, made by a task of its own. The future never raises
        and must not be cancelled: wait for it with `asyncio.wait` inside the page's budget, then call `fallback`."""
        choice = ask.choice
        content = choice.content
        made = self._made.get((choice.slot, id(content)))
        if made is None or made.content is not content:
            made = self._make(choice.slot, content)
        if made.constant is not None:
            return made.constant
        try:
            if made.flights is None:
                return self._shown(made, ask, None, (), "inline")
            return self._from_source(made, made.flights, ask)
        except ContentError as error:
            return self.fallback(ask, str(error))

    def constant(self, choice: Choice) -> Fill | None:
        """The fill of content that depends on nothing but the config; None where it has to be begun."""
        return self._make(choice.slot, choice.content).constant

    def fallback(self, ask: Ask, note: str) -> Fill:
        """What the slot shows when its content failed or is late: stale content of the same key, else the choice's
        fallback, else the page's own markup. `note` says why, for operators."""
        self._observer.count("content.fallbacks")
        choice = ask.choice
        try:
            stale = self._stale(ask, choice.content, last_good=choice.fallback.kind == "last_good")
        except ContentError:  # what fails here is what failed before: `note` tells of it
            stale = None
        if stale is not None:
            return Fill(choice.slot, stale, "stale", note)
        try:
            html = self._fallback_html(ask, choice.fallback)
        except ContentError as error:
            html = None
            note = f"{note}; the fallback failed too: {error}"
        return Fill(choice.slot, html, "fallback", note)

    async def close(self) -> None:
        """Close every source; fetches under way get at most a second. One that fails does not keep the others open."""
        closing = (flights.close() for flights in self._flights.values())
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(error, Exception):
                self._observer.failed("closing a source", error)

    def adopt(self, older: Contents) -> None:
        """Take over what another Contents has cached of sources that are configured just the same, so that a reload of
        the config does not start with an empty cache. Call it before the first request."""
        for name, flights in self._flights.items():
            if (known := older._flights.get(name)) is not None and known.config == flights.config:
                flights.adopt(known)

    # --- from a source ---------------------------------------------------------------------------------

    def _from_source(self, made: _Made, flights: Flights, ask: Ask) -> Fill | asyncio.Future[Fill]:
        key, ready = flights.at_hand(ask)
        if ready is not None:
            return self._shown(made, ask, ready, key, "fresh", raw=True)
        now = self._clock()
        known = self._rendered.get((made.number, key, moment(ask)))
        if known is not None and now < known.fresh_until:
            return known.fill
        if (held := flights.look(key)) is not None:
            age = held.age(now)
            if age == "fresh":
                return self._shown(made, ask, held.fragment, key, "fresh", fresh_until=held.fresh_until)
            if age == "revalidate":
                self._observer.count("content.stale")
                flights.fly(key, None)
                return self._shown(made, ask, held.fragment, key, "stale")
        return self._wait(made, flights, ask, key)

    def _wait(self, made: _Made, flights: Flights, ask: Ask, key: Hashable) -> Fill | asyncio.Future[Fill]:
        """A future that the fetch fills, or the source's own timeout, whichever is first."""
        future: asyncio.Future[Fill] = asyncio.get_running_loop().create_future()
        timer: Timer | None = None

        def landed(outcome: Outcome) -> None:
            if timer is not None:
                timer.cancel()
            if not future.done():
                future.set_result(self._outcome(made, ask, key, outcome))

        def late() -> None:
            if not future.done():
                self._observer.count("content.late")
                future.set_result(self.fallback(ask, f"no answer in {flights.config.timeout * 1000:g} ms"))

        flights.fly(key, landed)
        if future.done():
            return future.result()
        timer = Timer(flights.config.timeout, late)
        return future

    def _outcome(self, made: _Made, ask: Ask, key: Hashable, outcome: Outcome) -> Fill:
        if isinstance(outcome, ContentError):
            return self.fallback(ask, str(outcome))
        try:
            return self._shown(made, ask, outcome, key, "fresh")
        except ContentError as error:
            return self.fallback(ask, str(error))

    def _stale(self, ask: Ask, content: Content, *, last_good: bool) -> str | None:
        """HTML of the same content and key from earlier, if it may still be shown."""
        if content.kind != "source":
            return None
        made = self._make(ask.choice.slot, content)
        if made.flights is None:
            return None
        key = made.flights.key(ask)
        held = made.flights.look(key)
        if held is not None and (last_good or held.age(self._clock()) != "last_good"):
            return self._shown(made, ask, held.fragment, key, "stale").html
        if last_good:
            remembered = self._rendered.get((made.number, key, moment(ask)))
            return None if remembered is None else remembered.fill.html
        return None

    def _fallback_html(self, ask: Ask, content: Content) -> str | None:
        """A fallback is never waited for: a source serves only with what it has ready or cached."""
        made = self._make(ask.choice.slot, content)
        if made.constant is not None:
            return made.constant.html
        if made.flights is None:
            return self._shown(made, ask, None, (), "inline").html
        key, ready = made.flights.at_hand(ask)
        if ready is not None:
            return self._shown(made, ask, ready, key, "fresh", raw=True).html
        return self._stale(ask, content, last_good=True)

    # --- compiled contents and rendered templates ------------------------------------------------------

    def _make(self, slot: str, content: Content) -> _Made:
        """The compiled form, found by the object or by its value; a copy of a known content is the same content."""
        found = self._made.get((slot, id(content)))
        if found is not None and found.content is content:
            return found
        if len(self._made) >= _COMPILED:
            self._made.clear()
            self._by_value.clear()
        value = (slot, content.model_dump_json())
        if (same := self._by_value.get(value)) is not None:
            self._made[slot, id(content)] = same.of(content)
            return self._made[slot, id(content)]
        self._numbers += 1
        made = _Made(slot, content, self._numbers)
        kind = content.kind
        inherited = self._config.slots[slot].template if slot in self._config.slots else None
        if kind == "html":
            made.constant = Fill(slot, content.html or "", "inline")
        elif kind == "empty":
            made.constant = Fill(slot, "", "inline")
        elif kind == "source" and content.source in self._flights:
            made.flights = self._flights[content.source]
            made.template = content.template or inherited
        elif kind == "source":
            made.constant = Fill(slot, None, "fallback", f"there is no source {content.source}")
        elif kind == "template":
            made.template = content.template or inherited
        else:  # page; last_good means something as a fallback only
            made.constant = Fill(slot, None, "page")
        made.parts = {name: self._part(text) for name, text in content.parts.items()}
        self._made[slot, id(content)] = self._by_value[value] = made
        return made

    def _part(self, text: str) -> Any:
        group, dot, name = text.partition(".")
        named = self._config.parts.get(group) if dot else None
        return text if named is None else named.get(name, text)

    def _shown(
        self,
        made: _Made,
        ask: Ask,
        fragment: Fragment | None,
        key: Hashable,
        state: FillState,
        *,
        raw: bool = False,
        fresh_until: float = float("-inf"),
    ) -> Fill:
        """The fill of a fragment (or of a template without one); `raw` if it was not admitted yet. What was made is
        kept under all it was made from: the content, the source's key, what the template sees of the request, and the
        fragment itself, which is compared. Raises ContentError."""
        memo = (made.number, key, moment(ask))
        known = self._rendered.get(memo)
        if known is None or (known.fragment is not fragment and known.fragment != fragment):
            fill = self._render(made, ask, fragment, memo, raw)
        else:
            fill = known.fill
        if known is None or known.fill is not fill or known.fresh_until < fresh_until:
            size = weigh(fill.html or "") + weigh(memo) + (0 if fragment is None else weigh(fragment.values))
            self._rendered.put(memo, _Rendered(fragment, fill, fresh_until), size)
        return fill if fill.state == state else Fill(made.slot, fill.html, state)

    def _render(self, made: _Made, ask: Ask, fragment: Fragment | None, memo: Hashable, raw: bool) -> Fill:
        failed = self._failed.get(memo)
        if failed is not None and failed[0] == fragment:
            raise failed[1]
        try:
            if fragment is None:
                return Fill(made.slot, self._template(made, ask, {}), "inline")
            if raw and made.flights is not None:
                admitted = made.flights.admit_now(fragment)
            else:
                admitted = fragment
            return Fill(made.slot, self._of_fragment(made, ask, admitted), "fresh")
        except ContentError as error:
            self._failed.put(memo, (fragment, error), weigh(memo) + (0 if fragment is None else weigh(fragment.values)))
            raise

    def _of_fragment(self, made: _Made, ask: Ask, fragment: Fragment) -> str:
        if fragment.html is not None and made.content.template is None:
            return fragment.html
        values = fragment.values
        if fragment.html is not None:
            return self._template(made, ask, {**values, "html": Html(fragment.html)})
        if not values or ("items" in values and not values["items"]):
            raise BadFragment(_NOTHING)
        return self._template(made, ask, values)

    def _template(self, made: _Made, ask: Ask, values: Mapping[str, Any]) -> str:
        if made.template is None:
            raise BadFragment(f"slot {made.slot} names no template for this content")
        choice, content = ask.choice, made.content
        ends, ends_at = self._ends.get((choice.slot, choice.experience or ""), ("", ""))
        variables: dict[str, Any] = {
            **values,
            **content.vars,
            **made.parts,
            "parts": made.parts,
            "vars": content.vars,
            "slot": choice.slot,
            "experience": choice.experience,
            "variant": choice.variant,
            "why": choice.why,
            "params": ask.request.params,
            "ends": ends,
            "ends_at": ends_at,
        }
        try:
            html = self._templates.render(made.template, variables)
        except BadFragment as error:
            if made.template not in self._broken:
                self._broken.add(made.template)
                self._observer.changed(f"template {made.template}", "failing", str(error))
            raise
        if made.template in self._broken:
            self._broken.discard(made.template)
            self._observer.changed(f"template {made.template}", "working")
        return html
