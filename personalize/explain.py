"""Why a page shows what it shows: one record for the editor's tree and the visitor's sentence."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from .asgi import Message, Send
from .engine import Engine, Route
from .model import PURPOSES, Choice, Consent, Fill, Mark, Plan, Profile, Request, Step, Visitor
from .operators.pauses import Pause, named
from .operators.promotions import Promotion
from .patience import OF_A_PROFILE, Patience
from .profiles import first_party

HEADER: Final = b"x-personalize-explain"  # with a preview's token in a request; with what was decided in a response
_LONGEST_HEADER: Final = 4000
UNREAD: Final = "the profile could not be read in time: decided by the id alone, as of somebody unknown"


@dataclass(frozen=True, slots=True)
class SlotExplanation:
    """One slot: what won, where that was written, how long it took, and each gate that was asked."""

    slot: str
    experience: str | None
    variant: str | None
    reason: str
    held: bool
    why: str  # the visitor's sentence
    state: str  # where the content came from: inline, fresh, stale, fallback, page
    note: str
    took_us: float  # decision share and content, microseconds
    mark: Mark
    steps: Step


@dataclass(frozen=True, slots=True)
class Explanation:
    """All slots of one page for one visitor at one moment; `identity` says how the visitor was told."""

    path: str
    now: float
    identity: Step
    segments: tuple[str, ...]
    facts: Mapping[str, Any]
    slots: tuple[SlotExplanation, ...]
    warnings: tuple[str, ...] = ()  # of client frameworks that take over slots of the pages here
    found: tuple[str, ...] | None = None  # the slots that are in the page, where one was looked at

    def as_json(self) -> dict[str, Any]:
        """Plain values, ready for json.dumps; marks are "file:line:column"."""
        plain: dict[str, Any] = _plain(asdict(self))
        for told, slot in zip(plain["slots"], self.slots, strict=True):
            told["mark"] = str(slot.mark)
            told["steps"] = _step(slot.steps)
        plain["identity"] = _step(self.identity)
        return plain


def read_url(url: str, headers: Sequence[tuple[str, str]] = (), cookies: Sequence[str] = ()) -> Request:
    """A GET request as a browser would make it for `url`; cookies are "name=value"."""
    parts = urlsplit(url if "://" in url else f"http://localhost{'' if url.startswith('/') else '/'}{url}")
    found = {b"host": parts.netloc.encode("latin-1", "replace")}
    found |= {name.lower().encode("latin-1"): value.encode("utf-8") for name, value in headers}
    if cookies:
        found[b"cookie"] = b"; ".join([c.encode("utf-8") for c in cookies])
    return Request("GET", parts.path or "/", parts.query.encode(), parts.scheme, found)


async def explain(
    engine: Engine, request: Request, now: float, as_segments: Sequence[str] = (), visitor: Visitor | None = None
) -> Explanation:
    """Decide this request again, keeping every reason. Nothing is recorded and no cookie is made.

    `visitor` is who asks, where it is not whom the request's cookies say.
    `as_segments` puts the visitor into these segments; whom the cookies say then counts as consenting to everything.
    Content that is not in memory is asked for once, inside the page's budget.
    """
    match = engine.match(request.path)
    if visitor is None:
        visitor = engine.visitors.identify(request, now)
        if as_segments:
            visitor = Visitor(visitor.id or "preview", Consent(frozenset(PURPOSES)), fresh=visitor.fresh)
    if match is None or match.route is None:
        return Explanation(request.path, now, _identity(visitor, as_segments), (), {}, ())
    request = replace(request, params=match.params)
    profile, late = await _profile_of(engine, visitor)
    if profile is not None and visitor.consent.gpc:
        profile = first_party(profile)
    if match.route.capped and visitor.id is not None:
        profile = await engine.history.with_just_shown(visitor.id, profile)
    return await explain_as(engine, match.route, request, visitor, profile, now, as_segments, late)


async def _profile_of(engine: Engine, visitor: Visitor) -> tuple[Profile | None, Step | None]:
    """A visitor's profile; and a step that failed where a page would have gone without it."""
    if visitor.id is None:
        return None, None
    began = time.perf_counter()
    loading = asyncio.ensure_future(engine.history.load(visitor.id))
    in_time = await Patience(OF_A_PROFILE).wait(loading)
    profile = await loading
    if in_time and profile is not None:
        return profile, None
    saw = f"it took {1000 * (time.perf_counter() - began):.0f} ms, and a page waits for {1000 * OF_A_PROFILE:.0f}"
    saw = "the log can't be read" if profile is None else saw
    return profile, Step("has a profile that is there in time", False, f"{saw}: pages are decided by the id alone")


async def explain_as(
    engine: Engine,
    route: Route,
    request: Request,
    visitor: Visitor,
    profile: Profile | None,
    now: float,
    as_segments: Sequence[str] = (),
    late: Step | None = None,
) -> Explanation:
    """The same for somebody who is known already; `late` says that their profile would not have been."""
    identity = _identity(visitor, as_segments, late)
    trace: list[Step] = []
    asked = (route, request, visitor, profile, now)
    decision = engine.decide(*asked, trace, frozenset(as_segments))
    began = time.perf_counter()
    engine.decide(*asked, None, frozenset(as_segments))  # as a page asks: keeping the reasons takes longer
    share = (time.perf_counter() - began) * 1e6 / max(1, len(trace))
    slots = [
        await _slot(engine, choice, _switched(engine, choice.slot, step), (request, decision, profile, now), share)
        for choice, step in zip(decision.plan.choices, trace, strict=True)
    ]
    segments = decision.facts.get("segments", ())
    warnings = engine.client_apps.warnings(route.slots)
    facts = dict(decision.facts)
    return Explanation(request.path, now, identity, tuple(sorted(segments)), facts, tuple(slots), warnings)


async def _slot(
    engine: Engine, choice: Choice, step: Step, made_from: tuple[Any, ...], share: float
) -> SlotExplanation:
    began = time.perf_counter()
    ask, fill = engine.begin(choice, *made_from)
    if not isinstance(fill, Fill):
        in_time = await Patience(engine.config.site.budget).wait(fill)
        fill = fill.result() if in_time else engine.contents.fallback(ask, "late")
    took = share + (time.perf_counter() - began) * 1e6
    return SlotExplanation(
        slot=choice.slot,
        experience=choice.experience,
        variant=choice.variant,
        reason=_reason(engine, choice),
        held=choice.held,
        why=choice.why,
        state=fill.state,
        note=fill.note,
        took_us=round(took, 1),
        mark=where(engine, choice),
        steps=step,
    )


def _switched(engine: Engine, slot: str, step: Step) -> Step:
    """The slot's tree, beginning with what operators paused and promoted of it."""
    zone = ZoneInfo(engine.config.timezone)
    steps = [
        Step(f"{named(pause.target)} is not paused", False, f"paused {_said(pause, zone)}")
        for pause in engine.history.pauses.held.values()
        if pause.covers(slot) or pause.target.startswith(f"{slot}/")
    ]
    for experience in engine.config.slots[slot].experiences:
        test = experience.experiment
        if test is not None and (won := engine.history.promotions.of(test)) is not None:
            saw = f"{won.variant} was promoted {_said(won, zone)}"
            steps.append(Step(f"{slot}/{experience.id} is still an experiment", False, saw))
    return replace(step, inner=(*steps, *step.inner)) if steps else step


def _said(switch: Pause | Promotion, zone: ZoneInfo) -> str:
    when = datetime.fromtimestamp(switch.time, zone).strftime("%Y-%m-%d %H:%M")
    return f"by {switch.by} on {when}{f': {switch.why}' if switch.why else ''}"


def explained(send: Send, engine: Engine, plan: Plan, warnings: Sequence[str] = ()) -> Send:
    """The response's headers say what each slot shows, and why; and what is known to be wrong with the pages there."""
    header = (HEADER, told(engine, plan, warnings))

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return sending


def told(engine: Engine, plan: Plan, warnings: Sequence[str] = ()) -> bytes:
    """A plan as JSON in ASCII, short enough for a header: the slots that do not fit are counted under "more"."""
    slots: list[dict[str, Any]] = []
    also: dict[str, Any] = {"warnings": list(warnings)} if warnings else {}
    size = len(json.dumps(also))
    for choice in plan.choices:
        names = ("slot", "experience", "variant")
        said: dict[str, Any] = {name: value for name in names if (value := getattr(choice, name)) is not None}
        said["reason"] = _reason(engine, choice)
        said |= {"held": True} if choice.held else {}
        size += len(json.dumps(said)) + 1
        if size > _LONGEST_HEADER:
            break
        slots.append(said)
    more = len(plan.choices) - len(slots)
    also |= {"more": more} if more else {}
    return json.dumps({"slots": slots} | also, separators=(",", ":")).encode("ascii")


def _reason(engine: Engine, choice: Choice) -> str:
    """A choice's own, or "paused" where the whole slot is, and no preview shows it all the same."""
    paused = choice.experience is None and engine.history.pauses.on(choice.slot) is not None
    return "paused" if paused else choice.reason


def where(engine: Engine, choice: Choice) -> Mark:
    """The line of the config that won a slot."""
    slot = engine.config.slots[choice.slot]
    for index, experience in enumerate(slot.experiences):
        if experience.id == choice.experience:
            return engine.config.mark("slots", choice.slot, "experiences", index)
    return engine.config.mark("slots", choice.slot, "default")


def _granted(consent: Consent) -> str:
    if consent.granted >= set(PURPOSES):
        return "everything granted"
    return ", ".join(sorted(consent.granted)) or "nothing granted"


def _identity(visitor: Visitor, as_segments: Sequence[str], late: Step | None = None) -> Step:
    told: tuple[Step, ...] = (
        Step("is not a bot", not visitor.bot),
        Step("consents to personalization_storage", visitor.consent.allows("personalization_storage"),
             _granted(visitor.consent)),
        Step("does not send Sec-GPC: 1", not visitor.consent.gpc),
        Step("brought a valid id", visitor.id is not None and not visitor.fresh, "forged" if visitor.forged else ""),
    )  # fmt: skip
    if late is not None:
        told = (*told, late)
    if as_segments:
        saw = "and to consent to everything" if visitor.consent.granted >= set(PURPOSES) else ""
        told = (*told, Step(f"is taken to be in {', '.join(as_segments)}", True, saw))
    return Step("visitor", visitor.id is not None, inner=told)


def _step(step: Step) -> dict[str, Any]:
    return {
        "what": step.what,
        "held": step.held,
        "saw": step.saw,
        "mark": str(step.mark) if step.mark else None,
        "inner": [_step(s) for s in step.inner],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(_plain(v) for v in value)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
