"""What is known of each visitor: a fold over that visitor's events, and the facts that rules read from it."""

from __future__ import annotations

from .behaviours import behaviour_holds
from .erasing import bury, tombstones
from .facts import PROFILE_FACTS
from .fold import apply_before, apply_event
from .identity import Conflict, Identity, Member, before_sign_out
from .ids import external_id, is_unsure
from .just_shown import Underway, with_just_shown
from .people import KnownPeople, People, Person, alone, erased_since
from .profiles import Profiles
from .provenance import first_party
from .returns import Returns
from .words import is_own_word

__all__ = [
    "PROFILE_FACTS",
    "Conflict",
    "Identity",
    "KnownPeople",
    "Member",
    "People",
    "Person",
    "Profiles",
    "Returns",
    "Underway",
    "alone",
    "apply_before",
    "apply_event",
    "before_sign_out",
    "behaviour_holds",
    "bury",
    "erased_since",
    "external_id",
    "first_party",
    "is_own_word",
    "is_unsure",
    "tombstones",
    "with_just_shown",
]
