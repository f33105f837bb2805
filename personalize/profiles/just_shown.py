"""A profile with what its visitor was just shown, also by workers whose log has not come here yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..model import Profile


def with_just_shown(profile: Profile | None, visitor: str, shown: Mapping[str, Sequence[float]]) -> Profile | None:
    """`shown` is "slot/experience" -> times, sorted. A showing that the profile has too is the same one, for its time
    is the same to the bit. The profile itself is not written to; it is returned as it is where it knows everything."""
    known = profile.exposures if profile is not None else {}
    late = {key: new for key, times in shown.items() if (new := set(times).difference(known.get(key, ())))}
    if not late:
        return profile
    exposures = known | {key: sorted([*known.get(key, ()), *new]) for key, new in late.items()}
    return replace(profile or Profile(visitor), exposures=exposures)
