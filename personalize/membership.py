"""Which segments somebody is in, asked outside of a page: for the visitor's own page and for exports."""

from __future__ import annotations

from collections.abc import Collection

from .engine import Engine
from .model import Profile, Request, Visitor
from .profiles import PROFILE_FACTS, behaviour_holds


def memberships(
    engine: Engine, names: Collection[str], request: Request, visitor: Visitor, profile: Profile, now: float
) -> frozenset[str]:
    """Those of `names` that the visitor is in, by what `request` and the profile tell at `now`."""
    segments = engine.segments
    reads = segments.reads(names)
    facts = {fact: engine.visitors.reader(fact)(request, now, visitor) for fact in reads & engine.visitors.facts}
    facts |= {fact: PROFILE_FACTS[fact](profile, now) for fact in reads & PROFILE_FACTS.keys()}
    for key, behaviour in segments.behaviours(names).items():
        facts[key] = behaviour_holds(behaviour, profile, now, engine.history.products)
    listed = engine.history.listed(visitor.id)
    return segments.memberships(names, facts, profile.remembered, now, listed) & frozenset(names)
