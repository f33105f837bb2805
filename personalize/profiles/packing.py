"""A profile as values that ..packed can keep: by far the most of those in memory are not asked for just now. Pure."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from ..model import Draw, Profile, Provenance
from .identity import Member
from .people import Person, alone

_PROFILE: Final = attrgetter(*(field.name for field in fields(Profile)))
_DRAWS: Final = [field.name for field in fields(Profile)].index("draws")
_PROVENANCE: Final = [field.name for field in fields(Profile)].index("provenance")
_DRAW: Final = attrgetter(*(field.name for field in fields(Draw)))
_SAID: Final = attrgetter(*(field.name for field in fields(Provenance)))


def packed(person: Person, profile: Profile, known: int) -> tuple[Any, ...]:
    """`known` is the last seq that the profile needs no event of."""
    values = list(_PROFILE(profile))
    if profile.draws:
        values[_DRAWS] = {id_: {k: _DRAW(d) for k, d in drawn.items()} for id_, drawn in profile.draws.items()}
    if profile.provenance:
        values[_PROVENANCE] = {trait: _SAID(said) for trait, said in profile.provenance.items()}
    members = None if person.is_alone(person.name) else [(m.id, m.after, m.upto) for m in person.members]
    return person.name, members, person.known, known, values


def unpacked(value: tuple[Any, ...]) -> tuple[Person, Profile, int]:
    """What `packed` was given."""
    name, members, told, known, values = value
    if values[_DRAWS]:
        values[_DRAWS] = {id_: {k: Draw(*d) for k, d in drawn.items()} for id_, drawn in values[_DRAWS].items()}
    if values[_PROVENANCE]:
        values[_PROVENANCE] = {trait: Provenance(*said) for trait, said in values[_PROVENANCE].items()}
    person = alone(name) if members is None else Person(name, tuple(Member(*m) for m in members), told)
    return person, Profile(*values), known
