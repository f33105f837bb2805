"""Who said something about a visitor, and whose data it is. Pure.

An event says so in its property `provenance`: {"party": "second", "source": "airline"}. Without it the data is the
site's own: first party.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ..model import Event, Party, Profile, Provenance

_PARTIES: Final[Mapping[object, Party]] = {"first": "first", "second": "second", "third": "third"}
_LONGEST: Final = 100  # characters of a source's name
VISITOR: Final = "visitor"  # the source of the visitor's own word
_FILE: Final = "visitor (imported)"


def provenance_of(event: Event) -> Provenance:
    """Where the traits of this event are from. A party nobody knows is taken for a third."""
    said = event.properties.get("provenance")
    if not isinstance(said, Mapping):
        return Provenance(time=event.time)
    party, source = said.get("party", "first"), said.get("source")
    known = _PARTIES.get(party, "third") if isinstance(party, str) else "third"
    told = source[:_LONGEST] if isinstance(source, str) else ""
    if told == VISITOR and event.properties.get("$via") == "import":
        told = _FILE  # a file of that name is not the visitor's own word, which nobody can overrule
    return Provenance(known, told, event.time)


def first_party(profile: Profile) -> Profile:
    """The profile as a visitor who objects to selling and sharing (Sec-GPC: 1) is known: without what others said."""
    others = [name for name, provenance in profile.provenance.items() if provenance.party != "first"]
    if not others:
        return profile
    return replace(profile, traits={name: v for name, v in profile.traits.items() if name not in others})
