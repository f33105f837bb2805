"""What the visitor's consent means for the events of a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..config.site import ConsentRules
from ..model import WITHDRAWN, Consent, Event, Visitor

Consented = Mapping[str, bool]  # the answers that a message carries, by category
_DAY: Final = 86_400.0


def as_allowed(event: Event, consent: Consent) -> Event:
    """The event as it may be kept. Without `analytics_storage` it serves the visitor's own profile and is marked as not
    to be counted in reports; with a Global Privacy Control that the site does not take as a refusal, it says so."""
    if consent.allows("analytics_storage") and not consent.gpc:
        return event
    properties = dict(event.properties)
    if not consent.allows("analytics_storage"):
        properties["counted"] = False
    if consent.gpc:
        properties["gpc"] = True
    return replace(event, properties=properties)


def refused_by(visitor: Visitor) -> str:
    """How a visitor without consent says so: `off`, `gpc` or `consent`."""
    return "off" if visitor.off else "gpc" if visitor.consent.gpc else "consent"


def withdrawn(visitor: str, now: float, how: str) -> Event:
    """The visitor refused what was granted before (see `refused_by`). Its id is made from the visitor and the day, so
    that a browser that goes on sending its old cookie is written down once a day."""
    return Event(f"withdrawn-{visitor}-{int(now // _DAY)}", WITHDRAWN, now, visitor, {"how": how})


def consent_in(context: Mapping[str, Any]) -> Consented | None:
    """The answers in a message's context, as Segment's clients tell them (`consent.categoryPreferences`,
    https://segment.com/docs/privacy/consent-management/) and RudderStack's (`consentManagement`: two lists of ids)."""
    told = context.get("consent")
    if isinstance(told, dict) and isinstance(answers := told.get("categoryPreferences"), dict) and answers:
        return {name: answer is True for name, answer in answers.items()}
    told = context.get("consentManagement")
    if isinstance(told, dict):
        lists = ((told.get("allowedConsentIds"), True), (told.get("deniedConsentIds"), False))
        return {id_: yes for ids, yes in lists if isinstance(ids, list) for id_ in ids if isinstance(id_, str)}
    return None


def granted_by(told: Consented, rules: ConsentRules) -> frozenset[str] | None:
    """The purposes that these answers grant; None where they name nothing that the config knows."""
    if not rules.granted_by(told):
        return None
    return rules.granted_by(name for name, yes in told.items() if yes)
