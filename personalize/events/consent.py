"""What the visitor's consent means for the events of a request. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..model import WITHDRAWN, Consent, Event

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


def withdrawn(visitor: str, now: float, how: str) -> Event:
    """The visitor refused what was granted before (`how`: consent, gpc or off). Its id is made from the visitor and the
    day, so that a browser that goes on sending its old cookie is written down once a day."""
    return Event(f"withdrawn-{visitor}-{int(now // _DAY)}", WITHDRAWN, now, visitor, {"how": how})
