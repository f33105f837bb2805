"""Segment's HTTP tracking API: one message -> the log's events. Pure.

The message format is that of https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/ and of
https://segment.com/docs/connections/spec/common/, which RudderStack's clients speak too.

Whose event it is, and who is believed:
Rule 1  A caller with a write key is the site itself. It may name anybody: a visitor of these pages by the id in their
        cookie, somebody by the site's own user id ("u:..."), an anonymous id of its clients ("a:...").
Rule 2  A browser is believed as far as its signed cookie goes. Without one, its anonymousId names a profile of its own
        ("a:..."), which no cookie's id can equal: cookie ids hold no colon.
Rule 3  An event's id is made within its caller's own world (the site, this visitor), so that nobody can use up an id
        that somebody else is going to send.
Rule 4  Orders count from the site, or signed by it (see `orders`); from a browser they are kept as "Unverified ...".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from ..config.event_names import canonical_name
from ..config.site import ConsentRules
from ..model import OWN_ID, PREVIEW, Event
from .clocks import event_time, is_unsure, skew_of
from .consent import Consented, consent_in, granted_by
from .names import NEVER_TOLD, OURS, TRUSTED_ONLY, UNVERIFIED, canonical_properties
from .orders import signed_order
from .tidy import tidy, tidy_id, tidy_text

DAY: Final = 86_400.0
OLDEST: Final = {True: 20 * 365 * DAY, False: 30 * DAY}  # trusted: imports of old orders; browsers: kept while offline
_LONGEST_NAME: Final = 200
_PLAIN: Final = ConsentRules()
_LETTERS: Final = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
KINDS: Final = frozenset(_LETTERS.values())

# What only the collector writes into properties: how an event came, the ids it came with, and a doubtful time.
VIA, IDS, UNSURE = "$via", "$ids", "$unsure"
# "shown" is written by the middleware into its own page views; from elsewhere it would be a forged exposure.
RESERVED: Final = frozenset({VIA, IDS, UNSURE, "shown"})


class Refusal(StrEnum):
    """Why one event was not taken. The rest of its batch is."""

    BROKEN = "not an object of JSON"
    TOO_LARGE = "larger than 32 KB"
    TOO_DEEP = "nested too deep"
    NO_KIND = "no type that is known"
    NO_NAME = "a track without the event's name"
    NOBODY = "neither userId nor anonymousId"
    RESERVED = "a name that only the middleware uses"
    PREVIEW = "told by a page that was a preview"
    NO_CONSENT = "told with a consent that does not allow personalization"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends, and when. `visitor` is the browser's: from its cookie, or (`fresh`) made for this request."""

    trusted: bool
    now: float
    visitor: str = ""
    fresh: bool = False
    via: str = "server"
    keys: Sequence[str] = ()  # that orders may be signed with
    rules: ConsentRules = _PLAIN


@dataclass(slots=True)
class Message:
    """One message of any protocol, with its fields found but not yet believed. Not frozen, only because that would
    double what it costs to make one; nobody writes to it."""

    kind: str
    name: str
    properties: Mapping[str, Any]
    user_id: str
    anonymous_id: str
    id: str
    time: Any
    skew: float | None  # None: nobody says when it was sent
    traits: Mapping[str, Any] | None = None
    other_id: str = ""  # previousId, groupId
    path: str = ""
    provenance: Mapping[str, Any] | None = None  # of the traits, as the site tells it in `context`
    consent: Consented | None = None
    says: bool = False  # the traits are told beside what happened: they are an event of their own


def read_message(raw: Any, kind: str | None, skew: float | None, now: float) -> Message | Refusal:
    """A message in Segment's format. `kind` is what the address says; `skew` is the batch's (see `skew_of`)."""
    if not isinstance(raw, dict):
        return Refusal.BROKEN
    get = raw.get
    told = get("type")
    kind = kind or (_LETTERS.get(told.lower(), told.lower()) if isinstance(told, str) else None)
    if kind not in KINDS:
        kind = "track" if kind is None and "event" in raw else None
    if kind is None:
        return Refusal.NO_KIND
    context, traits, properties = _mapping(get("context")), _mapping(get("traits")), _mapping(get("properties"))
    page, original, stamped = context.get("page"), get("originalTimestamp"), get("timestamp")
    user, anonymous = get("userId"), get("anonymousId")  # mostly one of them
    if "category" in raw and kind in ("page", "screen"):  # clients for servers tell it beside the properties
        properties = {"category": raw["category"], **properties}
    # Beside when a client was called, as RudderStack's for servers tell it, `timestamp` is a time of its own clock, or
    # one that was corrected already: their servers too take it as it is.
    if original and stamped:
        skew = 0.0
    elif get("sentAt"):
        skew = skew_of(raw["sentAt"], now)
    if kind == "identify" and "traits" in context:
        # RudderStack's clients tell of a person in the context, and in `traits` only what is not there.
        traits = {**_mapping(context["traits"]), **traits}
    # By position, which costs less; in the order of the fields.
    return Message(
        kind,
        name_of(get("event") if kind == "track" else get("name")),
        properties,
        tidy_id(user) if user is not None else "",
        tidy_id(anonymous) if anonymous is not None else "",
        tidy_id(get("messageId")),
        stamped or original,
        skew,
        traits,
        _other_id(raw, kind) if kind in ("group", "alias") else "",
        path_of(page) if isinstance(page, dict) else "",
        _mapping(context.get("provenance")) or None,
        consent_in(context) if "consent" in context or "consentManagement" in context else None,
    )


def make_events(message: Message, caller: Caller) -> list[Event] | Refusal:
    """The log's events for one message: one, or one for each product that it names; and what it says of the person."""
    visitor = _visitor(message, caller)
    if not visitor:
        return Refusal.NOBODY
    made = _SPOKEN[message.kind](message)
    if isinstance(made, Refusal):
        return made
    name, properties = made
    if message.kind == "track" and (name in NEVER_TOLD or (name in OURS and not caller.trusted)):
        return Refusal.RESERVED
    world = "w" if caller.trusted else f"b:{visitor}"
    id_ = f"{world}:{message.id or uuid.uuid4().hex}"
    if name in TRUSTED_ONLY:
        order = signed_order(properties.get("signed"), caller.keys)
        if order is not None:
            properties = order
        elif not caller.trusted:
            name = UNVERIFIED + name
        order_id = tidy_id(properties.get("order_id", properties.get("transaction_id")))
        if name == "Order Completed" and order_id:
            id_ = f"o:{order_id}"  # an order is completed once
    provenance = message.provenance if caller.trusted else {"party": "first", "source": caller.via}
    if message.kind == "identify":
        properties = {**properties, "provenance": provenance}
    time = event_time(message.time, message.skew, caller.now, OLDEST[caller.trusted])
    marks: dict[str, Any] = {VIA: caller.via}
    if (message.anonymous_id or not caller.trusted or message.kind == "alias") and (ids := _ids(message, visitor)):
        marks[IDS] = ids
    if caller.trusted and is_unsure(time, message.skew, caller.now):
        marks[UNSURE] = True
    if message.consent and (granted := granted_by(message.consent, caller.rules)) is not None:
        if "personalization_storage" not in granted:
            return Refusal.NO_CONSENT
        if "analytics_storage" not in granted:
            marks["counted"] = False
    events = []
    for number, one in enumerate(canonical_properties(name.removeprefix(UNVERIFIED), properties)):
        kept = tidy(one)
        if not RESERVED.isdisjoint(kept):
            kept = {key: value for key, value in kept.items() if key not in RESERVED}
        if message.path:
            kept.setdefault("path", message.path)
        kept |= marks
        events.append(Event(id_ if number == 0 else f"{id_}/{number}", name, time, visitor, kept, plain=True))
    if message.says:
        said = {"traits": tidy(message.traits), "provenance": provenance, **marks}
        events.append(Event(f"{id_}/traits", "User Identified", time, visitor, said))
    return events


# --- who -----------------------------------------------------------------------------------------------


def _visitor(message: Message, caller: Caller) -> str:
    user, anonymous = message.user_id, message.anonymous_id
    if caller.trusted:
        if anonymous and OWN_ID.fullmatch(anonymous):
            return anonymous
        return f"u:{user}" if user else f"a:{anonymous}" if anonymous else ""
    if caller.fresh and anonymous:
        return f"a:{anonymous}"
    return caller.visitor


def _ids(message: Message, visitor: str) -> dict[str, str]:
    """The ids that were told besides the visitor's. From a browser they are claims, which `$via` tells."""
    told = {"user_id": message.user_id, "anonymous_id": message.anonymous_id}
    if message.kind == "alias":
        told["previous_id"] = message.other_id
    return {name: id_ for name, id_ in told.items() if id_ and visitor not in (id_, f"u:{id_}", f"a:{id_}")}


# --- what ----------------------------------------------------------------------------------------------

Spoken = tuple[str, Mapping[str, Any]]


def _track(message: Message) -> Spoken | Refusal:
    name = canonical_name(message.name)
    if not name:
        return Refusal.NO_NAME
    # Whoever tracks a page by hand gets what `page` gets: no address with its query string.
    return (name, _page_of(message)) if name == "Page Viewed" else (name, message.properties)


def _page(message: Message) -> Spoken:
    return "Page Viewed", _page_of(message)


def _screen(message: Message) -> Spoken:
    return "Screen Viewed", {**message.properties, "name": message.name}


def _identify(message: Message) -> Spoken:
    return "User Identified", {"traits": message.traits or {}}


def _group(message: Message) -> Spoken:
    return "Group Joined", {"group_id": message.other_id, "traits": message.traits or {}}


def _alias(message: Message) -> Spoken:
    return "Identity Aliased", {}


_SPOKEN: Final[Mapping[str, Callable[[Message], Spoken | Refusal]]] = {
    "track": _track, "page": _page, "screen": _screen, "identify": _identify, "group": _group, "alias": _alias,
}  # fmt: skip


def _page_of(message: Message) -> dict[str, Any]:
    """Only what says which page it was: addresses with their query strings hold names, mails and tokens."""
    told = message.properties
    page = {key: told[key] for key in ("title", "category") if isinstance(told.get(key), str)}
    if message.kind == "page" and message.name:
        page["name"] = message.name
    if told.get("navigated") is True:  # by a script, without a request of the page
        page["navigated"] = True
    return {"path": path_of(told) or message.path, **page}


def path_of(page: Mapping[str, Any]) -> str:
    """The path in a page's properties, from `path` or else from `url`; "" where neither tells one."""
    path, url = page.get("path"), page.get("url", page.get("page_location"))
    if isinstance(path, str) and path.startswith("/"):
        return tidy_text(path.partition("?")[0].partition("#")[0])[:500]
    if isinstance(url, str):
        try:
            return tidy_text(urlsplit(url).path)[:500] or "/"
        except ValueError:
            return ""
    return ""


def _other_id(raw: Mapping[str, Any], kind: str) -> str:
    return tidy_id(raw.get("groupId") if kind == "group" else raw.get("previousId", raw.get("from")))


def is_of_preview(raw: Any) -> bool:
    """Whether a message was told by a page whose address holds a preview's token: what was done there, nobody did."""
    if not isinstance(raw, dict):
        return False
    places = (_mapping(raw.get("properties")), _mapping(_mapping(raw.get("context")).get("page")))
    told = (place.get(key) for place in places for key in ("url", "search", "page_location"))
    return any(isinstance(text, str) and f"{PREVIEW}=" in text for text in told)


def name_of(value: object) -> str:
    """An event's name as it was told, at most 200 characters; "" where there is none."""
    return tidy_text(value).strip()[:_LONGEST_NAME] if isinstance(value, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
