"""The composition root: Config -> immutable Engine. The floors know nothing of each other; here they meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .bandits import specs_of
from .client_apps import ClientApps
from .conditions import Behaviour
from .config.actions import ON_ATTRIBUTES
from .config.models import Config, Content, SourceConfig
from .content import Contents, HttpSource
from .decision import Case, Decider
from .errors import ConfigError
from .events import Callers, Marks
from .history import History
from .history.lists import listings
from .model import Ask, Choice, Fill, Plan, Problem, Profile, Request, Shown, Step, Visitor
from .page import PageRules, Shapes, SlotTarget, Stitcher, compile_rules, page_key
from .page.charset import encode
from .page.csp import FREE, Inline, fitted
from .page.spans import Span
from .plugins import make_plugin
from .profiles import PROFILE_FACTS, behaviour_holds
from .protocols import Observer, Source
from .recommend import ProofSource, RecommendationSource
from .routes import Match, Routes
from .segments import Segments
from .shared import SharedPages
from .visitor import PreviewTokens, VisitorReader

_PREPARED: Final = 4096  # plans kept prepared
BUILT_IN_SOURCES: Final = ("recommendations", "proof")


@dataclass(frozen=True, slots=True)
class Route:
    """All that is known about one set of slots before any request came."""

    slots: tuple[str, ...]
    rules: PageRules
    decider: Decider
    request_facts: tuple[tuple[str, Callable[[Request, float, Visitor], Any]], ...]
    profile_facts: tuple[tuple[str, Callable[[Profile | None, float], Any]], ...]
    behaviours: tuple[Behaviour, ...]
    segments: frozenset[str]
    capped: bool  # somebody may be shown something only so often here
    page_key: Hashable  # under which its pages are known
    shared: bool = False  # a cache in front may keep its pages
    silent: bool = False  # every slot is paused: its pages are the app's own


class Prepared:
    """What a plan shows wherever it is shown. Plans are remembered by `decision`, so this is made once for many
    requests; it is shared and never written to, but for `shown`, which depends on nothing else."""

    __slots__ = ("_encoded", "choices", "fills", "marks", "open", "plan", "shown")

    def __init__(self, plan: Plan, fills: dict[str, Fill], marks: tuple[bytes, bytes]) -> None:
        self.plan = plan
        self.marks = marks  # the header that says what is shown, for our own script
        self.choices = {choice.slot: choice for choice in plan.choices}
        self.fills = fills  # of the slots whose content is always the same
        self.open = tuple(choice for choice in plan.choices if choice.slot not in fills)
        self.shown: Shown | None = None  # the exposures of a page on which every slot was found
        self._encoded: dict[str, dict[str, bytes | None]] = {}

    def encoded(self, codec: str) -> Mapping[str, bytes | None]:
        """`fills` in a page's encoding, in one dict for all pages."""
        known = self._encoded.get(codec)
        if known is None:
            known = {slot: None if f.html is None else encode(f.html, codec) for slot, f in self.fills.items()}
            self._encoded[codec] = known
        return known


@dataclass(slots=True)
class Decision:
    """A plan, with what it was made from. Never written to; not frozen, for one is made for every page."""

    plan: Plan
    facts: Mapping[str, Any]
    entered: tuple[str, ...] = ()  # segments to remember the visitor in


class Engine:
    """One config at work. Holds no state of any request; replaced as a whole when the config changes.

    Raises ConfigError for what only the floors can tell (selectors, plugins).
    """

    def __init__(
        self,
        config: Config,
        history: History,
        keys: tuple[str, ...],
        observer: Observer,
        *,
        new_id: Callable[[], str],
    ) -> None:
        self.config = config
        self.history = history
        self.observer = observer
        self.client_apps = ClientApps(observer)
        self.callers = Callers(config.site.limits)
        self.shapes = Shapes(config.site.page_memory, learned=self._learned)
        self.stitcher = Stitcher(self.shapes)
        self.shared = SharedPages(config)
        self.marks = Marks(keys)
        self.visitors = VisitorReader(config.site, keys, config.timezone, new_id=new_id)
        self.previews = PreviewTokens(keys)
        self.segments = Segments(config)
        lists = listings(config)
        self.contents = Contents(config, self._sources(), observer)
        self._prepared: dict[int, Prepared] = {}  # by the identity of a plan's choices
        self._targets = {name: _targets(name, config) for name in config.slots}
        self._refuse_bad_selectors()
        self.deciding = self._switched()
        self._routes: Routes[Route] = Routes(config, self._route)
        if config.slots:
            # Routes are made when a path first asks for them; what is wrong or slow in one is met now instead.
            self._route(tuple(config.slots))
        history.lists.follow(lists)
        history.learning.follow(specs_of(config))
        history.complaints.follow(config)
        history.promoter.follow(config)

    def _switched(self) -> Config:
        return self.history.promotions.with_winners(self.history.pauses.without_paused(self.config))

    # --- made once ---------------------------------------------------------------------------------

    def _sources(self) -> dict[str, Source]:
        declared = dict(self.config.sources)
        for name in BUILT_IN_SOURCES:
            declared.setdefault(name, SourceConfig(use=name))
        return {name: self._source(name, source) for name, source in declared.items()}

    def _source(self, name: str, source: SourceConfig) -> Source:
        history = self.history
        if source.use == "recommendations":
            return RecommendationSource(history.recommender, history.products)
        if source.use == "proof":
            return ProofSource(history.proof, history.products)
        if source.use == "http":
            return HttpSource(name, source, self.observer)
        mark = self.config.mark("sources", name, "use")
        made: Source = make_plugin(source.use, mark, ("key", "ready", "fetch", "close"), name, source)
        return made

    def _refuse_bad_selectors(self) -> None:
        problems: list[Problem] = []
        for name, targets in self._targets.items():
            try:
                compile_rules(targets)
            except ValueError as error:
                mark = self.config.mark("slots", name, "match", "element")
                problems.append(Problem(mark, "PZ319", f'slot "{name}" can\'t be found: {error}'))
        if problems:
            raise ConfigError(problems)

    def _route(self, names: tuple[str, ...]) -> Route:
        return self.route_by(self.deciding, names)

    def route_of_all(self) -> Route:
        """All slots of the config, for those who ask without a page."""
        return self._routes.of(tuple(self.config.slots))

    def route_by(self, config: Config, names: tuple[str, ...]) -> Route:
        """The route of these slots as `config`, a variation on the engine's own, decides them."""
        decider = Decider(config, names)
        watched = self.segments.remembering
        reads = decider.reads | self._read_by_sources(names) | self.segments.reads(watched)
        behaviours = {**decider.behaviours, **self.segments.behaviours(watched)}
        rules = compile_rules([target for name in names for target in self._targets[name]])
        return Route(
            slots=names,
            rules=rules,
            page_key=page_key(names, rules),
            decider=decider,
            request_facts=tuple((f, self.visitors.reader(f)) for f in sorted(reads & self.visitors.facts)),
            profile_facts=tuple((f, PROFILE_FACTS[f]) for f in sorted(reads & PROFILE_FACTS.keys())),
            behaviours=tuple(behaviours.values()),
            segments=frozenset(decider.segments),
            capped=any(_is_capped(self.config, name) for name in names),
            shared=self.shared.copies is not None and all(self.config.slots[name].shared for name in names),
            silent=all(self.history.pauses.on(name) is not None for name in names),
        )

    def _read_by_sources(self, names: Collection[str]) -> set[str]:
        """Top-level facts that a source of one of these slots varies by."""
        used = {content.source for name in names for content in _contents(self.config, name) if content.source}
        return {
            fact.partition(".")[0]
            for name in used
            if name in self.config.sources
            for fact in self.config.sources[name].vary_by
        }

    def _learned(self, key: Any, page: bytes, spans: Sequence[Span]) -> None:
        self.client_apps.see(key[0], page, spans)  # of a page_key the route, which is the slots' names

    # --- each request ------------------------------------------------------------------------------

    def switch(self) -> None:
        """Act on what the history says is paused and promoted now, from the next request on."""
        self.deciding = self._switched()
        self._routes = Routes(self.config, self._route)

    def match(self, path: str) -> Match[Route] | None:
        return self._routes.get(path)

    def facts(
        self, route: Route, request: Request, visitor: Visitor, profile: Profile | None, now: float
    ) -> dict[str, Any]:
        """The facts that this route's rules and sources read, and no others."""
        facts: dict[str, Any] = {name: read(request, now, visitor) for name, read in route.request_facts}
        for name, of_profile in route.profile_facts:
            facts[name] = of_profile(profile, now)
        for behaviour in route.behaviours:
            facts[behaviour.key] = behaviour_holds(behaviour, profile, now, self.history.products)
        return facts

    def decide(
        self,
        route: Route,
        request: Request,
        visitor: Visitor,
        profile: Profile | None,
        now: float,
        trace: list[Step] | None = None,
        as_segments: frozenset[str] = frozenset(),
    ) -> Decision:
        """The plan for one request, from nothing but its arguments and the config. `trace` gets a step per slot;
        `as_segments` are taken as memberships besides the visitor's own."""
        facts = self.facts(route, request, visitor, profile, now)
        entered: tuple[str, ...] = ()
        listed = self.history.listed(visitor.id)
        remembered = profile.remembered if profile is not None else {}
        if route.segments:
            facts["segments"] = self.segments.memberships(route.segments, facts, remembered, now, listed) | as_segments
        if self.segments.remembering and visitor.id is not None:
            # Every page counts as a touch, also one whose slots do not ask for the segment.
            entered = self.segments.entered(self.segments.remembering, facts, remembered, now, listed)
        plan = route.decider.decide(Case(facts, visitor, profile, now, self.history.learning.allocations), trace)
        return Decision(plan, facts, entered)

    def prepare(self, plan: Plan) -> Prepared:
        """The part of a plan's content that needs nothing of the request."""
        choices = plan.choices
        known = self._prepared.get(id(choices))
        if known is not None and known.plan.choices is choices:
            return known
        fills = {c.slot: fill for c in plan.choices if (fill := self.contents.constant(c)) is not None}
        if len(self._prepared) >= _PREPARED:
            self._prepared.clear()
        self._prepared[id(choices)] = made = Prepared(plan, fills, self.marks.header(choices))
        return made

    def begin(
        self, choice: Choice, request: Request, decision: Decision, profile: Profile | None, now: float
    ) -> tuple[Ask, Fill | asyncio.Future[Fill]]:
        """Start what one slot shows; see Contents.begin."""
        ask = Ask(choice, request, decision.facts, profile, now)
        return ask, self.contents.begin(ask)

    def under(self, rule: Inline, slot: str, data: bytes) -> bytes:
        """What fills a slot, as it may stand in a page whose policy allows this much inline code."""
        if rule is FREE or self.config.slots[slot].match.do in ON_ATTRIBUTES:
            return data
        text = fitted(data, rule)
        if len(text) < len(data):
            why = "the page's Content-Security-Policy allows none there, so it was left out"
            self.observer.changed(f"inline code in slot {slot}", "refused", why)
        return text

    async def close(self) -> None:
        await self.contents.close()


def _is_capped(config: Config, name: str) -> bool:
    slot = config.slots[name]
    counted = config.site.cap is not None and slot.consent != "none"
    return counted or slot.cap is not None or any(e.cap is not None and e.status == "live" for e in slot.experiences)


def _targets(name: str, config: Config) -> list[SlotTarget]:
    match = config.slots[name].match
    return [SlotTarget(name, match.element, match.comment, match.do, match.attribute, match.all)]


def _contents(config: Config, name: str) -> Iterator[Content]:
    """Everything a slot could show."""
    slot = config.slots[name]
    yield slot.default
    yield slot.fallback
    for experience in slot.experiences:
        if experience.show is not None:
            yield experience.show
        if experience.experiment is not None:
            yield from (variant.content for variant in experience.experiment.variants)
