"""The table of facts: everything a rule can ask about, with its type and one sentence. The docs show it.

In the mapping a rule is tested on, facts are nested by their first word: facts["device"] == {"type": "mobile", ...},
facts["utm"] == {"campaign": ...}, facts["cart"] == {"value": ..., "count": ..., "items": [...]}; facts["segments"] is
a frozenset of names. A fact that is not known is absent or None. Behaviours stand beside them as plain booleans under
Behaviour.key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..model import PURPOSES

FactType = Literal["text", "number", "flag", "duration", "list", "names", "date", "any"]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the table. A name ending in ".*" stands for any name below it; `choices` are all values there are."""

    name: str
    type: FactType
    about: str
    choices: tuple[str, ...] = ()
    example: str = ""


def _table(*facts: Fact) -> Mapping[str, Fact]:
    return {fact.name: fact for fact in facts}


FACTS: Mapping[str, Fact] = _table(
    Fact("path", "text", "The page's path, without the query.", example="{path: /pricing}"),
    Fact("host", "text", "The host name the visitor asked for.", example="{host: shop.example.com}"),
    Fact("query.*", "text", "A parameter of the page's query string.", example="{query.ref: newsletter}"),
    Fact("params.*", "text", "What the route's path pattern captured.", example="{params.product: a-17}"),
    Fact("utm.source", "text", "The campaign's source, from utm_source.", example="{utm.source: google}"),
    Fact("utm.medium", "text", "The campaign's medium, from utm_medium.", example="{utm.medium: email}"),
    Fact("utm.campaign", "text", "The campaign's name, from utm_campaign.", example="{utm.campaign: winter-2026}"),
    Fact("utm.term", "text", "The paid keyword, from utm_term.", example="{utm.term: toothpaste}"),
    Fact(
        "utm.content", "text", "Which link or picture was clicked, from utm_content.", example="{utm.content: banner-b}"
    ),
    Fact("utm.id", "text", "The campaign's id, from utm_id.", example="{utm.id: c-12}"),
    Fact("referrer.host", "text", "The host name of the page the visitor came from.", example="{referrer.host: t.co}"),
    Fact("language", "text", "The visitor's preferred language, such as tr.", example="{language: tr}"),
    Fact(
        "locale", "text", "The visitor's preferred language with its region, such as tr-TR.", example="{locale: tr-TR}"
    ),
    Fact("country", "text", "Two capital letters, from the site's geo headers.", example="{country: [TR, DE]}"),
    Fact(
        "device.type",
        "text",
        "The kind of device.",
        ("mobile", "tablet", "desktop", "bot", "other"),
        "{device.type: mobile}",
    ),
    Fact("device.os", "text", "The operating system, such as iOS or Windows.", example="{device.os: iOS}"),
    Fact("device.browser", "text", "The browser's family, such as Firefox.", example="{device.browser: Firefox}"),
    Fact(
        "visits",
        "number",
        "How many visits so far; a visit ends after 30 minutes without an event.",
        example="{visits: {gte: 2}}",
    ),
    Fact("new", "flag", "Whether this is the visitor's first visit.", example="{new: true}"),
    Fact("first_seen", "duration", "How long ago the visitor was first seen.", example="{first_seen: {gt: 30d}}"),
    Fact(
        "last_seen",
        "duration",
        "How long ago the visitor was last seen, before this page.",
        example="{last_seen: {gt: 7d}}",
    ),
    Fact("cart.value", "number", "What the things in the cart cost together.", example="{cart.value: {gte: 100}}"),
    Fact("cart.count", "number", "How many things are in the cart.", example="{cart.count: {gt: 0}}"),
    Fact("cart.items", "list", "The product ids in the cart.", example="{cart.items: {any: [a-17, b-3]}}"),
    Fact(
        "orders.count", "number", "How many orders the visitor made and did not give back.",
        example="{orders.count: {gte: 1}}",
    ),
    Fact(
        "orders.average", "number", "What the visitor's orders cost on average, without what came back.",
        example="{orders.average: {gte: 80}}",
    ),
    Fact(
        "orders.total", "number", "What the visitor's orders cost together, without what came back.",
        example="{orders.total: {gte: 1000}}",
    ),
    Fact("traits.*", "any", "What the site or the visitor told about them.", example="{traits.crm_stage: opportunity}"),
    Fact(
        "custom.*",
        "any",
        'What the site itself says of the request, in the ASGI scope\'s "personalize.attributes".',
        example="{custom.plan: pro}",
    ),
    Fact("segments", "names", "The segments the visitor is in.", example="{segments: {any: [big-basket, loyal]}}"),
    Fact(
        "time.hour",
        "number",
        "The hour of the day, 0 to 23, in the config's timezone.",
        example="{time.hour: {lt: 12}}",
    ),
    Fact("time.weekday", "text", "The day of the week in the config's timezone.", DAYS, "{time.weekday: [sat, sun]}"),
    Fact(
        "time.date",
        "date",
        "The date in the config's timezone, such as 2026-12-24.",
        example='{time.date: {lt: "2026-12-25"}}',
    ),
    *(
        Fact(f"consent.{p}", "flag", f"Whether the visitor granted {p}.", example=f"{{consent.{p}: true}}")
        for p in PURPOSES
    ),
)

# Not facts of their own but questions about the visitor's past; see behaviours.
BEHAVIOURS: Mapping[str, str] = {
    "viewed": "Whether pages or products were viewed: {viewed: {path: /pricing, within: 7d}}.",
    "bought": "Whether something was ordered: {bought: {category: toothpaste, within: 90d}}.",
    "replenishment": "Whether a habit is due again: {replenishment: {category: toothpaste, due_within: 5d}}.",
    "happened": "Whether an event came in, from whichever channel: {happened: {event: Email Opened, within: 7d}}.",
    "favourite": "Whether nothing was viewed and bought more often: {favourite: {brand: Acme, within: 90d}}.",
}


_NESTED = ("traits", "custom")


def find_fact(name: str) -> tuple[Fact, tuple[str, ...]] | None:
    """The table's line for a fact and the keys that lead to its value, or None for a name that is none. Below traits
    and custom every dot goes one level down; a query parameter's or path capture's name is taken whole."""
    if (fact := FACTS.get(name)) is not None:
        return fact, tuple(name.split("."))
    family, _, rest = name.partition(".")
    if not rest or (fact := FACTS.get(f"{family}.*")) is None:
        return None
    return fact, ((family, *rest.split(".")) if family in _NESTED else (family, rest))


def suggestion(word: str, known: Iterable[str]) -> str:
    """'did you mean "visits"?' for a near miss, else an empty text."""
    from difflib import get_close_matches  # only mistakes need it

    words = {w.lower(): w for w in known}
    near = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f'did you mean "{words[near[0]]}"?' if near else ""
