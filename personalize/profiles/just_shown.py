"""A profile with what its visitor was just shown, also by workers whose log has not come here yet. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ..model import Profile
from .erasing import erased_at
from .fold import TIMES_OF_AN_EXPOSURE


def with_just_shown(profile: Profile | None, visitor: str, shown: Mapping[str, Sequence[float]]) -> Profile | None:
    """`shown` is "slot/experience" -> times, sorted. A showing that the profile has too is the same one, for its time
    is the same to the bit. The profile itself is not written to; it is returned as it is where it knows everything."""
    known = profile.exposures if profile is not None else {}
    erased = erased_at(profile, (visitor, profile.visitor)) if profile is not None else float("-inf")
    late = {key: new for key, times in shown.items() if (new := _late(times, known.get(key, ()), erased))}
    if not late:
        return profile
    exposures = known | {key: sorted([*known.get(key, ()), *new]) for key, new in late.items()}
    return replace(profile or Profile(visitor), exposures=exposures)


def _late(times: Sequence[float], known: Sequence[float], erased: float) -> set[float]:
    """Times that are not known yet. A profile that is full has forgotten older ones, and they stay forgotten; so does
    what was shown before the visitor had all erased."""
    since = known[0] if len(known) >= TIMES_OF_AN_EXPOSURE else 0.0
    return {time for time in times if time >= since and time > erased}.difference(known)


class Underway:
    """What the pages that this process is making will have shown. A visitor's pages that are asked for at once (tabs
    that a browser opens again) count each other here, before any of them has been sent."""

    def __init__(self) -> None:
        self._shown: dict[str, list[tuple[float, str]]] = {}

    def of(self, names: Sequence[str]) -> dict[str, list[float]]:
        """"slot/experience" -> times, of all these names."""
        found: dict[str, list[float]] = {}
        for name in names if self._shown else ():
            for time, key in self._shown.get(name, ()):
                found.setdefault(key, []).append(time)
        return found

    @contextmanager
    def showing(self, names: Sequence[str], keys: Sequence[str], time: float) -> Iterator[None]:
        """For as long as the page takes."""
        names = names if keys else ()
        for name in names:
            self._shown.setdefault(name, []).extend((time, key) for key in keys)
        try:
            yield
        finally:
            for name in names:
                left = self._shown[name]
                for key in keys:
                    left.remove((time, key))
                if not left:
                    del self._shown[name]
