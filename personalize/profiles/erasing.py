"""A profile that begins anew: what a visitor had erased is gone from it, and does not come back with old events."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from ..model import Profile

_KEPT: Final = frozenset({"visitor", "version", "erased"})


def erase(profile: Profile, time: float) -> None:
    """Empty it in place, as of `time`. Of two erasures that arrive in the wrong order the later one counts."""
    empty = Profile(profile.visitor)
    for field in fields(Profile):
        if field.name not in _KEPT:
            setattr(profile, field.name, getattr(empty, field.name))
    profile.erased = max(profile.erased, time)
