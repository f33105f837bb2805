"""What the decider is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model import Allocation, Profile, Visitor


@dataclass(slots=True)
class Case:
    """One visitor asking for one page at one moment; never written to. `facts` are nested by first word and hold what
    the decider `reads`, with the visitor's memberships under "segments"; `now` is in Unix seconds; `allocations` are
    how bandits share out their visitors now, by their experiments' keys."""

    facts: Mapping[str, Any]
    visitor: Visitor
    profile: Profile | None
    now: float
    allocations: Mapping[str, Allocation] = field(default_factory=dict)
